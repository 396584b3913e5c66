"""Error rates at every threshold: ROC and DET points, the convex hull and its EER, the detection cost.

A score is rejected up to the threshold and accepted above it, as for the EER of the VPC (metrics.eer).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pseudovox.metrics.ranking import Ranking


class Rates(NamedTuple):
    """Error rates by rising threshold, from accepting everything to rejecting everything.

    Attributes:
        thresholds: (points,), the highest score that is rejected; none is at the first point, which says -inf.
        false_accepts, false_rejects: (points,), in [0, 1].
    """

    thresholds: np.ndarray
    false_accepts: np.ndarray
    false_rejects: np.ndarray


def roc_points(ranking: Ranking) -> Rates:
    """The error rates at every threshold that makes a difference, and at -inf."""
    return Rates(
        np.append(-np.inf, ranking.scores),
        1.0 - np.append(0.0, np.cumsum(ranking.nontargets)) / ranking.nontarget_total,
        np.append(0.0, np.cumsum(ranking.targets)) / ranking.target_total,
    )


def det_points(ranking: Ranking) -> Rates:
    """The points of the DET curve: error rates as normal deviates (probit), where both lie between 0 and 1."""
    from scipy.special import ndtri

    thresholds, accepts, rejects = roc_points(ranking)
    inside = (accepts > 0) & (accepts < 1) & (rejects > 0) & (rejects < 1)
    return Rates(thresholds[inside], ndtri(accepts[inside]), ndtri(rejects[inside]))


def hull_points(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (false accepts, false rejects) of the lower convex hull of the ROC, from (1, 0) to (0, 1).

    They follow from PAV: each block is an edge of the hull.
    """
    blocks = ranking.blocks
    accepts = 1.0 - np.append(0.0, np.cumsum(blocks.nontargets)) / ranking.nontarget_total
    rejects = np.append(0.0, np.cumsum(blocks.targets)) / ranking.target_total
    return accepts, rejects


def rocch_eer(ranking: Ranking) -> float:
    """EER of the ROC's convex hull in percent, in [0, 50]: where the hull crosses false accepts = false rejects.

    Ties are one step of the ROC. Inverted scores give 50: a hull never says worse than guessing.
    """
    accepts, rejects = hull_points(ranking)
    gap = rejects - accepts  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(100.0 * (rejects[after - 1] + share * (rejects[after] - rejects[after - 1])))


def min_dcf(
    ranking: Ranking, *, target_prior: float = 0.01, miss_cost: float = 1.0, false_accept_cost: float = 1.0
) -> float:
    """Normalised minimum of the detection cost function (NIST), in [0, 1]; 1 = no better than without scores.

    min over thresholds of miss_cost * prior * FRR + false_accept_cost * (1 - prior) * FAR, over the cheaper of
    rejecting everything and accepting everything.

    Raises:
        ValueError: the prior does not lie between 0 and 1, or a cost is not positive.
    """
    if not 0 < target_prior < 1 or miss_cost <= 0 or false_accept_cost <= 0:
        raise ValueError(f"prior {target_prior}, costs {miss_cost} and {false_accept_cost}: expected a prior in (0, 1)")
    accepts, rejects = hull_points(ranking)  # a linear cost is least at a vertex of the hull
    miss, false_accept = miss_cost * target_prior, false_accept_cost * (1 - target_prior)
    return float(np.min(miss * rejects + false_accept * accepts) / min(miss, false_accept))
