"""Kaldi's spectral features in torch: log-mel filterbank, MFCC, energy, energy VAD, sliding mean normalisation.

Signals are floats in [-1, 1] at 16 kHz; they are scaled to 16-bit integers' range inside, since Kaldi's thresholds
are meant for it. Frames are 25 ms every 10 ms, Povey window, pre-emphasis 0.97, constant component removed, no
dither, `snip_edges=False`: frame t is centred on sample 160 t + 80 and the signal is mirrored at its ends. Equal to
`torchaudio.compliance.kaldi` (tested), but batched, and long signals are worked on in blocks
(pseudovox.core.blocks). Works on the device of its input.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.core import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pseudovox.config import SpeakerFeatures

SAMPLE_RATE = 16000
FRAME_SHIFT = 160  # samples
FRAME_LENGTH = 400
FRAMES_PER_SECOND = SAMPLE_RATE / FRAME_SHIFT
FFT_SIZE = 512
PREEMPHASIS = 0.97
CEPSTRAL_LIFTER = 22.0
INT16_SCALE = 32768.0
_TINY = float(torch.finfo(torch.float32).eps)  # Kaldi's floor below a logarithm


def frame_count(samples: int) -> int:
    """Number of frames of a signal: one for each started 10 ms by its middle, at least one."""
    return max(1, (samples + FRAME_SHIFT // 2) // FRAME_SHIFT)


def fbank(
    samples: torch.Tensor | np.ndarray, *, bins: int = 80, low: float = 20.0, high: float = 8000.0
) -> torch.Tensor:
    """Natural logarithm of mel filterbank energies.

    Args:
        samples: (..., samples), at least one sample.
        bins: triangular filters, equally wide on the mel scale.
        low, high: edges of the filterbank in Hz.

    Returns:
        float32 (..., frames, bins) on the device of `samples`.
    """
    return _log_mel_and_energy(samples, bins, low, high)[0]


def decibel_fbank(
    samples: torch.Tensor | np.ndarray, *, bins: int = 80, low: float = 0.0, high: float = 8000.0
) -> torch.Tensor:
    """Mel filterbank energies in decibels, at most 80 below the signal's largest: the features of SpeechBrain.

    Frames of 25 ms every 10 ms, Hamming window (periodic), zeros around the signal, no pre-emphasis; frame t is centred
    on sample 160 t. Filters are triangles in Hz with centres evenly spaced on the mel scale, each on both sides as wide
    as the distance to the centre below.

    Args:
        samples: (..., samples) in [-1, 1], at least one sample.
        bins, low, high: the filterbank, as in `fbank`.

    Returns:
        float32 (..., samples // 160 + 1, bins).
    """
    signal = torch.as_tensor(samples).to(torch.float32)
    padded = torch.nn.functional.pad(signal, (FRAME_LENGTH // 2, FRAME_LENGTH // 2))
    frames = padded.unfold(-1, FRAME_LENGTH, FRAME_SHIFT)
    parts = []
    for block in blocks.cut(frames.shape[-2], blocks.size(FRAMES_PER_SECOND)):
        spectrum = torch.fft.rfft(frames[..., block.worked, :] * _hamming(signal.device))
        power = torch.view_as_real(spectrum).square().sum(-1)
        parts.append((power @ _symmetric_filters(bins, low, high, signal.device)).clamp(min=1e-10))
    decibels = 10.0 * torch.cat(parts, -2).log10()
    return torch.maximum(decibels, decibels.amax(dim=(-2, -1), keepdim=True) - 80.0)


def mfcc(
    samples: torch.Tensor | np.ndarray,
    *,
    coefficients: int = 30,
    bins: int = 30,
    low: float = 20.0,
    high: float = 7600.0,
    floor_decibels: float = 0.0,
) -> torch.Tensor:
    """Mel-frequency cepstral coefficients as Kaldi's x-vector recipes have them (the first is the log energy).

    Args:
        samples: (..., samples).
        coefficients: kept, at most `bins`.
        bins, low, high: the filterbank, as in `fbank`.
        floor_decibels: if above 0, the filterbank goes through `floor_level` first, and the first coefficient is the
            cepstrum's own: robust to level and to mild noise, but no longer Kaldi's.

    Returns:
        float32 (..., frames, coefficients).
    """
    mel, energy = _log_mel_and_energy(samples, bins, low, high)
    if floor_decibels > 0:
        return floor_level(mel, floor_decibels) @ dct(coefficients, bins, mel.device)
    cepstra = mel @ dct(coefficients, bins, mel.device)
    cepstra[..., 0] = energy
    return cepstra


def log_energy(samples: torch.Tensor | np.ndarray) -> torch.Tensor:
    """Natural logarithm of each frame's energy before pre-emphasis and window, (..., frames); Kaldi's C0."""
    return torch.cat([energy for _, energy in _frames(samples)], -1)


def energy_vad(
    energy: torch.Tensor,
    *,
    threshold: float = 5.5,
    mean_scale: float = 0.5,
    proportion: float = 0.12,
    context: int = 2,
) -> torch.Tensor:
    """Kaldi's voice activity decision (compute-vad) from `log_energy`.

    A frame is speech if at least `proportion` of the frames within `context` of it are louder than
    `threshold + mean_scale * mean energy`.

    Args:
        energy: (frames,).

    Returns:
        bool (frames,).
    """
    loud = (energy > threshold + mean_scale * energy.mean()).to(torch.float64)
    ones = torch.ones_like(loud)
    return _window_sum(loud, context) >= proportion * _window_sum(ones, context)


def speech_frames(energy: torch.Tensor) -> torch.Tensor:
    """`energy_vad`, but never empty: all frames of a signal in which the rule finds no speech."""
    speech = energy_vad(energy)
    return speech | ~speech.any()


def gathered(frames: torch.Tensor, kept: torch.Tensor, least: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """The frames that are kept, `frames[kept]`, without waiting for the device to say how many there are.

    Args:
        frames: (frames, n).
        kept: bool (frames,), at least one.
        least: fewer are repeated from their beginning up to this.

    Returns:
        ((max(frames, least), n) of which the first ones are those kept, and then they are repeated; how many they are,
        or `least`, int64 ())
    """
    count = kept.sum()
    place = torch.arange(max(len(frames), least), device=frames.device) % count
    first = torch.argsort(~kept, stable=True)  # those kept first, in their order
    return frames[first[place]], count.clamp(min=least)


def sliding_mean(features: torch.Tensor, window: int = 300) -> torch.Tensor:
    """Subtract the mean over a centred window of frames (Kaldi's apply-cmvn-sliding --center); keeps the shape.

    The window keeps its length at the ends of the signal as far as the signal allows.

    Args:
        features: (..., frames, n).
        window: frames.
    """
    count = features.shape[-2]
    parts = []
    for block in blocks.cut(count, blocks.size(FRAMES_PER_SECOND), window):
        start = torch.arange(block.start, block.end, device=features.device) - window // 2
        start = start.clamp(max=count - window).clamp(min=0)
        end = (start + window).clamp(max=count)
        # Sums in float64: differences of long float32 sums would lose digits.
        sums = features[..., block.worked, :].to(torch.float64).cumsum(-2)
        sums = torch.nn.functional.pad(sums, (0, 0, 1, 0))
        mean = (sums[..., end - block.first, :] - sums[..., start - block.first, :]) / (end - start).unsqueeze(1)
        parts.append(features[..., block.start : block.end, :] - mean.to(features.dtype))
    return torch.cat(parts, -2)


def floor_level(log_mel: torch.Tensor, decibels: float = 45.0) -> torch.Tensor:
    """Log-mel energies relative to their largest value in the utterance, floored `decibels` under it.

    Removes the level of a recording and the noise floor that lies under the speech.

    Args:
        log_mel: (..., frames, bins), natural logarithm of energies.

    Returns:
        the same shape, values in [-decibels * ln(10) / 10, 0].
    """
    relative = log_mel - log_mel.amax(dim=(-2, -1), keepdim=True)
    return relative.clamp(min=-decibels * math.log(10.0) / 10.0)


def speaker_features(samples: torch.Tensor | np.ndarray, options: SpeakerFeatures) -> torch.Tensor:
    """The input of a speaker embedding: features, sliding mean taken off, frames without speech left out if asked.

    Args:
        samples: (samples,); with `speech_only` off also several signals of one length, (..., samples).
        options: kind, size and range of the features.

    Returns:
        float32 (..., frames, n), at least one frame; n is the number of coefficients (mfcc) or bins (fbank).
    """
    if options.kind == "mfcc":
        found = mfcc(
            samples, coefficients=options.coefficients, bins=options.bins, low=options.low, high=options.high,
            floor_decibels=options.floor_decibels,
        )  # fmt: skip
    elif options.kind == "fbank":
        found = fbank(samples, bins=options.bins, low=options.low, high=options.high)
        if options.floor_decibels > 0:
            found = floor_level(found, options.floor_decibels)
    elif options.kind == "speechbrain":
        found = decibel_fbank(samples, bins=options.bins, low=options.low, high=options.high)
    else:
        raise ValueError(f"features {options.kind!r}: expected mfcc, fbank or speechbrain")
    if options.window:
        found = sliding_mean(found, options.window)
    return found[speech_frames(log_energy(samples))] if options.speech_only else found


def padded_speaker_features(
    samples: torch.Tensor, options: SpeakerFeatures, least: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """`speaker_features` of one signal (samples,) without waiting for the device: see `gathered`."""
    found = speaker_features(samples, replace(options, speech_only=False))
    speech = (
        speech_frames(log_energy(samples)) if options.speech_only else torch.ones_like(found[:, 0], dtype=torch.bool)
    )
    return gathered(found, speech, least)


def _window_sum(values: torch.Tensor, context: int) -> torch.Tensor:
    count = len(values)
    sums = torch.nn.functional.pad(values.cumsum(0), (1, 0))
    position = torch.arange(count, device=values.device)
    return sums[(position + context + 1).clamp(max=count)] - sums[(position - context).clamp(min=0)]


def _log_mel_and_energy(
    samples: torch.Tensor | np.ndarray, bins: int, low: float, high: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel frames (..., frames, bins) and the log energy of the frames (..., frames)."""
    parts = [(_log_mel(frames, bins, low, high), energy) for frames, energy in _frames(samples)]
    return torch.cat([mel for mel, _ in parts], -2), torch.cat([energy for _, energy in parts], -1)


def _frames(samples: torch.Tensor | np.ndarray) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Windowed frames (..., frames, 400) and their log energy (..., frames), block by block."""
    signal = torch.as_tensor(samples)
    length = signal.shape[-1]
    if length == 0:
        raise ValueError("a signal without samples has no features")
    for block in blocks.cut(frame_count(length), blocks.size(FRAMES_PER_SECOND)):
        first = block.start * FRAME_SHIFT + (FRAME_SHIFT - FRAME_LENGTH) // 2
        last = first + (block.end - block.start - 1) * FRAME_SHIFT + FRAME_LENGTH
        index = torch.arange(first, last, device=signal.device)
        index = index.remainder(2 * length)  # mirrored with the edge sample repeated, as often as needed
        yield _windowed(signal[..., torch.minimum(index, 2 * length - 1 - index)].to(torch.float32) * INT16_SCALE)


def _windowed(signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The frames of a signal (..., samples), from the first of its samples to the last, and their energy."""
    frames = signal.unfold(-1, FRAME_LENGTH, FRAME_SHIFT)
    frames = frames - frames.mean(-1, keepdim=True)
    energy = frames.square().sum(-1).clamp(min=_TINY).log()
    # Pre-emphasis within the frame; its first sample stands in for the one before it.
    emphasised = frames.clone()
    emphasised[..., 1:] -= PREEMPHASIS * frames[..., :-1]
    emphasised[..., 0] *= 1.0 - PREEMPHASIS
    return emphasised * _window(signal.device), energy


def _log_mel(frames: torch.Tensor, bins: int, low: float, high: float) -> torch.Tensor:
    spectrum = torch.fft.rfft(frames, n=FFT_SIZE)
    power = torch.view_as_real(spectrum).square().sum(-1)
    return (power @ _mel_filters(bins, low, high, frames.device)).clamp(min=_TINY).log()


def _constant(make: Callable[..., np.ndarray]) -> Callable[..., torch.Tensor]:
    """Compute a table in float64 once per arguments, and keep it as float32 per device (its last argument)."""

    @lru_cache(maxsize=32)
    def cached(*arguments: object) -> torch.Tensor:
        *values, device = arguments
        with torch.inference_mode(False):  # the table outlives the caller's mode
            return torch.from_numpy(make(*values).astype(np.float32)).to(device)  # type: ignore[call-overload]

    return cached


@_constant
def _window() -> np.ndarray:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_LENGTH) / (FRAME_LENGTH - 1))
    return hann**0.85  # Povey's


