"""A finished run as it lies on disk: what the page is drawn from. Whatever is not there is left out of the page."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from pseudovox import config as configuration
from pseudovox.config import Config
from pseudovox.core.errors import PseudovoxError
from pseudovox.data.datadir import DataDir, origin
from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.records import FILE, ORIGINAL, Record, Timing, read_records
from pseudovox.report.headline import headline, means_by_training

GENDERS = {"f": "female", "m": "male", "all": "all"}


@dataclass(frozen=True)
class Work:
    """What one command of a run did, from the markers and logs of its outputs.

    Attributes:
        step: its script's name.
        command: the line, "" where no log tells it.
        outputs: its folders, relative to where experiment and data dirs lie.
        seed, device, nj, versions, when: from the marker (`.done.json`) of the first.
        wall_seconds: of all of them.
    """

    step: str
    command: str
    outputs: tuple[str, ...]
    seed: str
    device: str
    nj: str
    versions: Mapping[str, str]
    when: str
    wall_seconds: float


@dataclass(frozen=True)
class TrialScores:
    """Where the scores of one attacker on one trial list lie.

    Attributes:
        folder: the output of steps/score_trials.py.
        scores, trials: the files.
        group: of the speakers: f, m or all.
    """

    system: str
    attacker: str
    set: str
    group: str
    folder: Path
    scores: Path
    trials: Path


@dataclass(frozen=True)
class Experiment:
    """A run.

    Attributes:
        folder: exp/<recipe>.
        data: data/<recipe>; None where it is not known, and nothing can be listened to.
        records: all of its figures.
        timings: of its steps.
        run: recipe, seed and commit.
        when: date and time of the report.
        config: the recipe's configuration.
    """

    folder: Path
    data: Path | None
    records: Sequence[Record]
    timings: Sequence[Timing]
    run: Mapping[str, Any]
    when: str
    config: Config = field(default_factory=Config)

    @property
    def seed(self) -> int:
        return int(self.run.get("seed", 1))

    @cached_property
    def systems(self) -> list[str]:
        """The anonymization systems that there are figures or speech of, in order."""
        measured = {record.system for record in self.records} - {ORIGINAL}
        ordered = [name for name in self.config.systems if name in measured]
        return ordered + sorted(measured - set(ordered)) or self.config.systems

    @cached_property
    def configs(self) -> dict[str, Config]:
        """The configuration of each system; of one that left none, the recipe's."""
        found = {}
        for system in self.systems:
            path = self.folder / system / "config.yaml"
            try:
                found[system] = configuration.load(path) if path.is_file() else self.config
            except PseudovoxError:  # of a later version, or not ours
                found[system] = self.config
        return found

    @cached_property
    def sets(self) -> list[str]:
        """Names of the sets with trials, or else of those that were recognised, or else of all: `test` first."""
        found: set[str] = set()
        for metric in ("eer", "wer", ""):
            found = found or {own.set for own in self.records if own.set and (not metric or own.metric == metric)}
        return sorted(found, key=lambda name: ("test" not in name, name))

    @cached_property
    def attackers(self) -> list[str]:
        """Those that there are figures of, from the one who knows least."""
        there = {record.attacker for record in self.records if record.metric == "eer"}
        return [attacker for attacker in ATTACKERS if attacker in there]

    @cached_property
    def figures(self) -> list[Record]:
        """The records, of attackers that were trained in several ways those of the strongest."""
        return headline(self.records)

    def groups(self, name: str) -> list[str]:
        """The groups of speakers that trials of a set are of."""
        there = {record.group for record in self.records if record.metric == "eer" and record.set == name}
        return [group for group in ("f", "m", "all") if group in there]

    def asv(self, system: str, attacker: str, training: str) -> Path:
        """Where the scores of an attacker on a system lie; `training`: "" of those trained in one way alone."""
        return self.folder / system / "asv" / "-".join(filter(None, (attacker, training)))

    def data_dir(self, name: str) -> DataDir | None:
        """A data dir of the run, without a check of its audio; None where it is not there or is damaged."""
        if self.data is None or not (self.data / name / "utt2spk").is_file():
            return None
        try:
            return DataDir.load(self.data / name)
        except PseudovoxError:
            return None

    def set_of(self, name: str) -> str:
        """The set of a data dir of the run, as it says itself, or else its name."""
        if self.data is not None:
            with contextlib.suppress(PseudovoxError):
                return origin.of_folder(self.data / name).set
        return origin.conventional(name).set

    def group_of(self, name: str) -> str:
        """The gender of the speakers of a data dir of the run, "all" where they are of several or it is not known."""
        if self.data is None:
            return origin.conventional_group(name)
        try:
            lines = (self.data / name / "spk2gender").read_text(encoding="utf-8").splitlines()
        except OSError:
            return "all"
        genders = {line.split()[-1] for line in lines if line.split()}
        return genders.pop() if len(genders) == 1 else "all"

    @cached_property
    def trial_scores(self) -> list[TrialScores]:
        """The score files of every system, attacker (of the strongest training) and trial list."""
        return sorted(self._trial_scores(), key=lambda one: (self.sets.index(one.set), one.group))

    def _trial_scores(self) -> Iterator[TrialScores]:
        means = means_by_training(self.records)
        strongest = {(system, name): next(iter(ways)) for (system, name, _), ways in means.items()}
        known = {(r.system, r.attacker, r.training, r.set): r for r in self.records if r.metric == "eer"}
        for system, attacker, training, name in sorted(known):
            if name not in self.sets or (training and training != strongest.get((system, name), training)):
                continue
            folder = self.asv(system, attacker, training)
            for pair in self.config.sets.trials:
                enrolment, _, trials = pair.partition(" ")
                if self.data is None or self.set_of(trials) != name:
                    continue
                tested = trials if system == ORIGINAL else f"{trials}_{system}"
                enrolled = enrolment if ATTACKERS[attacker].sides[0] == "O" else f"{enrolment}_{system}"
                scores, labels = folder / f"{enrolled}-{tested}" / "scores", self.data / trials / "trials"
                if scores.is_file() and labels.is_file():
                    yield TrialScores(system, attacker, name, self.group_of(trials), folder, scores, labels)

    @cached_property
    def works(self) -> list[Work]:
        """What every command did, in the order in which they began."""
        found: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
        for timing in self.timings:
            folder = self._place(timing.output)
            marker = _json(folder / ".done.json")
            command = command_of(folder, timing.step)
            found.setdefault((timing.step, command or timing.output), []).append((timing.output, marker))
        works = []
        for (step, line), made in found.items():
            first = made[0][1]
            works.append(
                Work(
                    step,
                    line if line != made[0][0] else "",
                    tuple(output for output, _ in made),
                    str(first.get("seed", "")),
                    str(first.get("device", "")),
                    str(first.get("nj", "")),
                    {str(name): str(version) for name, version in (first.get("versions") or {}).items()},
                    str(first.get("when", "")),
                    sum(float(marker.get("wall_seconds") or 0.0) for _, marker in made),
                )
            )
        return works

    def work_of(self, output: Path) -> int | None:
        """The number, from 1, of the command that made an output."""
        return self._work_by_place.get(output)

    @cached_property
    def _work_by_place(self) -> dict[Path, int]:
        numbered = [(self._place(own), number) for number, work in enumerate(self.works, 1) for own in work.outputs]
        return dict(reversed(numbered))  # of two that name one place the first counts

    def _place(self, output: str) -> Path:
        """The folder of an output that timings name relative to the folder above the experiment's, or the data's."""
        for root in (self.folder.parent, *([self.data.parent] if self.data else [])):
            if (root / output).is_dir():
                return root / output
        return self.folder.parent / output


def read_run(folder: Path) -> Experiment:
    """A run as its report has it: the figures and the configuration, without speech.

    Raises:
        DataError: there is no report, or it is no report of ours.
    """
    path = folder / "report" / FILE
    records = read_records(path)
    whole = _json(path)
    resolved = folder / "config.yaml"
    config = configuration.load(resolved) if resolved.is_file() else Config()
    times = whole.get("times") or {}
    names = {entry.name for entry in fields(Timing)}
    timings = [Timing(**{key: one[key] for key in names}) for one in times.get("steps", []) if names <= one.keys()]
    return Experiment(folder, None, records, timings, whole.get("run") or {}, str(times.get("when", "")), config)


def command_of(folder: Path, step: str) -> str:
    """The command line in the log of an output, which is in its own folder or in another one of the same command."""
    for place in (folder, folder.parent):
        try:
            text = (place / "log" / f"{step}.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        lines = [line.partition("command: ")[2] for line in text.splitlines() if "command: " in line]
        if lines:
            return lines[-1]
    return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
