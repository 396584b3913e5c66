"""What all synthesizers share: a network from content, F0, voicing and a voice to numbers for every 10 ms.

A stack of residual dilated convolutions. The voice, an x-vector or a speaker's one-hot vector, is centred and reduced
to a few dimensions, which scale and shift the channels of every block (FiLM, Perez et al. 2018), so that it acts on all
of the network and costs nothing per frame.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Residual block: dilated convolution, batch normalisation, FiLM, ReLU, 1x1 convolution."""

    def __init__(self, channels: int, kernel: int, dilation: int, speaker: int, dropout: float) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.wide = nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=padding, bias=False)
        self.norm = nn.BatchNorm1d(channels, affine=False)
        self.film = nn.Linear(speaker, 2 * channels)
        self.dropout = nn.Dropout(dropout)
        self.point = nn.Conv1d(channels, channels, 1)
        # Blocks start as the identity, which lets a deep stack train from the first update.
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        nn.init.zeros_(self.point.weight)

    def forward(self, frames: torch.Tensor, speaker: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """frames (B, channels, T), speaker (B, speaker), mask (B, 1, T), 0 at padding -> (B, channels, T)"""
        scale, offset = self.film(speaker).unsqueeze(2).chunk(2, dim=1)
        hidden = self.norm(self.wide(frames if mask is None else frames * mask)) * (1 + scale) + offset
        return frames + self.point(self.dropout(functional.relu(hidden)))


class FrameNetwork(nn.Module):
    """Residual convolutions over frames of 10 ms.

    Args:
        bottleneck: dimension of the content vectors.
        stride: frames per content vector.
        xvector: dimension of the voices.
        outputs: numbers per frame.
        channels, kernel, dilations: the blocks, one for each dilation.
        speaker: dimensions the voice is reduced to.
        dropout: probability.
    """

    xvector_mean: torch.Tensor
    f0_statistics: torch.Tensor

    def __init__(
        self, *, bottleneck: int, stride: int, xvector: int, outputs: int, channels: int, kernel: int,
        dilations: list[int], speaker: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stride = stride
        self.register_buffer("xvector_mean", torch.zeros(xvector))
        self.register_buffer("f0_statistics", torch.tensor([5.0, 0.4]))
        self.reduce = nn.Sequential(nn.Linear(xvector, speaker), nn.Tanh())
        self.content = nn.Conv1d(bottleneck, channels, 1)
        self.pitch = nn.Conv1d(2, channels, 1)
        self.blocks = nn.ModuleList(Block(channels, kernel, dilation, speaker, dropout) for dilation in dilations)
        self.norm = nn.BatchNorm1d(channels)
        self.head = nn.Conv1d(channels, outputs, 1)

    @property
    def context(self) -> int:
        """Frames before and behind a place on which the numbers there depend."""
        blocks: Any = self.blocks
        return sum(block.wide.padding[0] for block in blocks)

    def frames(
        self, content: torch.Tensor, log_f0: torch.Tensor, voiced: torch.Tensor, xvector: torch.Tensor,
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """The numbers of each frame.

        Args:
            content: (B, T', bottleneck), `stride` frames each; the last one is held where T is longer.
            log_f0: (B, T) natural logarithm of F0, continuous.
            voiced: (B, T) of 0 and 1.
            xvector: (B, dimension), of any length; only its direction counts.
            lengths: frames of each (B,), where the rest is padding that is not to show; content reaches as far as they.

        Returns:
            float32 (B, T, outputs).
        """
        length = log_f0.shape[1]
        mask = None if lengths is None else places(lengths, length)
        frames = self.content(content.transpose(1, 2)).repeat_interleave(self.stride, dim=2)
        if frames.shape[2] < length:
            frames = functional.pad(frames, (0, length - frames.shape[2]), mode="replicate")
        mean, deviation = self.f0_statistics
        pitch = torch.stack([(log_f0 - mean) / deviation, voiced], dim=1)
        frames = frames[:, :, :length] + self.pitch(pitch)
        speaker = self.reduce(centred(xvector, self.xvector_mean))
        for block in self.blocks:
            frames = block(frames, speaker, mask)
        return self.head(functional.relu(self.norm(frames))).transpose(1, 2).float()


def places(lengths: torch.Tensor, count: int) -> torch.Tensor:
    """float32 (B, 1, count): 1 in the first `lengths` (B,) places of each row, 0 where it is padded."""
    return (torch.arange(count, device=lengths.device) < lengths[:, None])[:, None].float()


def centred(xvector: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Voices (B, n) at length 1 less the training mean (n,), scaled to length sqrt(n)."""
    unit = functional.normalize(xvector, dim=1) - mean
    return functional.normalize(unit, dim=1) * xvector.shape[1] ** 0.5
