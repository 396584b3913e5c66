"""Pseudo-speakers that are random numbers, whatever x-vectors of people look like: two simple controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.anonymize import genders as gender_model
from pseudovox.anonymize.genders import GenderModel
from pseudovox.anonymize.strategy import GENDERS, Pool, Source, Strategy
from pseudovox.core.errors import UsageError
from pseudovox.core.npz import check_shapes

if TYPE_CHECKING:
    from pseudovox.config import PseudoSpeakers
    from pseudovox.kinds.strategies.random import Options

VALUES = ("uniform", "multiplied")


class RandomVectors(Strategy):
    """Each number of the vector for itself: uniform within the pool's range, or the source's times a whole number.

    The gender of a pseudo-speaker is that which was wanted: the vector has none.

    Args:
        lowest, highest: (dimension,), the range of the pool's x-vectors.
        gender: tells sources' genders; None = the pool is of one gender.
        options: section `pseudo`.
        facts: see Strategy.facts.
    """

    name = "random"

    def __init__(
        self, lowest: np.ndarray, highest: np.ndarray, gender: GenderModel | None, options: Options,
        facts: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.lowest, self.highest, self.gender, self.options = lowest, highest, gender, options
        self._facts = dict(facts or {})

    @classmethod
    def fit(cls, pool: Pool, options: Options, seed: int) -> RandomVectors:
        if options.values not in VALUES:
            raise UsageError(f"pseudo.values {options.values!r}: expected one of {', '.join(VALUES)}")
        if len(options.multipliers) != 2 or options.multipliers[0] >= options.multipliers[1]:
            raise UsageError(f"pseudo.multipliers {options.multipliers}: expected two whole numbers, the first smaller")
        vectors = pool.vectors if pool.utterances is None else pool.utterances
        exact = vectors.astype(np.float64)
        gender, facts = gender_model.fit(pool)
        return cls(exact.min(0), exact.max(0), gender, options, facts)

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        if self.options.values == "uniform":
            return generator.uniform(self.lowest, self.highest).astype(np.float32)
        low, high = self.options.multipliers
        factors = generator.integers(low, high, size=len(source.own))
        return (source.own * factors).astype(np.float32)

    def gender_of(self, vector: np.ndarray) -> str:
        return GENDERS[0] if self.gender is None else self.gender.of(vector)

    def arrays(self) -> dict[str, np.ndarray]:
        gender = {} if self.gender is None else vars(self.gender)
        own = {"lowest": self.lowest, "highest": self.highest}
        return own | {f"gender.{name}": value for name, value in gender.items()}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: PseudoSpeakers) -> RandomVectors:
        gender = {name.removeprefix("gender."): value for name, value in arrays.items() if name.startswith("gender.")}
        own = {name: value for name, value in arrays.items() if not name.startswith("gender.")}
        check_shapes(own, {"lowest": ("dimension",), "highest": ("dimension",)})
        return cls(
            own["lowest"],
            own["highest"],
            gender_model.restore(gender) if gender else None,
            options,  # type: ignore[arg-type]
        )

    def facts(self) -> dict[str, Any]:
        return self._facts
