"""Digests of recordings by their content, kept so that a rerun reads none of them again.

What is kept counts as long as a file's size, time of change and inode are what they were. It is kept while the process
lives, and in the folder that PSEUDOVOX_AUDIO_DIGESTS names, one file for each data dir; ./run.sh has it in the
experiment dir.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pseudovox.data.datadir import write_json

FOLDER = "PSEUDOVOX_AUDIO_DIGESTS"
MISSING = "missing"
SETTLED = 10**9  # ns since a file's last change, from which the process remembers it: clocks may not tell two at once
Known = dict[str, list[int | str]]  # size, time of change in ns, inode, digest, by absolute path
_here: Known = {}  # what this process has digested


def audio_digests(paths: Sequence[str], name: str) -> list[str]:
    """SHA-256 of each file; MISSING where it cannot be read.

    Args:
        paths: of the files.
        name: of the data dir they are of.
    """
    absolute = [os.path.abspath(path) for path in paths]
    kept = _kept_in(name, absolute)
    known = _read(kept)
    now: Known = {}
    waiting = []
    for path in dict.fromkeys(absolute):
        try:
            found = Path(path).stat()
        except OSError:
            continue
        mark: list[int | str] = [found.st_size, found.st_mtime_ns, found.st_ino]
        before = next((one for one in (known.get(path), _here.get(path)) if one and one[:3] == mark), None)
        if before:
            now[path] = before
        else:
            waiting.append((path, mark))
    if waiting:
        settled = time.time_ns() - SETTLED
        # (hashlib lets other threads run.)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            digests = pool.map(_digest, [path for path, _ in waiting])
            read: Known = {
                path: [*mark, digest] for (path, mark), digest in zip(waiting, digests, strict=True) if digest
            }
        now |= read
        _here.update((path, one) for path, one in read.items() if int(one[1]) < settled)
    if kept and now != known:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, now)
    return [str(now[path][3]) if path in now else MISSING for path in absolute]


def _kept_in(name: str, absolute: Sequence[str]) -> Path | None:
    folder = os.environ.get(FOLDER)
    if not folder or not absolute:
        return None
    # Data dirs of one name may be of different speech.
    return Path(folder) / f"{name}-{hashlib.sha256(str(Path(absolute[0]).parent).encode()).hexdigest()[:8]}.json"


def _read(kept: Path | None) -> Known:
    try:
        found = json.loads(kept.read_text(encoding="utf-8")) if kept else {}
    except (OSError, ValueError):
        return {}
    good = isinstance(found, dict) and all(isinstance(value, list) and len(value) == 4 for value in found.values())
    return found if good else {}


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
