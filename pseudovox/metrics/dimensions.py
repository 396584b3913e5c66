"""Dimensions of emotion, and the agreement of two series of values: of what was meant and what was heard, or of the
original and the anonymized.
"""

from __future__ import annotations

import numpy as np

DIMENSIONS = ("arousal", "dominance", "valence")  # in the order in which they stand wherever they stand together


def concordance(first: np.ndarray, second: np.ndarray) -> float:
    """Concordance correlation coefficient (Lin 1989): 2 cov / (var + var + (mean - mean)^2), -1 to 1.

    1 only where both are equal; a shift or another scale lowers it, as it does not lower Pearson's. NaN where both are
    constant and equal.

    Args:
        first, second: (n,) values of the same items.
    """
    gap = first.mean() - second.mean()
    spread = first.var() + second.var() + gap**2
    covariance = ((first - first.mean()) * (second - second.mean())).mean()
    return float(2 * covariance / spread) if spread > 0 else float("nan")


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows, float64 (n,), -1 to 1; 0 where one of them is all zero.

    Args:
        first, second: (n, width).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.where(norms > 0, (first * second).sum(1) / np.where(norms > 0, norms, 1.0), 0.0)
