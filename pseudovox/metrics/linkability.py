"""Linkability: how well single scores tell that two pieces of speech come from one speaker.

Gomez-Barrero et al. (2018), "General framework to evaluate unlinkability in biometric template protection systems",
as the VoicePrivacy Challenge uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pseudovox.metrics.ranking import Ranking

FEWEST_TARGETS = 20  # below, the histogram would have a single bin, which links nothing whatever the scores


@dataclass(frozen=True)
class Linkability:
    """D(s) and what it is computed from.

    Attributes:
        system: D_sys in [0, 1]: 0 = the scores link nothing, 1 = every target is told for sure.
        edges: (bins + 1,) of the score.
        local: (bins,), D(s) in [0, 1].
        targets, nontargets: (bins,), shares of the targets and non-targets.
    """

    system: float
    edges: np.ndarray
    local: np.ndarray
    targets: np.ndarray
    nontargets: np.ndarray


def linkability(ranking: Ranking, *, omega: float = 1.0, allow_few: bool = False) -> Linkability:
    """D_sys = sum over bins of D times the share of targets, with D from the likelihood ratio in the bin.

    min(targets / 10, 100) equal bins lie between the lowest and the highest score, the last one closed. With
    LR = share of targets / share of non-targets, D = 2 omega LR / (1 + omega LR) - 1, at least 0; it is 1 where there
    are targets alone. All scores equal: 0. Inverted scores link as well as others, by definition: an attacker may
    invert them. Infinite scores count in the end bins of the finite ones.

    Args:
        ranking: the trials.
        omega: prior odds of a target.
        allow_few: accept fewer than FEWEST_TARGETS targets, on at least two bins.

    Raises:
        ValueError: too few targets.
    """
    edges = bin_edges(ranking, allow_few=allow_few)
    starts = bin_starts(ranking, edges)
    targets = sums_between(ranking.targets, starts) / ranking.target_total
    nontargets = sums_between(ranking.nontargets, starts) / ranking.nontarget_total
    local = local_linkability(targets, nontargets, omega)
    return Linkability(float(local @ targets), edges, local, targets, nontargets)


def local_linkability(targets: np.ndarray, nontargets: np.ndarray, omega: float = 1.0) -> np.ndarray:
    """D in [0, 1] where the densities (or shares in bins of one width) of targets and non-targets are such."""
    # 2 w LR / (1 + w LR) - 1 = (w t - n) / (w t + n), which needs no special case for n = 0.
    both = omega * targets + nontargets
    return np.maximum(0.0, omega * targets - nontargets) / np.where(both > 0, both, 1.0)


def bin_edges(ranking: Ranking, *, allow_few: bool = False) -> np.ndarray:
    """Edges of the bins, (bins + 1,); see `linkability` for their number and the errors."""
    if ranking.target_total < FEWEST_TARGETS and not allow_few:
        raise ValueError(f"linkability needs at least {FEWEST_TARGETS} target trials, found {ranking.target_total:.0f}")
    bins = max(2, min(int(ranking.target_total // 10), 100))
    finite = ranking.scores[np.isfinite(ranking.scores)]
    low, high = (finite[0], finite[-1]) if len(finite) else (0.0, 0.0)
    if low == high:  # infinite scores, if any, are told apart from the finite one
        return np.array([-np.inf, low, np.nextafter(low, np.inf), np.inf])
    return 2.0 * np.linspace(low / 2.0, high / 2.0, bins + 1)  # halved, lest the range of huge scores overflow


def bin_starts(ranking: Ranking, edges: np.ndarray) -> np.ndarray:
    """The first step of the ranking in each bin, (bins,); a score at an inner edge is in the upper bin."""
    return np.append(0, np.searchsorted(ranking.scores, edges[1:-1]))


def sums_between(counts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sums of (steps, ...) from each start to the next, (starts, ...); 0 where nothing lies between."""
    found = np.zeros((len(starts), *counts.shape[1:]))
    filled = starts < np.append(starts[1:], len(counts))
    found[filled] = np.add.reduceat(counts, starts[filled], axis=0)
    return found
