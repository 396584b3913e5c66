"""Quantisers of FACodec: residual vector quantisation, each level in a few dimensions of its own.

A level takes what the levels before it left to 8 dimensions, by a linear layer, looks up the nearest of its codes there
(factorised codes: Yu et al. 2022, "Vector-quantized image modeling with improved VQGAN"), and takes that one back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pseudovox.models.quantizers.interface import Quantized
from pseudovox.models.quantizers.vq import Quantizer


class Level(nn.Module):
    """One codebook between two linear layers.

    Args:
        dimension: of the vectors.
        codes: size of the codebook.
        inner: dimensions in which codes are looked up.
        cosine: codes are compared by direction alone.
        decay, restart_below: see vq.Quantizer.
    """

    def __init__(
        self, dimension: int, codes: int, inner: int, *, cosine: bool, decay: float = 0.99, restart_below: float = 0.03
    ) -> None:
        super().__init__()
        self.inner = nn.Linear(dimension, inner)
        self.quantizer = Quantizer(codes, inner, decay, restart_below, cosine)
        self.outer = nn.Linear(inner, dimension)

    def forward(self, vectors: torch.Tensor, *, free: bool = False) -> Quantized:
        """Quantise (B, T, dimension); `free`: only pass the few dimensions, for the first updates of a training."""
        inside = self.inner(vectors)
        if free:
            zero = vectors.new_zeros(())
            indices = torch.zeros(vectors.shape[:-1], dtype=torch.int64, device=vectors.device)
            return Quantized(self.outer(inside), indices, zero, zero)
        found = self.quantizer(inside)
        return found._replace(vectors=self.outer(found.vectors))  # type: ignore[no-any-return]

    def decode(self, indices: torch.Tensor) -> torch.Tensor:
        """Codes (B, T) as vectors (B, T, dimension)."""
        return self.outer(self.quantizer.codewords[indices])  # type: ignore[no-any-return]


class Levels(nn.Module):
    """Levels one after the other; the output is the sum of all.

    Args:
        levels: how many.
        dimension, codes, inner, options: see Level.
    """

    def __init__(self, levels: int, dimension: int, codes: int, inner: int, **options: Any) -> None:
        super().__init__()
        self.parts = nn.ModuleList(Level(dimension, codes, inner, **options) for _ in range(levels))

    def forward(self, vectors: torch.Tensor, *, free: bool = False) -> Quantized:
        """Quantise (B, T, dimension): indices (B, T, levels), the levels' commitment losses summed."""
        left, found = vectors, []
        for part in self.parts:
            found.append(part(left, free=free))
            left = left - found[-1].vectors.detach()
        return Quantized(
            torch.stack([one.vectors for one in found]).sum(0),
            torch.stack([one.indices for one in found], -1),
            torch.stack([one.commitment for one in found]).sum(),
            torch.stack([one.perplexity for one in found]).mean(),
        )

    def decode(self, indices: torch.Tensor) -> torch.Tensor:
        """Codes (B, T, levels) as vectors (B, T, dimension)."""
        found = [part.decode(indices[..., level]) for level, part in enumerate(self.parts)]  # type: ignore[operator]
        return torch.stack(found).sum(0)
