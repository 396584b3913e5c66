"""The control among the strategies: every speaker keeps its own x-vector, which shows what synthesis alone costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from pseudovox.anonymize.strategy import Pool, Source, Strategy


class Own(Strategy):
    """The source's own x-vector: resynthesis without anonymization."""

    name = "own"
    fitted = gendered = False

    @classmethod
    def fit(cls, pool: Pool, options: Any, seed: int) -> Own:
        return cls()

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        return source.own.astype(np.float32)
