"""Precision, recall and Fréchet distance of sets of vectors, against cases that can be done by hand."""

import numpy as np
import pytest

from pseudovox.metrics import coverage

LINE = np.arange(6.0)[:, None]  # distance to the first neighbour: 1


def test_precision_and_recall_by_hand() -> None:
    made = np.array([[0.4], [2.5], [5.9], [7.0], [100.0]])
    # Balls of the real ones reach one to either side: -1 to 6.
    assert coverage.precision(LINE, made, 1) == pytest.approx(3 / 5)
    # Those of the made ones: 0.4 and 2.5 +- 2.1, 5.9 and 7 +- 1.1, 100 +- 93.
    assert coverage.recall(LINE, made, 1) == pytest.approx(6 / 6)
    assert coverage.recall(LINE, made[:2], 1) == pytest.approx(5 / 6), "4.6 is the end"


def test_collapse_is_believable_and_covers_little() -> None:
    draw = np.random.default_rng(0)
    real = draw.standard_normal((200, 4))
    collapsed = real[0] + 1e-3 * draw.standard_normal((200, 4))
    wide = 30 * draw.standard_normal((200, 4))
    assert coverage.precision(real, collapsed) == 1 and coverage.recall(real, collapsed) <= 0.02
    assert coverage.precision(real, wide) < 0.05 and coverage.recall(real, wide) > 0.9
    same = draw.standard_normal((200, 4))
    assert coverage.precision(real, same) > 0.7 and coverage.recall(real, same) > 0.7


def test_frechet_distance_in_closed_form() -> None:
    # Points at +-a on each axis: variance a^2 / dimension each, so d = |m|^2 + sum (s1 - s2)^2.
    axes = np.concatenate([np.eye(3), -np.eye(3)]) * np.sqrt(3)
    scales, shift = np.array([2.0, 1.0, 0.5]), np.array([1.0, 0.0, -2.0])
    assert coverage.frechet_distance(axes, axes * scales + shift) == pytest.approx(5 + 1 + 0 + 0.25)
    assert coverage.frechet_distance(axes, axes[::-1]) == pytest.approx(0, abs=1e-9)
    rotated = axes @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert coverage.frechet_distance(axes, rotated) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_is_that_of_the_matrices() -> None:
    from scipy.linalg import sqrtm

    draw = np.random.default_rng(1)
    first, second = draw.standard_normal((50, 5)) @ draw.standard_normal((5, 5)), draw.standard_normal((40, 5))
    covariances = [np.cov(own.T, bias=True) for own in (first, second)]
    expected = np.square(first.mean(0) - second.mean(0)).sum() + np.trace(
        covariances[0] + covariances[1] - 2 * np.real(sqrtm(covariances[0] @ covariances[1]))
    )
    assert coverage.frechet_distance(first, second) == pytest.approx(expected)
    assert coverage.frechet_distance(first, second) == pytest.approx(coverage.frechet_distance(second, first))


def test_too_few_vectors() -> None:
    with pytest.raises(ValueError, match="3 and 1 vectors; expected more than 3"):
        coverage.precision(np.zeros((3, 2)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="expected 2 or more"):
        coverage.frechet_distance(np.zeros((1, 2)), np.zeros((4, 2)))
