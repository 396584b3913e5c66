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
            found = self.quantize(flat, None if mask is None else mask.reshape(-1))
        shape = vectors.shape[:-1]
        return found._replace(
            vectors=found.vectors.reshape(vectors.shape),
            indices=found.indices.reshape(*shape, *found.indices.shape[1:]),
        )

    def quantize(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> Quantized:
        """As `forward`, of float32 (n, dimension), with the mask bool (n,); None = all count.

        It does not wait for a GPU, but in calls that begin or replace codewords by what the device has counted.
        """
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


def counts_of(indices: torch.Tensor, codes: int, counted: torch.Tensor | None) -> torch.Tensor:
    """How often each code is among those of (n,) that count: float32 (codes,). (bincount would wait for a GPU.)"""
    ones = torch.ones(len(indices), device=indices.device) if counted is None else counted.float()
    return torch.zeros(codes, device=indices.device).index_add_(0, indices, ones)


def mean_of(values: torch.Tensor, counted: torch.Tensor | None) -> torch.Tensor:
    """The mean of the rows (n, dimension) that count; 0 if there are none."""
    if counted is None:
        return values.mean()
    weights = counted.to(values.dtype)
    return (values * weights[:, None]).sum() / (weights.sum() * values.shape[1]).clamp(min=1)


def random_rows(counted: torch.Tensor | None, rows: int, wanted: int, device: torch.device) -> torch.Tensor:
    """Numbers of `wanted` of the rows that count, drawn with replacement: int64 (wanted,). Of none: any."""
    if counted is None:
        return torch.randint(rows, (wanted,), device=device)
    places = counted.long().cumsum(0)
    drawn = (torch.rand(wanted, device=device, dtype=torch.float64) * places[-1]).long()
    return torch.searchsorted(places, drawn + 1).clamp(max=rows - 1)


def perplexity(share: torch.Tensor) -> torch.Tensor:
    """exp of the entropy of codes that occur so often (codes,), from 1 to their number; 1 if none does."""
    share = share / share.sum().clamp(min=1)
    return torch.exp(-(share * share.clamp(min=1e-10).log()).sum())


def nearest(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """Index of the code with the smallest Euclidean distance for each of (n, dimension): int64 (n,)."""
    distance = codebook.square().sum(1) - 2 * vectors @ codebook.t()
    return distance.argmin(1)
