"""Arousal, dominance and valence of data dirs: what of them a system changes, and how far a model is to be trusted.

Two models, each under its name in the results:

wav2vec2    audeering's network (models.emotion_network), trained on 100 hours of speech that people rated.
regression  an approximation that needs no weights of others: a ridge regression on the features of `emotion.features`,
            trained on the original speech itself, speakers left out. Its targets are no ratings of this speech:
            every utterance counts as being where people placed the word for its label (POSITIONS). So it says how far
            the traces of emotion that its features show are moved, and no more; its error is among the results.

All values are on the scale 0 to 1. A difference is anonymized minus original.
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
from pseudovox.data.datadir import bytewise, read_table, write_atomic
from pseudovox.evaluation.emotion import POOLED
from pseudovox.evaluation.emotion_features import ARRAYS
from pseudovox.evaluation.intelligibility import level_of
from pseudovox.metrics import dimensions, wer
from pseudovox.metrics.dimensions import DIMENSIONS
from pseudovox.records import ORIGINAL, Record, emotion_metric, write_records

if TYPE_CHECKING:
    from pseudovox.config import Config, Emotion
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
MODELS = ("wav2vec2", "regression")
REGRESSION = "regression.npz"
# Pleasure, arousal and dominance of emotion words, -1 to 1, as raters placed them (Russell and Mehrabian 1977,
# "Evidence for a three-factor theory of emotions", Journal of Research in Personality 11: happy, sad, angry, fearful,
# disgusted, surprised). Neutral is the origin by definition. Labels that are not here, such as RAVDESS's calm, are no
# training data.
POSITIONS = {
    "neutral": (0.0, 0.0, 0.0),
    "happy": (0.81, 0.51, 0.46),
    "sad": (-0.63, -0.27, -0.33),
    "angry": (-0.51, 0.59, 0.25),
    "fearful": (-0.64, 0.60, -0.43),
    "disgust": (-0.60, 0.35, 0.11),
    "surprised": (0.40, 0.67, -0.13),
}


def position(label: str) -> np.ndarray:
    """Where a label lies, float64 (3,) in the order of DIMENSIONS, 0 to 1; NaN for one that is not in POSITIONS."""
    if label not in POSITIONS:
        return np.full(len(DIMENSIONS), np.nan)
    pleasure, arousal, dominance = POSITIONS[label]
    return (np.array([arousal, dominance, pleasure]) + 1) / 2


@dataclass(frozen=True)
class Speech:
    """Utterances of data dirs with their vectors, those of a system in the original's order.

    Attributes:
        utterances, speakers, genders, sets, labels: of each utterance; a gender that is not known is "".
        vectors: float64 (utterances, dimension).
    """

    utterances: list[str]
    speakers: list[str]
    genders: list[str]
    sets: list[str]
    labels: list[str]
    vectors: np.ndarray


def read_speech(data: Sequence[DataDir], heard: Mapping[Path, DataDir], features: Path, kinds: Sequence[str]) -> Speech:
    """All utterances of data dirs.

    Args:
        data: original data dirs with utt2emo.
        heard: what a system made of each, by its path; empty = the original.
        features: <features>/<kind>/<data dir>/<array>.scp.
        kinds: of features, put together.
    """
    rows: list[tuple[str, ...]] = []
    vectors = []
    for part in data:
        genders, name = part.tables.get("spk2gender", {}), heard.get(part.path, part).name
        archives = [read_scp(features / kind / name / f"{ARRAYS[kind]}.scp") for kind in kinds]
        for utterance in part.utterances:
            speaker = part.utt2spk[utterance]
            label = part.tables["utt2emo"][utterance]
            rows.append((utterance, speaker, genders.get(speaker, ""), part.origin.set, label))
            vectors.append(np.concatenate([archive[utterance] for archive in archives]))
    utterances, speakers, genders_of, sets, labels = (list(column) for column in zip(*rows, strict=True))
    return Speech(utterances, speakers, genders_of, sets, labels, np.array(vectors, np.float64))


@dataclass(frozen=True)
class Regression:
    """One linear model for each fold, trained on the others.

    Attributes:
        folds: their names, in the order of the arrays.
        mean, scale: (folds, dimension), of the training speech's features.
        weights: (folds, 3, dimension), of the standardised features.
        bias: (folds, 3).
        fold_of: the fold of each speaker.
    """

    folds: list[str]
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    fold_of: dict[str, str]

    def rate(self, speech: Speech) -> tuple[np.ndarray, np.ndarray]:
        """Values (n, 3) and standardised features (n, dimension), by the model that has not heard the speaker.

        Anonymized speech lies far outside what the models were trained on, so values are clipped to the scale, 0 to 1.
        """
        places = np.array([self.folds.index(self.fold_of[speaker]) for speaker in speech.speakers])
        normal = (speech.vectors - self.mean[places]) / self.scale[places]
        values = np.einsum("nd,nkd->nk", normal, self.weights[places]) + self.bias[places]
        return values.clip(0, 1), normal


def train(speech: Speech, fold_of: Mapping[str, str], penalty: float) -> Regression:
    """Train a ridge regression for each fold of speakers on all others.

    Args:
        speech: original; utterances whose label has no position are left out.
        fold_of: the fold of each speaker.
        penalty: of the squared weights, against the summed squared errors of standardised features.

    Raises:
        DataError: the utterances of a fold's complement have fewer than two positions.
    """
    targets = np.array([position(label) for label in speech.labels])
    of = np.array([fold_of[speaker] for speaker in speech.speakers])
    known = np.isfinite(targets).all(1)
    found: list[tuple[np.ndarray, ...]] = []
    names = bytewise(set(of))
    for name in names:
        chosen = known & (of != name)
        if len(np.unique(targets[chosen], axis=0)) < 2:
            raise DataError(
                f"utt2emo: without the speakers of fold {name}, fewer than two of the labels {', '.join(POSITIONS)}: "
                "nothing to learn arousal, dominance and valence from",
                "--set emotion.dimensions=[] (or [wav2vec2], which learns nothing here)",
            )
        vectors, wanted = speech.vectors[chosen], targets[chosen]
        mean, scale = vectors.mean(0), vectors.std(0)
        scale = np.where(scale > 1e-8 * np.maximum(1.0, np.abs(mean)), scale, 1.0)
        normal, bias = (vectors - mean) / scale, wanted.mean(0)
        weights = np.linalg.solve(normal.T @ normal + penalty * np.eye(len(mean)), normal.T @ (wanted - bias)).T
        found.append((mean, scale, weights, bias))
    means, scales, weights, biases = (np.stack(column) for column in zip(*found, strict=True))
    return Regression(names, means, scales, weights, biases, dict(fold_of))


def save(model: Regression, folder: Path) -> None:
    """Write the models as numbers (npz) beside the table of folds."""
    file = io.BytesIO()
    np.savez(file, mean=model.mean, scale=model.scale, weights=model.weights, bias=model.bias)
    write_atomic(folder / REGRESSION, file.getvalue())
    write_atomic(folder / "spk2fold", "".join(f"{name} {model.fold_of[name]}\n" for name in bytewise(model.fold_of)))


def load(folder: Path) -> Regression:
    """What `save` wrote."""
    arrays, fold_of = read_npz(folder / REGRESSION), read_table(folder / "spk2fold")
    names = bytewise(set(fold_of.values()))
    return Regression(names, arrays["mean"], arrays["scale"], arrays["weights"], arrays["bias"], fold_of)


def kinds_of(model: str, options: Emotion) -> list[str]:
    """The kinds of features that a model needs (emotion_features.ARRAYS)."""
    return ["dimensions"] if model == "wav2vec2" else options.features


def rated(speech: Speech, regression: Regression | None) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, 3) and embeddings (n, width): by the regression, or as the network wrote them down."""
    if regression is not None:
        return regression.rate(speech)
    return speech.vectors[:, : len(DIMENSIONS)], speech.vectors[:, len(DIMENSIONS) :]


