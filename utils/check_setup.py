#!/usr/bin/env python3
"""What this machine has, and what a recipe lacks (./run.sh --check).

Lists machine (cores, memory, disk, GPU), environment (Python, torch and the packages against constraints.txt) and
recipe (configuration, corpora, models): each line `ok`, `note` (works, worth knowing), `MISSING` or `WRONG`, with its
mend.
Runs with any Python 3.7 or later, before anything is installed, and changes nothing.

Exit code 0: the recipe can run; 2: its configuration is wrong; 4: something that it needs is missing.

Example: utils/check_setup.py --recipe own --set data.folder=/my/wavs
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GIGABYTE = 1e9
LEAST_DISK, LOW_DISK = 0.5, 5.0  # GB: below the first nothing runs, below the second a recipe may fill it
OK, NOTE, MISSING, WRONG = "ok", "note", "MISSING", "WRONG"
INSTALL = "utils/install.sh (./run.sh does it on its first run; PyTorch is a download of some GB)"


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
    machine(report, data, exp)
    report.head("environment")
    environment(report)
    report.head(f"recipe {args.recipe}")
    wrong = recipe(report, args, data, exp)
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
def machine(report: Report, data: Path, exp: Path) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    report.line(OK, "cores", f"{cores} (--nj 0 makes as many jobs)")
    report.line(OK, "memory", memory())
    for name, folder in (("data", data), ("exp", exp)):
        there = existing(folder)
        free = shutil.disk_usage(there).free / GIGABYTE
        status = MISSING if free < LEAST_DISK else NOTE if free < LOW_DISK else OK
        other = f"--{name}-dir: another folder, on a larger disk"
        report.line(status, f"disk, {name}", f"{free:.0f} GB free for {folder}", "" if status == OK else other)
        if not there.is_dir():
            report.line(MISSING, f"disk, {name}", f"{there} is a file, not a folder", f"--{name}-dir: another folder")
        elif not os.access(there, os.W_OK):
            report.line(MISSING, f"disk, {name}", f"{there} cannot be written", f"--{name}-dir: a folder of yours")
    report.line(*gpu())


def memory() -> str:
    try:
        text = Path("/proc/meminfo").read_text()
        total, free = (int(re.search(rf"{key}: +(\d+) kB", text)[1]) * 1024 for key in ("MemTotal", "MemAvailable"))
    except (OSError, TypeError):
        return "unknown"
    with contextlib.suppress(OSError, ValueError):  # a container's limit; "max" where there is none
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return f"{min(free, total) / GIGABYTE:.1f} of {total / GIGABYTE:.1f} GB free"


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def gpu() -> tuple[str, str, str]:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        shown = subprocess.run(query, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return NOTE, "GPU", "none found (no nvidia-smi): everything runs on the CPU"
    lines = [line.split(", ") for line in shown.stdout.decode(errors="replace").splitlines() if line.count(", ") == 2]
    if shown.returncode or not lines:
        return NOTE, "GPU", "none that works (nvidia-smi failed): everything runs on the CPU"
    cards = "; ".join(f"{name}, {size}" for name, size, _ in lines)
    return OK, "GPU", f"{cards} (driver {lines[0][2]})"


# ---------------------------------------------------------------------- environment
def environment(report: Report) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    status = OK if sys.version_info >= (3, 10) else MISSING
    newer = "install Python 3.10 or later, or BASE_PYTHON=/path/to/python3 ./run.sh"
    report.line(status, "python", f"{version} ({sys.executable})", "" if status == OK else newer)
    pinned = constraints()
    needed = dependencies()
    absent, other = [], []
    for package, wanted in sorted(pinned.items()):
        found = installed(package)
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
    report.line(*torch_line())


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.strip().split("==") for line in lines if "==" in line)


def dependencies() -> set[str]:
    """The packages that pyproject.toml names as needed."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r'"([\w.-]+)', block[1])) if block else set()


