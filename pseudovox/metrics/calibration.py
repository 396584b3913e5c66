"""Cllr and min Cllr: what the scores are worth as log-likelihood ratios, in bits.

Brümmer and du Preez (2006), "Application-independent evaluation of speaker detection".
"""

from __future__ import annotations

import numpy as np

from pseudovox.metrics.ranking import Ranking


def cllr(ranking: Ranking) -> float:
    """Cllr of scores that are natural log-likelihood ratios, in bits: 0 is perfect, no upper bound.

    The mean of two means: log2(1 + e^-s) over targets and log2(1 + e^s) over non-targets. 1 = as good as LLRs that
    are all 0; infinite if a target has -inf or a non-target +inf.
    """
    return _cost(ranking.scores, ranking.targets, ranking.nontargets)


def min_cllr(ranking: Ranking) -> float:
    """Cllr of the scores after the best monotone calibration (PAV), in bits: 0 (separated) to 1 (no information).

    It depends on the order of the scores alone; ties are calibrated together. Never above Cllr.
    """
    blocks = ranking.blocks
    llrs = blocks.llrs(ranking.target_total, ranking.nontarget_total)
    return min(1.0, _cost(llrs, blocks.targets, blocks.nontargets))  # above 1 by rounding alone


def target_costs(llrs: np.ndarray) -> np.ndarray:
    """log2(1 + e^-llr) of each target, without overflow."""
    return np.logaddexp(0.0, -llrs) / np.log(2.0)


def nontarget_costs(llrs: np.ndarray) -> np.ndarray:
    """log2(1 + e^llr) of each non-target, without overflow."""
    return np.logaddexp(0.0, llrs) / np.log(2.0)


def _cost(llrs: np.ndarray, targets: np.ndarray, nontargets: np.ndarray) -> float:
    is_target, is_nontarget = targets > 0, nontargets > 0  # 0 trials at an infinite cost cost nothing
    misses = target_costs(llrs[is_target]) @ targets[is_target] / targets.sum()
    false_accepts = nontarget_costs(llrs[is_nontarget]) @ nontargets[is_nontarget] / nontargets.sum()
    return float(misses + false_accepts) / 2
