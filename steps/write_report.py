#!/usr/bin/env python3
"""Put all results together: results.json, RESULTS.md and the table on the console (stage report).

Made anew each time, since it is quick and further systems may have been added. Two runs of the same seed and commit
give the same results.json but for the key `times`.

Reads   results.json of every scoring step below the experiment dir, and the .done.json of every step there and in
        --times, which tell how long it took.
Writes  results.json (flat records), RESULTS.md (tables with explanations and times), table.txt (what is printed).

Example
    steps/write_report.py --times data/mini exp/mini exp/mini/report
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.errors import DataError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument(
        "--times", type=Path, action="append", default=[], metavar="DIR", help="also list the times of steps here"
    )
    parser.add_argument("exp_dir", type=Path, help="the experiment dir, with results of scoring steps")
    parser.add_argument("out_dir", type=Path)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    import json

    from pseudovox.datadir import write_atomic
    from pseudovox.report import results, tables
    from pseudovox.report.warnings import with_validation

    if not args.exp_dir.is_dir():
        raise DataError(f"{args.exp_dir}: no such experiment dir", "./run.sh makes one")
    report = args.out_dir.resolve()
    files = [
        path
        for path in sorted(args.exp_dir.rglob(results.FILE))
        if report not in path.resolve().parents and not path.parent.name.endswith((".partial", ".replaced"))
    ]
    # Each time anew: models may have been trained again since their trials were scored.
    records = with_validation(results.collect(files), args.exp_dir / "attacker")
    timings = results.read_timings([args.exp_dir, *args.times])
    args.force = True
    with stage.output(args, args.out_dir, settings={}, inputs=files, torch_device=False) as out:
        assert out is not None
        run_facts = {"recipe": args.exp_dir.name, "seed": args.seed, "commit": stage.versions()["commit"]}
        when = time.strftime("%Y-%m-%d %H:%M %Z")
        summary = results.summary(records, run=run_facts, timings=timings, when=when)
        table = tables.console_page(records, timings)
        write_atomic(out.path / results.FILE, json.dumps(summary, indent=1) + "\n")
        write_atomic(out.path / "RESULTS.md", tables.results_page(records, timings, run_facts, when))
        write_atomic(out.path / "table.txt", table)
        out.counts["records"] = len(records)
    print(table)
    print(f"All figures: {args.out_dir}/RESULTS.md and {results.FILE}")


if __name__ == "__main__":
    sys.exit(main())
