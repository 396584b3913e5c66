"""Write the page of a run, or the one that compares several: gathered, drawn, and put into the templates."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pseudovox.config import Config, section_dict, to_yaml
from pseudovox.core import machine
from pseudovox.data.datadir import write_atomic
from pseudovox.report.page import attacks, networks, plane, provenance, summary, voices
from pseudovox.report.page.experiment import Experiment, Work
from pseudovox.report.page.figure import Figure, Topic
from pseudovox.report.page.listening import Sample, gather

FILE = "index.html"
MAX_AUDIO = 20.0  # megabytes of speech in a page
GROUPS = {"all": "all speakers", "f": "female speakers", "m": "male speakers"}
COUNTED = "semi-informed"  # the attacker that is shown first
_TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    folder: Path, experiment: Experiment, *, max_audio: float = MAX_AUDIO, files: Sequence[str] = ()
) -> list[Sample]:
    """Write index.html, audio/ and spectrograms/ into a folder.

    Args:
        folder: of the report.
        experiment: what is shown.
        max_audio: megabytes of speech, at most.
        files: names of files beside it that it links to.

    Returns:
        what can be listened to on it.
    """
    samples = gather(experiment, folder, max_audio=max_audio)
    found = attacks.read(experiment)
    topics: list[Topic] = [*attacks.topics(experiment, found), *voices.topics(experiment), *networks.topics(experiment)]
    bodies = summary.bodies(experiment)
    works = experiment.works

    def made_by(figure: Figure) -> list[tuple[int, Work]]:
        found = {experiment.work_of(source) for source in figure.sources}
        return [(number, works[number - 1]) for number in sorted(number for number in found if number)]

    versions = dict(works[-1].versions) if works else {}
    page = _environment().get_template("page.html").render(
        **_shared(),
        run=experiment.run,
        when=experiment.when,
        spoken=provenance.spoken(experiment),
        systems=[(name, experiment.configs[name].system.description) for name in experiment.systems],
        attackers=[attacker for attacker in experiment.attackers if attacker != "original"],
        switches=_switches(experiment.sets, bodies, experiment.attackers),
        columns=summary.columns_of(bodies),
        bodies=bodies,
        warnings=provenance.warnings(experiment, attacks.ties(found)),
        planes=plane.planes(experiment),
        plane_explanation=plane.explanation(experiment.config),
        samples=samples,
        recognised=any(version.words is not None for sample in samples for version in sample.versions),
        topics=topics,
        made_by=made_by,
        versions=[(name, version) for name, version in versions.items() if name != "commit"],
        machine=machine.processor(),
        not_run=provenance.not_run(experiment),
        times=provenance.times(experiment),
        works=works,
        differences=[(name, differing(experiment.config, own)) for name, own in experiment.configs.items()],
        configuration=to_yaml(experiment.config),
        files=files,
    )  # fmt: skip
    write_atomic(folder / FILE, page)
    return samples


def write_comparison(folder: Path, runs: Mapping[str, Experiment]) -> None:
    """Write index.html of several runs, by name: their systems in one table and one plane, and how the runs differ."""
    bodies: list[summary.Body] = []
    parts = [body for name, run in runs.items() for body in summary.bodies(run, name)]
    for place in dict.fromkeys((body.set, body.group) for body in parts):
        rows = [row for body in parts if (body.set, body.group) == place for row in body.rows]
        bodies.append(summary.Body(*place, summary.mark_best(rows)))
    sets = list(dict.fromkeys(body.set for body in bodies))
    tried = [attacker for attacker in summary.ATTACKERS if any(attacker in run.attackers for run in runs.values())]
    facts = [
        {"name": name, **own.run, "when": own.when, "warnings": provenance.warnings(own)} for name, own in runs.items()
    ]
    page = _environment().get_template("comparison.html").render(
        **_shared(),
        runs=facts,
        switches=_switches(sets, bodies, tried),
        columns=summary.columns_of(bodies),
        bodies=bodies,
        planes=plane.joint_planes(runs, sets, tried),
        plane_explanation=plane.explanation(next(iter(runs.values())).config),
        differences=differing_all([run.config for run in runs.values()]),
    )  # fmt: skip
    write_atomic(folder / FILE, page)


def differing(before: Config, after: Config) -> list[tuple[str, str, str]]:
    """The dotted keys that two configurations differ in, with both values; a system's name and stages left out."""
    rows = differing_all([before, after])
    return [(key, *values) for key, values in rows if not key.startswith("system.") and len(values) == 2]  # type: ignore[misc]


def differing_all(configs: Sequence[Config]) -> list[tuple[str, list[str]]]:
    """The dotted keys that configurations differ in, and the value of each of them."""
    flat = [_flat(section_dict(config)) for config in configs]
    keys = dict.fromkeys(key for values in flat for key in values)
    rows = [(key, [str(values.get(key, "")) for values in flat]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


Switch = tuple[str, str, list[tuple[str, str]], str]


def _switches(sets: Sequence[str], bodies: Sequence[summary.Body], attackers: Sequence[str]) -> list[Switch]:
    """What the reader chooses between: (name, label, (value, text) of each choice, the one that is chosen first)."""
    groups = list(dict.fromkeys(body.group for body in bodies))
    shown = COUNTED if COUNTED in attackers else attackers[-1] if attackers else ""
    return [
        ("set", "Set", [(name, name) for name in sets], sets[0] if sets else ""),
        ("speakers", "Speakers", [(group, GROUPS[group]) for group in groups], "all"),
        ("attacker", "Attacker", [(attacker, attacker) for attacker in attackers], shown),
    ]


def _shared() -> dict[str, Any]:
    from markupsafe import Markup

    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {
        "style": Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
        "groups": GROUPS,
        "eer_meaning": summary.EER_MEANING,
    }


def _environment() -> Any:
    """Templates in which all text is escaped; the one filter lets SVG of our own drawing through."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["svg"] = Markup
    return made
