"""Conversion of utterances to training speakers, in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize.hle_vqvae import spectra as own_spectra
from pseudovox.anonymize.hle_vqvae.options import Spectra
from pseudovox.anonymize.hle_vqvae.speech import Vocoder, by_world
from pseudovox.components import world
from pseudovox.core import blocks
from pseudovox.core.errors import DataError
from pseudovox.data import audio
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import read_table
from pseudovox.data.datadir.tables import UTT2TARGET
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.hle_vqvae.options import Options
    from pseudovox.stage.parallel import Utterance

KIND = "hle_vqvae"
LONGEST = 60.0  # seconds that go through the network at once; instance norm sees no further
CONTEXT = 2.0  # seconds before and behind


class Converter:
    """A trained network.

    Args:
        model: its model dir.
        options: of the system, whose spectra must be those of the training.
        device: torch device.

    Raises:
        MissingModelError: there is no model. DataError: it is another one, damaged, or made for other spectra.
    """

    def __init__(self, model: Path, options: Options, device: str = "cpu") -> None:
        self.network, self.facts = store.load(model, KIND, device=device)
        self.options, self.device = options, device
        self.speakers: dict[str, dict[str, Any]] = {one["id"]: one for one in self.facts["speakers"]}
        self._number = {one["id"]: number for number, one in enumerate(self.facts["speakers"])}
        if self.facts["spectra"] != vars(options.spectra):
            other = sorted(
                key for key, value in vars(options.spectra).items() if self.facts["spectra"].get(key) != value
            )
            raise DataError(
                f"{model}: trained with another system.options.spectra ({', '.join(other) or 'other keys'})",
                "train it again with yours: steps/train_hle_vqvae.py --force, or take the keys of its training",
            )

    def __call__(self, samples: np.ndarray, target: str) -> torch.Tensor:
        """The scaled spectra (frames, bands), on the CPU, of samples (n,) at the spectra's rate in a target's voice.

        Raises:
            DataError: a target that is none of the training speakers.
        """
        if target not in self._number:
            raise DataError(
                f"{UTT2TARGET}: {target} is none of the network's {len(self._number)} speakers",
                "draw the targets again: ./run.sh --stage sample --force",
            )
        own: Spectra = self.options.spectra
        frames = own_spectra.of_samples(samples, own)
        rate = own.sample_rate / own.hop
        parts = []
        for block in blocks.cut(len(frames), round(LONGEST * rate), round(CONTEXT * rate)):
            found = self.network.convert(frames[block.worked].to(self.device), self._number[target])
            parts.append(found[block.kept].cpu())
        return torch.cat(parts)


class ConvertWorker:
    """Converts data dirs; gives the samples of each utterance.

    Args:
        options: of the system.
        model: model dir of the network.
        pseudo: root of utt2target by data dir.
        contours: root of F0, moved to the targets; for WORLD.
        vocoder: model dir of the vocoder, in WORLD's place.
        level: of the speech, decibels re full scale.
    """

    def __init__(
        self, options: Options, model: Path, pseudo: Path, contours: Path | None, vocoder: Path | None, level: float, *,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.options, self.level, self.pseudo, self.contours = options, level, pseudo, contours
        self.convert = Converter(model, options, device)
        self.vocoder = None if vocoder is None else Vocoder(vocoder, options.spectra, device)
        self.table, self.archive = cache(read_table), cache(read_scp)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, np.ndarray]]:
        for utterance in batch:
            samples = utterance.audio()
            table = self.table(self.pseudo / utterance.data.name / UTT2TARGET)
            if utterance.id not in table:
                raise DataError(f"{utterance.id}: no target was drawn for it in {UTT2TARGET}")
            target = table[utterance.id]
            rate = self.options.spectra.sample_rate
            heard = samples if rate == world.SAMPLE_RATE else audio.load(utterance.data, utterance.id, rate)
            found = self.convert(heard, target)
            if self.vocoder is not None:
                speech = self.vocoder(found, len(samples))
            else:
                assert self.contours is not None
                contour = np.asarray(self.archive(self.contours / utterance.data.name / "f0.scp")[utterance.id])
                breath = float(self.convert.speakers[target]["aperiodicity"])
                speech = by_world(found.numpy(), contour, breath, len(samples), self.options)
            yield utterance, world.as_loud(speech, samples, self.level)
