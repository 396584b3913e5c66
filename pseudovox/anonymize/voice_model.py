"""A density of voices: a Gaussian mixture over the principal components of x-vectors; fitted, sampled, checked.

Turner, Lovisotto and Martinovic 2020, "Speaker anonymization with distribution-preserving x-vector generation".
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from pseudovox.anonymize.strategy import GENDERS, check_spread
from pseudovox.core.errors import DataError, UsageError

log = logging.getLogger("pseudovox")
COVARIANCES = ("diag", "full", "tied", "spherical")


@dataclass(frozen=True)
class VoiceModel:
    """A Gaussian mixture in a principal subspace of the x-vectors.

    Attributes:
        mean: (dimension,) of the pool.
        components: (size, dimension), orthonormal rows.
        weights: (mixtures,), summing to 1.
        means, variances: (mixtures, size).
        factors: (mixtures, size, size), lower Cholesky factors of covariances that are not diagonal, else None.
    """

    mean: np.ndarray
    components: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    factors: np.ndarray | None = None

    def points(self, mixture: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Points of the subspace, (n, size), from places in [0, 1), (n,), and standard normal noise, (n, size)."""
        edges = np.cumsum(self.weights) / self.weights.sum()
        chosen = np.minimum(np.searchsorted(edges, mixture, side="right"), len(edges) - 1)
        if self.factors is None:
            return self.means[chosen] + noise * np.sqrt(self.variances[chosen])
        found = self.means[chosen]
        for number in np.unique(chosen):
            rows = chosen == number
            found[rows] += _by_rows(noise[rows], self.factors[number].T)
        return found

    def vectors(self, points: np.ndarray) -> np.ndarray:
        """The inverse PCA of points (n, size): (n, dimension). A row does not depend on the others to the last bit."""
        return _by_rows(points, self.components) + self.mean

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws, (count, dimension)."""
        return self.vectors(self.draw_points(count, generator))

    def draw_points(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws in the subspace, (count, size)."""
        return self.points(generator.random(count), generator.standard_normal((count, self.means.shape[1])))

    def cosines(self, points: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """Cosines (n,) between the vectors of points (n, size) and an x-vector (dimension,), without the vectors."""
        # The components are orthonormal, so products of x-vectors come down to products in the subspace.
        products = points @ (self.components @ vector) + self.mean @ vector
        squares = (points**2).sum(1) + 2 * points @ (self.components @ self.mean) + self.mean @ self.mean
        norms = np.sqrt(np.maximum(squares, 0)) * np.linalg.norm(vector)
        return products / np.maximum(norms, 1e-30)


def fit_voices(
    vectors: np.ndarray,
    pca_size: float,
    gmm_size: int,
    state: int,
    name: str = "",
    *,
    covariance: str = "diag",
    tolerance: float = 1e-15,
) -> tuple[VoiceModel, dict[str, Any]]:
    """Fit PCA and GMM on x-vectors (speakers, dimension).

    Args:
        pca_size: components, a whole number; below 1, the share of the variance that they must explain.
        gmm_size: mixture components.
        state: seed of k-means.
        name: of the voices, for messages.
        covariance: of the mixture: "diag", "full", "tied" (full, one for all components) or "spherical".
        tolerance: change of the log-likelihood per speaker at which the EM ends; widened where it cannot be reached.

    Returns:
        (model, facts: speakers, components, explained variance, tolerance at which the EM converged, and its
            iterations: 20 to 110 for the 80 to 100 voices of a gender in pretrained/openspeech)

    Raises:
        UsageError: a pca_size that is neither, or another covariance; DataError: fewer speakers than the sizes need.
    """
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    check_sizes(pca_size, gmm_size, covariance)
    speakers = len(vectors)
    least = least_speakers(pca_size, gmm_size)
    if speakers < least:
        hint = "--set pseudo.pca_size=0.9 --set pseudo.gmm_size=1"
        if speakers < least_speakers(0.9, 1):
            hint += " --set pseudo.combine_genders=true" if name in GENDERS else ""
        raise DataError(
            f"the pool has {speakers} speakers ({name or 'all'}); {pca_size:g} components and {gmm_size} mixtures "
            f"need {least}",
            hint,
        )
    check_spread(vectors, name)
    pca = PCA(n_components=int(pca_size) if pca_size >= 1 else pca_size, svd_solver="full").fit(vectors)
    points = pca.transform(vectors)
    mixture = GaussianMixture(
        gmm_size,
        covariance_type=covariance,
        init_params="kmeans",
        n_init=1,
        tol=tolerance,
        max_iter=1000,
        random_state=state,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        iterations = mixture.fit(points).n_iter_
        # The likelihood may go on flickering in its last digits: go on from there with a wider tolerance.
        mixture.set_params(warm_start=True)
        while not mixture.converged_:
            tolerance *= 10
            iterations += mixture.set_params(tol=tolerance).fit(points).n_iter_
    variances, factors = _covariances(mixture.covariances_, covariance, mixture.means_.shape)
    model = VoiceModel(pca.mean_, pca.components_, mixture.weights_, mixture.means_, variances, factors)
    facts = {
        "speakers": speakers,
        "components": int(pca.n_components_),
        "explained_variance": round(float(pca.explained_variance_ratio_.sum()), 4),
        "tolerance": tolerance,
        "iterations": int(iterations),
    }
    if name:
        log.info("%s voices: %s", name, ", ".join(f"{key} {value}" for key, value in facts.items()))
    return model, facts


def check_sizes(pca_size: float, gmm_size: int, covariance: str) -> None:
    """UsageError unless these can be the sizes of a model (see `fit_voices`)."""
    if pca_size <= 0 or (pca_size >= 1 and pca_size != int(pca_size)):
        raise UsageError(f"pseudo.pca_size {pca_size}: expected a whole number of components, or a share below 1")
    if gmm_size < 1:
        raise UsageError(f"pseudo.gmm_size {gmm_size}: expected 1 or more mixture components")
    if covariance not in COVARIANCES:
        raise UsageError(f"pseudo.covariance {covariance!r}: expected one of {', '.join(COVARIANCES)}")


def least_speakers(pca_size: float, gmm_size: int) -> int:
    """How many speakers these sizes need at least."""
    return max(2, gmm_size, int(pca_size) + 1)


def _covariances(found: np.ndarray, kind: str, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None]:
    """(variances (mixtures, size), Cholesky factors (mixtures, size, size) or None) of scikit-learn's covariances_."""
    if kind == "spherical":
        found = np.repeat(found[:, None], shape[1], axis=1)
    if kind in ("diag", "spherical"):
        return found, None
    full = np.broadcast_to(found, (*shape, shape[1])) if kind == "tied" else found
    return np.diagonal(full, axis1=1, axis2=2).copy(), np.linalg.cholesky(full)


def _by_rows(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The product (n, a) x (a, b) with each row computed by itself: a whole product rounds rows by their company."""
    return np.matmul(rows[:, None, :], matrix)[:, 0, :]
