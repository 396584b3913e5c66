#!/usr/bin/env python3
"""Recognise the words of data dirs (stage asr).

Reads   data dirs, original or anonymized, and a model of steps/train_recognizer.py. The section `decoder` of the
        configuration says how: with the words of the training text and their language model, or greedily.
Writes  <out-dir>/<data dir>/hyp (a table like `text`), and tokens.scp, tokens.*.ark: the decoder's score and the
        numbers of the words or units, by utterance.

Example
    steps/decode_speech.py --model exp/mini/models/recognizer data/mini/test_trials_f exp/mini/original/asr
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.datadir import DataDir
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the recogniser")
    parser.add_argument("data_dirs", nargs="+", type=Path, help="data dirs to recognise")
    parser.add_argument("out_dir", type=Path, help="gets one folder for each data dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = [DataDir.load(path) for path in args.data_dirs]
    store.read_card(args.model, "recognizer")
    from pseudovox.scoring.recognition import RecognizeWorker, vocabulary, write_hypotheses

    names = vocabulary(args.model, config.decoder)
    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=config.decoder,
        worker=functools.partial(RecognizeWorker, args.model, config.decoder),
        inputs=lambda _: [args.model],
        arrays=("tokens",),
        finish=lambda _, out: write_hypotheses(out.path, names),
    )


if __name__ == "__main__":
    sys.exit(main())
