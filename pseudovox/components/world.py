"""WORLD (Morise 2016): speech as F0, a coded spectral envelope and a coded aperiodicity, and back.

The envelope is coded by WORLD's own codec: cepstra of the log envelope on a mel scale ("mel-cepstra"), so that a
frame has a few dozen numbers whatever the FFT size. One frame every 10 ms, as many as `f0.frame_count` says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pseudovox.components.f0 import FRAME_PERIOD, FRAME_SHIFT, SAMPLE_RATE, fit_length, frame_count, pyworld
from pseudovox.core import blocks
from pseudovox.core.errors import UsageError

APERIODICITIES = 1  # bands of WORLD's aperiodicity codec at 16 kHz: one, at 3 kHz
LARGEST_FFT = 1024
SMALL_FFT = 512
_SMALL_FFT_FLOOR = 3.0 * SAMPLE_RATE / (SMALL_FFT - 3.0)  # CheapTrick's window must fit three periods
PEAK = 0.95
LONGEST_WHOLE = 60.0  # seconds that are synthesized at once; longer recordings in stretches
STRETCH = (20.0, 40.0)  # seconds, shortest and longest
LEAD = 20  # frames before and behind a stretch, of which the fades take some
FADE = 2  # frames
LARGEST_RAISE = 30.0  # decibels by which anonymized speech may be louder than its original
FRAMES_PER_SECOND = 1000 / FRAME_PERIOD


@dataclass
class Analysis:
    """Frames of one utterance.

    Attributes:
        envelope: coded spectral envelope, float32 (frames, coefficients); the first carries the level.
        aperiodicity: float32 (frames, APERIODICITIES) in decibels, 0 (noise alone) and below.
    """

    envelope: np.ndarray
    aperiodicity: np.ndarray


def analyse(samples: np.ndarray, contour: np.ndarray, coefficients: int) -> Analysis:
    """Spectral envelope (CheapTrick) and aperiodicity (D4C) along an F0 contour.

    Args:
        samples: (samples,) at 16 kHz.
        contour: F0 in Hz (frames,), 0 where unvoiced, `f0.frame_count(len(samples))` frames.
        coefficients: of the coded envelope; 40 to 60 are transparent for speech at 16 kHz.

    Raises:
        UsageError: coefficients outside [2, 256].
    """
    if not 2 <= coefficients <= SMALL_FFT // 2:
        raise UsageError(f"world.coefficients {coefficients}: expected 2 to {SMALL_FFT // 2}")
    signal, f0, times = _analysed(samples, contour)
    size = _size(f0)
    envelope = pyworld().cheaptrick(signal, f0, times, SAMPLE_RATE, fft_size=size)
    aperiodicity = pyworld().d4c(signal, f0, times, SAMPLE_RATE, fft_size=size, threshold=0.0)
    return Analysis(
        pyworld().code_spectral_envelope(envelope, SAMPLE_RATE, coefficients).astype(np.float32),
        pyworld().code_aperiodicity(aperiodicity, SAMPLE_RATE).astype(np.float32),
    )


def loudness(samples: np.ndarray, contour: np.ndarray) -> np.ndarray:
    """What carries the level in `Analysis.envelope`, its first coefficient, alone: float32 (frames,).

    Long recordings in blocks, on whose edges no frame depends.

    Args:
        samples, contour: as of `analyse`.
    """
    count = frame_count(len(samples))
    f0 = _fitted(contour, len(samples))
    found, size = np.zeros(count, np.float32), _size(f0)
    for block in blocks.cut(count, blocks.size(FRAMES_PER_SECOND), LEAD):
        part = samples[block.first * FRAME_SHIFT : block.last * FRAME_SHIFT]
        signal, own, times = _analysed(part, f0[block.worked])
        envelope = pyworld().cheaptrick(signal, own, times, SAMPLE_RATE, fft_size=size)
        found[block.start : block.end] = pyworld().code_spectral_envelope(envelope, SAMPLE_RATE, 2)[block.kept, 0]
    return found


def _analysed(samples: np.ndarray, contour: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signal, F0 and times (frames,) as WORLD takes them."""
    signal = np.ascontiguousarray(samples, dtype=np.float64)
    f0 = _fitted(contour, len(signal))
    return signal, f0, np.arange(len(f0)) * (FRAME_PERIOD / 1000.0)


def _size(f0: np.ndarray) -> int:
    """Size of CheapTrick's transform: it takes frames below its floor for unvoiced; a low voice needs the longer one,
    twice the time."""
    voiced = f0[f0 > 0]
    return SMALL_FFT if len(voiced) == 0 or voiced.min() > _SMALL_FFT_FLOOR else LARGEST_FFT


