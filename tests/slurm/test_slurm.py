"""Jobs on a real Slurm: one job array a step; killed, requeued and cancelled jobs; the same bytes as from local jobs.

The cluster is one node on the loopback, tests/slurm/start_cluster.sh. Run it by `tests/run.sh -m slurm` (as root).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir

pytestmark = pytest.mark.slurm
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
JOBS = 4
PATIENCE = 600.0  # seconds before a test gives up: of use on a machine that is busy with other work


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """The folder of a running cluster."""
    parent = Path(tempfile.mkdtemp(prefix="pseudovox-slurm-"))
    parent.chmod(0o755)  # munged runs as a user of its own
    folder = parent / "cluster"
    started = subprocess.run([HERE / "start_cluster.sh", folder], capture_output=True, text=True)
    if started.returncode == 4 and os.environ.get("PSEUDOVOX_SLURM_TESTS") != "required":
        pytest.skip(started.stderr.strip())
    assert started.returncode == 0, started.stderr
    yield folder
    subprocess.run([HERE / "stop_cluster.sh", folder], check=True)
    shutil.rmtree(parent)


@pytest.fixture
def step(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.Popen[str]]:
    """Start steps/extract_f0.py (slow enough to be caught at work) on two data dirs a job: `step("slurm")`."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    names = [f"part{number}" for number in range(2 * JOBS)]
    for name in names:
        tables: dict[str, dict[str, str]] = {"wav.scp": {}, "utt2spk": {}}
        for number in range(3):
            path = tmp_path / "wav" / f"{name}-{number}.wav"
            path.parent.mkdir(exist_ok=True)
            tone = np.sin(2 * np.pi * 120 * np.arange(5 * 16000) / 16000)
            write_wav(path, 0.1 * tone + 0.01 * generator.standard_normal(len(tone)))
            tables["wav.scp"][f"{name}-{number}"] = f"wav/{path.name}"
            tables["utt2spk"][f"{name}-{number}"] = name
        DataDir(f"data/{name}", tables).write()
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "SLURM_CONF": str(cluster / "slurm.conf"),
        "PSEUDOVOX_SLURM_TIME": "10", "PSEUDOVOX_SLURM_CPUS": "1", "PSEUDOVOX_SLURM_PARTITION": "test",
        "PSEUDOVOX_SLURM_MEMORY": "500M",
    }  # fmt: skip
    monkeypatch.setenv("SLURM_CONF", environment["SLURM_CONF"])
    wait_for(lambda: not queue() and not tasks())  # the jobs of the test before take a moment to go

    def start(place: str, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "steps/extract_f0.py"), "--nj", str(JOBS), "--set", "f0.method=harvest"]
        return subprocess.Popen(
            [*command, *(f"data/{name}" for name in names), f"out_{place}"],
            stderr=subprocess.PIPE, text=True, env={**environment, "PSEUDOVOX_CMD": place, **more},
        )  # fmt: skip

    return start


def finish(process: subprocess.Popen[str], seconds: float = PATIENCE) -> str:
    _, shown = process.communicate(timeout=seconds)
    assert process.returncode == 0, shown
    return shown


def digests(folder: Path) -> dict[str, str]:
    """Content of every file but logs, markers and the folder's name in scps."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(
            path.read_bytes().replace(folder.name.encode(), b"OUT")
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {"log", "tensorboard"} & set(path.parts) and path.name != ".done.json"
    }


def tasks() -> dict[str, int]:
    """Array index (empty for a job alone) -> process id of the jobs at work."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if b"submitit.core._submit" not in (entry / "cmdline").read_bytes():
                continue
            pairs = [item.partition(b"=") for item in (entry / "environ").read_bytes().split(b"\0")]
        except OSError:
            continue
        environment = {key.decode(): value.decode(errors="replace") for key, _, value in pairs}
        if environment.get("SLURM_CONF") == os.environ["SLURM_CONF"] and "SLURM_PROCID" in environment:
            found[environment.get("SLURM_ARRAY_TASK_ID", "")] = int(entry.name)
    return found


def wait_for(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.05)


def queue() -> list[str]:
    return subprocess.run(["squeue", "--noheader"], capture_output=True, text=True).stdout.splitlines()


