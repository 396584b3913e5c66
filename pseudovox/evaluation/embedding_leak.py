"""What an embedding of an utterance tells of its emotion, which it is for, and of its speaker, which it is not for.

The attacker has the embedding alone: it compares a test utterance's with the mean of a speaker's enrolment embeddings,
by cosine after the training speech's mean is taken off, or by a PLDA of the training speech. Emotions are told by a
linear classifier that was trained on the same training speech.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.components.plda import Plda
from pseudovox.core.errors import DataError
from pseudovox.core.seeds import generator
from pseudovox.data.datadir import bytewise
from pseudovox.evaluation import emotion
from pseudovox.evaluation.privacy import measure
from pseudovox.evaluation.trials import Cosine, group_of, score_trials
from pseudovox.metrics.intervals import TrialList
from pseudovox.records import Record

if TYPE_CHECKING:
    from pseudovox.config import Config
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
EER, UAR = "embedding_eer", "embedding_uar"  # metrics of the records, the former with `_<attacker>`
TRAIN, TEST = "train", "test"
Vectors = Mapping[str, Mapping[str, Any]]  # by path of the data dir, and by utterance


def backends(train: Sequence[DataDir], vectors: Vectors, config: Config) -> dict[str, Any]:
    """The attackers that the training speech makes: cosine, and plda, unless there are too few speakers for it."""
    rows = [(part, utterance) for part in train for utterance in part.utterances]
    stacked = np.stack([vectors[str(part.path)][utterance] for part, utterance in rows]).astype(np.float64)
    found: dict[str, Any] = {"cosine": Cosine(stacked.mean(0))}
    speakers = [part.utt2spk[utterance] for part, utterance in rows]
    try:
        # Of an embedding with directions in which nothing varies, none could be told apart without it.
        smoothing = max(config.scoring.plda_smoothing, 1e-3)
        found["plda"] = Plda.fit(
            stacked, speakers, lda_dimension=config.scoring.lda_dimension, smoothing=smoothing
        )[0]  # fmt: skip
    except DataError as error:
        log.warning("no PLDA: %s", error)
    return found


def speaker_records(
    train: Sequence[DataDir], pairs: Sequence[tuple[DataDir, DataDir]], vectors: Vectors, config: Config, *,
    system: str, seed: int,
) -> list[Record]:  # fmt: skip
    """The EER of both attackers for each trial list, and for all lists together, with intervals over speakers.

    Args:
        train: the speech that the attacker has learned from, of other speakers.
        pairs: enrolment and trial data dirs.
        vectors: the embeddings.
        config: section `scoring`.
        system: name of what was embedded.
        seed: of the bootstrap.
    """
    found = []
    for name, backend in backends(train, vectors, config).items():
        lists, groups = [], []
        for enrolment, trials in pairs:
            of_both = vectors[str(enrolment.path)], vectors[str(trials.path)]
            lists.append(score_trials(enrolment, trials, *of_both, backend).as_list())
            groups.append((trials.origin.set, group_of(trials)))
        if len(lists) > 1:
            lists.append(_together(lists))
            groups.append(("all", "all"))
        for scored, (of, group) in zip(lists, groups, strict=True):
            draw = generator(seed, "embedding-leak", f"{system}/{name}/{of}/{group}")
            measured = measure(scored, draw, replicates=config.scoring.interval_rounds)
            low, high = measured["eer_ci"] or (None, None)
            counts = {"speakers": len(np.unique(scored.enrolled)), "targets": int(scored.target.sum())}
            found.append(
                Record(
                    metric=f"{EER}_{name}", value=measured["eer"], unit="%", system=system, set=of, group=group,
                    ci_low=low, ci_high=high, n=len(scored.scores), n_of="trials",
                    details={"attacker": name, **counts},
                )
            )  # fmt: skip
            log.info("%s %s %s: EER %.1f %% by %s", system, of, group, measured["eer"], name)
    return found


def _together(lists: Sequence[TrialList]) -> TrialList:
    """Trial lists of different speakers as one."""
    start, enrolled, tested = 0, [], []
    for own in lists:
        enrolled.append(own.enrolled + start)
        tested.append(own.tested + start)
        start += int(max(own.enrolled.max(), own.tested.max())) + 1
    return TrialList(
        np.concatenate([own.scores for own in lists]), np.concatenate([own.target for own in lists]),
        np.concatenate(enrolled), np.concatenate(tested),
    )  # fmt: skip


def emotion_records(
    train: Sequence[DataDir], test: Sequence[DataDir], vectors: Vectors, config: Config, *, system: str, seed: int
) -> list[Record]:
    """The unweighted average recall of emotions on speakers that the classifier has not heard, with its interval.

    Raises:
        DataError: a speaker is in the training speech and in the test speech, or there is nothing to tell apart.
    """
    learned, heard = _corpus(train, vectors, config), _corpus(test, vectors, config)
    both = set(learned.speakers) & set(heard.speakers)
    if both:
        raise DataError(f"speaker {bytewise(both)[0]} is in the training speech and in the test speech")
    if not learned.labels or not heard.labels:
        raise DataError("no utterance has one of the emotions of emotion.classes")
    # Two folds: the classifier of the test speakers' fold is the one that was trained without them.
    fold_of = dict.fromkeys(learned.speakers, TRAIN) | dict.fromkeys(heard.speakers, TEST)
    joined = emotion.Corpus(
        learned.utterances + heard.utterances, np.concatenate([learned.vectors, heard.vectors]),
        learned.labels + heard.labels, learned.speakers + heard.speakers, learned.genders + heard.genders,
        learned.sets + heard.sets,
    )  # fmt: skip
    model = emotion.train(joined, fold_of, config.emotion)
    records, _ = emotion.uar_records(heard, model, test, config, system=system, seed=seed)
    return [dataclasses.replace(own, metric=UAR, details={**own.details, "features": "embedding"}) for own in records]


def _corpus(data: Sequence[DataDir], vectors: Vectors, config: Config) -> emotion.Corpus:
    classes = config.emotion.classes
    rows, stacked = [], []
    for part in data:
        genders, emotions = part.tables.get("spk2gender", {}), part.tables["utt2emo"]
        for utterance in part.utterances:
            label = classes.get(emotions[utterance], "") if classes else emotions[utterance]
            if label:
                speaker = part.utt2spk[utterance]
                rows.append((utterance, label, speaker, genders.get(speaker, ""), part.origin.set))
                stacked.append(vectors[str(part.path)][utterance])
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 5
    return emotion.Corpus(columns[0], np.array(stacked, np.float64), *columns[1:])
