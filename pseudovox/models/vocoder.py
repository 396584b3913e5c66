"""What the neural vocoders share: what they are told, and their periodic excitation.

A vocoder is called as `network(conditions, noise)` and gives the waveform. It draws no random number itself: `noise`
comes with the call, so that who calls decides what it depends on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.nn import functional

from pseudovox.core import blocks

SAMPLE_RATE = 16000
HOP = 160  # samples per frame of F0


class Conditions(NamedTuple):
    """What a vocoder is told, for T frames of 10 ms (the first at 0 ms) of B utterances.

    Attributes:
        content: (B, T', bottleneck), `stride` frames each; the last one is held where T is longer.
        log_f0: (B, T) natural logarithm of F0 in Hz, continuous.
        voiced: (B, T) of 0 and 1.
        voice: (B, n), an x-vector or a speaker's one-hot vector; only its direction counts.
        utterance_f0: (B, 2) mean and deviation of F0 in Hz over the voiced frames of the whole utterance.
    """

    content: torch.Tensor
    log_f0: torch.Tensor
    voiced: torch.Tensor
    voice: torch.Tensor
    utterance_f0: torch.Tensor


class Before(NamedTuple):
    """What a vocoder must know of an utterance whose beginning is not among the frames that it is told.

    Attributes:
        phase: (B, 1) float64, periods of the fundamental before the first of these frames.
        opening: (B, n) the noise at the utterance's beginning, at least as long as a frame.
    """

    phase: torch.Tensor
    opening: torch.Tensor


def to_samples(frames: torch.Tensor) -> torch.Tensor:
    """Frames (B, T), one at every HOP-th sample, joined by straight lines: (B, HOP * T), the last one held."""
    steps = torch.arange(HOP, device=frames.device, dtype=frames.dtype) / HOP
    following = torch.cat([frames[:, 1:], frames[:, -1:]], dim=1)
    return (frames.unsqueeze(2) + (following - frames).unsqueeze(2) * steps).flatten(1)


def phases(log_f0: torch.Tensor) -> torch.Tensor:
    """Periods of the fundamental before every frame of log F0 (B, T): float64 (B, T), 0 before the first."""
    parts = []
    for block in blocks.cut(log_f0.shape[1], 6000):  # not blocks.SECONDS: sums must not hang on it
        samples = to_samples(log_f0[:, block.start : block.end + 1].float())
        samples = samples[:, : (block.end - block.start) * HOP].exp().double() / SAMPLE_RATE
        parts.append(samples.unflatten(1, (-1, HOP)).sum(2))
    return torch.nn.functional.pad(torch.cat(parts, 1).cumsum(1)[:, :-1], (1, 0))


def phase_of(f0: torch.Tensor, start: torch.Tensor | None = None) -> torch.Tensor:
    """Phase in periods, within [0, 1), of F0 in Hz at every sample (B, N); float64, `start` before the first sample.

    Single precision would lose a hundredth of a period within a minute of speech.
    """
    periods = torch.cumsum(f0.double() / SAMPLE_RATE, dim=1)
    return (periods if start is None else periods + start) % 1.0


def pulses(f0: torch.Tensor, start: torch.Tensor | None = None) -> torch.Tensor:
    """A band-limited pulse train of power 1: the sum of all harmonics below the Nyquist frequency.

    The sum of K cosines is Dirichlet's kernel, sin((K + 1/2) x) / (2 sin(x / 2)) - 1/2, so the cost does not depend on
    the number of harmonics. The highest is faded in and out as F0 moves, so that none appears with a click.

    Args:
        f0: (B, N) Hz at every sample, above 0.
        start: (B, 1) periods before the first sample; None: 0.

    Returns:
        float32 (B, N).
    """
    phase = 2 * math.pi * phase_of(f0, start)
    room = (SAMPLE_RATE / 2) / f0.double()  # harmonics below Nyquist, not rounded
    whole = torch.floor(room) - 1
    half = torch.sin(phase / 2)
    flat = half.abs() < 1e-6
    kernel = torch.sin((whole + 0.5) * phase) / (2 * torch.where(flat, 1.0, half)) - 0.5
    kernel = torch.where(flat, whole, kernel) + (room - whole - 1) * torch.cos((whole + 1) * phase)
    return (kernel * torch.sqrt(2 / room)).float()


def sines(f0: torch.Tensor, start: torch.Tensor, before: torch.Tensor | None = None) -> torch.Tensor:
    """Sines at F0 and its multiples; those above the Nyquist frequency are silent.

    Args:
        f0: (B, N) Hz at every sample.
        start: (B, H) phases at the utterance's beginning, in periods.
        before: (B, 1) periods of the fundamental before the first sample; None: 0.

    Returns:
        float32 (B, N, H) in [-1, 1].
    """
    multiples = torch.arange(1, start.shape[1] + 1, device=f0.device)
    phase = phase_of(f0, before).unsqueeze(2) * multiples + start.unsqueeze(1)
    audible = f0.unsqueeze(2) * multiples < SAMPLE_RATE / 2
    return (torch.sin(2 * math.pi * phase) * audible).float()


def match_length(values: torch.Tensor, length: int) -> torch.Tensor:
    """Cut (B, n, T) at its end, or hold its last value, to be `length` long."""
    short = length - values.shape[2]
    return functional.pad(values, (0, short), mode="replicate") if short > 0 else values[:, :, :length]
