"""Strategy shifted: the source's x-vector, moved towards the mean of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pseudovox.anonymize.strategy import Pool, Source, Strategy
from pseudovox.config.schema import PseudoSpeakers


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy shifted."""

    implementation: ClassVar[str] = f"{__name__}:Shifted"

    strategy: str = "shifted"
    share: float = 0.5  # of the way to the mean


class Shifted(Strategy):
    """Moves each x-vector towards the mean of the pool's."""

    name = "shifted"
    gendered = False

    def __init__(self, mean: np.ndarray, share: float) -> None:
        self.mean, self.share = mean, share

    @classmethod
    def fit(cls, pool: Pool, options: Any, seed: int) -> Shifted:
        return cls(pool.vectors.mean(0), options.share)

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        return (source.vector + self.share * (self.mean - source.vector)).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: Any) -> Shifted:
        return cls(arrays["mean"], options.share)
