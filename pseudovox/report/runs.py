"""Several runs of one recipe, e.g. of different seeds, in one table: means and extremes of every figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pseudovox.core.errors import UsageError
from pseudovox.records import Record


def mean_over_runs(runs: Sequence[Sequence[Record]]) -> list[Record]:
    """The mean of each figure over runs, with the lowest and the highest in the place of an interval's ends.

    Args:
        runs: the records of each run, of two or more. A figure that one of them lacks, or has undefined, is left out.

    Returns:
        records as of one run, sorted by key; `n` counts runs, `details` are those on which all runs agree.

    Raises:
        UsageError: fewer than two runs, or no figure that all of them have.
    """
    if len(runs) < 2:
        raise UsageError(f"{len(runs)} run: a mean needs two or more")
    by_key = [{record.key(): record for record in run if record.value is not None} for run in runs]
    shared = sorted(set.intersection(*(set(found) for found in by_key)))
    if not shared:
        raise UsageError("the runs have no figure in common", "give runs of the same recipe and systems")
    means = []
    for key in shared:
        records = [found[key] for found in by_key]
        values = [record.value for record in records if record.value is not None]
        common = {
            name: value
            for name, value in records[0].details.items()
            if all(record.details.get(name) == value for record in records)
        }
        means.append(
            replace(
                records[0],
                value=sum(values) / len(values),
                ci_low=min(values),
                ci_high=max(values),
                n=len(runs),
                n_of="runs",
                details=common,
            )
        )
    return means
