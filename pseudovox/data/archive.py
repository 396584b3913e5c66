"""Kaldi archives: float32 vectors and matrices by utterance or speaker (kaldiio underneath).

An archive is made of parts, `<name>.1.ark`, `<name>.2.ark` ..., and one `<name>.scp` over all of them, sorted
bytewise, as Kaldi's extraction scripts leave them. How the utterances fall into parts depends on the data
alone, so the bytes do not depend on the number of jobs.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from pseudovox.core.errors import DataError
from pseudovox.core.files import open_regular
from pseudovox.data.datadir import bytewise, read_table, scp_path, write_atomic

if TYPE_CHECKING:
    import numpy as np

Key = TypeVar("Key")


def write_ark(path: Path, arrays: Mapping[str, np.ndarray], final: Path | None = None) -> dict[str, str]:
    """Write one part, aside and renamed.

    Args:
        path: the ark file.
        arrays: float arrays (n,) or (frames, n) by key; stored as float32 in bytewise order of the keys.
        final: where the file will lie in the end, if it is written in a folder that will be renamed.

    Returns:
        The scp entries {key: "file:offset"}.
    """
    import kaldiio
    import numpy as np

    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    entries: dict[str, str] = {}
    with open(aside, "wb") as file:
        for key in bytewise(arrays):
            array = np.ascontiguousarray(arrays[key], dtype=np.float32)
            entries[key] = f"{scp_path(final or path)}:{file.tell() + len(key.encode('utf-8')) + 1}"
            kaldiio.save_ark(file, {key: array})
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    return entries


def write_scp(path: Path, entries: Mapping[str, str]) -> None:
    """Write an scp, sorted bytewise, aside and renamed."""
    write_atomic(path, "".join(f"{key} {entries[key]}\n" for key in bytewise(entries)))


def write_arrays(folder: Path, name: str, arrays: Mapping[str, np.ndarray], final: Path | None = None) -> None:
    """Write `<name>.ark` and `<name>.scp` into `folder` in one go (for what fits in memory)."""
    final = final or folder
    write_scp(folder / f"{name}.scp", write_ark(folder / f"{name}.ark", arrays, final / f"{name}.ark"))


def read_parts(folder: Path, name: str) -> dict[str, np.ndarray]:
    """All arrays of `<name>.1.scp`, `<name>.2.scp` ... in a folder that is still aside (they name its place to be)."""
    arrays: dict[str, np.ndarray] = {}
    for part in sorted(folder.glob(f"{name}.*.scp")):
        archive = read_scp(part)
        for key, entry in archive.entries.items():
            archive.entries[key] = str(folder / Path(entry).name)
        arrays.update(archive)
    return arrays


class Archive(Mapping[str, "np.ndarray"]):
    """Arrays of an scp, read when asked for: `Archive(path)[key]` is float32 (n,) or (frames, n).

    Entries are `file[:offset][[rows[,columns]]]`, ranges as Kaldi's: `first:last`, both included. Float, double and
    compressed matrices and vectors are read, in binary form.
    """

    def __init__(self, scp: Path | str, dimension: int | None = None) -> None:
        self.path = Path(scp)
        self.entries = read_table(self.path)
        self.dimension = dimension
        self.alike: list[Archive] = []  # those that must have the same dimension, whichever is read first

    def __getitem__(self, key: str) -> np.ndarray:
        import numpy as np

        if key not in self.entries:
            raise DataError(f"{self.path}: no entry for {key}")
        entry = self.entries[key]
        try:
            array = np.array(_read_array(entry), dtype=np.float32)
        except Exception as error:  # kaldiio raises many kinds on a damaged file
            reason = str(error) or type(error).__name__
            raise DataError(f"{self.path}: {key}: cannot read {entry}: {reason}", _hint(entry)) from None
        if not np.isfinite(array).all():
            raise DataError(f"{self.path}: {key}: holds NaN or infinite values in {entry}", REDO)
        if self.dimension is None:  # the first one that is read decides for those alike
            for other in self.alike:
                other.dimension = array.shape[-1]
        if self.dimension is not None and array.shape[-1] != self.dimension:
            raise DataError(
                f"{self.path}: {key}: dimension {array.shape[-1]}, expected {self.dimension}, in {entry}",
                "use what was extracted with the same settings",
            )
        return array

    def rows(self, key: str, first: int, count: int) -> np.ndarray:
        """`self[key][first : first + count]`, without reading the rest of it where the entry allows that.

        A vector's rows are its numbers. Entries with a range, and double or compressed ones, are read whole.
        """
        import numpy as np

        if key not in self.entries:
            raise DataError(f"{self.path}: no entry for {key}")
        try:
            found = _read_rows(self.entries[key], first, count)
        except (OSError, ValueError):
            found = None  # the other way says what is wrong
        unsure = self.alike and self.dimension is None
        if found is None or not np.isfinite(found).all() or unsure or self.dimension not in (None, found.shape[-1]):
            return self[key][first : first + count]
        return found

    def length(self, key: str) -> int:
        """`len(self[key])`, without reading the numbers where the entry allows that (see `rows`)."""
        if key not in self.entries:
            raise DataError(f"{self.path}: no entry for {key}")
        try:
            found = _read_shape(self.entries[key])
        except (OSError, ValueError, struct.error):
            found = None  # the other way says what is wrong
        return len(self[key]) if found is None else found[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


REDO = "extract it again: the step that made this folder, with --force"
_RANGE = re.compile(r"(.+)\[([\d:]*)(?:,([\d:]*))?\]")


def _hint(entry: str) -> str:
    if "|" in (entry[-1], entry[0]):
        return "run the command once: copy-feats scp:OLD.scp ark,scp:NEW.ark,NEW.scp"
    return REDO


def _read_array(entry: str) -> np.ndarray:
    """The binary Kaldi vector or matrix at `file[:offset][range]`.

    kaldiio.load_mat is not used: it runs entries that are commands, unpickles records marked PKL, and returns
    what is left of a vector that was cut off.
    """
    if "|" in (entry[-1], entry[0]):
        raise ValueError("a command, which is not run here")
    ranges = None if Path(entry).exists() else _RANGE.fullmatch(entry)
    array = _read_whole(ranges[1] if ranges else entry)
    if not ranges:
        return array
    if array.ndim == 1 and ranges[3] is not None:
        raise ValueError("a range of columns of a vector")
    rows, columns = ranges[2], ranges[3] or ""
    array = array[_slice(rows, len(array))]
    return array if array.ndim == 1 else array[:, _slice(columns, array.shape[1])]


def _slice(words: str, length: int) -> slice:
    if words in ("", ":"):
        return slice(None)
    first, _, last = words.partition(":")
    if not (first and last) or int(first) > int(last) or int(last) >= length:
        raise ValueError(f"range {words} of {length}; expected `first:last`, counted from 0, both included")
    return slice(int(first), int(last) + 1)


def _read_whole(entry: str) -> np.ndarray:
    from kaldiio.matio import read_matrix_or_vector

    name, colon, offset = entry.rpartition(":")
    if not (colon and offset.isdecimal()):
        name, offset = entry, "0"
    with open_regular(name) as file:
        size = file.seek(0, os.SEEK_END)
        if int(offset) >= size:
            raise ValueError(f"offset {offset} of a file of {size} bytes: it was cut off, or made anew")
        start = file.seek(int(offset))
        head = file.read(6)
        if not head.startswith(b"\0B"):
            if head.lstrip(b" ").startswith(b"["):
                raise ValueError("a text archive; copy-feats or copy-vector make it binary")
            raise ValueError(f"no binary Kaldi vector or matrix there, but {head!r}")
        kind = head[2:].split(b" ")[0].decode("latin-1")
        if kind not in ("FM", "FV", "DM", "DV", "CM", "CM2", "CM3"):
            kind = "whole numbers (an alignment?)" if kind[:1] == "\4" else repr(kind)
            raise ValueError(f"holds {kind}, expected a vector or matrix of float numbers")
        file.seek(start + 3 + len(kind))
        _check_size(file, kind, size - file.tell())
        file.seek(start)
        return read_matrix_or_vector(file)


def _read_shape(entry: str) -> tuple[int, ...] | None:
    """Rows, and of a matrix columns, of the plain float32 vector or matrix at `file:offset`; None if it is not one."""
    name, colon, offset = entry.rpartition(":")
    if not (colon and offset.isdecimal()):
        return None
    with open_regular(name) as file:
        file.seek(int(offset))
        return _shape(file)


def _shape(file: BinaryIO) -> tuple[int, ...] | None:
    layout = {b"\0BFM ": "<xixi", b"\0BFV ": "<xi"}.get(file.read(5))
    return struct.unpack(layout, file.read(struct.calcsize(layout))) if layout else None


def _read_rows(entry: str, first: int, count: int) -> np.ndarray | None:
    """Rows of the plain float32 vector or matrix at `file:offset`; None if it is not one."""
    import numpy as np

    name, colon, offset = entry.rpartition(":")
    if not (colon and offset.isdecimal()):
        return None
    with open_regular(name) as file:
        file.seek(int(offset))
        shape = _shape(file)
        if shape is None:
            return None
        rows, *columns = shape
        width = columns[0] if columns else 1
        count = max(0, min(count, rows - first))
        file.seek(4 * width * min(first, rows), os.SEEK_CUR)
        data = file.read(4 * width * count)
    if len(data) < 4 * width * count:
        return None
    found = np.frombuffer(data, dtype="<f4").astype(np.float32)
    return found.reshape(count, width) if columns else found


def _check_size(file: BinaryIO, kind: str, left: int) -> None:
    """Raise ValueError unless the sizes that follow in the file make sense and its `left` bytes hold the numbers."""
    # Compressed: smallest value, range, rows, columns. Else each size stands behind a byte that says its length, 4.
    layout = "<8x2i" if kind[0] == "C" else "<" + "xi" * {"M": 2, "V": 1}[kind[1]]
    head = file.read(struct.calcsize(layout))
    if len(head) < struct.calcsize(layout):
        raise ValueError("cut off in its header")
    sizes = struct.unpack(layout, head)
    if min(sizes) < 0 or (kind[0] != "C" and set(head[::5]) != {4}):
        raise ValueError("a header that makes no sense")
    columns = 8 * sizes[1] if kind == "CM" else 0
    expected = len(head) + columns + math.prod(sizes) * {"F": 4, "D": 8}.get(kind[0], 2 if kind == "CM2" else 1)
    if left < expected:
        raise ValueError(f"cut off: {expected} bytes expected, {left} found")


def read_scp(path: Path | str, dimension: int | None = None) -> Archive:
    """Open an scp; `dimension` is checked on every read (DataError naming key and file)."""
    return Archive(path, dimension)


def read_alike(paths: Mapping[Key, Path]) -> dict[Key, Archive]:
    """Open several scps, e.g. of x-vectors that are to be compared: all must have the dimension of the first one read.

    Args:
        paths: of the scps, by anything.

    Returns:
        the archives by the same; each checks the dimension on every read, as in `read_scp`.
    """
    found = {key: read_scp(path) for key, path in paths.items()}
    for archive in found.values():
        archive.alike = list(found.values())
    return found
