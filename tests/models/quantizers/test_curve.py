"""The geometry of curves: decoding, doubling, projection."""

from __future__ import annotations

import numpy as np
import pytest

from pseudovox.core.errors import UsageError
from pseudovox.models.quantizers import curve

CORNERS = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


def test_decode_is_the_corners_at_whole_positions_and_continuous() -> None:
    assert np.array_equal(curve.decode(CORNERS, np.arange(4.0)), CORNERS)
    assert np.allclose(curve.decode(CORNERS, np.array([0.25, 1.5])), [[0.5, 0.0], [2.0, 1.0]])
    near = curve.decode(CORNERS, np.array([1 - 1e-9, 1 + 1e-9]))
    assert np.allclose(near[0], near[1], atol=1e-8)


def test_doubling_keeps_the_curve() -> None:
    finer = curve.double(CORNERS, 0.01)
    assert len(finer) == 8
    assert np.allclose(finer[[0, 2, 5, 7]], CORNERS)  # each old corner is still one
    twins = np.linalg.norm(finer[1::2] - finer[::2], axis=1)
    assert np.allclose(twins, 0.02)  # 1 % of segments of length 2


def test_projection_by_hand() -> None:
    found = curve.project(np.array([[1.0, -1.0], [3.0, 1.0], [3.0, -1.0], [-1.0, 3.0], [1.0, 1.5]]), CORNERS)
    assert np.allclose(found.along, [0.5, 1.5, 1.0, 3.0, 2.5])
    assert np.allclose(found.squared, [1.0, 1.0, 2.0, 2.0, 0.25])
    # (3, -1) at corner 1, (1, -1) from it, along (1, 0) + (0, 1); (-1, 3) at the last corner, (-1, 1) along (-1, 0).
    assert np.allclose(found.beside, [0.0, 0.0, 0.0, 1.0, 0.0])


def test_projection_is_the_nearest_point_that_a_fine_grid_finds() -> None:
    drawn = np.random.default_rng(3)
    corners, vectors = drawn.standard_normal((16, 3)), drawn.standard_normal((200, 3))
    found = curve.project(vectors, corners)
    grid = curve.decode(corners, np.linspace(0, 15, 30001))
    least = np.min(((vectors[:, None] - grid) ** 2).sum(2), axis=1)
    assert np.all(found.squared < least + 1e-9) and np.allclose(found.squared, least, atol=1e-5)
    points = curve.decode(corners, found.along)
    assert np.allclose(((vectors - points) ** 2).sum(1), found.squared, atol=1e-9)


def test_the_released_search_misses_far_segments() -> None:
    # The nearest corner is 0 and 1 of short segments; the long segment from 2 to 3 passes by nearer.
    corners = np.array([[0.0, 1.0], [0.1, 1.0], [-5.0, 0.0], [5.0, 0.0]])
    vector = np.array([[0.0, 0.4]])
    assert curve.project(vector, corners).along[0] == pytest.approx(2.5)
    assert curve.project(vector, corners, nearby=True).squared[0] > curve.project(vector, corners).squared[0]


def test_first_corners_are_means_of_quarters_in_order() -> None:
    line = np.stack([np.arange(8.0), np.zeros(8)], 1)[np.random.default_rng(1).permutation(8)]
    assert np.allclose(curve.first_corners(line)[:, 0], [0.5, 2.5, 4.5, 6.5])
    assert np.allclose(curve.first_corners(line, "norm")[:, 0], [0.5, 2.5, 4.5, 6.5])
    with pytest.raises(UsageError, match="expected principal or norm"):
        curve.first_corners(line, "mean")
