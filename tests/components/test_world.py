"""WORLD: sizes, the round trip, level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from pseudovox.components import f0, world
from pseudovox.config import F0
from pseudovox.core.errors import UsageError


def vowel(pitch: float, seconds: float = 0.6) -> np.ndarray:
    """Pulses through two resonances."""
    signal = np.zeros(round(seconds * f0.SAMPLE_RATE))
    signal[np.arange(0, seconds * f0.SAMPLE_RATE, f0.SAMPLE_RATE / pitch).astype(int)] = 1.0
    for centre in (700.0, 1200.0):
        radius = np.exp(-np.pi * 200 / f0.SAMPLE_RATE)
        signal = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * centre / f0.SAMPLE_RATE), radius**2], signal)
    return (0.5 * signal / np.abs(signal).max()).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 200, 9600, 9601, 9759, 9760])
def test_synthesize_gives_exactly_the_samples_asked_for(samples: int) -> None:
    speech = vowel(120.0)
    speech = np.resize(speech, samples)
    contour = f0.extract(speech, F0())
    analysis = world.analyse(speech, contour, 40)
    assert analysis.envelope.shape == (len(contour), 40)
    assert analysis.aperiodicity.shape == (len(contour), world.APERIODICITIES)
    again = world.synthesize(analysis, contour, samples)
    assert again.shape == (samples,) and again.dtype == np.float32 and np.isfinite(again).all()


@pytest.mark.parametrize("pitch", [80.0, 180.0])
def test_round_trip_keeps_envelope_and_pitch(pitch: float) -> None:
    speech = vowel(pitch)
    contour = f0.extract(speech, F0())
    analysis = world.analyse(speech, contour, 60)
    again = world.synthesize(analysis, contour, len(speech))
    contour2 = f0.extract(again, F0())
    middle = slice(10, 45)
    assert np.allclose(contour2[middle], pitch, rtol=0.02)
    envelope2 = world.analyse(again, contour2, 60).envelope
    assert np.abs(envelope2[middle, 1:] - analysis.envelope[middle, 1:]).mean() < 0.1


def test_analyse_refuses_impossible_sizes() -> None:
    with pytest.raises(UsageError, match="coefficients"):
        world.analyse(np.zeros(1600, np.float32), np.zeros(11, np.float32), 1000)


def test_level_counts_speech_and_not_the_pauses() -> None:
    speech = np.concatenate([np.full(16000, 0.1, np.float32), np.zeros(48000, np.float32)])
    assert world.speech_level(speech) == pytest.approx(-20.0, abs=1e-4)
    assert world.speech_level(world.set_speech_level(speech, -26.0)) == pytest.approx(-26.0, abs=1e-3)


def test_level_is_limited_by_peaks_and_leaves_silence() -> None:
    click = np.zeros(1600, np.float32)
    click[3] = 0.5
    assert np.abs(world.set_speech_level(click, 0.0)).max() == pytest.approx(world.PEAK)
    assert not world.set_speech_level(np.zeros(100, np.float32), -26.0).any()
    assert world.speech_level(np.zeros(100, np.float32)) == -np.inf
