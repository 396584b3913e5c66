#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Enrolment and trials from a data dir of one's own, to measure systems on it.

Of each speaker's utterances some enrol, drawn by (seed, utterance); the others are tried against all speakers of the
gender, as in the LibriSpeech sets of the VoicePrivacy Challenges, or, with --mixed, against all speakers, as in SpAnE.
--enrolls-list and --trials-list take the place of the draws: a file of utterance ids each, one a line (those of SpAnE
are such). What neither of them names is left out; given one of them, the other side gets all the other utterances.

Reads    a data dir with spk2gender: two utterances or more of every speaker, two speakers or more of a gender.
Writes   <out-dir>/<name>_enrolls (with the list `enrolls`), <name>_trials_f and <name>_trials_m, or <name>_trials_mixed
         (with `trials`), where <name> is the data dir's or --name.

Examples
    local/split_trials.py data/librispeech/test-other data/librispeech
    local/split_trials.py --name libri_test --enrol 20 --tried 20 --longest 30 --mixed data/spane/test-clean data/spane
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument(
        "--enrol",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of each speaker's utterances; from 1 on, how many (0.5)",
    )
    parser.add_argument("--tried", type=int, default=0, metavar="N", help="of the others, at most; 0 = all")
    parser.add_argument(
        "--longest", type=float, default=0.0, metavar="SECONDS", help="longer ones are left out; 0 = none"
    )
    parser.add_argument("--mixed", action="store_true", help="one list of trials, of all speakers")
    parser.add_argument("--name", default="", help="of the sets; default: the data dir's")
    parser.add_argument("--enrolls-list", type=Path, metavar="FILE", help="ids of the utterances that enrol")
    parser.add_argument("--trials-list", type=Path, metavar="FILE", help="ids of the utterances that are tried")
    parser.add_argument("data_dir", type=Path, help="the data dir")
    parser.add_argument("out_dir", type=Path, help="the folder of the new data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox.core.errors import UsageError
    from pseudovox.corpora.evaluation import evaluation_sets
    from pseudovox.corpora.spane import chosen
    from pseudovox.data.datadir import DataDir, check_id

    if args.enrol <= 0 or (args.enrol > 1 and args.enrol != round(args.enrol)):
        raise UsageError(f"--enrol {args.enrol}: expected a share between 0 and 1, or a whole number of utterances")
    if args.tried < 0 or args.longest < 0:
        raise UsageError(f"--tried {args.tried} --longest {args.longest}: expected 0 or more")
    if args.name:
        check_id(args.name, "--name")
    data = DataDir.load(args.data_dir)
    whole = data
    if args.longest:
        data = data.subset([one for one in data.utterances if data.duration(one) <= args.longest])
    lists = {"enrolls": args.enrolls_list, "trials": args.trials_list}
    members = chosen(data, **lists) if any(lists.values()) else None
    sets = evaluation_sets(
        data, args.enrol, args.seed, tried=args.tried, mixed=args.mixed, name=args.name, chosen=members
    )
    options = {"tried": args.tried, "longest": args.longest, "mixed": args.mixed, "name": args.name}
    for name, part in sets.items():
        settings = {"enrol": args.enrol, "set": name, **{key: value for key, value in options.items() if value}}
        inputs = [whole, *filter(None, lists.values())]
        with stage.output(args, args.out_dir / name, settings=settings, inputs=inputs, torch_device=False) as out:
            if out is not None:
                part.check()
                part.write(out.path)
                out.counts = {"utterances": len(part.utterances), "speakers": len(part.speakers)}


if __name__ == "__main__":
    sys.exit(main())
