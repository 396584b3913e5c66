"""The network of envelope, and what uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pseudovox.components.content import log_mel
from pseudovox.models import store

BINS, FLOOR, STRIDE = 40, 45.0, 2


class Envelope(nn.Module):
    """Cepstra of log-mel frames, less their mean over the training speech."""

    def __init__(self, dimension: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("mean", torch.zeros(dimension))
        cosines = torch.cos(torch.pi * torch.outer(torch.arange(dimension), torch.arange(BINS) + 0.5) / BINS)
        self.register_buffer("basis", cosines / BINS)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(frames, BINS) to (frames / stride, dimension)."""
        return frames[:: self.stride] @ self.basis.T - self.mean


class EnvelopeExtractor:
    """As content.Extractor: called with samples, gives content (frames, dimension)."""

    def __init__(self, model: Path, device: str = "cpu") -> None:
        self.network, self.facts = store.load(model, "envelope")

    def __call__(self, samples: np.ndarray, change: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
        with torch.no_grad():
            return self.network(log_mel(samples, BINS, FLOOR)).numpy()
