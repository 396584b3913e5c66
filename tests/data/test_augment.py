"""Channels: exact ratios, levels and decays; nothing moves in time, and the generator holds all the chance."""

from dataclasses import replace

import numpy as np
import pytest

from pseudovox.data.augment import (
    COLOURS,
    MILD,
    AugmentOptions,
    VoiceOptions,
    add_noise,
    augment,
    change_voice,
    level_db,
    noise,
    reverberate,
    room_response,
    set_level,
    tilt,
)

RATE = 16000


def sine(hertz: float, length: int = RATE, amplitude: float = 0.1) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(length) / RATE)).astype(np.float32)


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_signal_to_noise_ratio_is_exact(colour: str, snr_db: float) -> None:
    samples = sine(300.0, 12345)
    noisy = add_noise(samples, snr_db, colour, draw())
    assert noisy.dtype == np.float32 and len(noisy) == 12345
    assert level_db(samples) - level_db(noisy - samples) == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -3.01), ("babble", -9.0)])
def test_colours(colour: str, slope: float) -> None:
    spectrum = np.abs(np.fft.rfft(noise(20 * RATE, colour, draw()))) ** 2
    frequency = np.fft.rfftfreq(20 * RATE, 1 / RATE)
    octaves = [np.mean(spectrum[(frequency >= low) & (frequency < 2 * low)]) for low in (1500.0, 3000.0)]
    assert 10 * np.log10(octaves[1] / octaves[0]) == pytest.approx(slope, abs=0.6)
    assert level_db(noise(RATE, colour, draw())) == pytest.approx(0.0, abs=1e-3)


def test_unknown_colour() -> None:
    with pytest.raises(ValueError, match="unknown noise colour 'red', expected one of white, pink, babble"):
        noise(10, "red", draw())


def test_room_decays_by_60_db_in_rt60() -> None:
    response = room_response(0.4, draw())
    assert response[0] == 1.0 and np.argmax(np.abs(response)) == 0 and len(response) == 6400
    assert not response[1:32].any()  # 2 ms before the first reflection
    energy = np.array([np.mean(part**2) for part in np.split(response[400:6400], 20)])
    slope = np.polyfit(np.arange(20) * 300 / RATE, 10 * np.log10(energy), 1)[0]
    assert slope * 0.4 == pytest.approx(-60.0, abs=5.0)


def test_reverberation_delays_nothing() -> None:
    click = np.zeros(8000, dtype=np.float32)
    click[1000] = 0.5
    wet = reverberate(click, 0.2, draw())
    assert len(wet) == 8000
    assert np.allclose(wet[:1000], 0.0, atol=1e-6)
    assert np.allclose(wet[1000 : 1000 + 3200], 0.5 * room_response(0.2, draw()), atol=1e-6)


def test_levels() -> None:
    assert level_db(set_level(sine(100.0), -26.0)) == pytest.approx(-26.0, abs=0.01)
    click = np.zeros(RATE, dtype=np.float32)
    click[5] = -0.01
    assert set_level(click, -20.0).min() == pytest.approx(-0.95)  # the peak comes first
    assert not set_level(np.zeros(10), -20.0).any()
    assert level_db(np.zeros(10)) == -np.inf


def test_tilt_and_band_limit() -> None:
    for hertz, gain in ((1000.0, 0.0), (4000.0, 6.0 * 2 / np.log2(80.0)), (125.0, -6.0 * 3 / np.log2(80.0))):
        changed = tilt(sine(hertz), 6.0)[2000:-2000]
        assert level_db(changed) - level_db(sine(hertz)[2000:-2000]) == pytest.approx(gain, abs=0.1)
    inner = slice(2000, -2000)  # an abrupt start holds frequencies above the limit
    assert np.abs(tilt(sine(500.0), 0.0, 4000.0) - sine(500.0))[inner].max() < 1e-4  # no delay, no change below it
    assert level_db(tilt(sine(7500.0), 0.0, 3750.0)) < level_db(sine(7500.0)) - 50


