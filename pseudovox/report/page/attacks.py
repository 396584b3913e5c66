"""What the attackers' scores look like: trade-offs, densities, what the scores are worth, and whom they find."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pseudovox.core.errors import PseudovoxError
from pseudovox.metrics import linkability as linkage
from pseudovox.metrics.calibration import nontarget_costs, target_costs
from pseudovox.metrics.eer import equal_error_of
from pseudovox.metrics.ranking import Ranking, rank
from pseudovox.metrics.roc import roc_points
from pseudovox.records import ORIGINAL
from pseudovox.report.page.experiment import GENDERS, Experiment, TrialScores
from pseudovox.report.page.figure import GRID, INK, MUTED, Figure, Topic, as_svg, canvas, legend, plot, strokes, word

_PERCENT = (0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95)  # marks on the axes of a DET plot
_LOWEST = 0.4  # percent
PRIORS = np.linspace(-2.5, 2.5, 101)  # decimal log odds of a target


@dataclass(frozen=True)
class Attack:
    """The scored trials of one attacker on one list."""

    of: TrialScores
    target: np.ndarray
    nontarget: np.ndarray

    @cached_property
    def ranking(self) -> Ranking:
        return rank(self.target, self.nontarget)

    @cached_property
    def eer(self) -> float:
        """Percent."""
        return 100.0 * equal_error_of(self.ranking).rate

    @cached_property
    def tied(self) -> float:
        """The share of trials whose score another trial has, too."""
        counts = self.ranking.targets + self.ranking.nontargets
        return float(counts[counts > 1].sum() / counts.sum())


def read(experiment: Experiment) -> list[Attack]:
    """The scored trials of every attacker on every list; a list that cannot be read is left out."""
    from pseudovox.evaluation.score_files import read_scored_trials

    found = []
    for one in experiment.trial_scores:
        try:
            trials = read_scored_trials(one.scores, one.trials)
        except PseudovoxError:
            continue
        found.append(Attack(one, trials.scores[trials.target], trials.scores[~trials.target]))
    return found


def topics(experiment: Experiment, attacks: Sequence[Attack]) -> list[Topic]:
    """The figures of all attacks, by kind."""
    colours = strokes(experiment.systems) | {ORIGINAL: {"color": MUTED, "linestyle": (0, (4, 2))}}
    drawn: dict[str, list[Figure]] = {name: [] for name in _KINDS}
    for (name, attacker, group), own in _lists(experiment, attacks):
        for kind, (_, _, draw) in _KINDS.items():
            drawn[kind].append(_figure(kind, name, attacker, group, own, draw, colours))
    made = [Topic(kind, *_KINDS[kind][:2], drawn[kind]) for kind in _KINDS]
    made[2:2] = [
        Topic("gender", *_GENDERS, by_gender(experiment)),
        Topic("speakers", *_PARTS, by_part(experiment, colours)),
    ]
    return [topic for topic in made if topic.figures]


def _lists(experiment: Experiment, attacks: Sequence[Attack]) -> Iterator[tuple[tuple[str, str, str], list[Attack]]]:
    """The attacks of one attacker on one list, by system; behind them, for comparison, that on original speech."""
    for name in experiment.sets:
        for attacker in experiment.attackers:
            for group in ("f", "m", "all"):
                own = [a for a in attacks if (a.of.set, a.of.attacker, a.of.group) == (name, attacker, group)]
                own.sort(key=lambda a: (a.of.system != ORIGINAL, _place(experiment, a.of.system)))
                if own and attacker != ORIGINAL:
                    own += [a for a in attacks if (a.of.set, a.of.attacker, a.of.group) == (name, ORIGINAL, group)]
                if own:
                    yield (name, attacker, group), own


def _place(experiment: Experiment, system: str) -> int:
    return experiment.systems.index(system) if system in experiment.systems else -1


Draw = Callable[[Sequence[Attack], Mapping[str, dict[str, Any]]], Any]


def _figure(
    kind: str, name: str, attacker: str, group: str, own: Sequence[Attack], draw: Draw, colours: Mapping[str, Any]
) -> Figure:
    identity = f"{kind}-{word(name)}-{attacker}-{group}"
    speakers = GENDERS[group]
    title = f"{_KINDS[kind][0]}: {attacker} attacker, {name}, {speakers}"
    told = "; ".join(f"{a.of.system} EER {a.eer:.1f} %" for a in own)
    alt = f"{_KINDS[kind][0]} of the {attacker} attacker on the {speakers} speakers of {name}. {told}."
    svg = as_svg(draw(own, colours), identity, title, alt)
    trials = f"{len(own[0].target):,} target and {len(own[0].nontarget):,} other trials"
    return Figure(identity, speakers, alt, svg, trials, name, attacker, tuple(a.of.folder for a in own))


def det(own: Sequence[Attack], colours: Mapping[str, dict[str, Any]]) -> Any:
    """False alarms against misses on axes of normal deviates."""
    from scipy.special import ndtri

    drawn, axes = plot(len(own), 3.7)
    marks = [mark for mark in _PERCENT if mark <= 95]
    low, high = ndtri(_LOWEST / 100), ndtri(0.97)
    axes.plot([low, high], [low, high], color=GRID, linewidth=1.0, zorder=0)
    for attack in own:
        _, accepts, rejects = roc_points(attack.ranking)
        # Points with the least error that a list of this size can tell lie at the edge, not at infinity.
        least = 0.5 / np.array([len(attack.nontarget), len(attack.target)])
        x, y = ndtri(np.clip(accepts, least[0], 1 - least[0])), ndtri(np.clip(rejects, least[1], 1 - least[1]))
        x, y = _thinned(np.clip(x, low, high), np.clip(y, low, high))
        axes.plot(x, y, label=f"{attack.of.system} ({attack.eer:.1f})", **colours[attack.of.system])
        if low < ndtri(max(attack.eer, 1e-3) / 100) < high:
            point = ndtri(attack.eer / 100)
            axes.plot(point, point, "o", color=colours[attack.of.system]["color"], markersize=5)
    places = ndtri(np.array(marks) / 100)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(places, [f"{mark:g}" for mark in marks])
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="false alarms, %", ylabel="misses, %")
    legend(drawn, axes, "system (EER, %)")
    return drawn


def _thinned(x: np.ndarray, y: np.ndarray, most: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A curve of steps without the points that lie on the straight line between their neighbours, and not too many."""
    turns = np.ones(len(x), bool)
    turns[1:-1] = ((x[1:-1] != x[:-2]) | (x[1:-1] != x[2:])) & ((y[1:-1] != y[:-2]) | (y[1:-1] != y[2:]))
    x, y = x[turns], y[turns]
    if len(x) > most:
        kept = np.unique(np.linspace(0, len(x) - 1, most).astype(int))
        x, y = x[kept], y[kept]
    return x, y


