#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Enrolment and trials from a data dir of one's own, to measure systems on it.

Of each speaker's utterances some enrol, drawn by (seed, utterance); the others are tried against all speakers of the
gender, as in the LibriSpeech sets of the VoicePrivacy Challenges.

Reads    a data dir with spk2gender: two utterances or more of every speaker, two speakers or more of a gender.
Writes   <out-dir>/<name>_enrolls (with the list `enrolls`), <name>_trials_f and <name>_trials_m (with `trials`), where
         <name> is the data dir's.

Example: local/split_trials.py data/librispeech/test-other data/librispeech
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--enrol", type=float, default=0.5, metavar="SHARE", help="of each speaker's utterances")
    parser.add_argument("data_dir", type=Path, help="the data dir")
    parser.add_argument("out_dir", type=Path, help="the folder of the new data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox.core.errors import UsageError
    from pseudovox.corpora.evaluation import evaluation_sets
    from pseudovox.data.datadir import DataDir

    if not 0 < args.enrol < 1:
        raise UsageError(f"--enrol {args.enrol}: expected a share between 0 and 1")
    data = DataDir.load(args.data_dir)
    for name, part in evaluation_sets(data, args.enrol, args.seed).items():
        settings = {"enrol": args.enrol, "set": name}
        with stage.output(args, args.out_dir / name, settings=settings, inputs=[data], torch_device=False) as out:
            if out is not None:
                part.check()
                part.write(out.path)
                out.counts = {"utterances": len(part.utterances), "speakers": len(part.speakers)}


if __name__ == "__main__":
    sys.exit(main())
