"""Kind vq_plain: a codebook trained by the gradient of its squared error, dead codewords replaced by used ones.

The baseline of Vali and Bäckström 2024 ("Privacy PORCUPINE").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from pseudovox.core.seeds import generator
from pseudovox.models.buffers import known, set_known
from pseudovox.models.quantizers.codebook import Codebook
from pseudovox.models.quantizers.fitting import Adam, Chosen, Fit, Scale, batches, training_vectors
from pseudovox.models.quantizers.interface import (
    Quantized,
    VectorQuantizer,
    counts_of,
    mean_of,
    nearest,
    perplexity,
    register,
    straight_through,
)

REPLACED_EVERY = 500  # batches
QUIET = 4  # times that many batches at the end of the training, in which no codeword is replaced
DEAD = 0.01  # a codeword used in a smaller share of the batches is dead
APART = 1e-3  # of the vectors' deviation: how far a replaced codeword is put from its twin
APART_AS_RELEASED = 1e-12


@register("vq_plain")
class PlainQuantizer(VectorQuantizer):
    """Nearest codeword; `commitment` is the squared error, with gradients to the codebook and to the input.

    Before the training reaches it, the codebook is set to vectors of the first batch that has as many. A codeword that
    is used in less than 1 % of 500 calls is replaced by a copy of a used one.
    """

    usage: torch.Tensor
    calls: torch.Tensor
    started: torch.Tensor

    def __init__(self, codes: int, dimension: int) -> None:
        super().__init__(codes, dimension)
        self.codebook = nn.Parameter(torch.randn(codes, dimension))
        self.register_buffer("usage", torch.zeros(codes))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("started", torch.zeros((), dtype=torch.uint8))

    def quantize(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> Quantized:
        if self.training:
            self._prepare(vectors.detach(), counted)
        indices = nearest(vectors, self.codebook)
        codes = self.codebook[indices]
        share = counts_of(indices, self.codes, counted)
        if self.training:
            self.usage += share > 0
        loss = self._loss(vectors, codes, counted)
        spread = perplexity(share)
        return Quantized(self._passed_on(vectors, codes), indices, loss, spread)

    def _loss(self, vectors: torch.Tensor, codes: torch.Tensor, counted: torch.Tensor | None) -> torch.Tensor:
        """A scalar, for vectors and their codewords (n, dimension), and which of them count (n,)."""
        return mean_of((vectors - codes).square(), counted)

    def _passed_on(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """What the next layer gets, (n, dimension)."""
        return straight_through(vectors, codes, self.training)

    @property
    def codewords(self) -> torch.Tensor:
        return self.codebook

    @torch.no_grad()
    def _prepare(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> None:
        calls = known(self, "calls") + 1
        set_known(self, "calls", calls)
        started = bool(known(self, "started"))
        if started and calls % REPLACED_EVERY:
            return
        if counted is not None:
            vectors = vectors[counted]
        if not started and len(vectors) >= self.codes:
            self.codebook.copy_(vectors[torch.randperm(len(vectors), device=vectors.device)[: self.codes]])
            set_known(self, "started", 1)
        if calls % REPLACED_EVERY:
            return
        dead = (self.usage < DEAD * REPLACED_EVERY).nonzero()[:, 0]
        used = (self.usage >= DEAD * REPLACED_EVERY).nonzero()[:, 0]
        if len(dead) and len(used):
            order = used[torch.randperm(len(used), device=used.device)]
            twins = self.codebook[order.repeat(-(-len(dead) // len(order)))[: len(dead)]]
            self.codebook[dead] = twins + APART * vectors.std() * torch.randn_like(twins)
        self.usage.zero_()

    @classmethod
    def fit(cls, vectors: np.ndarray, bits: Sequence[int], options: Fit, seed: int) -> dict[int, Codebook]:
        options.check()
        scale = Scale.of(vectors, options)
        scaled = scale.apply(training_vectors(vectors, 2 ** max(bits)))
        with threadpool_limits(1):  # sums in another order round differently; and so small products are faster
            found = {size: _fit(scaled, 2**size, options, seed) for size in bits}
        return {size: Codebook(scale.undo(codewords)) for size, codewords in found.items()}


def _fit(vectors: np.ndarray, codes: int, options: Fit, seed: int) -> np.ndarray:
    drawn = generator(seed, "vq_plain", str(codes))
    codebook = vectors[drawn.choice(len(vectors), codes, replace=False)].copy()
    optimizer, usage = Adam(codebook), np.zeros(codes)
    chosen = None
    for batch in batches(vectors, options, options.epochs, drawn):
        chosen = chosen or Chosen(len(batch.vectors), codes, codebook.shape[1])
        chosen.find(batch.vectors, codebook)
        usage[chosen.indices] += 1  # (of each codeword once, however many vectors chose it)
        optimizer.update(chosen.gradient, batch.rate)
        if (batch.number + 1) % REPLACED_EVERY == 0:
            if batch.left >= QUIET * REPLACED_EVERY:
                apart = APART_AS_RELEASED if options.like else APART
                replace_dead(codebook, usage / REPLACED_EVERY, drawn, apart)
            usage[:] = 0
    return codebook


def replace_dead(codebook: np.ndarray, usage: np.ndarray, drawn: np.random.Generator, apart: float) -> None:
    """Put dead codewords beside used ones, in place.

    Args:
        codebook: (codes, dimension).
        usage: share of the batches in which each was used, (codes,).
        apart: deviation of the noise that is added to a copy; to all codewords if none was used.
    """
    dead, used = np.flatnonzero(usage < DEAD), np.flatnonzero(usage >= DEAD)
    if not len(used):
        codebook += apart * drawn.standard_normal(codebook.shape).astype(np.float32)
    elif len(dead):
        twins = np.resize(drawn.permutation(used), len(dead))
        noise = drawn.standard_normal((len(dead), codebook.shape[1]))
        codebook[dead] = codebook[twins] + (apart * noise).astype(np.float32)
