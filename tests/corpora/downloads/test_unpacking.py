"""Archives that mean harm, and those that do not."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox.core.errors import DataError
from pseudovox.corpora.downloads.unpacking import unpack

LIMIT = 10**6


Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"x") -> Member:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, 0o4777
    made.size = len(data) if kind == tarfile.REGTYPE else 0
    return made, data


def tar_of(path: Path, *members: Member) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for made, data in members:
            tar.addfile(made, io.BytesIO(data))
    return path


def zip_of(path: Path, *names: str | zipfile.ZipInfo, data: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(name, data)
    return path


def test_files_and_folders_come_out_with_plain_permissions(tmp_path: Path) -> None:
    folders = member("./", tarfile.DIRTYPE), member("top", tarfile.DIRTYPE)
    files = member("top/a b.txt", data=b"one"), member("top/é", data=b"")
    archive = tar_of(tmp_path / "a.tar.gz", *folders, *files)
    assert unpack(archive, tmp_path / "out", LIMIT) == 2
    assert (tmp_path / "out/top/a b.txt").read_bytes() == b"one"
    assert (tmp_path / "out/top/é").read_bytes() == b""
    assert not (tmp_path / "out/top/a b.txt").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)
    packed = zip_of(tmp_path / "a.zip", "top/", "top/one.txt", "two.txt")
    assert unpack(packed, tmp_path / "zip", LIMIT) == 2
    assert sorted(str(path.relative_to(tmp_path / "zip")) for path in (tmp_path / "zip").rglob("*")) == [
        "top", "top/one.txt", "two.txt",
    ]  # fmt: skip


HOSTILE = {
    "above": ([member("fine"), member("../outside")], r"'../outside' would be written elsewhere"),
    "above, further in": ([member("a/b/../../../outside")], "would be written elsewhere"),
    "absolute": ([member("/tmp/outside")], "would be written elsewhere"),
    "backslash": ([member("..\\outside")], "would be written elsewhere"),
    "control character": ([member("a\nb")], "is no name of a file"),
    "symlink out": ([member("link", tarfile.SYMTYPE, "/etc"), member("link/passwd")], "'link' is a link"),
    "symlink within": ([member("link", tarfile.SYMTYPE, "fine")], "'link' is a link"),
    "hard link": ([member("link", tarfile.LNKTYPE, "/etc/passwd")], "'link' is a link"),
    "device": ([member("null", tarfile.CHRTYPE)], "'null' is a device"),
    "pipe": ([member("pipe", tarfile.FIFOTYPE)], "'pipe' is a device"),
    "twice": ([member("a"), member("a", data=b"other")], "a name stands twice"),
    "file as folder": ([member("a"), member("a/b")], "a name stands twice"),
    "too much": ([member(name, data=bytes(600_000)) for name in "ab"], "more than the 0.001 GB announced, at 'b'"),
    "too many": ([member(f"{number}", data=b"") for number in range(300)], "more than the 0.001 GB announced"),
    "too many folders": ([member(f"{number}", tarfile.DIRTYPE) for number in range(300)], "more than the 0.001 GB"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members_are_refused(tmp_path: Path, name: str) -> None:
    members, message = HOSTILE[name]
    archive = tar_of(tmp_path / "a.tar.gz", *members)
    inside = tmp_path / "deep" / "out"
    with pytest.raises(DataError, match=message):
        unpack(archive, inside, LIMIT)
    beside = {path.name for folder in (tmp_path, tmp_path / "deep") for path in folder.iterdir()}
    assert beside == {"a.tar.gz", "deep", "out"}
    written = [path for path in inside.rglob("*") if path.is_file()]
    assert not any(path.is_symlink() for path in written)
    assert sum(path.stat().st_size for path in written) <= LIMIT + 2**20


def unix(name: str, kind: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = (kind | 0o777) << 16
    return made


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["../outside"], "would be written elsewhere"),
        (["/outside"], "would be written elsewhere"),
        ([unix("link", stat.S_IFLNK)], "'link' is neither"),
        ([unix("device", stat.S_IFBLK)], "'device' is neither"),
    ],
)
def test_hostile_members_of_zip_archives(tmp_path: Path, names: list[str | zipfile.ZipInfo], message: str) -> None:
    archive = zip_of(tmp_path / "a.zip", *names)
    with pytest.raises(DataError, match=message):
        unpack(archive, tmp_path / "deep/out", LIMIT)
    assert not (tmp_path / "deep/outside").exists()


def test_a_zip_that_grows_beyond_all_bounds(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", "zeros", data=bytes(20 * LIMIT))
    assert archive.stat().st_size < LIMIT / 10
    with pytest.raises(DataError, match=r"more than the 0.001 GB announced, at 'zeros'"):
        unpack(archive, tmp_path / "out", LIMIT)
    assert (tmp_path / "out/zeros").stat().st_size <= LIMIT + 2**20


def test_an_encrypted_zip(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", "a")
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(data))
    with pytest.raises(DataError, match="'a' is encrypted"):
        unpack(archive, tmp_path / "out", LIMIT)


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="cut"),
        pytest.param(lambda data: b"not an archive", id="text"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:400] + b"!!!" + data[403:], id="bits turned"),
    ],
)
@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_damaged_archives(tmp_path: Path, kind: str, harm: Callable[[bytes], bytes]) -> None:
    import random

    noise = random.Random(1).randbytes(20_000)
    path = tmp_path / f"a.{kind}"
    archive = zip_of(path, "a", data=noise) if kind == "zip" else tar_of(path, member("a", data=noise))
    archive.write_bytes(harm(archive.read_bytes()))
    with pytest.raises(DataError, match=rf"a.{kind}: a damaged archive"):
        unpack(archive, tmp_path / "out", LIMIT)
