"""The transformer of FACodec: pre-norm, with convolutions in its feed-forward layers, and, if told, by a speaker."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

POSITIONS = ("time", "constant")


class SpeakerNorm(nn.Module):
    """Layer norm whose scale and offset are a linear function of a speaker's vector; without one, they are learned."""

    def __init__(self, dimension: int, *, conditional: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dimension, elementwise_affine=not conditional)
        self.style = modulation(dimension) if conditional else None

    def forward(self, frames: torch.Tensor, speaker: torch.Tensor | None) -> torch.Tensor:
        """frames (B, T, dimension), speaker (B, dimension) -> (B, T, dimension)"""
        found: torch.Tensor = self.norm(frames)
        return found if self.style is None else modulated(found, self.style(speaker))


def modulation(dimension: int) -> nn.Linear:
    """A linear layer from a speaker's vector to scales, which begin about 1, and offsets, about 0."""
    layer = nn.Linear(dimension, 2 * dimension)
    with torch.no_grad():
        layer.bias[:dimension], layer.bias[dimension:] = 1.0, 0.0
    return layer


def modulated(frames: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    """frames (B, T, dimension), scaled and shifted by style (B, 2 dimension)."""
    scale, offset = style[:, None].chunk(2, dim=2)
    return frames * scale + offset


class Layer(nn.Module):
    """Self-attention, and a convolution and a linear layer, each behind a layer norm and with a bypass."""

    def __init__(
        self, dimension: int, heads: int, hidden: int, kernel: int, dropout: float, *, conditional: bool
    ) -> None:
        super().__init__()
        self.first = SpeakerNorm(dimension, conditional=conditional)
        self.attention = nn.MultiheadAttention(dimension, heads, dropout=dropout, batch_first=True)
        self.second = SpeakerNorm(dimension, conditional=conditional)
        self.wide = nn.Conv1d(dimension, hidden, kernel, padding=kernel // 2)
        self.narrow = nn.Linear(hidden, dimension)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: torch.Tensor, speaker: torch.Tensor | None) -> torch.Tensor:
        """frames (B, T, dimension), speaker (B, dimension) -> (B, T, dimension)"""
        normed = self.first(frames, speaker)
        frames = frames + self.dropout(self.attention(normed, normed, normed, need_weights=False)[0])
        hidden = self.wide(self.second(frames, speaker).transpose(1, 2)).transpose(1, 2)
        return frames + self.narrow(self.dropout(functional.relu(hidden)))  # type: ignore[no-any-return]


class ConvTransformer(nn.Module):
    """A stack of them, with a layer norm in the end.

    Args:
        layers, dimension, heads: how many, of what dimension, with how many attention heads.
        hidden, kernel: channels and frames of the convolutions.
        dropout: probability.
        conditional: layer norms are told a speaker.
        positions: what is added to the frames first: time (sinusoids by the frame's number; Vaswani et al. 2017), or
            constant (those of frame 0 to all frames).

    Raises:
        ValueError: other positions.
    """

    def __init__(
        self, *, layers: int, dimension: int, heads: int, hidden: int, kernel: int, dropout: float,
        conditional: bool = False, positions: str = "time",
    ) -> None:  # fmt: skip
        super().__init__()
        if positions not in POSITIONS:
            raise ValueError(f"positions {positions!r}: expected {' or '.join(POSITIONS)}")
        self.positions = positions
        self.layers = nn.ModuleList(
            Layer(dimension, heads, hidden, kernel, dropout, conditional=conditional) for _ in range(layers)
        )
        self.last = SpeakerNorm(dimension, conditional=conditional)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: torch.Tensor, speaker: torch.Tensor | None = None) -> torch.Tensor:
        """frames (B, T, dimension), speaker (B, dimension) -> (B, T, dimension)"""
        count = frames.shape[1] if self.positions == "time" else 1
        frames = self.dropout(frames + sinusoids(count, frames.shape[2]).to(frames))
        for layer in self.layers:
            frames = layer(frames, speaker)
        return self.last(frames, speaker)  # type: ignore[no-any-return]


def sinusoids(count: int, dimension: int) -> torch.Tensor:
    """Sines in the even dimensions and cosines in the odd ones, (count, dimension)."""
    rates = torch.exp(torch.arange(0, dimension, 2) * (-math.log(10000.0) / dimension))
    angles = torch.arange(count)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :dimension]
