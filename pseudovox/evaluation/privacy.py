"""Privacy metrics of a trial list with their intervals, ready for json."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np

from pseudovox.metrics.intervals import TrialList, bootstrap_intervals, distinct_speakers, ranked
from pseudovox.metrics.linkability import FEWEST_TARGETS
from pseudovox.metrics.privacy import METRICS, metrics_of

log = logging.getLogger("pseudovox")


def measure(
    trials: TrialList,
    generator: np.random.Generator,
    *,
    replicates: int = 1000,
    like: str = "",
    allow_few: bool = False,
) -> dict[str, Any]:
    """The metrics of `privacy_metrics`, and of each number `<key>_ci`, its 95 % interval over speakers.

    What is undefined or infinite is None (and logged), as are intervals of fewer than two speakers or 0 replicates.
    Linkability of fewer than 20 targets is None, and `linkability_undefined` says why, unless `allow_few` or `like`.

    Args:
        trials: the scored list.
        generator: of the resamples.
        replicates: resamples; 0 = no intervals.
        like, allow_few: see `privacy_metrics`.

    Raises:
        ValueError: as `privacy_metrics`.
    """
    targets = int(trials.target.sum())
    few = targets < FEWEST_TARGETS and not (allow_few or like)
    options: dict[str, Any] = {"like": like, "allow_few": allow_few or few}
    ranking = ranked(trials)
    found = metrics_of(ranking, **options)
    intervals = {}
    if replicates:
        known: dict[str, Any] = {"ranking": ranking, "figures": found}
        intervals = bootstrap_intervals(trials, generator, replicates=replicates, **options, **known)
    if few:
        found["linkability"] = math.nan
        found["linkability_undefined"] = f"{targets} target trials; it needs {FEWEST_TARGETS}"
        intervals.pop("linkability", None)
    for name in METRICS:
        if not math.isfinite(found[name]):
            log.warning("%s is %s", name, "undefined" if math.isnan(found[name]) else "infinite")
        found[name] = _plain(found[name])
        found[f"{name}_ci"] = [_plain(end) for end in intervals[name]] if name in intervals else None
    return {**found, "n_speakers": len(distinct_speakers(trials)), "replicates": replicates, "like": like}


def _plain(value: float) -> float | None:
    return round(value, 9) if math.isfinite(value) else None
