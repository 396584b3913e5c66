"""Batches of utterances of like duration, bounded in seconds of padded audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def by_duration(items: Sequence[Item], durations: Sequence[float], batch_seconds: float) -> Iterator[list[Item]]:
    """Group items so that (longest duration) x (number of items) stays within `batch_seconds`.

    Longest first, so that memory peaks at once; an item longer than the bound is a batch of its own. Items of one
    batch have like durations, which keeps padding small. The grouping depends on the arguments alone.
    """
    order = sorted(range(len(items)), key=lambda index: (-durations[index], index))
    batch: list[Item] = []
    longest = 0.0
    for index in order:
        if batch and longest * (len(batch) + 1) > batch_seconds:
            yield batch
            batch = []
        if not batch:
            longest = durations[index]
        batch.append(items[index])
    if batch:
        yield batch
