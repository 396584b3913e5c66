#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Put several runs of a recipe, e.g. of three seeds, into one table: mean [lowest, highest] of every figure.

Reads   <exp-dir>/report/results.json of each run.
Writes  Markdown on standard output.

Example: utils/average_runs.py exp/mini exp/mini_seed2 exp/mini_seed3
"""

import argparse
import sys
from pathlib import Path

from pseudovox.core import command


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("exp_dirs", nargs="+", type=Path, metavar="exp-dir", help="of a finished run")
    return command.main(parser, argv, run)


def run(args: argparse.Namespace) -> None:
    from pseudovox.records import read_records
    from pseudovox.report.formatting import as_markdown
    from pseudovox.report.runs import mean_over_runs
    from pseudovox.report.tables import report_tables

    means = mean_over_runs([read_records(folder / "report" / "results.json") for folder in args.exp_dirs])
    print(f"Mean [lowest, highest] of {len(args.exp_dirs)} runs.\n")
    print("\n".join(as_markdown(table) for table in report_tables(means)), end="")


if __name__ == "__main__":
    sys.exit(main())
