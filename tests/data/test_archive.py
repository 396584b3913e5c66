"""Archives: golden bytes, Kaldi's own reader and writer (kaldiio), and records that must be refused."""

import os
import pickle
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_alike, read_scp, write_ark, write_arrays


def test_golden_bytes(tmp_path: Path) -> None:
    entries = write_ark(tmp_path / "x.ark", {"b": np.array([1.0, -2.0]), "a": np.array([[0.5]])})
    one_by_one = b"\x04\x01\x00\x00\x00\x04\x01\x00\x00\x00" + b"\x00\x00\x00\x3f"
    two = b"\x04\x02\x00\x00\x00" + b"\x00\x00\x80\x3f" + b"\x00\x00\x00\xc0"
    assert (tmp_path / "x.ark").read_bytes() == b"a \x00BFM " + one_by_one + b"b \x00BFV " + two
    assert entries == {"a": f"{tmp_path}/x.ark:2", "b": f"{tmp_path}/x.ark:23"}


def test_round_trip_and_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arrays = {"b": np.ones((3, 2)), "é": np.arange(4.0), "a_b": np.zeros((0, 5)), "B": np.ones(1)}
    write_arrays(Path(), "x", arrays)
    scp = Path("x.scp").read_text(encoding="utf-8")
    assert [line.split()[0] for line in scp.splitlines()] == ["B", "a_b", "b", "é"]
    assert "B x.ark:2\n" in scp
    archive = read_scp("x.scp")
    assert len(archive) == 4 and list(archive) == ["B", "a_b", "b", "é"]
    for key, array in arrays.items():
        assert archive[key].dtype == np.float32
        assert np.array_equal(archive[key], array) and np.array_equal(kaldiio.load_mat(archive.entries[key]), array)


def test_paths_with_blanks_brackets_and_colons(tmp_path: Path) -> None:
    folder = tmp_path / "a [1:2] b:3"
    folder.mkdir()
    write_arrays(folder, "x", {"k": np.ones(2)})
    assert read_scp(folder / "x.scp")["k"].tolist() == [1, 1]


def test_final_place_is_named(tmp_path: Path) -> None:
    write_arrays(tmp_path, "x", {"k": np.ones(2)}, final=Path("/elsewhere"))
    assert (tmp_path / "x.scp").read_text() == "k /elsewhere/x.ark:2\n"


@pytest.mark.parametrize("method", [1, 2, 3, 5])
def test_kaldi_writes_we_read(tmp_path: Path, method: int) -> None:
    array = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    name = str(tmp_path / "x.ark")
    kaldiio.save_ark(name, {"k": array}, scp=str(tmp_path / "x.scp"), compression_method=method)
    assert read_scp(tmp_path / "x.scp")["k"] == pytest.approx(array, abs=0.05)
    whole = Path(name).read_bytes()
    Path(name).write_bytes(whole[:-1])
    with pytest.raises(DataError, match="k: cannot read"):
        read_scp(tmp_path / "x.scp")["k"]
    kaldiio.save_ark(name, {"k": array.astype(np.float64)}, scp=str(tmp_path / "x.scp"))
    assert np.array_equal(read_scp(tmp_path / "x.scp")["k"], array)


def test_what_is_refused(tmp_path: Path) -> None:
    scp, ark = tmp_path / "x.scp", tmp_path / "x.ark"
    write_arrays(tmp_path, "x", {"v": np.ones(10), "w": np.full(2, np.nan)})
    with pytest.raises(DataError, match="no entry for u"):
        read_scp(scp)["u"]
    with pytest.raises(DataError, match="w: holds NaN"):
        read_scp(scp)["w"]
    with pytest.raises(DataError, match="v: dimension 10, expected 512"):
        read_scp(scp, dimension=512)["v"]
    whole = ark.read_bytes()
    for kept in (1, 4, 8, 12, 30, 48):  # in the key, the type, the size, the numbers; 48: a whole number of them
        ark.write_bytes(whole[:kept])
        with pytest.raises(DataError, match=r"x\.scp: v: cannot read .*x\.ark:2: \S"):
            read_scp(scp)["v"]
    scp.write_text(f"v {ark}:99999\n")
    with pytest.raises(DataError, match=r"offset 99999 of a file of 48 bytes: it was cut off, or made anew"):
        read_scp(scp)["v"]
    scp.write_text(f"v {ark}:0\n")
    with pytest.raises(DataError, match="no binary Kaldi vector or matrix there"):
        read_scp(scp)["v"]
    ark.unlink()
    with pytest.raises(DataError, match="No such file"):
        read_scp(scp)["v"]


