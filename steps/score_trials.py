#!/usr/bin/env python3
"""Score speaker verification trials and compute the equal error rate (stage asv).

A speaker is enrolled as the mean of the embeddings of its enrolment utterances; the score is the cosine to the test
utterance's. Higher EER = the attacker fails more often.

Reads   pairs of an enrolment data dir (`enrolls`) and a trial data dir (`trials`), and their embeddings,
        <xvectors>/<data dir>/xvector.scp.
Writes  results.json, and <enrolment dir>-<trial dir>/scores with lines `speaker utterance score`.

Example
    steps/score_trials.py --attacker ignorant --system pca_gmm --xvectors exp/mini/asv/original \\
        data/mini/test_enrolls data/mini/test_trials_f_pca_gmm exp/mini/pca_gmm/asv/ignorant
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.archive import read_scp
from pseudovox.config import Config
from pseudovox.datadir import DataDir
from pseudovox.errors import UsageError
from pseudovox.report.results import ATTACKERS, ORIGINAL, write_records


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--attacker", choices=list(ATTACKERS), required=True, help="who attacks")
    parser.add_argument("--system", default=ORIGINAL, help="the system that anonymized the trials")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the embeddings by the attacker's ASV")
    parser.add_argument("data_dirs", nargs="+", type=Path, help="enrolment and trial data dirs in turn")
    parser.add_argument("out_dir", type=Path)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if len(args.data_dirs) % 2:
        raise UsageError(f"{len(args.data_dirs)} data dirs: expected pairs of an enrolment and a trial dir")
    loaded = {path: DataDir.load(path) for path in args.data_dirs}
    pairs = list(zip(args.data_dirs[::2], args.data_dirs[1::2], strict=True))
    for enrolment, trials in pairs:
        loaded[trials].check_trials(loaded[enrolment])
    vectors = {path: read_scp(args.xvectors / path.name / "xvector.scp") for path in loaded}
    inputs = [*args.data_dirs, *(args.xvectors / path.name for path in args.data_dirs)]
    settings = {"scoring": config.scoring, "attacker": args.attacker, "system": args.system}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.scoring.trials import record, score_trials, write_scores

        records = []
        for enrolment, trials in pairs:
            scores = score_trials(loaded[enrolment], loaded[trials], vectors[enrolment], vectors[trials])
            write_scores(out.path / f"{enrolment.name}-{trials.name}", loaded[trials], scores)
            found = record(scores, loaded[trials], config, attacker=args.attacker, system=args.system, seed=args.seed)
            records.append(found)
        write_records(out.path / "results.json", records)
        out.counts["trials"] = sum(found.n for found in records)


if __name__ == "__main__":
    sys.exit(main())
