"""Fan-out: the same function on several payloads, in processes of their own (submitit).

Local jobs are separate processes on this machine; the payloads and results pass through submitit, which is also the
way to Slurm. A job that fails ends the step with the last lines of its log and the log's path.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pseudovox.errors import PseudovoxError, UsageError

log = logging.getLogger("pseudovox")
_POLL_SECONDS = 0.2
_YEAR_MINUTES = 525_600  # submitit ends a local job after 2 minutes unless told otherwise


class JobFailed(PseudovoxError):
    """A job ended without a result; the message holds the last lines of its log."""


def run(
    function: Callable[[Any], Any],
    payloads: Sequence[Any],
    log_dir: Path,
    *,
    poll: Callable[[], None] | None = None,
) -> list[Any]:
    """Call `function(payload)` for every payload, one process each (in this process if there is only one).

    Args:
        function: importable by name from the package (it is sent to other processes).
        payloads: one per job; plain picklable values made by us, never read from data.
        log_dir: where the jobs' logs go.
        poll: called a few times a second while waiting (progress).

    Returns:
        the results, in the order of the payloads.

    Raises:
        JobFailed: a job died; PseudovoxError: raised by the function in a job.
    """
    where = os.environ.get("PSEUDOVOX_CMD", "local")
    if where != "local":
        raise UsageError(f"cmd.sh: PSEUDOVOX_CMD is {where!r}; jobs run as local processes alone so far", "local")
    if len(payloads) == 1:
        return [function(payloads[0])]
    import submitit

    log_dir.mkdir(parents=True, exist_ok=True)
    executor = submitit.LocalExecutor(log_dir)
    executor.update_parameters(timeout_min=_YEAR_MINUTES)
    jobs = [executor.submit(_guarded, function, payload, os.getpid()) for payload in payloads]
    try:
        while not all(job.done() for job in jobs):
            if poll:
                poll()
            time.sleep(_POLL_SECONDS)
        if poll:
            poll()
        results = []
        for job in jobs:
            if job.exception() is not None:
                raise JobFailed(f"job {job.job_id} failed; the end of {job.paths.stderr}:\n{_tail(job.paths.stderr)}")
            value = job.result()
            if isinstance(value, PseudovoxError):
                raise value
            results.append(value)
        return results
    finally:
        for job in jobs:
            if not job.done():
                job.cancel(check=False)


def _guarded(function: Callable[[Any], Any], payload: Any, parent: int) -> Any:
    """Run in the job: dies with the step that started it, and hands user errors back as values."""
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    try:
        return function(payload)
    except PseudovoxError as error:
        return error


def _die_with(parent: int) -> None:
    # After `kill -9` of the step nobody would end its jobs, and they would write beside the next run's.
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1.0)


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join("    " + line for line in path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "    (no log)"