def test_augment_depends_on_its_generator_alone() -> None:
    samples = sine(200.0) + sine(900.0)
    untouched = samples.copy()
    first, again, other = (augment(samples, draw(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(samples, untouched)


def test_augment_stays_aligned_and_within_range() -> None:
    samples = np.zeros(RATE, dtype=np.float32)
    samples[4000:9000] = 0.1 * noise(5000, "pink", draw(99))
    always = AugmentOptions(1.0, 1.0, 1.0, 1.0, snr_db=(25.0, 30.0))
    for seed in range(10):
        result = augment(samples, draw(seed), always)
        assert result.dtype == np.float32 and len(result) == len(samples) and np.abs(result).max() <= 0.951
        lags = np.correlate(result, samples[1000:-1000], "valid")
        assert int(np.argmax(lags)) == 1000


def test_augment_without_effects_sets_the_level() -> None:
    options = replace(MILD, noise_probability=0.0, reverb_probability=0.0, rms_db=(-30.0, -30.0))
    result = augment(sine(440.0), draw(), options)
    assert np.allclose(result, set_level(sine(440.0), -30.0))


def vowel(pitch: float, formant: float) -> np.ndarray:
    """A second of harmonics under one broad peak."""
    harmonics = np.arange(pitch, 4000.0, pitch)
    levels = np.exp(-0.5 * ((harmonics - formant) / 250.0) ** 2) + 0.02
    return sum(level * sine(hertz, amplitude=0.05) for hertz, level in zip(harmonics, levels, strict=True))


def peak(samples: np.ndarray) -> float:
    """Centre of gravity of the power spectrum, Hz."""
    power = np.abs(np.fft.rfft(samples[2000:-2000])) ** 2
    return float((power * np.fft.rfftfreq(len(samples) - 4000, 1 / RATE)).sum() / power.sum())


def test_another_voice_has_other_formants_and_another_pitch() -> None:
    parselmouth = pytest.importorskip("parselmouth")

    def pitch(samples: np.ndarray) -> float:
        found = parselmouth.Sound(samples.astype(np.float64), RATE).to_pitch_ac().selected_array["frequency"]
        return float(np.median(found[found > 0]))

    samples = vowel(120.0, 1200.0)
    other = [change_voice(samples, draw(number), VoiceOptions(0.2, 0.0, 0.0)) for number in range(4)]
    ratios = [np.exp(0.2 * draw(number).uniform(-1, 1)) for number in range(4)]
    for found, ratio in zip(other, ratios, strict=True):
        assert found.dtype == np.float32 and len(found) == len(samples)
        assert peak(found) / peak(samples) == pytest.approx(ratio, rel=0.04)
        assert pitch(found) == pytest.approx(120.0, rel=0.02)
        assert level_db(found) == pytest.approx(level_db(samples), abs=0.1)
    higher = change_voice(samples, draw(3), VoiceOptions(0.0, 0.4, 0.0))
    assert pitch(higher) / 120.0 == pytest.approx(np.exp(0.4 * draw(3).uniform(-1, 1, 2)[1]), rel=0.02)
    assert np.array_equal(higher, change_voice(samples, draw(3), VoiceOptions(0.0, 0.4, 0.0)))


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.zeros(40), draw().standard_normal(RATE) * 1e-3])
def test_what_has_no_pitch_keeps_its_voice(samples: np.ndarray) -> None:
    pytest.importorskip("parselmouth")
    assert np.array_equal(change_voice(samples, draw()), samples.astype(np.float32))


def test_a_pitch_that_would_be_moved_below_nothing_is_held() -> None:
    parselmouth = pytest.importorskip("parselmouth")
    samples = np.concatenate([vowel(350.0, 900.0), vowel(85.0, 900.0)[:8000]])
    # Twice the distance from a median of 350 Hz would put 85 Hz at -180: an error of Praat, or a loop without an end.
    generator = next(draw(number) for number in range(20) if draw(number).uniform(-1, 1, 3)[2] > 0.8)
    found = change_voice(samples, generator, VoiceOptions(0.0, 0.0, 0.8))
    pitch = parselmouth.Sound(found.astype(np.float64), RATE).to_pitch_ac(pitch_floor=30.0).selected_array["frequency"]
    assert 30.0 < pitch[pitch > 0].min() < 70.0 and np.median(pitch[pitch > 0]) == pytest.approx(350.0, rel=0.03)
