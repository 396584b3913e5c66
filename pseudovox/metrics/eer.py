"""Equal error rate, as the VoicePrivacy Challenge 2024 defines it.

Higher scores speak for a target trial. The candidate thresholds are the distinct scores and the midpoints between
neighbours; the lowest one with the smallest |FAR - FRR| is taken, and the EER is the mean of both rates there.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from pseudovox.metrics.ranking import Ranking, of_both_kinds


@dataclass(frozen=True)
class EqualError:
    """Error rates in [0, 1] where they are (nearly) equal, and the threshold; scores up to it are rejected."""

    rate: float
    threshold: float


def equal_error(target: np.ndarray, nontarget: np.ndarray) -> EqualError:
    """The equal error rate.

    FRR(threshold) is the share of target scores <= threshold, FAR(threshold) that of non-target scores above it, so
    ties count as rejected. Scores are compared as float32. O(n log n).

    Args:
        target, nontarget: scores, (targets,) and (non-targets,), at least one of each; infinite ones are the extremes.

    Raises:
        ValueError: no scores of a kind, or NaN.
    """
    with np.errstate(over="ignore"):
        kinds = [np.sort(scores.astype(np.float32)) for scores in of_both_kinds(target, nontarget)]
    targets, nontargets = map(len, kinds)

    def errors(threshold: np.float32) -> tuple[int, int]:
        """How many targets are rejected there, and how many non-targets accepted."""
        rejected = [int(np.searchsorted(scores, threshold, side="right")) for scores in kinds]
        return rejected[0], nontargets - rejected[1]

    def gap(threshold: np.float32) -> int:
        """FRR - FAR in whole numbers; it rises from each score to the next, so that the crossing can be bisected."""
        rejected, accepted = errors(threshold)
        return rejected * nontargets - accepted * targets

    places = [bisect_left(scores, 0, key=gap) for scores in kinds]  # type: ignore[call-overload]
    after = min(scores[place] for scores, place in zip(kinds, places, strict=True) if place < len(scores))
    before = [scores[place - 1] for scores, place in zip(kinds, places, strict=True) if place]
    best = min([*sorted(before)[-1:], after], key=lambda threshold: abs(gap(threshold)))  # the lower one of two alike
    rejected, accepted = errors(best)
    return EqualError((rejected / targets + accepted / nontargets) / 2, float(best))


def equal_error_of(ranking: Ranking) -> EqualError:
    """As `equal_error`, of trials that are ranked already."""
    steps = ranking.as_float32()
    # A midpoint splits the scores as the score below it does, so it never comes first; except that the midpoint of
    # adjacent float32 numbers may round up to the upper one, which is a candidate anyway.
    rejected = np.cumsum(steps.targets)
    accepted = steps.nontarget_total - np.cumsum(steps.nontargets)
    # |FAR - FRR| in whole numbers: equal differences must compare equal for the first of them to be found.
    gap = np.abs(accepted * steps.target_total - rejected * steps.nontarget_total)
    best = int(np.argmin(gap))
    rate = (rejected[best] / steps.target_total + accepted[best] / steps.nontarget_total) / 2
    return EqualError(float(rate), float(steps.scores[best]))


def eer(target: np.ndarray, nontarget: np.ndarray) -> float:
    """The equal error rate in percent; see `equal_error`."""
    return 100.0 * equal_error(target, nontarget).rate
