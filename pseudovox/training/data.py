"""What the batch sources share: features computed once and kept in memory, epochs of batches of like lengths."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import numpy as np

Key = TypeVar("Key")
Value = TypeVar("Value")  # an array, or a tuple of arrays


class FeatureCache(Generic[Key, Value]):
    """Arrays by key, computed when first asked for and kept as long as they fit.

    `compute` must depend on its key alone, so that what is kept, and when, never shows in the result: beyond the
    limit an array is simply computed again each time. Several threads may ask at once.

    Args:
        compute: key -> array, or tuple of arrays; e.g. utterance id -> (frames, n).
        limit_bytes: of arrays kept, in this process.
    """

    def __init__(self, compute: Callable[[Key], Value], limit_bytes: int = 2**31) -> None:
        self.compute = compute
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self.full = False  # something did not fit
        self._kept: dict[Key, Value] = {}
        self._lock = threading.Lock()

    def __getitem__(self, key: Key) -> Value:
        found = self._kept.get(key)
        if found is not None:
            return found
        value = self.compute(key)
        size = _bytes(value)
        with self._lock:
            if key not in self._kept:
                if self.bytes + size <= self.limit_bytes:
                    self._kept[key] = value
                    self.bytes += size
                else:
                    self.full = True
        return value

    def __getstate__(self) -> dict[str, Any]:
        # Sent to a loader process without what was kept: it would be copied through a pipe.
        return {**self.__dict__, "_kept": {}, "bytes": 0, "full": False, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def warm(self, keys: Iterable[Key], threads: int = 0) -> None:
        """Compute ahead, in as many threads as there are cores unless told otherwise, until the limit is reached.

        Torch, NumPy and libsndfile let other threads run while they compute, so threads are enough; torch itself
        is held to one thread per call meanwhile.
        """
        import torch

        threads = threads or len(os.sched_getaffinity(0))

        def one(key: Key) -> None:
            if not self.full:
                _ = self[key]  # kept by the look-up

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                for _ in pool.map(one, keys):
                    pass
        finally:
            torch.set_num_threads(before)


def _bytes(value: Any) -> int:
    return sum(array.nbytes for array in (value if isinstance(value, tuple) else (value,)))


def pooled(
    keys: Sequence[Key], length: Callable[[Key], float], size: int, draw: np.random.Generator
) -> list[list[Key]]:
    """The batches of an epoch: keys drawn, sorted by length in pools of ten batches, the batches drawn again.

    Every key is in one batch, but for a last part batch, which is left out unless it is the only one.
    """
    drawn = [keys[index] for index in draw.permutation(len(keys))]
    count = max(1, len(drawn) // size)
    pool = 10 * size
    ordered: list[Key] = []
    for start in range(0, len(drawn), pool):
        ordered += sorted(drawn[start : start + pool], key=lambda key: (length(key), key))
    batches = [ordered[index * size : (index + 1) * size] for index in range(count)]
    return [batches[index] for index in draw.permutation(count)]


def cut(frames: np.ndarray, start: int, length: int) -> np.ndarray:
    """`length` frames from `start` on; an array that is too short is repeated from its beginning.

    Args:
        frames: (frames, n), at least one frame.
    """
    if start + length <= len(frames):
        return frames[start : start + length]
    return frames[np.arange(start, start + length) % len(frames)]


def emphasis(deviation: np.ndarray, power: float) -> np.ndarray:
    """What to multiply normalised coefficients by, so that errors of those that vary more count more.

    Args:
        deviation: natural standard deviations (coefficients,).
        power: 0 = all count the same; 1 = squared errors count as in natural units.

    Returns:
        (coefficients,), mean square 1.
    """
    weight = deviation**power
    return weight / np.sqrt(np.square(weight).mean())
