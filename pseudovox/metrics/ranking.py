"""Trials ranked by score: what every metric that depends on the order of scores alone is computed from.

One sort serves all metrics. Equal scores stand together, so that no metric can depend on the order inside a tie; and
trials are counted, so that a resample of the trials is the same ranking with other counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Blocks:
    """Neighbouring scores that pool-adjacent-violators (PAV) puts together, in ascending order.

    Attributes:
        targets, nontargets: float64 (blocks,), how many trials of each kind; never both 0.
    """

    targets: np.ndarray
    nontargets: np.ndarray

    def llrs(self, target_total: float, nontarget_total: float) -> np.ndarray:
        """Log-likelihood ratio (natural) of each block, (blocks,): the odds of its targets over those of the list.

        Infinite in a block of one kind alone.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.targets / target_total) - np.log(self.nontargets / nontarget_total)


@dataclass(frozen=True)
class Ranking:
    """The distinct scores of a trial list, and how many trials of each kind have them.

    Attributes:
        scores: float64 (steps,), strictly ascending; the ends may be infinite.
        targets, nontargets: float64 (steps,), counts (or weights of a resample, which may be 0).
    """

    scores: np.ndarray
    targets: np.ndarray
    nontargets: np.ndarray

    @cached_property
    def target_total(self) -> float:
        return float(self.targets.sum())

    @cached_property
    def nontarget_total(self) -> float:
        return float(self.nontargets.sum())

    @cached_property
    def blocks(self) -> Blocks:
        """The isotonic regression of "is a target" on the score: fewest errors of any monotone calibration."""
        return pool_adjacent_violators(self.targets, self.nontargets)

    def as_float32(self) -> Ranking:
        """The same trials with scores rounded to float32; scores that become equal are put together."""
        with np.errstate(over="ignore"):
            rounded = self.scores.astype(np.float32)
        first = np.append(True, rounded[1:] != rounded[:-1])
        if first.all():
            return self
        starts = np.flatnonzero(first)
        return Ranking(
            rounded[starts].astype(np.float64),
            np.add.reduceat(self.targets, starts),
            np.add.reduceat(self.nontargets, starts),
        )


def rank(target: np.ndarray, nontarget: np.ndarray) -> Ranking:
    """Rank a trial list. O(n log n).

    Args:
        target, nontarget: scores, (targets,) and (non-targets,), at least one of each; higher speaks for a target.

    Raises:
        ValueError: no scores of a kind, or NaN.
    """
    target, nontarget = of_both_kinds(target, nontarget)
    scores = np.sort(np.concatenate([target, nontarget]))
    first = np.append(True, scores[1:] != scores[:-1])
    trials = np.ones(len(scores))
    if not first.all():
        starts = np.flatnonzero(first)
        scores, trials = scores[starts], np.diff(np.append(starts, len(scores))).astype(np.float64)
    # Few searches in order are faster than to sort places along with the scores.
    fewer = min(target, nontarget, key=len)
    counts = np.bincount(np.searchsorted(scores, np.sort(fewer)), minlength=len(scores)).astype(np.float64)
    others = trials - counts
    return Ranking(scores, counts, others) if fewer is target else Ranking(scores, others, counts)


def of_both_kinds(target: np.ndarray, nontarget: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores as float64 (targets,) and (non-targets,); ValueError: none of a kind, or NaN."""
    target, nontarget = np.asarray(target, np.float64).ravel(), np.asarray(nontarget, np.float64).ravel()
    if not len(target) or not len(nontarget):
        raise ValueError(f"{len(target)} target and {len(nontarget)} non-target scores: at least one of each is needed")
    nans = sum(int(np.count_nonzero(np.isnan(kind))) for kind in (target, nontarget))
    if nans:
        raise ValueError(f"{nans} scores are NaN")
    return target, nontarget


def pool_adjacent_violators(targets: np.ndarray, nontargets: np.ndarray) -> Blocks:
    """Pool neighbours until the share of targets rises from block to block. O(n).

    Args:
        targets, nontargets: counts in ascending order of the score, (steps,); steps of no trials are left out.
    """
    from scipy.optimize import isotonic_regression

    trials = targets + nontargets
    if not trials.all():
        kept = trials > 0
        targets, nontargets, trials = targets[kept], nontargets[kept], trials[kept]
    starts = isotonic_regression(targets / trials, weights=trials).blocks[:-1]
    return Blocks(np.add.reduceat(targets, starts), np.add.reduceat(nontargets, starts))
