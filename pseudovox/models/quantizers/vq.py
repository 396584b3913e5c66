"""Kind vq: a quantiser whose codebook follows exponential moving averages (van den Oord et al. 2017, appendix A.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from pseudovox.core.seeds import seed_for
from pseudovox.models.buffers import known, set_known
from pseudovox.models.quantizers.codebook import Codebook
from pseudovox.models.quantizers.fitting import Fit, training_vectors
from pseudovox.models.quantizers.interface import (
    Quantized,
    VectorQuantizer,
    counts_of,
    mean_of,
    nearest,
    perplexity,
    random_rows,
    register,
    straight_through,
)


@register("vq")
class Quantizer(VectorQuantizer):
    """Nearest-code quantiser; in training mode each call moves the codebook towards its input.

    The first call in training mode starts the codebook by k-means on its input, so it should be a large batch of
    an encoder that has settled. A code whose moving count falls under `restart_below` times the count of an evenly
    used code is put on a random vector of the batch. All state is in buffers; randomness is torch's.

    Args:
        codes: size of the codebook.
        dimension: of a vector.
        decay: of the moving averages.
        restart_below: share of even usage under which a code is dead; 0 = never restart.
        cosine: the nearest code is that of the smallest angle, however long it is.
    """

    codebook: torch.Tensor
    counts: torch.Tensor
    sums: torch.Tensor
    started: torch.Tensor

    def __init__(
        self, codes: int, dimension: int, decay: float = 0.99, restart_below: float = 0.03, cosine: bool = False
    ) -> None:
        super().__init__(codes, dimension)
        self.decay, self.restart_below, self.cosine = decay, restart_below, cosine
        self.register_buffer("codebook", torch.randn(codes, dimension))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dimension))
        self.register_buffer("started", torch.zeros((), dtype=torch.uint8))

    def quantize(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> Quantized:
        if self.training and not known(self, "started"):
            self._start((vectors if counted is None else vectors[counted]).detach())
        if self.cosine:
            indices = nearest(functional.normalize(vectors), functional.normalize(self.codebook))
        else:
            indices = nearest(vectors, self.codebook)
        codes = self.codebook[indices]
        commitment = mean_of((vectors - codes.detach()).square(), counted)
        share = counts_of(indices, len(self.codebook), counted)
        spread = perplexity(share)
        if self.training:
            self._follow(vectors.detach(), indices, counted, share)
        return Quantized(straight_through(vectors, codes, self.training), indices, commitment, spread)

    @property
    def codewords(self) -> torch.Tensor:
        return self.codebook

    @classmethod
    def fit(cls, vectors: np.ndarray, bits: Sequence[int], options: Fit, seed: int) -> dict[int, Codebook]:
        """k-means; nothing of `options` is needed."""
        from sklearn.cluster import KMeans

        found = {}
        for size in bits:
            # scikit-learn takes 32-bit seeds.
            state = seed_for(seed, "vq", str(size)) % 2**32
            means = KMeans(2**size, n_init=1, random_state=state).fit(training_vectors(vectors, 2**size))
            found[size] = Codebook(means.cluster_centers_.astype(np.float32))
        return found

    @torch.no_grad()
    def _start(self, vectors: torch.Tensor) -> None:
        if len(vectors) < len(self.codebook):
            return
        codes, counts = k_means(vectors, len(self.codebook))
        self.codebook.copy_(codes)
        self.counts.copy_(counts)
        self.sums.copy_(codes * counts.unsqueeze(1))
        set_known(self, "started", 1)

    @torch.no_grad()
    def _follow(
        self, vectors: torch.Tensor, indices: torch.Tensor, counted: torch.Tensor | None, counts: torch.Tensor
    ) -> None:
        learned = vectors if counted is None else vectors * counted[:, None]
        sums = torch.zeros_like(self.sums).index_add_(0, indices, learned)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(counts)
            torch.distributed.all_reduce(sums)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        self.codebook.copy_(self.sums / self.counts.clamp(min=1e-5).unsqueeze(1))
        even = self.counts.sum() / len(self.counts)
        # Which codes are dead only the device knows: a vector is drawn for each, and most are not used.
        dead = self.counts < self.restart_below * even
        if counted is not None:
            dead = dead & counted.any()
        if len(vectors):
            chosen = vectors[random_rows(counted, len(vectors), len(dead), vectors.device)]
            self.codebook.copy_(torch.where(dead[:, None], chosen, self.codebook))
            # Half an even share: enough time to win vectors before it counts as dead again.
            self.counts.copy_(torch.where(dead, even / 2, self.counts))
            self.sums.copy_(torch.where(dead[:, None], chosen * (even / 2), self.sums))


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