def dimension_records(
    original: Speech, made: Speech | None, model: str, regression: Regression | None, data: Sequence[DataDir],
    config: Config, *, system: str, seed: int,
) -> tuple[list[Record], np.ndarray]:  # fmt: skip
    """The figures of every set, and of all together if there are several, in all and by gender.

    Of each dimension its mean (`emotion_<model>_<dimension>`); of a system's speech the mean difference and the mean
    absolute difference to the original's, and the mean cosine of the embeddings (`..._similarity`); of the regression
    also its mean absolute error against POSITIONS (`..._error`), with, among the details, the concordance and the
    error of whoever always says the mean of the positions.

    Args:
        original: the original speech.
        made: the same utterances as `system` anonymized them; None = the figures of the original.
        model: one of MODELS.
        regression: its models, where that is the model.
        data: the original data dirs, for the level of anonymization.
        config: sections `emotion` (interval), `levels`.
        system: which anonymized the speech, or ORIGINAL.
        seed: of the bootstrap over speakers.

    Returns:
        (records, the values (n, 3) of the utterances)
    """
    values, embeddings = rated(made or original, regression)
    columns: dict[str, np.ndarray] = {name: values[:, place] for place, name in enumerate(DIMENSIONS)}
    if made is not None:
        before, embeddings_before = rated(original, regression)
        for place, name in enumerate(DIMENSIONS):
            columns[f"{name}_difference"] = values[:, place] - before[:, place]
            columns[f"{name}_absolute_difference"] = np.abs(values[:, place] - before[:, place])
        columns["similarity"] = dimensions.cosines(embeddings_before, embeddings)
    targets = np.array([position(label) for label in original.labels])
    if regression is not None:
        columns |= {f"{name}_error": np.abs(values - targets)[:, place] for place, name in enumerate(DIMENSIONS)}
    sets = bytewise(set(original.sets))
    records = []
    for of in [*sets, *([POOLED] if len(sets) > 1 else [])]:
        parts = [part for part in data if of in (POOLED, part.origin.set)]
        level = "" if system == ORIGINAL else level_of(parts, config)
        in_set = np.array([of in (POOLED, name) for name in original.sets])
        for group in ("all", "f", "m"):
            chosen = in_set & np.array([group in ("all", gender) for gender in original.genders])
            for column, numbers in columns.items() if chosen.any() else ():
                counted = chosen & np.isfinite(numbers)
                if not counted.any():
                    continue
                found = _mean(original, numbers, counted, config.emotion, seed, f"{of}/{group}")
                details: dict[str, object] = {"speakers": found.details["speakers"], "model": model}
                if column.endswith("_error"):
                    place = DIMENSIONS.index(column.removesuffix("_error"))
                    wanted = targets[counted, place]
                    details["concordance"] = dimensions.concordance(values[counted, place], wanted)
                    details["guessing"] = float(np.abs(wanted - wanted.mean()).mean())
                if regression is not None:
                    details["features"] = " + ".join(config.emotion.features)
                records.append(
                    dataclasses.replace(
                        found,
                        metric=emotion_metric(model, column),
                        system=system,
                        set=of,
                        group=group,
                        level=level,
                        details=details,
                    )
                )
    return records, values


