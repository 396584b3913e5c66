#!/usr/bin/env python3
"""Train the recogniser that measures intelligibility (stage asr): characters by CTC, with a word language model.

It is trained on original speech and used on original and on anonymized speech; another one may be trained on what a
system anonymized, for that system's speech (`recognizer.retrained`). Its settings are the section `recognizer` of the
configuration.

Reads   data dirs with `text`; `phones.ctm`, where there is one, speeds training up.
Writes  a model dir: model.json, weights.safetensors, lm.arpa (word bigrams of the training text), tensorboard/.

Example
    steps/train_recognizer.py --set recognizer.training.updates=500 data/mini/train exp/mini/models/recognizer
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech, with text", out_dir="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, need=("text",))
    if config.recognizer.kind != "ctc":
        raise UsageError(f"recognizer.kind {config.recognizer.kind}: not trained here", "steps/import_recognizer.py")
    settings = asdict(config.recognizer)
    for key in ("kind", "retrained", "bundle", "weights"):  # which recognisers there are, not what this one is
        del settings[key]
    with stage.output(args, args.out_dir, settings=settings, inputs=data) as out:
        if out is None:
            return
        from pseudovox.training.recognizer import train

        out.counts.update(stage.compute(args, out, train, data, config.recognizer, out.path, seed=args.seed))
        out.audio_seconds = sum(part.duration(utterance) for part in data for utterance in part.utterances)


if __name__ == "__main__":
    sys.exit(main())
