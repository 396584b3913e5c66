"""Utterances to tokens, and to other voices, in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.anonymize.codec_lm import codecs
from pseudovox.anonymize.codec_lm.semantic import Semantic

if TYPE_CHECKING:
    from pseudovox.anonymize.codec_lm.options import Options
    from pseudovox.stage.parallel import Utterance

UNITS, CODES = "units", "codes"  # arrays of TokenWorker


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
