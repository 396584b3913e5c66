"""Random alteration of log-mel frames in training: voices, channels and rates differ, features are computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pseudovox.data import features

LEAST_BLUR = 0.1  # bins; less is none

if TYPE_CHECKING:
    from pseudovox.config import Alteration


def alter(
    log_mel: np.ndarray, options: Alteration, generator: np.random.Generator, speed: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """One random alteration of an utterance.

    Args:
        log_mel: float (frames, bins).
        options: how strong; 0 switches a part off.
        generator: of the draws.
        speed: in the place of the one that is drawn, within -1 and 1 times `options.speed`.

    Returns:
        (float32 (frames', bins), int64 (frames',): the frame of the input that each frame comes from)
    """
    frames, bins = log_mel.shape
    drawn, warp, blur_mel, blur_time, gain, floor = generator.uniform(-1, 1, 6)
    shape = generator.standard_normal(4)
    count = max(1, round(frames / (1 + options.speed * (drawn if speed is None else speed))))
    place = np.linspace(0, frames - 1, count)
    stretch: float | np.ndarray = 1 + options.warp * warp
    if options.bend:  # (its draws are made only then: what was trained without it is drawn as ever)
        stretch = stretch + options.bend * generator.uniform(-1, 1, 3) @ _cosines(bins, 3)
    matrix = features.mel_warp(bins, stretch)
    if (width := options.blur_mel * max(0.0, blur_mel)) >= LEAST_BLUR:
        matrix = matrix @ _blur_matrix(bins, width)
    spectra = log_mel.astype(np.float32) @ matrix.astype(np.float32)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, frames - 1)
    part = (place - below)[:, None].astype(np.float32)
    spectra = spectra[below] * (1 - part) + spectra[above] * part
    width = options.blur_time * max(0.0, blur_time)
    if width > 0:
        spectra = _blur_time(spectra, width)
    spectra = spectra + (options.filter * shape @ _cosines(bins, 4)).astype(np.float32)
    if options.noise > 0:
        # Stationary noise of some colour, at the floor or up to `noise` nepers above it.
        level = float(spectra.min()) + options.noise * max(0.0, floor)
        colour = level + 0.5 * (gain * np.linspace(-1, 1, bins))
        spectra = _log_of_sum(spectra, colour.astype(np.float32))
    for _ in range(options.mel_masks):
        width_, start = generator.integers(0, options.mel_mask + 1), generator.random()
        first = int(start * (bins - width_))
        spectra[:, first : first + width_] = spectra.mean()
    for _ in range(options.time_masks):
        width_, start = generator.integers(0, options.time_mask + 1), generator.random()
        first = int(start * max(1, count - width_))
        spectra[first : first + width_] = spectra.mean()
    return spectra.astype(np.float32), np.round(place).astype(int)


def _log_of_sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """log(exp(one) + exp(other)), as np.logaddexp, which takes one element after the other and twice the time."""
    return np.maximum(one, other) + np.log(1 + np.exp(-np.abs(one - other)))


def _cosines(bins: int, count: int) -> np.ndarray:
    """(count, bins): the first cosines over the mel axis but for the constant, of which smooth shapes are made."""
    return np.cos(np.pi * np.arange(1, count + 1)[:, None] * (np.arange(bins) + 0.5) / bins)


def _blur_matrix(bins: int, width: float) -> np.ndarray:
    """(bins, bins): a Gaussian of standard deviation `width` bins, columns summing to 1."""
    distance = np.arange(bins)[:, None] - np.arange(bins)
    matrix = np.exp(-0.5 * (distance / width) ** 2)
    return matrix / matrix.sum(axis=0)


def _blur_time(spectra: np.ndarray, width: float) -> np.ndarray:
    reach = int(np.ceil(2 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    weights /= weights.sum()
    padded = np.pad(spectra, ((reach, reach), (0, 0)), mode="edge")
    return sum(
        (weight * padded[shift : shift + len(spectra)] for shift, weight in enumerate(weights.astype(np.float32))),
        np.zeros_like(spectra),
    )
