"""Speaker verification trials: enrolment by mean embedding, cosine scores, error rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.datadir import write_atomic
from pseudovox.errors import DataError
from pseudovox.metrics.eer import equal_error
from pseudovox.metrics.intervals import TrialList, bootstrap_intervals
from pseudovox.report.results import ORIGINAL, Record, set_name
from pseudovox.scoring.embeddings import speaker_means
from pseudovox.seeds import generator

if TYPE_CHECKING:
    from pathlib import Path

    from pseudovox.config import Config
    from pseudovox.datadir import DataDir

BLOCK = 4096  # test utterances scored against all models at once


@dataclass(frozen=True)
class Scores:
    """Scores of a trial list, in its order.

    Attributes:
        values: float32 (trials,), cosines; higher = more likely the enrolled speaker.
        target: bool (trials,).
        speaker: int (trials,), the enrolled speaker's place in `speakers`.
        tested: int (trials,), the test utterance's speaker; numbered as `speaker`, on from there if not enrolled.
    """

    values: np.ndarray
    target: np.ndarray
    speaker: np.ndarray
    tested: np.ndarray
    speakers: tuple[str, ...]


def score_trials(
    enrolment: DataDir,
    trials: DataDir,
    enrolment_vectors: Mapping[str, Any],
    trial_vectors: Mapping[str, Any],
) -> Scores:
    """Cosines between each trial's test utterance and the mean of its speaker's enrolment utterances.

    Args:
        enrolment: its `enrolls` says which utterances enrol their speakers (all, where there is none).
        trials: holds `trials`.
        enrolment_vectors, trial_vectors: (dimension,) by utterance.

    Raises:
        DataError: no trials, or a trial of a speaker who is not enrolled.
    """
    if not trials.trials:
        raise DataError(f"{trials.path}: the data dir has no trials")
    by_speaker: dict[str, list[str]] = {}
    for utterance in enrolment.enrolls:
        by_speaker.setdefault(enrolment.utt2spk[utterance], []).append(utterance)
    speakers = tuple(sorted({trial.speaker for trial in trials.trials}))
    for speaker in speakers:
        if speaker not in by_speaker:
            raise DataError(f"{trials.path}/trials: speaker {speaker} has no enrolment utterances in {enrolment.path}")
    models = speaker_means({speaker: by_speaker[speaker] for speaker in speakers}, enrolment_vectors)
    utterances = sorted({trial.utterance for trial in trials.trials})
    row = {utterance: number for number, utterance in enumerate(utterances)}
    column = {speaker: number for number, speaker in enumerate(speakers)}
    rows = np.array([row[trial.utterance] for trial in trials.trials])
    columns = np.array([column[trial.speaker] for trial in trials.trials])
    unit_models = _unit(np.stack([models[speaker] for speaker in speakers]))
    values = np.empty(len(rows), np.float32)
    for start in range(0, len(utterances), BLOCK):
        names = utterances[start : start + BLOCK]
        block = _unit(np.stack([trial_vectors[utterance] for utterance in names])) @ unit_models.T
        inside = (rows >= start) & (rows < start + BLOCK)
        values[inside] = block[rows[inside] - start, columns[inside]]
    target = np.array([trial.target for trial in trials.trials])
    number = {speaker: place for place, speaker in enumerate(dict.fromkeys([*speakers, *trials.speakers]))}
    tested = np.array([number[trials.utt2spk[trial.utterance]] for trial in trials.trials])
    return Scores(values, target, columns, tested, speakers)


def evaluate(scores: Scores, draw: np.random.Generator, rounds: int = 200) -> dict[str, Any]:
    """Metrics of a scored trial list, ready for json.

    Returns:
        eer (percent), eer_interval ([lower, upper], 95 %, over speakers; null if rounds is 0 or there is one speaker),
        threshold, targets, nontargets (counts), speakers (enrolled).

    Raises:
        DataError: the list lacks targets or non-targets.
    """
    target, nontarget = scores.values[scores.target], scores.values[~scores.target]
    if not len(target) or not len(nontarget):
        raise DataError(f"{len(target)} target and {len(nontarget)} non-target trials: an EER needs both")
    found = equal_error(target, nontarget)
    interval = None
    if rounds:
        trials = TrialList(scores.values, scores.target, scores.speaker, scores.tested)
        interval = bootstrap_intervals(trials, draw, replicates=rounds, allow_few=True).get("eer")
    return {
        "eer": 100.0 * found.rate,
        "eer_interval": interval and list(interval),
        "threshold": found.threshold,
        "targets": len(target),
        "nontargets": len(nontarget),
        "speakers": len(scores.speakers),
    }


def record(
    scores: Scores, trials: DataDir, config: Config, *, attacker: str, system: str, seed: int, training: str = ""
) -> Record:
    """The EER of a trial list as a figure of the results.

    Args:
        scores: of the trial list.
        trials: its data dir; the gender of its speakers, where they share one, is the figure's group.
        config: `scoring`, and `levels` for the level of anonymization.
        attacker, training, system: as in `report.results.Record`.
        seed: of the resamples of the confidence interval.
    """
    draw = generator(seed, "bootstrap", f"{attacker}/{system}/{trials.name}")
    found = evaluate(scores, draw, config.scoring.interval_rounds)
    low, high = found.pop("eer_interval") or (None, None)
    genders = {trials.spk2gender[speaker] for speaker in trials.speakers}
    original = trials.name.removesuffix(f"_{system}")
    return Record(
        metric="eer",
        value=found.pop("eer"),
        unit="%",
        system=system,
        attacker=attacker,
        training=training,
        set=set_name(trials.name),
        group=genders.pop() if len(genders) == 1 else "all",
        level="" if system == ORIGINAL else config.levels.of(original),
        ci_low=low,
        ci_high=high,
        n=len(scores.values),
        n_of="trials",
        details=found,
    )


def write_scores(folder: Path, trials: DataDir, scores: Scores) -> None:
    """Write `scores`, lines `speaker utterance score` in the order of the trials, as the VPC's kits do."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (
        f"{trial.speaker} {trial.utterance} {score:.6f}\n"
        for trial, score in zip(trials.trials, scores.values, strict=True)
    )
    write_atomic(folder / "scores", "".join(lines))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length one, float64; a zero row stays zero."""
    vectors = vectors.astype(np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