def _mean(speech: Speech, numbers: np.ndarray, chosen: np.ndarray, options: Emotion, seed: int, name: str) -> Record:
    speakers, places = np.unique(np.array(speech.speakers)[chosen], return_inverse=True)
    sums, counts = np.bincount(places, numbers[chosen]), np.bincount(places)
    low = high = float("nan")
    if options.interval_rounds:
        # The same draws for every system, so that their intervals can be compared. A mean over utterances is a ratio
        # of sums, as a word error rate is; that one is in percent.
        draw = seeds.generator(seed, "emotion-dimensions-interval", name)
        low, high = wer.bootstrap_interval(sums, counts, draw, draws=options.interval_rounds)
    return Record(
        metric="", value=float(numbers[chosen].mean()), n=int(chosen.sum()), n_of="utterances",
        ci_low=None if np.isnan(low) else low / 100, ci_high=None if np.isnan(high) else high / 100,
        details={"speakers": len(speakers)},
    )  # fmt: skip


def write_ratings(path: Path, speech: Speech, values: np.ndarray) -> None:
    """A table `<utterance> <arousal> <dominance> <valence>`."""
    lines = [
        f"{utterance} {' '.join(f'{value:.4f}' for value in row)}\n"
        for utterance, row in zip(speech.utterances, values, strict=True)
    ]
    write_atomic(path, "".join(sorted(lines)))


def fit(data: Sequence[DataDir], features: Path, options: Emotion, fold_of: Mapping[str, str], folder: Path) -> int:
    """Train the regression on the original speech of data dirs and `save` it; gives the number of utterances."""
    speech = read_speech(data, {}, features, options.features)
    save(train(speech, fold_of, options.penalty), folder)
    return len(speech.utterances)


def write_summary(
    folder: Path, data: Sequence[DataDir], made: Mapping[Path, DataDir], features: Path, regression: Path,
    config: Config, *, system: str, seed: int,
) -> int:  # fmt: skip
    """Write results.json and the ratings of a system by every model of `emotion.dimensions`.

    Args:
        folder: where they go.
        data, made, features: as `read_speech` takes them; `made` is empty for the original.
        regression: where `save` wrote it.
        config, system, seed: as `dimension_records` takes them.

    Returns:
        the number of utterances
    """
    records: list[Record] = []
    count = 0
    for model in config.emotion.dimensions:
        kinds = kinds_of(model, config.emotion)
        original = read_speech(data, {}, features, kinds)
        anonymized = read_speech(data, made, features, kinds) if made else None
        found, values = dimension_records(
            original, anonymized, model, load(regression) if model == "regression" else None, data, config,
            system=system, seed=seed,
        )  # fmt: skip
        records += found
        write_ratings(folder / model, original, values)
        count = len(original.utterances)
    write_records(folder / "results.json", records)
    return count
