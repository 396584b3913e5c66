#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""How much of the speaker each branch of a FACodec tells: EER of an attacker who sees its codes alone (stage asv).

The attacker sees prosody, content or detail as the mean and deviation over time of their codes' vectors, or timbre, and
compares utterances by LDA and PLDA (scoring.lda_dimension, scoring.plda_smoothing), which are trained on other speakers
(--train). Low EER: the branch tells who speaks, whatever timbre it is spoken with. Speech is not anonymized here.

Reads   pairs of an enrolment data dir (`enrolls`) and a trial data dir (`trials`); data dirs to train on; the codec:
        system.options.codec.model, else the published weights (system.options.codec.source=published), else --codec.
Writes  branches/<data dir>/{prosody,content,detail,timbre}.scp with the vectors; summary/branches.tsv, lines `branch
        trials group eer low high n`: the EER in percent with its 95 % interval over speakers (NaN: too few).

Example
    steps/score_branches.py --codec exp/openspeech/models/facodec --train data/openspeech/commonvoice_en \\
        data/openspeech/test-other_enrolls data/openspeech/test-other_trials_f exp/openspeech/facodec/branches
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.facodec.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_alike
from pseudovox.data.datadir import DataDir, write_atomic


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="enrolment and trial data dirs in turn", out_dir="the results")
    parser.add_argument("--codec", type=Path, help="model dir of the recipe's codec")
    parser.add_argument(
        "--train", type=Path, action="append", required=True, metavar="DATA", help="speech of others (repeatable)"
    )
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options, others=True)
    options.check()
    data = stage.load_data(args)
    if len(data) % 2:
        raise UsageError(f"{len(data)} data dirs: expected pairs of an enrolment and a trial dir")
    pairs = list(zip(data[::2], data[1::2], strict=True))
    for enrolment, trials in pairs:
        trials.check_trials(enrolment)
    training = [DataDir.load(path) for path in args.train]
    from pseudovox.anonymize.facodec import speech

    sources = speech.source_of(options, args.codec)
    from pseudovox.anonymize.facodec.worker import BRANCHES

    def worker() -> Any:
        from pseudovox.anonymize.facodec.worker import BranchWorker

        return functools.partial(BranchWorker, options, args.codec)

    everything = list({part.name: part for part in [*training, *data]}.values())
    stage.map_utterances(
        args,
        everything,
        args.out_dir / "branches",
        settings={},
        inputs=lambda part: sources,
        worker=worker,
        arrays=BRANCHES,
    )
    folders = {part.name: args.out_dir / "branches" / part.name for part in everything}
    inputs = [*everything, *folders.values()]
    with stage.output(
        args, args.out_dir / "summary", settings=config.scoring, inputs=inputs, torch_device=False
    ) as out:
        if out is None:
            return
        from pseudovox.evaluation import branches

        rows = []
        for branch in BRANCHES:
            vectors = read_alike({name: folder / f"{branch}.scp" for name, folder in folders.items()})
            rows += branches.leaks(branch, training, pairs, vectors, config, args.seed)
        write_atomic(out.path / "branches.tsv", branches.table(rows))
        out.counts["trials"] = sum(row.n for row in rows) // len(BRANCHES)


if __name__ == "__main__":
    sys.exit(main())