def pieces() -> list[Path]:
    return list(Path().glob("out_slurm/*.partial/f0.1.scp"))


def test_killed_and_requeued_jobs_give_the_same_bytes(step: Callable[..., subprocess.Popen[str]]) -> None:
    finish(step("local"))
    running = step("slurm")
    wait_for(lambda: len(pieces()) >= 1 and len(tasks()) >= 2)
    before = {path: path.stat().st_mtime_ns for path in pieces()}
    victim, preempted = list(tasks().values())[:2]
    os.kill(victim, signal.SIGKILL)
    os.kill(preempted, signal.SIGUSR2)  # what Slurm sends before a time limit
    shown = finish(running)
    assert "it is started again" in shown and "4 jobs on Slurm" in shown
    assert digests(Path("out_slurm")) == digests(Path("out_local"))
    for path, time_written in before.items():
        name = path.parent.name.removesuffix(".partial")
        assert Path(f"out_slurm/{name}/f0.1.scp").stat().st_mtime_ns == time_written, "made again"
    logs = "".join(path.read_text() for path in Path("out_slurm").rglob("*_log.err"))
    assert "requeu" in logs.lower()
    assert list(Path("out_slurm").rglob("*.pkl")) == []
    assert "skipped" in finish(step("slurm"))


def test_interrupted_step_cancels_its_jobs_and_a_killed_one_leaves_them_to_the_next(
    step: Callable[..., subprocess.Popen[str]],
) -> None:
    running = step("slurm")
    wait_for(tasks)
    running.send_signal(signal.SIGTERM)
    _, shown = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130 and "interrupted" in shown
    wait_for(lambda: not queue())
    running = step("slurm")
    wait_for(tasks)
    old = set(tasks().values())
    running.kill()
    running.communicate()
    assert queue()
    again = step("slurm")
    wait_for(lambda: tasks() and not old & set(tasks().values()))
    finish(again)
    finish(step("local"))
    assert digests(Path("out_slurm")) == digests(Path("out_local"))


def test_training_is_a_job_that_goes_on_from_its_checkpoint(step: Callable[..., object], cluster: Path) -> None:
    data = Path("data/part0")
    (data / "phones.ctm").write_text("".join(f"part0-{n} 1 0.0 2.0 sil\npart0-{n} 1 2.0 3.0 aa\n" for n in range(3)))
    settings = (
        "channels=16 factor=0 variants=0 validation=1 quantizer_start=4 dimension=16"
        " training.updates=30 training.round_updates=2 training.batch_size=2"
    )
    command = [sys.executable, str(ROOT / "steps/train_bottleneck.py"), "--device", "cpu"]
    command += [word for key in settings.split() for word in ("--set", f"bottleneck.{key}")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PSEUDOVOX_SLURM_TIME": "10"}

    def train(place: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, str(data), f"out_{place}"], stderr=subprocess.PIPE, text=True,
            env={**environment, "PSEUDOVOX_CMD": place},
        )  # fmt: skip

    running = train("slurm")
    wait_for(Path("out_slurm.partial/checkpoints/last.ckpt").exists)
    for process in tasks().values():
        os.kill(process, signal.SIGUSR2)
    shown = finish(running)
    assert "1 jobs on Slurm" in shown
    logs = "".join(path.read_text() for path in Path("out_slurm").rglob("*_log.err"))
    assert "going on from" in logs
    finish(train("local"))
    assert digests(Path("out_slurm")) == digests(Path("out_local"))


def test_what_slurm_refuses_is_told(step: Callable[..., subprocess.Popen[str]]) -> None:
    running = step("slurm", PSEUDOVOX_SLURM_PARTITION="gpus")
    _, shown = running.communicate(timeout=PATIENCE)
    assert running.returncode == 2 and "Traceback" not in shown
    assert "Slurm did not take the jobs" in shown and "--partition=gpus" in shown


def test_job_that_fails_shows_the_end_of_its_log(step: Callable[..., subprocess.Popen[str]]) -> None:
    running = step("slurm", PSEUDOVOX_SLURM_OPTIONS="--export=NONE")  # no PYTHONPATH in the job: a broken environment
    _, shown = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1 and "Traceback" not in shown.split("the end of")[0]
    assert "the end of" in shown and "_log.err" in shown
