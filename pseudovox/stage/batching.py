"""Batches of utterances of like duration, bounded in seconds of padded audio, and by what memory has held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def by_duration(
    items: Sequence[Item], durations: Sequence[float], batch_seconds: float | Callable[[float], float]
) -> Iterator[list[Item]]:
    """Group items so that (longest duration) x (number of items) stays within `batch_seconds`.

    Longest first, so that memory peaks at once; an item longer than the bound is a batch of its own. Items of one
    batch have like durations, which keeps padding small. The grouping depends on the arguments alone.

    Args:
        items: of any kind.
        durations: of the items, seconds.
        batch_seconds: the bound, or the bound for a longest duration; it is asked when a batch is begun, so that it may
            change from one batch to the next.
    """
    order = sorted(range(len(items)), key=lambda index: (-durations[index], index))
    batch: list[Item] = []
    longest = bound = 0.0
    for index in order:
        if batch and longest * (len(batch) + 1) > bound:
            yield batch
            batch = []
        if not batch:
            longest = durations[index]
            bound = batch_seconds(longest) if callable(batch_seconds) else batch_seconds
        batch.append(items[index])
    if batch:
        yield batch


class Memory:
    """How much padded audio a device's memory held at once, by duration; learnt where it ended, kept for a whole job.

    Where n utterances of d seconds were too many, half of them are the bound for that duration, in whole seconds, and
    for longer ones. For shorter ones, which were not tried, the bound grows as d / duration, as if memory went by the
    square of the duration, and at most to what was asked for: it falls again if that was too much, at the cost of one
    failure for a duration.

    Args:
        most: padded seconds in a batch.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self._held: dict[int, float] = {}  # padded seconds, by duration in whole seconds, rounded up

    def ended(self, count: int, longest: float) -> None:
        """So many utterances, the longest of `longest` seconds, did not fit."""
        half = max(1, count // 2) * longest
        place = math.ceil(longest)
        self._held[place] = min(half, self._held.get(place, math.inf))

    def bound(self, longest: float) -> float:
        """Padded seconds for a batch whose longest utterance has so many seconds."""
        place = math.ceil(longest)
        found = [self.most, *(held for tried, held in self._held.items() if tried <= place)]
        longer = [tried for tried in self._held if tried > place]
        if longer:
            nearest = min(longer)
            found.append(self._held[nearest] * nearest / max(longest, 0.1))
        return min(found)


def out_of_memory(error: BaseException) -> bool:
    """Whether memory, of a GPU or of the machine, is what was lacking."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("out of memory", "allocate memory", "32-bit index math")
    )
