"""What makes the page worth believing: warnings, what was not run and why, times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pseudovox.kinds.attackers import ATTACKERS, TRAINED
from pseudovox.kinds.measurements import figures
from pseudovox.report.page.experiment import Experiment
from pseudovox.report.page.figure import INK, SERIES, Figure, as_svg, canvas
from pseudovox.report.warnings import code_warnings, privacy_warnings

FEW_SPEAKERS, FEW_TARGETS = 20, 100  # below, a set is called small


@dataclass(frozen=True)
class NotRun:
    """Something that was not measured, and why."""

    what: str
    why: str


def warnings(experiment: Experiment, further: Sequence[str] = ()) -> list[str]:
    """What a reader must be warned of: orders that do not hold, attackers that failed, small sets; and `further`."""
    found: dict[str, list[str]] = {}
    for name in experiment.sets:
        for text in privacy_warnings([record for record in experiment.records if record.set == name]):
            found.setdefault(text, []).append(name)
    told = [f"{', '.join(names)}: {text}" for text, names in found.items()]
    return [*code_warnings(experiment.records), *told, *_small(experiment), *further]


def _small(experiment: Experiment) -> list[str]:
    told = []
    for name in experiment.sets:
        lists = [r for r in experiment.records if r.metric == "eer" and r.set == name and r.details.get("targets")]
        if not lists:
            continue
        fewest = min(lists, key=lambda r: (r.details.get("speakers", 0), r.details["targets"]))
        speakers, targets = fewest.details.get("speakers", 0), fewest.details["targets"]
        if speakers < FEW_SPEAKERS or targets < FEW_TARGETS:
            told.append(
                f"{name}: a small set: {speakers} speakers and {targets} target trials in a list. Differences inside "
                "the intervals mean little."
            )
    return told


def not_run(experiment: Experiment) -> list[NotRun]:
    """What the table of systems has no figure of, and why."""
    found = [NotRun(str(r.details["not_run"]), "") for r in experiment.records if "not_run" in r.details]
    told = {one.what: one for one in (_split(one.what) for one in found)}
    tried = {(r.system, r.attacker) for r in experiment.records if r.metric == "eer"}
    for system in experiment.systems:
        if not any(who == system for who, _ in tried):
            continue
        for attacker in TRAINED:
            if (system, attacker) not in tried:
                one = NotRun(f"{attacker} attacker on {system}", _why(experiment, system, attacker))
                told.setdefault(one.what, one)
    metrics = {record.metric for record in experiment.records if record.value is not None}
    reasons = {
        **{name: figure.absent for name, figure in figures().items() if figure.absent},
        "wer": ("word error rates (WER)", "no recogniser was run (stage asr)"),
        "eer": ("attackers (EER)", "no trials were scored (stage asv)"),
    }
    for metric, (what, why) in reasons.items():
        if metric not in metrics:
            told.setdefault(what, NotRun(what, why))
    if not any(metric.startswith("real_time_factor") for metric in metrics):
        what = "a measurement of speed"
        told[what] = NotRun(what, "speed.durations is empty; the column RTF is of the run's own steps")
    return list(told.values())


def _split(text: str) -> NotRun:
    what, _, why = text.partition(":")
    return NotRun(what.strip(), why.strip().removeprefix("not run: ") or "see the log of the step")


def _why(experiment: Experiment, system: str, attacker: str) -> str:
    config = experiment.configs.get(system, experiment.config)
    if why := ATTACKERS[attacker].refused(config):
        return why
    return "its stage was not run"


def times(experiment: Experiment) -> list[Figure]:
    """Wall time of every kind of step, and its real-time factor where it worked on speech."""
    steps: dict[str, tuple[float, float]] = {}
    for timing in experiment.timings:
        wall, spoken = steps.get(timing.step, (0.0, 0.0))
        steps[timing.step] = wall + timing.wall_seconds, spoken + timing.audio_seconds
    steps = {step: found for step, found in steps.items() if found[0] >= 0.05}
    if not steps:
        return []
    names = list(steps)
    places = np.arange(len(names))
    walls = np.array([steps[name][0] for name in names])
    factors = [steps[name][0] / steps[name][1] if steps[name][1] else None for name in names]
    drawn = canvas(6.2, 0.7 + 0.24 * len(names), (1.65, 0.5, 1.25, 0.05))
    axes = drawn.subplots()
    axes.barh(places, walls, color=SERIES[0], height=0.66)
    for place, wall, factor in zip(places, walls, factors, strict=True):
        told = f"{_duration(wall)}{'' if factor is None else f', RTF {factor:.4f}'}"
        axes.annotate(told, (wall, place), (4, 0), textcoords="offset points", va="center", fontsize=8.5, color=INK)
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="wall time, seconds")
    axes.grid(visible=False, axis="y")
    total = float(walls.sum())
    title = "Time of every kind of step"
    alt = f"In all {_duration(total)}. " + "; ".join(f"{n} {_duration(w)}" for n, w in zip(names, walls, strict=True))
    caption = f"{len(experiment.timings)} outputs, {_duration(total)} in all"
    return [Figure("times", title, alt, as_svg(drawn, "times", title, alt), caption, wide=True)]


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def spoken(experiment: Experiment) -> str:
    """What was anonymized, in a sentence; "" if its data dirs are not there."""
    names = dict.fromkeys(word for pair in experiment.config.sets.trials for word in pair.split())
    names |= dict.fromkeys(experiment.config.sets.anonymize)
    parts = [part for name in names if (part := experiment.data_dir(name))]
    if not parts:
        return ""
    speakers = {speaker for part in parts for speaker in part.speakers}
    genders = {speaker: gender for part in parts for speaker, gender in part.tables.get("spk2gender", {}).items()}
    women, men = (sum(genders.get(speaker) == gender for speaker in speakers) for gender in "fm")
    count = sum(len(part.utterances) for part in parts)
    seconds = sum(part.duration(u) for part in parts if "utt2dur" in part.tables for u in part.utterances)
    who = f" ({women} female, {men} male)" if women + men == len(speakers) else ""
    length = f", {_duration(seconds)} of speech" if seconds else ""
    return f"{count:,} utterances of {len(speakers):,} speakers{who}{length}"
