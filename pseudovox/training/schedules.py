"""Learning rates by update, and the weight of an adversary by round: plain functions of their number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pseudovox.core.errors import UsageError

if TYPE_CHECKING:
    from pseudovox.config import Training

SCHEDULES = ("cosine", "linear", "cyclic", "constant")


def rounds_of(options: Training) -> int:
    """Rounds of a training, the last one possibly shorter."""
    return max(1, -(-options.updates // max(1, options.round_updates)))


def rate_factor(options: Training, update: int) -> float:
    """The learning rate at an update (the first is 0) as a multiple of `learning_rate`.

    cosine    rises linearly over `warmup` updates, then falls as half a cosine to a hundredth
    linear    constant within a round; in equal steps from round to round down to `base_rate` in the last
    cyclic    triangles between `base_rate` and `learning_rate`, `step_size` updates up and as many down (Smith 2017)
    constant  `learning_rate`

    linear and constant begin with the warm-up as well; cyclic is its own.

    Raises:
        UsageError: another schedule.
    """
    lowest = options.base_rate / options.learning_rate if options.learning_rate else 1.0
    if options.schedule == "cyclic":
        position = (update % (2 * options.step_size)) / options.step_size
        return lowest + (1.0 - lowest) * (1.0 - abs(position - 1.0))
    if options.schedule not in SCHEDULES:
        raise UsageError(f"training.schedule: {options.schedule!r}: expected {', '.join(SCHEDULES)}")
    if update < options.warmup:
        return (update + 1) / options.warmup
    if options.schedule == "cosine":
        progress = (update - options.warmup) / max(1, options.updates - options.warmup)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    if options.schedule == "linear":
        last = rounds_of(options) - 1
        share = min(update // max(1, options.round_updates), last) / last if last else 0.0
        return 1.0 + (lowest - 1.0) * share
    return 1.0


def adversary_weight(number: int, rounds: int, *, zero: int, full: int, largest: float) -> float:
    """Weight of the gradient-reversal layer in a round; SpAnE's al_weight (Franzreb et al., arXiv 2508.09803).

    0 in the first `zero` rounds, `largest` in the last `full` or so, and in between the ramp
    linspace(0, largest, rounds - full - zero + 2) without its first value.

    Args:
        number: of the round, from 0.
        rounds: in all.
        zero, full: n_epochs_zero and n_epochs_max.
        largest: max_weight.
    """
    if number < zero:
        return 0.0
    if number > rounds - full:
        return largest
    return largest * (number - zero + 1) / (rounds - full - zero + 1)