def densities(own: Sequence[Attack], colours: Mapping[str, dict[str, Any]]) -> Any:
    """Densities of the scores of target and other trials, a row for each system."""
    from pseudovox.anonymize.diversity import density

    drawn = canvas(4.6, 0.75 + 0.85 * len(own), (0.15, 0.5, 0.15, 0.28))
    rows = drawn.subplots(len(own), 1, squeeze=False, gridspec_kw={"hspace": 0.75})[:, 0]
    for attack, axes in zip(own, rows, strict=True):
        scores = np.concatenate([attack.target, attack.nontarget])
        scores = scores[np.isfinite(scores)]
        low, high = np.percentile(scores, (0.2, 99.8))
        margin = 0.08 * (high - low) or 0.1
        places = np.linspace(low - margin, high + margin, 160)
        colour = colours[attack.of.system]["color"]
        for values, is_target in ((attack.nontarget, False), (attack.target, True)):
            inside = np.clip(values, places[0], places[-1])
            heights = density(inside, places)
            if is_target:
                axes.fill_between(places, heights, color=colour, alpha=0.35, linewidth=0)
            axes.plot(places, heights, color=colour if is_target else MUTED, linewidth=1.3,
                      linestyle="-" if is_target else (0, (3, 2)))  # fmt: skip
        axes.set(yticks=[], xlim=(places[0], places[-1]), ylim=(0, None))
        axes.tick_params(labelsize=8, length=2, pad=2)
        axes.xaxis.set_major_locator(_few_ticks())
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False)
        axes.text(0.0, 1.0, f"{attack.of.system}", transform=axes.transAxes, va="bottom", fontsize=9, fontweight="bold")
        axes.text(1.0, 1.0, f"EER {attack.eer:.1f} %", transform=axes.transAxes, va="bottom", ha="right", fontsize=8.5)
    rows[-1].set_xlabel("score")
    return drawn


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)


