"""Distances between waveforms, and the losses of an adversarial training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.discriminators import Judgement
from pseudovox.models.vocoder import SAMPLE_RATE

FLOOR = 1e-5  # of magnitudes, before the logarithm


class StftLoss(nn.Module):
    """Distance of the short-time spectra at several resolutions.

    The mean absolute difference of log magnitudes (as the VPC's B1.b) and the spectral convergence, the Frobenius norm
    of the difference of magnitudes by that of the target (Yamamoto et al. 2020), averaged over the resolutions.

    Args:
        resolutions: (fft, hop, window) in samples.
    """

    def __init__(self, resolutions: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.resolutions = [(fft, hop, window) for fft, hop, window in resolutions]
        for number, (_, _, window) in enumerate(self.resolutions):
            self.register_buffer(f"window{number}", torch.hann_window(window), persistent=False)

    def forward(self, found: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """(B, N) and (B, N), at least half the largest fft long -> a number, 0 where they are the same"""
        total = torch.zeros((), device=found.device)
        with torch.autocast(found.device.type, enabled=False):
            for number, resolution in enumerate(self.resolutions):
                window = getattr(self, f"window{number}")
                ours, theirs = (magnitude(wave.float(), *resolution, window) for wave in (found, target))
                total = total + (ours.log() - theirs.log()).abs().mean()
                total = total + torch.linalg.vector_norm(theirs - ours) / torch.linalg.vector_norm(theirs)
        return total / len(self.resolutions)


class LogMel(nn.Module):
    """Log-mel spectra as HiFi-GAN's loss takes them: Slaney's scale and norm, magnitudes floored at 1e-5.

    Args:
        bands, fft, window, hop: of the analysis, in samples.
        high: upper edge in Hz.
    """

    filters: torch.Tensor
    shape: torch.Tensor

    def __init__(self, bands: int = 80, fft: int = 1024, window: int = 1024, hop: int = 256, high: float = 8000.0):
        super().__init__()
        import torchaudio

        self.fft, self.hop, self.window = fft, hop, window
        filters = torchaudio.functional.melscale_fbanks(
            fft // 2 + 1, 0.0, high, bands, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("shape", torch.hann_window(window), persistent=False)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """(B, N) -> (B, frames, bands)"""
        with torch.autocast(wave.device.type, enabled=False):
            spectrum = magnitude(wave.float(), self.fft, self.hop, self.window, self.shape)
            return (spectrum.transpose(1, 2) @ self.filters).clamp(min=FLOOR).log()


def magnitude(wave: torch.Tensor, fft: int, hop: int, length: int, window: torch.Tensor) -> torch.Tensor:
    """Magnitudes (B, bins, frames) of the short-time spectra of waves (B, N), not below FLOOR."""
    spectrum = torch.stft(wave, fft, hop, length, window, return_complex=True, pad_mode="constant")
    # (The derivative of abs() at 0 is not a number in complex arithmetic.)
    return (spectrum.real.square() + spectrum.imag.square()).clamp(min=FLOOR**2).sqrt()


def discriminator_loss(natural: list[Judgement], generated: list[Judgement]) -> torch.Tensor:
    """Least squares (Mao et al. 2017): natural speech is to score 1, generated speech 0; summed over discriminators."""
    terms = [
        (1 - score).square().mean() + other.square().mean()
        for (score, _), (other, _) in zip(natural, generated, strict=True)
    ]
    return torch.stack(terms).sum()


def generator_loss(generated: list[Judgement]) -> torch.Tensor:
    """Generated speech is to score 1; summed over discriminators."""
    return torch.stack([(1 - score).square().mean() for score, _ in generated]).sum()


def feature_loss(natural: list[Judgement], generated: list[Judgement]) -> torch.Tensor:
    """Mean absolute difference of every layer's outputs, summed over layers and discriminators."""
    terms = [
        functional.l1_loss(ours, theirs.detach())
        for (_, wanted), (_, found) in zip(natural, generated, strict=True)
        for theirs, ours in zip(wanted, found, strict=True)
    ]
    return torch.stack(terms).sum()
