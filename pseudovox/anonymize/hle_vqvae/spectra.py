"""The spectra that the network sees and gives, and the same speech as others see it: in torch, differentiable.

of_samples    samples -> scaled spectra (frames, bands)
Ears          scaled spectra -> Kaldi's log-mel frames, as the toolkit's networks take them
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.components import content
from pseudovox.data import audio
from pseudovox.data.features import FFT_SIZE, PREEMPHASIS

if TYPE_CHECKING:
    from pseudovox.anonymize.hle_vqvae.options import Spectra
    from pseudovox.data.datadir import DataDir

FLOOR = 1e-5  # of the bands of kind mel, before the logarithm
KALDI_RATE, KALDI_FRAMES, KALDI_BANDS, KALDI_LOW, KALDI_HIGH = 16000, 100.0, 80, 20.0, 8000.0
KALDI_FLOOR = 45.0  # decibels under the loudest


def mel(hertz: np.ndarray | float) -> np.ndarray:
    """The mel scale that HTK, Kaldi and torchaudio share: 1127 ln(1 + f / 700)."""
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz) / 700.0))


def hertz(mels: np.ndarray) -> np.ndarray:
    """The inverse of `mel`."""
    return np.asarray(700.0 * np.expm1(mels / 1127.0))


def edges(bands: int, low: float, high: float) -> np.ndarray:
    """Edges of triangular bands in mel, (bands + 2,); band k reaches from the k-th to the one after the next."""
    return np.linspace(mel(low), mel(high), bands + 2)


def load(data: DataDir, utterance: str, options: Spectra) -> np.ndarray:
    """The samples of an utterance at the spectra's rate, float32 (samples,)."""
    return audio.load(data, utterance, options.sample_rate)


def of_samples(samples: np.ndarray, options: Spectra) -> torch.Tensor:
    """Scaled log-mel spectra.

    Args:
        samples: (samples,) at `options.sample_rate`.
        options: kind fbank: see components.content.log_mel; mel: power spectra (Hann, frames centred on multiples of
            the hop) of the samples divided by their peak, through triangles on HTK's mel scale, log(1e-5 + bands).

    Returns:
        float32 (frames, bands), (log - offset) / scale.
    """
    if options.kind == "fbank":
        found = content.log_mel(samples, options.bands, options.floor_decibels)
    else:
        peak = max(float(np.abs(samples).max(initial=0.0)), 1e-8)
        signal = torch.from_numpy(np.ascontiguousarray(samples, np.float32)) / peak
        found = log_mel(signal[None], options)[0]
    return (found - options.offset) / options.scale


def log_mel(wave: torch.Tensor, options: Spectra) -> torch.Tensor:
    """Kind mel of waves (B, N), natural logarithms (B, N // hop + 1, bands), differentiable."""
    window = torch.hann_window(options.window, device=wave.device)
    short = max(0, options.fft // 2 + 1 - wave.shape[1])  # what is reflected must be there
    wave = torch.nn.functional.pad(wave, (0, short)) if short else wave
    spectrum = torch.stft(wave, options.fft, options.hop, options.window, window, return_complex=True)
    power = torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)
    return (power @ filters(options).to(wave.device) + FLOOR).log()


def filters(options: Spectra) -> torch.Tensor:
    """Triangles without norm on HTK's mel scale in Hz, (fft / 2 + 1, bands)."""
    import torchaudio

    found = torchaudio.functional.melscale_fbanks(
        options.fft // 2 + 1, options.low, options.high, options.bands, options.sample_rate, mel_scale="htk"
    )
    return torch.as_tensor(found)


class Ears:
    """How the toolkit's networks would hear scaled spectra; differentiable, on the device of what is given.

    Args:
        options: of the spectra.
    """

    def __init__(self, options: Spectra) -> None:
        self.options = options

    def natural(self, spectra: torch.Tensor) -> torch.Tensor:
        """Scaled spectra (..., bands) as natural logarithms."""
        return spectra * self.options.scale + self.options.offset

    def fbank(self, spectra: torch.Tensor) -> torch.Tensor:
        """Kaldi's log-mel frames, as components.content.log_mel makes them of samples.

        Of kind mel, bands are interpolated along the mel axis and frames in time, and what pre-emphasis and the widths
        of the filters make is added.

        Args:
            spectra: (B, T, bands).

        Returns:
            (B, T at 100 frames a second, 80), at most 0.
        """
        natural = self.natural(spectra)
        own = self.options
        if own.kind != "fbank" or own.bands != KALDI_BANDS:
            rate = own.sample_rate / own.hop
            count = max(1, round(natural.shape[1] * KALDI_FRAMES / rate))
            bands = natural @ self._between.to(natural.device) + self._gain.to(natural.device)
            natural = torch.nn.functional.interpolate(
                bands.transpose(1, 2), size=count, mode="linear", align_corners=False
            ).transpose(1, 2)
        relative = natural - natural.amax(dim=(-2, -1), keepdim=True)
        return relative.clamp(min=-KALDI_FLOOR * math.log(10.0) / 10.0)

    @cached_property
    def _between(self) -> torch.Tensor:
        """(bands, 80): linear interpolation to the middles of Kaldi's bands, ends held."""
        own = self.options
        middles = edges(own.bands, own.low, own.high)[1:-1]
        return torch.from_numpy(interpolation(middles, edges(KALDI_BANDS, KALDI_LOW, KALDI_HIGH)[1:-1])).float()

    @cached_property
    def _gain(self) -> torch.Tensor:
        """(80,): log of pre-emphasis' power, and of the widths of Kaldi's filters by those of our own."""
        own = self.options
        ours, theirs = edges(own.bands, own.low, own.high), edges(KALDI_BANDS, KALDI_LOW, KALDI_HIGH)
        wide = hertz(theirs[2:]) - hertz(theirs[:-2])
        at = np.interp(theirs[1:-1], ours[1:-1], hertz(ours[2:]) - hertz(ours[:-2]))
        return torch.from_numpy(np.log(wide / at) + np.log(emphasis(hertz(theirs[1:-1])))).float()


def emphasis(frequency: np.ndarray) -> np.ndarray:
    """What Kaldi's pre-emphasis does to the power at frequencies in Hz."""
    angle = 2 * np.pi * frequency / KALDI_RATE
    return np.asarray(1 + PREEMPHASIS**2 - 2 * PREEMPHASIS * np.cos(angle))


def interpolation(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(known, wanted): the matrix of linear interpolation from rising places (known,) to (wanted,), ends held."""
    place = np.interp(wanted, known, np.arange(len(known)))
    below = np.minimum(np.floor(place).astype(int), len(known) - 2)
    found = np.zeros((len(known), len(wanted)))
    columns = np.arange(len(wanted))
    found[below, columns] = 1 - (place - below)
    found[below + 1, columns] += place - below
    return found


def kaldi_bins() -> np.ndarray:
    """Frequencies in Hz of the bins of Kaldi's transform, (257,)."""
    return np.arange(FFT_SIZE // 2 + 1) * (KALDI_RATE / FFT_SIZE)
