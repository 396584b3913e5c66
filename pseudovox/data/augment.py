"""Channels for waveforms: noise, small rooms, gain, spectral tilt, band limits, in NumPy and SciPy; and other voices.

The synthetic corpus passes half of its dev and test utterances through a MILD channel; training passes its inputs
through the same family drawn wider. Every function is pure: the generator it is given holds all the
chance, the length never changes, and nothing is delayed, so that frame labels and clean targets stay aligned.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pseudovox.data.praat import import_praat

if TYPE_CHECKING:
    import numpy as np

COLOURS = ("white", "pink", "babble")
PITCH_RANGE = (60.0, 500.0)  # Hz, within which change_voice looks for F0
LEAST_PITCH = 40.0  # Hz, of what it makes
PRAAT_DRAWS = threading.Lock()  # Praat draws the lengths of unvoiced pieces, from one state for all threads


@dataclass(frozen=True)
class AugmentOptions:
    """How strong `augment` is; each (low, high) is drawn uniformly.

    Attributes:
        noise_probability, reverb_probability, band_probability, tilt_probability: chance of each, independently.
        snr_db: signal-to-noise ratio, dB.
        rt60: reverberation time, seconds.
        tilt_db: change of level from 100 Hz to 8 kHz, dB.
        lowpass_hz: upper limit of a band-limited input, Hz.
        rms_db: level of the result, dB below full scale.
    """

    noise_probability: float = 0.7
    reverb_probability: float = 0.4
    band_probability: float = 0.1
    tilt_probability: float = 0.3
    snr_db: tuple[float, float] = (8.0, 30.0)
    rt60: tuple[float, float] = (0.08, 0.4)
    tilt_db: tuple[float, float] = (-6.0, 6.0)
    lowpass_hz: tuple[float, float] = (4000.0, 7500.0)
    rms_db: tuple[float, float] = (-34.0, -18.0)


# The corpus' own channel, milder: what `recipes/mini` puts on half of its dev and test utterances.
MILD = AugmentOptions(
    noise_probability=0.8,
    reverb_probability=0.5,
    band_probability=0.0,
    tilt_probability=0.0,
    snr_db=(15.0, 30.0),
    rt60=(0.08, 0.25),
    rms_db=(-32.0, -20.0),
)


def level_db(samples: np.ndarray) -> float:
    """Root mean square of (samples,) in dB below full scale; -inf for silence."""
    import numpy as np

    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10.0 * np.log10(power) if power > 0 else -np.inf


def set_level(samples: np.ndarray, rms_db: float, peak: float = 0.95) -> np.ndarray:
    """Scale to an RMS of `rms_db` dB below full scale, or less where the peak would exceed `peak` (no clipping).

    Silence comes back as it is. Returns float32 (samples,).
    """
    import numpy as np

    top = float(np.max(np.abs(samples), initial=0.0))
    if top == 0.0:
        return np.asarray(samples, dtype=np.float32)
    factor = min(10.0 ** ((rms_db - level_db(samples)) / 20.0), peak / top)
    return (np.asarray(samples, dtype=np.float32) * np.float32(factor)).astype(np.float32)


def noise(length: int, colour: str, generator: np.random.Generator, sample_rate: int = 16000) -> np.ndarray:
    """Stationary noise of mean power 1, float32 (length,).

    Args:
        length: samples.
        colour: "white" (flat), "pink" (power falls 3 dB per octave) or "babble" (the long-term spectrum of speech:
            a maximum near 500 Hz, then 9 dB per octave down, its level moving slowly as a crowd's does).
        generator: source of the noise.
        sample_rate: Hz.

    Raises:
        ValueError: unknown colour.
    """
    import numpy as np
    from scipy.fft import irfft, next_fast_len, rfft

    if colour not in COLOURS:
        raise ValueError(f"unknown noise colour {colour!r}, expected one of {', '.join(COLOURS)}")
    size = next_fast_len(max(length, 2), real=True)
    white = generator.standard_normal(size, dtype=np.float32)
    if colour != "white":
        frequency = np.maximum(np.arange(size // 2 + 1, dtype=np.float32) * (sample_rate / size), 20.0)
        if colour == "pink":
            gain = frequency**-0.5
        else:
            ratio = frequency / 500.0
            gain = ratio / (1.0 + ratio**2.5)
        white = irfft(rfft(white) * gain, size)
    result = white[:length]
    if colour == "babble":
        knots = generator.standard_normal(max(length // (sample_rate // 4), 1) + 2)
        points = np.linspace(0.0, len(knots) - 1.0, length)
        result = result * np.exp(0.25 * np.interp(points, np.arange(len(knots)), knots))
    return (result / np.sqrt(np.mean(np.square(result)) + 1e-20)).astype(np.float32)


def add_noise(
    samples: np.ndarray, snr_db: float, colour: str, generator: np.random.Generator, sample_rate: int = 16000
) -> np.ndarray:
    """Add noise (see `noise`) at a signal-to-noise ratio of `snr_db` dB over the whole utterance; float32."""
    import numpy as np

    power = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
    factor = np.float32(power * 10.0 ** (-snr_db / 20.0))
    return np.asarray(samples, dtype=np.float32) + factor * noise(len(samples), colour, generator, sample_rate)


def room_response(rt60: float, generator: np.random.Generator, sample_rate: int = 16000) -> np.ndarray:
    """The impulse response of a small room: a direct path of 1 at sample 0, then noise that decays exponentially.

    The tail starts 2 to 6 ms after the direct path, lies 4 to 10 dB below it in energy, is darkened (walls absorb
    high frequencies), and falls by 60 dB in `rt60` seconds (Polack's statistical model of a diffuse field).
    Returns float32 (rt60 * sample_rate,).
    """
    import numpy as np
    from scipy.signal import lfilter

    length = max(int(rt60 * sample_rate), 2)
    gap = min(int(generator.uniform(0.002, 0.006) * sample_rate), length - 1)
    tail = generator.standard_normal(length - gap) * 10.0 ** (-3.0 * np.arange(length - gap) / (rt60 * sample_rate))
    tail = lfilter([1.0], [1.0, -0.5], tail)
    tail *= 10.0 ** (-generator.uniform(4.0, 10.0) / 20.0) / np.sqrt(np.sum(tail**2) + 1e-20)
    response = np.zeros(length, dtype=np.float32)
    response[0] = 1.0
    response[gap:] += tail.astype(np.float32)
    return response


def reverberate(
    samples: np.ndarray, rt60: float, generator: np.random.Generator, sample_rate: int = 16000
) -> np.ndarray:
    """Put (samples,) into a small room of reverberation time `rt60` seconds; same length, direct path undelayed."""
    import numpy as np
    from scipy.signal import oaconvolve

    response = room_response(rt60, generator, sample_rate)
    return oaconvolve(np.asarray(samples, dtype=np.float32), response)[: len(samples)].astype(np.float32)


def tilt(samples: np.ndarray, tilt_db: float, lowpass_hz: float = 0.0, sample_rate: int = 16000) -> np.ndarray:
    """Zero-phase spectral tilt, linear in log frequency, and an optional upper limit.

    Args:
        samples: (samples,).
        tilt_db: level at 8 kHz against 100 Hz, dB; the gain at 1 kHz stays about unchanged.
        lowpass_hz: above it the spectrum falls by 60 dB per octave; 0 leaves it out.
        sample_rate: Hz.

    Returns:
        float32 (samples,).
    """
    import numpy as np
    from scipy.fft import irfft, next_fast_len, rfft

    # Padding keeps the circular convolution's wrap-around off the signal.
    size = next_fast_len(len(samples) + sample_rate // 20, real=True)
    frequency = np.maximum(np.arange(size // 2 + 1, dtype=np.float32) * (sample_rate / size), 50.0)
    gain_db = tilt_db * np.log2(frequency / 1000.0) / np.log2(80.0)
    if lowpass_hz > 0:
        gain_db = gain_db - 60.0 * np.maximum(np.log2(frequency / lowpass_hz), 0.0)
    spectrum = rfft(np.asarray(samples, dtype=np.float32), size) * 10.0 ** (gain_db / 20.0)
    return irfft(spectrum, size)[: len(samples)].astype(np.float32)


def augment(
    samples: np.ndarray,
    generator: np.random.Generator,
    options: AugmentOptions | None = None,
    sample_rate: int = 16000,
) -> np.ndarray:
    """Draw one channel and pass (samples,) through it: room, tilt and band limit, noise, then level.

    Returns float32 (samples,) within [-1, 1], aligned with the input. All draws are made whatever is used, so
    one probability does not shift the others' draws.
    """
    options = options or AugmentOptions()
    use = generator.random(4)
    rt60, snr_db, tilt_db, lowpass_hz, rms_db = (
        float(generator.uniform(*limits))
        for limits in (options.rt60, options.snr_db, options.tilt_db, options.lowpass_hz, options.rms_db)
    )
    colour = COLOURS[int(generator.integers(len(COLOURS)))]
    result = samples
    if use[0] < options.reverb_probability:
        result = reverberate(result, rt60, generator, sample_rate)
    tilted, limited = use[1] < options.tilt_probability, use[2] < options.band_probability
    if tilted or limited:
        result = tilt(result, tilt_db if tilted else 0.0, lowpass_hz if limited else 0.0, sample_rate)
    if use[3] < options.noise_probability:
        result = add_noise(result, snr_db, colour, generator, sample_rate)
    return set_level(result, rms_db)


@dataclass(frozen=True)
class VoiceOptions:
    """How far `change_voice` goes: natural logarithms of the largest ratios, either way, each drawn uniformly.

    Attributes:
        formants: ratio of the formants' frequencies.
        median: ratio of the medians of F0.
        spread: ratio of F0's distances from its median.
    """

    formants: float = 0.16
    median: float = 0.45
    spread: float = 0.35


def praat() -> Any:
    """The module parselmouth, which is Praat; UsageError where it is not installed."""
    return import_praat("bottleneck.voices", "--set bottleneck.voices=0")


def change_voice(
    samples: np.ndarray,
    generator: np.random.Generator,
    options: VoiceOptions | None = None,
    sample_rate: int = 16000,
) -> np.ndarray:
    """Say (samples,) in another voice, at the same times: formants and pitch are moved by Praat's overlap-add.

    It is what NANSY (Choi et al. 2021) and ContentVec (Qian et al. 2022) teach a network to hear no difference in.

    Returns:
        float32 (samples,), at the level of the input; speech without voiced frames comes back as it is.

    Raises:
        UsageError: Praat's package is not installed.
    """
    import numpy as np

    parselmouth = praat()
    options = options or VoiceOptions()
    formants, median, spread = np.exp(generator.uniform(-1, 1, 3) * (options.formants, options.median, options.spread))
    floor, ceiling = PITCH_RANGE
    sound = parselmouth.Sound(np.ascontiguousarray(samples, dtype=np.float64), sample_rate)
    number = int(generator.integers(2**31))
    try:
        pitch = sound.to_pitch_ac(pitch_floor=floor, pitch_ceiling=ceiling)
        found = pitch.selected_array["frequency"]
        if not (found > 0).any():
            return np.asarray(samples, dtype=np.float32)
        voiced = found[found > 0]
        wanted = float(np.clip(np.median(voiced) * median, floor, ceiling))
        # F0 that is moved to nothing or below sends Praat into a loop without an end.
        lowest = wanted * float(voiced.min() / np.median(voiced))
        if wanted + (lowest - wanted) * spread < LEAST_PITCH:
            spread = max(0.0, (wanted - LEAST_PITCH) / (wanted - lowest))
        with PRAAT_DRAWS:
            parselmouth.praat.run(f"random_initializeWithSeedUnsafelyButPredictably ({number})")
            same_length = 1.0
            changed = parselmouth.praat.call(
                [sound, pitch], "Change gender", float(formants), wanted, float(spread), same_length
            ).values[0]
    except parselmouth.PraatError:  # shorter than three periods of the lowest pitch
        return np.asarray(samples, dtype=np.float32)
    fitted = np.zeros(len(samples))
    fitted[: len(changed)] = changed[: len(samples)]
    return set_level(fitted, level_db(samples))
