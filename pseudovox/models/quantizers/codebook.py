"""A trained codebook as arrays: encoding and decoding of vectors, files, and occurrence normalisation of a curve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pseudovox.core.errors import DataError
from pseudovox.core.npz import check_shapes, read_npz, write_npz
from pseudovox.models.quantizers import curve

FILE = "codebooks.npz"
_NAME = re.compile(r"(?P<kind>\w+?)_(?P<bits>\d+)bit_r(?P<run>\d+)")
_SHAPES: dict[str, tuple[int | str, ...]] = {"vectors": ("codes", "dimension")}
_OF_CURVES: dict[str, tuple[int | str, ...]] = {"corners": ("corners", "dimension"), "limits": ("borders", 2)}


@dataclass(frozen=True)
class Codebook:
    """Codewords, and which one stands for a vector.

    Attributes:
        vectors: the codewords, float32 (codes, dimension). Without limits a vector's code is the nearest of them.
        corners: of the curve, float32 (corners, dimension), if codes are told by the position on it.
        limits: float64 (codes - 1, 2), the positions (Positions.along, Positions.beside) at which the next code begins.
    """

    vectors: np.ndarray
    corners: np.ndarray | None = None
    limits: np.ndarray | None = None

    @property
    def bits(self) -> float:
        """log2 of the number of codes: what a code tells at most on average."""
        return float(np.log2(len(self.vectors)))

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """The code of each of (n, dimension): int64 (n,)."""
        if self.corners is None or self.limits is None:
            return nearest(vectors, self.vectors)
        return _between(curve.project(vectors, self.corners), self.limits)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The codewords of codes (n,): (n, dimension)."""
        return self.vectors[codes]

    def mean_squared_error(self, vectors: np.ndarray) -> float:
        """Of the codewords of (n, dimension), over vectors and dimensions; from 0."""
        return float(np.mean(np.square(vectors.astype(np.float64) - self.decode(self.encode(vectors)))))

    def coarser(self, bits: int) -> Codebook:
        """The codebook of 2^bits codes whose code is the first `bits` bits of this one's: runs of codes joined.

        For codes in order along a curve, which is what makes the joined ones neighbours. Codewords are means of those
        joined; where occurrences are normalised, they stay so.

        Raises:
            ValueError: more bits than this codebook has.
        """
        joined, rest = divmod(len(self.vectors), 2**bits)
        if rest or not joined:
            raise ValueError(f"{bits} bits of {len(self.vectors)} codes")
        vectors = self.vectors.reshape(2**bits, joined, -1).mean(1)
        limits = None if self.limits is None else self.limits[joined - 1 :: joined]
        return Codebook(vectors, self.corners, limits)

    def arrays(self) -> dict[str, np.ndarray]:
        """What `restore` needs, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> Codebook:
        """The codebook from its arrays; ValueError if they are not such."""
        check_shapes(arrays, _SHAPES | (_OF_CURVES if len(arrays) > 1 else {}))
        found = cls(**arrays)
        if len(found.vectors) < 1 or (found.limits is not None and len(found.limits) != len(found.vectors) - 1):
            raise ValueError(f"{len(found.vectors)} codewords do not go with the limits between them")
        return found


def nearest(vectors: np.ndarray, codewords: np.ndarray) -> np.ndarray:
    """Index of the nearest codeword to each of (n, dimension): int64 (n,). The first one of several as near."""
    wide = codewords.astype(np.float64)
    own = np.einsum("ij,ij->i", wide, wide)
    blocks = [
        np.argmin(own - 2 * vectors[start : start + curve.BLOCK].astype(np.float64) @ wide.T, axis=1)
        for start in range(0, len(vectors), curve.BLOCK)
    ]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int64)


def normalise(corners: np.ndarray, vectors: np.ndarray, codes: int = 0, *, like: str = "") -> Codebook:
    """Occurrence normalisation: resample a curve so that each code stands for the same number of training vectors.

    The vectors are projected on the curve and sorted by their position; codes are equal shares of them, a codeword is
    the mean of its share's points on the curve, and vectors on a border count for both sides by their fractions. A
    new vector's code is told by its position, too: so it is as frequent as any other, also where a nearest
    codeword would not be.

    Args:
        corners: of the trained curve, (corners, dimension).
        vectors: training vectors (n, dimension), n >= codes.
        codes: how many; 0 = as many as corners.
        like: "porcupine" does what the released code does: only the segments at the nearest corner are searched,
            vectors on one segment stay in the order of the data, shares begin at multiples of the whole part of
            n / codes and are divided by one more than it, and a new vector's code is the nearest codeword.

    Raises:
        DataError: fewer vectors than codes.
    """
    codes = codes or len(corners)
    if len(vectors) < codes:
        raise DataError(f"{len(vectors)} vectors cannot be shared among {codes} codes evenly")
    found = curve.project(vectors, corners, nearby=like == "porcupine")
    if like == "porcupine":
        return _as_released(corners, found, codes)
    order = np.lexsort((found.beside, found.along))
    share = len(vectors) / codes
    borders = np.arange(codes + 1) * share
    means = _weights(found.along[order], codes, len(corners)) @ corners.astype(np.float64) / share
    # A border lies half-way between the two vectors that it parts, or at the one that it would cut.
    inner = borders[1:-1]
    lower, upper = np.ceil(inner).astype(int) - 1, np.floor(inner).astype(int)
    pairs = np.stack([found.along[order], found.beside[order]], 1)
    limits = pairs[upper].copy()
    same = pairs[lower, 0] == pairs[upper, 0]
    limits[:, 0] = np.where(same, pairs[upper, 0], (pairs[lower, 0] + pairs[upper, 0]) / 2)
    limits[:, 1] = np.where(same, (pairs[lower, 1] + pairs[upper, 1]) / 2, 0.0)
    return Codebook(means.astype(np.float32), corners.astype(np.float32), limits)


def _weights(along: np.ndarray, codes: int, corners: int) -> np.ndarray:
    """How much each corner counts in each code's sum of points, (codes, corners); positions (n,) are in order.

    The points lie between corners, so their sums are sums of corners, and the points themselves are never needed.
    """
    share = len(along) / codes
    rows = np.arange(len(along))
    first = np.minimum((rows / share).astype(int), codes - 1)
    second = np.minimum(first + 1, codes - 1)  # a share is one vector or more: it is cut by one border at most
    past = np.clip(rows + 1 - (first + 1) * share, 0.0, 1.0)
    segment = np.clip(np.floor(along).astype(int), 0, corners - 2)
    found = np.zeros((codes, corners))
    for code, weight in ((first, 1 - past), (second, past)):
        np.add.at(found, (code, segment), weight * (1 - (along - segment)))
        np.add.at(found, (code, segment + 1), weight * (along - segment))
    return found


def _as_released(corners: np.ndarray, found: curve.Positions, codes: int) -> Codebook:
    segment = np.clip(np.floor(found.along).astype(int), 0, len(corners) - 2)
    points = curve.decode(corners.astype(np.float64), found.along)[np.argsort(segment, kind="stable")]
    share = len(points) / codes
    whole = int(share)
    means = []
    for code in range(codes):
        rows = points[code * whole : code * whole + whole + 1].copy()
        if len(rows) > whole:
            rows[whole] *= share - whole
        means.append(rows.sum(0) / (whole + 1))
    return Codebook(np.stack(means).astype(np.float32))


def _between(found: curve.Positions, limits: np.ndarray) -> np.ndarray:
    """How many limits each position has reached; pairs are in order by their first number, then by the second."""
    codes = np.searchsorted(limits[:, 0], found.along, side="left")
    last = np.searchsorted(limits[:, 0], found.along, side="right")
    for row in np.flatnonzero(codes < last):  # at a corner that codes share
        codes[row] += np.searchsorted(limits[codes[row] : last[row], 1], found.beside[row], side="right")
    return codes


# ---------------------------------------------------------------------- files
@dataclass(frozen=True, order=True)
class Name:
    """What a codebook of a file is: its kind, its bits, and which of several trainings it comes from."""

    kind: str
    bits: int
    run: int = 1

    def __str__(self) -> str:
        return f"{self.kind}_{self.bits}bit_r{self.run}"


def write(path: Path, codebooks: Mapping[Name, Codebook]) -> None:
    """Write codebooks to an npz: `<kind>_<bits>bit_r<run>` (codewords), and `.corners`, `.limits` of that name."""
    arrays = {}
    for name in sorted(codebooks):
        for part, value in codebooks[name].arrays().items():
            arrays[str(name) if part == "vectors" else f"{name}.{part}"] = value
    write_npz(path, arrays)


def read(path: Path) -> dict[Name, Codebook]:
    """The codebooks of a file that `write` wrote, or of another with arrays of such names, by name.

    Raises:
        DataError: it is missing, no npz, or holds other arrays.
    """
    try:
        arrays = read_npz(path)
    except FileNotFoundError:
        raise DataError(f"{path}: there are no codebooks") from None
    parts: dict[Name, dict[str, np.ndarray]] = {}
    for label, array in arrays.items():
        label, _, part = label.partition(".")
        matched = _NAME.fullmatch(label)
        if not matched:
            raise DataError(f"{path}: {label}: expected names as sfvq_6bit_r1 (<kind>_<bits>bit_r<run>)")
        name = Name(matched["kind"], int(matched["bits"]), int(matched["run"]))
        parts.setdefault(name, {})[part or "vectors"] = array
    found = {}
    for name, its in sorted(parts.items()):
        try:
            found[name] = Codebook.restore(its)
        except ValueError as error:
            raise DataError(f"{path}: {name}: not a codebook: {error}") from None
    return found
