"""Two runs into one output dir are kept apart by a lock that dies with its process.

The lock is flock's: on a network file system it keeps apart what runs on one machine, and, where the file system passes
it on (NFS 4, Lustre with `-o flock`), machines too. Where it does not, or knows no locks at all, nothing can tell: do
not start the same step on two machines.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from pseudovox.core.errors import DataError

log = logging.getLogger("pseudovox")


@contextlib.contextmanager
def lock(final: Path) -> Iterator[None]:
    """Hold a dir that is to be written, there or not, against other runs; DataError if one has it."""
    final.parent.mkdir(parents=True, exist_ok=True)
    path = final.with_name(f".{final.name}.lock")
    while True:
        with open(path, "a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip()
                raise DataError(
                    f"{final}: another run is writing it ({holder})", "wait for it, or end that process"
                ) from None
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                    raise
                log.warning("%s: this file system knows no locks; see that no other run writes it", final)
            if not path.exists() or os.fstat(file.fileno()).st_ino != path.stat().st_ino:
                continue  # its holder removed the file between our opening and locking it
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%H:%M:%S')}")
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
