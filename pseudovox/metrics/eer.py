"""Equal error rate, as the VoicePrivacy Challenge 2024 defines it, in one sort.

Higher scores speak for a target trial. The candidate thresholds are the distinct scores and the midpoints between
neighbours; the lowest one with the smallest |FAR - FRR| is taken, and the EER is the mean of both rates there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pseudovox.metrics.ranking import Ranking, rank


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
    return equal_error_of(rank(target, nontarget))


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


def bootstrap_interval(
    scores: np.ndarray,
    target: np.ndarray,
    speakers: np.ndarray,
    generator: np.random.Generator,
    *,
    rounds: int = 200,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Confidence interval of the EER over enrolled speakers, by resampling them (with all their trials).

    Simple form: speakers are drawn with replacement and weight their trials; test speakers are not resampled.

    Args:
        scores: (trials,).
        target: bool (trials,).
        speakers: the enrolled speaker's number in each trial, int (trials,), 0..n-1.
        generator: draws the speakers.
        rounds: resamples.

    Returns:
        (lower, upper) in percent.
    """
    order = np.argsort(scores, kind="stable")
    scores, target, speakers = scores[order].astype(np.float32), target[order], speakers[order]
    last = np.append(scores[1:] != scores[:-1], True)  # the last trial of each tie: where a threshold may lie
    count = int(speakers.max()) + 1
    weights = generator.multinomial(count, np.full(count, 1 / count), size=rounds)
    rates = []
    for weight in weights:
        trials = weight[speakers]
        rejected, passed = np.cumsum(trials * target), np.cumsum(trials * ~target)
        if not rejected[-1] or not passed[-1]:
            continue  # only speakers without target (or without non-target) trials were drawn
        false_rejects, false_accepts = rejected[last] / rejected[-1], 1 - passed[last] / passed[-1]
        best = np.argmin(np.abs(false_accepts - false_rejects))
        rates.append(50.0 * (false_rejects[best] + false_accepts[best]))
    if not rates:
        raise ValueError("no resample holds both target and non-target trials")
    tail = 50.0 * (1 - confidence)
    lower, upper = np.percentile(rates, [tail, 100.0 - tail])
    return float(lower), float(upper)
