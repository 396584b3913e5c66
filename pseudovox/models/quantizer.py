"""Vector quantiser whose codebook follows exponential moving averages (van den Oord et al. 2017, appendix A.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn


class Quantized(NamedTuple):
    """What a quantiser gives for vectors (..., dimension).

    Attributes:
        vectors: nearest codes (..., dimension); in training the gradient passes straight through to the input.
        indices: their numbers, int64 (...).
        commitment: mean squared distance of the inputs from their (fixed) codes, a scalar with gradient.
        perplexity: exp of the entropy of the code frequencies in this call, from 1 to the number of codes.
    """

    vectors: torch.Tensor
    indices: torch.Tensor
    commitment: torch.Tensor
    perplexity: torch.Tensor


class Quantizer(nn.Module):
    """Nearest-code quantiser; in training mode each call moves the codebook towards its input.

    The first call in training mode starts the codebook by k-means on its input, so it should be a large batch of
    an encoder that has settled. A code whose moving count falls under `restart_below` times the count of an evenly
    used code is put on a random vector of the batch. All state is in buffers; randomness is torch's.

    Args:
        codes: size of the codebook.
        dimension: of a vector.
        decay: of the moving averages.
        restart_below: share of even usage under which a code is dead; 0 = never restart.
    """

    codebook: torch.Tensor
    counts: torch.Tensor
    sums: torch.Tensor
    started: torch.Tensor

    def __init__(self, codes: int, dimension: int, decay: float = 0.99, restart_below: float = 0.03) -> None:
        super().__init__()
        self.decay, self.restart_below = decay, restart_below
        self.register_buffer("codebook", torch.randn(codes, dimension))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dimension))
        self.register_buffer("started", torch.zeros((), dtype=torch.uint8))

    def forward(self, vectors: torch.Tensor, mask: torch.Tensor | None = None) -> Quantized:
        """Quantise (..., dimension).

        Args:
            mask: bool (...), False at padding, which is quantised but does not count for codebook or losses.
        """
        # Distances in float32: bfloat16 cannot tell near codes apart.
        with torch.autocast(vectors.device.type, enabled=False):
            flat = vectors.reshape(-1, vectors.shape[-1]).float()
            counted = flat if mask is None else flat[mask.reshape(-1)]
            if self.training and len(counted) >= len(self.codebook):
                self._start(counted.detach())
            indices = nearest(flat, self.codebook)
            used = indices if mask is None else indices[mask.reshape(-1)]
            codes = self.codebook[indices]
            difference = counted - (codes if mask is None else codes[mask.reshape(-1)]).detach()
            commitment = difference.square().mean()
            share = torch.bincount(used, minlength=len(self.codebook)).float()
            if self.training:
                self._follow(counted.detach(), used, share)
            share = share / share.sum().clamp(min=1)
            perplexity = torch.exp(-(share * share.clamp(min=1e-10).log()).sum())
            # Adding the difference rounds; codes as such are what inference must give.
            straight = flat + (codes - flat).detach() if self.training else codes
        shape = vectors.shape[:-1]
        return Quantized(straight.reshape(vectors.shape), indices.reshape(shape), commitment, perplexity)

    @torch.no_grad()
    def _start(self, vectors: torch.Tensor) -> None:
        if bool(self.started):
            return
        codes, counts = k_means(vectors, len(self.codebook))
        self.codebook.copy_(codes)
        self.counts.copy_(counts)
        self.sums.copy_(codes * counts.unsqueeze(1))
        self.started.fill_(1)

    @torch.no_grad()
    def _follow(self, vectors: torch.Tensor, indices: torch.Tensor, counts: torch.Tensor) -> None:
        sums = torch.zeros_like(self.sums).index_add_(0, indices, vectors)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(counts)
            torch.distributed.all_reduce(sums)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        self.codebook.copy_(self.sums / self.counts.clamp(min=1e-5).unsqueeze(1))
        even = self.counts.sum() / len(self.counts)
        dead = (self.counts < self.restart_below * even).nonzero()[:, 0]
        if len(dead) and len(vectors):
            chosen = torch.randint(len(vectors), (len(dead),), device=vectors.device)
            self.codebook[dead] = vectors[chosen]
            # Half an even share: enough time to win vectors before it counts as dead again.
            self.counts[dead] = even / 2
            self.sums[dead] = vectors[chosen] * (even / 2)


def nearest(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """Index of the code with the smallest Euclidean distance for each of (n, dimension): int64 (n,)."""
    distance = codebook.square().sum(1) - 2 * vectors @ codebook.t()
    return distance.argmin(1)


def k_means(vectors: torch.Tensor, codes: int, rounds: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    """Lloyd's k-means with k-means++ seeding, for starting a codebook.

    Args:
        vectors: (n, dimension), n >= codes.

    Returns:
        (centres (codes, dimension), how many vectors each has (codes,))
    """
    centres = vectors[torch.randint(len(vectors), (1,), device=vectors.device)]
    distance = (vectors - centres).square().sum(1)
    for _ in range(codes - 1):
        weights = distance if bool(distance.sum() > 0) else torch.ones_like(distance)
        new = vectors[torch.multinomial(weights, 1)]
        centres = torch.cat([centres, new])
        distance = torch.minimum(distance, (vectors - new).square().sum(1))
    counts = vectors.new_zeros(codes)
    for _ in range(rounds):
        indices = nearest(vectors, centres)
        counts = torch.bincount(indices, minlength=codes).to(vectors.dtype)
        sums = torch.zeros_like(centres).index_add_(0, indices, vectors)
        centres = torch.where(counts.unsqueeze(1) > 0, sums / counts.clamp(min=1).unsqueeze(1), centres)
    return centres, counts
