"""Codebooks: occurrence normalisation, coarser codes, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pseudovox.core.errors import DataError
from pseudovox.models.quantizers import codebook, curve
from pseudovox.models.quantizers.codebook import Codebook, Name

DRAWN = np.random.default_rng(5)
CORNERS = DRAWN.standard_normal((16, 4)).astype(np.float32)
VECTORS = DRAWN.standard_normal((3200, 4)).astype(np.float32)


def test_every_code_is_as_frequent_on_what_normalised_it() -> None:
    found = codebook.normalise(CORNERS, VECTORS)
    assert np.array_equal(np.bincount(found.encode(VECTORS), minlength=16), np.full(16, 200))
    odd = codebook.normalise(CORNERS, VECTORS[:1003])
    assert np.ptp(np.bincount(odd.encode(VECTORS[:1003]), minlength=16)) <= 1
    # By the nearest codeword it is not so.
    assert np.ptp(np.bincount(codebook.nearest(VECTORS, found.vectors), minlength=16)) > 20


def test_codewords_are_means_of_exact_shares() -> None:
    # Ten vectors on a line from 0 to 9, four codes: shares of 2.5.
    corners = np.array([[0.0], [3.0], [6.0], [9.0]], np.float32)
    vectors = np.arange(10.0, dtype=np.float32)[::-1, None]
    found = codebook.normalise(corners, vectors)
    expected = [(0 + 1 + 2 / 2) / 2.5, (2 / 2 + 3 + 4) / 2.5, (5 + 6 + 7 / 2) / 2.5, (7 / 2 + 8 + 9) / 2.5]
    assert np.allclose(found.vectors[:, 0], expected)


def test_the_released_sums_are_reproduced() -> None:
    corners = np.array([[0.0], [3.0], [6.0], [9.0]], np.float32)
    vectors = np.arange(10.0, dtype=np.float32)[:, None]
    found = codebook.normalise(corners, vectors, like="porcupine")
    # Two whole ones and half of the next, over three; always two on.
    assert np.allclose(found.vectors[:, 0], [(0 + 1 + 1) / 3, (2 + 3 + 2) / 3, (4 + 5 + 3) / 3, (6 + 7 + 4) / 3])
    assert found.limits is None


def test_unseen_vectors_spread_as_by_chance() -> None:
    # Of one code the count has the binomial's variance, and that of the limits, which 3200 vectors set.
    found = codebook.normalise(CORNERS, VECTORS)
    unseen = np.random.default_rng(6).standard_normal((6400, 4)).astype(np.float32)
    counts = np.bincount(found.encode(unseen), minlength=16)
    assert counts.std() < 1.5 * np.sqrt(400 * 15 / 16 * (1 + 2))


def test_coarser_codes_are_the_first_bits() -> None:
    found = codebook.normalise(CORNERS, VECTORS)
    coarse = found.coarser(2)
    assert np.array_equal(coarse.encode(VECTORS), found.encode(VECTORS) >> 2)
    assert np.allclose(coarse.vectors[0], found.vectors[:4].mean(0))
    with pytest.raises(ValueError, match="5 bits of 16 codes"):
        found.coarser(5)


def test_nearest_is_the_nearest() -> None:
    distances = ((VECTORS[:50, None] - CORNERS) ** 2).sum(2)
    plain = Codebook(CORNERS)
    assert np.array_equal(plain.encode(VECTORS[:50]), distances.argmin(1))
    assert plain.mean_squared_error(VECTORS[:50]) == pytest.approx(distances.min(1).mean() / 4, rel=1e-5)
    assert plain.bits == 4.0


def test_too_few_vectors() -> None:
    with pytest.raises(DataError, match="15 vectors cannot be shared among 16 codes"):
        codebook.normalise(CORNERS, VECTORS[:15])


def test_files_keep_everything(tmp_path: Path) -> None:
    books = {Name("sfvq", 4, 1): Codebook(CORNERS), Name("sfvq_normalised", 4, 2): codebook.normalise(CORNERS, VECTORS)}
    codebook.write(tmp_path / "codebooks.npz", books)
    again = codebook.read(tmp_path / "codebooks.npz")
    assert list(again) == list(books)
    for name, book in books.items():
        assert np.array_equal(again[name].encode(VECTORS), book.encode(VECTORS))
    np.savez(tmp_path / "other.npz", means=CORNERS)
    with pytest.raises(DataError, match="means: expected names as sfvq_6bit_r1"):
        codebook.read(tmp_path / "other.npz")
    with pytest.raises(DataError, match="there are no codebooks"):
        codebook.read(tmp_path / "none.npz")


def test_corner_ties_are_told_apart() -> None:
    # Everything projects to the one inner corner of a right angle: the position is the same, the side is not.
    corners = np.array([[-1.0, 0.0], [0.0, 0.0], [0.0, -1.0], [0.0, -2.0]], np.float32)
    vectors = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 2.0], [1.0, 1.0]], np.float32)
    assert np.array_equal(curve.project(vectors, corners).along, np.ones(4))
    found = codebook.normalise(corners, vectors, 2)
    assert sorted(np.bincount(found.encode(vectors), minlength=2)) == [2, 2]
