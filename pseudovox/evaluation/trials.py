"""Speaker verification trials: enrolment by mean embedding, scores of a back end, privacy metrics as records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pseudovox.components.embeddings import speaker_means
from pseudovox.core.errors import DataError
from pseudovox.core.seeds import generator
from pseudovox.data.datadir import write_atomic
from pseudovox.evaluation.privacy import measure
from pseudovox.metrics.eer import equal_error
from pseudovox.metrics.intervals import TrialList
from pseudovox.metrics.privacy import METRICS
from pseudovox.records import ORIGINAL, Record

if TYPE_CHECKING:
    from pathlib import Path

    from pseudovox.config import Config
    from pseudovox.data.datadir import DataDir

BLOCK = 4096  # test utterances scored against all models at once
RECORDED = tuple(name for name, metric in METRICS.items() if metric.recorded)


class Backend(Protocol):
    """What compares embeddings. (scoring.plda has another one.)

    Attributes:
        gives_llrs: its scores are natural log-likelihood ratios, so that their Cllr says how well they are calibrated.
    """

    gives_llrs: bool

    def scorer(self, models: np.ndarray, counts: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """f(tests (n, dimension)) -> (n, models), given the mean embeddings (models, dimension) of so many utterances
        (models,)."""


class Cosine:
    """Cosines; how many utterances a speaker enrolled with does not count.

    Args:
        centre: (dimension,), taken off all embeddings before.
    """

    gives_llrs = False

    def __init__(self, centre: np.ndarray | float = 0.0) -> None:
        self.centre = centre

    def scorer(self, models: np.ndarray, counts: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """As `Backend`."""
        unit_models = _unit(models - self.centre).T
        return lambda tests: np.asarray(_unit(tests - self.centre) @ unit_models)


def centre_of(archives: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """float64 (dimension,): the mean of all embeddings of all archives."""
    total: Any = 0.0
    count = 0
    for archive in archives:
        for name in archive:
            total = total + np.asarray(archive[name], np.float64)
            count += 1
    return np.asarray(total / max(1, count))


@dataclass(frozen=True)
class Scores:
    """Scores of a trial list, in its order.

    Attributes:
        values: float32 (trials,); higher = more likely the enrolled speaker.
        target: bool (trials,).
        speaker: int (trials,), the enrolled speaker's place in `speakers`.
        tested: int (trials,), the test utterance's speaker; numbered as `speaker`, on from there if not enrolled.
        speakers: the enrolled ones.
        llrs: the values are natural log-likelihood ratios.
    """

    values: np.ndarray
    target: np.ndarray
    speaker: np.ndarray
    tested: np.ndarray
    speakers: tuple[str, ...]
    llrs: bool = False

    def as_list(self) -> TrialList:
        """As the metrics take them."""
        return TrialList(self.values, self.target, self.speaker, self.tested)


def score_trials(
    enrolment: DataDir,
    trials: DataDir,
    enrolment_vectors: Mapping[str, Any],
    trial_vectors: Mapping[str, Any],
    backend: Backend | None = None,
) -> Scores:
    """Compare each trial's test utterance with the mean of its speaker's enrolment utterances.

    Test utterances are scored against all models in blocks, so memory does not grow with the number of pairs.

    Args:
        enrolment: its `enrolls` says which utterances enrol their speakers (all, where there is none).
        trials: holds `trials`.
        enrolment_vectors, trial_vectors: (dimension,) by utterance.
        backend: cosines if None.

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
    backend = backend or Cosine()
    counts = np.array([len(by_speaker[speaker]) for speaker in speakers])
    score = backend.scorer(np.stack([models[speaker] for speaker in speakers]), counts)
    values = np.empty(len(rows), np.float32)
    for start in range(0, len(utterances), BLOCK):
        names = utterances[start : start + BLOCK]
        block = score(np.stack([trial_vectors[utterance] for utterance in names]))
        inside = (rows >= start) & (rows < start + BLOCK)
        values[inside] = block[rows[inside] - start, columns[inside]]
    target = np.array([trial.target for trial in trials.trials])
    number = {speaker: place for place, speaker in enumerate(dict.fromkeys([*speakers, *trials.speakers]))}
    tested = np.array([number[trials.utt2spk[trial.utterance]] for trial in trials.trials])
    return Scores(values, target, columns, tested, speakers, backend.gives_llrs)


def group_of(trials: DataDir) -> str:
    """The gender that the speakers of a trial list share, or "all"."""
    spk2gender = trials.tables.get("spk2gender", {})
    genders = {spk2gender.get(speaker, "") for speaker in trials.speakers}
    return (genders.pop() if len(genders) == 1 else "") or "all"


def check_apart(lists: Iterable[DataDir]) -> None:
    """Raise DataError if the figures of two trial lists would bear the same names: one set, and one gender."""
    found: dict[tuple[str, str], DataDir] = {}
    for trials in lists:
        key = trials.origin.set, group_of(trials)
        if key in found:
            raise DataError(
                f"{found[key].path} and {trials.path}: both give the figures of set {key[0]}, speakers {key[1]}",
                f"score them with output dirs of their own, or say another `set` in {trials.path}/origin",
            )
        found[key] = trials


def records(
    scores: Scores, trials: DataDir, config: Config, *, attacker: str, system: str, seed: int, training: str = ""
) -> list[Record]:
    """The privacy metrics (RECORDED) of a trial list as figures of the results, the EER first.

    Cllr is that of log-likelihood ratios; cosines are none, so it is left out for them (min Cllr is not: it is what
    they are worth after the best calibration). Linkability is undefined below 20 target trials.

    Args:
        scores: of the trial list.
        trials: its data dir; the gender of its speakers, where they share one, is the figures' group.
        config: `scoring`, and `levels` for the level of anonymization.
        attacker, training, system: as in `report.results.Record`.
        seed: of the resamples of the confidence intervals.

    Raises:
        DataError: the list lacks targets or non-targets.
    """
    target, nontarget = scores.values[scores.target], scores.values[~scores.target]
    if not len(target) or not len(nontarget):
        raise DataError(f"{len(target)} target and {len(nontarget)} non-target trials: an EER needs both")
    draw = generator(seed, "bootstrap", f"{attacker}/{system}/{trials.name}")
    found = measure(scores.as_list(), draw, replicates=config.scoring.interval_rounds)
    group = group_of(trials)
    counts = {"targets": len(target), "nontargets": len(nontarget), "speakers": len(scores.speakers)}
    details: dict[str, dict[str, Any]] = {name: {} for name in RECORDED}
    details["eer"] = {"threshold": equal_error(target, nontarget).threshold, **counts}
    details["zebra_individual"] = {"tag": found["zebra_tag"]}
    if "linkability_undefined" in found:
        details["linkability"] = {"undefined": found["linkability_undefined"]}
    return [
        Record(
            metric=metric,
            value=found[metric],
            unit=METRICS[metric].unit,
            system=system,
            attacker=attacker,
            training=training,
            set=trials.origin.set,
            group=group,
            level="" if system == ORIGINAL else config.levels.of(trials.origin.source),
            ci_low=(found[f"{metric}_ci"] or (None, None))[0],
            ci_high=(found[f"{metric}_ci"] or (None, None))[1],
            n=len(scores.values),
            n_of="trials",
            details=details[metric],
        )
        for metric in RECORDED
        if metric != "cllr" or scores.llrs
    ]


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