def cross_entropy(llrs: np.ndarray, targets: np.ndarray, nontargets: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """Empirical cross-entropy of log-likelihood ratios at each prior, in bits (Ramos et al. 2013).

    Args:
        llrs: natural, (steps,); targets, nontargets: how many trials of each kind have them.
        priors: decimal log odds of a target, (priors,).

    Returns:
        (priors,): what is still to be learned about "same speaker?" by who knows scores and prior; at odds of 1 Cllr.
    """
    odds = priors * math.log(10)
    prior = 1 / (1 + np.exp(-odds))
    is_target, is_other = targets > 0, nontargets > 0
    misses = target_costs(llrs[is_target][:, None] + odds) * targets[is_target][:, None]
    alarms = nontarget_costs(llrs[is_other][:, None] + odds) * nontargets[is_other][:, None]
    return np.asarray(prior * misses.sum(axis=0) / targets.sum() + (1 - prior) * alarms.sum(axis=0) / nontargets.sum())


def calibration(own: Sequence[Attack], colours: Mapping[str, dict[str, Any]]) -> Any:
    """Cross-entropy by prior, after the best calibration; dotted, what is known without any scores."""
    drawn, axes = plot(len(own) + 1)
    prior = 1 / (1 + 10.0**-PRIORS)
    without = -(prior * np.log2(prior) + (1 - prior) * np.log2(1 - prior))
    axes.plot(PRIORS, without, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1, label="no scores at all")
    for attack in own:
        blocks = attack.ranking.blocks
        llrs = blocks.llrs(attack.ranking.target_total, attack.ranking.nontarget_total)
        heights = cross_entropy(llrs, blocks.targets, blocks.nontargets, PRIORS)
        middle = heights[len(PRIORS) // 2]
        axes.plot(PRIORS, heights, label=f"{attack.of.system} ({middle:.2f})", **colours[attack.of.system])
    axes.set(xlim=(PRIORS[0], PRIORS[-1]), ylim=(0, 1.04), xlabel="prior odds of a target, powers of ten",
             ylabel="cross-entropy, bit")  # fmt: skip
    legend(drawn, axes, "system (min Cllr)")
    return drawn


def linkability(own: Sequence[Attack], colours: Mapping[str, dict[str, Any]]) -> Any:
    """Local linkability by score, from each system's lowest to its highest."""
    drawn, axes = plot(len(own))
    for attack in own:
        found = linkage.linkability(attack.ranking, allow_few=True)
        label = f"{attack.of.system} ({found.system:.2f})"
        edges = np.linspace(0, 100, len(found.edges))
        axes.stairs(found.local, edges, label=label, baseline=None, linewidth=1.6, **colours[attack.of.system])
    axes.set(xlim=(0, 100), ylim=(0, 1.04), xlabel="score, % of the way from the lowest to the highest",
             ylabel="local linkability D", yticks=(0, 0.25, 0.5, 0.75, 1))  # fmt: skip
    legend(drawn, axes, "system (linkability of all scores)")
    return drawn


_KINDS: dict[str, tuple[str, str, Draw]] = {
    "det": (
        "Detection error trade-off",
        "An attacker may be cautious (few false alarms, many misses) or daring. Each curve shows all choices of one "
        "attack; its dot is the equal error rate. Nearer to the lower left corner, the attacker errs less; on the "
        "grey diagonal's upper right it guesses. The dashed grey curve is original speech, for comparison.",
        det,
    ),
    "densities": (
        "Score densities",
        "How often the attacker gives which score: filled, to two recordings of one speaker; dashed, of different "
        "speakers. The more the two overlap, the less the scores tell. Each row has its own scale.",
        densities,
    ),
    "calibration": (
        "What the scores are worth",
        "How much uncertainty about 'same speaker?' is left to an attacker who makes the best of its scores, by what "
        "it believed before (the prior odds). Near the dotted line the scores tell nothing; at odds of 1 (10 to the "
        "0) the height is min Cllr, where 1 bit = nothing is known.",
        calibration,
    ),
    "linkability": (
        "Linkability",
        "How surely a single score links two recordings to one speaker: 0 = not at all, 1 = for sure. A system that "
        "is private on average may still give some speakers away; that would show here as a peak.",
        linkability,
    ),
}
_GENDERS = (
    "Women and men",
    "EER of each trial list, with 95 % intervals. A system that protects one gender less is no fair protection.",
)
_PARTS = (
    "Speaker by speaker",
    "EER of the trials of each enrolled speaker (and of each target, where there are several), sorted: who is "
    "protected least stands on the left. Few trials each, so single dots are rough; the spread counts.",
)


def by_gender(experiment: Experiment) -> list[Figure]:
    """EER of every system by trial list, for each set and attacker."""
    made = []
    colours = strokes(experiment.systems)
    for name in experiment.sets:
        for attacker in experiment.attackers:
            rows = [
                record
                for record in experiment.figures
                if (record.metric, record.attacker, record.set) == ("eer", attacker, name) and record.value is not None
            ]
            rows.sort(key=lambda r: (_place(experiment, r.system), r.level, ("f", "m", "all").index(r.group)))
            if not rows:
                continue
            drawn = canvas(6.2, 0.7 + 0.25 * len(rows), (1.55, 0.48, 0.15, 0.05))
            axes = drawn.subplots()
            for place, record in enumerate(rows):
                colour = colours.get(record.system, {"color": MUTED})["color"]
                bars = None
                if record.ci_low is not None and record.ci_high is not None:
                    value = record.value or 0.0
                    bars = [[max(0.0, value - record.ci_low)], [max(0.0, record.ci_high - value)]]
                axes.errorbar([record.value], [place], xerr=bars, color=colour, capsize=2.5, elinewidth=1.4,
                              marker={"f": "o", "m": "^", "all": "s"}[record.group], markersize=6.5)  # fmt: skip
            labels = [f"{record.system}, {GENDERS[record.group]}" for record in rows]
            axes.set_yticks(range(len(rows)), labels)
            axes.axvline(50, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, max([r.ci_high or r.value or 0 for r in rows] + [60]) + 2))
            axes.set_xlabel("EER, %; 50 = guessing")
            axes.tick_params(axis="y", length=0, labelcolor=INK)
            identity, title = f"gender-{word(name)}-{attacker}", f"EER by gender: {attacker} attacker, {name}"
            told = "; ".join(f"{label} {record.value:.1f}" for label, record in zip(labels, rows, strict=True))
            alt = f"EER in percent by system and gender. {told}."
            counts = sorted({record.n for record in rows})
            made.append(
                Figure(
                    identity, "all lists", alt, as_svg(drawn, identity, title, alt), f"{counts[0]:,} trials a list"
                    if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} trials a list", name, attacker,
                    tuple(sorted({experiment.asv(r.system, r.attacker, r.training) for r in rows})), wide=True,
                )
            )  # fmt: skip
    return made


