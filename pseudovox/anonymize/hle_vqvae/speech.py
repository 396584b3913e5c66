"""Speech from spectra: by WORLD, with F0 and voicing from elsewhere, or by a vocoder that is a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize.hle_vqvae import spectra as own_spectra
from pseudovox.components import f0, world
from pseudovox.components.f0 import pyworld
from pseudovox.core.errors import DataError
from pseudovox.data.audio import resample
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.hle_vqvae.options import Options, Spectra

KIND = "mel_hifigan"
COEFFICIENTS = 60  # of the coded envelope that WORLD gets
UNVOICED = 0.0  # decibels of aperiodicity without voice: noise alone


def envelope(spectra: np.ndarray, options: Options) -> np.ndarray:
    """The coded spectral envelope (components.world) of scaled spectra of kind fbank.

    The source's harmonics, which low bands resolve, are taken out by leaving `options.lifter` cepstra along the mel
    axis; then pre-emphasis and the widths of the filters are undone.

    Args:
        spectra: (frames, bands).

    Returns:
        float32 (frames, COEFFICIENTS).
    """
    own = options.spectra
    natural = spectra.astype(np.float64) * own.scale + own.offset
    if options.lifter and options.lifter < own.bands:
        from scipy.fft import dct, idct

        cepstra = dct(natural, norm="ortho", axis=1)
        cepstra[:, options.lifter :] = 0.0
        natural = idct(cepstra, norm="ortho", axis=1)
    edges = own_spectra.edges(own.bands, own.low, own.high)
    middles = own_spectra.hertz(edges[1:-1])
    wide = own_spectra.hertz(edges[2:]) - own_spectra.hertz(edges[:-2])
    natural = natural - np.log(wide) - np.log(own_spectra.emphasis(middles))
    bins = np.arange(world.SMALL_FFT // 2 + 1) * (world.SAMPLE_RATE / world.SMALL_FFT)
    power = np.exp(natural @ own_spectra.interpolation(edges[1:-1], own_spectra.mel(bins)))
    coded = pyworld().code_spectral_envelope(np.ascontiguousarray(power), world.SAMPLE_RATE, COEFFICIENTS)
    return np.asarray(coded, np.float32)


def by_world(
    spectra: np.ndarray, contour: np.ndarray, aperiodicity: float, samples: int, options: Options
) -> np.ndarray:
    """Speech of spectra with an F0 of its own.

    Args:
        spectra: scaled, of kind fbank, (frames, bands).
        contour: F0 in Hz (WORLD frames,), 0 where there is no voice.
        aperiodicity: of voiced frames, decibels.
        samples: length of the result.

    Returns:
        float32 (samples,)
    """
    count = f0.frame_count(samples)
    contour = f0.fit_length(contour, count)
    # Frame k of the spectra is centred half a shift behind WORLD's: WORLD's k lies between k - 1 and k.
    coded = envelope(spectra, options)
    between = 0.5 * (np.concatenate([coded[:1], coded]) + np.concatenate([coded, coded[-1:]]))
    breath = np.where(contour > 0, aperiodicity, UNVOICED).astype(np.float32)[:, None]
    return world.synthesize(world.Analysis(f0.fit_length(between, count), breath), contour, samples)


class Vocoder:
    """A vocoder of steps/train_hle_vocoder.py.

    Args:
        model: its model dir.
        options: of the spectra that it is to speak from.
        device: torch device.

    Raises:
        MissingModelError: there is no model. DataError: it is another one, or was made for other spectra.
    """

    def __init__(self, model: Path, options: Spectra, device: str = "cpu") -> None:
        self.network, facts = store.load(model, KIND, device=device)
        self.options = options
        if facts["spectra"] != vars(options):
            raise DataError(
                f"{model}: a vocoder for other spectra than the system's",
                "train one on yours: steps/train_hle_vocoder.py",
            )

    def __call__(self, spectra: torch.Tensor, samples: int) -> np.ndarray:
        """Speech at 16 kHz, float32 (samples,), of scaled spectra (T, bands); long ones block by block."""
        speech: Any = self.network.long(spectra).numpy()
        if self.options.sample_rate != world.SAMPLE_RATE:
            speech = resample(speech, self.options.sample_rate, world.SAMPLE_RATE)
        return np.asarray(np.pad(speech[:samples], (0, max(0, samples - len(speech)))), np.float32)
