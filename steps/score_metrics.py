#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Privacy metrics of a scored trial list, anybody's: EER, Cllr, linkability, ZEBRA, with confidence intervals.

docs/metrics.md defines each metric and its unit. Intervals (95 %) come from a bootstrap over the speakers of both
sides of the trials. Who speaks in a test utterance follows from its target trial, from the part of its id before the
first `-` or `_`, or from --utt2spk.

Reads   <scores> with lines `speaker utterance score` (higher = more likely the speaker; for cllr, a natural
        log-likelihood ratio) and <trials> with lines `speaker utterance target|nontarget`: the same pairs in any order.
Writes  metrics.json: eer, rocch_eer (percent), cllr, min_cllr (bits), min_dcf, linkability, zebra_population (bits),
        zebra_individual (decades), each with `<key>_ci`: [low, high]; zebra_tag, n_target, n_nontarget, n_speakers.
        What is undefined is null; linkability_undefined says why it is, below 20 target trials.

Example
    steps/score_metrics.py exp/mini/pca_gmm/asv/ignorant/test_enrolls-test_trials_f_pca_gmm/scores \\
        data/mini/test_trials_f_pca_gmm/trials exp/mini/pca_gmm/metrics/ignorant_f
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import read_table, write_json

log = logging.getLogger("pseudovox")


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument(
        "--like", choices=["vpc2024"], default="", help="compute them as that evaluation did, faults too"
    )
    parser.add_argument("--utt2spk", type=Path, help="speakers of the test utterances, for the intervals")
    parser.add_argument("--replicates", type=int, default=1000, help="resamples for the intervals; 0 = no intervals")
    parser.add_argument("--allow-few", action="store_true", help="linkability of fewer than 20 target trials too")
    parser.add_argument("scores", type=Path)
    parser.add_argument("trials", type=Path)
    parser.add_argument("out_dir", type=Path)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if args.replicates < 0:
        raise UsageError(f"--replicates {args.replicates}: expected 0 or more")
    if args.limit:
        raise UsageError("--limit: a part of a trial list has other metrics than the list; give a shorter list")
    from pseudovox.core import seeds
    from pseudovox.evaluation.privacy import measure
    from pseudovox.evaluation.score_files import read_scored_trials

    utt2spk = read_table(args.utt2spk) if args.utt2spk else None
    trials = read_scored_trials(args.scores, args.trials, utt2spk)
    settings = {"like": args.like, "replicates": args.replicates, "allow_few": args.allow_few}
    inputs = [args.scores, args.trials, *filter(None, [args.utt2spk])]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        draw = seeds.generator(args.seed, "metrics-interval")
        found = measure(trials, draw, replicates=args.replicates, like=args.like, allow_few=args.allow_few)
        write_json(out.path / "metrics.json", found)
        out.counts["trials"] = len(trials.scores)
        if "linkability_undefined" in found:
            log.warning("linkability: %s; --allow-few has it computed on two bins", found["linkability_undefined"])
        log.info("EER %.2f %%, min Cllr %.3f bit", found["eer"], found["min_cllr"])


if __name__ == "__main__":
    sys.exit(main())
