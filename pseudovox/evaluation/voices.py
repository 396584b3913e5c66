"""Voice distinctiveness and de-identification of anonymized data dirs, as records for the report."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.core.seeds import generator, seed_for
from pseudovox.evaluation.trials import group_of
from pseudovox.metrics.voices import (
    LEAST_DOMINANCE,
    VoiceSimilarity,
    deid,
    voice_distinctiveness_gain,
    voice_similarity,
)
from pseudovox.records import Record

if TYPE_CHECKING:
    from pseudovox.components.plda import Plda
    from pseudovox.config import Config
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
METRICS = {"voice_distinctiveness_gain": "dB", "deid": ""}
MATRICES = ("oo", "oa", "aa")  # original or anonymized: enrolment, then test


def choose(data: DataDir, most: int, seed: int) -> list[str]:
    """Utterances of a data dir, at most so many of each speaker (0: all), chosen by their ids; sorted."""
    chosen = []
    for utterances in data.spk2utt.values():
        ranked = sorted(utterances, key=lambda name: seed_for(seed, "voices", name))
        chosen += ranked[: most or len(ranked)]
    return sorted(chosen)


def similarities(
    original: Mapping[str, Any],
    anonymized: Mapping[str, Any],
    utterances: Sequence[str],
    utt2spk: Mapping[str, str],
    plda: Plda,
) -> dict[str, VoiceSimilarity]:
    """The three matrices of a set, by name (MATRICES).

    Every utterance is compared with every other one, each as the enrolment of one utterance; memory and time grow with
    the square of their number (1,000 utterances: a second or two, 300 MB).

    Args:
        original, anonymized: embeddings (dimension,) by utterance.
        utterances: ids.
        utt2spk: their speakers.
        plda: trained on original speech.

    Raises:
        ValueError: no pair of one or of two speakers.
    """
    speakers = [utt2spk[utterance] for utterance in utterances]
    vectors = {
        letter: np.stack([of[utterance] for utterance in utterances])
        for letter, of in (("o", original), ("a", anonymized))
    }
    once = np.ones(len(utterances))
    found = {}
    for name in MATRICES:
        enrolment, test = (vectors[letter] for letter in name)
        scores = plda.scorer(enrolment, once)(test).T
        found[name] = voice_similarity(scores, utterances, speakers)
    return found


def records(
    found: Mapping[str, VoiceSimilarity], original: DataDir, utterances: int, config: Config, *, system: str, seed: int
) -> list[Record]:
    """Gain of voice distinctiveness and de-identification of a data dir.

    Args:
        found: its matrices.
        original: the data dir before anonymization; the gender of its speakers, where they share one, is the group.
        utterances: how many were compared.
        config: sections `scoring` and `levels`.
        system: which anonymized it.
        seed: of the resamples of the intervals.
    """
    oo, oa, aa = (found[name] for name in MATRICES)
    figures = {"voice_distinctiveness_gain": voice_distinctiveness_gain(oo, aa), "deid": deid(oo, oa)}
    # The same draws for every system, so that their intervals can be compared.
    draw = generator(seed, "voices-interval", original.name)
    ends = intervals(found, draw, config.scoring.interval_rounds)
    log.info("%s %s: %s", system, original.name, ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    return [
        Record(
            metric=metric,
            value=None if np.isnan(value) else value,
            unit=METRICS[metric],
            system=system,
            set=original.origin.speech_set,
            group=group_of(original),
            level=config.levels.of(original.name),
            ci_low=ends[metric][0] if metric in ends and not np.isnan(value) else None,
            ci_high=ends[metric][1] if metric in ends and not np.isnan(value) else None,
            n=utterances,
            n_of="utterances",
            details={
                "speakers": len(oo.speakers),
                **{f"dominance_{name}": _number(found[name].dominance) for name in MATRICES},
            },
        )
        for metric, value in figures.items()
    ]


def intervals(
    found: Mapping[str, VoiceSimilarity], draw: np.random.Generator, rounds: int
) -> dict[str, tuple[float, float]]:
    """95 % intervals by a bootstrap over speakers, of those figures that most resamples define; none without rounds.

    Speakers are drawn with replacement out of the finished matrices, so the calibration, which is the same for all,
    does not vary. Copies of one speaker are not compared with each other.
    """
    speakers = len(found["oo"].speakers)
    if not rounds or speakers < 3:
        return {}
    weights = draw.multinomial(speakers, np.full(speakers, 1 / speakers), size=rounds).astype(np.float64)
    dominances = {name: _resampled_dominance(found[name].values, weights) for name in MATRICES}
    with np.errstate(invalid="ignore", divide="ignore"):
        base = np.where(dominances["oo"] > LEAST_DOMINANCE, dominances["oo"], np.nan)
        resampled = {
            "voice_distinctiveness_gain": 10.0 * np.log10(np.maximum(dominances["aa"], LEAST_DOMINANCE) / base),
            "deid": 1.0 - dominances["oa"] / base,
        }
    ends = {}
    for metric, values in resampled.items():
        defined = values[np.isfinite(values)]
        if len(defined) > rounds / 2:
            low, high = np.quantile(defined, [0.025, 0.975])
            ends[metric] = (float(low), float(high))
    return ends


def _resampled_dominance(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """|mean of the diagonal - mean of the rest| of a matrix (speakers, speakers) for weights (rounds, speakers)."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        same = weights @ np.diag(filled) / (weights @ np.diag(known))
        rest, present = filled - np.diag(np.diag(filled)), known & ~np.eye(len(values), dtype=bool)
        other = np.einsum("ri,ij,rj->r", weights, rest, weights, optimize=True)
        other /= np.einsum("ri,ij,rj->r", weights, present.astype(np.float64), weights, optimize=True)
    return np.asarray(np.abs(same - other))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
