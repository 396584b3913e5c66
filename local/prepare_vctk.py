#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""A data dir of VCTK, version 0.92 or 0.80, from its published layout.

Reads    <corpus>/wav48_silence_trimmed/<speaker>/*_mic<1|2>.flac (0.92) or <corpus>/wav48/<speaker>/*.wav (0.80),
         <corpus>/txt/<speaker>/*.txt and speaker-info.txt.
Writes   <out-dir>/<name>/ with wav.scp utt2spk spk2utt text spk2gender utt2dur. The audio stays where it is.

Speakers p315 (no text) and p280 (nothing from microphone 2) are left out where they lack what is asked for; the log
says so. Anything else that is missing is an error, and nothing is written.

With --list, only what a file names, one a line: speakers (p225) or sentences (p225_001); what follows a # does not
count. conf/hle_vqvae/vctk20.txt names the 20 speakers of "perception-informed" VQ-VAEs.

Examples
    local/prepare_vctk.py --mic 2 /corpora/VCTK-Corpus-0.92 data/vctk
    local/prepare_vctk.py --list conf/hle_vqvae/vctk20.txt --name vctk20 /corpora/VCTK-Corpus-0.92 data/vctk
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--name", default="vctk", help="the data dir's name (default: %(default)s)")
    parser.add_argument("--mic", type=int, choices=(1, 2), default=2, help="of version 0.92 (default: %(default)s)")
    parser.add_argument("--list", type=Path, metavar="FILE", help="speakers or sentences to be taken (all)")
    parser.add_argument("--no-text", action="store_true", help="do not read the text; speaker p315 has none")
    parser.add_argument("corpus", type=Path, help="the folder of speaker-info.txt")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dir")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import vctk

    wanted = vctk.read_list(args.list) if args.list else None
    recordings = vctk.read(args.corpus, mic=args.mic, with_text=not args.no_text, wanted=wanted)
    corpora.prepare(args, args.name, recordings[: args.limit or None])


if __name__ == "__main__":
    sys.exit(main())
