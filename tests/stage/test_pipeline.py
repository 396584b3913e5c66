"""Reading ahead and writing beside: bounded, in order, errors told; a job for each GPU, of which none is there."""

from __future__ import annotations

import argparse
import functools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from test_parallel import Louder, arguments, digests

from pseudovox.core.errors import DataError, SomeUtterancesFailed
from pseudovox.data.datadir import DataDir
from pseudovox.data.utterance import Utterance, read_audio
from pseudovox.stage import device, parallel
from pseudovox.stage.pipeline import Ahead, Beside, Readers

SECONDS = {"a": 10.0, "b": 5.0, "c": 5.0, "d": 40.0, "e": 1.0}


def utterances(*names: str) -> list[Ahead]:
    data: Any = SimpleNamespace(duration=lambda name: SECONDS[name])
    return [Ahead.of(Utterance(data, name)) for name in names]


def test_what_comes_next_is_read_within_the_bound() -> None:
    began: list[str] = []

    def read(utterance: Utterance) -> str:
        began.append(utterance.id)
        return utterance.id.upper()

    first, second = utterances("a", "b", "c"), utterances("d", "e")
    with Readers([("one", first), ("two", second)], read, threads=1, seconds=16.0) as readers:
        seen = []
        for group, own in readers:
            for utterance in own:
                readers.fill()
                time.sleep(0.01)
                seen.append((group, utterance.given(read)))
                if utterance.id == "a":
                    assert began == ["a", "b"]  # the third would be more than 16 seconds
                readers.done([utterance])
    assert seen == [("one", "A"), ("one", "B"), ("one", "C"), ("two", "D"), ("two", "E")]
    assert sorted(began) == ["a", "b", "c", "d", "e"]  # each once
    assert first[0].given(read) == "A"  # whoever asks again has it read again


def test_an_error_of_reading_is_raised_where_it_is_wanted() -> None:
    def read(utterance: Utterance) -> None:
        raise ValueError(utterance.id)

    (only,) = utterances("a")
    with Readers([(0, [only])], read, threads=1, seconds=1.0) as readers:
        readers.fill()
        with pytest.raises(ValueError, match="a"):
            only.given(read)


def test_beside_keeps_the_order_and_waits_for_room() -> None:
    done: list[int] = []
    gate = threading.Event()
    with Beside(10.0) as beside:
        beside.call(lambda: (gate.wait(), done.append(0))[1], 8.0)  # type: ignore[func-returns-value]
        threading.Timer(0.1, gate.set).start()
        started = time.monotonic()
        for number in range(1, 5):
            beside.call(functools.partial(done.append, number), 4.0)
        assert time.monotonic() - started > 0.05  # there was no room for the first of them
    assert done == [0, 1, 2, 3, 4]


def test_beside_raises_what_a_function_raised() -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), Beside(10.0) as beside:
        beside.call(fail)
        for _ in range(100):
            beside.call(lambda: time.sleep(0.01))
    with pytest.raises(OSError, match="No space"), Beside(10.0) as beside:
        beside.call(fail)
    began = []
    with pytest.raises(KeyError), Beside(10.0) as beside:
        beside.call(lambda: time.sleep(0.05), 1.0)
        beside.call(lambda: began.append(1), 1.0)
        raise KeyError
    assert not began


class Later:
    """Reads ahead, works on batches, and finishes beside; `bad` is lost in the last part."""

    read = staticmethod(read_audio)

    def __init__(self, device: str, bad: str = "") -> None:
        self.bad = bad

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, Callable[[], dict[str, np.ndarray]]]]:
        for utterance in batch:
            samples = utterance.given(self.read)
            yield utterance, functools.partial(self._made, utterance.id, samples)

    def _made(self, name: str, samples: np.ndarray) -> dict[str, np.ndarray]:
        time.sleep(0.001 * (hash(name) % 7))
        if name == self.bad:
            raise ValueError("lost")
        return {"moments": np.array([samples.mean(), samples.std()])}


@pytest.fixture
def as_on_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine takes the processor for a GPU."""
    monkeypatch.setattr(parallel, "BATCHED", ("cpu", "cuda"))
    monkeypatch.setattr(parallel, "is_cuda", lambda device: True)
    monkeypatch.setattr(parallel, "_free_memory", lambda device: None)
    monkeypatch.setattr(parallel, "PIECE_UTTERANCES", 5)


def extract(data: DataDir, out: str, bad: str = "", **changes: object) -> None:
    args: argparse.Namespace = arguments(**changes)
    worker = functools.partial(Later, bad=bad)
    parallel.map_utterances(args, [data], Path(out), settings={}, worker=lambda: worker, arrays=("moments",))


def test_batches_finished_beside_give_the_same_bytes(
    tiny_data: DataDir, as_on_gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in (0.1, 1.7, 100):
        extract(tiny_data, f"by{seconds}", batch_seconds=seconds)
    expected = {name: value for name, value in digests(Path("by0.1")).items() if name.endswith(".ark")}
    assert len(expected) == 3
    for seconds in (1.7, 100):
        found = digests(Path(f"by{seconds}"))
        assert {name: found[name] for name in expected} == expected
    monkeypatch.setattr(parallel, "is_cuda", lambda device: False)
    extract(tiny_data, "plain")
    assert {name: digests(Path("plain"))[name] for name in expected} == expected


def test_what_is_lost_beside_is_listed_and_the_rest_is_kept(tiny_data: DataDir, as_on_gpus: None) -> None:
    with pytest.raises(SomeUtterancesFailed, match="m1-2: ValueError: lost"):
        extract(tiny_data, "out", bad="m1-2")
    assert Path("out/tiny.partial/failed.tsv").read_text() == "m1-2\tValueError: lost\n"
    assert [path.name for path in sorted(Path("out/tiny.partial").glob("*.ark"))] == ["moments.1.ark", "moments.3.ark"]
    extract(tiny_data, "out")
    assert not Path("out/tiny/failed.tsv").exists()


def test_a_full_disk_ends_the_step(tiny_data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "x.wav")

    monkeypatch.setattr("pseudovox.data.audio.write_wav", full)
    with pytest.raises(DataError, match="No space left on device"):
        parallel.map_utterances(
            arguments(), [tiny_data], Path("out"), settings={}, worker=lambda: Louder, audio=True
        )  # fmt: skip


def test_each_gpu_has_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert device.job_devices("cuda", 16) == ["cuda:0", "cuda:1", "cuda:2"]
    assert device.job_devices("cuda", 2) == ["cuda:0", "cuda:1"]  # (two pieces are waiting)
    assert device.job_devices("cuda:2", 16) == ["cuda:2"]
    assert device.job_devices("cpu", 2) == ["cpu", "cpu"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device.job_devices("cuda", 16) == ["cuda"]


def test_several_devices_give_the_same_bytes_as_one(tiny_data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs, each with a device of its own, as where there are two GPUs."""
    monkeypatch.setattr(parallel, "PIECE_UTTERANCES", 3)
    asked = []
    monkeypatch.setattr(parallel, "job_devices", lambda device, nj: asked.append((device, nj)) or ["cpu", "cpu"])
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parents[2]}")
    extract(tiny_data, "two", device="auto", nj=4)
    monkeypatch.setattr(parallel, "job_devices", lambda device, nj: ["cpu"])
    extract(tiny_data, "one", nj=1)
    assert asked == [("cpu", 4)]
    one, two = (
        {name: value for name, value in digests(Path(out)).items() if name.endswith(".ark")} for out in ("one", "two")
    )
    assert one == two and len(one) == 4
