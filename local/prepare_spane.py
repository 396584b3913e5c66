#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""A data dir from a data file of SpAnE: JSON lines with `path`, `duration` and `label`.

`gender` becomes spk2gender, `utt_emotion` utt2emo, `target` utt2target, any other key spk2<key>, or utt2<key> if it
begins with utt_ (pseudovox/corpora/spane.py has the table). local/export_spane.py is the way back, and
local/split_trials.py takes SpAnE's lists of trials and enrolments.

Reads    a data file, and the headers of the recordings that it names; --root is what its {root} stands for.
Writes   <out-dir>/<name>/ with wav.scp utt2spk spk2utt utt2dur, text and further tables; <name> is that of the file
         without its ending, or --name. The audio stays where it is. A line that is not understood, or whose recording
         is not there, is named with its number, and nothing is written.

Example: local/prepare_spane.py --root /corpora spane/data/ls-test-clean_max30s.txt data/spane
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="what {root} stands for")
    parser.add_argument("--name", default="", help="of the data dir; default: the data file's")
    parser.add_argument("data_file", type=Path, help="the data file")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dir")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import spane

    recordings = spane.read(args.data_file, args.root)[: args.limit or None]
    corpora.prepare(args, args.name or args.data_file.stem, recordings)


if __name__ == "__main__":
    sys.exit(main())
