#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""What this machine has, and what a recipe lacks (./run.sh --check).

Lists machine (cores, memory, disk, GPU), environment (Python and packages against constraints.txt) and recipe
(configuration, corpora, models): each line `ok`, `note` (works, worth knowing), `MISSING` or `WRONG`, with its hint.
Runs with any Python 3.7 or later, before anything is installed (PYTHONPATH=. then), and changes nothing.

Exit code 0: the recipe can run; 2: its configuration is wrong; 4: something that it needs is missing.

Example: utils/check_setup.py --recipe own --set data.folder=/my/wavs
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

from pseudovox.core import machine
from pseudovox.core.machine import GIGABYTE, INSTALL, LEAST_PYTHON, MISSING, NOTE, OK
from pseudovox.devtools.setup_check import Report, of_recipe

LEAST_DISK, LOW_DISK = 0.5, 5.0  # GB: below the first nothing runs, below the second a recipe may fill it


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="mini")
    parser.add_argument("--system", default="", help="systems, comma-separated (default: the recipe's)")
    parser.add_argument("--data-dir", type=Path, help="data dirs (data/<recipe>)")
    parser.add_argument("--exp-dir", type=Path, help="models and results (exp/<recipe>)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args(argv)
    data = args.data_dir or Path("data") / args.recipe
    exp = args.exp_dir or Path("exp") / args.recipe
    report = Report()
    print("machine", flush=True)
    of_machine(report, data, exp)
    print("environment", flush=True)
    of_environment(report)
    print(f"recipe {args.recipe}", flush=True)
    wrong = of_recipe(report, args, data, exp)
    print()
    if wrong:
        print("the configuration is wrong; see above")
        return 2
    if report.missing:
        print(f"{report.missing} missing; see the hints above")
        return 4
    print(f"recipe {args.recipe} has what it needs")
    return 0


# ---------------------------------------------------------------------- machine
def of_machine(report: Report, data: Path, exp: Path) -> None:
    cores = machine.cores()
    report.line(OK, "cores", f"{cores} (--nj 0 makes as many jobs)")
    report.line(OK, "memory", machine.memory())
    for name, folder in (("data", data), ("exp", exp)):
        there = machine.existing(folder)
        free = shutil.disk_usage(there).free / GIGABYTE
        status = MISSING if free < LEAST_DISK else NOTE if free < LOW_DISK else OK
        other = f"--{name}-dir: another folder, on a larger disk"
        report.line(status, f"disk, {name}", f"{free:.0f} GB free for {folder}", "" if status == OK else other)
        if not there.is_dir():
            report.line(MISSING, f"disk, {name}", f"{there} is a file, not a folder", f"--{name}-dir: another folder")
        elif not os.access(there, os.W_OK):
            report.line(MISSING, f"disk, {name}", f"{there} cannot be written", f"--{name}-dir: a folder of yours")
    report.line(*machine.gpu())


# ---------------------------------------------------------------------- environment
def of_environment(report: Report) -> None:
    version, least = (".".join(map(str, numbers)) for numbers in (sys.version_info[:3], LEAST_PYTHON))
    status = OK if sys.version_info >= LEAST_PYTHON else MISSING
    newer = f"install Python {least} or later, or BASE_PYTHON=/path/to/python3 ./run.sh"
    report.line(status, "python", f"{version} ({sys.executable})", "" if status == OK else newer)
    pinned = machine.constraints()
    needed = machine.dependencies()
    absent, other = [], []
    for package, wanted in sorted(pinned.items()):
        found = machine.installed(package)
        if found is None:
            absent += [package] if package in needed else []
        elif found.split("+")[0] != wanted:  # torch's own builds are 2.11.0+cpu, 2.11.0+cu130
            other.append(f"{package} {found} (pinned: {wanted})")
    if len(absent) > len(needed) / 2:  # the machine's own Python, which may have a few of them
        report.line(MISSING, "packages", "none: the environment is not made yet", INSTALL)
        return
    if absent:
        report.line(MISSING, "packages", f"not installed: {', '.join(absent)}", INSTALL)
    if other:
        report.line(NOTE, "packages", f"other versions than pinned: {', '.join(other)}", INSTALL)
    if not absent and not other:
        report.line(OK, "packages", f"{len(needed)} needed, all as constraints.txt pins them")
    report.line(*machine.torch_line())


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # | head
    sys.exit(main())
