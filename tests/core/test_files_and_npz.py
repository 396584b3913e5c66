"""Files that tables name and arrays that files hold: devices, pickles and wrong shapes are refused by name."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from pseudovox.core.errors import DataError
from pseudovox.core.files import NotAFile, open_regular
from pseudovox.core.npz import check_shapes, read_npz


def test_only_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"x"
    os.mkfifo(tmp_path / "fifo")
    for path, message in ((tmp_path, "folder"), (tmp_path / "fifo", "FIFO"), (Path("/dev/zero"), "device")):
        with pytest.raises(NotAFile, match=f"a {message}, expected a file"):
            open_regular(path)
    with pytest.raises(OSError, match=r"^No such file"):
        open_regular(tmp_path / "gone")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def test_npz_that_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = io.BytesIO()
    np.savez(whole, a=np.arange(1000.0), b=np.zeros((2, 3)))
    Path("x.npz").write_bytes(whole.getvalue())
    assert read_npz(Path("x.npz"))["b"].shape == (2, 3)
    for kept in (0, 10, 500, len(whole.getvalue()) - 20):
        Path("x.npz").write_bytes(whole.getvalue()[:kept])
        with pytest.raises(DataError, match=r"x\.npz: (a: )?cannot be read: \S|x\.npz: a pickle") as caught:
            read_npz(Path("x.npz"), "make it again")
        assert caught.value.hint == "make it again"
    damaged = bytearray(whole.getvalue())
    damaged[600] ^= 255
    Path("x.npz").write_bytes(damaged)
    with pytest.raises(DataError, match=r"x\.npz: a: cannot be read: .*CRC"):
        read_npz(Path("x.npz"))
    for array, message in (
        (np.array([_Bomb()], dtype=object), "b: a pickle, which could run code and is not opened"),
        (np.array(["text"]), "b: holds <U4, expected numbers"),
        (np.array([1.0, np.nan]), "b: holds NaN or infinite values"),
    ):
        np.savez("y.npz", a=np.ones(2), b=array)
        with pytest.raises(DataError, match=rf"y\.npz: {message}"):
            read_npz(Path("y.npz"))
    Path("z.npz").write_bytes(__import__("pickle").dumps(_Bomb()))
    with pytest.raises(DataError, match=r"z\.npz: a pickle"):
        read_npz(Path("z.npz"))
    assert not Path("exploded").exists()
    with pytest.raises(FileNotFoundError):
        read_npz(Path("gone.npz"))


def test_shapes() -> None:
    shapes: dict[str, tuple[int | str, ...]] = {"mean": ("n",), "matrix": ("n", 2)}
    check_shapes({"mean": np.ones(3), "matrix": np.ones((3, 2))}, shapes)
    for arrays, message in (
        ({"mean": np.ones(3)}, "lacks matrix; expected mean, matrix"),
        ({"mean": np.ones(3), "matrix": np.ones((3, 2)), "x": np.ones(1)}, "holds x; expected mean, matrix"),
        ({"mean": np.ones(3), "matrix": np.ones((4, 2))}, r"matrix: shape \(4, 2\), expected \(3, 2\)"),
        ({"mean": np.ones((3, 1)), "matrix": np.ones((3, 2))}, r"mean: shape \(3, 1\), expected \(n\)"),
        ({"mean": np.ones(3), "matrix": np.ones((3, 3))}, r"matrix: shape \(3, 3\), expected \(3, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            check_shapes(arrays, shapes)
