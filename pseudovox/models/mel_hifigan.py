"""HiFi-GAN on log-mel spectra (Kong et al. 2020) at any rate: the vocoder of system hle_vqvae."""

from __future__ import annotations

import math
from typing import Any

import torch

from pseudovox.core import blocks
from pseudovox.models.hifigan import Generator


class MelHifiGan(Generator):
    """The vocoder.

    Args:
        bands: of a spectrum.
        hop: samples of a frame; with `fft` 0, the product of the rates.
        sample_rate: Hz.
        channels, rates, kernels, block_kernels, block_dilations, fft, weight_norm: see Generator.

    Raises:
        ValueError: sizes that do not belong together.
    """

    def __init__(
        self, *, bands: int, hop: int, sample_rate: int, channels: int, rates: list[int], kernels: list[int],
        block_kernels: list[int], block_dilations: list[int], fft: int = 0, weight_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            inputs=bands, frame=hop, channels=channels, rates=rates, kernels=kernels, block_kernels=block_kernels,
            block_dilations=block_dilations, fft=fft, weight_norm=weight_norm,
        )  # fmt: skip
        self.sample_rate = sample_rate

    @property
    def context(self) -> int:
        """Frames before and behind a place on which the waveform there depends."""
        return math.ceil(self.reach / self.frame)

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """(B, T, bands), scaled -> float32 (B, hop * T) in [-1, 1]"""
        found: torch.Tensor = self.speak(spectra.transpose(1, 2))
        return found

    @torch.no_grad()
    def long(self, spectra: torch.Tensor) -> torch.Tensor:
        """The waveform (hop * T,) on the CPU of an utterance's spectra (T, bands), block by block."""
        device: Any = next(self.parameters()).device
        parts = []
        for block in blocks.cut(len(spectra), blocks.size(self.sample_rate / self.frame), self.context):
            wave = self(spectra[block.worked].to(device, torch.float32)[None])[0]
            parts.append(wave[block.kept.start * self.frame : block.kept.stop * self.frame].cpu())
        return torch.cat(parts)
