"""Utterances to tokens, and to other voices, in worker processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.anonymize.codec_lm import codecs, generation
from pseudovox.anonymize.codec_lm.generation import Source
from pseudovox.anonymize.codec_lm.prompts import Store
from pseudovox.anonymize.codec_lm.semantic import CENTROIDS, RECURRENT, Semantic
from pseudovox.components import world
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import read_table
from pseudovox.data.datadir.tables import UTT2TARGET
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.codec_lm.options import Options
    from pseudovox.models.codec_lm.coarse import Coarse
    from pseudovox.models.codec_lm.fine import Fine
    from pseudovox.stage.parallel import Utterance

UNITS, CODES = "units", "codes"  # arrays of TokenWorker
COARSE, FINE = "coarse", "fine"  # folders of the language models
COARSE_KINDS = ("coarse_lm", "aligned_coarse_lm")
FINE_KIND = "fine_lm"


class TokenWorker:
    """Tokens to train on: gives {"units": (frames,), "codes": (frames, codebooks)}, one unit per frame.

    Args:
        options: of the system.
        units, codec: model dirs.
        bottleneck: model dir of the content extractor, for features of that kind.
    """

    def __init__(
        self, options: Options, units: Path, codec: Path, bottleneck: Path | None, *, device: str = "cpu"
    ) -> None:
        self.semantic = Semantic(units, options.features, bottleneck, device)
        self.codec = codecs.load(codec, device)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        signals = [utterance.audio() for utterance in batch]
        for utterance, samples, units in zip(batch, signals, self.semantic(signals), strict=True):
            codes = self.codec.encode(samples)
            yield utterance, {UNITS: self.semantic.aligned(units, len(codes), self.codec.rate), CODES: codes}


class Models:
    """All networks of the system, that go together.

    Args:
        options: of the system.
        units, codec, language_models: model dirs; the last has coarse and fine below it.
        bottleneck: model dir of the content extractor, for features of that kind.
        device: torch device.

    Raises:
        MissingModelError, DataError: as store.load and Semantic; DataError too where numbers of units, codes or
            codebooks differ.
    """

    def __init__(
        self, options: Options, units: Path, codec: Path, language_models: Path, bottleneck: Path | None,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.options = options
        self.semantic = Semantic(units, options.features, bottleneck, device)
        self.codec = codecs.load(codec, device)
        self.coarse: Coarse = store.load(language_models / COARSE, *COARSE_KINDS, device=device)[0]
        self.fine: Fine = store.load(language_models / FINE, FINE_KIND, device=device)[0]
        self.aligned = store.read_card(language_models / COARSE, *COARSE_KINDS)["kind"] == "aligned_coarse_lm"
        expected = {
            "units": self.semantic.count, "codes": self.codec.codes, "codebooks": self.codec.codebooks,
        }  # fmt: skip
        network: Any = self.coarse
        found = {"units": network.units, "codes": network.codes, "codebooks": self.fine.books}
        if found != expected or self.fine.codes != network.codes:
            raise DataError(
                f"{language_models}: made for {found}; units and codec have {expected}: they do not go together"
            )

    def speak(self, sources: Sequence[Source], originals: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Speech of sources; what is refused (generation.problem) is drawn again.

        Args:
            sources: utterances.
            originals: float32 (samples,) of each.

        Returns:
            float32 (samples,) of each.

        Raises:
            DataError: an utterance was refused `generation.tries` times.
        """
        limits = self.options.generation
        made: dict[int, np.ndarray] = {}
        left, reasons = list(range(len(sources))), {}
        for attempt in range(limits.tries):
            rows = [replace(sources[number], attempt=attempt) for number in left]
            again = []
            for number, codes in zip(left, generation.generate(self.coarse, self.fine, rows, limits), strict=True):
                speech = self.codec.decode(codes, len(originals[number]))
                reasons[number] = generation.problem(codes, speech, originals[number], self.codec.rate, limits)
                if reasons[number]:
                    again.append(number)
                else:
                    made[number] = speech
            left = again
            if not left:
                return [made[number] for number in range(len(sources))]
        raise DataError(
            f"{sources[left[0]].id}: nothing usable in {limits.tries} draws: {reasons[left[0]]}",
            f"--set system.options.generation.tries={10 * limits.tries}, or listen to the original",
        )

    def units_of(self, samples: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Units of an utterance as the coarse model takes them."""
        frames = self.codec.frames(len(samples))
        return self.semantic.aligned(units, frames, self.codec.rate) if self.aligned else units


class ConvertWorker:
    """Converts data dirs; gives the samples of each utterance.

    Args:
        options: of the system.
        units, codec, language_models, bottleneck: as of Models.
        prompts: folder of the voices; None = there are no prompts.
        pseudo: root of utt2target by data dir; None likewise.
        level: of the speech, decibels re full scale.
        seed: of every draw.
    """

    def __init__(
        self, options: Options, units: Path, codec: Path, language_models: Path, bottleneck: Path | None,
        prompts: Path | None, pseudo: Path | None, level: float, seed: int, *, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.models = Models(options, units, codec, language_models, bottleneck, device)
        self.pseudo, self.level, self.seed = pseudo, level, seed
        self.prompt = cache(Store(prompts).prompt) if prompts else None
        self.table = cache(read_table)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, np.ndarray]]:
        signals = [utterance.audio() for utterance in batch]
        sources = []
        for utterance, samples, units in zip(batch, signals, self.models.semantic(signals), strict=True):
            prompt = None
            if self.prompt is not None and self.pseudo is not None:
                table = self.table(self.pseudo / utterance.data.name / UTT2TARGET)
                if utterance.id not in table:
                    raise DataError(f"{utterance.id}: no voice was drawn for it in {UTT2TARGET}")
                prompt = self.prompt(table[utterance.id])
            frames = self.models.codec.frames(len(samples))
            own = self.models.units_of(samples, units)
            sources.append(Source(f"{utterance.data.name}/{utterance.id}", own, frames, prompt, self.seed))
        for utterance, samples, speech in zip(batch, signals, self.models.speak(sources, signals), strict=True):
            yield utterance, world.as_loud(speech, samples, self.level)


def check(units: Path, codec: Path, language_models: Path) -> None:
    """MissingModelError or DataError where a model dir is none, of another kind; loads no weights."""
    store.read_card(units, CENTROIDS, RECURRENT)
    store.read_card(codec, codecs.WORLD, codecs.ENCODEC)
    store.read_card(language_models / COARSE, *COARSE_KINDS)
    store.read_card(language_models / FINE, FINE_KIND)
