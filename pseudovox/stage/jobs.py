"""Fan-out: the same function on several payloads, each in a job of its own, by submitit.

Where jobs run is cmd.sh's choice, PSEUDOVOX_CMD:

    local   processes on this machine. They die with the step that started them.
    slurm   one job array on a cluster; what a job is given is PSEUDOVOX_SLURM_* (cmd.sh explains them). A job that is
            preempted, or comes near its time limit, is requeued and goes on with what it had not done; one that ends
            without a result (killed, node lost, out of memory) is requeued up to LIVES times. A step that is
            interrupted cancels its jobs; those of a step that was killed are cancelled by its next run.

Jobs share the output dir (on a cluster: a shared file system) and nothing else. A job that fails ends the step with the
last lines of its log and the log's path.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pseudovox.core.errors import DataError, PseudovoxError, UsageError

log = logging.getLogger("pseudovox")
PLACES = ("local", "slurm")
LIVES = 2  # times that a Slurm job which vanished is started again
NAME_FILE = "slurm_job"  # in an output's log folder: the name of the jobs that write it
_POLL_SECONDS = 0.2
_SQUEUE_SECONDS = 3.0
_RESULT_SECONDS = 60.0  # a network file system may show the result of an ended job so much later
_YEAR_MINUTES = 525_600  # submitit ends a local job after 2 minutes unless told otherwise
_ENDED = {
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED",
}  # fmt: skip

_HINTS = {
    "OUT_OF_MEMORY": "give jobs more memory (PSEUDOVOX_SLURM_MEMORY), or smaller batches (--batch-seconds)",
    "TIMEOUT": "give jobs more time (PSEUDOVOX_SLURM_TIME)",
}


class JobFailed(PseudovoxError):
    """A job ended without a result; the message holds the last lines of its log."""


def place() -> str:
    """Where jobs run: "local" or "slurm"; UsageError for anything else in PSEUDOVOX_CMD."""
    asked = os.environ.get("PSEUDOVOX_CMD") or "local"
    if asked not in PLACES:
        raise UsageError(f"PSEUDOVOX_CMD is {asked!r} (cmd.sh); expected {' or '.join(PLACES)}")
    return asked


def run(
    function: Callable[[Any], Any],
    payloads: Sequence[Any],
    log_dirs: Sequence[Path],
    *,
    name: str = "job",
    poll: Callable[[], None] | None = None,
) -> list[Any]:
    """Call `function(payload)` for every payload, each in a job of its own.

    One payload alone runs in this process, unless jobs go to a cluster.

    Args:
        function: importable by name from the package (it is sent to other processes).
        payloads: one per job; plain picklable values made by us, never read from data.
        log_dirs: log folders of the outputs that the jobs write; the jobs' own logs go below the first.
        name: of the jobs, in the cluster's queue and in messages; the step's.
        poll: called a few times a second while waiting (progress).

    Returns:
        the results, in the order of the payloads.

    Raises:
        JobFailed: a job died; PseudovoxError: raised by the function in a job; UsageError: no such place for jobs.
    """
    folder = Path(os.path.abspath(log_dirs[0])) / "jobs"
    if place() == "slurm":
        return _run_on_slurm(function, payloads, folder, log_dirs, name, poll)
    if len(payloads) == 1:
        with _polling(poll):
            return [function(payloads[0])]
    import submitit

    folder.mkdir(parents=True, exist_ok=True)
    executor = submitit.LocalExecutor(folder)
    executor.update_parameters(timeout_min=_YEAR_MINUTES)
    jobs: list[Any] = []
    try:
        for payload in payloads:
            jobs.append(executor.submit(_Task(function, payload, os.getpid())))
        while not all(job.done() for job in jobs):
            if poll:
                poll()
            time.sleep(_POLL_SECONDS)
        return [_result(job) for job in jobs]
    finally:
        for job in jobs:
            if not job.done():
                job.cancel(check=False)
        _remove_pickles(folder)


# ---------------------------------------------------------------------- in the job
class _Task:
    """What a job runs. submitit asks `checkpoint` what to run after a preemption or a time limit: the same again."""

    def __init__(self, function: Callable[[Any], Any], payload: Any, parent: int | None) -> None:
        self.function, self.payload, self.parent = function, payload, parent
        self.verbose = log.isEnabledFor(logging.DEBUG)

    def __call__(self) -> Any:
        """The function's result; an error that a user is meant to read is handed back as a value."""
        if self.parent is not None:
            threading.Thread(target=_die_with, args=(self.parent,), daemon=True).start()
        log_to(sys.stderr, verbose=self.verbose)
        try:
            return self.function(self.payload)
        except PseudovoxError as error:
            return error
        except OSError as error:
            if error.errno is None:
                raise
            return DataError(f"{error.filename or 'output'}: {error.strerror}")

    def checkpoint(self) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def log_to(stream: Any, *, verbose: bool = False) -> None:
    """Show the package's log on a stream, once: messages alone, without time or level."""
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    log.propagate = False
    logging.raiseExceptions = False  # a log that cannot be written (disk full) must not print tracebacks
    if not any(type(handler) is logging.StreamHandler for handler in log.handlers):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)


