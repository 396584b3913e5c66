"""Kinds residual and grouped: several codebooks, one after the other or side by side, for more bits than one can hold.

Residual: Zeghidour et al. 2021, "SoundStream"; each codebook quantises what those before it left. Grouped: Baevski et
al. 2020, "vq-wav2vec"; each quantises its own part of the dimensions. Each codebook is a quantiser of kind vq.
"""

from __future__ import annotations

import torch
from torch import nn

from pseudovox.core.errors import UsageError
from pseudovox.models.quantizers.interface import Quantized, VectorQuantizer, register
from pseudovox.models.quantizers.vq import Quantizer


class _Several(VectorQuantizer):
    """Base of both.

    Args:
        codes: of each codebook.
        dimension: of a vector.
        codebooks: how many.
        decay, restart_below: see vq.Quantizer.
    """

    def __init__(
        self, codes: int, dimension: int, codebooks: int = 2, decay: float = 0.99, restart_below: float = 0.03
    ) -> None:
        super().__init__(codes, dimension)
        self.parts = nn.ModuleList(
            Quantizer(codes, self._width(dimension, codebooks), decay, restart_below) for _ in range(codebooks)
        )

    @staticmethod
    def _width(dimension: int, codebooks: int) -> int:
        """Dimensions that each codebook sees."""
        return dimension

    @property
    def codewords(self) -> torch.Tensor:
        """The codebooks, (codebooks, codes, dimension of each)."""
        return torch.stack([part.codewords for part in self._quantizers()])

    def _quantizers(self) -> list[Quantizer]:
        return [part for part in self.parts if isinstance(part, Quantizer)]


@register("residual")
class Residual(_Several):
    """Each codebook quantises the error of the sum of those before it; the output is the sum of all."""

    def quantize(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> Quantized:
        left, found = vectors, []
        for part in self._quantizers():
            found.append(part.quantize(left, counted))
            # (No gradient: in training the codewords have it from the vectors, once.)
            left = left - found[-1].vectors.detach()
        codes = torch.stack([one.vectors.detach() for one in found]).sum(0)
        return _joined(vectors + (codes - vectors).detach() if self.training else codes, found)

    def decode(self, indices: torch.Tensor) -> torch.Tensor:
        """Codes (..., codebooks), of the first of them at least, as vectors (..., dimension)."""
        levels = range(indices.shape[-1])
        return torch.stack([self.codewords[level, indices[..., level]] for level in levels]).sum(0)


@register("grouped")
class Grouped(_Several):
    """Each codebook quantises its own dimensions, as many for each; UsageError if they do not divide evenly."""

    @staticmethod
    def _width(dimension: int, codebooks: int) -> int:
        if dimension % codebooks:
            raise UsageError(f"quantiser grouped: {dimension} dimensions do not divide into {codebooks} groups")
        return dimension // codebooks

    def quantize(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> Quantized:
        parts = vectors.chunk(len(self.parts), dim=1)
        found = [own.quantize(part, counted) for own, part in zip(self._quantizers(), parts, strict=True)]
        return _joined(torch.cat([one.vectors for one in found], 1), found)

    def decode(self, indices: torch.Tensor) -> torch.Tensor:
        """Codes (..., codebooks) as vectors (..., dimension)."""
        return torch.cat([book[indices[..., group]] for group, book in enumerate(self.codewords)], -1)


def _joined(vectors: torch.Tensor, found: list[Quantized]) -> Quantized:
    return Quantized(
        vectors,
        torch.stack([one.indices for one in found], 1),
        torch.stack([one.commitment for one in found]).sum(),
        torch.stack([one.perplexity for one in found]).mean(),
    )
