#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data dirs of the VoicePrivacy Challenges: enrolment, trials and emotions, under the challenges' own names.

Reads    LibriSpeech (dev-clean, test-clean), VCTK (second microphone) or IEMOCAP in their published layouts, and, where
         `data.lists` of the configuration names a folder, the organisers' lists
         (layouts: pseudovox/corpora/vpc/lists.py).
Writes   libri     <out-dir>/libri_{dev,test}_{enrolls,trials_f,trials_m}; with --mixed _trials_mixed for both
         vctk      <out-dir>/vctk_{dev,test}_{enrolls,trials_f,trials_m,trials_f_common,trials_m_common}
         iemocap   <out-dir>/IEMOCAP_{dev,test}
         with wav.scp utt2spk spk2utt text spk2gender utt2dur, and `enrolls`, `trials`, or utt2emo and spk2fold. With
         --unions also {libri,vctk}_{dev,test}_{trials_all,asr} and vctk_{dev,test}_trials_{f,m}_all.

Without the organisers' lists it makes lists by the published rules and says so; whatever differs from the published
numbers of speakers, utterances and trials is named.

Example: local/prepare_vpc.py --set data.lists=/vpc/lists libri /corpora/LibriSpeech data/vpc2024
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--mixed", action="store_true", help="libri: one list of trials of both genders (2026)")
    parser.add_argument("--unions", action="store_true", help="also the unions of trial lists (2020, 2022)")
    parser.add_argument("part", choices=("libri", "vctk", "iemocap"), help="which data sets")
    parser.add_argument("corpus", type=Path, help="the corpus's root")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import iemocap, librispeech, vctk
    from pseudovox.corpora.vpc import sets

    folder, found = config.data.lists, []
    if args.part == "libri":
        root = librispeech.find_root(args.corpus)
        for split in ("dev", "test"):
            recordings = librispeech.read_subset(root, f"{split}-clean")
            found += sets.librispeech(recordings, f"libri_{split}", folder, mixed=args.mixed, unions=args.unions)
    elif args.part == "vctk":
        found = sets.vctk(vctk.read(args.corpus, mic=2), folder, unions=args.unions)
    else:
        found = sets.iemocap(iemocap.read(args.corpus), folder)
    for one in found:
        corpora.prepare(args, one.name, one.recordings, finish=one.finish, protocol=one.lines)


if __name__ == "__main__":
    sys.exit(main())
