"""All privacy metrics of a trial list at once, from one sort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pseudovox.metrics import calibration, linkability, roc, vpc2024, zebra
from pseudovox.metrics.eer import equal_error_of
from pseudovox.metrics.ranking import Ranking, rank

LIKE = ("vpc2024",)  # whose published behaviour can be had instead of ours


@dataclass(frozen=True)
class Metric:
    """A metric of a trial list; docs/metrics.md defines them.

    Attributes:
        unit: of its figures; "" for none.
        range: least and greatest value.
        private_when_high: whether a higher value means more privacy.
        of: the figure of a ranked trial list. (EER, Cllr and linkability of resamples: intervals.py has faster ways.)
        title: over its column in the details of a report; "" = it is in none.
        decimals: that are shown there.
        recorded: runs report it (results.json).
    """

    unit: str
    range: tuple[float, float]
    private_when_high: bool
    of: Callable[[Ranking], float]
    title: str = ""
    decimals: int = 2
    recorded: bool = True


METRICS = {
    "eer": Metric("%", (0.0, 100.0), True, lambda ranking: 100.0 * equal_error_of(ranking).rate),
    "rocch_eer": Metric("%", (0.0, 50.0), True, roc.rocch_eer, "ROCCH-EER %", 1),
    "min_cllr": Metric("bit", (0.0, 1.0), True, calibration.min_cllr, "min Cllr"),
    "cllr": Metric("bit", (0.0, float("inf")), True, calibration.cllr, "Cllr"),
    "min_dcf": Metric("", (0.0, 1.0), True, roc.min_dcf, recorded=False),
    "linkability": Metric(
        "", (0.0, 1.0), False, lambda ranking: linkability.linkability(ranking).system, "linkability"
    ),
    "zebra_population": Metric(
        "bit", (0.0, zebra.LARGEST_POPULATION), False, zebra.population_disclosure, "ZEBRA population"
    ),
    "zebra_individual": Metric(
        "decade", (0.0, float("inf")), False, zebra.individual_disclosure, "ZEBRA individual", 1
    ),
}
# What the VPC 2024's own code makes of the same lists (like: vpc2024); the others are as above.
_VPC2024 = {
    "rocch_eer": vpc2024.rocch_eer,
    "cllr": vpc2024.cllr,
    "min_cllr": vpc2024.min_cllr,
    "linkability": vpc2024.linkability,
    "zebra_population": vpc2024.population_disclosure,
    "zebra_individual": vpc2024.individual_disclosure,
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
    found: dict[str, Any] = {}
    for name, metric in METRICS.items():
        if like and name in _VPC2024:
            found[name] = _VPC2024[name](ranking)
        elif name == "linkability":
            found[name] = linkability.linkability(ranking, allow_few=allow_few).system
        else:
            found[name] = metric.of(ranking)
    return {
        **found,
        "zebra_tag": zebra.tag(found["zebra_individual"]),
        "n_target": int(ranking.target_total),
        "n_nontarget": int(ranking.nontarget_total),
    }
