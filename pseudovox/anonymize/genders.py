"""Telling the gender of an x-vector: a linear discriminant between the women and the men of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pseudovox.anonymize.strategy import Pool
from pseudovox.core.npz import check_shapes

FOLDS = 10
SHAPES: dict[str, tuple[int | str, ...]] = {"weight": ("dimension",), "bias": ()}


@dataclass(frozen=True)
class GenderModel:
    """Fisher's linear discriminant, as likely a woman as a man before the x-vector is seen.

    Attributes:
        weight: (dimension,), points to the men.
        bias: ().
    """

    weight: np.ndarray
    bias: np.ndarray

    def of(self, vector: np.ndarray) -> str:
        """ "f" or "m" for an x-vector (dimension,)."""
        return "m" if float(vector.astype(np.float64) @ self.weight + self.bias) > 0 else "f"


def fit(pool: Pool) -> tuple[GenderModel | None, dict[str, Any]]:
    """Learn it from the pool: None where all of its speakers are of one gender.

    The covariance within the genders is shrunk to a multiple of the unit matrix (Ledoit and Wolf 2004, "A
    well-conditioned estimator for large-dimensional covariance matrices"), since a pool has tens to hundreds of
    speakers and an x-vector as many dimensions.

    Returns:
        (model, facts: gender_accuracy, the share of the pool's speakers who are told rightly by a model that was
        learned without their tenth)
    """
    men = np.array([gender == "m" for gender in pool.genders])
    if men.all() or not men.any():
        return None, {}
    vectors = pool.vectors.astype(np.float64)
    right = []
    for fold in range(FOLDS):
        out = np.arange(len(men)) % FOLDS == fold
        if out.any() and 0 < men[~out].sum() < (~out).sum():
            model = _fit(vectors[~out], men[~out])
            right += [(model.of(vectors[row]) == "m") == men[row] for row in np.flatnonzero(out)]
    facts = {"gender_accuracy": round(float(np.mean(right)), 3)} if right else {}
    return _fit(vectors, men), facts


def _fit(vectors: np.ndarray, men: np.ndarray) -> GenderModel:
    from sklearn.covariance import ledoit_wolf

    means = [vectors[~men].mean(0), vectors[men].mean(0)]
    apart = vectors - np.where(men[:, None], means[1], means[0])
    covariance = ledoit_wolf(apart, assume_centered=True)[0] if apart.any() else np.eye(vectors.shape[1])
    weight = np.linalg.solve(covariance, means[1] - means[0])
    return GenderModel(weight, np.asarray(-weight @ (means[0] + means[1]) / 2))


def restore(arrays: Mapping[str, np.ndarray]) -> GenderModel:
    """The model from `vars` of one; ValueError if they are not such."""
    check_shapes(dict(arrays), SHAPES)
    return GenderModel(arrays["weight"], arrays["bias"])
