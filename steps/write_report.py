#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Put all results together: a page to open in a browser, results.json, RESULTS.md and the table (stage report).

Made anew when a figure, a time, the configuration or the commit has changed; what was there is replaced, so no figure
stands twice. --force makes it in any case, as after an edit of the page that is not committed. Two runs of the same
seed and commit give the same results.json but for `times`, and `when` and `seconds` of its records.

Reads   results.json of every scoring step below the experiment dir, and the .done.json of every step there and in
        --data-dir, which tell how long it took; the pictures of steps/plot_diversity.py, if they are there. For the
        page also scores, hypotheses, similarities, training logs, and speech from the data dirs. Section `report` of
        the configuration has the weights of averages.
Writes  index.html, a page that needs no network, with audio/ and spectrograms/; results.json (flat records), RESULTS.md
        (tables with explanations and times), table.txt (what is printed), results.tex (tables for LaTeX with
        booktabs); the result files of the VoicePrivacy Challenges, for each system
        vpc/<system>/{results.txt,results_anon.txt,summary.txt} (2020, 2022; evaluation models trained on original and
        on anonymized speech) and vpc/result_for_rank_<system> (2024); with --tensorboard, a scalar for each figure and
        the speech of the page.

Example
    steps/write_report.py --data-dir data/mini --tensorboard exp/mini/tensorboard exp/mini exp/mini/report
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import DataError
from pseudovox.stage.digests import MARKER, digest_of


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="the run's data dirs: speech, trials, times")
    parser.add_argument(
        "--max-audio", type=float, metavar="MB", help="megabytes of speech in the page (report.max_audio)"
    )
    parser.add_argument("--tensorboard", type=Path, metavar="DIR", help="write scalars and speech for TensorBoard here")
    parser.add_argument("exp_dir", type=Path, help="the experiment dir, with results of scoring steps")
    parser.add_argument("out_dir", type=Path)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.records import FILE, collect, read_timings
    from pseudovox.report import tensorboard
    from pseudovox.report.documents import write_documents
    from pseudovox.report.page.experiment import Experiment
    from pseudovox.report.page.write import write_page
    from pseudovox.report.warnings import with_validation

    if not args.exp_dir.is_dir():
        raise DataError(
            f"{args.exp_dir}: no such experiment dir", "give the exp dir of a run, e.g. exp/mini; ./run.sh makes it"
        )
    report = args.out_dir.resolve()
    files = [
        path
        for path in sorted(args.exp_dir.rglob(FILE))
        if report not in path.resolve().parents and not path.parent.name.endswith((".partial", ".replaced"))
    ]
    # Models may have been trained again since their trials were scored.
    records = with_validation(collect(files), args.exp_dir / "attacker")
    written = {os.path.relpath(made, args.exp_dir.parent) for made in (args.out_dir, args.tensorboard) if made}
    timings = [own for own in read_timings([args.exp_dir, *filter(None, [args.data_dir])]) if own.output not in written]
    run_facts = {"recipe": args.exp_dir.name, "seed": args.seed, "commit": stage.versions()["commit"]}
    most = config.report.max_audio if args.max_audio is None else args.max_audio
    # Whatever the page shows was made by a step, and a step that ran again took another time.
    facts = {"run": run_facts, "times": digest_of([asdict(own) for own in timings]), "max_audio": most}
    facts["speech"] = args.data_dir is not None
    shared: dict[str, Any] = {"settings": [config, facts], "inputs": files, "torch_device": False, "replace": True}
    if args.tensorboard and not (args.tensorboard / MARKER).is_file():
        args.force = True  # it takes its speech from the page
    with stage.output(args, args.out_dir, repair=_is_whole, **shared) as out:
        if out is None:
            return show(args.out_dir)
        when = time.strftime("%Y-%m-%d %H:%M %Z")
        shown = Experiment(args.exp_dir, args.data_dir, records, timings, run_facts, when, config)
        write_documents(out.path, shown, config.report.weights)
        samples = write_page(out.path, shown, max_audio=most, files=["RESULTS.md", FILE, "results.tex"])
        out.counts["records"] = len(records)
    if args.tensorboard:
        args.force = True  # as the report was made anew
        with stage.output(args, args.tensorboard, **shared) as out:
            assert out is not None
            tensorboard.write_scalars(out.path, records)
            tensorboard.write_speech(out.path, samples, args.out_dir)
    show(args.out_dir)


def show(folder: Path) -> None:
    """Print the table of a report, and where the rest is."""
    print((folder / "table.txt").read_text(encoding="utf-8"))
    print(f"To look at and to listen to: {folder}/index.html; all figures: RESULTS.md and results.json beside it")


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("index.html", "results.json", "RESULTS.md", "table.txt"))


if __name__ == "__main__":
    sys.exit(main())
