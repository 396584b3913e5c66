"""Semantic units: which of a few hundred (or ten thousand) sounds a feature frame is."""

from __future__ import annotations

import torch
from torch import nn

from pseudovox.models.quantizers.interface import nearest


class CentroidUnits(nn.Module):
    """The nearest of k-means' centroids, of frames whose dimensions were brought to mean 0 and deviation 1.

    Args:
        inputs: dimension of a frame.
        units: centroids.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    centroids: torch.Tensor

    def __init__(self, *, inputs: int, units: int) -> None:
        super().__init__()
        self.count = units
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        self.register_buffer("centroids", torch.randn(units, inputs))

    @torch.inference_mode()
    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """The unit of each frame: float32 (frames, inputs) -> int64 (frames,)."""
        return nearest((frames - self.mean) / self.deviation, self.centroids)


class RecurrentUnits(nn.Module):
    """The most likely unit by an LSTM over the utterance's frames: what tells Bark's semantic tokens from HuBERT.

    Args:
        inputs: dimension of a frame, 768 of HuBERT base.
        hidden: of the LSTM.
        layers: of the LSTM.
        units: how many there are.
    """

    def __init__(self, *, inputs: int = 768, hidden: int = 1024, layers: int = 2, units: int = 10000) -> None:
        super().__init__()
        self.count = units
        self.lstm = nn.LSTM(inputs, hidden, layers, batch_first=True)
        self.fc = nn.Linear(hidden, units)

    @torch.inference_mode()
    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """The unit of each frame: float32 (frames, inputs) -> int64 (frames,)."""
        return self.fc(self.lstm(frames[None])[0][0]).argmax(1)  # type: ignore[no-any-return]
