"""Pseudo-speakers that a generative adversarial network has made, each of them used once: baseline B3's strategy.

Meyer et al. 2023, "Anonymizing Speech with Generative Adversarial Networks to Preserve Speaker Privacy"; the network
and its training are WGAN-QC's (wgan_training.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.anonymize import genders as gender_model
from pseudovox.anonymize.genders import GenderModel
from pseudovox.anonymize.strategy import BOTH, GENDERS, Pool, Source, Strategy, check_spread
from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.npz import check_shapes

if TYPE_CHECKING:
    from pseudovox.config import PseudoSpeakers
    from pseudovox.kinds.strategies.wgan import Options

LEARNS = ("utterances", "speakers")
NORMALISATIONS = ("none", "scalar", "dimension")


class Wgan(Strategy):
    """Artificial vectors, drawn without replacement among those of the wanted gender, or with `combine_genders` of any.

    A request draws vectors that no other request has, until one's cosine to the source is below `largest_cosine`, at
    most `tries` times; the last one is kept. When all are used, all can be drawn again.

    Args:
        vectors: (count, dimension), the artificial ones.
        gender: tells the vectors' genders; None = those of any gender are drawn.
        options: section `pseudo`.
        facts: see Strategy.facts.
    """

    name = "wgan"
    joint = True

    def __init__(
        self, vectors: np.ndarray, gender: GenderModel | None, options: Options, facts: Mapping[str, Any] | None = None
    ) -> None:
        self.vectors, self.gender, self.options = np.asarray(vectors, np.float32), gender, options
        self._facts = dict(facts or {})
        exact = self.vectors.astype(np.float64)
        self._unit = exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-30)
        self._rows = {BOTH: np.arange(len(exact))}
        if gender is not None and not options.combine_genders:
            told = np.array([gender.of(vector) for vector in self.vectors])
            self._rows = {name: np.flatnonzero(told == name) for name in GENDERS}

    @classmethod
    def fit(cls, pool: Pool, options: Options, seed: int) -> Wgan:
        from pseudovox.anonymize import wgan_training

        check(options)
        check_spread(pool.vectors)
        learned = pool.vectors
        if options.wgan.learns == "utterances" and pool.utterances is not None:
            learned = pool.utterances
        shift, scale = normalisation(learned, options.wgan.normalise)
        if len(learned) < 4:
            raise DataError(f"the pool has {len(learned)} x-vectors; pseudo-speakers of strategy wgan need 4")
        found = wgan_training.train((learned - shift) / scale, options.wgan, options.artificial, seed)
        vectors = found.vectors * scale + shift
        gender, facts = gender_model.fit(pool)
        facts |= {"vectors": len(learned), "artificial": len(vectors), "steps": found.steps}
        before, after = found.distance
        if not math.isnan(after):
            facts["distance"] = {"before": round(before, 3), "after": round(after, 3)}
        strategy = cls(vectors, gender, options, facts)
        for name, rows in strategy._rows.items():
            if len(rows) < options.tries:
                raise DataError(
                    f"strategy wgan: {len(rows)} of the {len(vectors)} artificial x-vectors are of gender {name}; "
                    f"{options.tries} are needed",
                    "--set pseudo.combine_genders=true, or a longer training (pseudo.wgan.cycles)",
                )
        return strategy

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        unused = np.ones(len(self.vectors), bool)
        found = np.empty((len(sources), self.vectors.shape[1]), np.float32)
        for row, (source, own) in enumerate(zip(sources, generators, strict=True)):
            rows = self._rows[source.gender if source.gender in self._rows else BOTH]
            order = rows[own.permutation(len(rows))]
            left = order[unused[order]]
            if not len(left):
                unused[rows], left = True, order
            chosen = left[self._accepted(left[: self.options.tries], source.own)]
            unused[chosen] = False
            found[row] = self.vectors[chosen]
        return found

    def _accepted(self, tried: np.ndarray, vector: np.ndarray) -> int:
        """Which of the vectors that are tried, in their order, is taken."""
        exact = vector.astype(np.float64)
        cosines = np.einsum("nd,d->n", self._unit[tried], exact) / max(float(np.linalg.norm(exact)), 1e-30)
        accepted = np.flatnonzero(cosines < self.options.largest_cosine)
        return int(accepted[0]) if len(accepted) else len(tried) - 1

    def gender_of(self, vector: np.ndarray) -> str:
        return GENDERS[0] if self.gender is None else self.gender.of(vector)

    def arrays(self) -> dict[str, np.ndarray]:
        gender = {} if self.gender is None else vars(self.gender)
        return {"vectors": self.vectors, **{f"gender.{name}": value for name, value in gender.items()}}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: PseudoSpeakers) -> Wgan:
        gender = {name.removeprefix("gender."): value for name, value in arrays.items() if name.startswith("gender.")}
        check_shapes(
            {name: value for name, value in arrays.items() if not name.startswith("gender.")},
            {"vectors": ("count", "dimension")},
        )
        return cls(arrays["vectors"], gender_model.restore(gender) if gender else None, options)  # type: ignore[arg-type]

    def facts(self) -> dict[str, Any]:
        return self._facts


def check(options: Options) -> None:
    """UsageError for options of the strategy that cannot be."""
    own = options.wgan
    for key, value, known in (("learns", own.learns, LEARNS), ("normalise", own.normalise, NORMALISATIONS)):
        if value not in known:
            raise UsageError(f"pseudo.wgan.{key} {value!r}: expected one of {', '.join(known)}")
    if options.artificial < 1 or options.tries < 1:
        raise UsageError("pseudo.artificial and pseudo.tries must be 1 or more")
    halvings = max(own.side, 1) // 4
    if own.side % 4 or halvings & (halvings - 1) or not halvings:
        raise UsageError(f"pseudo.wgan.side {own.side}: expected 4 times a power of two")
    for key in ("noise", "filters", "most_filters", "cycles"):
        if getattr(own, key) < 1:
            raise UsageError(f"pseudo.wgan.{key} {getattr(own, key)}: expected 1 or more")
    if own.batch_size < 2 or own.learning_rate <= 0 or own.gamma < 0 or not 0 <= own.held_out < 1:
        raise UsageError(
            "pseudo.wgan: batch_size 2 or more, learning_rate above 0, gamma 0 or more, held_out from 0 to below 1"
        )


def normalisation(vectors: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """(shift, scale), float64, by which vectors (n, dimension) are normalised: of no use to `none`, of all numbers
    together (`scalar`), or of each dimension."""
    exact = vectors.astype(np.float64)
    if kind == "none":
        return np.zeros(1), np.ones(1)
    axis = None if kind == "scalar" else 0
    scale = np.atleast_1d(exact.std(axis))
    return np.atleast_1d(exact.mean(axis)), np.where(scale > 1e-8, scale, 1.0)
