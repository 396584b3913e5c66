#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Make the synthetic corpus of recipes/mini: speech of voices that do not exist, by espeak-ng, offline.

Reads    nothing (espeak-ng and its data come with the package espeakng-loader)
Writes   <out-dir>/<set>/ with wav/ (16 kHz, 16 bit), wav.scp utt2spk spk2utt text spk2gender utt2dur and phones.ctm
         (the phones' times), for the sets train, and of dev and test each <part>_enrolls (file `enrolls`),
         <part>_trials_f, <part>_trials_m (file `trials`: all speakers of the gender x all utterances).

Speakers of train, dev and test differ, and so do their sentences. Half of the dev and test utterances pass through
a mild channel (noise, a small room); training speech is clean. Size mini is 170 speakers and about two hours of
speech, made in some 15 s on two cores; size smoke is 22 speakers and two minutes, for tests; size attack is mini and a
set `attacker` of 800 further training speakers. The same --seed gives the same corpus, byte for byte, for any --nj.

Example: local/prepare_mini.py --size mini data/mini
"""

import sys
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.corpora.synthetic.corpus import SIZES, make_set, plan_sets


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="mini", help="how much speech (default: %(default)s)")
    parser.add_argument("--train-only", metavar="NAME", help="make the training set alone, as the data dir NAME")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from tqdm import tqdm

    plans = plan_sets(SIZES[args.size])
    if args.train_only:
        plans = [replace(plan, name=args.train_only) for plan in plans if plan.name == "train"]
    for plan in plans:
        with stage.output(args, args.out_dir / plan.name, settings=asdict(plan), torch_device=False) as out:
            if out is None:
                continue
            with tqdm(total=len(plan.speakers), desc=plan.name, unit="speaker", disable=None) as bar:

                def update(_: object, bar: Any = bar) -> None:
                    bar.update()

                data = make_set(plan, out.path, out.final, seed=args.seed, nj=args.nj, progress=update)
            out.audio_seconds = sum(map(data.duration, data.utterances))
            out.counts = {"utterances": len(data.utterances), "speakers": len(data.speakers)}


if __name__ == "__main__":
    sys.exit(main())
