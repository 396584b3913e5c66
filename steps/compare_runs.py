#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Compare several runs on one page: their systems in one table and one privacy-utility plane, and how the runs differ.

Runs of another recipe, of other settings, of another commit: what they have in common is what they are compared by. (Of
runs that differ in their seed alone, utils/average_runs.py gives the mean.)

Reads   <exp-dir>/report/results.json and <exp-dir>/config.yaml of each run.
Writes  index.html, which needs no network.

Example
    steps/compare_runs.py exp/mini exp/novq exp/comparison
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("exp_dirs", nargs="+", type=Path, metavar="exp-dir", help="of a finished run; two or more")
    parser.add_argument("out_dir", type=Path, help="gets the page")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if len(args.exp_dirs) < 2:
        raise UsageError("one run: a comparison needs two or more", "steps/compare_runs.py exp/a exp/b out")
    from pseudovox import records
    from pseudovox.report.page.experiment import read_run
    from pseudovox.report.page.write import write_comparison

    files = [folder / "report" / records.FILE for folder in args.exp_dirs]
    runs = [read_run(folder) for folder in args.exp_dirs]
    names = [folder.name for folder in args.exp_dirs]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in args.exp_dirs]
    if len(set(names)) < len(names):
        raise UsageError("a run is given twice", "give every run once")
    settings = {"runs": names, "commit": stage.versions()["commit"]}
    with stage.output(args, args.out_dir, settings=settings, inputs=files, torch_device=False, replace=True) as out:
        if out is not None:
            write_comparison(out.path, dict(zip(names, runs, strict=True)))
            out.counts["runs"] = len(runs)
    print(f"To look at: {args.out_dir}/index.html")


if __name__ == "__main__":
    sys.exit(main())
