"""Pitch correlation on contours whose correlation is known."""

import math

import numpy as np
import pytest

from pseudovox.metrics import pitch


def contour(frames: int = 300) -> np.ndarray:
    """Three voiced stretches with a moving F0 between unvoiced ones; everything within 75-500 Hz."""
    time = np.arange(frames)
    f0 = 150 + 40 * np.sin(time / 17) + 10 * np.sin(time / 5)
    return np.where((time % 100 > 20) & (time % 100 < 90), f0, 0.0)


def scaled(f0: np.ndarray, factor: float, offset: float) -> np.ndarray:
    return np.where(f0 > 0, factor * f0 + offset, 0.0)


def test_same_contour() -> None:
    assert pitch.correlation_vpc2022(contour(), contour()) == pytest.approx(1.0)
    assert pitch.correlation_voiced(contour(), contour()) == pytest.approx(1.0)


def test_affine_change_is_perfect_only_where_voiced() -> None:
    shifted = scaled(contour(), 1.2, 30)
    assert pitch.correlation_voiced(contour(), shifted) == pytest.approx(1.0)
    assert 0.9 < pitch.correlation_vpc2022(contour(), shifted) < 1.0
    mirrored = scaled(contour(), -1.0, 350)
    assert pitch.correlation_voiced(contour(), mirrored) == pytest.approx(-1.0)
    assert pitch.correlation_vpc2022(contour(), mirrored) > 0.2  # voicing alone


def test_zeros_count_in_the_challenge_form() -> None:
    original = np.array([0.0, 100, 200, 100, 0, 0])
    anonymized = np.array([0.0, 100, 200, 0, 0, 0])
    expected = np.corrcoef(original, anonymized)[0, 1]
    assert pitch.correlation_vpc2022(original, anonymized) == pytest.approx(expected)


def test_lag_is_compensated() -> None:
    late = np.roll(contour(), 7)
    assert pitch.correlation_vpc2022(contour(), late) == pytest.approx(1.0)
    assert pitch.correlation_voiced(contour(), late) == pytest.approx(1.0)
    assert pitch.correlation_voiced(late, contour()) == pytest.approx(1.0)


def test_lag_is_that_of_the_direct_sum() -> None:
    generator = np.random.default_rng(3)
    a, b = generator.uniform(0, 500, 83), generator.uniform(0, 500, 83)
    direct = [sum(a[n + k] * b[n] for n in range(83) if 0 <= n + k < 83) for k in range(-82, 83)]
    assert pitch._best_lag(a, b) == int(np.argmax(direct)) - 82
    assert pitch._best_lag(np.zeros(5), b[:5]) == 0


def test_lengths_may_differ() -> None:
    longer = np.interp(np.linspace(0, 299, 330), np.arange(300), contour())
    assert pitch.correlation_vpc2022(contour(), longer) > 0.99
    assert pitch.correlation_vpc2022(longer, contour()) > 0.99
    assert pitch.correlation_voiced(contour(), longer) > 0.95


def test_values_outside_the_range_are_unvoiced() -> None:
    high = contour()
    high[high > 0] += 500
    assert pitch.correlation_vpc2022(contour(), high) == 0.0
    assert pitch.correlation_voiced(contour(), high) == pytest.approx(1.0)


@pytest.mark.parametrize("other", [np.zeros(300), np.zeros(1), np.zeros(0), np.full(300, 120.0)])
def test_degenerate_contours(other: np.ndarray) -> None:
    assert pitch.correlation_vpc2022(contour(), other) == 0.0
    assert math.isnan(pitch.correlation_voiced(contour(), other))


def test_few_voiced_frames_are_undefined() -> None:
    f0 = np.zeros(50)
    f0[10:19] = np.linspace(100, 150, 9)
    assert math.isnan(pitch.correlation_voiced(f0, f0))
    assert pitch.correlation_vpc2022(f0, f0) == pytest.approx(1.0)


def test_bad_contours_are_errors() -> None:
    with pytest.raises(ValueError, match="finite"):
        pitch.correlation_vpc2022(np.array([100.0, np.nan]), contour())
    with pytest.raises(ValueError, match="shape"):
        pitch.correlation_voiced(contour().reshape(2, -1), contour())


def test_summary_leaves_out_and_counts_the_undefined() -> None:
    summary = pitch.summarise(np.array([0.5, 0.9, np.nan, 0.7]))
    assert (summary.mean, summary.median) == pytest.approx((0.7, 0.7))
    assert (summary.utterances, summary.defined) == (4, 3)
    assert summary.deviation == pytest.approx(np.std([0.5, 0.9, 0.7]))
    assert math.isnan(pitch.summarise(np.array([np.nan])).mean)
