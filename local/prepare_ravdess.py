#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data dirs of RAVDESS (acted emotional speech) for training and speaker verification, speaker-disjoint.

Reads    <corpus>/Actor_<nn>/03-01-<emotion>-<intensity>-<statement>-<repetition>-<nn>.wav (or .flac)
Writes   <out-dir>/<set>/ with wav.scp utt2spk spk2utt text spk2gender utt2dur utt2emo utt2intensity, for the sets
         train, and of dev and test each <part>_enrolls (file `enrolls`), <part>_trials_f, <part>_trials_m (file
         `trials`: all speakers of the gender x all utterances). The audio stays where it is.

Actors go to train, dev and test in the order of their numbers, as many women as men. Enrolment is on the first of
the two statements and trials on the second, each in all emotions, so that neither sentence nor emotion gives a
speaker away.

Example: local/prepare_ravdess.py /corpora/RAVDESS data/ravdess
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    for part, actors in (("train", 12), ("dev", 4), ("test", 8)):
        parser.add_argument(f"--{part}-actors", type=int, default=actors, metavar="N", help="default: %(default)s")
    parser.add_argument("corpus", type=Path, help="the folder of Actor_01 ... Actor_24")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import ravdess

    parts = ravdess.split_actors(args.train_actors, args.dev_actors, args.test_actors)
    for name, recordings in ravdess.read_sets(args.corpus, parts).items():
        corpora.prepare(args, name, recordings, finish=ravdess.add_protocol)


if __name__ == "__main__":
    sys.exit(main())
