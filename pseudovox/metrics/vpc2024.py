"""The privacy metrics as the code of the VoicePrivacy Challenge 2024 computes them, faults included.

For comparison with published numbers alone: each function says where it differs from the metric of the same name in
the other modules. The EER is not here, since ours is the challenge's.

In calibration, equal scores are sorted non-targets first, so that a tie counts as perfectly separated; and the LLRs
get a ramp of 1e-6 over the list, which keeps them apart.
"""

from __future__ import annotations

import math

import numpy as np

from pseudovox.metrics import roc, zebra
from pseudovox.metrics.linkability import local_linkability
from pseudovox.metrics.ranking import Ranking

RAMP = 1e-6  # from the lowest to the highest score, natural LLR


def cllr(ranking: Ranking) -> float:
    """Cllr through the logistic function: infinite where that underflows (LLRs below about -745)."""
    from scipy.special import expit

    with np.errstate(divide="ignore"):
        targets, nontargets = -np.log2(expit(ranking.scores)), -np.log2(expit(-ranking.scores))
    misses = targets[ranking.targets > 0] @ ranking.targets[ranking.targets > 0]
    false_accepts = nontargets[ranking.nontargets > 0] @ ranking.nontargets[ranking.nontargets > 0]
    return float(misses / ranking.target_total + false_accepts / ranking.nontarget_total) / 2


def min_cllr(ranking: Ranking) -> float:
    """min Cllr with ties separated: all scores equal give 0."""
    steps = split_ties(ranking)
    target, nontarget = _ramped(steps, *_llrs(steps))
    return float(np.logaddexp(0.0, -target).mean() + np.logaddexp(0.0, nontarget).mean()) / (2 * math.log(2.0))


def rocch_eer(ranking: Ranking) -> float:
    """ROCCH-EER in percent with ties separated: all scores equal give 0."""
    return roc.rocch_eer(split_ties(ranking))


def linkability(ranking: Ranking, *, omega: float = 1.0) -> float:
    """D_sys by the trapezoidal rule over the bin centres, which drops half of both end bins.

    0 below 20 targets, since one bin has no extent; NaN where all scores are equal, or some infinite.
    """
    from scipy.integrate import trapezoid

    scores = ranking.scores
    bins = min(int(ranking.target_total // 10), 100)
    if len(scores) < 2 or not np.isfinite(scores).all():
        return float("nan")
    if bins < 2:
        return 0.0
    edges = np.linspace(scores[0], scores[-1], bins + 1)
    targets, _ = np.histogram(scores, edges, weights=ranking.targets, density=True)
    nontargets, _ = np.histogram(scores, edges, weights=ranking.nontargets, density=True)
    local = local_linkability(targets, nontargets, omega)
    # Where there are non-targets alone, D is 0; where there is nothing, its factor is.
    return float(trapezoid(local * targets, (edges[1:] + edges[:-1]) / 2))


def population_disclosure(ranking: Ranking) -> float:
    """ZEBRA's population disclosure in bits; ties are pooled here, but the LLRs have the ramp."""
    target, nontarget = _ramped(split_ties(ranking, targets_first=True), *_llrs(ranking))
    value = zebra.expected_disclosure(target, np.ones(len(target)))
    value += zebra.expected_disclosure(-nontarget, np.ones(len(nontarget)))
    return value / math.log(2.0)


def individual_disclosure(ranking: Ranking) -> float:
    """ZEBRA's individual disclosure in decades, with ties separated and the ramp."""
    steps = split_ties(ranking)
    llrs, trials = zebra.smoothed_llrs(steps.blocks, ranking.target_total, ranking.nontarget_total)
    return float(max(np.abs(part).max() for part in _ramped(steps, llrs, trials)) / math.log(10.0))


def split_ties(ranking: Ranking, *, targets_first: bool = False) -> Ranking:
    """Each tie as two steps of one kind; non-targets first unless asked otherwise."""
    empty = np.zeros(len(ranking.scores))
    order = slice(None, None, -1) if targets_first else slice(None)
    targets = np.stack([empty, ranking.targets][order], axis=1).ravel()
    nontargets = np.stack([ranking.nontargets, empty][order], axis=1).ravel()
    kept = targets + nontargets > 0
    return Ranking(np.repeat(ranking.scores, 2)[kept], targets[kept], nontargets[kept])


def _llrs(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """The LLR of each PAV block and how many trials have it."""
    blocks = ranking.blocks
    return blocks.llrs(ranking.target_total, ranking.nontarget_total), blocks.targets + blocks.nontargets


def _ramped(steps: Ranking, llrs: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The LLR of every single (target, non-target) trial, plus the ramp by its place in the sorted list.

    Args:
        steps: of one kind each, which says where in the list the targets are.
        llrs, trials: LLRs in ascending order, and how many trials have each.
    """
    is_target = np.repeat(steps.targets > 0, (steps.targets + steps.nontargets).astype(np.int64))
    values = np.repeat(llrs, trials.astype(np.int64))
    values = values + np.arange(len(values)) * RAMP / len(values)
    return values[is_target], values[~is_target]
