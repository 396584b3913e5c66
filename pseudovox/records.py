"""Results: one flat record per figure, written by scoring steps and collected by the report.

A scoring step writes `results.json` in its output dir: {"records": [...]}, without anything that differs between two
equal runs. The report adds seed and commit to every record, and, the only things that two equal runs differ in
(`without_times`), when and in how many seconds the step that gave the figure was done, and the times of all steps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pseudovox.core.errors import DataError
from pseudovox.data.datadir import write_json
from pseudovox.stage.digests import other_code

FILE = "results.json"
ORIGINAL = "original"  # the "system" of speech that was not anonymized

GROUPS = ("f", "m", "all")


def whisper_metric(label: str) -> str:
    """The metric of the WER by a model of Whisper's, by the model's name ("base.en")."""
    return f"whisper_{label}_wer"


def whisper_label(metric: str) -> str:
    """The model's name of such a metric; "" of any other metric."""
    ours = metric.startswith("whisper_") and metric.endswith("_wer")
    return metric.removeprefix("whisper_").removesuffix("_wer") if ours else ""


def emotion_metric(model: str, figure: str) -> str:
    """The metric of a figure of arousal, dominance and valence ("arousal_difference") by a model ("wav2vec2")."""
    return f"emotion_{model}_{figure}"


def is_emotion_metric(metric: str) -> bool:
    """Is it one of `emotion_metric`?"""
    return metric.startswith("emotion_")


@dataclass(frozen=True)
class Record:
    """One figure.

    Attributes:
        metric: "eer", "wer", "pitch_correlation_voiced", ...: the tables of the report know those that they show.
        value: the figure in `unit`; None where it is undefined.
        unit: "%" or "".
        system: name of the anonymization system, or ORIGINAL.
        attacker: one of kinds.attackers.ATTACKERS for privacy metrics.
        training: how the semi-informed or informed attacker was trained (config.ATTACKER_TRAININGS), "" for the others.
        set: "dev", "test": that of the data dirs (see datadir.origin).
        group: "f", "m" or "all"; of a part of the trials (metric eer_part) `<group>/<table>=<value>`.
        level: "spk" or "utt" where the figure depends on the level of anonymization.
        ci_low, ci_high: 95 % interval.
        n: how much the figure is computed on, counted in `n_of`.
        n_of: "trials", "words", "utterances", ...
        details: further numbers and named choices (counts, normalisation).
        when, seconds: when the step that gave the figure began, and what it took for all its figures.
        commit: of the code that made the figure.
        other_code: what of the code that made it, or what it was made from, is not today's; "" = nothing.

        The last four are known to records that were collected from steps, and no part of what two are compared by.
    """

    metric: str
    value: float | None
    unit: str = ""
    system: str = ORIGINAL
    attacker: str = ""
    set: str = ""
    group: str = "all"
    level: str = ""
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 0
    n_of: str = ""
    training: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    when: str = field(default="", compare=False)
    seconds: float | None = field(default=None, compare=False)
    commit: str = field(default="", compare=False)
    other_code: str = field(default="", compare=False)

    def key(self) -> tuple[str, ...]:
        """What identifies the figure."""
        return self.system, self.set, self.metric, self.attacker, self.training, self.level, self.group

    def as_dict(self) -> dict[str, Any]:
        """Plain and ready for json: NaN becomes None, numbers have 6 decimals (beyond it machines differ)."""
        return {
            name: _plain(value)
            for name, value in asdict(self).items()
            if name not in _OF_STEP or value not in ("", None)
        }


