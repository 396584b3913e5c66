"""Privacy against utility: a point for every system, with intervals, and the privacy conditions of the challenges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.records import ORIGINAL, Record
from pseudovox.report.averages import CONDITIONS, COUNTED
from pseudovox.report.page.experiment import Experiment
from pseudovox.report.page.figure import GRID, INK, MUTED, Figure, as_svg, canvas, strokes, word
from pseudovox.report.page.summary import ALL, all_columns, figure_of

Point = tuple[str, Record, Record]  # name, EER, WER


def explanation(config: Config) -> str:
    """How to read a plane."""
    return (
        "Each point is a system. Further up, the attacker fails more often (more privacy); further left, more words "
        "are understood (more utility): the best place is the upper left. Bars are 95 % intervals. Dashed lines are "
        f"the conditions of the {config.report.conditions}, which ranks systems by WER above each of them."
    )


def conditions_of(config: Config) -> tuple[float, ...]:
    """The EERs in percent that divide the plane (report.conditions); UsageError for a challenge that is not known."""
    if config.report.conditions not in CONDITIONS:
        raise UsageError(f"report.conditions {config.report.conditions!r}: expected {' or '.join(CONDITIONS)}")
    return CONDITIONS[config.report.conditions]


def planes(experiment: Experiment) -> list[Figure]:
    """The plane of every set and attacker that there are both figures of."""
    made = []
    for name in experiment.sets:
        for attacker in experiment.attackers:
            points = points_of(experiment, name, attacker)
            if points and attacker != ORIGINAL:
                folders = {experiment.asv(eer.system, eer.attacker, eer.training) for _, eer, _ in points}
                folders |= {experiment.folder / system / "wer" for system, _, _ in points}
                made.append(plane(points, experiment.systems, name, attacker, experiment.config, sorted(folders)))
    return made


def joint_planes(runs: Mapping[str, Experiment], sets: Sequence[str], attackers: Sequence[str]) -> list[Figure]:
    """The same with the systems of several runs, which are called `<run>: <system>`."""
    labels = [f"{run}: {system}" for run, experiment in runs.items() for system in experiment.systems]
    first = next(iter(runs.values()))
    made = []
    for name in sets:
        for attacker in attackers:
            points = [
                (f"{run}: {system}", eer, wer)
                for run, experiment in runs.items()
                for system, eer, wer in points_of(experiment, name, attacker)
            ]
            if points and attacker != ORIGINAL:
                made.append(plane(points, labels, name, attacker, first.config, []))
    return made


def baselines_of(config: Config) -> dict[str, tuple[float, float]]:
    """Published (EER, WER) in percent by name (report.baselines); UsageError where one is no such pair."""
    found = {}
    for name, pair in sorted(config.report.baselines.items()):
        if len(pair) != 2:
            raise UsageError(f"report.baselines.{name}: {pair}: expected [EER, WER], both in percent")
        found[name] = pair[0], pair[1]
    return found


def points_of(experiment: Experiment, name: str, attacker: str) -> list[Point]:
    """(system, EER, WER) of every system that has both in a set; the EER is the mean over its lists."""
    columns = {column.key: column for column in all_columns()}
    levels = {record.system: record.level for record in experiment.records if record.metric == "eer"}
    found: list[Point] = []
    for system in experiment.systems:
        eer, wer = (
            figure_of(experiment.figures, columns[key], system, levels.get(system, ""), name, ALL)
            for key in (attacker, "wer")
        )
        if eer is not None and wer is not None and None not in (eer.value, wer.value):
            found.append((system, eer, wer))
    return found


def plane(
    points: Sequence[Point], labels: Sequence[str], name: str, attacker: str, config: Config, sources: Sequence[Path]
) -> Figure:
    """One plane.

    Args:
        points: name, EER and WER (percent, with their intervals) of each system.
        labels: the names of all systems, which give each its colour.
        name, attacker: the set and the attacker.
        config: has the published baselines, which are drawn in grey, and the challenge whose conditions are drawn.
        sources: outputs of steps that the figures come from.
    """
    colours = {label: its["color"] for label, its in strokes(labels).items()}
    baselines = baselines_of(config) if attacker == COUNTED else {}
    drawn = canvas(6.2, 4.2, (0.6, 0.52, 0.68, 0.1))
    axes = drawn.subplots()
    highest = max([eer.ci_high or eer.value or 0.0 for _, eer, _ in points] + [54.0])
    widest = max([w.ci_high or w.value or 0.0 for _, _, w in points] + [pair[1] for pair in baselines.values()])
    axes.set(xlim=(0, widest * 1.12 + 1), ylim=(-1.5, min(102.0, highest + 3)))
    axes.set(xlabel="WER in %: fewer wrong words to the left", ylabel=f"EER in % of the {attacker} attacker")
    axes.grid(visible=False)
    if attacker == COUNTED:
        for number, bound in enumerate(conditions_of(config), 1):
            axes.axhline(bound, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
            axes.text(1.005, bound, f"EER_{number}", transform=axes.get_yaxis_transform(), va="center", fontsize=8.5,
                      color=MUTED)  # fmt: skip
    axes.axhline(50, color=GRID, linewidth=1.2, zorder=0)
    axes.text(1.005, 50, "guessing", transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=MUTED)
    for label, (eer_value, wer_value) in baselines.items():
        axes.plot(wer_value, eer_value, marker="D", markersize=6, color="#999999", linestyle="none", zorder=2)
        axes.annotate(label, (wer_value, eer_value), (6, -9), textcoords="offset points", fontsize=8.5, color=MUTED)
    for label, eer, wer in points:
        axes.errorbar(
            [wer.value], [eer.value], xerr=_bars(wer), yerr=_bars(eer), color=colours[label],
            marker="os^Dvp"[labels.index(label) % 6], markersize=8, elinewidth=1.3, capsize=3, zorder=3,
        )  # fmt: skip
    places = axes.transData.transform([(wer.value, eer.value) for _, eer, wer in points]) * 72 / drawn.dpi
    right = axes.transAxes.transform((1, 0))[0] * 72 / drawn.dpi
    names = [label for label, _, _ in points]
    for label, (x, y), (dx, dy) in zip(names, places, beside(names, places, right), strict=True):
        axes.annotate(
            label, (x, y), (x + dx, y + dy), xycoords="figure points", textcoords="figure points", fontweight="bold",
            color=INK, fontsize=9.5, zorder=4,
        )  # fmt: skip
    told = "; ".join(f"{label}: EER {_figure(eer)}, WER {_figure(wer)}" for label, eer, wer in points)
    title = f"Privacy and utility, {name}, {attacker} attacker"
    identity = f"plane-{word(name)}-{attacker}"
    alt = f"EER of the {attacker} attacker against WER in percent, with 95 % intervals. {told}."
    caption = f"mean over the trial lists: {points[0][1].n:,} trials of each system"
    svg = as_svg(drawn, identity, title, alt)
    return Figure(
        identity, f"{attacker} attacker, {name}", alt, svg, caption, name, attacker, tuple(sources), wide=True
    )


def beside(labels: Sequence[str], places: Sequence[Sequence[float]], right: float) -> list[tuple[float, float]]:
    """Where to put the label of each point, as an offset, so that it covers no label before it nor leaves the axes.

    Args:
        labels, places: of the points; places (x, y) and all lengths are in points of print.
        right: where the axes end.
    """
    chosen: list[tuple[float, float]] = []
    taken: list[tuple[float, float, float, float]] = []
    for label, (x, y) in zip(labels, places, strict=True):
        width, height = 6.2 * len(label), 11.0
        spots = [(dx, dy) for dy in (6.0, -15.0, 19.0, -28.0) for dx in (8.0, -8.0 - width)]
        boxes = [(x + dx, y + dy, x + dx + width, y + dy + height) for dx, dy in spots]
        free = [
            place
            for place, box in enumerate(boxes)
            if box[2] <= right + 8 and not any(_overlap(box, other) for other in taken)
        ]
        best = free[0] if free else 0
        chosen.append(spots[best])
        taken.append(boxes[best])
    return chosen


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _bars(record: Record) -> list[list[float]] | None:
    if record.ci_low is None or record.ci_high is None or record.value is None:
        return None
    return [[max(0.0, record.value - record.ci_low)], [max(0.0, record.ci_high - record.value)]]


def _figure(record: Record) -> str:
    interval = "" if record.ci_low is None else f" ({record.ci_low:.1f} to {record.ci_high:.1f})"
    return f"{record.value:.1f}{interval}"
