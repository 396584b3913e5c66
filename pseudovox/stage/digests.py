"""What an output was made from, as a digest: settings and inputs, never paths, machines or times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir, origin
from pseudovox.stage import sources
from pseudovox.stage.audio_digests import audio_digests

MARKER = ".done.json"
_WHOLE_FILE = 64 * 2**20  # files up to this size are digested by content, larger ones by size and both ends


def digest_of(value: Any) -> str:
    """SHA-256 of a json-able value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """Digest of a file's content (of its size and first and last MiB, if it is over 64 MiB)."""
    digest = hashlib.sha256()
    size = path.stat().st_size
    with open(path, "rb") as file:
        if size <= _WHOLE_FILE:
            digest.update(file.read())
        else:
            digest.update(str(size).encode() + file.read(2**20))
            file.seek(-(2**20), 2)
            digest.update(file.read())
    return digest.hexdigest()


def digest_data(data: DataDir) -> str:
    """Digest of a data dir: its tables (those that count, `data.reads`), and its audio.

    The audio counts by what it was made from, where a step made it, else by the content of its files. File names in
    wav.scp do not count, so a moved dir keeps its digest.
    """
    everything: dict[str, Any] = {**data.tables, **data.lists}
    parts = {name: table for name, table in everything.items() if data.reads is None or name in data.reads}
    done = read_marker(data.path)
    if done:
        parts["wav.scp"] = done["digest"]
    else:
        wav = data.tables["wav.scp"]
        files = {key: entry for key, entry in wav.items() if not entry.endswith("|")}
        parts["wav.scp"] = {**wav, **dict(zip(files, audio_digests(list(files.values()), data.name), strict=True))}
    if data.own_origin and (data.reads is None or origin.FILE in data.reads):
        parts[origin.FILE] = origin.text(data.own_origin)
    return digest_of(parts)


def digest_path(path: Path) -> str:
    """Digest of an input: a file, a data dir, a step's output (by its marker), or any folder of files.

    Raises:
        DataError: it is none of these, but a pipe or a device.
    """
    path = Path(path)
    if path.is_file():
        return digest_file(path)
    if not path.exists():
        return "missing"
    if (path / "wav.scp").is_file():
        return digest_data(DataDir.load(path, allow_pipes=True))
    if not path.is_dir():
        raise DataError(f"{path}: neither a file nor a folder, but a pipe or device; its content cannot be told apart")
    done = read_marker(path)
    if done:
        return str(done["digest"])
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    return digest_of({str(file.relative_to(path)): digest_file(file) for file in files})


def read_marker(folder: Path) -> dict[str, Any] | None:
    """The parsed .done.json of a step's output, or None where there is none (or not a whole one)."""
    try:
        marker = json.loads((Path(folder) / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return marker if isinstance(marker, dict) and "digest" in marker else None


def other_code(marker: Mapping[str, Any]) -> list[str]:
    """The sources of a finished output that have changed since it was made; all of it if it does not say which."""
    return sources.changed(marker["code"]) if "code" in marker else ["no sources were noted"]


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys whose values differ between two nested dicts, as `key: old -> new`."""
    found: list[str] = []
    for key in sorted(set(old) | set(new)):
        before, after = old.get(key, "(absent)"), new.get(key, "(absent)")
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += differing_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key}: {str(before)[:60]} -> {str(after)[:60]}")
    return found
