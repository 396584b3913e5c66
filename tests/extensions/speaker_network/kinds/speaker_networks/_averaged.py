"""The network of averaged."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from pseudovox.models.xvector import frame_mask, make_head, masked_statistics


class Averaged(nn.Module):
    """Layers on the statistics of the features, and the classifier that they are trained with."""

    def __init__(
        self, features: int, embedding: int, speakers: int, depth: int, loss: str = "softmax", margin: float = 0.2,
        scale: float = 30.0, **_: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        widths = [2 * features, *[embedding] * depth]
        self.layers = nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(widths)))
        self.head = make_head(loss, embedding, speakers, margin, scale)

    def embed(self, frames: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embeddings (batch, embedding) of frames (batch, frames, features)."""
        mask = frame_mask(lengths, frames.shape[1])
        return self.layers(masked_statistics(frames.transpose(1, 2), mask))

    def forward(self, frames: torch.Tensor, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """(embeddings, logits)."""
        embedding = self.embed(frames)
        return embedding, self.head(embedding, labels)
