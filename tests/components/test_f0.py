"""F0: extraction on tones of known pitch, statistics and shift in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from pseudovox.components import f0
from pseudovox.config import F0
from pseudovox.core.errors import UsageError


def tone(frequency: np.ndarray | float, seconds: float = 1.0) -> np.ndarray:
    """Harmonics of a gliding or steady pitch, as a buzzing voice has them."""
    count = round(seconds * f0.SAMPLE_RATE)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(frequency, count)) / f0.SAMPLE_RATE
    return (0.1 * sum(np.cos(k * phase) / k for k in range(1, 12))).astype(np.float32)


@pytest.mark.parametrize("method", f0.METHODS)
@pytest.mark.parametrize("pitch", [90.0, 140.0, 230.0])
def test_extract_finds_the_pitch_of_a_tone(method: str, pitch: float) -> None:
    contour = f0.extract(tone(pitch), F0(method=method, ceiling=400))
    middle = contour[20:80]
    assert contour.dtype == np.float32 and contour.shape == (101,)
    assert np.allclose(middle, pitch, rtol=0.01)


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4000, 16001])
def test_extract_has_the_promised_number_of_frames(samples: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    assert len(f0.extract(noise, F0())) == f0.frame_count(samples) == samples // 160 + 1


def test_extract_calls_silence_unvoiced() -> None:
    assert not f0.extract(np.zeros(8000, np.float32), F0()).any()


@pytest.mark.parametrize("options", [F0(method="yaapt"), F0(floor=400, ceiling=300), F0(floor=0)])
def test_extract_refuses_options_that_make_no_sense(options: F0) -> None:
    with pytest.raises(UsageError, match="f0"):
        f0.extract(np.zeros(1600, np.float32), options)


def test_interpolate_bridges_in_log_and_holds_the_ends() -> None:
    log_f0, voiced = f0.interpolate(np.array([0, 100, 0, 0, 0, 400, 0], np.float32))
    expected = np.log([100, 100, 100 * 4**0.25, 200, 100 * 4**0.75, 400, 400])
    assert np.allclose(log_f0, expected)
    assert voiced.tolist() == [0, 1, 0, 0, 0, 1, 0]


def test_interpolate_of_unvoiced_is_zero() -> None:
    log_f0, voiced = f0.interpolate(np.zeros(3, np.float32))
    assert not log_f0.any() and not voiced.any()


def test_statistics_are_those_of_all_voiced_frames() -> None:
    contours = [np.array([0, 100, 200], np.float32), np.array([400, 0], np.float32), np.zeros(2, np.float32)]
    got = f0.statistics(contours)
    values = np.log([100, 200, 400])
    assert got.frames == 3
    assert got.mean == pytest.approx(values.mean())
    assert got.deviation == pytest.approx(values.std())


def test_shift_moves_statistics_and_keeps_melody_and_voicing() -> None:
    generator = np.random.default_rng(1)
    contour = np.exp(generator.normal(np.log(120), 0.1, 500)).astype(np.float32)
    contour[::5] = 0
    source = f0.statistics([contour])
    moved = f0.shift(contour, source, f0.Statistics(np.log(210), 0.15), F0())
    got = f0.statistics([moved])
    assert got.mean == pytest.approx(np.log(210), abs=1e-4)
    assert got.deviation == pytest.approx(0.15, abs=1e-4)
    voiced = contour > 0
    assert np.array_equal(moved > 0, voiced)
    assert np.corrcoef(np.log(contour[voiced]), np.log(moved[voiced]))[0, 1] == pytest.approx(1.0, abs=1e-4)


def test_shift_limits_the_change_of_range_and_stays_within_the_limits() -> None:
    contour = np.array([100, 200], np.float32)
    source = f0.statistics([contour])
    moved = f0.shift(contour, source, f0.Statistics(source.mean, 10 * source.deviation), F0())
    assert np.log(moved[1] / moved[0]) == pytest.approx(2 * np.log(2), abs=1e-4)
    high = f0.shift(contour, source, f0.Statistics(np.log(5000), source.deviation), F0(ceiling=500))
    assert np.allclose(high, 500)


def test_shift_of_an_unvoiced_speaker_stays_unvoiced() -> None:
    contour = np.zeros(4, np.float32)
    assert not f0.shift(contour, f0.statistics([contour]), f0.Statistics(5.0, 0.1), F0()).any()
