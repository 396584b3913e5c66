"""What a vector quantiser is: a network layer for the middle of others, and a codebook that can be trained by itself.

A kind is one module of this package with a class under `@register`; the configuration names it (`kind`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from torch import nn

from pseudovox.core.errors import UsageError
from pseudovox.models.quantizers.codebook import Codebook
from pseudovox.models.quantizers.fitting import Fit


class Quantized(NamedTuple):
    """What a quantiser gives for vectors (..., dimension).

    Attributes:
        vectors: what the next layer gets (..., dimension): codewords; in training with a gradient to the input.
        indices: int64, codes (...); of several codebooks one after the other (..., codebooks).
        commitment: what the quantiser adds to the loss of the network around it, a scalar with gradient.
        perplexity: exp of the entropy of the code frequencies in this call, from 1 to the number of codes; of several
            codebooks their mean.
    """

    vectors: torch.Tensor
    indices: torch.Tensor
    commitment: torch.Tensor
    perplexity: torch.Tensor


class VectorQuantizer(nn.Module):
    """Base of the quantisers.

    Args:
        codes: size of the codebook.
        dimension: of a vector.
    """

    kind: ClassVar[str]
    is_curve: ClassVar[bool] = False  # its codewords are corners of a curve, so occurrences can be normalised

    def __init__(self, codes: int, dimension: int) -> None:
        super().__init__()
        self.codes, self.dimension = codes, dimension

    def forward(self, vectors: torch.Tensor, mask: torch.Tensor | None = None) -> Quantized:
        """Quantise (..., dimension).

        Args:
            mask: bool (...), False at padding, which is quantised but does not count for codebook or losses.
        """
        # Distances in float32: bfloat16 cannot tell near codes apart.
        with torch.autocast(vectors.device.type, enabled=False):
            flat = vectors.reshape(-1, vectors.shape[-1]).float()
            counted = torch.ones(len(flat), dtype=torch.bool, device=flat.device) if mask is None else mask.reshape(-1)
            found = self.quantize(flat, counted)
        shape = vectors.shape[:-1]
        return found._replace(
            vectors=found.vectors.reshape(vectors.shape),
            indices=found.indices.reshape(*shape, *found.indices.shape[1:]),
        )

    def quantize(self, vectors: torch.Tensor, counted: torch.Tensor) -> Quantized:
        """As `forward`, of float32 (n, dimension), with the mask bool (n,)."""
        raise NotImplementedError

    @property
    def codewords(self) -> torch.Tensor:
        """The codebook, (codes, dimension)."""
        raise NotImplementedError

    @classmethod
    def fit(cls, vectors: np.ndarray, bits: Sequence[int], options: Fit, seed: int) -> dict[int, Codebook]:
        """Train codebooks of 2^bits codes by themselves on vectors (n, dimension).

        Raises:
            DataError: fewer vectors than codes; UsageError: options that cannot be, or a kind that needs a network.
        """
        raise UsageError(f"quantiser {cls.kind} cannot be trained by itself")


KINDS: dict[str, type[VectorQuantizer]] = {}
Kind = TypeVar("Kind", bound=type[VectorQuantizer])


def register(kind: str) -> Callable[[Kind], Kind]:
    """Class decorator: offer a quantiser under the name that the configuration uses."""

    def offered(quantizer: Kind) -> Kind:
        quantizer.kind = kind
        KINDS[kind] = quantizer
        return quantizer

    return offered


def straight_through(vectors: torch.Tensor, codes: torch.Tensor, training: bool) -> torch.Tensor:
    """Codewords (n, dimension) whose gradient passes to the vectors; in inference the very codewords, unrounded."""
    return vectors + (codes - vectors).detach() if training else codes


def noise_substituted(vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Vectors (n, dimension) plus noise of the length of their quantisation error (Vali and Bäckström 2022, "NSVQ").

    The direction is drawn anew from an isotropic normal distribution, the length is ||x - code|| exactly, and so the
    gradient reaches the vectors and, by that length, the codebook: no loss of its own is needed.
    """
    noise = torch.randn_like(vectors)
    error = torch.linalg.vector_norm(vectors - codes, dim=1, keepdim=True)
    return vectors + noise * (error / torch.linalg.vector_norm(noise, dim=1, keepdim=True).clamp(min=1e-12))


def perplexity(indices: torch.Tensor, codes: int) -> torch.Tensor:
    """exp of the entropy of codes (n,), from 1 to `codes`; 1 if there are none."""
    share = torch.bincount(indices, minlength=codes).float()
    share = share / share.sum().clamp(min=1)
    return torch.exp(-(share * share.clamp(min=1e-10).log()).sum())


def nearest(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """Index of the code with the smallest Euclidean distance for each of (n, dimension): int64 (n,)."""
    distance = codebook.square().sum(1) - 2 * vectors @ codebook.t()
    return distance.argmin(1)
