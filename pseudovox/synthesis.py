"""Speech from content, F0 and an x-vector: the acoustic model, then WORLD; in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox import f0, world
from pseudovox.archive import read_scp
from pseudovox.errors import DataError
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.config import Synthesis
    from pseudovox.mapping import Utterance


class Synthesizer:
    """A trained acoustic model with WORLD behind it.

    Args:
        model: its model dir.
        options: section `synthesis` of the configuration.
    """

    def __init__(self, model: Path, options: Synthesis) -> None:
        self.network, self.facts = store.load(model, "synthesizer")
        self.options = options

    @torch.no_grad()
    def __call__(self, content: np.ndarray, contour: np.ndarray, xvector: np.ndarray, samples: int) -> np.ndarray:
        """Speech of exactly `samples` samples.

        Args:
            content: bottleneck (frames', dimension).
            contour: F0 in Hz (frames,), 0 where unvoiced.
            xvector: of the voice to speak with (dimension,).
            samples: length of the result.

        Returns:
            float32 (samples,) in [-0.95, 0.95] at 16 kHz, at the configured level.

        Raises:
            DataError: the inputs are not of the model's dimensions, or their lengths do not belong together.
        """
        expected = (self.facts["bottleneck"], self.facts["xvector"])
        if (content.shape[1], len(xvector)) != expected:
            raise DataError(
                f"bottleneck and x-vector have dimensions {content.shape[1]} and {len(xvector)}; "
                f"the synthesizer was trained with {expected[0]} and {expected[1]}"
            )
        frames = f0.frame_count(samples)
        short = abs(len(content) * self.facts["stride"] - frames)
        if short > 2 * self.facts["stride"] + 1 or abs(len(contour) - frames) > 1:
            raise DataError(
                f"{samples} samples make {frames} frames; there are {len(contour)} of F0 and {len(content)} of "
                f"bottleneck ({self.facts['stride']} frames each): they belong to other audio"
            )
        contour = f0.fit_length(contour, frames)
        log_f0, voiced = f0.interpolate(contour)
        if not voiced.any():
            log_f0 = np.full_like(log_f0, float(self.network.f0_statistics[0]))
        envelope, aperiodicity = self.network.predict(
            *(torch.from_numpy(array).unsqueeze(0) for array in (content, log_f0, voiced, xvector)),
            sharpen=self.options.sharpen,
        )
        analysis = world.Analysis(envelope[0].numpy(), aperiodicity[0].numpy())
        return world.set_speech_level(world.synthesize(analysis, contour, samples), self.options.level)


class SynthesizeWorker:
    """Synthesizes data dirs in a worker process; gives the samples of each utterance.

    Args:
        model: model dir of the synthesizer.
        options: section `synthesis` of the configuration.
        bottleneck, contours, xvectors: roots that hold <set>/bottleneck.scp, <set>/f0.scp, and
            <set>/pseudo_xvector.scp or else <set>/xvector.scp, each by utterance.
    """

    def __init__(
        self, model: Path, options: Synthesis, bottleneck: Path, contours: Path, xvectors: Path, *, device: str = "cpu"
    ) -> None:
        self.synthesize = Synthesizer(model, options)
        self.bottleneck, self.contours, self.xvectors = bottleneck, contours, xvectors
        self.open = cache(read_scp)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, np.ndarray]]:
        for utterance in batch:
            name = utterance.data.name
            tables = (
                self.bottleneck / name / "bottleneck.scp",
                self.contours / name / "f0.scp",
                xvector_table(self.xvectors / name),
            )
            content, contour, xvector = (self.open(table)[utterance.id] for table in tables)
            yield utterance, self.synthesize(content, contour, xvector, len(utterance.audio()))


def xvector_table(folder: Path) -> Path:
    """The scp of the voices to speak with: of pseudo-speakers, or of the speakers themselves."""
    pseudo = folder / "pseudo_xvector.scp"
    return pseudo if pseudo.exists() else folder / "xvector.scp"
