"""Fan-out: order of results, failures with the end of their log, ends of jobs; Slurm's options (no cluster needed)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pseudovox.core.errors import DataError, UsageError
from pseudovox.stage import jobs


def double(value: int) -> int:
    return 2 * value


def spoil(value: int) -> int:
    if value == 1:
        raise DataError("data/x/wav.scp:3: not a sound", "take it out")
    return value


def crash(value: int) -> int:
    print("before the crash", file=sys.stderr, flush=True)
    if value == 1:
        raise ValueError("an unforeseen thing")
    return value


def fill(value: int) -> int:
    if value == 1:
        raise OSError(28, "No space left on device", "some/file")
    return value


@pytest.fixture(autouse=True)
def jobs_find_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (here, here.parent))))
    monkeypatch.delenv("PSEUDOVOX_CMD", raising=False)


def test_results_come_in_order_and_only_logs_stay(tmp_path: Path) -> None:
    assert jobs.run(double, [3, 1], [tmp_path]) == [6, 2]
    left = [path.name for path in (tmp_path / "jobs").iterdir()]
    assert left and all(name.endswith((".out", ".err")) for name in left)


def test_error_for_the_user_comes_back_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a sound") as caught:
        jobs.run(spoil, [0, 1], [tmp_path])
    assert caught.value.hint == "take it out"
    with pytest.raises(DataError, match="some/file: No space left on device"):
        jobs.run(fill, [0, 1], [tmp_path])


def test_crash_shows_the_end_of_the_log_and_its_path(tmp_path: Path) -> None:
    with pytest.raises(jobs.JobFailed) as caught:
        jobs.run(crash, [0, 1], [tmp_path])
    assert "ValueError: an unforeseen thing" in str(caught.value)
    assert f"the end of {tmp_path}/jobs/" in str(caught.value)


def test_one_payload_runs_here_and_is_polled(tmp_path: Path) -> None:
    polled: list[int] = []

    def slow(value: int) -> int:
        time.sleep(0.5)
        return os.getpid()

    assert jobs.run(slow, [1], [tmp_path], poll=lambda: polled.append(1)) == [os.getpid()]
    assert polled and list(tmp_path.iterdir()) == []


def test_job_ends_when_the_process_that_started_it_is_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    code = f"import time; from pseudovox.stage.jobs import _die_with; _die_with({gone.pid}); time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == -9


def test_unknown_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSEUDOVOX_CMD", "slrum")
    with pytest.raises(UsageError, match=r"PSEUDOVOX_CMD is 'slrum' \(cmd.sh\); expected local or slurm"):
        jobs.run(double, [1], [tmp_path])


def test_slurm_without_srun_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSEUDOVOX_CMD", "slurm")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no srun on this machine"):
        jobs.run(double, [1], [tmp_path])


@pytest.mark.parametrize(
    ("text", "minutes"), [("90", 90), ("1:30:00", 90), ("2-00:00:00", 2880), ("0:00:20", 1), ("0:01:01", 2)]
)
def test_time_limits_are_read_as_slurm_writes_them(text: str, minutes: int) -> None:
    assert jobs._minutes(text) == minutes


def test_wrong_time_limit_is_told() -> None:
    with pytest.raises(UsageError, match="PSEUDOVOX_SLURM_TIME is '4h'; expected minutes, hours:minutes:seconds"):
        jobs._minutes("4h")


def test_wrong_number_of_cores_is_told() -> None:
    with pytest.raises(UsageError, match="PSEUDOVOX_SLURM_CPUS is 'two'; expected a whole number"):
        jobs._whole("two")
