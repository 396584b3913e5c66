#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Score speaker verification trials: equal error rate, Cllr, linkability, ZEBRA, each with its interval (stage asv).

A speaker is enrolled as the mean of the embeddings of its enrolment utterances; the score is the cosine to the test
utterance's, with --centre after the mean of other embeddings is taken off (scoring.backend: cosine_centred), or, with
--plda, a log-likelihood ratio. Higher EER = the attacker fails more often. The EER is broken down
by enrolled speaker, gender, emotion, target, and the tables of scoring.by (pseudovox/evaluation/breakdowns.py).

The semi-informed and the informed attacker may have been trained in several ways; --training says in which.

Reads   pairs of an enrolment data dir (`enrolls`) and a trial data dir (`trials`), and their embeddings,
        <xvectors>/<data dir>/xvector.scp (those of enrolment data dirs below <enrolment xvectors>, if that is given);
        with --centre folders of embeddings by the same ASV, usually of the speech that it was trained on.
Writes  results.json; breakdowns.tsv, the EER of each part of each list; <enrolment dir>-<trial dir>/scores with lines
        `speaker utterance score`.

Example
    steps/score_trials.py --attacker ignorant --system pca_gmm --xvectors exp/mini/asv/original \\
        data/mini/test_enrolls data/mini/test_trials_f_pca_gmm exp/mini/pca_gmm/asv/ignorant
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.config import ATTACKER_TRAININGS, Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_alike
from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.models import store
from pseudovox.records import ORIGINAL, write_records


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="enrolment and trial data dirs in turn", out_dir="the results")
    parser.add_argument("--attacker", choices=list(ATTACKERS), required=True, help="who attacks")
    parser.add_argument("--training", choices=ATTACKER_TRAININGS, default="", help="of the (semi-)informed attacker")
    parser.add_argument("--system", default=ORIGINAL, help="the system that anonymized the trials")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the embeddings by the attacker's ASV")
    parser.add_argument("--enrolment-xvectors", type=Path, help="root of those of the enrolment data dirs, if another")
    parser.add_argument("--plda", type=Path, help="model dir of the attacker's PLDA; without it, cosines")
    parser.add_argument(
        "--centre", type=Path, action="append", default=[], metavar="DIR", help="embeddings with the mean to take off"
    )
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if len(args.data_dirs) % 2:
        raise UsageError(f"{len(args.data_dirs)} data dirs: expected pairs of an enrolment and a trial dir")
    if args.training and args.attacker not in ("semi-informed", "informed"):
        raise UsageError(f"--training {args.training}: of the (semi-)informed attacker alone, not of {args.attacker}")
    if config.scoring.backend == "plda" and not args.plda:
        raise UsageError(
            "scoring.backend is plda, and no PLDA is given",
            "--set scoring.backend=cosine, or --plda <model dir of steps/train_plda.py>",
        )
    if config.scoring.backend == "cosine_centred" and not args.centre:
        raise UsageError(
            "scoring.backend is cosine_centred, and no embeddings of the attacker's speech are given",
            "--set scoring.backend=cosine, or --centre <embeddings of a data dir by steps/extract_xvectors.py>",
        )
    if args.centre and args.plda:
        raise UsageError("--centre and --plda: a PLDA has a centre of its own")
    data = stage.load_data(args)
    pairs = list(zip(data[::2], data[1::2], strict=True))
    for enrolment, trials in pairs:
        trials.check_trials(enrolment)
    roots = args.enrolment_xvectors or args.xvectors, args.xvectors
    embedded = [(roots[0] / enrolment.name, roots[1] / trials.name) for enrolment, trials in pairs]
    vectors = read_alike({path: path / "xvector.scp" for path in (*args.centre, *itertools.chain(*embedded))})
    inputs = [*data, *itertools.chain(*embedded), *args.centre]
    who = {"attacker": args.attacker, "system": args.system}
    if args.training:
        who["training"] = args.training
    levels = {trials.name: config.levels.of(trials.origin.source) for _, trials in pairs}
    settings = {"interval_rounds": config.scoring.interval_rounds, "by": config.scoring.by, "levels": levels, **who}
    if args.plda:
        store.read_card(args.plda, "plda")
        inputs.append(args.plda)

    def check() -> None:
        from pseudovox.evaluation.trials import check_apart

        check_apart(trials for _, trials in pairs)

    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False, prepare=check) as out:
        if out is None:
            return
        from pseudovox.components import plda
        from pseudovox.evaluation import breakdowns
        from pseudovox.evaluation.trials import Cosine, centre_of, records, score_trials, write_scores

        backend: Any = plda.load(args.plda) if args.plda else Cosine()
        if args.centre:
            backend = Cosine(centre_of([vectors[path] for path in args.centre]))
        found, parts = [], []
        for (enrolment, trials), (of_enrolment, of_trials) in zip(pairs, embedded, strict=True):
            scores = score_trials(enrolment, trials, vectors[of_enrolment], vectors[of_trials], backend)
            write_scores(out.path / f"{enrolment.name}-{trials.name}", trials, scores)
            figures = records(scores, trials, config, **who, seed=args.seed)
            found += figures
            parts += breakdowns.rates(enrolment, trials, scores.as_list(), figures[0], config.scoring, args.seed)
        write_records(out.path / "results.json", [*found, *filter(breakdowns.is_reported, parts)])
        breakdowns.write_table(out.path / "breakdowns.tsv", parts)
        out.counts["trials"] = sum(figure.n for figure in found if figure.metric == "eer")


if __name__ == "__main__":
    sys.exit(main())
