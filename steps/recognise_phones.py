#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Recognise the phones of speech, and when each is spoken (stage content).

system.options.recogniser says how: kind `whisper` has the words from Whisper (faster-whisper), their phones from
espeak-ng, in any language that both know, and the times from the phone predictor; kind `phones` has all from the
predictor and a bigram of phones. An utterance in which no words are heard, or more than fit into it, becomes silence of
its length; the log names it.

Reads   data dirs; the model dir of steps/train_phones.py (--phones); for features of kind bottleneck the model dir of
        the content extractor; Whisper's weights (system.options.recogniser.weights: a name or a folder).
Writes  <out-dir>/<data dir>/: phones.{scp,1.ark,...}, float32 (phones, 2), the code of each phone (see
        pseudovox/anonymize/sttts/symbols.py; 0 is silence) and its frames of 10 ms, without gaps; phones.ctm, the same
        in the International Phonetic Alphabet; text, the words, where they are known.

Example
    steps/recognise_phones.py --config exp/openspeech/sttts/config.yaml --phones exp/openspeech/models/phones \\
        --bottleneck exp/openspeech/models/bottleneck data/openspeech/test-other exp/openspeech/sttts/phones
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.sttts.options import Options
from pseudovox.config import Config
from pseudovox.data.archive import read_parts
from pseudovox.data.datadir import DataDir, write_atomic
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is recognised")
    parser.add_argument("--phones", type=Path, required=True, help="model dir of the phone predictor")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=())
    store.read_card(args.phones, "phone_predictor")
    from pseudovox.anonymize.knnvc import features
    from pseudovox.anonymize.sttts import recognition

    inputs: list[Any] = [args.phones, features.source_of(options.features, args.bottleneck)]
    if options.recogniser.kind == "whisper":
        from pseudovox.models import whisper

        inputs.append(whisper.find(options.recogniser.weights) / "model.bin")

    def worker() -> Any:
        recognition.check(options, args.phones)
        return functools.partial(recognition.RecogniseWorker, options, args.phones, args.bottleneck)

    def finish(part: DataDir, out: stage.Output) -> None:
        from pseudovox.anonymize.sttts import symbols

        phones, words = (read_parts(out.path, name) for name in recognition.ARRAYS)
        ctm, text = recognition.tables(part.utterances, phones, words)
        write_atomic(out.path / "phones.ctm", ctm)
        if text:
            write_atomic(out.path / "text", text)
        silent = [utt for utt in part.utterances if (phones[utt][:, 0] == symbols.SILENCE).all()]
        out.counts["silent"] = len(silent)
        if silent:
            stage.log.warning(
                "%s: no phones were recognised in %d of %d utterances, which become silence, e.g. %s",
                part.name, len(silent), len(part.utterances), silent[0],
            )  # fmt: skip

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=options.recogniser,
        worker=worker,
        inputs=lambda part: inputs,
        arrays=recognition.ARRAYS,
        finish=finish,
    )


if __name__ == "__main__":
    sys.exit(main())