def _die_with(parent: int) -> None:
    # After `kill -9` of the step nobody would end its jobs, and they would write beside the next run's.
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.5)


# ---------------------------------------------------------------------- Slurm
def _run_on_slurm(
    function: Callable[[Any], Any], payloads: Sequence[Any], folder: Path, log_dirs: Sequence[Path], name: str,
    poll: Callable[[], None] | None,
) -> list[Any]:  # fmt: skip
    executor, options = _slurm_executor(folder)
    name = f"pseudovox.{name}.{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    for log_dir in log_dirs:
        _cancel_left_over(log_dir / NAME_FILE)
        log_dir.mkdir(parents=True, exist_ok=True)
        (log_dir / NAME_FILE).write_text(f"{name}\n")
    executor.update_parameters(job_name=name)
    with _signals_interrupt():
        try:
            from submitit.core.utils import FailedJobError

            try:
                jobs = executor.submit_array([_Task(function, payload, None) for payload in payloads])
            except FailedJobError as error:
                raise UsageError(
                    f"Slurm did not take the jobs: {error}",
                    f"correct in cmd.sh what is asked of Slurm: {options or 'no options'}",
                ) from None
            log.info("%s: %d jobs on Slurm, number %s", name, len(jobs), jobs[0].job_id.split("_")[0])
            log.info("  watch them: squeue --name=%s; tail -f %s/*.err", name, folder)
            _wait(jobs, poll)
            results = [_result(job) for job in jobs]
        except BaseException:
            _cancel(name)
            raise
    for log_dir in log_dirs:
        (log_dir / NAME_FILE).unlink(missing_ok=True)
    _remove_pickles(folder)
    return results


def _slurm_executor(folder: Path) -> tuple[Any, str]:
    """submitit's executor with what PSEUDOVOX_SLURM_* ask for, and that in words."""
    import submitit

    asked = {key: os.environ.get(f"PSEUDOVOX_SLURM_{key.upper()}", "") for key in _SLURM_FLAGS}
    flags: dict[str, Any] = {_SLURM_FLAGS[key]: value for key, value in asked.items() if value}
    for word in os.environ.get("PSEUDOVOX_SLURM_OPTIONS", "").split():
        key, equals, value = word.removeprefix("--").partition("=")
        flags[key] = value if equals else True
    flags.setdefault("requeue", True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # A long recipe on a busy partition is preempted often, and every time goes on: so often it may.
        executor = submitit.SlurmExecutor(folder, max_num_timeout=1000)
    except RuntimeError:
        raise UsageError(
            "PSEUDOVOX_CMD is slurm, and there is no srun on this machine", "start it on a login node"
        ) from None
    executor.update_parameters(
        time=_minutes(os.environ.get("PSEUDOVOX_SLURM_TIME") or "24:00:00"),
        cpus_per_task=_whole(os.environ.get("PSEUDOVOX_SLURM_CPUS") or "2"),
        additional_parameters=flags,
    )
    return executor, " ".join(f"--{key}={value}" for key, value in flags.items())


_SLURM_FLAGS = {"partition": "partition", "account": "account", "memory": "mem", "gpus": "gpus-per-node"}


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"PSEUDOVOX_SLURM_CPUS is {text!r}; expected a whole number above 0")
    return int(text)


def _minutes(text: str) -> int:
    """A time limit as Slurm writes it (minutes, hours:minutes:seconds or days-hours:minutes:seconds), in minutes."""
    found = re.fullmatch(r"(\d+)|(?:(\d+)-)?(\d+):(\d\d):(\d\d)", text)
    if not found:
        raise UsageError(
            f"PSEUDOVOX_SLURM_TIME is {text!r}; expected minutes, hours:minutes:seconds or days-hours:minutes:seconds"
        )
    minutes, days, hours, rest, seconds = (int(part or 0) for part in found.groups())
    return minutes or (days * 24 + hours) * 60 + rest + (seconds > 0) or 1


