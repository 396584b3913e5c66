"""Corpora and weights, fetched from where their makers publish them: resumed, verified, whole or absent.

    entries = catalogue.read()                       # conf/downloads/*.yaml
    download(entries["ravdess"], Path("corpora"))    # corpora/RAVDESS

What is there already is left as it is, whoever put it there. Work goes on aside, in `.downloads/<name>` beside the
place where the result will lie (on the same disk, as it is renamed), and a run that was interrupted is continued from
there; `.downloads/<name>.json` then says what was fetched, from where, and its checksums.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

from pseudovox import stage
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.core.machine import GIGABYTE, existing
from pseudovox.corpora.downloads.catalogue import Entry
from pseudovox.corpora.downloads.transfer import Patience, fetch
from pseudovox.corpora.downloads.unpacking import unpack
from pseudovox.data.datadir import write_json

log = logging.getLogger("pseudovox")
ASIDE = ".downloads"


def is_there(place: Path) -> bool:
    """Whether a corpus or file lies there already; an empty folder is none."""
    if place.is_dir():
        return any(place.iterdir())
    return place.exists()


def gigabytes(size: int) -> str:
    """A size in bytes in words."""
    return f"{size / GIGABYTE:.2f} GB" if size else "unknown"


def download(entry: Entry, to: Path | None, patience: Patience | None = None) -> bool:
    """Bring one entry to its place.

    Args:
        entry: of the catalogue.
        to: the folder of corpora or weights; None = the usual one (corpora/, torchaudio's cache).
        patience: how often and how long a broken connection is taken up again.

    Returns:
        whether it was fetched; False if it was there.

    Raises:
        MissingModelError: it has to be asked for, or cannot be had from its address.
        DataError: what came is not what the catalogue says, an archive that must not be unpacked, too little disk, or
            another run is at it.
    """
    place = entry.place(to)
    if is_there(place):
        log.info("%s: %s is there already and left as it is", entry.name, place)
        return False
    if entry.ask:
        raise MissingModelError(f"{place}: not there, and {entry.name} may not be downloaded", entry.ask)
    aside = place.parent / ASIDE / entry.name
    with stage.lock(aside):
        if not is_there(place):  # another run may have ended just now
            aside.mkdir(exist_ok=True)
            _bring(entry, place, aside, patience or Patience())
        shutil.rmtree(aside, ignore_errors=True)
    log.info("%s: now in %s", entry.name, place)
    return True


def _bring(entry: Entry, place: Path, aside: Path, patience: Patience) -> None:
    file = aside / entry.file
    _check_disk(entry, place, file)
    log.info("%s: %s, %s; licence: %s", entry.name, entry.address, gigabytes(entry.size), entry.licence)
    record = {"address": entry.address, **fetch(entry.address, file, entry.size, entry.checksums, patience)}
    record["when"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    unpacked = aside / "unpacked"
    if entry.folder:
        log.info("%s: unpacking", entry.name)
        shutil.rmtree(unpacked, ignore_errors=True)  # of a run that was interrupted
        unpack(file, unpacked / entry.into, round(entry.unpacked * GIGABYTE))
    write_json(aside.with_name(f"{entry.name}.json"), record)
    if entry.folder:
        _move(unpacked, place, entry)
    else:
        os.replace(file, place)


def _check_disk(entry: Entry, place: Path, file: Path) -> None:
    held = sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))
    wanted = max(entry.size - held, 0) + entry.unpacked * GIGABYTE
    free = shutil.disk_usage(existing(place)).free
    if free < wanted:
        raise DataError(
            f"{place.parent}: {entry.name} needs {wanted / GIGABYTE:.1f} GB there (to unpack it, too), "
            f"and {free / GIGABYTE:.1f} GB are free",
            "make room, or --to a folder on another disk",
        )


def _move(unpacked: Path, place: Path, entry: Entry) -> None:
    """Move what was unpacked to the folder of corpora: files that parts of a corpus share, then the part itself, whole.

    Nothing that is there is replaced.
    """
    folder = Path(entry.folder)
    whole = unpacked / folder
    if not whole.is_dir():
        raise DataError(
            f"{entry.address}: the archive holds no folder {folder}", f"its layout changed; see {entry.home}"
        )
    root = place.parents[len(folder.parts) - 1]
    for path in sorted(unpacked.rglob("*")):
        target = root / path.relative_to(unpacked)
        if path == whole or whole in path.parents or path.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.replace(path, target)
    os.replace(whole, place)
