"""FACodec over data dirs, in worker processes: timbres, codes by part, and conversion."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.facodec.speech import Codec, normalised
from pseudovox.components import world
from pseudovox.data.archive import read_scp
from pseudovox.models.facodec.codec import PARTS

if TYPE_CHECKING:
    from pseudovox.anonymize.facodec.options import Options
    from pseudovox.stage.parallel import Utterance

BRANCHES = (*PARTS, "timbre")


class TimbreWorker:
    """Gives {"xvector": timbre (dimension,)} of each utterance: what strategies for pseudo-speakers draw from.

    Args:
        options: of the system.
        codec: model dir of the recipe's codec.
    """

    def __init__(self, options: Options, codec: Path | None, *, device: str = "cpu") -> None:
        self.codec, self.normalise = Codec(options, codec, device), options.normalise

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            timbre = self.codec.analyse(utterance.audio()).timbre
            yield utterance, {"xvector": normalised(timbre) if self.normalise else timbre}


class BranchWorker:
    """Gives what each part tells of an utterance: `timbre` (dimension,), and of `prosody`, `content` and `detail` the
    mean and deviation over time of the codes' vectors, (2 dimension,).

    Args:
        options: of the system.
        codec: model dir of the recipe's codec.
    """

    def __init__(self, options: Options, codec: Path | None, *, device: str = "cpu") -> None:
        self.codec = Codec(options, codec, device)

    @torch.no_grad()
    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        network = self.codec.network
        for utterance in batch:
            found = self.codec.analyse(utterance.audio())
            parts = found.codes[None].split(network.levels, -1)
            told = {"timbre": found.timbre}
            for name, own, codes in zip(PARTS, network.quantizers, parts, strict=True):
                vectors = own.decode(codes)[0].double()
                statistics = torch.cat([vectors.mean(0), vectors.std(0, unbiased=False)])
                told[name] = statistics.float().cpu().numpy()
            yield utterance, told


class ConvertWorker:
    """Speaks the codes of data dirs with other timbres; gives the samples of each utterance.

    Args:
        options: of the system.
        codec: model dir of the recipe's codec.
        pseudo: root of <data dir>/pseudo_xvector.scp, timbres by utterance.
        level: of the speech, decibels re full scale.
    """

    def __init__(
        self, options: Options, codec: Path | None, pseudo: Path, level: float, *, device: str = "cpu"
    ) -> None:
        self.codec, self.normalise = Codec(options, codec, device), options.normalise
        self.pseudo, self.level, self.open = pseudo, level, cache(read_scp)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, np.ndarray]]:
        """One by one on every device, so that an utterance cannot depend on what it would share a batch with."""
        for utterance in batch:
            samples = utterance.audio()
            found = self.codec.analyse(samples)
            voice = np.asarray(self.open(self.pseudo / utterance.data.name / "pseudo_xvector.scp")[utterance.id])
            if self.normalise:
                voice = voice * float(np.linalg.norm(found.timbre)) / max(float(np.linalg.norm(voice)), 1e-8)
            speech = self.codec.speak(found.codes, voice, len(samples))
            yield utterance, world.as_loud(speech, samples, self.level)