def synthesize(analysis: Analysis, contour: np.ndarray, samples: int) -> np.ndarray:
    """Speech of exactly `samples` samples from an analysis and an F0 contour (frames as in `analyse`).

    WORLD's pulses and noise hang on where it begins, so what is longer than a minute is made of stretches that are cut
    in pauses (`blocks.pauses`) and faded into each other: where, the contour alone decides.

    Returns:
        float32 (samples,), not limited to [-1, 1] (see `set_speech_level`).
    """
    f0 = _fitted(contour, samples)
    cuts = [0]
    if len(f0) > LONGEST_WHOLE * FRAMES_PER_SECOND:
        cuts = blocks.pauses(f0 > 0, *(round(seconds * FRAMES_PER_SECOND) for seconds in STRETCH))
    envelope, aperiodicity = fit_length(analysis.envelope, len(f0)), fit_length(analysis.aperiodicity, len(f0))
    if len(cuts) == 1:
        return _synthesized(envelope, aperiodicity, f0, samples)
    out = np.zeros(samples, np.float32)
    fade = _fade()
    for start, end in zip(cuts, [*cuts[1:], len(f0)], strict=True):
        first, last = max(start - LEAD, 0), min(end + LEAD, len(f0))
        begin, stop = first * FRAME_SHIFT, samples if last == len(f0) else (last - 1) * FRAME_SHIFT
        speech = _synthesized(envelope[first:last], aperiodicity[first:last], f0[first:last], stop - begin)
        if start:
            edge = start * FRAME_SHIFT - len(fade) // 2
            speech = speech[edge - begin :]
            speech[: len(fade)] *= fade
            begin = edge
        if end < len(f0):
            edge = end * FRAME_SHIFT + len(fade) // 2
            speech = speech[: edge - begin]
            speech[-len(fade) :] *= fade[::-1]
        out[begin : begin + len(speech)] += speech
        blocks.report(end / len(f0))
    return out


def _fade() -> np.ndarray:
    """A rise over FADE frames; its square and its mirror image's add up to 1, for sounds that are not in phase."""
    steps = (np.arange(FADE * FRAME_SHIFT) + 0.5) / (FADE * FRAME_SHIFT)
    return np.sin(0.5 * np.pi * steps).astype(np.float32)


def _synthesized(envelope: np.ndarray, aperiodicity: np.ndarray, f0: np.ndarray, samples: int) -> np.ndarray:
    """One stretch: float32 (samples,) from coded frames and F0."""
    world = pyworld()
    coded = np.minimum(np.ascontiguousarray(aperiodicity, dtype=np.float64), 0.0)  # a network may overshoot
    spectrum = world.decode_spectral_envelope(np.ascontiguousarray(envelope, dtype=np.float64), SAMPLE_RATE, SMALL_FFT)
    decoded = world.decode_aperiodicity(coded, SAMPLE_RATE, SMALL_FFT)
    signal = world.synthesize(np.ascontiguousarray(f0), spectrum, decoded, SAMPLE_RATE, FRAME_PERIOD)
    return np.pad(signal, (0, max(0, samples - len(signal))))[:samples].astype(np.float32)


def _fitted(contour: np.ndarray, samples: int) -> np.ndarray:
    return np.ascontiguousarray(fit_length(contour, frame_count(samples)), dtype=np.float64)


def speech_level(samples: np.ndarray, floor_decibels: float = 30.0) -> float:
    """Root mean square over the 10 ms frames within `floor_decibels` of the loudest, in decibels re full scale.

    -inf for digital silence.
    """
    whole = len(samples) // FRAME_SHIFT * FRAME_SHIFT
    frames = samples[:whole].reshape(-1, FRAME_SHIFT) if whole else samples[None]
    parts = blocks.cut(len(frames), blocks.size(FRAMES_PER_SECOND))
    power = np.concatenate([np.square(frames[part.worked], dtype=np.float64).mean(axis=1) for part in parts])
    if power.max() <= 0:
        return -np.inf
    return float(10 * np.log10(power[power > power.max() * 10 ** (-floor_decibels / 10)].mean()))


def set_speech_level(samples: np.ndarray, decibels: float) -> np.ndarray:
    """Scale to a `speech_level`, or as near to it as peaks of 0.95 allow; silence stays silence."""
    level = speech_level(samples)
    if not np.isfinite(level):
        return samples
    gain = min(10 ** ((decibels - level) / 20), PEAK / max(float(samples.max()), -float(samples.min())))
    out = np.empty(len(samples), np.float32)
    for part in blocks.cut(len(samples), blocks.size(SAMPLE_RATE)):
        out[part.worked] = samples[part.worked] * gain
    return out


def as_loud(samples: np.ndarray, original: np.ndarray, decibels: float) -> np.ndarray:
    """Speech made of a recording at a `speech_level`, but at most LARGEST_RAISE above the recording's own.

    So the noise of an empty room is not brought to the level of speech, and what is made of silence is silence.

    Args:
        samples: (n,), the speech.
        original: (m,), the recording, in [-1, 1].
        decibels: the level, re full scale.
    """
    level = speech_level(original)
    if not np.isfinite(level):
        return np.zeros(len(samples), np.float32)
    return set_speech_level(samples, min(decibels, level + LARGEST_RAISE))
