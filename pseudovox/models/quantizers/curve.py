"""A piecewise-linear curve through ordered corner points: what a space-filling vector quantiser is made of.

Vali and Bäckström 2024, "Privacy PORCUPINE: Anonymization of Speaker Attributes Using Occurrence Normalization for
Space-Filling Vector Quantization". Corners are (corners, dimension); a position t on the curve is a number from 0 to
corners - 1, whole at the corners and linear between them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pseudovox.core.errors import UsageError

FIRST_BITS = 2  # the curve begins with 4 corners
ORDERINGS = ("principal", "norm")
BLOCK = 16384  # vectors that are projected at once


class Positions(NamedTuple):
    """Where vectors lie on a curve.

    Attributes:
        along: position t, float64 (n,).
        beside: tells apart the vectors whose nearest point is the same corner, float64 (n,): how far the vector lies
            forwards along the sum of the directions of the corner's two segments. 0 between corners.
        squared: squared distance to the nearest point of the curve, float64 (n,).
    """

    along: np.ndarray
    beside: np.ndarray
    squared: np.ndarray


def decode(corners: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The points of the curve at positions (n,), each from 0 to corners - 1: (n, dimension)."""
    segment = np.clip(np.floor(along).astype(int), 0, len(corners) - 2)
    share = (along - segment)[:, None].astype(corners.dtype)
    return (1 - share) * corners[segment] + share * corners[segment + 1]


def first_corners(vectors: np.ndarray, ordering: str = "principal") -> np.ndarray:
    """The 4 corners that a curve begins with: means of the quarters of the vectors, in order.

    Args:
        vectors: (n, dimension), n >= 4.
        ordering: "principal", along the direction of largest variance; or "norm", by Euclidean norm, as published,
            which tells nothing of vectors that are normalised to the same length.

    Raises:
        UsageError: another ordering.
    """
    if ordering not in ORDERINGS:
        raise UsageError(f"ordering {ordering!r}: expected {' or '.join(ORDERINGS)}")
    wide = vectors.astype(np.float64)
    if ordering == "norm":
        order = np.linalg.norm(wide, axis=1)
    else:
        centred = wide - wide.mean(0)
        direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
        # An eigenvector has no sign of its own.
        order = centred @ direction * np.sign(direction[np.argmax(np.abs(direction))])
    quarters = np.array_split(np.argsort(order, kind="stable"), 2**FIRST_BITS)
    return np.stack([wide[rows].mean(0) for rows in quarters]).astype(vectors.dtype)


def double(corners: np.ndarray, epsilon: float = 0.01) -> np.ndarray:
    """The same curve with twice as many corners, each doubled by a point `epsilon` of a segment away.

    In the first half of the curve the second point lies after the corner, in the second half before it, so that the
    ends stay where they are.
    """
    count = len(corners)
    first, second = np.arange(count // 2), np.arange(count // 2, count)
    along = np.concatenate([
        np.stack([first, first + epsilon], 1).ravel(), np.stack([second - epsilon, second], 1).ravel()
    ])  # fmt: skip
    return decode(corners, along)


def project(vectors: np.ndarray, corners: np.ndarray, *, nearby: bool = False) -> Positions:
    """The nearest point of the curve to each vector (n, dimension).

    Args:
        nearby: search only the two segments that meet at the nearest corner (the nearest inner one, at the ends), as
            the released code does; the nearest point of the curve may lie on another.
    """
    parts = [
        _project(vectors[start : start + BLOCK], corners, nearby) for start in range(0, len(vectors), BLOCK)
    ]  # fmt: skip
    return Positions(*(np.concatenate([part[index] for part in parts]) for index in range(3)))


def _project(vectors: np.ndarray, corners: np.ndarray, nearby: bool) -> Positions:
    points, wide = corners.astype(np.float64), vectors.astype(np.float64)
    steps = np.diff(points, axis=0)
    lengths = np.einsum("ij,ij->i", steps, steps)
    products = wide @ points.T  # all that is needed of the vectors
    to_corners = np.einsum("ij,ij->i", points, points) - 2 * products  # squared distances less the vectors' own
    forwards = np.diff(products, axis=1) - np.einsum("ij,ij->i", steps, points[:-1])
    share = np.clip(forwards / np.maximum(lengths, 1e-300), 0.0, 1.0)
    distance = to_corners[:, :-1] - 2 * share * forwards + share**2 * lengths
    if nearby:
        corner = np.clip(np.argmin(to_corners, axis=1), 1, len(points) - 2)
        rows = np.arange(len(wide))
        segment = np.where(distance[rows, corner - 1] <= distance[rows, corner], corner - 1, corner)
    else:
        segment = np.argmin(distance, axis=1)
    rows = np.arange(len(wide))
    along = segment + share[rows, segment]
    squared = np.maximum(distance[rows, segment] + np.einsum("ij,ij->i", wide, wide), 0.0)
    return Positions(along, _beside(products, points, steps, lengths, along), squared)


def _beside(
    products: np.ndarray, points: np.ndarray, steps: np.ndarray, lengths: np.ndarray, along: np.ndarray
) -> np.ndarray:
    """See Positions.beside. (The directions are sums of corners, so products with the corners give them.)"""
    unit = 1 / np.sqrt(np.maximum(lengths, 1e-300))
    unit[lengths == 0] = 0.0
    onwards = np.diff(products, axis=1) * unit  # of each vector along each segment's direction
    at = np.einsum("ij,ij->i", steps, points[:-1]) * unit  # of the segment's first corner
    end = np.einsum("ij,ij->i", steps, points[1:]) * unit  # of its last one
    found = np.zeros(len(along))
    corner = along.astype(int)
    rows = np.flatnonzero(along == corner)
    before, after = rows[corner[rows] > 0], rows[corner[rows] < len(steps)]
    found[before] += onwards[before, corner[before] - 1] - end[corner[before] - 1]
    found[after] += onwards[after, corner[after]] - at[corner[after]]
    return found