@_constant
def _mel_filters(bins: int, low: float, high: float) -> np.ndarray:
    """Triangles on Kaldi's mel scale, (257, bins)."""
    if not 0 <= low < high <= SAMPLE_RATE / 2:
        raise ValueError(f"filterbank from {low} to {high} Hz: expected 0 <= low < high <= {SAMPLE_RATE // 2}")

    def mel(hertz: np.ndarray | float) -> np.ndarray:
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    edges = np.linspace(mel(low), mel(high), bins + 2)
    position = mel(np.arange(FFT_SIZE // 2 + 1) * (SAMPLE_RATE / FFT_SIZE))[:, None]
    rise = (position - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - position) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rise, fall))
    filters[-1] = 0.0  # Kaldi leaves out the Nyquist bin
    return filters


@_constant
def _hamming() -> np.ndarray:
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(FRAME_LENGTH) / FRAME_LENGTH)


@_constant
def _symmetric_filters(bins: int, low: float, high: float) -> np.ndarray:
    """The filters of `decibel_fbank`, (201, bins)."""
    edges = 700.0 * np.expm1(np.linspace(np.log1p(low / 700.0), np.log1p(high / 700.0), bins + 2))
    frequency = np.linspace(0.0, SAMPLE_RATE / 2, FRAME_LENGTH // 2 + 1)[:, None]
    return np.maximum(0.0, 1.0 - np.abs(frequency - edges[1:-1]) / (edges[1:-1] - edges[:-2]))


@_constant
def dct(coefficients: int, bins: int) -> np.ndarray:
    """Orthonormal DCT-II with Kaldi's cepstral lifter, (bins, coefficients)."""
    if not 0 < coefficients <= bins:
        raise ValueError(f"{coefficients} coefficients from {bins} mel bins: expected at most as many")
    order = np.arange(coefficients)
    table = np.cos(np.pi / bins * (np.arange(bins)[:, None] + 0.5) * order) * math.sqrt(2.0 / bins)
    table[:, 0] = math.sqrt(1.0 / bins)
    return table * (1.0 + 0.5 * CEPSTRAL_LIFTER * np.sin(np.pi * order / CEPSTRAL_LIFTER))


def mel_warp(bins: int, factor: float | np.ndarray) -> np.ndarray:
    """A stretch of the mel axis, as of a vocal tract of another length, for (frames, bins) @ it.

    Args:
        bins: of the axis.
        factor: of the stretch; of each bin its own, (bins,), where formants move each by its share.

    Returns:
        float64 (bins, bins): column k takes the input at bin k * factor (linear interpolation, held at the upper end).
    """
    place = np.clip((np.arange(bins) + 0.5) * factor - 0.5, 0, bins - 1)
    below = np.minimum(np.floor(place).astype(int), bins - 2)
    matrix = np.zeros((bins, bins))
    matrix[below, np.arange(bins)] = 1 - (place - below)
    matrix[below + 1, np.arange(bins)] += place - below
    return matrix
