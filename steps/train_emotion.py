#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the emotion embedding `ser` on speech with labels of emotion (stage synthesizer).

A network of two layers on statistics of an utterance's prosody, content or x-vector (`system.options.emotion.features`)
learns to tell the emotions of utt2emo (`emotion.classes`: which of them); what its second layer puts out is the
embedding. It is narrow, so that little else passes: steps/score_embedding_leak.py measures what it tells of speakers. A
share of the speakers is held out, and the weights of the lowest loss on them are kept.

A model inherits the conditions of what it was trained on: RAVDESS's licence forbids to give away what is made of it for
commercial use.

Reads   data dirs with utt2emo; for features xvector and content the model dirs of the extractors.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events; beside it <model dir>_features. In
        model.json, facts.validation has the UAR on held-out speakers, in percent.

Example
    steps/train_emotion.py --bottleneck pretrained/openspeech/bottleneck data/ravdess/train exp/ravdess/models/emotion
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech, with utt2emo", out_dir="the model dir")
    parser.add_argument("--xvector", type=Path, help="model dir of the x-vector extractor, for features xvector")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor, for features content")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.evaluation import emotion_embedding, emotion_features

    options = stage.own_options(config, emotion_embedding.SystemOptions, others=True).emotion
    options.check()
    data = stage.load_data(args, need=("utt2emo",))
    models = emotion_embedding.Models(args.xvector, args.bottleneck)
    needed = {kind: models.of(kind) for kind in options.features}
    features = args.out_dir.with_name(f"{args.out_dir.name}_features")
    for kind, model in needed.items():
        stage.map_utterances(
            args,
            data,
            features / kind,
            settings=emotion_features.settings(kind, config),
            worker=functools.partial(emotion_features.worker, kind, config, model),
            inputs=lambda _, model=model: [model] if model else [],  # type: ignore[misc]
            arrays=(emotion_features.ARRAYS[kind],),
        )
    inputs = [*data, *(features / kind / part.name for kind in options.features for part in data)]
    settings = [options, {"classes": config.emotion.classes}]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs) as out:
        if out is None:
            return
        from pseudovox.evaluation.emotion import read_corpus
        from pseudovox.training import emotion_embedding as training

        corpus = read_corpus(data, {}, features, dataclasses.replace(config.emotion, features=options.features))
        facts = stage.compute(
            args, out, training.train, corpus, options, args.seed, out.path, facts={"features": options.features}
        )
        out.counts.update({"utterances": len(corpus.utterances), **facts.get("validation", {})})


if __name__ == "__main__":
    sys.exit(main())
