"""Archives of others, unpacked into one folder and nowhere else: files and folders, no more than was announced."""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from pseudovox.core.errors import DataError

_BLOCK = 2**20
_DISK_BLOCK = 4096  # what even an empty file or folder takes
_HINT = "do not use this archive; tell its publisher, and us"
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError)


def unpack(archive: Path, into: Path, limit: int) -> int:
    """Unpack a tar (also .tar.gz) or zip archive into a new folder.

    Files are written with the usual permissions; owners, dates and permissions in the archive are passed over.

    Args:
        archive: its name says which kind it is.
        into: the folder; its parents are made.
        limit: bytes that it may take on disk.

    Returns:
        the number of files.

    Raises:
        DataError: damaged; or a member that would be written elsewhere (absolute, `..`), is no file or folder (a
            device, a link, also within the archive), stands twice, is encrypted; or more than `limit`.
    """
    into.mkdir(parents=True)
    members = _zip_members if archive.suffix == ".zip" else _tar_members
    count, left = 0, limit
    try:
        for name, data in members(archive):
            path = into / _safe(name, archive)
            left -= _DISK_BLOCK
            if data is None:
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                left -= _copy(data, path, left)
                count += 1
            if left < 0:
                raise DataError(f"{archive}: unpacks to more than the {limit / 1e9:g} GB announced, at {name!r}", _HINT)
    except _DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{archive}: a damaged archive: {reason}", f"rm {archive}, and run the same command again"
        ) from None
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise DataError(f"{archive}: a name stands twice: {error.filename}", _HINT) from None
    return count


def _copy(data: IO[bytes], path: Path, limit: int) -> int:
    """Write a new file, no more than one block beyond the limit; the number of bytes written."""
    written = 0
    with open(path, "xb") as file:
        while written <= limit and (block := data.read(_BLOCK)):
            file.write(block)
            written += len(block)
    return written


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with open(archive, "rb") if archive.suffix == ".tar" else gzip.open(archive) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if member.isdir():
                    yield member.name, None
                elif member.isreg():
                    data = tar.extractfile(member)
                    assert data is not None  # it is a file
                    yield member.name, data
                else:
                    kind = "a link" if member.issym() or member.islnk() else "a device or the like"
                    raise DataError(f"{archive}: {member.name!r} is {kind}, neither file nor folder", _HINT)
        while stream.read(_BLOCK):  # to the end, where gzip's own checksum is
            pass


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where it was made on a system without such kinds
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(f"{archive}: {member.filename!r} is neither file nor folder", _HINT)
            if member.flag_bits & 1:
                raise DataError(f"{archive}: {member.filename!r} is encrypted", _HINT)
            if member.is_dir():
                yield member.filename, None
            else:
                with packed.open(member) as data:
                    yield member.filename, data


def _safe(name: str, archive: Path) -> PurePosixPath:
    """The name of a member as a path below the folder."""
    path = PurePosixPath(name)
    strange = any(ord(character) < 32 or character in "\\\x7f" for character in name)
    if path.is_absolute() or ".." in path.parts or strange:
        raise DataError(f"{archive}: {name!r} would be written elsewhere, or is no name of a file", _HINT)
    return path
