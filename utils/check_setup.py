#!/usr/bin/env python3
"""What this machine has, and what a recipe lacks (./run.sh --check).

Lists machine (cores, memory, disk, GPU), environment (Python, torch and the packages against constraints.txt) and
recipe (configuration, corpora, models): each line `ok`, `note` (works, worth knowing), `MISSING` or `WRONG`, with its
mend.
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

from pseudovox import machine
from pseudovox.machine import GIGABYTE, INSTALL, MISSING, NOTE, OK, WRONG

LEAST_DISK, LOW_DISK = 0.5, 5.0  # GB: below the first nothing runs, below the second a recipe may fill it


class Report:
    """Prints the lines as they are found; `missing` counts those that a recipe cannot do without."""

    def __init__(self) -> None:
        self.missing = 0

    def head(self, title: str) -> None:
        print(title, flush=True)

    def line(self, status: str, name: str, found: str, mend: str = "") -> None:
        self.missing += status == MISSING
        print(f"  {status:<8} {name:<12} {found}", flush=True)
        if mend:
            print(f"  {'':<8} {'':<12}   mend: {mend}", flush=True)


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
    report.head("machine")
    of_machine(report, data, exp)
    report.head("environment")
    of_environment(report)
    report.head(f"recipe {args.recipe}")
    wrong = of_recipe(report, args, data, exp)
    print()
    if wrong:
        print("the configuration is wrong; see above")
        return 2
    if report.missing:
        print(f"{report.missing} missing; see the mends above")
        return 4
    print(f"recipe {args.recipe} has what it needs")
    return 0


# ---------------------------------------------------------------------- machine
def of_machine(report: Report, data: Path, exp: Path) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
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
    version = ".".join(map(str, sys.version_info[:3]))
    status = OK if sys.version_info >= (3, 10) else MISSING
    newer = "install Python 3.10 or later, or BASE_PYTHON=/path/to/python3 ./run.sh"
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


# ---------------------------------------------------------------------- recipe
def of_recipe(report: Report, args: argparse.Namespace, data: Path, exp: Path) -> bool:
    """Lines on configuration, corpora and models; True if the configuration is wrong."""
    try:
        if sys.version_info < (3, 10):  # noqa: UP036  # whatever python3 there is, before the installation
            raise ImportError
        from pseudovox import config as configuration
        from pseudovox import places
        from pseudovox.errors import PseudovoxError
    except ImportError:
        report.line(NOTE, "recipe", "cannot be read before the environment is there")
        return False
    try:
        config = configuration.compose(args.recipe, None, args.set)
        names = configuration.systems_of(config, args.system)
        systems = {name: configuration.compose(args.recipe, name, args.set) for name in names}
        places.roots(config)  # names of corpora that are not known
    except PseudovoxError as error:
        message, _, mend = str(error).partition("\n  mend: ")
        report.line(WRONG, "recipe", message, mend)
        return True
    report.line(OK, "recipe", f"systems {', '.join(systems) or 'none'}")
    corpora(report, config, data)
    models(report, config, systems, exp)
    pretrained_weights(report, config, exp)
    return False


def corpora(report: Report, config: object, data: Path) -> None:
    from pseudovox import places

    absent = places.absent(config, data)
    for corpus, names in absent.items():
        left_out, _, mend = places.note(config, corpus, names).partition("\n  mend: ")
        report.line(NOTE, "corpus", left_out.replace("\n", " "), mend)
    config = places.without(config, [name for names in absent.values() for name in names])
    wanted = list(dict.fromkeys(name for members in vars(config.sets).values() for name in " ".join(members).split()))
    made = [name for name in wanted if (data / name / ".done.json").is_file() or (data / name / "wav.scp").is_file()]
    if len(made) == len(wanted):
        report.line(OK, "data dirs", f"{len(made)}, all in {data}")
        return
    report.line(OK, "data dirs", f"{len(made)} of {len(wanted)} in {data}; stage data makes the others")
    roots = places.roots(config)
    for name in dict.fromkeys(name for command in config.data.prepare for name in places.named_in(command)):
        source(report, "corpus", roots[name], "", f"data.roots.{name}", places.CORPORA[name].source)
    for command in config.data.prepare:
        for word in command.split()[1:]:
            if word.startswith("FOLDER"):
                source(report, "recordings", config.data.folder, word[len("FOLDER") :], "data.folder")
            elif word.startswith("CORPORA"):
                source(report, "corpus", config.data.corpora, word[len("CORPORA") :], "data.corpora")


def source(report: Report, name: str, folder: str, rest: str, key: str, where: str = "") -> None:
    if not folder:
        report.line(MISSING, name, "no folder was given", f"--set {key}=/where/they/are")
    elif not Path(folder + rest).is_dir():
        mend = f"--set {key}=/where/it/lies" + (f"; get it: {where}" if where else "")
        report.line(MISSING, name, f"{folder}{rest} is no folder", mend)
    else:
        report.line(OK, name, folder + rest)


def models(report: Report, config: object, systems: dict[str, object], exp: Path) -> None:
    folder = Path(config.models) if config.models else exp / "models"
    if systems and all(its.system.step for its in systems.values()):
        return report.line(OK, "models", f"none needed: {', '.join(systems)}")
    if config.sets.train:
        return report.line(OK, "models", f"trained by the recipe, in {folder}")
    needed = {f"{name}/model.json": name for name in ("xvector", "bottleneck", "synthesizer")}
    own = {its.system.synthesizer for its in systems.values()} - {""}
    needed.update({f"synthesizer_{name}/model.json": f"synthesizer_{name}" for name in sorted(own)})
    if not config.sets.pool:
        fitted = [name for name, its in systems.items() if "fit" in its.system.stages]
        needed.update({f"pseudo/{name}/pseudo.json": f"pseudo/{name}" for name in fitted})
    absent = [name for file, name in needed.items() if not (folder / file).is_file()]
    if absent:
        mend = "./run.sh makes those of recipes/mini, in exp/mini/models; or --set models=/other/exp/models"
        report.line(MISSING, "models", f"not in {folder}: {', '.join(absent)}", mend)
    else:
        report.line(OK, "models", f"{len(needed)} in {folder}")


def pretrained_weights(report: Report, config: object, exp: Path) -> None:
    from pseudovox import pretrained

    for name, found, missing in pretrained.needed(config, exp):
        told = (missing.message, missing.mend) if missing else (found,)
        report.line(MISSING if missing else OK, name, *told)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # | head
    sys.exit(main())
