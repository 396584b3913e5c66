#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data dirs of LibriSpeech from its published layout.

Reads    <corpus>/<subset>/<reader>/<chapter>/*.flac (or .wav .ogg .opus .mp3) and *.trans.txt, and SPEAKERS.TXT.
Writes   <out-dir>/<subset>/ with wav.scp utt2spk spk2utt text spk2gender utt2dur. The audio stays where it is.

Every recording has a transcript, every transcript a recording and every reader a gender, or nothing is written.

Example: local/prepare_librispeech.py --subset dev-clean --subset test-clean /corpora/LibriSpeech data/librispeech
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--subset", action="append", metavar="NAME", help="repeatable; default: all that are there")
    parser.add_argument("corpus", type=Path, help="LibriSpeech's root, or the folder above it")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import librispeech

    root = librispeech.find_root(args.corpus)
    for subset in args.subset or librispeech.subsets(root):
        corpora.prepare(args, subset, librispeech.read_subset(root, subset)[: args.limit or None])


if __name__ == "__main__":
    sys.exit(main())
