#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Emotion recognition on original and anonymized speech (stage utility): is the emotion kept?

A small classifier (multinomial logistic regression) is trained on features of the original utterances, once for each
fold of speakers that is left out, and recognises the left-out speakers' utterances, original and anonymized. The figure
is the unweighted average recall (UAR): guessing gives 100 / classes. Folds are those of spk2fold (IEMOCAP: sessions),
or drawn, with genders balanced. Section `emotion` of the configuration names features and classes.

Reads   original data dirs with utt2emo; beside each, with --system, the one that the system made of it,
        <data dir>_<system>; and, for the features `xvector`, a model of steps/train_xvector.py.
Writes  <out-dir>/features/<kind>/<data dir>/, <out-dir>/model/ (emotion.npz, classes, spk2fold), and
        <out-dir>/summary/<system, or original>/: results.json, predicted (a table like utt2emo).

Example
    steps/score_emotion.py --set emotion.features=[prosody] --system pca_gmm data/ravdess/train exp/ravdess/emotion
"""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import bytewise, write_atomic
from pseudovox.models import pretrained, store
from pseudovox.records import ORIGINAL, write_records

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir

KINDS = ("prosody", "xvector", "wav2vec2")


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs, with utt2emo")
    parser.add_argument("--system", default=ORIGINAL, help="the system, and the end of its data dirs' names")
    parser.add_argument("--model", type=Path, help="the x-vector extractor, for the features xvector")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    _check(args, config)
    data = stage.load_data(args, need=("utt2emo",))
    made = {} if args.system == ORIGINAL else stage.load_made(args, data)
    device = args.device
    for kind in config.emotion.features:
        args.device = "cpu" if kind == "prosody" else device
        _extract(args, config, kind, [*data, *made.values()])
    features = args.out_dir / "features"
    model, options = args.out_dir / "model", config.emotion
    settings = {key: value for key, value in asdict(options).items() if key not in ("interval_rounds", "weights")}
    own = [features / kind / part.name for kind in options.features for part in data]
    with stage.output(args, model, settings=settings, inputs=[*data, *own], torch_device=False) as out:
        if out is not None:
            from pseudovox.evaluation import emotion

            corpus = emotion.read_corpus(data, {}, features, options)
            found = emotion.train(corpus, emotion.folds(data, options.folds, args.seed), options)
            emotion.save(found, out.path)
            out.counts.update({"utterances": len(corpus.utterances), "folds": len(found.folds)})
    _summarise(args, config, data, {}, ORIGINAL)
    if made:
        _summarise(args, config, data, made, args.system)


def _check(args: argparse.Namespace, config: Config) -> None:
    options = config.emotion
    if not options.features or any(kind not in KINDS for kind in options.features):
        raise UsageError(f"emotion.features {options.features}: expected some of {', '.join(KINDS)}")
    if options.penalty <= 0 or options.folds < 0 or options.folds == 1:
        raise UsageError("emotion.penalty must be positive, emotion.folds 0, 2 or more")
    if "xvector" in options.features:
        if args.model is None:
            raise UsageError("emotion.features: xvector needs --model, an x-vector extractor")
        store.read_card(args.model, *store.speaker_networks())


def _extract(args: argparse.Namespace, config: Config, kind: str, data: list[DataDir]) -> None:
    """One kind of features of all utterances, whatever classes are wanted."""

    def worker() -> Any:
        from pseudovox.evaluation import emotion_features

        if kind == "prosody":
            import numpy as np

            emotion_features.prosody_statistics(np.zeros(1600, np.float32), config.pitch)  # is its package there?
            return functools.partial(emotion_features.ProsodyWorker, config.pitch)
        if kind == "wav2vec2":
            pretrained.weights_file(config.emotion.bundle, config.emotion.weights, "emotion.weights")
            return functools.partial(emotion_features.Wav2vec2Worker, config.emotion)
        from pseudovox.components.embeddings import EmbeddingWorker

        return functools.partial(EmbeddingWorker, args.model)

    settings = {
        "prosody": config.pitch,
        "xvector": {},
        "wav2vec2": {key: getattr(config.emotion, key) for key in ("bundle", "layer")},
    }
    stage.map_utterances(
        args,
        data,
        args.out_dir / "features" / kind,
        settings=settings[kind],
        worker=worker,
        inputs=lambda _: [args.model] if kind == "xvector" else [],
        arrays=("xvector" if kind == "xvector" else "features",),
    )


def _summarise(
    args: argparse.Namespace, config: Config, data: list[DataDir], made: dict[Path, DataDir], system: str
) -> None:
    """Write the figures of a system (or of the original, where `made` is empty)."""
    features, model = args.out_dir / "features", args.out_dir / "model"
    heard = [features / kind / made.get(part.path, part).name for kind in config.emotion.features for part in data]
    # What the level of a system is does not concern the original speech, whose figures all systems share.
    levels = [config.levels.of(part.name) for part in data] if made else []
    settings = [config.emotion, {"system": system, "levels": levels}]
    with stage.output(
        args, args.out_dir / "summary" / system, settings=settings, inputs=[*data, model, *heard], torch_device=False
    ) as out:
        if out is None:
            return
        from pseudovox.evaluation import emotion

        corpus = emotion.read_corpus(data, made, features, config.emotion)
        records, predicted = emotion.uar_records(
            corpus, emotion.load(model), data, config, system=system, seed=args.seed
        )
        write_records(out.path / "results.json", records)
        table = dict(zip(corpus.utterances, predicted, strict=True))
        write_atomic(
            out.path / "predicted", "".join(f"{utterance} {table[utterance]}\n" for utterance in bytewise(table))
        )
        out.counts["utterances"] = len(predicted)


if __name__ == "__main__":
    sys.exit(main())
