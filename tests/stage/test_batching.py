"""Batches by duration, and the memory of what fitted: with a device that is made up, and through the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir
from pseudovox.stage import batching, parallel
from pseudovox.stage.batching import Memory, by_duration


def test_batches_stay_within_their_seconds() -> None:
    durations = [1.0, 4.0, 2.0, 4.0, 9.0, 1.0]
    assert list(by_duration("abcdef", durations, 8.0)) == [["e"], ["b", "d"], ["c", "a", "f"]]
    assert list(by_duration("abcdef", durations, 0.0)) == [["e"], ["b"], ["d"], ["c"], ["a"], ["f"]]
    asked: list[float] = []
    found = by_duration("abcdef", durations, lambda longest: asked.append(longest) or (4.0 if longest < 4 else 8.0))
    assert list(found) == [["e"], ["b", "d"], ["c", "a"], ["f"]] and asked == [9.0, 4.0, 2.0, 1.0]


def test_what_fitted_is_remembered_by_duration() -> None:
    memory = Memory(120.0)
    assert memory.bound(10.0) == 120.0
    memory.ended(12, 9.6)
    assert memory.bound(9.9) == memory.bound(20.0) == pytest.approx(6 * 9.6)
    assert memory.bound(8.0) == pytest.approx(57.6 * 10 / 8.0) and memory.bound(2.0) == 120.0
    memory.ended(9, 7.9)
    assert memory.bound(8.0) == pytest.approx(4 * 7.9)
    assert memory.bound(9.9) == pytest.approx(4 * 7.9), "longer ones hold no more"
    memory.ended(1, 7.9)
    assert memory.bound(8.0) == 7.9


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), True),
        (RuntimeError("canUse32BitIndexMath: input tensor must fit into 32-bit index math"), True),
        (MemoryError(), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_memory(error: Exception, lacking: bool) -> None:
    assert batching.out_of_memory(error) == lacking


class Device:
    """Holds so many padded seconds; what is more is out of memory."""

    holds, tried, failures = 2.0, [], 0  # type: ignore[var-annotated]

    def __init__(self, device: str) -> None:
        Device.tried, Device.failures = [], 0

    def process(self, batch: list[parallel.Utterance]) -> Iterator[tuple[parallel.Utterance, dict[str, np.ndarray]]]:
        Device.tried.append(len(batch))
        if max(one.duration for one in batch) * len(batch) > self.holds:
            Device.failures += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        for utterance in batch:
            yield utterance, {"mean": utterance.audio().mean(keepdims=True)}


def test_a_job_does_not_fail_in_the_same_way_twice(tiny_data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve utterances of 0.5 to 0.8 s in pieces of four: all four of a piece are too many, two are not."""
    monkeypatch.setattr(parallel, "BATCHED", ("cpu",))
    monkeypatch.setattr(parallel, "PIECE_UTTERANCES", 4)
    pieces = parallel._pieces(tiny_data, type("Out", (), {"path": Path("out"), "final": Path("out")}), ("mean",))
    Path("out").mkdir()
    job = parallel._Job(pieces, Device, "cpu", 120.0, Path("out/progress"))
    assert parallel._run_job(job).failed == []
    assert Device.tried == [4, 2, 2, 2, 2, 2, 2] and Device.failures == 1
    for number in (1, 2, 3):
        assert len(read_scp(Path(f"out/mean.{number}.scp")).entries) == 4
