"""Samples of spectra, differentiable: by a vocoder, or by filtering the source.

A vocoder that is a network speaks from the reconstruction's spectra and from the source's alike, and stays as it is.
Where speech is made by WORLD, or no vocoder is trained yet, the source's own samples are filtered: the magnitudes of
their short-time spectra times exp of half the difference of log-mel bands (reconstruction minus source), phases and so
F0 as they are. Of the source's own spectra that gives the very samples.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch

from pseudovox.anonymize.hle_vqvae import spectra as own_spectra
from pseudovox.anonymize.hle_vqvae.options import Spectra
from pseudovox.models import store

SAMPLE_RATE = 16000
LARGEST = 4.0  # of the log of a filter's gain, either way: 35 dB


class Sound:
    """What makes samples.

    Args:
        options: of the spectra.
        vocoder: its model dir; None = the source is filtered.
    """

    def __init__(self, options: Spectra, vocoder: Path | None = None) -> None:
        self.options = options
        self.vocoder: torch.nn.Module | None = None
        if vocoder is not None:
            network, _ = store.load(vocoder, "mel_hifigan")
            self.vocoder = network.requires_grad_(False)

    def to(self, device: torch.device) -> None:
        """Move what there is of networks."""
        if self.vocoder is not None:
            self.vocoder.to(device)

    def __call__(self, spectra: torch.Tensor, source: torch.Tensor, wave: torch.Tensor | None) -> torch.Tensor:
        """Samples at 16 kHz.

        Args:
            spectra, source: scaled (B, T, bands).
            wave: the source's samples (B, T * hop) at the spectra's rate; a vocoder does without.

        Returns:
            (B, N), gradients to `spectra`.
        """
        if self.vocoder is not None:
            found: torch.Tensor = self.vocoder(spectra)
        elif wave is None:
            raise ValueError("neither a vocoder nor the source's samples")
        else:
            found = self.filtered(wave, (spectra - source.detach()) * self.options.scale)
        if self.options.sample_rate == SAMPLE_RATE:
            return found
        import torchaudio

        return torchaudio.functional.resample(found, self.options.sample_rate, SAMPLE_RATE)

    def filtered(self, wave: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
        """Waves (B, T * hop) whose log power is raised by (B, T, bands)."""
        own = self.options
        window = torch.hann_window(4 * own.hop, device=wave.device)
        spectrum = torch.stft(wave, 4 * own.hop, own.hop, window=window, return_complex=True)
        gain = 0.5 * (difference @ self._bins.to(wave.device)).clamp(-2 * LARGEST, 2 * LARGEST)
        gain = torch.cat([gain, gain[:, -1:]], 1).transpose(1, 2)  # a frame more than hops
        return torch.istft(spectrum * gain.exp(), 4 * own.hop, own.hop, window=window, length=wave.shape[1])

    @cached_property
    def _bins(self) -> torch.Tensor:
        """(bands, bins of the transform): interpolation along the mel axis."""
        import numpy as np

        own = self.options
        middles = own_spectra.edges(own.bands, own.low, own.high)[1:-1]
        bins = np.arange(2 * own.hop + 1) * (own.sample_rate / (4 * own.hop))
        return torch.from_numpy(own_spectra.interpolation(middles, own_spectra.mel(bins))).float()