def test_ranges_as_kaldi_has_them(tmp_path: Path) -> None:
    array = np.arange(20.0).reshape(5, 4)
    write_arrays(tmp_path, "x", {"m": array, "v": np.arange(6.0)})
    at = dict(read_scp(tmp_path / "x.scp").entries)
    for key, words, expected in (
        ("m", "[1:3]", array[1:4]), ("m", "[0:0,1:2]", array[:1, 1:3]), ("m", "[:,3:3]", array[:, 3:]),
        ("m", "[,0:1]", array[:, :2]), ("m", "[2:4,]", array[2:]), ("v", "[2:5]", np.arange(2.0, 6.0)),
    ):  # fmt: skip
        (tmp_path / "y.scp").write_text(f"k {at[key]}{words}\n")
        assert np.array_equal(read_scp(tmp_path / "y.scp")["k"], expected), words
    for key, words, message in (
        ("m", "[0:10]", "range 0:10 of 5; expected `first:last`, counted from 0, both included"),
        ("m", "[3:1]", "range 3:1 of 5"), ("m", "[0:1,0:4]", "range 0:4 of 4"), ("m", "[2]", "range 2 of 5"),
        ("v", "[0:1,0:1]", "a range of columns of a vector"),
    ):  # fmt: skip
        (tmp_path / "y.scp").write_text(f"k {at[key]}{words}\n")
        with pytest.raises(DataError, match=rf"y\.scp: k: cannot read .*{message}"):
            read_scp(tmp_path / "y.scp")["k"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"k  [ 1 2 3 ]\n", "a text archive; copy-feats or copy-vector make it binary"),
        (
            b"k \0B\x04\x02\0\0\0\x04\x01\0\0\0\x04\x02\0\0\0",
            r"holds whole numbers \(an alignment\?\), expected a vector",
        ),
        (b"k \0BSM \x04\x02", "holds 'SM', expected a vector or matrix of float numbers"),
        (b"k \0BFM \x04\x02\0\0\0", "cut off in its header"),
        (b"k \0BFV \x04\xff\xff\xff\xff", "a header that makes no sense"),
        (b"k \0BFV \x05\x01\0\0\0AAAA", "a header that makes no sense"),
        (b"k \0BFM \x04\xff\xff\xff\x7f\x04\xff\xff\xff\x7fAAAA", r"cut off: \d{20} bytes expected, 14 found"),
        (b"k \0BCM2 AAAABBBB\x02\0\0\0\x02\0\0\0AAAA", "cut off: 24 bytes expected, 20 found"),
        (b"k RIFFwave", "no binary Kaldi vector or matrix there, but b'RIFFwa'"),
    ],
)
def test_other_records_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.ark").write_bytes(content)
    (tmp_path / "x.scp").write_text(f"k {tmp_path}/x.ark:2\n")
    with pytest.raises(DataError, match=rf"x\.scp: k: cannot read .*{message}") as caught:
        read_scp(tmp_path / "x.scp")["k"]
    assert caught.value.hint


def test_entries_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for entry, message in (
        (f"{tmp_path}/fifo", "a FIFO, expected a file"),
        ("/dev/zero:4", "a device, expected a file"),
        (f"{tmp_path}", "a folder, expected a file"),
        ("gunzip -c x.ark.gz |", "a command, which is not run here"),
    ):
        (tmp_path / "x.scp").write_text(f"k {entry}\n")
        with pytest.raises(DataError, match=rf"x\.scp: k: cannot read .*{message}"):
            read_scp(tmp_path / "x.scp")["k"]


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def test_nothing_in_an_archive_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.scp").write_text("a touch exploded |\nb | touch exploded\nc x.ark:2\nd -\n")
    Path("x.ark").write_bytes(b"c PKL" + pickle.dumps(_Bomb()))
    for key in "abcd":
        with pytest.raises(DataError, match=f"{key}: cannot read"):
            read_scp("x.scp")[key]
    assert not Path("exploded").exists()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 255))
def test_a_damaged_byte_gives_numbers_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("ark")
    write_arrays(folder, "x", {"v": np.ones((3, 4))})
    content = bytearray((folder / "x.ark").read_bytes())
    content[place % len(content)] = value
    (folder / "x.ark").write_bytes(content)
    try:
        assert np.isfinite(read_scp(folder / "x.scp")["v"]).all()
    except DataError as error:
        assert "x.scp: v" in error.message


def test_archives_that_are_to_be_compared_have_one_dimension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, size in (("one", 4), ("two", 3)):
        Path(name).mkdir()
        write_arrays(Path(name), "xvector", {f"{name}-1": np.ones(size)})
    found = read_alike({name: Path(name) / "xvector.scp" for name in ("one", "two")})
    assert found["one"]["one-1"].shape == (4,)
    with pytest.raises(DataError, match=r"two/xvector.scp: two-1: dimension 3, expected 4"):
        _ = found["two"]["two-1"]
    assert read_alike({}) == {}