_TIMES = ("when", "seconds")
_OF_STEP = (*_TIMES, "commit", "other_code")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, (bool, str, int)) or value is None:
        return value
    return round(float(value), 6) if math.isfinite(value) else None


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write the records of a scoring step, sorted.

    Raises:
        ValueError: two records have the same key.
    """
    ordered = sorted(records, key=Record.key)
    keys = [record.key() for record in ordered]
    if len(set(keys)) < len(keys):
        raise ValueError("two records of the same metric, system, attacker, training, set, level and group")
    write_json(path, {"records": [record.as_dict() for record in ordered]})


def read_records(path: Path) -> list[Record]:
    """The records of a results.json, of a scoring step or of the report.

    Raises:
        DataError: it is missing or not such a file.
    """
    known = {entry.name for entry in fields(Record)}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["records"]
        return [Record(**{name: value for name, value in record.items() if name in known}) for record in found]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a file of results: {error}", f"rm -r {path.parent}, and run the step again that makes it"
        ) from None


def collect(files: Sequence[Path]) -> list[Record]:
    """All records of several files, with the times of their steps, by key; DataError if two give the same figure."""
    found: dict[tuple[str, ...], tuple[Record, Path]] = {}
    for path in files:
        marker = path.with_name(".done.json")
        done = _read_marker(marker) if marker.exists() else None
        for record in read_records(path):
            if done:
                record = replace(
                    record, when=done.when, seconds=done.wall_seconds, commit=done.commit, other_code=done.other_code
                )
            if record.key() in found:
                other = found[record.key()][1]
                raise DataError(f"{path} and {other} both give {'/'.join(filter(None, record.key()))}")
            found[record.key()] = record, path
    return [found[key][0] for key in sorted(found)]


@dataclass(frozen=True)
class Timing:
    """What a finished step took, from its .done.json."""

    step: str
    output: str
    wall_seconds: float
    audio_seconds: float
    when: str
    commit: str = ""
    other_code: str = ""

    @property
    def real_time_factor(self) -> float | None:
        return self.wall_seconds / self.audio_seconds if self.audio_seconds else None


def read_timings(folders: Sequence[Path]) -> list[Timing]:
    """Times of all finished outputs below some folders, in the order in which they were finished."""
    timings = []
    for folder in folders:
        for path in sorted(folder.rglob(".done.json")):
            if any(part.endswith((".partial", ".replaced")) for part in path.parts):
                continue
            timings.append(replace(_read_marker(path), output=str(path.parent.relative_to(folder.parent))))
    return sorted(timings, key=lambda timing: (timing.when, timing.output))


def _read_marker(path: Path) -> Timing:
    try:
        done = json.loads(path.read_text(encoding="utf-8"))
        return Timing(
            str(done["step"]),
            "",
            float(done["wall_seconds"]),
            float(done.get("audio_seconds") or 0.0),
            str(done.get("when", "")),
            str(done.get("versions", {}).get("commit", "")),
            _told(done),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a marker of a finished step: {error}") from None


def _told(done: dict[str, Any]) -> str:
    """Which steps on the way to an output, itself the last, were done by other code than today's; "" = none."""
    names = [*done.get("other_code", {}), *([str(done["step"])] if other_code(done) else [])]
    return ", ".join(names)


def summary(records: Sequence[Record], *, run: dict[str, Any], timings: Sequence[Timing], when: str) -> dict[str, Any]:
    """The report's results.json. `without_times`, it is the same for two runs of the same seed and commit.

    Args:
        records: the figures.
        run: what they come from: recipe, seed, commit; the seed also goes into each record, and the commit where the
            record names none of its own, so that records of several runs can be put together.
        timings: of the steps.
        when: date and time of the report.
    """
    marks = {name: run[name] for name in ("seed", "commit") if name in run}
    return {
        "run": run,
        "records": [{**marks, **record.as_dict()} for record in records],
        "times": {
            "when": when,
            "steps": [{**asdict(timing), "real_time_factor": timing.real_time_factor} for timing in timings],
        },
    }


def without_times(summary: dict[str, Any]) -> dict[str, Any]:
    """A report's results.json without what two equal runs differ in: `times`, and `when` and `seconds` of records."""
    records = [{name: value for name, value in record.items() if name not in _TIMES} for record in summary["records"]]
    return {**{name: value for name, value in summary.items() if name != "times"}, "records": records}
