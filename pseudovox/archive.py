"""Kaldi archives: float32 vectors and matrices by utterance or speaker (kaldiio underneath).

An archive is made of parts, `<name>.1.ark`, `<name>.2.ark` ..., and one `<name>.scp` over all of them, sorted
bytewise, as Kaldi's extraction scripts leave them. How the utterances fall into parts depends on the data
alone, so the bytes do not depend on the number of jobs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.datadir import bytewise, read_table, scp_path, write_atomic
from pseudovox.errors import DataError

if TYPE_CHECKING:
    import numpy as np


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


class Archive(Mapping[str, "np.ndarray"]):
    """Arrays of an scp, read when asked for: `Archive(path)[key]` is float32 (n,) or (frames, n)."""

    def __init__(self, scp: Path | str, dimension: int | None = None) -> None:
        self.path = Path(scp)
        self.entries = read_table(self.path)
        self.dimension = dimension

    def __getitem__(self, key: str) -> np.ndarray:
        import numpy as np

        if key not in self.entries:
            raise DataError(f"{self.path}: no entry for {key}")
        try:
            array = np.array(_read_array(self.entries[key]), dtype=np.float32)
        except Exception as error:  # kaldiio raises many kinds on a damaged file
            reason = str(error) or type(error).__name__
            raise DataError(f"{self.path}: {key}: cannot read {self.entries[key]}: {reason}") from None
        if not np.isfinite(array).all():
            raise DataError(f"{self.path}: {key}: holds NaN or infinite values")
        if self.dimension is not None and array.shape[-1] != self.dimension:
            raise DataError(f"{self.path}: {key}: dimension {array.shape[-1]}, expected {self.dimension}")
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def _read_array(entry: str) -> np.ndarray:
    """The binary Kaldi vector or matrix at `file[:offset]`.

    kaldiio.load_mat is not used: it runs entries that are commands, unpickles records marked PKL, and returns
    what is left of a vector that was cut off.
    """
    from kaldiio.matio import read_matrix_or_vector

    name, colon, offset = entry.rpartition(":")
    if not (colon and offset.isdecimal()):
        name, offset = entry, "0"
    with open(name, "rb") as file:
        start = file.seek(int(offset))
        magic = file.read(3)
        if magic[:2] != b"\0B":
            raise ValueError("no binary Kaldi vector or matrix there")
        file.seek(start)
        array, size = read_matrix_or_vector(file, return_size=True)
        # (Of a compressed matrix, whose size kaldiio does not count right, it notices itself.)
        if magic[2:] != b"C" and file.tell() - start < size:
            raise ValueError(f"cut off: {size} bytes expected, {file.tell() - start} found")
    return array


def read_scp(path: Path | str, dimension: int | None = None) -> Archive:
    """Open an scp; `dimension` is checked on every read (DataError naming key and file)."""
    return Archive(path, dimension)
