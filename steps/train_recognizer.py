#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the recogniser that measures intelligibility (stage asr): characters by CTC, with a word language model.

It is trained on original speech and used on original and on anonymized speech; another one may be trained on what a
system anonymized, for that system's speech (`recognizer.retrained`). Its settings are the section `recognizer` of the
configuration. Of kind wav2vec2 it begins with `--initial`, a model of steps/import_recognizer.py, and is fine-tuned.

Reads   data dirs with `text`; `phones.ctm`, where there is one, speeds training up.
Writes  a model dir: model.json, weights.safetensors, tensorboard/; lm.arpa (word bigrams of the training text), but not
        where it was fine-tuned.

Example
    steps/train_recognizer.py --set recognizer.training.updates=500 data/mini/train exp/mini/models/recognizer
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech, with text", out_dir="the model dir")
    parser.add_argument("--initial", type=Path, help="the model to fine-tune (recognizer.kind: wav2vec2)")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, need=("text",))
    options, initial = config.recognizer, args.initial
    tuned = options.kind == "wav2vec2"
    if tuned != (initial is not None):
        raise UsageError(
            f"recognizer.kind {options.kind}: {'give' if tuned else 'nothing is fine-tuned; leave out'} --initial",
            "steps/import_recognizer.py makes the model that it names" if tuned else "--set recognizer.kind=wav2vec2",
        )
    if tuned:
        store.read_card(initial, "wav2vec2")
        settings = {"held_out": options.held_out, "training": asdict(options.training)}
    else:
        settings = asdict(options)
        for key in ("kind", "retrained", "bundle", "weights"):  # which recognisers there are, not what this one is
            del settings[key]
    inputs = [*data, initial] if tuned else data
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs) as out:
        if out is None:
            return
        if tuned:
            from pseudovox.training.finetune import finetune

            counts = stage.compute(args, out, finetune, data, options, initial, out.path, seed=args.seed)
        else:
            from pseudovox.training.recognizer import train

            counts = stage.compute(args, out, train, data, options, out.path, seed=args.seed)
        out.counts.update(counts)
        out.audio_seconds = sum(part.duration(utterance) for part in data for utterance in part.utterances)


if __name__ == "__main__":
    sys.exit(main())
