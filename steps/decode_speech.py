#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Recognise the words of data dirs (stage asr).

Reads   data dirs, original or anonymized, and a model of steps/train_recognizer.py or of
        steps/import_recognizer.py. The section `decoder` of the configuration says how: with the words of the
        training text and their language model, or greedily.
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
from typing import TYPE_CHECKING, Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs to recognise")
    parser.add_argument("--model", type=Path, required=True, help="the recogniser")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    store.read_card(args.model, *store.RECOGNIZERS)

    def worker() -> Any:
        from pseudovox.components.recognition.decoding import RecognizeWorker, vocabulary

        vocabulary(args.model, config.decoder)  # there, and fit for this decoder?
        return functools.partial(RecognizeWorker, args.model, config.decoder)

    def finish(_: DataDir, out: stage.Output) -> None:
        from pseudovox.components.recognition.decoding import vocabulary, write_hypotheses

        write_hypotheses(out.path, vocabulary(args.model, config.decoder))

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=config.decoder,
        worker=worker,
        inputs=lambda _: [args.model],
        arrays=("tokens",),
        finish=finish,
    )


if __name__ == "__main__":
    sys.exit(main())
