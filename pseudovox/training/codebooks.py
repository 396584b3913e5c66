"""Codebooks of several quantisers, sizes and seeds on the same x-vectors: what steps/train_codebook.py trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.seeds import seed_for
from pseudovox.models.quantizers.codebook import Codebook, Name, normalise
from pseudovox.models.quantizers.fitting import Fit

if TYPE_CHECKING:
    from pathlib import Path

    from pseudovox.data.datadir import DataDir

NORMALISED = "_normalised"  # behind the kind of a codebook whose occurrences are normalised


@dataclass
class Options:
    """Keys of a system that trains codebooks (system.options).

    Attributes:
        kinds: of quantisers.
        bits: of their codes, 1 to 16.
        runs: trainings of each, by seeds of their own.
        training: see Fit.
    """

    kinds: list[str] = field(default_factory=lambda: ["vq_plain", "sfvq"])
    bits: list[int] = field(default_factory=lambda: [4, 5, 6])
    runs: int = 5
    training: Fit = field(default_factory=Fit)

    def check(self) -> None:
        """UsageError at values that cannot be."""
        from pseudovox.models import quantizers

        for kind in self.kinds:
            quantizers.find(kind)
        if not self.kinds or not self.bits or not all(1 <= bits <= 16 for bits in self.bits) or self.runs < 1:
            raise UsageError("system.options: expected kinds, bits from 1 to 16 and runs from 1")
        self.training.check()


@dataclass(frozen=True)
class Job:
    """One training: of one kind, at all sizes."""

    kind: str
    run: int
    options: Options
    vectors: np.ndarray
    seed: int


def train(job: Job) -> dict[Name, Codebook]:
    """The codebooks of one kind and run, by name; the seed is that of (seed, kind and run)."""
    from pseudovox.models import quantizers

    seed = seed_for(job.seed, "codebook", f"{job.kind}/{job.run}")
    found = quantizers.find(job.kind).fit(job.vectors, job.options.bits, job.options.training, seed)
    return {Name(job.kind, bits, job.run): book for bits, book in found.items()}


def normalised(books: Mapping[Name, Codebook], vectors: np.ndarray, like: str = "") -> dict[Name, Codebook]:
    """The curves among codebooks, with their occurrences normalised on vectors (n, dimension); see `normalise`.

    Raises:
        DataError: none of them is a curve, or they are of another dimension.
    """
    from pseudovox.models.quantizers import KINDS

    curves = {name: book for name, book in books.items() if name.kind in KINDS and KINDS[name.kind].is_curve}
    if not curves:
        raise DataError(
            f"none of the codebooks is a curve, whose codes have an order: {', '.join(map(str, books)) or 'none'}",
            "train some with --set system.options.kinds=[sfvq]",
        )
    check_dimension(curves, vectors)
    return {
        Name(name.kind + NORMALISED, name.bits, name.run): normalise(book.vectors, vectors, like=like)
        for name, book in curves.items()
    }


def check_dimension(books: Mapping[Name, Codebook], vectors: np.ndarray) -> None:
    """DataError unless the codebooks are of the vectors' dimension."""
    for name, book in books.items():
        if book.vectors.shape[1] != vectors.shape[1]:
            raise DataError(
                f"codebook {name} is of dimension {book.vectors.shape[1]}, the x-vectors are of {vectors.shape[1]}"
            )


def gather(data: Sequence[DataDir], root: Path, part: str = "1/1") -> tuple[np.ndarray, list[str]]:
    """The x-vectors of utterances of data dirs, float32 (utterances, dimension), and the speaker of each.

    Args:
        part: "K/N", every Nth utterance of all from the Kth on, so that the N parts have no utterance in common.

    Raises:
        UsageError: no such part.
    """
    first, _, step = part.partition("/")
    if not (first.isdecimal() and step.isdecimal() and 1 <= int(first) <= int(step)):
        raise UsageError(f"--part {part}: expected K/N, the Kth of N parts")
    from pseudovox.data.archive import read_alike

    found = read_alike({own.path: root / own.name / "xvector.scp" for own in data})
    spoken = [(own, utterance) for own in data for utterance in own.utterances][int(first) - 1 :: int(step)]
    if not spoken:
        raise DataError(f"--part {part}: no utterance is left")
    vectors = [found[own.path][utterance] for own, utterance in spoken]
    return np.stack(vectors).astype(np.float32), [own.utt2spk[utterance] for own, utterance in spoken]
