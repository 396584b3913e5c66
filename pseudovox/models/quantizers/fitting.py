"""Training of codebooks by themselves, on arrays: stochastic gradients in closed form, without a network around them.

The loss is the mean squared error of the chosen codewords, whose gradient is a sum over each codeword's vectors: no
graph is recorded, which makes an update several times as fast as one by automatic differentiation
(benchmarks/quantisers.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pseudovox.core.errors import DataError, UsageError

LIKES = ("", "porcupine")
MILESTONES = (0.6, 0.8)  # parts of a stage after which the learning rate is halved
MOMENTS = (0.9, 0.999)  # of Adam


@dataclass(frozen=True)
class Fit:
    """How a codebook is trained; the defaults are those of the released code, where it has them.

    Attributes:
        batch: vectors of one update.
        learning_rate: of Adam; halved after 60 % and 80 % of the epochs.
        epochs: passes over the vectors, of vq_plain; sfvq has half as many in each of its stages.
        updates: at least so many in a stage, by further epochs: few vectors would leave the codebook where it began.
        epsilon: how far a doubled corner is from its twin, in segments.
        ordering: of the first corners (curve.ORDERINGS).
        like: "porcupine" trains as released: vectors as they are (else they are shifted and scaled to variance 1, for
            which the learning rate was chosen), first corners by norm, no further epochs.
    """

    batch: int = 64
    learning_rate: float = 1e-3
    epochs: int = 10
    updates: int = 20_000
    epsilon: float = 0.01
    ordering: str = "principal"
    like: str = ""

    def check(self) -> None:
        """UsageError at values that cannot be."""
        if self.like not in LIKES:
            raise UsageError(f"like {self.like!r}: expected porcupine or nothing")
        for name in ("batch", "learning_rate", "epochs"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} {getattr(self, name):g}: expected more than 0")
        if not 0 < self.epsilon < 1:
            raise UsageError(f"epsilon {self.epsilon:g}: expected a share of a segment, between 0 and 1")


@dataclass(frozen=True)
class Scale:
    """Shift and scale to mean 0 and variance 1, over all dimensions alike, so that who is near stays near."""

    mean: np.ndarray
    deviation: float

    @classmethod
    def of(cls, vectors: np.ndarray, options: Fit) -> Scale:
        """That of vectors (n, dimension); none where the released code has none.

        Raises:
            DataError: the vectors are all the same.
        """
        if options.like:
            return cls(np.zeros(vectors.shape[1]), 1.0)
        mean = vectors.mean(0, dtype=np.float64)
        deviation = float(np.sqrt(np.mean(np.square(vectors - mean))))
        if not deviation:
            raise DataError(f"all {len(vectors)} vectors are the same: there is nothing to quantise")
        return cls(mean, deviation)

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray((vectors - self.mean) / self.deviation, np.float32)

    def undo(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors.astype(np.float64) * self.deviation + self.mean).astype(np.float32)


@dataclass(frozen=True)
class Batch:
    """Vectors of one update.

    Attributes:
        vectors: float32 (batch, dimension), overwritten by the next batch.
        rate: learning rate.
        number: from 0, over all epochs.
        left: batches that come after it.
    """

    vectors: np.ndarray
    rate: float
    number: int
    left: int


def batches(vectors: np.ndarray, options: Fit, epochs: int, generator: np.random.Generator) -> Iterator[Batch]:
    """The vectors in batches, shuffled anew in every epoch; what is left at an epoch's end is not used in it.

    Args:
        epochs: raised until there are `options.updates` batches, unless `like` forbids it.
    """
    size = min(options.batch, len(vectors))
    of_epoch = len(vectors) // size
    if not options.like:
        epochs = max(epochs, -(-options.updates // of_epoch))
    drops = [int(part * epochs) for part in MILESTONES]
    buffer = np.empty((size, vectors.shape[1]), np.float32)
    for epoch in range(epochs):
        rate = options.learning_rate * 0.5 ** sum(epoch >= drop for drop in drops)
        order = generator.permutation(len(vectors))
        for start in range(of_epoch):
            np.take(vectors, order[start * size : (start + 1) * size], axis=0, out=buffer)
            number = epoch * of_epoch + start
            yield Batch(buffer, rate, number, epochs * of_epoch - number - 1)


class Adam:
    """Adam (Kingma and Ba 2015) on one array, in place, with torch's defaults; every buffer is allocated once."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights
        self.first, self.second = np.zeros_like(weights), np.zeros_like(weights)
        self._step, self._root = np.empty_like(weights), np.empty_like(weights)
        self._updates = 0

    def update(self, gradient: np.ndarray, rate: float) -> None:
        """One update; the gradient (as the weights) is overwritten."""
        self._updates += 1
        slow, slower = MOMENTS
        self.first *= slow
        np.multiply(gradient, 1 - slow, out=self._step)
        self.first += self._step
        self.second *= slower
        np.multiply(gradient, gradient, out=gradient)
        gradient *= 1 - slower
        self.second += gradient
        np.sqrt(self.second, out=self._root)
        self._root *= 1 / np.sqrt(1 - slower**self._updates)
        self._root += 1e-8
        np.divide(self.first, self._root, out=self._step)
        self._step *= rate / (1 - slow**self._updates)
        self.weights -= self._step


class Chosen:
    """Nearest codewords of a batch, and the gradient of its mean squared error; buffers are allocated once."""

    def __init__(self, batch: int, codes: int, dimension: int) -> None:
        self.indices = np.empty(batch, np.intp)
        self.gradient = np.empty((codes, dimension), np.float32)
        self._scores = np.empty((batch, codes), np.float32)
        self._sums = np.empty((codes, dimension), np.float32)
        self._all = np.arange(codes)
        self._scale = np.float32(2 / (batch * dimension))

    def find(self, vectors: np.ndarray, codewords: np.ndarray) -> None:
        """Set `indices` (batch,), the nearest codewords, and `gradient` (codes, dimension), of the loss by them."""
        np.matmul(vectors, codewords.T, out=self._scores)
        self._scores *= -2
        self._scores += np.einsum("ij,ij->i", codewords, codewords)
        np.argmin(self._scores, axis=1, out=self.indices)
        one_hot = (self._all[:, None] == self.indices).astype(np.float32)
        np.matmul(one_hot, vectors, out=self._sums)
        np.multiply(codewords, one_hot.sum(1)[:, None], out=self.gradient)
        self.gradient -= self._sums
        self.gradient *= self._scale


def training_vectors(vectors: np.ndarray, codes: int) -> np.ndarray:
    """The vectors, if they can train a codebook.

    Raises:
        DataError: fewer than there are codes.
    """
    if len(vectors) < codes:
        raise DataError(f"{len(vectors)} vectors cannot train a codebook of {codes} codes")
    return vectors
