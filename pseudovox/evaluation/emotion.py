"""Emotion recognition of data dirs: classifiers that leave speakers out, and their unweighted average recall.

A multinomial logistic regression on standardised features of an utterance, trained on original speech. One is trained
for each fold of speakers, on all others, and recognises that fold's utterances, original and anonymized: nobody is
recognised by a classifier that has heard the same speaker.
"""

from __future__ import annotations

import dataclasses
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.core.npz import read_npz
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import bytewise, write_atomic
from pseudovox.evaluation.emotion_features import ARRAYS
from pseudovox.evaluation.intelligibility import level_of
from pseudovox.metrics import classification
from pseudovox.records import ORIGINAL, Record, write_records

if TYPE_CHECKING:
    from pseudovox.config import Config, Emotion
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
POOLED = "emotion"  # the set of all data dirs together
MODEL = "emotion.npz"
_ITERATIONS = 2000


@dataclass(frozen=True)
class Corpus:
    """Utterances with what is needed of each.

    Attributes:
        utterances: ids, of all data dirs.
        vectors: float64 (utterances, dimension).
        labels, speakers, genders, sets: of each utterance; a gender that is not known is "".
    """

    utterances: list[str]
    vectors: np.ndarray
    labels: list[str]
    speakers: list[str]
    genders: list[str]
    sets: list[str]


def read_corpus(data: Sequence[DataDir], heard: Mapping[Path, DataDir], features: Path, options: Emotion) -> Corpus:
    """The utterances of data dirs that have one of the classes, with their features.

    Args:
        data: original data dirs with utt2emo.
        heard: what a system made of each, by its path; empty = the original.
        features: <features>/<kind>/<data dir>/<array>.scp.
        options: section `emotion`.

    Raises:
        DataError: no utterance has one of the classes.
    """
    rows: list[tuple[str, str, str, str, str]] = []
    vectors = []
    for part in data:
        emotions, genders = part.tables["utt2emo"], part.tables.get("spk2gender", {})
        name = heard.get(part.path, part).name
        archives = [read_scp(features / kind / name / f"{ARRAYS[kind]}.scp") for kind in options.features]
        for utterance in part.utterances:
            label = options.classes.get(emotions[utterance], "") if options.classes else emotions[utterance]
            if not label:
                continue
            speaker = part.utt2spk[utterance]
            rows.append((utterance, label, speaker, genders.get(speaker, ""), part.origin.set))
            vectors.append(np.concatenate([archive[utterance] for archive in archives]))
    if not rows:
        names, known = ", ".join(part.name for part in data), ", ".join(options.classes)
        there = bytewise({label for part in data for label in part.tables["utt2emo"].values()})
        raise DataError(
            f"{names}: no utterance has one of the emotions {known}",
            "name those that are there: " + " ".join(f"--set emotion.classes.{label}={label}" for label in there),
        )
    columns = [list(column) for column in zip(*rows, strict=True)]
    return Corpus(columns[0], np.array(vectors, np.float64), *columns[1:])


def folds(data: Sequence[DataDir], count: int, seed: int) -> dict[str, str]:
    """The fold of each speaker: spk2fold where every data dir has it (IEMOCAP's sessions), else drawn.

    Speakers are drawn within their gender and dealt out in turn, so that folds are as even in number and gender as can
    be.

    Args:
        data: data dirs; a speaker may be in several.
        count: of folds that are drawn; 0 = one for each speaker.
        seed: of the draw.

    Raises:
        DataError: fewer than two folds.
    """
    if all("spk2fold" in part.tables for part in data):
        found: dict[str, str] = {}
        for part in data:
            found |= part.tables["spk2fold"]
    else:
        genders: dict[str, str] = {}
        for part in data:
            table = part.tables.get("spk2gender", {})
            genders |= {speaker: table.get(speaker, "") for speaker in part.speakers}
        drawn = {speaker: seeds.seed_for(seed, "emotion-folds", speaker) for speaker in genders}
        dealt = sorted(genders, key=lambda speaker: (genders[speaker], drawn[speaker], speaker))
        number = min(count, len(dealt)) or len(dealt)
        found = {speaker: str(place % number + 1) for place, speaker in enumerate(dealt)}
    if len(set(found.values())) < 2:
        raise DataError(f"{data[0].path}: {len(found)} speakers in one fold; emotion recognition leaves folds out")
    return found


