"""Voice similarity matrices, and what is read off them: de-identification (DeID) and gain of voice distinctiveness.

Noé et al. (2020), "Speech pseudonymisation assessment using voice similarity matrices". Utterances are compared pair
by pair; the scores are calibrated over all pairs; a cell of the matrix is the logistic of the mean LLR of two speakers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pseudovox.metrics.ranking import rank
from pseudovox.metrics.vpc2024 import split_ties
from pseudovox.metrics.zebra import smoothed_llrs

LEAST_DOMINANCE = 1e-9  # below, the diagonal stands out by rounding alone


@dataclass(frozen=True)
class VoiceSimilarity:
    """A matrix of speakers against speakers.

    Attributes:
        speakers: of rows and columns.
        values: (speakers, speakers) in [0, 1]; row = enrolment, column = test; NaN where no pair was compared.
    """

    speakers: tuple[str, ...]
    values: np.ndarray

    @property
    def dominance(self) -> float:
        """|mean of the diagonal - mean of the rest|, in [0, 1]: how far speakers are told apart.

        Cells without pairs are left out; NaN where the diagonal or the rest has none at all.
        """
        diagonal = np.eye(len(self.values), dtype=bool)
        known = np.isfinite(self.values)
        same, other = self.values[diagonal & known], self.values[~diagonal & known]
        return float(abs(same.mean() - other.mean())) if len(same) and len(other) else float("nan")


def voice_similarity(
    scores: np.ndarray, utterances: Sequence[str], speakers: Sequence[str], *, like: str = ""
) -> VoiceSimilarity:
    """The voice similarity matrix of a set of utterances, scored against each other or against an anonymized copy.

    All ordered pairs of different utterances count (never an utterance with its own copy), both ways round, so that
    the matrix does not depend on the order of the utterances; it need not be symmetric. Scores become LLRs by PAV
    with Laplace's smoothing over all pairs, ties pooled.

    Args:
        scores: (utterances, utterances), row = enrolment, column = test; higher = more alike. The diagonal is not read.
        utterances: ids, in the order of rows and columns.
        speakers: of each utterance.
        like: "vpc2022" for the challenge's own form: only pairs with the enrolment before the test utterance, ties
            separated, speakers in the order in which they enrol (target trials first), the upper half mirrored. A
            speaker whose one utterance comes last is missing there.

    Raises:
        ValueError: shapes that differ, NaN, no pair of one or of two speakers, or another `like`.
    """
    scores = np.asarray(scores, np.float64)
    count = len(utterances)
    if scores.shape != (count, count) or len(speakers) != count:
        raise ValueError(f"scores {scores.shape} of {count} utterances and {len(speakers)} speakers")
    if like not in ("", "vpc2022"):
        raise ValueError(f"like {like!r}, expected '' or 'vpc2022'")
    rows, columns = np.nonzero(~np.eye(count, dtype=bool) if not like else np.triu(np.ones((count, count), bool), 1))
    names, speaker = np.unique(np.asarray(speakers), return_inverse=True)
    same = speaker[rows] == speaker[columns]
    llrs = _smoothed_llrs(scores[rows, columns], same, ties_apart=bool(like))
    cells = speaker[rows] * len(names) + speaker[columns]
    counts = np.bincount(cells, minlength=len(names) ** 2)
    with np.errstate(invalid="ignore"):
        means = (np.bincount(cells, llrs, len(names) ** 2) / counts).reshape(len(names), len(names))
    if like:
        enrolling = speaker[np.concatenate([rows[same], rows[~same]])]
        order = enrolling[np.sort(np.unique(enrolling, return_index=True)[1])]
        means, names = means[np.ix_(order, order)], names[order]
        means = np.triu(means) + np.triu(means, 1).T
    return VoiceSimilarity(tuple(str(name) for name in names), 1.0 / (1.0 + np.exp(-means)))


def _smoothed_llrs(scores: np.ndarray, target: np.ndarray, *, ties_apart: bool) -> np.ndarray:
    """Natural LLR of each trial, (trials,), by PAV with Laplace's smoothing."""
    ranking = rank(scores[target], scores[~target])
    steps = split_ties(ranking) if ties_apart else ranking
    llrs, trials = smoothed_llrs(steps.blocks, steps.target_total, steps.nontarget_total)
    by_trial = np.repeat(llrs, trials.astype(np.int64))
    # Trials in the order of the steps: by score, and non-targets first in a tie where ties are kept apart; where they
    # are pooled, all of a tie have one LLR.
    order = np.lexsort((target, scores))
    found = np.empty(len(scores))
    found[order] = by_trial
    return found


def deid(original: VoiceSimilarity, crossed: VoiceSimilarity) -> float:
    """De-identification: 1 - dominance(original against anonymized) / dominance(original); higher hides more.

    At most 1 (no trace of the speaker); 0 = as recognisable as before. NaN (undefined) where the original speakers
    are not told apart to begin with.
    """
    return 1.0 - _ratio(crossed.dominance, original.dominance)


def voice_distinctiveness_gain(original: VoiceSimilarity, anonymized: VoiceSimilarity) -> float:
    """G_VD in dB: 10 log10 of dominance(anonymized against itself) / dominance(original).

    0 = voices differ as much as before, below = less. NaN (undefined) where either dominance is 0.
    """
    ratio = _ratio(anonymized.dominance, original.dominance)
    return 10.0 * math.log10(ratio) if anonymized.dominance > LEAST_DOMINANCE and ratio == ratio else float("nan")


def _ratio(upper: float, lower: float) -> float:
    return upper / lower if lower > LEAST_DOMINANCE else float("nan")
