"""The table that the page begins with: a row for every system, a column for every figure that people compare by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.kinds.measurements import figures
from pseudovox.records import ORIGINAL, Record, Timing, is_emotion_metric, whisper_label
from pseudovox.report.formatting import system_name
from pseudovox.report.page.experiment import Experiment

ALL = "all"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        key: of its cells; the attacker for an EER.
        title: over the column, with its unit.
        meaning: in plain words, for the legend.
        better: "high", "low", "half" (nearest to 50) or "zero" (nearest to 0).
        decimals: that are shown.
        attacker: of an EER.
    """

    key: str
    title: str
    meaning: str
    better: str
    decimals: int = 1
    attacker: str = ""


_PRIVACY = [
    *(
        Column(
            name,
            f"EER % {name}",
            f"Equal error rate of the {name} attacker ({attacker.sides}), who {attacker.knows}."
            if name != "original"
            else f"Equal error rate on original speech ({attacker.sides}): {attacker.knows}.",
            "half",
            attacker=name,
        )
        for name, attacker in ATTACKERS.items()
    ),
    Column(
        "disclosure_worst",
        "bits, worst",
        "Bits of who speaks that the rarest code of a quantised x-vector tells: one in 2 to the power of it has such a "
        "code.",
        "low",
        2,
    ),
    Column(
        "disclosure_average",
        "bits, average",
        "Bits of who speaks that a code of a quantised x-vector tells on average.",
        "low",
        2,
    ),
]
_WORDS = Column(
    "wer", "WER %", "Word error rate: of 100 words, how many a recogniser gets wrong. Lower is better.", "low"
)


def all_columns() -> list[Column]:
    """Attackers, what codes disclose, words, and what is measured of speech (kinds/measurements)."""
    measured = (
        Column(name, figure.page, figure.meaning, figure.better, figure.decimals)
        for name, figure in figures().items()
        if figure.page
    )
    return [*_PRIVACY, _WORDS, *measured]


def columns_among(keys: Iterable[str]) -> list[Column]:
    """The columns of these keys in their order: `all_columns`, and after the WER one for each of Whisper's models."""
    there = set(keys)
    whisper = [
        Column(
            key,
            f"WER % Whisper {label}",
            f"Word error rate by Whisper's model {label}, which nobody here trained: what people would not understand.",
            "low",
        )
        for key in sorted(there)
        if (label := whisper_label(key))
    ]
    columns = all_columns()
    after = columns.index(_WORDS) + 1
    return [column for column in [*columns[:after], *whisper, *columns[after:]] if column.key in there]


EER_MEANING = (
    "An equal error rate (EER) says how often an attacker who compares two voices is wrong: at 0 every speaker is "
    "found, at 50 the attacker can only guess. Above 50 it is wrong more often than by guessing, and who knows it can "
    "turn its answers round: 50 is the best there is."
)


