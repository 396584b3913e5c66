"""Word error rate: edits of the best alignment (jiwer) over reference words, for a whole set.

The rate of a set is the sum of edits over the sum of reference words, not a mean of utterances' rates, and may
exceed 100 %. Words are separated by any white space. The texts are normalised in a named way first, which is part of
the result: rates under different normalisations cannot be compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pseudovox.core.errors import DataError

if TYPE_CHECKING:
    import numpy as np

# What each normalisation does beside joining the words by single spaces and composing accents (Unicode's NFC).
NORMALISATIONS = {
    "none": "case, punctuation and accents count",
    "case": "upper case",
    "words": "upper case; punctuation but the apostrophe inside a word is dropped, hyphens separate words",
    "vpc2024": "none, but single blanks separate words, so that an empty text and two blanks in a row are empty words",
}
EMPTY = "\u2400"  # stands for an empty word under "vpc2024"


@dataclass(frozen=True)
class Edits:
    """Counts of the best alignment of one or more texts; `+` adds them up."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    reference_words: int = 0

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Word error rate in percent; NaN where there are no reference words."""
        return 100.0 * self.errors / self.reference_words if self.reference_words else float("nan")

    def __str__(self) -> str:
        counts = f"{self.substitutions} substitutions, {self.deletions} deletions, {self.insertions} insertions"
        return f"{counts} in {self.reference_words} words"

    def __add__(self, other: Edits) -> Edits:
        return Edits(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_words + other.reference_words,
        )


def normalise(text: str, how: str = "none") -> str:
    """A text as it is compared; `how` is one of NORMALISATIONS. Idempotent."""
    if how not in NORMALISATIONS:
        raise ValueError(f"normalisation {how!r}, expected one of {', '.join(NORMALISATIONS)}")
    text = unicodedata.normalize("NFC", text)
    if how in ("case", "words"):
        text = text.upper()
    if how == "words":
        text = re.sub(r"[-\u2010-\u2015/]", " ", text.replace("\u2019", "'"))
        text = re.sub(r"(?<!\w)'|'(?!\w)|[^\w\s']|_", "", text)
    if how == "vpc2024":
        return " ".join(word or EMPTY for word in text.strip().split(" "))
    return " ".join(text.split())


def count_edits(reference: str, hypothesis: str, normalisation: str = "none") -> Edits:
    """Edits between two texts. An empty reference costs one insertion for each word of the hypothesis.

    (Under "vpc2024" it counts as a word, and the first word of the hypothesis as a substitution.)
    """
    import jiwer

    words = normalise(reference, normalisation), normalise(hypothesis, normalisation)
    if words == (EMPTY, EMPTY):
        return Edits()
    output = jiwer.process_words(*words)
    return Edits(output.substitutions, output.deletions, output.insertions, len(words[0].split()))


def edits_by_utterance(
    references: Mapping[str, str], hypotheses: Mapping[str, str], normalisation: str = "none"
) -> dict[str, Edits]:
    """Edits of every utterance of `references`, in its order.

    Raises:
        DataError: the two do not hold the same utterances (a lost utterance is not a better result).
    """
    if references.keys() != hypotheses.keys():
        differing = sorted(references.keys() ^ hypotheses.keys())
        side = "hypothesis" if differing[0] in references else "reference"
        raise DataError(
            f"{len(differing)} utterances have a reference or a hypothesis only: {differing[0]} has no {side}"
        )
    return {key: count_edits(text, hypotheses[key], normalisation) for key, text in references.items()}


def total(edits: Sequence[Edits]) -> Edits:
    """The sum of the counts."""
    return sum(edits, Edits())


def bootstrap_interval(
    errors: np.ndarray, words: np.ndarray, generator: np.random.Generator, draws: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the rate of a set, drawing whole speakers.

    Utterances of one speaker err together, so speakers, not utterances, are drawn with replacement
    (Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation").

    Args:
        errors, words: (speakers,) edits and reference words of each speaker.
        generator: where the draws come from.
        draws: how often the set is redrawn.
        level: coverage of the interval.

    Returns:
        Lower and upper end in percent; NaN, NaN below two speakers.
    """
    import numpy as np

    if len(words) < 2 or not np.sum(words):
        return float("nan"), float("nan")
    picked = generator.multinomial(len(words), np.full(len(words), 1 / len(words)), size=draws)
    drawn = picked @ words
    rates = 100.0 * (picked @ errors)[drawn > 0] / drawn[drawn > 0]
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
