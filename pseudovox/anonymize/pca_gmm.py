"""Pseudo-speakers drawn from a Gaussian mixture over the principal components of the pool's x-vectors.

Turner, Lovisotto and Martinovic 2020, "Speaker anonymization with distribution-preserving x-vector generation".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.anonymize import genders as gender_model
from pseudovox.anonymize import selection
from pseudovox.anonymize.genders import GenderModel
from pseudovox.anonymize.strategy import BOTH, GENDERS, Pool, Source, Strategy
from pseudovox.anonymize.voice_model import VoiceModel, fit_voices
from pseudovox.core.errors import DataError
from pseudovox.core.npz import check_shapes
from pseudovox.core.seeds import seed_for

if TYPE_CHECKING:
    from pseudovox.kinds.strategies.pca_gmm import Options

log = logging.getLogger("pseudovox")
TRIES = (1, 9, 90, 900)  # draws for one vector when a threshold is set: so many at a time, 1000 in all


# What the arrays of a model are; `factors` may be missing.
VOICE_SHAPES: dict[str, tuple[int | str, ...]] = {
    "mean": ("dimension",),
    "components": ("size", "dimension"),
    "weights": ("mixtures",),
    "means": ("mixtures", "size"),
    "variances": ("mixtures", "size"),
}
_FACTORS_SHAPE: dict[str, tuple[int | str, ...]] = {"factors": ("mixtures", "size", "size")}


class PcaGmm(Strategy):
    """PCA without whitening, then a Gaussian mixture, per gender or for both; draws keep the pool's spread.

    A draw whose cosine to the source is above `threshold` is discarded, up to 1000 times; then the one with the
    smallest cosine is taken.
    """

    name = "pca_gmm"

    def __init__(
        self, models: Mapping[str, VoiceModel], threshold: float, facts: Mapping[str, Any] | None = None,
        tables: Mapping[str, str] | None = None, gender: GenderModel | None = None,
    ) -> None:  # fmt: skip
        self.models, self.gender = dict(models), gender
        self.threshold = threshold
        self._facts = dict(facts or {})
        self._tables = dict(tables or {})

    @classmethod
    def fit(cls, pool: Pool, options: Options, seed: int) -> PcaGmm:
        size, mixtures, covariance = options.pca_size, options.gmm_size, options.covariance
        gender_of, facts = gender_model.fit(pool)
        tables = {}
        genders = (BOTH,) if options.combine_genders else GENDERS
        if options.select:
            found = selection.select({gender: pool.of(gender) for gender in genders}, options.grid, seed)
            size, mixtures, covariance = found.chosen.pca_size, found.chosen.gmm_size, found.chosen.covariance
            facts["selected"] = {"pca_size": size, "gmm_size": mixtures, "covariance": covariance}
            tables["selection.tsv"] = found.table()
        models = {}
        for gender in genders:
            # scikit-learn takes 32-bit seeds.
            state = seed_for(seed, "pca-gmm", gender) % 2**32
            models[gender], facts[gender] = fit_voices(
                pool.of(gender), size, mixtures, state, gender, covariance=covariance
            )
        return cls(models, options.threshold, facts, tables, gender_of)

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        models = [self.models.get(source.gender) or self.models[BOTH] for source in sources]
        if self.threshold >= 1:
            # What is random is drawn one by one, each from its own generator; the arithmetic is done for all at once.
            places = np.empty(len(sources))
            noise: list[np.ndarray] = [np.empty(0)] * len(sources)
            for row, (model, own) in enumerate(zip(models, generators, strict=True)):
                places[row] = own.random()
                noise[row] = own.standard_normal((model.means.shape[1],))
        else:
            points = [
                self._point(model, source.vector.astype(np.float64), own)
                for model, source, own in zip(models, sources, generators, strict=True)
            ]
        found = np.empty((len(sources), len(next(iter(self.models.values())).mean)), np.float32)
        for model in self.models.values():
            rows = np.flatnonzero([own is model for own in models])
            if not len(rows):
                continue
            if self.threshold >= 1:
                own_points = model.points(places[rows], np.stack([noise[row] for row in rows]))
            else:
                own_points = np.stack([points[row] for row in rows])
            found[rows] = model.vectors(own_points)
        return found

    def _point(self, model: VoiceModel, vector: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        best, least = np.empty(0), np.inf
        for tries in TRIES:
            points = model.draw_points(tries, generator)
            cosines = model.cosines(points, vector)
            accepted = np.flatnonzero(cosines <= self.threshold)
            if len(accepted):
                return points[accepted[0]]
            if cosines.min() < least:
                best, least = points[np.argmin(cosines)], cosines.min()
        return best

    def gender_of(self, vector: np.ndarray) -> str:
        if self.gender is not None:
            return self.gender.of(vector)
        if BOTH in self.models:
            return GENDERS[0]  # a pool of one gender: either draws from it
        raise DataError(
            "the generator of pseudo-speakers holds nothing that tells genders: another version fitted it",
            "put a table `spk2gender` (<speaker> f|m) into the data dir, or run the ./run.sh command again with "
            "--stage fit --stop-stage fit --force",
        )

    def arrays(self) -> dict[str, np.ndarray]:
        parts: dict[str, Any] = {**self.models, **({} if self.gender is None else {"gender": self.gender})}
        return {
            f"{part}.{name}": value for part, model in parts.items() for name, value in vars(model).items()
            if value is not None
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: Options) -> PcaGmm:
        models: dict[str, dict[str, np.ndarray]] = {}
        for name, value in arrays.items():
            gender, _, part = name.partition(".")
            models.setdefault(gender, {})[part] = value
        gender_of = models.pop("gender", None)
        if set(models) not in ({BOTH}, set(GENDERS)):
            raise ValueError(f"models of {', '.join(models) or 'nobody'}; expected {BOTH}, or {' and '.join(GENDERS)}")
        for parts in models.values():
            check_shapes(parts, VOICE_SHAPES | (_FACTORS_SHAPE if "factors" in parts else {}))
        voices = {gender: VoiceModel(**parts) for gender, parts in models.items()}
        return cls(voices, options.threshold, gender=None if gender_of is None else gender_model.restore(gender_of))

    def facts(self) -> dict[str, Any]:
        return self._facts

    def tables(self) -> dict[str, str]:
        return self._tables