@dataclass(frozen=True)
class Classifiers:
    """One linear classifier for each fold, trained on the others.

    Attributes:
        folds, classes: their names, in the order of the arrays.
        mean, scale: (folds, dimension), of the training speech's features.
        weights: (folds, classes, dimension), of the standardised features.
        bias: (folds, classes).
        fold_of: the fold of each speaker.
    """

    folds: list[str]
    classes: list[str]
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    fold_of: dict[str, str]

    def predict(self, corpus: Corpus) -> list[str]:
        """The class of each utterance, by the classifier of its speaker's fold."""
        places = np.array([self.folds.index(self.fold_of[speaker]) for speaker in corpus.speakers])
        normal = (corpus.vectors - self.mean[places]) / self.scale[places]
        scores = np.einsum("nd,nkd->nk", normal, self.weights[places]) + self.bias[places]
        return [self.classes[best] for best in scores.argmax(1)]


def train(corpus: Corpus, fold_of: Mapping[str, str], options: Emotion) -> Classifiers:
    """Train a classifier for each fold; classes weigh the same, however many utterances they have.

    Raises:
        DataError: fewer than two classes, or one that only the speakers of one fold show.
    """
    from sklearn.linear_model import LogisticRegression

    classes = bytewise(set(corpus.labels))
    if len(classes) < 2:
        raise DataError(f"utt2emo: one emotion alone, {classes[0]}; two or more can be told apart")
    labels, of = np.array(corpus.labels), np.array([fold_of[speaker] for speaker in corpus.speakers])
    names = bytewise(set(of))
    found: list[tuple[np.ndarray, ...]] = []
    for name in names:
        chosen = of != name
        lost = set(classes) - set(labels[chosen])
        if lost:
            raise DataError(
                f"utt2emo: only speakers of fold {name} show {bytewise(lost)[0]}, so nothing can learn it without them",
                "name the other classes alone in emotion.classes, or take other folds (emotion.folds, spk2fold)",
            )
        vectors = corpus.vectors[chosen]
        mean, scale = vectors.mean(0), vectors.std(0)
        scale = np.where(scale > 1e-8 * np.maximum(1.0, np.abs(mean)), scale, 1.0)
        learner = LogisticRegression(C=1 / options.penalty, class_weight="balanced", max_iter=_ITERATIONS)
        learner.fit((vectors - mean) / scale, labels[chosen])
        weights, bias = learner.coef_, learner.intercept_
        if len(classes) == 2:  # one row, for the second class against the first
            weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        found.append((mean, scale, weights, bias))
    means, scales, weights, biases = (np.stack(arrays) for arrays in zip(*found, strict=True))
    return Classifiers(names, classes, means, scales, weights, biases, dict(fold_of))


def save(model: Classifiers, folder: Path) -> None:
    """Write the classifiers as numbers (npz) beside tables of folds and classes, in the order of the arrays."""
    file = io.BytesIO()
    np.savez(file, mean=model.mean, scale=model.scale, weights=model.weights, bias=model.bias)
    write_atomic(folder / MODEL, file.getvalue())
    write_atomic(folder / "classes", "".join(f"{name}\n" for name in model.classes))
    write_atomic(folder / "spk2fold", "".join(f"{name} {model.fold_of[name]}\n" for name in bytewise(model.fold_of)))


def load(folder: Path) -> Classifiers:
    """What `save` wrote."""
    from pseudovox.data.datadir import read_table

    arrays = read_npz(folder / MODEL)
    classes = (folder / "classes").read_text(encoding="utf-8").split("\n")[:-1]
    fold_of = read_table(folder / "spk2fold")
    names = bytewise(set(fold_of.values()))
    mean, scale, weights, bias = (arrays[key] for key in ("mean", "scale", "weights", "bias"))
    return Classifiers(names, classes, mean, scale, weights, bias, fold_of)


