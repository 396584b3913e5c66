#!/usr/bin/env python3
"""Score speaker verification trials and compute the equal error rate (stage asv).

A speaker is enrolled as the mean of the embeddings of its enrolment utterances; the score is the cosine to the test
utterance's. Higher EER = the attacker fails more often.

The semi-informed attacker may have been trained in several ways; --training says in which.

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
from pseudovox.config import ATTACKER_TRAININGS, Config
from pseudovox.errors import UsageError
from pseudovox.report.results import ATTACKERS, ORIGINAL, write_records


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="enrolment and trial data dirs in turn", out_dir="the results")
    parser.add_argument("--attacker", choices=list(ATTACKERS), required=True, help="who attacks")
    parser.add_argument("--training", choices=ATTACKER_TRAININGS, default="", help="of the semi-informed attacker")
    parser.add_argument("--system", default=ORIGINAL, help="the system that anonymized the trials")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the embeddings by the attacker's ASV")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if len(args.data_dirs) % 2:
        raise UsageError(f"{len(args.data_dirs)} data dirs: expected pairs of an enrolment and a trial dir")
    if args.training and args.attacker != "semi-informed":
        raise UsageError(f"--training {args.training}: of the semi-informed attacker alone, not of {args.attacker}")
    data = stage.load_data(args)
    pairs = list(zip(data[::2], data[1::2], strict=True))
    for enrolment, trials in pairs:
        trials.check_trials(enrolment)
    vectors = {part.name: read_scp(args.xvectors / part.name / "xvector.scp") for part in data}
    inputs = [*data, *(args.xvectors / part.name for part in data)]
    who = {"attacker": args.attacker, "system": args.system}
    if args.training:
        who["training"] = args.training
    settings = {"scoring": config.scoring, **who}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.scoring.trials import record, score_trials, write_scores

        records = []
        for enrolment, trials in pairs:
            scores = score_trials(enrolment, trials, vectors[enrolment.name], vectors[trials.name])
            write_scores(out.path / f"{enrolment.name}-{trials.name}", trials, scores)
            records.append(record(scores, trials, config, **who, seed=args.seed))
        write_records(out.path / "results.json", records)
        out.counts["trials"] = sum(found.n for found in records)


if __name__ == "__main__":
    sys.exit(main())
