"""Arrays in npz files: never a pickle, never NaN, and the shapes that are expected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.core.errors import DataError
from pseudovox.core.files import write_atomic

if TYPE_CHECKING:
    import numpy as np


def read_npz(path: Path, hint: str = "") -> dict[str, np.ndarray]:
    """The arrays of an npz file, by name: numbers alone, all finite.

    Raises:
        FileNotFoundError: as it is.
        DataError: no npz, cut off, or an array of objects (a pickle, which is not opened), of text, or with NaN in it.
    """
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    name = ""
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                arrays[name] = file[name]
    except FileNotFoundError:
        raise
    except Exception as error:  # numpy and zipfile raise many kinds on a damaged file
        where = f"{path}: {name}" if name else str(path)
        if "allow_pickle" in str(error) or "pickle" in str(error).lower():
            raise DataError(f"{where}: a pickle, which could run code and is not opened", hint) from None
        raise DataError(f"{where}: cannot be read: {error or type(error).__name__}", hint) from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise DataError(f"{path}: {name}: holds {array.dtype}, expected numbers", hint)
        if not np.isfinite(array).all():
            raise DataError(f"{path}: {name}: holds NaN or infinite values", hint)
    return arrays


def check_shapes(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int | str, ...]]) -> None:
    """Raise ValueError unless the arrays are those of `shapes`; a named size is the same wherever its name stands."""
    missing, unknown = sorted(shapes.keys() - arrays.keys()), sorted(arrays.keys() - shapes.keys())
    if missing or unknown:
        found = f"lacks {', '.join(missing)}" if missing else f"holds {', '.join(unknown)}"
        raise ValueError(f"{found}; expected {', '.join(shapes)}")
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        wanted = [sizes.get(size, size) if isinstance(size, str) else size for size in shape]
        have = arrays[name].shape
        if len(have) != len(wanted) or any(isinstance(b, int) and a != b for a, b in zip(have, wanted, strict=True)):
            raise ValueError(f"{name}: shape {have}, expected ({', '.join(map(str, wanted))})")
        sizes.update({size: number for size, number in zip(shape, have, strict=True) if isinstance(size, str)})


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as npz, aside and renamed; the same arrays give the same bytes."""
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # (its entries carry a constant date)
    write_atomic(path, buffer.getvalue())