def uar_records(
    corpus: Corpus, model: Classifiers, data: Sequence[DataDir], config: Config, *, system: str, seed: int
) -> tuple[list[Record], list[str]]:
    """The unweighted average recall of every set, and of all together if there are several, in all and by gender.

    The recalls are those of all folds' utterances together; the mean of the folds' own rates, which the VoicePrivacy
    Challenge 2024 reports, is among the details.

    Args:
        corpus: the utterances, original or as `system` anonymized them.
        model: trained on the original.
        data: the original data dirs, for the level of anonymization.
        config: sections `emotion`, `levels`.
        system: which anonymized the speech, or ORIGINAL.
        seed: of the bootstrap over speakers.

    Returns:
        (records, the class that each utterance was taken for)
    """
    predicted = model.predict(corpus)
    sets = bytewise(set(corpus.sets))
    records = []
    for name in [*sets, *([POOLED] if len(sets) > 1 else [])]:
        parts = [part for part in data if name in (POOLED, part.origin.set)]
        level = "" if system == ORIGINAL else level_of(parts, config)
        for group in ("all", "f", "m"):
            chosen = [
                place
                for place in range(len(predicted))
                if name in (POOLED, corpus.sets[place]) and group in ("all", corpus.genders[place])
            ]
            if chosen:
                found = _record(corpus, model, predicted, chosen, config.emotion, seed, name, group)
                records.append(dataclasses.replace(found, system=system, level=level))
                if group == "all":
                    log.info("%s %s: UAR %.1f %%", system, name, found.value)
    return records, predicted


def _record(
    corpus: Corpus, model: Classifiers, predicted: Sequence[str], chosen: Sequence[int], options: Emotion, seed: int,
    name: str, group: str,
) -> Record:  # fmt: skip
    speakers = bytewise({corpus.speakers[place] for place in chosen})
    by_speaker = np.stack([
        _confusion(corpus, predicted, [place for place in chosen if corpus.speakers[place] == speaker], model.classes)
        for speaker in speakers
    ])  # fmt: skip
    confusion = by_speaker.sum(0)
    by_fold: dict[str, np.ndarray] = {}
    for speaker, own in zip(speakers, by_speaker, strict=True):
        fold = model.fold_of[speaker]
        by_fold[fold] = by_fold[fold] + own if fold in by_fold else own
    # The same draws for every system, so that their intervals can be compared.
    draw = seeds.generator(seed, "emotion-interval", f"{name}/{group}")
    low, high = classification.bootstrap_interval(by_speaker, draw, draws=options.interval_rounds)
    recalls, uar = classification.recalls(confusion), classification.unweighted_average_recall
    names = model.classes
    return Record(
        metric="uar",
        value=uar(confusion),
        unit="%",
        set=name,
        group=group,
        ci_low=None if np.isnan(low) else low,
        ci_high=None if np.isnan(high) else high,
        n=len(chosen),
        n_of="utterances",
        details={
            "classes": len(names),
            "features": " + ".join(options.features),
            "speakers": len(speakers),
            "folds": len(by_fold),
            "mean_of_folds": float(
                np.mean([classification.unweighted_average_recall(own) for own in by_fold.values()])
            ),
            "recalls": dict(zip(names, recalls.tolist(), strict=True)),
            "confusion": {
                truth: dict(zip(names, row.tolist(), strict=True)) for truth, row in zip(names, confusion, strict=True)
            },
        },
    )


def _confusion(corpus: Corpus, predicted: Sequence[str], chosen: Sequence[int], classes: Sequence[str]) -> np.ndarray:
    truth, guessed = [corpus.labels[place] for place in chosen], [predicted[place] for place in chosen]
    return classification.confusion_matrix(truth, guessed, classes)


def fit(data: Sequence[DataDir], features: Path, options: Emotion, fold_of: Mapping[str, str], folder: Path) -> int:
    """Train the classifiers on the original speech of data dirs and `save` them; gives the number of utterances."""
    corpus = read_corpus(data, {}, features, options)
    save(train(corpus, fold_of, options), folder)
    return len(corpus.utterances)


def write_summary(
    folder: Path, data: Sequence[DataDir], made: Mapping[Path, DataDir], features: Path, model: Path,
    config: Config, *, system: str, seed: int,
) -> int:  # fmt: skip
    """Write results.json and `predicted`, a table like utt2emo, of a system.

    Args:
        folder: where they go.
        data, made, features: as `read_corpus` takes them; `made` is empty for the original.
        model: where `save` wrote the classifiers.
        config, system, seed: as `uar_records` takes them.

    Returns:
        the number of utterances
    """
    corpus = read_corpus(data, made, features, config.emotion)
    records, predicted = uar_records(corpus, load(model), data, config, system=system, seed=seed)
    write_records(folder / "results.json", records)
    table = dict(zip(corpus.utterances, predicted, strict=True))
    write_atomic(folder / "predicted", "".join(f"{utterance} {table[utterance]}\n" for utterance in bytewise(table)))
    return len(predicted)
