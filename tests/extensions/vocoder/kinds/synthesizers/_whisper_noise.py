"""The network of whisper_noise."""

from __future__ import annotations

import torch
from torch import nn

from pseudovox.models.vocoder import HOP, Before, Conditions, to_samples


class WhisperNoise(nn.Module):
    """Noise times a level that content and voice decide, frame by frame."""

    context = 1

    def __init__(self, *, bottleneck: int, stride: int, xvector: int, width: int) -> None:
        super().__init__()
        self.stride = stride
        self.level = nn.Sequential(nn.Linear(bottleneck + xvector, width), nn.ReLU(), nn.Linear(width, 1))
        self.register_buffer("f0_statistics", torch.zeros(2))
        self.register_buffer("xvector_mean", torch.zeros(xvector))

    def forward(self, conditions: Conditions, noise: torch.Tensor, before: Before | None = None) -> torch.Tensor:
        """The waveform (B, HOP * T)."""
        frames = noise.shape[1] // HOP
        content = conditions.content.repeat_interleave(self.stride, 1)[:, :frames]
        voice = (conditions.voice - self.xvector_mean).unsqueeze(1).expand(-1, content.shape[1], -1)
        level = self.level(torch.cat([content, voice], 2))[..., 0]
        level = torch.cat([level, level[:, -1:].expand(-1, frames - level.shape[1])], 1)
        return noise * to_samples(level.exp())
