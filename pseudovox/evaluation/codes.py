"""What codes tell: histograms of codebooks, of content features and of files, and speakers identified by codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.files import read_text
from pseudovox.metrics import disclosure
from pseudovox.models.quantizers.codebook import Codebook, Name
from pseudovox.records import Record

WORST, AVERAGE = "disclosure_worst", "disclosure_average"  # metrics of records
COLUMNS = ("kind", "bits", "codes", "runs", "vectors", "figure", "mean", "low", "high", "ideal")
CHANCE = "chance"  # the kind of the row that equally likely codes would give


@dataclass(frozen=True)
class Histogram:
    """How often each code occurs: `counts` int64 (codes,), of a codebook of that kind, size and run."""

    name: Name
    counts: np.ndarray


def of_codebooks(books: Mapping[Name, Codebook], vectors: np.ndarray) -> list[Histogram]:
    """Those of the codes of vectors (n, dimension) by each codebook."""
    return [
        Histogram(name, disclosure.histogram(book.encode(vectors), len(book.vectors))) for name, book in books.items()
    ]


def of_file(path: Path, kind: str) -> Histogram:
    """That of a text file: a line for each code, whose last word is its count.

    Raises:
        DataError: missing, or a line without a whole number of 0 or more at its end.
    """
    counts = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.split()
        if not words or not words[-1].isdecimal():
            raise DataError(f"{path}:{number}: {line[:60]!r}: expected a count, a whole number, at the line's end")
        counts.append(int(words[-1]))
    if not sum(counts):
        raise DataError(f"{path}: nothing was counted")
    return Histogram(Name(kind, bits_of(len(counts))), np.array(counts))


def of_frames(matrices: Sequence[np.ndarray], kind: str, size: int = 0) -> Histogram:
    """That of the frames of quantised content features, matrices (frames, dimension), of a codebook that is not there.

    Args:
        size: of the codebook; 0 = as many codes as different frames are found.

    Raises:
        DataError: more different frames than `size` codes, or than any quantiser has: the features are not quantised.
    """
    different, counts = np.unique(np.concatenate(matrices), axis=0, return_counts=True)
    if len(different) > (size or 65536) or (not size and len(different) > sum(map(len, matrices)) / 2):
        raise DataError(
            f"{kind}: {len(different)} different frames, expected those of {size or 'some'} codes: not quantised"
        )
    return Histogram(Name(kind, bits_of(size or len(counts))), np.pad(counts, (0, max(0, size - len(counts)))))


def bits_of(codes: int) -> int:
    """Bits of so many codes, the whole number that is enough."""
    return max(1, int(np.ceil(np.log2(codes))))


def table(histograms: Sequence[Histogram]) -> list[list[str]]:
    """The figures of disclosure.METRICS by kind and size, over runs: rows of COLUMNS.

    `ideal` is what equally frequent codes have; of the deviation and of the divergence, what chance makes of equally
    likely ones (the divergence by 200 draws).
    """
    rows = []
    for kind, bits in sorted({(own.name.kind, own.name.bits) for own in histograms}):
        runs = [own.counts for own in histograms if (own.name.kind, own.name.bits) == (kind, bits)]
        total, codes = int(runs[0].sum()), len(runs[0])
        ideals = ideal(total, codes)
        for figure, metric in disclosure.METRICS.items():
            figures = disclosure.band([metric(counts) for counts in runs])
            cells = [*(f"{value:.6g}" for value in figures), f"{ideals[figure]:.6g}"]
            rows.append([kind, str(bits), str(codes), str(len(runs)), str(total), figure, *cells])
    return rows


def ideal(total: int, codes: int) -> dict[str, float]:
    """What each figure is for `total` vectors with `codes` codes as frequent, or as likely, as one another."""
    drawn = np.random.default_rng(codes).multinomial(total, np.full(codes, 1 / codes), size=200)
    bits = float(np.log2(codes))
    return {
        "divergence": float(np.mean([disclosure.divergence(counts) for counts in drawn])),
        "worst_case": bits, "average": bits, "sparseness": codes**-0.5,
        "deviation": disclosure.binomial_deviation(total, codes), "perplexity": float(codes),
    }  # fmt: skip


def records(counts: np.ndarray, system: str, name: str) -> list[Record]:
    """Worst case and average, in bits, of a system's codes on a set; details hold the other figures."""
    found = disclosure.all_of(counts)
    total, codes = int(counts.sum()), len(counts)
    details = {
        "codes": codes, "bits": float(np.log2(codes)), "perplexity": found["perplexity"],
        "sparseness": found["sparseness"],
        "deviation_over_chance": found["deviation"] / disclosure.binomial_deviation(total, codes) if codes > 1 else 0.0,
    }  # fmt: skip
    return [
        Record(metric, found[figure], "bit", system, "", name, n=total, n_of="x-vectors", details=details)
        for metric, figure in ((WORST, "worst_case"), (AVERAGE, "average"))
    ]


