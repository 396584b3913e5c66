"""Speech from features, by a vocoder that was trained on them (or taken over) as steps/train_knnvc_vocoder.py does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.anonymize.knnvc.prematching import fitted
from pseudovox.components import world
from pseudovox.core import blocks
from pseudovox.core.errors import DataError
from pseudovox.models import store
from pseudovox.models.feature_hifigan import FRAME, SAMPLE_RATE
from pseudovox.stage.device import Fetched, is_cuda, to_device

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.worker import Speak

KIND = "feature_hifigan"


def speaker(model: Path, features: Features, level: float, device: str) -> Speak:
    """What worker.ConvertWorker has speak in the place of WORLD, on a device (arguments as of Vocoder)."""
    return Vocoder(model, features, level, device).later


class Vocoder:
    """A trained vocoder.

    Args:
        model: its model dir.
        features: what it is to speak from; None = not checked.
        level: of the speech in decibels re full scale (see world.set_speech_level).
        device: torch device.
        padded: have `later` speak several utterances together; on a CPU only if asked for, where it takes longer.

    Raises:
        MissingModelError: there is no model. DataError: it is another one, damaged, or made for other features.
    """

    def __init__(
        self, model: Path, features: Features | None = None, level: float = -26.0, device: str = "cpu",
        padded: bool | None = None,
    ) -> None:  # fmt: skip
        self.network, self.facts = store.load(model, KIND, device=device)
        self.device, self.padded = device, is_cuda(device) if padded is None else padded
        self.level = level
        of = self.facts["features"]
        if features is not None and (of["kind"], of["layer"]) != (features.kind, features.layer):
            raise DataError(
                f"{model}: a vocoder for features of {of['kind']}, layer {of['layer']}; those of the system are of "
                f"{features.kind}, layer {features.layer}",
                f"--set system.options.features.kind={of['kind']} --set system.options.features.layer={of['layer']}, "
                "or train one on yours: steps/train_knnvc_vocoder.py",
            )

    @property
    def dimension(self) -> int:
        """Of the feature vectors."""
        return len(self.network.feature_mean)

    def later(
        self, matched: Sequence[torch.Tensor], originals: Sequence[np.ndarray], samples: Sequence[int]
    ) -> list[Callable[[], np.ndarray]]:
        """What gives the speech (samples,) of the matched features of each utterance, as silent as its original (n,).

        On a GPU utterances that are not longer than a block are spoken together, and it is not waited for before what
        is given here is called; what is behind the end of one does not show but for rounding.
        """
        found: dict[int, Callable[[], np.ndarray]] = {}
        most = blocks.size(SAMPLE_RATE / FRAME)
        whole = [number for number, own in enumerate(matched) if 0 < len(own) <= most]
        if self.padded and whole:
            with torch.inference_mode():
                frames = torch.nn.utils.rnn.pad_sequence(
                    [self._checked(matched[number]).to(self.device, torch.float32) for number in whole],
                    batch_first=True,
                )
                lengths = to_device(torch.tensor([len(matched[number]) for number in whole]), self.device)
                fetched = Fetched([self.network(frames, lengths)])
            for row, number in enumerate(whole):
                found[number] = partial(
                    self._fetched, fetched, row, len(matched[number]) * FRAME, samples[number], originals[number]
                )
        for number, own in enumerate(matched):
            if number not in found:
                alone = partial(self, own, samples[number], originals[number])
                # On a GPU at once: what it is asked for is asked by one thread.
                found[number] = partial(np.asarray, alone()) if is_cuda(self.device) else alone
        return [found[number] for number in range(len(matched))]

    def _fetched(self, fetched: Fetched, row: int, made: int, samples: int, original: np.ndarray) -> np.ndarray:
        return self._levelled(fetched.arrays()[0][row, :made].copy(), samples, original)

    def _checked(self, frames: torch.Tensor) -> torch.Tensor:
        if frames.ndim != 2 or not len(frames) or frames.shape[1] != self.dimension:
            raise DataError(f"features {tuple(frames.shape)}: the vocoder was trained with (frames, {self.dimension})")
        return frames

    def __call__(
        self, features: np.ndarray | torch.Tensor, samples: int | None = None, original: np.ndarray | None = None
    ) -> np.ndarray:
        """Speech of features; long ones block by block.

        Args:
            features: (T, dimension), 20 ms each.
            samples: length of the result; None = 320 T.
            original: the recording (n,), whose silence is kept (see world.as_loud).

        Returns:
            float32 (samples,) in [-0.95, 0.95] at 16 kHz.

        Raises:
            DataError: features of another dimension, or none.
        """
        speech = self.network.long(self._checked(torch.as_tensor(features))).numpy()
        return self._levelled(speech, samples, original)

    def _levelled(self, speech: np.ndarray, samples: int | None, original: np.ndarray | None) -> np.ndarray:
        if samples is not None:
            speech = fitted(speech, samples)
        if original is None:
            return world.set_speech_level(speech, self.level)
        return world.as_loud(speech, original, self.level)
