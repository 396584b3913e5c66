"""What the codes of a quantiser disclose, by how often each occurs.

Who gets a code that only one in N gets is known to be one of the few: the code discloses log2 N bits. A codebook of K
codes discloses log2 K bits for everybody if all codes are as frequent, and more than that for those with a rare code
(Vali and Bäckström 2024, "Privacy PORCUPINE"). A histogram is how many vectors have each code, (codes,), with a zero
for a code that nobody has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MISSING = 1e-12  # in place of a frequency of 0 in the logarithm of the average, as published; it weighs nothing


def histogram(codes: np.ndarray, size: int) -> np.ndarray:
    """How many of codes (n,), from 0 to size - 1, are each of them: int64 (size,).

    (The released code counts in `size` equal bins between the smallest and the largest code that is used.)

    Raises:
        ValueError: a code beyond the codebook.
    """
    counts = np.bincount(codes, minlength=size)
    if len(counts) > size:
        raise ValueError(f"code {len(counts) - 1} of {size}")
    return counts


def average(counts: np.ndarray) -> float:
    """Bits that a code discloses on average: the entropy of the codes, 0 to log2(codes).

    Raises:
        ValueError: nothing was counted (so of all functions here).
    """
    share = _shares(counts)
    return float(-(share * np.log2(np.maximum(share, MISSING))).sum()) + 0.0


def worst_case(counts: np.ndarray) -> float:
    """Bits that the rarest code discloses: -log2((its count + 1) / all). log2(codes) where all are as frequent.

    The 1 is the vector that is asked about, which may be the first with its code. With enough vectors it is no less
    than log2(codes), and by how much more it is, so much the codes disclose beyond their bits.
    """
    _shares(counts)
    return -math.log2((int(counts.min()) + 1) / int(counts.sum()))


def perplexity(counts: np.ndarray) -> float:
    """2 to the power of `average`: as many equally frequent codes would have this entropy; 1 to codes."""
    return 2.0 ** average(counts)


def sparseness(counts: np.ndarray) -> float:
    """L2 norm over L1 norm of the histogram: 1 / sqrt(codes) where all are as frequent, 1 if one is all."""
    return float(np.sqrt(np.square(_shares(counts)).sum()))


def deviation(counts: np.ndarray) -> float:
    """Standard deviation of the counts (over codes, not estimated), from 0; see `binomial_deviation`."""
    _shares(counts)
    return float(np.std(counts))


def binomial_deviation(total: int, codes: int) -> float:
    """Standard deviation of a code's count by chance, where each of `total` vectors has any code as likely."""
    return math.sqrt(total / codes * (1 - 1 / codes))


def divergence(counts: np.ndarray) -> float:
    """Kullback-Leibler divergence, bits, of how many codes have each count from what chance would make it, from 0.

    The share of codes with a count c, against the probability of c in the binomial distribution of as many vectors over
    as many equally likely codes. Even by chance it is well above 0, as there are few codes to each count: compare
    histograms of the same total and codes.
    """
    from scipy.stats import binom

    _shares(counts)
    values, times = np.unique(counts, return_counts=True)
    share = times / len(counts)
    expected = binom.logpmf(values, int(counts.sum()), 1 / len(counts)) / math.log(2)
    return float((share * (np.log2(share) - expected)).sum()) + 0.0


METRICS = {
    "divergence": divergence,
    "worst_case": worst_case,
    "average": average,
    "sparseness": sparseness,
    "deviation": deviation,
    "perplexity": perplexity,
}


def all_of(counts: np.ndarray) -> dict[str, float]:
    """Every one of METRICS of a histogram, by name."""
    return {name: metric(counts) for name, metric in METRICS.items()}


def band(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, 2.5 % and 97.5 % quantile (linear between values) of a figure over several trainings."""
    low, high = np.quantile(np.asarray(values, float), [0.025, 0.975])
    return float(np.mean(values)), float(low), float(high)


def _shares(counts: np.ndarray) -> np.ndarray:
    total = counts.sum()
    if total <= 0 or (counts < 0).any():
        raise ValueError("a histogram without counts, or with negative ones")
    return np.asarray(counts / total)