@dataclass(frozen=True)
class Cell:
    """A figure of the table; `best` among the anonymization systems of its column."""

    value: float
    text: str
    interval: str = ""
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A system: `name` is shown, `run` tells runs apart that are compared."""

    system: str
    name: str
    cells: dict[str, Cell]
    run: str = ""


@dataclass(frozen=True)
class Body:
    """The rows for one set and group of speakers."""

    set: str
    group: str
    rows: list[Row]


def columns_of(bodies: Sequence[Body]) -> list[Column]:
    """The columns that any row has a figure in."""
    return columns_among(key for body in bodies for row in body.rows for key in row.cells)


def bodies(experiment: Experiment, run: str = "") -> list[Body]:
    """The table of every set, for all speakers and by gender, best values marked."""
    made = []
    for name in experiment.sets:
        groups = experiment.groups(name)
        for group in [ALL, *(own for own in groups if own != ALL and len(groups) > 1)]:
            made.append(Body(name, group, mark_best(_rows(experiment, name, group, run))))
    return made


def mark_best(rows: Sequence[Row]) -> list[Row]:
    """The rows with the best figures of the anonymization systems marked, equals together; of a single one, nothing."""
    best: dict[str, float] = {}
    columns = columns_among(key for row in rows for key in row.cells)
    for column in columns:
        ranks = [_rank(column, row.cells[column.key]) for row in rows if _counts(row, column)]
        if len(ranks) > 1:
            best[column.key] = min(ranks)
    marked = []
    for row in rows:
        cells = {
            column.key: replace(
                row.cells[column.key],
                best=_counts(row, column) and _rank(column, row.cells[column.key]) == best.get(column.key),
            )
            for column in columns
            if column.key in row.cells
        }
        marked.append(replace(row, cells=cells))
    return marked


def _counts(row: Row, column: Column) -> bool:
    return row.system != ORIGINAL and column.attacker != ORIGINAL and column.key in row.cells


def _rank(column: Column, cell: Cell) -> float:
    """Lower is better; figures that look the same are the same."""
    value = float(shown(cell.value, column.decimals))
    return {"high": -value, "low": value, "half": abs(value - 50.0), "zero": abs(value)}[column.better]


def _rows(experiment: Experiment, name: str, group: str, run: str) -> list[Row]:
    levels = {(record.system, record.level) for record in experiment.records if record.system != ORIGINAL}
    pairs = [(system, level) for system in experiment.systems for level in sorted(v for s, v in levels if s == system)]
    # A figure without a level (speed) belongs to all levels of its system.
    pairs = [(s, v) for s, v in pairs if v or not any(other == s and level for other, level in pairs)]
    keys = {*(column.key for column in all_columns()), *(record.metric for record in experiment.records)}
    rows = []
    for system, level in [(ORIGINAL, ""), *pairs]:
        cells = {}
        for column in columns_among(keys):
            cell = _cell(experiment, column, system, level, name, group)
            if cell:
                cells[column.key] = cell
        rows.append(Row(system, system_name(system, level), cells, run))
    return rows


def _cell(experiment: Experiment, column: Column, system: str, level: str, name: str, group: str) -> Cell | None:
    if column.key == "real_time_factor":
        return _speed(experiment, system, column)
    if column.attacker == ORIGINAL and system != ORIGINAL:
        return None  # what the attacker does on original speech is no figure of the system
    record = figure_of(experiment.figures, column, system, level, name, group)
    if record is None or record.value is None or not math.isfinite(record.value):
        return None
    interval = ""
    if record.ci_low is not None and record.ci_high is not None:
        interval = f"{shown(record.ci_low, column.decimals)} to {shown(record.ci_high, column.decimals)}"
    counted = f"{record.n:,} {record.n_of}" if record.n else ""
    return Cell(record.value, shown(record.value, column.decimals), interval, counted)


def shown(value: float, decimals: int) -> str:
    """A figure as it is shown; what rounds to 0 has no sign."""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def figure_of(
    records: Sequence[Record], column: Column, system: str, level: str, name: str, group: str
) -> Record | None:
    """A figure of one system; of all speakers the mean of women's and men's, where it was measured on these alone.

    The interval of such a mean is that of independent figures: both lists have speakers of their own.
    """
    metric = "eer" if column.attacker else column.key
    own = [
        record
        for record in records
        if (record.metric, record.system, record.attacker) == (metric, system, column.attacker)
        and record.level == level
        and (column.attacker or not record.training)
        and (record.set == name or ((metric == "uar" or is_emotion_metric(metric)) and record.set == "emotion"))
    ]
    by_group = {record.group: record for record in sorted(own, key=lambda record: record.set == name)}
    if group in by_group or group != ALL:
        return by_group.get(group)
    return mean_of([by_group[part] for part in ("f", "m") if part in by_group])


def mean_of(parts: Sequence[Record]) -> Record | None:
    """The plain mean of figures of different speakers, with the interval of independent ones.

    None if there are none, or one is undefined.
    """
    values = [record.value for record in parts if record.value is not None]
    if not values or len(values) < len(parts):
        return None
    mean = sum(values) / len(values)
    low = high = None
    ends = [(r.value, r.ci_low, r.ci_high) for r in parts]
    if all(value is not None and lower is not None and upper is not None for value, lower, upper in ends):
        low = mean - math.hypot(*((value or 0) - (lower or 0) for value, lower, _ in ends)) / len(parts)
        high = mean + math.hypot(*((upper or 0) - (value or 0) for value, _, upper in ends)) / len(parts)
    return replace(parts[0], value=mean, group=ALL, ci_low=low, ci_high=high, n=sum(record.n for record in parts))


# The steps that anonymize; those that every system shares work on the original data dirs.
_SHARED = ("extract_xvectors", "extract_f0", "extract_bottleneck")


def _speed(experiment: Experiment, system: str, column: Column) -> Cell | None:
    """The measured real-time factor (batch 1, longest speech), or else that of the run's own steps."""
    if system == ORIGINAL:
        return None
    measured = [
        record
        for record in experiment.records
        if record.system == system and record.metric.startswith("real_time_factor") and record.value is not None
    ]
    if measured:
        record = max(measured, key=lambda r: (r.metric.endswith("batch_1"), r.details.get("seconds", 0)))
        note = f"measured on {record.details.get('seconds', 0):g} s of speech, {record.details.get('machine', '')}"
        return Cell(record.value or 0.0, f"{record.value:.{column.decimals}f}", note=note)
    factors = step_factors(system, experiment.timings)
    if not factors:
        return None
    total = sum(factors.values())
    parts = ", ".join(f"{step} {factor:.4f}" for step, factor in factors.items())
    return Cell(total, f"{total:.{column.decimals}f}", note=f"of this run's own steps, files included: {parts}")


def step_factors(system: str, timings: Sequence[Timing]) -> dict[str, float]:
    """Real-time factors of the steps through which speech goes on its way to a system's anonymized data dirs."""
    originals = {timing.output.rpartition("/")[2] for timing in timings if timing.step.startswith("prepare")}
    made_here = {f"{original}_{system}" for original in originals}
    made: dict[str, list[Timing]] = {}
    for timing in timings:
        *folders, last = timing.output.split("/")
        anonymized = last in made_here if originals else last.endswith(f"_{system}")
        own = anonymized and timing.step.startswith(("synthesize", "anonymize"))
        if timing.audio_seconds and (own or (system in folders and timing.step == "transform_f0")):
            made.setdefault(timing.step, []).append(timing)
    if "synthesize_speech" in made:
        for timing in timings:
            if timing.step in _SHARED and timing.audio_seconds and "asv" not in timing.output.split("/"):
                made.setdefault(timing.step, []).append(timing)
    return {
        step: sum(t.wall_seconds for t in own) / sum(t.audio_seconds for t in own) for step, own in sorted(made.items())
    }
