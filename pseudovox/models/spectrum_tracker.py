"""A small transformer that tells F1, F2, F3, F0 and voicing of every log-mel frame: a differentiable Praat.

The shape is that of the formant tracker in the released code of "perception-informed" VQ-VAEs (arXiv 2410.15499): a
linear layer, learned positions, transformer blocks, and a head with one hidden layer; F0 and voicing are outputs of
their own here, and the blocks normalise before what they do, which trains without a warm-up.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

KIND = "spectrum_tracker"
LONGEST = 10000  # positions; longer utterances go through in blocks
# What is told of a frame: three formants in Hz and the logarithm of F0, scaled by these, and the logit of voicing.
CENTRES, SCALES = (550.0, 1600.0, 2600.0, 5.1), (250.0, 450.0, 400.0, 0.35)


class Tracks(NamedTuple):
    """What is told of frames.

    Attributes:
        formants: F1, F2 and F3 in Hz, (B, T, 3).
        f0: in Hz, (B, T), also where there is no voice.
        voiced: probability of voice, (B, T).
    """

    formants: torch.Tensor
    f0: torch.Tensor
    voiced: torch.Tensor


class SpectrumTracker(nn.Module):
    """The tracker.

    Args:
        bands: of a frame.
        channels, layers, heads: of the transformer; its inner width is four times `channels`.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    centres: torch.Tensor
    scales: torch.Tensor

    def __init__(self, *, bands: int = 80, channels: int = 512, layers: int = 6, heads: int = 8) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("deviation", torch.ones(bands))
        self.register_buffer("centres", torch.tensor(CENTRES), persistent=False)
        self.register_buffer("scales", torch.tensor(SCALES), persistent=False)
        self.entry = nn.Linear(bands, channels)
        self.positions = nn.Parameter(0.02 * torch.randn(LONGEST, channels))
        block = nn.TransformerEncoderLayer(
            channels, heads, 4 * channels, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(channels), enable_nested_tensor=False)
        self.head = nn.Sequential(nn.Linear(channels, channels // 2), nn.ReLU(), nn.Linear(channels // 2, 5))

    def set_statistics(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """Mean and standard deviation of the bands (bands,), which inputs are scaled by."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def raw(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, bands) -> (B, T, 5): the scaled tracks, and the logit of voicing."""
        inner = self.entry((frames - self.mean) / self.deviation) + self.positions[: frames.shape[1]]
        found: torch.Tensor = self.head(self.blocks(inner))
        return found

    def forward(self, frames: torch.Tensor) -> Tracks:
        """Log-mel frames (B, T, bands), at most 10,000 of them, -> Tracks"""
        raw = self.raw(frames)
        told = raw[..., :4] * self.scales + self.centres
        return Tracks(told[..., :3], told[..., 3].clamp(2.0, 8.0).exp(), torch.sigmoid(raw[..., 4]))
