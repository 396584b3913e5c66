"""Prosody of phones: how long each lasts, how high and how loud it is; F0 and energy as shares of the utterance's mean.

Frames are those of `components.f0`: one at 0 ms and at every further 10 ms. A phone's F0 is the mean over its voiced
frames, its energy the mean over all of its frames; both are then divided by the mean over the utterance's phones that
have any, so that a value of 1 is the speaker's usual one and nothing of the speaker's level is left (baseline B3 of the
VoicePrivacy Challenge 2024: section A4 of its description). Silence has neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pseudovox.components.f0 import FRAME_SHIFT, fit_length, frame_count
from pseudovox.core import blocks

WINDOW = 1024  # samples of the energy's frames
FRAMES_PER_SECOND = 100


def frame_energy(samples: np.ndarray) -> np.ndarray:
    """The energy of every frame: the root of the summed squared magnitudes of its spectrum, by Parseval's theorem.

        e_t = sqrt(sum_k |STFT_t(k)|^2), k = 0 ... WINDOW / 2, a Hann window of WINDOW samples about the frame

    Computed in the time domain as sqrt(WINDOW / 2 * sum_n (w_n x_n)^2), which is the same but for half of the squares
    at 0 Hz and at the Nyquist frequency.

    Args:
        samples: (samples,) at 16 kHz.

    Returns:
        float32 (frames,), `f0.frame_count(len(samples))` of them, 0 or more.
    """
    count = frame_count(len(samples))
    window = np.square(np.hanning(WINDOW + 1)[:-1])
    half = WINDOW // 2
    padded = np.pad(samples.astype(np.float64), (half, half + FRAME_SHIFT))
    found = np.zeros(count, np.float32)
    for block in blocks.cut(count, blocks.size(FRAMES_PER_SECOND)):
        part = padded[block.start * FRAME_SHIFT : (block.end - 1) * FRAME_SHIFT + WINDOW]
        frames = np.lib.stride_tricks.sliding_window_view(np.square(part), WINDOW)[::FRAME_SHIFT]
        found[block.start : block.end] = np.sqrt(half * (frames @ window))
    return found


@dataclass(frozen=True)
class Prosody:
    """The phones of an utterance, one after the other without gaps, silence among them.

    Attributes:
        phones: int64 (phones,), places in an inventory.
        durations: frames that each lasts, int64 (phones,), 1 or more.
        pitch: F0 of each as a share of the utterance's mean, float32 (phones,); 0 where nothing is voiced.
        energy: likewise, float32 (phones,); 0 in silence.
    """

    phones: np.ndarray
    durations: np.ndarray
    pitch: np.ndarray
    energy: np.ndarray

    def array(self) -> np.ndarray:
        """As it is kept in archives: float32 (phones, 4)."""
        return np.stack([self.phones, self.durations, self.pitch, self.energy], axis=1).astype(np.float32)

    @staticmethod
    def of(array: np.ndarray) -> Prosody:
        """From what `array` gives."""
        return Prosody(
            np.rint(array[:, 0]).astype(np.int64), np.rint(array[:, 1]).astype(np.int64),
            array[:, 2].astype(np.float32), array[:, 3].astype(np.float32),
        )  # fmt: skip


def phone_means(values: np.ndarray, durations: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The mean of those of each phone's frames that count, 0 where none does.

    Args:
        values: (frames,).
        durations: frames of each phone, int64 (phones,), which add up to `frames`.
        counted: bool (frames,).

    Returns:
        float64 (phones,)
    """
    ends = np.cumsum(durations)
    total = np.concatenate([[0.0], np.cumsum(np.where(counted, values, 0.0), dtype=np.float64)])
    number = np.concatenate([[0], np.cumsum(counted)])
    sums, counts = total[ends] - total[ends - durations], number[ends] - number[ends - durations]
    return np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)


def mean_normalised(values: np.ndarray) -> np.ndarray:
    """Values over the mean of those above 0, float32 (phones,); zeros stay, also where all are."""
    above = values[values > 0]
    return np.asarray(values / above.mean() if len(above) else values, np.float32)


def measure(
    phones: np.ndarray, durations: np.ndarray, contour: np.ndarray, energy: np.ndarray, voiced: np.ndarray,
    silent: np.ndarray,
) -> Prosody:  # fmt: skip
    """The prosody of phones whose times are known.

    Args:
        phones: int64 (phones,).
        durations: frames of each, int64 (phones,), 1 or more.
        contour: F0 in Hz (frames,), 0 where unvoiced; cut or held to as many frames as the durations add up to.
        energy: (frames,), of `frame_energy`; likewise.
        voiced: bool (phones,), whether a phone is spoken with a voice; others have no F0.
        silent: bool (phones,), whether it is silence, which has no energy.
    """
    frames = int(durations.sum())
    contour, energy = fit_length(contour, frames), fit_length(energy, frames)
    pitch = phone_means(contour, durations, contour > 0) * voiced
    loudness = phone_means(energy, durations, np.ones(frames, bool)) * ~silent
    return Prosody(phones, durations, mean_normalised(pitch), mean_normalised(loudness))
