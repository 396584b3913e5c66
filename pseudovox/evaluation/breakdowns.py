"""Equal error rates of parts of a trial list: by gender, enrolled speaker, emotion, target, or any table.

What belongs to which part is looked up by id, for each trial. A table of speakers (spk2...) takes trials whose
enrolled and tested speaker both have the value; one of utterances (utt2...) takes trials by their test utterance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.seeds import generator
from pseudovox.data.datadir import DataDir, write_atomic
from pseudovox.metrics.eer import equal_error
from pseudovox.metrics.intervals import TrialList, bootstrap_intervals
from pseudovox.records import Record

if TYPE_CHECKING:
    from pseudovox.config import Scoring

SPEAKER = "speaker"  # a breakdown by enrolled speaker, which needs no table
USUAL = ("spk2gender", "utt2emo", "utt2target")  # looked at wherever they are there
COLUMNS = ("system", "attacker", "training", "set", "level", "group", "by", "value", "eer", "ci_low", "ci_high")


@dataclass(frozen=True)
class Part:
    """A part of a trial list.

    Attributes:
        by: the table that divides the list, or SPEAKER.
        value: of the table, or the speaker.
        inside: bool (trials,), what belongs to it.
    """

    by: str
    value: str
    inside: np.ndarray


def divide(enrolment: DataDir, trials: DataDir, by: Sequence[str] = ()) -> list[Part]:
    """The parts of a trial list, by table and sorted by value.

    By enrolled speaker always; by the tables of USUAL that the data dir of the trials has; by the tables `by`.
    A table that has one value for all is passed over.

    Args:
        enrolment, trials: the data dirs.
        by: names of tables, spk2... or utt2...

    Raises:
        UsageError: a name that says neither; DataError: a table is missing, or lacks an id.
    """
    enrolled = [trial.speaker for trial in trials.trials]
    parts = _parts(SPEAKER, enrolled, enrolled)
    for name in dict.fromkeys([*(name for name in USUAL if name in trials.tables), *by]):
        if name.startswith("utt2"):
            of_tested = _looked_up(name, trials, [trial.utterance for trial in trials.trials])
            parts += _parts(name, of_tested, of_tested)
        elif name.startswith("spk2"):
            of_tested = _looked_up(name, trials, [trials.utt2spk[trial.utterance] for trial in trials.trials])
            parts += _parts(name, _looked_up(name, enrolment, enrolled), of_tested)
        else:
            raise UsageError(f"scoring.by: {name!r}: expected a table of a data dir, spk2<name> or utt2<name>")
    return parts


def _parts(by: str, of_enrolled: Sequence[str], of_tested: Sequence[str]) -> list[Part]:
    one, other = np.array(of_enrolled), np.array(of_tested)
    names = np.unique(np.concatenate([one, other]))
    return [Part(by, str(name), (one == name) & (other == name)) for name in names] if len(names) > 1 else []


def _looked_up(name: str, data: DataDir, keys: Sequence[str]) -> list[str]:
    """The value of every key in a table of a data dir; DataError naming a key that is not there."""
    table: Mapping[str, str] = data.table(name)
    missing = sorted(set(keys) - table.keys())
    if missing:
        raise DataError(
            f"{data.path}/{name}: no line for {missing[0]}, which a trial names", f"complete {data.path}/{name}"
        )
    return [table[key] for key in keys]


def rates(
    enrolment: DataDir, trials: DataDir, scored: TrialList, of: Record, options: Scoring, seed: int
) -> list[Record]:
    """The equal error rate of every part of a trial list, as figures (eer_part) beside that of the whole list.

    Args:
        enrolment, trials: the data dirs.
        scored: all trials, in the order of the list.
        of: the figure of the whole list. A part's group is `<its group>/<table>=<value>`, e.g. f/utt2emo=ang.
        options: section `scoring`: `by`, and `interval_rounds` of the resamples; single speakers cannot be resampled.
        seed: of the resamples.

    Raises:
        UsageError, DataError: as `divide`.
    """
    found = []
    for part in divide(enrolment, trials, options.by):
        group = f"{of.group}/{part.by}={part.value}"
        draw = generator(seed, "part-interval", f"{of.attacker}/{of.system}/{trials.name}/{group}")
        rounds = 0 if part.by == SPEAKER else options.interval_rounds
        found.append(replace(rate(part, scored, of, draw, rounds), metric="eer_part", group=group))
    return found


def rate(part: Part, trials: TrialList, of: Record, draw: np.random.Generator, rounds: int) -> Record:
    """The figure of one part, with an interval from so many resamples; undefined without targets or non-targets."""
    own = TrialList(*(getattr(trials, name)[part.inside] for name in ("scores", "target", "enrolled", "tested")))
    targets = int(own.target.sum())
    nontargets = len(own.target) - targets
    value: float | None = None
    interval: tuple[float | None, float | None] = (None, None)
    if targets and nontargets:
        value = 100.0 * equal_error(own.scores[own.target], own.scores[~own.target]).rate
        if rounds:
            interval = bootstrap_intervals(own, draw, replicates=rounds, allow_few=True).get("eer", interval)
    return replace(
        of,
        value=value,
        ci_low=interval[0],
        ci_high=interval[1],
        n=targets + nontargets,
        details={"targets": targets, "nontargets": nontargets},
    )


def is_reported(record: Record) -> bool:
    """Whether the figure of a part goes into results.json, too: those of single speakers do not."""
    return f"/{SPEAKER}=" not in record.group


def write_table(path: Path, records: Sequence[Record]) -> None:
    """Write breakdowns.tsv, a line for each part: COLUMNS, targets and nontargets; undefined figures are empty."""
    lines = ["\t".join([*COLUMNS, "targets", "nontargets"])]
    for record in records:
        group, _, part = record.group.partition("/")
        by, _, value = part.partition("=")
        marks = [str(getattr(record, name)) for name in COLUMNS[:5]]
        figures = ["" if x is None else f"{x:.3f}" for x in (record.value, record.ci_low, record.ci_high)]
        counts = [str(record.details[name]) for name in ("targets", "nontargets")]
        lines.append("\t".join([*marks, group, by, value, *figures, *counts]))
    write_atomic(path, "".join(line + "\n" for line in lines))