# ---------------------------------------------------------------------- identification
@dataclass(frozen=True)
class Split:
    """Utterances of known speakers, and those whose speaker is to be named: rows, and everybody's speaker by number."""

    known: np.ndarray
    asked: np.ndarray
    speakers: np.ndarray

    @property
    def size(self) -> int:
        """How many speakers there are."""
        return int(self.speakers.max()) + 1


def split(speakers: Sequence[str]) -> Split:
    """Every second utterance of each speaker is asked for; UsageError unless two speakers have two utterances."""
    names, numbers = np.unique(np.array(speakers), return_inverse=True)
    place = np.zeros(len(numbers), int)
    for number in range(len(names)):
        rows = np.flatnonzero(numbers == number)
        place[rows] = np.arange(len(rows))
    several = np.bincount(numbers)[numbers] > 1
    asked = np.flatnonzero(several & (place % 2 == 1))
    if len(set(numbers[asked])) < 2:
        raise UsageError("speakers are told apart by two utterances or more of each of two of them or more")
    return Split(np.flatnonzero(place % 2 == 0), asked, numbers)


def error_by_codes(codes: np.ndarray, parts: Split, size: int) -> float:
    """Closed-set error, %, of naming the speaker who had the utterance's code most often, relative to her utterances.

    The classifier with the most probable speaker by counts, every speaker as likely before: no other can do better
    with nothing but the code. A code that nobody had is an error.
    """
    joint = np.zeros((parts.size, size))
    np.add.at(joint, (parts.speakers[parts.known], codes[parts.known]), 1.0)
    joint /= np.maximum(joint.sum(1, keepdims=True), 1.0)
    named = joint.argmax(0)[codes[parts.asked]]
    known = joint.max(0)[codes[parts.asked]] > 0
    return _mean_error(known & (named == parts.speakers[parts.asked]), parts)


def error_by_vectors(vectors: np.ndarray, parts: Split) -> float:
    """Closed-set error, %, of naming the speaker whose mean of (unit-length) vectors has the largest cosine."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    means = np.zeros((parts.size, vectors.shape[1]))
    np.add.at(means, parts.speakers[parts.known], unit[parts.known])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-30)
    named = (unit[parts.asked] @ means.T).argmax(1)
    return _mean_error(named == parts.speakers[parts.asked], parts)


def _mean_error(right: np.ndarray, parts: Split) -> float:
    """Error, %, as the mean over speakers of each one's own, however many utterances they have."""
    asked = parts.speakers[parts.asked]
    total = np.bincount(asked, minlength=parts.size)
    shares = np.bincount(asked, right, minlength=parts.size)[total > 0] / total[total > 0]
    return 100.0 * float(1 - shares.mean())


ERRORS = ("kind", "bits", "by", "runs", "speakers", "mean", "low", "high", "bound")
AS_THEY_ARE = "x-vectors"  # the kind of the row of what is not quantised


def identification(
    books: Mapping[Name, Codebook], vectors: np.ndarray, speakers: Sequence[str]
) -> list[list[str]]:  # fmt: skip
    """Closed-set errors by kind and size of codebook, over runs: a header, ERRORS, and rows.

    Args:
        vectors: (n, dimension), with the speaker of each.
    """
    parts = split(speakers)
    whole = error_by_vectors(vectors, parts)
    rows = [[AS_THEY_ARE, "", "vectors", "1", str(parts.size), *(f"{whole:.3f}" for _ in range(3)), "0.000"]]
    errors: dict[tuple[str, int, str], list[float]] = {}
    for name, book in books.items():
        given = book.encode(vectors)
        by_codes = error_by_codes(given, parts, len(book.vectors))
        errors.setdefault((name.kind, name.bits, "codes"), []).append(by_codes)
        by_words = error_by_vectors(book.decode(given), parts)
        errors.setdefault((name.kind, name.bits, "codewords"), []).append(by_words)
    for (kind, bits, by), own in sorted(errors.items()):
        bound = 100 * max(0.0, 1 - 2**bits / len(set(parts.speakers[parts.asked])))
        figures = [f"{value:.3f}" for value in disclosure.band(own)]
        rows.append([kind, str(bits), by, str(len(own)), str(parts.size), *figures, f"{bound:.3f}"])
    return [list(ERRORS), *rows]