def _wait(jobs: Sequence[Any], poll: Callable[[], None] | None) -> None:
    """Until every job has a result, or one is lost for good."""
    lives = {job.job_id: LIVES for job in jobs}
    ended_since: dict[str, float] = {}
    asked = 0.0
    while waiting := [job for job in jobs if not _has_result(job)]:
        if poll:
            poll()
        time.sleep(_POLL_SECONDS)
        if time.monotonic() - asked < _SQUEUE_SECONDS:
            continue
        asked = time.monotonic()
        states = _states(jobs[0].job_id.split("_")[0])
        if states is None:
            continue  # the controller does not answer just now
        for job in waiting:
            state = states.get(job.job_id, "gone")
            if state != "gone" and state not in _ENDED:
                ended_since.pop(job.job_id, None)
                continue
            since = ended_since.setdefault(job.job_id, asked)
            if _has_result(job) or (state in ("gone", "COMPLETED") and asked - since < _RESULT_SECONDS):
                continue
            if state in ("gone", "CANCELLED") or not lives[job.job_id]:
                raise _failure(job, f"ended without a result (Slurm says {state})", _HINTS.get(state, ""))
            lives[job.job_id] -= 1
            log.warning("job %s ended without a result (Slurm says %s); it is started again", job.job_id, state)
            _slurm("scontrol", "requeue", job.job_id)
            ended_since.pop(job.job_id)
    if poll:
        poll()


def _has_result(job: Any) -> bool:
    with contextlib.suppress(OSError):
        list(Path(job.paths.folder).iterdir())  # makes a network file system look again
    return job.paths.result_pickle.exists()


def _states(array: str) -> dict[str, str] | None:
    """State of each job of an array, also of those that ended (Slurm remembers them for some minutes)."""
    told = _slurm("squeue", "--noheader", "--array", "--states=all", "--format=%i %F %K %T", f"--jobs={array}")
    if told is None:
        return None
    states = {}
    for line in told.splitlines():
        identity, _, _, state = line.split()[:4]
        states[identity] = state
    return states


def _slurm(*command: str) -> str | None:
    """What one of Slurm's commands prints; None if it fails. (squeue fails too when it has forgotten the job.)"""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode and "Invalid job id" not in done.stderr:
        log.debug("%s: %s", " ".join(command), done.stderr.strip())
        return None
    return done.stdout


def _cancel(name: str) -> None:
    _slurm("scancel", f"--name={name}", f"--user={getpass.getuser()}")


def _cancel_left_over(name_file: Path) -> None:
    """Cancel the jobs of an earlier run that was killed and could not do so; wait until they are gone."""
    try:
        name = name_file.read_text().strip()
    except OSError:
        return
    if not re.fullmatch(r"pseudovox\.\w+\.[0-9a-f]{8}", name):
        return
    _cancel(name)
    for _ in range(600):
        if not _slurm("squeue", "--noheader", f"--name={name}", f"--user={getpass.getuser()}"):
            return
        time.sleep(0.2)
    raise JobFailed(f"jobs called {name}, of an earlier run, do not end", f"scancel --name={name}, then run it again")


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does, so that jobs elsewhere are cancelled."""

    def interrupt(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---------------------------------------------------------------------- results
def _result(job: Any) -> Any:
    if not job.paths.result_pickle.exists() or job.exception() is not None:
        raise _failure(job, "failed")
    value = job.result()
    if isinstance(value, PseudovoxError):
        raise value
    return value


def _failure(job: Any, what: str, hint: str = "") -> JobFailed:
    return JobFailed(f"job {job.job_id} {what}; the end of {job.paths.stderr}:\n{_tail(job.paths.stderr)}", hint)


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join("    " + line for line in path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "    (no log)"


def _remove_pickles(folder: Path) -> None:
    """submitit's messages to and from the jobs; the logs stay."""
    for path in (*folder.glob("*.pkl"), *folder.glob("*submission*.sh")):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _polling(poll: Callable[[], None] | None) -> Iterator[None]:
    """Call `poll` from a thread while the work goes on in this one."""
    if poll is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            poll()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
