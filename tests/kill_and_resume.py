#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Kill ./run.sh and all of its workers at random instants, run it again, and compare with an unbroken run.

One chain is killed again and again (SIGKILL) until it comes to its end; a new one begins if there are kills left. The
instants are drawn: mostly while new work is done, some while what is done is being skipped; some kills leave the jobs
of a step behind. At the end every file must be there and hold the same bytes as after the unbroken run, but for logs,
TensorBoard's events, and what tells times.

Example
    tests/kill_and_resume.py --kills 50 --folder /tmp/killed                    the smallest recipe: 15 min on two cores
    tests/kill_and_resume.py --kills 5 --folder /tmp/killed -- --stage data --stop-stage xvector
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TIMES = ("when", "wall_seconds", "real_time_factor", "times", "commit", "versions", "nj")
RESTART_SECONDS = 2.0  # that a step takes to come back to where it was
ORPHAN_SHARE = 0.3  # of the kills: without the jobs
IDLE_SHARE = 0.2  # of the kills: at any time since the start, so most likely while skipping


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="of the instants")
    parser.add_argument("--folder", type=Path, required=True, help="for the runs; must not be there yet")
    parser.add_argument("options", nargs="*", help="of ./run.sh, after `--`")
    args = parser.parse_args(argv)

    def command(folder: Path) -> list[str]:
        places = ["--data-dir", f"{folder}/data", "--exp-dir", f"{folder}/exp"]
        return [str(ROOT / "run.sh"), "--set", "size=smoke", "--device", "cpu", "--nj", "2", *places, *args.options]

    args.folder.mkdir(parents=True)
    told = kill_and_resume(command, args.folder, args.kills, args.seed)
    print(told)
    return 1 if told.differences else 0


@dataclass
class Outcome:
    """What came of it."""

    kills: int = 0
    chains: int = 0
    seconds_whole: float = 0.0
    seconds: float = 0.0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = "\n  ".join(self.differences[:20]) or "none"
        return (
            f"{self.kills} kills in {self.chains} chains, {self.seconds:.0f} s"
            f" (the unbroken run: {self.seconds_whole:.0f} s); differences: {found}"
        )


def kill_and_resume(
    command: Callable[[Path], list[str]], folder: Path, kills: int, seed: int, *, density: float = 1.0
) -> Outcome:
    """Run, kill and rerun `command(<folder>/broken)`; compare with `command(<folder>/whole)`.

    Args:
        command: of a chain that shows each of its commands on a line that starts with `$ `.
        folder: for the runs.
        kills: how many in all.
        seed: of the instants.
        density: 1 = so that the kills spread over one chain, about; 2 = over half of it.
    """
    draw = random.Random(seed)
    outcome = Outcome()
    started = time.monotonic()
    whole, broken = folder / "whole", folder / "broken"
    _Run(command(whole)).finish()
    outcome.seconds_whole = time.monotonic() - started
    # Each kill takes back what was done since the last saving.
    spacing = (outcome.seconds_whole / kills + RESTART_SECONDS) / density
    started = time.monotonic()
    while outcome.kills < kills or not outcome.chains:
        shutil.rmtree(broken, ignore_errors=True)
        outcome.kills += _one_chain(command(broken), kills - outcome.kills, spacing, draw)
        outcome.chains += 1
        outcome.differences += compare(whole, broken)
        if outcome.differences:
            break
    outcome.seconds = time.monotonic() - started
    return outcome


def _one_chain(command: list[str], kills: int, spacing: float, draw: random.Random) -> int:
    """Kill the chain up to so many times, about every `spacing` seconds of new work, and bring it to its end."""
    done = reached = stuck = 0
    skipping = 0.0  # seconds that the last run took to come to new work
    while done < kills:
        run = _Run(command)
        patience = spacing * 1.5**stuck  # a stage that needs longer between two savings gets longer
        if draw.random() < IDLE_SHARE:
            run.wait(draw.uniform(0, skipping + patience))
        else:
            skipping = run.wait_for_command(reached)
            run.wait(draw.uniform(0, 2 * patience))
        if run.ended():
            run.finish()
            return done
        run.kill(orphans=draw.random() < ORPHAN_SHARE)
        done += 1
        stuck = stuck + 1 if run.commands <= reached else 0
        reached = max(reached, run.commands)
        print(f"kill {done}: after {run.seconds():.1f} s, in command {run.commands}: {run.last[:100]}", flush=True)
    _Run(command).finish()
    return done


class _Run:
    """A chain at work, in a session of its own."""

    def __init__(self, command: list[str]) -> None:
        environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
            start_new_session=True,
        )  # fmt: skip
        self.started = time.monotonic()
        self.commands = 0  # begun so far
        self.last = ""
        self.shown: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.shown.append(line)
            if line.startswith("$ "):
                self.commands += 1
                self.last = line[2:].strip()

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.ended():
            time.sleep(0.01)

    def wait_for_command(self, number: int) -> float:
        """Until so many commands were begun; the seconds that took."""
        while self.commands < number and not self.ended():
            time.sleep(0.01)
        return self.seconds()

    def kill(self, *, orphans: bool = False) -> None:
        """SIGKILL to run.sh, its steps and their jobs, all stopped first so that none starts another.

        Args:
            orphans: leave the jobs to notice that their step is gone; the next run starts while they may still write.
        """
        family = self._family(orphans)
        for process in family:
            _signal(process, signal.SIGSTOP)
        for process in family | self._family(orphans):
            _signal(process, signal.SIGKILL)
        self.process.wait()

    def _family(self, orphans: bool) -> set[int]:
        return {process for process in _family(self.process.pid) if not (orphans and _is_job(process))}

    def finish(self) -> None:
        """Until its end; AssertionError with what it showed if it failed."""
        self.process.wait()
        self.reader.join()
        assert self.process.returncode == 0, "".join(self.shown[-60:])


def _signal(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _is_job(process: int) -> bool:
    try:
        return b"submitit" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def _family(process: int) -> set[int]:
    """A process and all that descend from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def compare(whole: Path, broken: Path) -> list[str]:
    """What differs between two runs' folders, as lines; empty if nothing does."""
    one, other = _contents(whole), _contents(broken)
    lines = [f"missing: {name}" for name in sorted(one.keys() - other.keys())]
    lines += [f"left over: {name}" for name in sorted(other.keys() - one.keys())]
    return lines + [f"differs: {name}" for name in sorted(one.keys() & other.keys()) if one[name] != other[name]]


def _contents(folder: Path) -> dict[str, str]:
    """Digest of each file by its name, without the folder's own name and without times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or {"log", "tensorboard"} & set(name.parts):
            continue
        if name.parent.name == "report" and path.suffix != ".json":
            continue  # the tables show times
        content = path.read_bytes()
        if path.suffix == ".json":
            content = json.dumps(_without_times(json.loads(content)), sort_keys=True).encode()
        content = content.replace(os.path.abspath(folder).encode(), b"")
        found[str(name)] = hashlib.sha256(content).hexdigest()
    return found


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        # The report's own inputs are results that hold no times; its digest covers them.
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [_without_times(item) for item in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
