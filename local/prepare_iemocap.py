#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""A data dir of IEMOCAP (acted dialogues with emotions) from its published layout.

Reads    <corpus>/Session<1-5>/sentences/wav/<dialog>/*.wav, and the labels (dialog/EmoEvaluation) and words
         (dialog/transcriptions) of each.
Writes   <out-dir>/<name>/ with wav.scp utt2spk spk2utt text spk2gender utt2dur, utt2emo (ang, hap, neu, sad) and
         spk2fold (the session, 1-5). The audio stays where it is.

By default the four classes of the VoicePrivacy Challenge 2024, where hap takes in exc (excitement): 5,531 utterances.

Example: local/prepare_iemocap.py /corpora/IEMOCAP_full_release data/iemocap
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--name", default="iemocap", help="the data dir's name (default: %(default)s)")
    parser.add_argument("--all-emotions", action="store_true", help="all 10,039 utterances under their own labels")
    parser.add_argument("corpus", type=Path, help="the folder of Session1 ... Session5")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dir")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import iemocap

    recordings = iemocap.read(args.corpus, all_emotions=args.all_emotions)
    corpora.prepare(args, args.name, recordings[: args.limit or None])


if __name__ == "__main__":
    sys.exit(main())
