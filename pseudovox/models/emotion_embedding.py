"""The network that makes an embedding of an utterance's emotion from statistics of its prosody, content or voice."""

from __future__ import annotations

import torch
from torch import nn


class EmotionEmbedding(nn.Module):
    """Two layers; the outputs of the second are the embedding, from which emotions are told by a third.

    Args:
        inputs: numbers that tell of an utterance.
        hidden: width of the first layer.
        dimension: of the embedding.
        classes: number of emotions.
        dropout: behind the first layer, in training.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, inputs: int, hidden: int, dimension: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, dimension), nn.Tanh()
        )
        self.head = nn.Linear(dimension, classes)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Numbers (batch, inputs), as they are measured, to embeddings (batch, dimension), each from -1 to 1."""
        normal = ((vectors - self.mean) / self.scale).clamp(-8, 8)
        found: torch.Tensor = self.layers(normal)
        return found
