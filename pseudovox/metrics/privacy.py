"""All privacy metrics of a trial list at once, from one sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from pseudovox.metrics import calibration, linkability, roc, vpc2024, zebra
from pseudovox.metrics.eer import equal_error_of
from pseudovox.metrics.ranking import Ranking, rank

LIKE = ("vpc2024",)  # whose published behaviour can be had instead of ours

# name: (unit, range, whether a higher value means more privacy); docs/metrics.md defines them.
METRICS = {
    "eer": ("%", (0.0, 100.0), True),
    "rocch_eer": ("%", (0.0, 50.0), True),
    "cllr": ("bit", (0.0, float("inf")), True),
    "min_cllr": ("bit", (0.0, 1.0), True),
    "min_dcf": ("", (0.0, 1.0), True),
    "linkability": ("", (0.0, 1.0), False),
    "zebra_population": ("bit", (0.0, zebra.LARGEST_POPULATION), False),
    "zebra_individual": ("decade", (0.0, float("inf")), False),
}


def privacy_metrics(
    target: np.ndarray, nontarget: np.ndarray, *, like: str = "", allow_few: bool = False
) -> dict[str, Any]:
    """Every metric of METRICS, `zebra_tag`, and the counts `n_target` and `n_nontarget`.

    Args:
        target, nontarget: scores, (targets,) and (non-targets,); higher speaks for a target.
        like: "" or one of LIKE.
        allow_few: compute linkability below 20 targets too.

    Raises:
        ValueError: no scores of a kind, NaN, too few targets, or another `like`.
    """
    return metrics_of(rank(target, nontarget), like=like, allow_few=allow_few)


def metrics_of(ranking: Ranking, *, like: str = "", allow_few: bool = False) -> dict[str, Any]:
    """As `privacy_metrics`, of trials that are ranked already."""
    if like not in ("", *LIKE):
        raise ValueError(f"like {like!r}, expected one of {', '.join(LIKE)}")
    linked: float
    if like:
        linked = vpc2024.linkability(ranking)
    else:
        linked = linkability.linkability(ranking, allow_few=allow_few).system
    individual = (vpc2024 if like else zebra).individual_disclosure(ranking)
    return {
        "eer": 100.0 * equal_error_of(ranking).rate,
        "rocch_eer": (vpc2024 if like else roc).rocch_eer(ranking),
        "cllr": (vpc2024 if like else calibration).cllr(ranking),
        "min_cllr": (vpc2024 if like else calibration).min_cllr(ranking),
        "min_dcf": roc.min_dcf(ranking),
        "linkability": linked,
        "zebra_population": (vpc2024 if like else zebra).population_disclosure(ranking),
        "zebra_individual": individual,
        "zebra_tag": zebra.tag(individual),
        "n_target": int(ranking.target_total),
        "n_nontarget": int(ranking.nontarget_total),
    }
