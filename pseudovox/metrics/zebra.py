"""ZEBRA: zero-evidence biometric recognition assessment, the disclosure of a population and of its worst-off member.

Nautsch et al. (2020), "The privacy ZEBRA: zero evidence biometric recognition assessment". Scores are calibrated by
PAV, so only their order counts; ties are calibrated together.
"""

from __future__ import annotations

import math

import numpy as np

from pseudovox.metrics.ranking import Blocks, Ranking, pool_adjacent_violators

TAGS = ((1.0, "A"), (2.0, "B"), (4.0, "C"), (5.0, "D"), (6.0, "E"))  # upper ends in decades, inclusive; F above
LARGEST_POPULATION = 0.5 / math.log(2.0)  # bits


def population_disclosure(ranking: Ranking) -> float:
    """Expected disclosure over all priors, in bits: 0 (the scores say nothing) to 1 / (2 ln 2) = 0.7213."""
    blocks = ranking.blocks
    llrs = blocks.llrs(ranking.target_total, ranking.nontarget_total)
    value = expected_disclosure(llrs, blocks.targets) + expected_disclosure(-llrs, blocks.nontargets)
    return min(max(value / math.log(2.0), 0.0), LARGEST_POPULATION)


def individual_disclosure(ranking: Ranking) -> float:
    """The strongest evidence on any trial, in decades of the odds (log10): 0 upwards.

    The largest |LLR| after PAV with Laplace's smoothing: a target and a non-target are added below all scores, and
    both above them, so that it stays finite. In a list of other than as many targets as non-targets the smoothing
    alone leaves a little: with all scores equal, the log10 of (targets + 1) / (non-targets + 1) over
    targets / non-targets.
    """
    llrs, _ = smoothed_llrs(ranking.blocks, ranking.target_total, ranking.nontarget_total)
    return float(np.abs(llrs).max() / math.log(10.0))


def tag(individual: float) -> str:
    """The category of an individual disclosure in decades: 0 (none), A (up to 1), B (2), C (4), D (5), E (6), F.

    Raises:
        ValueError: it is negative or NaN.
    """
    if not individual >= 0:
        raise ValueError(f"individual disclosure {individual}, expected 0 or more decades")
    if individual <= np.finfo(np.float64).eps:
        return "0"
    return next((name for end, name in TAGS if individual <= end), "F")


def expected_disclosure(llrs: np.ndarray, weights: np.ndarray) -> float:
    """1/4 + 1/2 mean of (x - b) / b^2, b = e^x - 1: nats, of LLRs x that speak for the truth.

    Args:
        llrs: (n,), natural; infinite ones add nothing to the mean, those within 1e-6 of 0 the limit, -1/2.
        weights: (n,), counts.
    """
    kept = weights > 0
    x, weights = llrs[kept], weights[kept]
    terms = np.zeros(len(x))
    small = np.abs(x) <= 1e-6
    terms[small] = -0.5
    inside = ~small & np.isfinite(x) & (x < 350.0)  # above, e^2x would overflow and the term is 0
    b = np.expm1(x[inside])
    terms[inside] = (x[inside] - b) / b**2
    return float(0.25 + 0.5 * (terms @ weights) / weights.sum())


def smoothed_llrs(blocks: Blocks, target_total: float, nontarget_total: float) -> tuple[np.ndarray, np.ndarray]:
    """LLRs after PAV with Laplace's smoothing.

    Args:
        blocks: of PAV without it; pooled once more here, together with the added trials, which comes to the same.
        target_total, nontarget_total: of the list, without the added trials.

    Returns:
        (llrs, trials), (blocks,): natural LLRs in ascending order, and how many trials of the list have each.
    """
    ends = np.array([1.0, 0.0])
    pooled = pool_adjacent_violators(
        np.concatenate([ends, blocks.targets, ends]), np.concatenate([1.0 - ends, blocks.nontargets, 1.0 - ends])
    )
    places = np.append(0.0, np.cumsum(pooled.targets + pooled.nontargets))
    trials = np.diff(np.clip(places, 2.0, places[-1] - 2.0))  # less the added two at either end
    return pooled.llrs(target_total, nontarget_total)[trials > 0], trials[trials > 0]