def by_part(experiment: Experiment, colours: Mapping[str, dict[str, Any]]) -> list[Figure]:
    """EERs of single speakers, and of other parts with many values, sorted, for each set, attacker and list."""
    rows = [row for row in _breakdowns(experiment) if row["eer"]]
    made = []
    keys = sorted({(r["set"], r["attacker"], r["by"], r["group"]) for r in rows})
    for name, attacker, by, group in keys:
        if name not in experiment.sets:
            continue
        drawn, axes = plot(len(experiment.systems))
        told, most = [], 0
        for system in [*experiment.systems, ORIGINAL]:
            own = [
                r for r in rows
                if (r["set"], r["attacker"], r["by"], r["group"], r["system"]) == (name, attacker, by, group, system)
            ]  # fmt: skip
            if len(own) < 4:
                continue
            own.sort(key=lambda r: (float(r["eer"]), r["value"]))
            values = np.array([float(r["eer"]) for r in own])
            most = max(most, len(own))
            bars = None
            if all(r["ci_low"] and r["ci_high"] for r in own):
                ends = np.array([[float(r["ci_low"]), float(r["ci_high"])] for r in own]).T
                bars = np.maximum(0.0, np.stack([values - ends[0], ends[1] - values]))
            axes.errorbar(range(1, len(own) + 1), values, yerr=bars, marker="o", markersize=3.5, linewidth=0.9,
                          elinewidth=0.8, label=system, **colours[system])  # fmt: skip
            told.append(f"{system}: {values[0]:.0f} % ({own[0]['value']}) to {values[-1]:.0f} % ({own[-1]['value']})")
        if not told:
            continue
        axes.axhline(50, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        what = "speaker" if by == "speaker" else by.removeprefix("spk2").removeprefix("utt2")
        axes.set(ylim=(-4, 104), xlim=(0.3, most + 0.7), xlabel=f"{what}s, sorted by EER", ylabel="EER, %")
        axes.xaxis.set_major_locator(_few_ticks())
        legend(drawn, axes)
        identity = f"speakers-{word(name)}-{attacker}-{word(by)}-{group}"
        title = f"EER by {what}: {attacker} attacker, {name}, {GENDERS[group]}"
        alt = f"Sorted EERs of every {what}. {'; '.join(told)}."
        folders = sorted({row["folder"] for row in rows if (row["set"], row["attacker"]) == (name, attacker)})
        made.append(
            Figure(
                identity, f"{GENDERS[group]}, by {what}", alt, as_svg(drawn, identity, title, alt),
                f"{most} {what}s", name, attacker, tuple(folders),
            )
        )  # fmt: skip
    return made


def _breakdowns(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """The lines of breakdowns.tsv of every attacker, of the strongest of each kind, with the `folder` it lies in."""
    scored = [r for r in experiment.figures if r.metric == "eer" and r.attacker]
    for folder in dict.fromkeys(experiment.asv(r.system, r.attacker, r.training) for r in scored):
        try:
            text = (folder / "breakdowns.tsv").read_text(encoding="utf-8")
        except OSError:
            continue
        for row in csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE):
            yield {**row, "folder": folder}


def ties(attacks: Iterable[Attack], most: float = 0.1) -> list[str]:
    """A warning for every attack on a system of whose trials more than this share have another one's score."""
    worst: dict[tuple[str, str], float] = {}
    for attack in attacks:
        key = attack.of.system, attack.of.attacker
        worst[key] = max(worst.get(key, 0.0), attack.tied)
    return [
        f"{system}, {attacker}: in a list, {100 * share:.0f} % of the trials share their score, as it is written, with "
        "another one. An EER amid ties depends on how they are split; the attacker tells few voices apart."
        for (system, attacker), share in worst.items()
        if share > most
    ]
