"""The semi-informed attacker that counts, where it was trained in several ways: the stronger one.

An attack counts as strong as it was trained. The choice is made on the trials that are reported, so it leans towards
the attacker: the worst case for privacy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from pseudovox.records import Record


def means_by_training(records: Sequence[Record]) -> dict[tuple[str, str, str], dict[str, float]]:
    """Mean EER (percent) over the trial lists by the way in which the attacker was trained.

    Ways are compared on the trial lists (groups) that all of them were scored on, where there are such; else each on
    its own. A way without any defined EER has infinity.

    Returns:
        {(system, set, level): {training: mean}}, the strongest (lowest) first; among equals by name.
    """
    found: dict[tuple[str, str, str], dict[str, dict[str, float]]] = {}
    for record in records:
        if record.metric == "eer" and record.attacker == "semi-informed" and record.training:
            lists = found.setdefault((record.system, record.set, record.level), {}).setdefault(record.training, {})
            if record.value is not None and math.isfinite(record.value):
                lists[record.group] = record.value
    means: dict[tuple[str, str, str], dict[str, float]] = {}
    for place in sorted(found):
        ways = found[place]
        scored = [set(lists) for lists in ways.values() if lists]
        shared = set.intersection(*scored) if scored else set()
        own = {}
        for way, lists in ways.items():
            values = [value for group, value in lists.items() if group in shared or not shared]
            own[way] = fmean(values) if values else math.inf
        means[place] = dict(sorted(own.items(), key=lambda item: (item[1], item[0])))
    return means


def headline(records: Sequence[Record]) -> list[Record]:
    """The records without those of attackers that were trained in a weaker way than another one."""
    means = means_by_training(records)
    chosen = {place: next(iter(ways)) for place, ways in means.items()}
    return [
        record
        for record in records
        if not record.training
        or record.training == chosen.get((record.system, record.set, record.level), record.training)
    ]
