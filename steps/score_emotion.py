#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Emotion of original and anonymized speech (stage utility): is it kept?

Recognition: a small classifier (multinomial logistic regression) is trained on features of the original utterances,
once for each fold of speakers that is left out, and recognises the left-out speakers' utterances, original and
anonymized. The figure is the unweighted average recall (UAR): guessing gives 100 / classes. Folds are those of spk2fold
(IEMOCAP: sessions), or drawn, with genders balanced.

Dimensions (emotion.dimensions): how far arousal, dominance and valence of the utterances move when they are anonymized,
as audeering's network rates them (wav2vec2), or, roughly and without weights of others, a regression on the features of
the classifier (regression): mean difference, mean absolute difference, and cosine of the embeddings.

Section `emotion` of the configuration names features, classes and models.

Reads   original data dirs with utt2emo; beside each, with --system, the one that the system made of it,
        <data dir>_<system>; and, for the features `xvector`, a model of steps/train_xvector.py.
Writes  <out-dir>/features/<kind>/<data dir>/; <out-dir>/model/ (emotion.npz, classes, spk2fold) and
        <out-dir>/summary/<system, or original>/ (results.json, predicted: a table like utt2emo); of the dimensions
        <out-dir>/regression/ and <out-dir>/dimensions/<system, or original>/ (results.json, <model>: values).

Example
    steps/score_emotion.py --set emotion.features=[prosody] --system pca_gmm data/ravdess/train exp/ravdess/emotion
"""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.records import ORIGINAL

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir

KINDS = ("prosody", "xvector", "wav2vec2")
DIMENSIONAL = ("wav2vec2", "regression")
# Of section `emotion`: what decides the classifiers, and the regression.
RECOGNITION = ("features", "classes", "folds", "penalty", "bundle", "layer")
REGRESSION = ("features", "folds", "penalty")


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs, with utt2emo")
    parser.add_argument("--system", default=ORIGINAL, help="the system, and the end of its data dirs' names")
    parser.add_argument("--model", type=Path, help="the x-vector extractor, for the features xvector")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = config.emotion
    _check(args, config)
    data = stage.load_data(args, need=("utt2emo",))
    made = {} if args.system == ORIGINAL else stage.load_made(args, data)
    network = ["dimensions"] if "wav2vec2" in options.dimensions else []
    for kind in [*options.features, *network]:
        _extract(args, config, kind, [*data, *made.values()])
    _fit(args, config, "model", RECOGNITION, data)
    if "regression" in options.dimensions:
        _fit(args, config, "regression", REGRESSION, data)
    for heard, system in [({}, ORIGINAL), *([(made, args.system)] if made else [])]:
        _summarise(args, config, "model", "summary", options.features, data, heard, system)
        if options.dimensions:
            _summarise(args, config, "regression", "dimensions", [*options.features, *network], data, heard, system)


def _check(args: argparse.Namespace, config: Config) -> None:
    options = config.emotion
    if not options.features or any(kind not in KINDS for kind in options.features):
        raise UsageError(f"emotion.features {options.features}: expected some of {', '.join(KINDS)}")
    if any(model not in DIMENSIONAL for model in options.dimensions):
        raise UsageError(f"emotion.dimensions {options.dimensions}: expected some of {', '.join(DIMENSIONAL)}")
    if options.penalty <= 0 or options.folds < 0 or options.folds == 1:
        raise UsageError("emotion.penalty must be positive, emotion.folds 0, 2 or more")
    if "xvector" in options.features:
        if args.model is None:
            raise UsageError("emotion.features: xvector needs --model, an x-vector extractor")
        store.read_card(args.model, *store.speaker_networks())


def _extract(args: argparse.Namespace, config: Config, kind: str, data: list[DataDir]) -> None:
    """One kind of features of all utterances, whatever classes are wanted."""
    from pseudovox.evaluation import emotion_features

    device = args.device
    args.device = "cpu" if kind == "prosody" else device
    stage.map_utterances(
        args,
        data,
        args.out_dir / "features" / kind,
        settings=emotion_features.settings(kind, config),
        worker=functools.partial(emotion_features.worker, kind, config, args.model),
        inputs=lambda _: [args.model] if kind == "xvector" else [],
        arrays=(emotion_features.ARRAYS[kind],),
    )
    args.device = device


def _fit(args: argparse.Namespace, config: Config, name: str, keys: tuple[str, ...], data: list[DataDir]) -> None:
    """Train the models of each fold of speakers, on original speech: classifiers or regression."""
    options, features = config.emotion, args.out_dir / "features"
    settings = {key: value for key, value in asdict(options).items() if key in keys}
    own = [features / kind / part.name for kind in options.features for part in data]
    with stage.output(args, args.out_dir / name, settings=settings, inputs=[*data, *own], torch_device=False) as out:
        if out is not None:
            from pseudovox.evaluation import emotion, emotion_dimensions

            fit = emotion.fit if name == "model" else emotion_dimensions.fit
            folds = emotion.folds(data, options.folds, args.seed)
            out.counts.update({
                "utterances": fit(data, features, options, folds, out.path), "folds": len(set(folds.values())),
            })  # fmt: skip


def _summarise(
    args: argparse.Namespace, config: Config, model: str, name: str, kinds: list[str], data: list[DataDir],
    made: dict[Path, DataDir], system: str,
) -> None:  # fmt: skip
    """Write the figures of a system (or of the original, where `made` is empty)."""
    features, trained = args.out_dir / "features", args.out_dir / model
    heard = [features / kind / part.name for kind in kinds for part in [*(made.values() or data)]]
    if name == "dimensions":  # they are compared with the original's
        heard += [features / kind / part.name for kind in kinds for part in data if made]
    # What the level of a system is does not concern the original speech, whose figures all systems share.
    levels = [config.levels.of(part.name) for part in data] if made else []
    keys = (*RECOGNITION, "interval_rounds", *(["dimensions"] if name == "dimensions" else []))
    settings = [{key: getattr(config.emotion, key) for key in keys}, {"system": system, "levels": levels}]
    inputs = [*data, *([trained] if model in ("model", *config.emotion.dimensions) else []), *heard]
    with stage.output(
        args, args.out_dir / name / system, settings=settings, inputs=inputs, torch_device=False
    ) as out:  # fmt: skip
        if out is not None:
            from pseudovox.evaluation import emotion, emotion_dimensions

            write = emotion.write_summary if name == "summary" else emotion_dimensions.write_summary
            out.counts["utterances"] = write(
                out.path, data, made, features, trained, config, system=system, seed=args.seed
            )


if __name__ == "__main__":
    sys.exit(main())
