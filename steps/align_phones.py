#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Align the phones of transcribed English speech (stage bottleneck, where bottleneck.alignment is pocketsphinx).

Which phone is spoken in every 10 ms, found by pocketsphinx (utils/install.sh judges); the content extractor learns from
that what it cannot learn from texts alone. Utterances whose words do not fit the speech stay without phones and are
counted.

Reads   data dirs with text.
Writes  <out-dir>/<data dir>/alignment.{scp,1.ark,...}: by utterance a vector, one number a frame of 10 ms; and
        phones.txt, Kaldi's symbol table of these numbers (-1: none is known).

Example
    steps/align_phones.py data/openspeech/dev-clean exp/openspeech/alignment
"""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.data.datadir import DataDir, write_atomic


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="transcribed speech")
    parser.add_argument("--unless", metavar="TABLE", help="leave out data dirs with this table, e.g. phones.ctm")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    args.data_dirs = [path for path in args.data_dirs if not (args.unless and (path / args.unless).exists())]
    data = stage.load_data(args, need=("text",))

    def worker() -> Any:
        from pseudovox.components.alignment import Aligner, AlignWorker

        Aligner()  # says what is missing before anything is written
        return AlignWorker

    args.device = "cpu"  # pocketsphinx knows no other
    stage.map_utterances(args, data, args.out_dir, settings={}, worker=worker, arrays=("alignment",), finish=_finish)


def _finish(data: DataDir, out: Any) -> None:
    from pseudovox.components.alignment import ARRAY, PHONES
    from pseudovox.data.archive import read_parts

    found = read_parts(out.path, ARRAY)
    aligned = sum(bool((found[utterance] >= 0).any()) for utterance in data.utterances)
    out.counts["aligned"] = aligned
    logging.getLogger("pseudovox").info("%s: %d of %d utterances aligned", data.path, aligned, len(data.utterances))
    write_atomic(out.path / "phones.txt", "".join(f"{phone} {number}\n" for number, phone in enumerate(PHONES)))


if __name__ == "__main__":
    sys.exit(main())
