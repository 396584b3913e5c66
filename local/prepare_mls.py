#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data dirs of one language of Multilingual LibriSpeech (MLS) from its published layout.

Reads    <corpus>/<part>/audio/<speaker>/<book>/*.flac (or .opus), <part>/transcripts.txt, and metainfo.txt.
Writes   <out-dir>/<part>/ with wav.scp utt2spk spk2utt text spk2gender utt2dur, and utt2lang if the corpus's folder is
         called mls_<language>. The audio stays where it is; ids have `-` where the file names have `_`.

Every recording has a transcript, every transcript a recording and every speaker a gender, or nothing is written.

Example: local/prepare_mls.py --part dev --part test /corpora/mls_german data/mls_german
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument(
        "--part", action="append", choices=("train", "dev", "test"), help="repeatable; default: all that are there"
    )
    parser.add_argument("corpus", type=Path, help="the folder mls_<language>")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import mls

    for part in args.part or mls.parts(args.corpus):
        corpora.prepare(args, part, mls.read_part(args.corpus, part)[: args.limit or None])


if __name__ == "__main__":
    sys.exit(main())
