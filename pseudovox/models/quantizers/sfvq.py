"""Kind sfvq: space-filling vector quantisation; codewords are corners of a curve, so that neighbours have like codes.

Vali and Bäckström 2024, "Privacy PORCUPINE: Anonymization of Speaker Attributes Using Occurrence Normalization for
Space-Filling Vector Quantization". In training a random point of every segment stands for the segment, the same for
all vectors of a batch; the number of corners begins with 4 and is doubled stage by stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from pseudovox.core.errors import UsageError
from pseudovox.core.seeds import generator
from pseudovox.models.buffers import known, set_known
from pseudovox.models.quantizers import curve
from pseudovox.models.quantizers.codebook import Codebook
from pseudovox.models.quantizers.fitting import Adam, Chosen, Fit, Scale, batches, training_vectors
from pseudovox.models.quantizers.interface import (
    Quantized,
    VectorQuantizer,
    counts_of,
    nearest,
    noise_substituted,
    perplexity,
    register,
)

LARGEST_START = 65536  # vectors that the first corners are means of, at most


@register("sfvq")
class SpaceFilling(VectorQuantizer):
    """A curve trained through the network around it: dithered codewords with NSVQ's gradient; corners in inference.

    `commitment` is 0. The curve begins as means of quarters of the first call's vectors that count, and is doubled
    after `stage` calls in training mode, until it has `codes` corners.

    Args:
        codes: corners in the end, a power of 2 from 4.
        dimension: of a vector.
        stage: calls in training between two doublings.
        epsilon: see curve.double.

    Raises:
        UsageError: another number of codes.
    """

    is_curve = True
    size: torch.Tensor
    calls: torch.Tensor

    def __init__(self, codes: int, dimension: int, stage: int = 2000, epsilon: float = 0.01) -> None:
        if codes < 4 or codes & (codes - 1):
            raise UsageError(f"quantiser sfvq: {codes} codes: expected a power of 2 from 4, as the curve is doubled")
        super().__init__(codes, dimension)
        self.stage, self.epsilon = stage, epsilon
        self.corners = nn.Parameter(torch.zeros(codes, dimension))  # the first `size` of them are the curve
        self.register_buffer("size", torch.zeros((), dtype=torch.int64))  # 0 = not begun
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def quantize(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> Quantized:
        if self.training:
            self._advance(vectors.detach(), counted)
        corners = self.codewords
        if not self.training:
            indices = nearest(vectors, corners)
            codes = corners[indices]
        else:
            share = torch.rand(len(corners) - 1, 1, device=vectors.device)
            dithered = (1 - share) * corners[:-1] + share * corners[1:]
            indices = nearest(vectors, dithered)
            codes = noise_substituted(vectors, dithered[indices])
        spread = perplexity(counts_of(indices, len(corners), counted))
        return Quantized(codes, indices, vectors.new_zeros(()), spread)

    @property
    def codewords(self) -> torch.Tensor:
        """The corners of the curve as it is now, (size, dimension)."""
        return self.corners[: max(4, known(self, "size"))]

    @torch.no_grad()
    def _advance(self, vectors: torch.Tensor, counted: torch.Tensor | None) -> None:
        size = known(self, "size")
        if not size:
            if counted is not None:
                vectors = vectors[counted]
            if len(vectors) < 4:
                return
            begun = curve.first_corners(vectors.cpu().numpy())
            self.corners[:4] = torch.from_numpy(begun).to(self.corners)
            set_known(self, "size", 4)
        calls = known(self, "calls") + 1
        set_known(self, "calls", calls)
        if size and size < self.codes and calls % self.stage == 0:
            finer = curve.double(self.corners[:size].cpu().numpy(), self.epsilon)
            self.corners[: 2 * size] = torch.from_numpy(finer).to(self.corners)
            set_known(self, "size", 2 * size)

    @classmethod
    def fit(cls, vectors: np.ndarray, bits: Sequence[int], options: Fit, seed: int) -> dict[int, Codebook]:
        """Corners of the same curve at several stages: training goes on from the fewest bits to the most."""
        options.check()
        if min(bits) < curve.FIRST_BITS:
            raise UsageError(
                f"quantiser sfvq: {min(bits)} bits: the curve begins with 4 corners, which are {curve.FIRST_BITS} bits"
            )
        scale = Scale.of(vectors, options)
        scaled = scale.apply(training_vectors(vectors, 2 ** max(bits)))
        found = {}
        drawn = generator(seed, "sfvq", "start")
        rows = drawn.permutation(len(scaled))[:LARGEST_START]
        corners = curve.first_corners(scaled[rows], "norm" if options.like else options.ordering)
        with threadpool_limits(1):  # sums in another order round differently; and so small products are faster
            for stage in range(curve.FIRST_BITS, max(bits) + 1):
                if stage > curve.FIRST_BITS:
                    corners = curve.double(corners, options.epsilon)
                corners = _stage(scaled, corners, options, generator(seed, "sfvq", str(stage)))
                if stage in bits:
                    found[stage] = Codebook(scale.undo(corners))
        return found


def _stage(vectors: np.ndarray, corners: np.ndarray, options: Fit, drawn: np.random.Generator) -> np.ndarray:
    corners = np.ascontiguousarray(corners, np.float32)
    count, dimension = corners.shape
    optimizer = Adam(corners)
    dithered, gradient = np.empty((count - 1, dimension), np.float32), np.empty_like(corners)
    chosen = None
    for batch in batches(vectors, options, -(-options.epochs // 2), drawn):
        chosen = chosen or Chosen(len(batch.vectors), count - 1, dimension)
        share = drawn.random((count - 1, 1), np.float32)
        np.subtract(corners[1:], corners[:-1], out=dithered)
        dithered *= share
        dithered += corners[:-1]
        chosen.find(batch.vectors, dithered)
        # A point of a segment moves both its ends, each by its share.
        np.multiply(chosen.gradient, share, out=gradient[1:])
        gradient[0] = 0
        chosen.gradient *= 1 - share
        gradient[:-1] += chosen.gradient
        optimizer.update(gradient, batch.rate)
    return corners
