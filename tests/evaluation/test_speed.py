"""Measuring speed: lengths, the search for the best batch with a machine that is made up, and peak memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pseudovox.config import Speed
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir
from pseudovox.evaluation import speed

OPTIONS = Speed(durations=[1.0, 3.0], warm_ups=2, repetitions=3, largest_batch=16)


def test_speech_of_exactly_the_length() -> None:
    signal = np.arange(20000, dtype=np.float32)
    assert np.array_equal(speed.exactly(signal, 1.0), signal[:16000])
    long = speed.exactly(signal, 3.0)
    assert len(long) == 48000 and np.array_equal(long[20000:40000], signal) and long.dtype == np.float32


class Machine:
    """Takes 0.2 s for a call, and 0.1 s for a second of speech; the first two calls of a batch take longer."""

    def __init__(self, largest: int = 1000) -> None:
        self.calls: list[tuple[int, int]] = []
        self.largest = largest

    def run(self, batch: Sequence[np.ndarray]) -> dict[str, float]:
        self.calls.append((len(batch), len(batch[0])))
        if len(batch) > self.largest:
            raise RuntimeError("CUDA out of memory. Tried to allocate 1 GiB")
        cold = 5.0 if self.calls.count(self.calls[-1]) <= 2 else 0.0
        return {"embed": 0.2 + cold, "synthesize": 0.1 * sum(map(len, batch)) / 16000}


def test_rows_time_their_own_length_and_find_the_best_batch() -> None:
    machine = Machine()
    rows = speed.measure_all(machine.run, np.ones(8000, np.float32), OPTIONS, "cpu")
    assert {samples for _, samples in machine.calls} == {16000, 48000}
    assert [(row.seconds, row.batch) for row in rows] == [(1.0, 1), (1.0, 16), (3.0, 1), (3.0, 8)]
    assert rows[0].factor == pytest.approx(0.3) and rows[0].parts == pytest.approx({"embed": 0.2, "synthesize": 0.1})
    assert rows[1].factor == pytest.approx(0.1 + 0.2 / 16)
    assert rows[2].factor == pytest.approx(0.1 + 0.2 / 3), "what is said once a call weighs less on longer speech"
    assert rows[0].low == rows[0].high == rows[0].factor and all(row.peak_mib > 10 for row in rows)


def test_memory_that_ends_is_no_error_and_other_errors_are() -> None:
    rows = speed.measure_all(Machine(largest=4).run, np.ones(8000, np.float32), OPTIONS, "cpu")
    assert [(row.seconds, row.batch) for row in rows] == [(1.0, 1), (1.0, 4), (3.0, 1), (3.0, 4)]

    def broken(batch: Sequence[np.ndarray]) -> dict[str, float]:
        if len(batch) > 1:
            raise RuntimeError("shapes differ")
        return {"embed": 1.0}

    with pytest.raises(RuntimeError, match="shapes differ"):
        speed.measure_all(broken, np.ones(8000, np.float32), OPTIONS, "cpu")


def test_peak_memory_sees_what_was_allocated() -> None:
    def small(batch: Sequence[np.ndarray]) -> dict[str, float]:
        return {"embed": 1.0}

    def large(batch: Sequence[np.ndarray]) -> dict[str, float]:
        return {"embed": float(np.ones(2**25).sum())}  # 256 MiB

    signal, options = np.ones(16000, np.float32), Speed(warm_ups=1, repetitions=1)
    before = speed.measure(small, signal, 1.0, 1, options, "cpu").peak_mib
    assert speed.measure(large, signal, 1.0, 1, options, "cpu").peak_mib > before + 200


def test_steps_of_a_system_are_timed_without_their_output(tiny_data: DataDir) -> None:
    command = ["steps/anonymize_mcadams.py", "--suffix", "m", "data/tiny", "made"]
    system = speed.StepSystem([command], ["--device", "cpu"], "cpu")
    long = np.full(24000, 0.1, np.float32)
    assert speed.Held.of(tiny_data, "f1-0", long).duration == 1.5
    found = system.run([long, long])
    assert list(found) == ["anonymize_mcadams"] and found["anonymize_mcadams"] > 0 and not Path("made").exists()
    for wrong, said in (
        (["steps/anonymize_mcadams.py", "nowhere", "made"], "cannot be measured: it ends with code 3"),
        (["utils/validate_data_dir.py", "--no-feats", "data/tiny"], "it does not go over utterances"),
    ):
        with pytest.raises(DataError, match=said):
            speed.StepSystem([wrong], [], "cpu")
