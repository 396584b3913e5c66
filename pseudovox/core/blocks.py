"""Long recordings in blocks: where to cut, and how much is worked out on both sides of a block so that no cut shows.

Memory is bounded by SECONDS, not by the recording. A block is worked out with a context before and behind it, which is
thrown away: as much as the result at any place can depend on (a filter's length, a network's receptive field), or,
where there is no such bound (a search for the best path), as much as it takes to settle. What is not longer than a
block is worked on whole. Results do not depend on SECONDS, to rounding; where they would (WORLD's noise), cuts are made
in pauses that the recording alone decides (`pauses`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SECONDS = 60.0  # of a block
_listeners: list[Callable[[float], None]] = []


@dataclass(frozen=True)
class Block:
    """A part of a signal: [start, end) is wanted, [first, last) is worked out; all in samples, or in frames."""

    start: int
    end: int
    first: int
    last: int

    @property
    def worked(self) -> slice:
        """What is worked out, within the whole."""
        return slice(self.first, self.last)

    @property
    def kept(self) -> slice:
        """What is wanted, within what is worked out."""
        return slice(self.start - self.first, self.end - self.first)


def size(rate: float) -> int:
    """Samples (or frames) of a block at so many a second, at least one."""
    return max(1, round(SECONDS * rate))


def cut(length: int, longest: int, context: int = 0, multiple: int = 1) -> list[Block]:
    """The blocks of a signal.

    Args:
        length: of the signal.
        longest: of a block; a signal that is not longer is one block without context.
        context: before and behind a block, as far as there is any.
        multiple: blocks start, and all but the last end, at multiples of this, contexts too.
    """
    if length <= longest:
        return [Block(0, length, 0, length)]
    longest, context = _rounded(longest, context, multiple)
    return [
        Block(start, min(start + longest, length), max(start - context, 0), min(start + longest + context, length))
        for start in range(0, length, longest)
    ]


def stream(
    pieces: Iterable[np.ndarray], longest: int, context: int = 0, multiple: int = 1
) -> Iterator[tuple[Block, np.ndarray]]:
    """The blocks that `cut` makes of a signal that comes in pieces (n, ...), each with what is worked out of it."""
    import numpy as np

    whole = longest
    longest, context = _rounded(longest, context, multiple)
    held: list[np.ndarray] = []
    first = start = have = 0  # `held` goes from first to have
    for piece in pieces:
        held.append(piece)
        have += len(piece)
        while have >= start + longest + context and have > whole:
            signal = np.concatenate(held)
            block = Block(start, start + longest, first, start + longest + context)
            yield block, signal[: block.last - first]
            start += longest
            held = [signal[max(start - context, 0) - first :].copy()]
            first = max(start - context, 0)
    if not have:
        return
    signal = np.concatenate(held)
    while have > whole and start + longest < have:
        block = Block(start, start + longest, max(start - context, 0), min(start + longest + context, have))
        yield block, signal[block.first - first : block.last - first]
        start += longest
    if start < have:
        block = Block(start, have, max(start - context, 0), have)
        yield block, signal[block.first - first :]


def pauses(voiced: np.ndarray, shortest: int, longest: int) -> list[int]:
    """Where a recording is cut into stretches, by its voicing alone: in the middle of the longest pause within reach.

    Args:
        voiced: bool (frames,).
        shortest, longest: frames of a stretch; only the last one may be shorter. Where there is no pause between them,
            the cut is at the longest.

    Returns:
        the first frame of every stretch, 0 first.
    """
    import numpy as np

    cuts = [0]
    while len(voiced) - cuts[-1] > longest:
        low = cuts[-1] + shortest
        silent = np.flatnonzero(~voiced[low : cuts[-1] + longest])
        if not len(silent):
            cuts.append(cuts[-1] + longest)
            continue
        runs = np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1)
        run = max(runs, key=len)
        cuts.append(low + int(run[len(run) // 2]))
    return cuts


@contextlib.contextmanager
def watched(listener: Callable[[float], None]) -> Iterator[None]:
    """Have `listener` told what share of a recording is done, from 0 to 1, while this lasts (see `report`)."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextlib.contextmanager
def part(number: int, of: int) -> Iterator[None]:
    """What is reported while this lasts is of one part, counted from 0, of several that are worked on in turn."""
    before = list(_listeners)
    _listeners[:] = [lambda share, tell=tell: tell((number + share) / of) for tell in before]  # type: ignore[misc]
    try:
        yield
    finally:
        _listeners[:] = before


def report(share: float) -> None:
    """Say how much of the recording at hand is done; called after every block of what takes most of a step's time."""
    for listener in _listeners:
        listener(share)


def _rounded(longest: int, context: int, multiple: int) -> tuple[int, int]:
    """The length of a block rounded down and its context up to multiples, of at least one."""
    return max(longest // multiple, 1) * multiple, -(-context // multiple) * multiple
