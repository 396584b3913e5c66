"""Whether made vectors have the distribution of real ones: as believable, and covering as much."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 3


def precision(real: np.ndarray, made: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """Share of made vectors that lie among the real ones, 0 to 1: whether they are believable.

    Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models".

    The manifold of the real vectors is the union of balls, one around each that reaches to its k-th nearest real
    neighbour. On real data against real data, it is below 1.

    Args:
        real: (n, dimension), more than `neighbours`.
        made: (m, dimension), one or more.
        neighbours: k.

    Raises:
        ValueError: too few vectors.
    """
    if len(real) <= neighbours or not len(made):
        raise ValueError(f"{len(real)} and {len(made)} vectors; expected more than {neighbours}, and 1")
    real, made = np.asarray(real, np.float64), np.asarray(made, np.float64)
    radii = np.partition(_distances(real, real), neighbours, axis=1)[:, neighbours]  # the nearest of all is itself
    return float((_distances(made, real) <= radii).any(1).mean())


def recall(real: np.ndarray, made: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """Share of real vectors that lie among the made ones, 0 to 1: how much of the real ones is covered.

    As `precision` with both exchanged; `made` has more than `neighbours` vectors.
    """
    return precision(made, real, neighbours)


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared Fréchet distance of two sets of vectors, taken as Gaussian (Heusel et al. 2017), from 0.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), with the covariances divided by n (Dowson and Landau 1982).

    The fewer vectors, the larger it is, also for the same distribution: only sets of one size can be compared.

    Args:
        first, second: (n, dimension), (m, dimension), two or more each.

    Raises:
        ValueError: too few vectors.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"{len(first)} and {len(second)} vectors; expected 2 or more")
    means, factors = [], []
    for vectors in (np.asarray(first, np.float64), np.asarray(second, np.float64)):
        means.append(vectors.mean(0))
        factors.append((vectors - means[-1]) / np.sqrt(len(vectors)))
    # With S = F'F, the trace of (S1 S2)^(1/2) is the sum of the singular values of F1 F2'.
    shared = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    spread = sum(float(np.square(factor).sum()) for factor in factors)
    return max(float(np.square(means[0] - means[1]).sum()) + spread - 2 * float(shared), 0.0)


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances (n, m) of vectors (n, dimension) and (m, dimension); exactly 0 for a vector and itself."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(first, second))
