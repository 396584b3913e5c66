#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data dirs of speechocean762, English of people whose first language is Mandarin, from its published layout.

Reads    <corpus>/<train|test>/{wav.scp,utt2spk,text,spk2gender,spk2age} and the files below <corpus>/WAVE.
Writes   <out-dir>/speechocean762_<part>/ with wav.scp utt2spk spk2utt text spk2gender spk2age utt2dur;
         with --adults also speechocean762_<part>_adults, the speakers of 18 and more;
         with --dev N also speechocean762_dev: N women and N men of train, adults, who are then in no other data dir.
         The audio stays where it is. Speaker 0001 is called so0001, utterance 000010011 so0001-000010011.

About half of the speakers are children. Let their voices train what recognises speech or speakers, but draw none of
them as a pseudo-speaker: that is what --adults is for. Where anything is missing, nothing is written.

Example: local/prepare_speechocean762.py --adults --dev 5 /corpora/speechocean762 data/speechocean762
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument(
        "--part", action="append", choices=("train", "test"), help="repeatable; default: all that are there"
    )
    parser.add_argument("--adults", action="store_true", help="also data dirs of the adult speakers alone")
    parser.add_argument(
        "--dev", type=int, default=0, metavar="N", help="hold N adults of each gender out of train (default: none)"
    )
    parser.add_argument("corpus", type=Path, help="speechocean762's root, or the folder above it")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import speechocean762

    root = speechocean762.find_root(args.corpus)
    parts = list(dict.fromkeys(args.part or speechocean762.parts(root)))
    if args.dev < 0 or (args.dev and "train" not in parts):
        raise UsageError(f"--dev {args.dev}: expected a number of adults of each gender in train, and --part train")
    sets: dict[str, list[corpora.Recording]] = {}
    for part in parts:
        recordings = speechocean762.read_part(root, part)
        if args.dev and part == "train":
            held = speechocean762.held_out(recordings, args.dev)
            sets["dev"] = [one for one in recordings if one.speaker in held]
            recordings = [one for one in recordings if one.speaker not in held]
        sets[part] = recordings
        if args.adults:
            sets[f"{part}_adults"] = speechocean762.adults(recordings)
    for name, chosen in sets.items():
        corpora.prepare(args, f"speechocean762_{name}", chosen[: args.limit or None])


if __name__ == "__main__":
    sys.exit(main())
