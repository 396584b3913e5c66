"""Commands of a wav.scp (`... |`), run as Kaldi runs them, but with bounds.

The command is a shell command from the author of the data dir: call this only where `--allow-pipes` was given.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from functools import lru_cache

from pseudovox.core.errors import DataError

SECONDS = 60.0
OUTPUT_BYTES = 2**30  # nine hours of 16 kHz mono in 16 bit
_STDERR_BYTES = 2000  # of the end, for messages
_READ_BYTES = 2**18


def output_of(entry: str, where: str, *, seconds: float = SECONDS, limit: int = OUTPUT_BYTES) -> bytes:
    """What the command of a wav.scp entry prints.

    It runs through /bin/sh in the working directory, in a process group of its own, which is ended with it; it reads
    nothing from standard input.

    Args:
        entry: `command |`, as it stands in wav.scp.
        where: file and utterance, for messages.
        seconds: how long it may take.
        limit: how many bytes it may print; they are held in memory.

    Raises:
        DataError: it failed, took too long, or printed too much or nothing; with the end of its stderr.
    """
    try:
        return _run(entry.removesuffix("|").strip(), seconds, limit)
    except _Failed as failed:
        raise DataError(f"{where}: the command `{entry.strip()[:200]}` {failed.what}{failed.stderr}") from None


class _Failed(Exception):
    def __init__(self, what: str, stderr: bytes = b"") -> None:
        super().__init__(what)
        self.what = what
        said = stderr.decode("utf-8", "replace").strip()
        self.stderr = f"; it said: {said}" if said else "; it said nothing on stderr"


# The segments of a recording are read one after another: its command need not run for each.
@lru_cache(maxsize=1)
def _run(command: str, seconds: float, limit: int) -> bytes:
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        output, stderr = _read(process, time.monotonic() + seconds, limit, seconds)
    finally:
        # Also what the shell left in the background. The group is the process's own: start_new_session.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
    if process.returncode:
        raise _Failed(f"failed with {_status(process.returncode)}", stderr)
    if not output:
        raise _Failed("printed nothing", stderr)
    return output


def _read(process: subprocess.Popen[bytes], deadline: float, limit: int, seconds: float) -> tuple[bytes, bytes]:
    """Standard output and the end of stderr, once both are closed and the process is at its end."""
    assert process.stdout and process.stderr
    output, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            selector.register(stream, selectors.EVENT_READ)
        # A child in the background may hold stderr open for ever: standard output and the shell's end suffice.
        while process.stdout in {key.fileobj for key in selector.get_map().values()}:
            ready = selector.select(max(deadline - time.monotonic(), 0))
            if not ready:
                raise _Failed(f"took longer than {seconds:g} s", bytes(stderr))
            for key, _ in ready:
                block = os.read(key.fd, _READ_BYTES)
                if not block:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    output += block
                else:
                    stderr = (stderr + block)[-_STDERR_BYTES:]
            if len(output) > limit:
                raise _Failed(f"printed more than {limit} bytes", bytes(stderr))
            if time.monotonic() > deadline:  # it prints without end, but slowly
                raise _Failed(f"took longer than {seconds:g} s", bytes(stderr))
    # The shell's exit status is left for later: as long as it is not fetched, the number of its group is its own.
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        stderr = (stderr + _waiting(process.stderr.fileno()))[-_STDERR_BYTES:]
        if time.monotonic() > deadline:
            raise _Failed(f"took longer than {seconds:g} s", bytes(stderr))
        time.sleep(0.002)
    stderr = (stderr + _waiting(process.stderr.fileno()))[-_STDERR_BYTES:]
    return bytes(output), bytes(stderr)


def _waiting(descriptor: int) -> bytes:
    """What can be read from a pipe without waiting, one block at most."""
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, _READ_BYTES)
    except BlockingIOError:
        return b""


def _status(code: int) -> str:
    return f"exit status {code}" if code > 0 else f"signal {signal.Signals(-code).name}"