def installed(package: str) -> str | None:
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.7
        return None
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def torch_line() -> tuple[str, ...]:
    try:
        import torch
        import torchaudio  # noqa: F401  # it loads only beside the torch that it was built for
    except Exception as error:  # a broken installation raises anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return MISSING, "torch", f"cannot be imported: {reason[:120]}", f"rm -r .venv, then {INSTALL}"
    if torch.cuda.is_available():
        return OK, "torch", f"{torch.__version__}, uses CUDA on {torch.cuda.get_device_name(0)}"
    if gpu()[0] == OK:
        driver = "a driver for CUDA 13, or in .venv the torch of an older CUDA (pytorch.org)"
        return NOTE, "torch", f"{torch.__version__}, on the CPU: it cannot use the GPU that is there", driver
    return OK, "torch", f"{torch.__version__}, on the CPU"


# ---------------------------------------------------------------------- recipe
def recipe(report: Report, args: argparse.Namespace, data: Path, exp: Path) -> bool:
    """Lines on configuration, corpora and models; True if the configuration is wrong."""
    sys.path.insert(0, str(ROOT))
    try:
        if sys.version_info < (3, 10):  # noqa: UP036  # whatever python3 there is, before the installation
            raise ImportError
        from pseudovox import config as configuration
        from pseudovox.errors import PseudovoxError
    except ImportError:
        report.line(NOTE, "recipe", "cannot be read before the environment is there")
        return False
    try:
        config = configuration.compose(args.recipe, None, args.set)
        names = args.system.split(",") if args.system else config.systems
        systems = {name: configuration.compose(args.recipe, name, args.set) for name in names}
    except PseudovoxError as error:
        message, _, mend = str(error).partition("\n  mend: ")
        report.line(WRONG, "recipe", message, mend)
        return True
    report.line(OK, "recipe", f"systems {', '.join(systems) or 'none'}")
    corpora(report, config, data)
    models(report, config, systems, exp)
    return False


def corpora(report: Report, config: object, data: Path) -> None:
    sets = config.sets
    wanted = [*sets.train, *sets.pool, *sets.attacker, *sets.recognizer, *sets.anonymize]
    wanted = list(dict.fromkeys(wanted + [name for pair in sets.trials for name in pair.split()]))
    made = [name for name in wanted if (data / name / ".done.json").is_file() or (data / name / "wav.scp").is_file()]
    if len(made) == len(wanted):
        report.line(OK, "data dirs", f"{len(made)}, all in {data}")
        return
    report.line(OK, "data dirs", f"{len(made)} of {len(wanted)} in {data}; stage data makes the others")
    for command in config.data.prepare:
        for word in command.split()[1:]:
            if word.startswith("FOLDER"):
                source(report, "recordings", config.data.folder, word[len("FOLDER") :], "data.folder")
            elif word.startswith("CORPORA"):
                source(report, "corpus", config.data.corpora, word[len("CORPORA") :], "data.corpora")


def source(report: Report, name: str, folder: str, rest: str, key: str) -> None:
    if not folder:
        report.line(MISSING, name, "no folder was given", f"--set {key}=/where/they/are")
    elif not Path(folder + rest).is_dir():
        report.line(MISSING, name, f"{folder}{rest} is no folder", f"--set {key}=/where/it/lies")
    else:
        report.line(OK, name, folder + rest)


def models(report: Report, config: object, systems: dict[str, object], exp: Path) -> None:
    folder = Path(config.models) if config.models else exp / "models"
    if config.sets.train:
        report.line(OK, "models", f"trained by the recipe, in {folder}")
        return
    needed = {f"{name}/model.json": name for name in ("xvector", "bottleneck", "synthesizer")}
    if not config.sets.pool:
        fitted = [name for name, its in systems.items() if "fit" in its.system.stages]
        needed.update({f"pseudo/{name}/pseudo.json": f"pseudo/{name}" for name in fitted})
    absent = [name for file, name in needed.items() if not (folder / file).is_file()]
    if absent:
        mend = "./run.sh makes those of recipes/mini, in exp/mini/models; or --set models=/other/exp/models"
        report.line(MISSING, "models", f"not in {folder}: {', '.join(absent)}", mend)
    else:
        report.line(OK, "models", f"{len(needed)} in {folder}")


if __name__ == "__main__":
    sys.exit(main())
