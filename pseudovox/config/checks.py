"""What a configuration must keep to beyond the types of its values: names, scripts, and who may set which key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pseudovox.config import validation
from pseudovox.config.schema import (
    ANONYMIZED,
    ATTACKER_TRAININGS,
    STAGES_OF_SYSTEMS,
    STEPS,
    STEPS_OF_SYSTEMS,
    Config,
    Sets,
    System,
    SystemStep,
)  # fmt: skip
from pseudovox.core import checkout
from pseudovox.core.errors import UsageError

# Sections that a system's file may set; of f0, what is done with it; of synthesizer, if it has one of its own.
_OF_SYSTEMS = ("system", "steps", "use", "levels", "pseudo", "mcadams", "synthesis")
_NAME = re.compile(r"[^\W_][\w.+-]*")


def check_name(name: str, where: str) -> None:
    """UsageError unless a name can be a folder's in every path and command: one word of letters, digits, `_.+-`."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"{where}: {name!r} cannot be a name: it becomes a folder's",
            "give one of letters, digits and _ . + - alone, which begins with a letter or a digit",
        )


def check_kinds(config: Config, given: dict[str, Any], where: str) -> None:
    """UsageError if a file gives a key of another kind of component than the configuration chooses.

    Args:
        given: what the file holds.
        where: the file, for messages.
    """
    for section, base in validation.types_of(Config).items():
        for key in given.get(section) or () if validation.is_component(base) else ():
            _check_kind(config, section, key, where)


def check_overrides(configs: Sequence[Config], overrides: Iterable[str]) -> None:
    """UsageError if a key of `--set` belongs to a kind of component that none of the configurations chooses."""
    types = validation.types_of(Config)
    for override in overrides:
        section, _, rest = override.partition("=")[0].strip().partition(".")
        key = rest.partition(".")[0]
        if key and validation.is_component(types[section]):
            chosen = [own for own in configs if hasattr(getattr(own, section), key)]
            if not chosen:
                _check_kind(configs[-1], section, key, f"--set {override}")


def _check_kind(config: Config, section: str, key: str, where: str) -> None:
    options = getattr(config, section)
    own = validation.types_of(type(options))
    if key not in own:
        name, kind = options.SLOT.key, options.kind_name
        near = difflib.get_close_matches(key, list(own), n=1, cutoff=0.0)[0]
        raise UsageError(
            f"{where}: {section}.{key} belongs to another kind than {section}.{name} {kind}, where it would change "
            f"nothing; the nearest key of {kind} is {section}.{near}"
        )


def check_names(config: Config) -> None:
    sets = config.sets
    for system in config.systems:
        check_name(system, "systems")
    for kind, names in vars(sets).items():
        for name in names if kind != "trials" else ():
            check_name(name, f"sets.{kind}")
    for pair in sets.trials:
        names = pair.split(" ")
        if len(names) != 2:
            raise UsageError(f"sets.trials: {pair!r}: expected '<enrolment data dir> <trial data dir>', two names")
        for name in names:
            check_name(name, "sets.trials")


def check_attacks(config: Config) -> None:
    ways = config.attacks.semi_informed
    for way in ways:
        if way not in ATTACKER_TRAININGS:
            raise UsageError(f"attacks.semi_informed: {way!r}: expected {' or '.join(ATTACKER_TRAININGS)}")
    if len(set(ways)) < len(ways):
        raise UsageError(f"attacks.semi_informed: {', '.join(ways)}: each way once")


def check_speaker_features(config: Config) -> None:
    for name in ("xvector", "attacker"):
        features = getattr(config, name).features
        if features.kind not in ("mfcc", "fbank", "speechbrain"):
            raise UsageError(f"{name}.features.kind {features.kind!r}: expected mfcc, fbank or speechbrain")
        if features.kind == "speechbrain" and features.speech_only:
            raise UsageError(
                f"{name}.features: kind speechbrain has no voice activity detection",
                f"--set {name}.features.speech_only=false",
            )


def check_recognizer(config: Config) -> None:
    kind = config.recognizer.kind
    if kind not in ("ctc", "wav2vec2"):
        raise UsageError(f"recognizer.kind {kind!r}: expected ctc or wav2vec2")


def check_scripts(config: Config) -> None:
    """The scripts that a configuration names are files of the tree: they will be run."""
    for command in config.data.prepare:
        words = command.split()
        if not words:
            raise UsageError("data.prepare: an empty command")
        check_script(words[0], "data.prepare", "local/", "recipes/")
    for key, script in config.steps.items():
        if key == "data":
            raise UsageError("steps.data: stage data runs the commands of data.prepare; name the script there")
        if key not in STEPS:
            raise validation.unknown_name(f"steps.{key}", [f"steps.{name}" for name in STEPS], "configuration")
        check_script(script, f"steps.{key}", "steps/", "recipes/")


def check_script(script: str, where: str, *folders: str) -> None:
    """UsageError unless a script that a configuration names is a Python file below one of the checkout's `folders`."""
    path = Path(script)
    if path.is_absolute() or ".." in path.parts or not script.startswith(folders) or re.search(r"\s", script):
        raise UsageError(
            f"{where}: {script!r}: expected a script of the checkout, below {' or '.join(folders)}",
            f"put it there, e.g. recipes/mine/{folders[0]}{path.name or 'x.py'}",
        )
    if not (checkout.ROOT / path).is_file():
        beside = sorted(str(file.relative_to(checkout.ROOT)) for file in (checkout.ROOT / path).parent.glob("*.py"))
        near = difflib.get_close_matches(script, beside, n=1)
        raise UsageError(f"{where}: there is no {script}" + (f"; the nearest is {near[0]}" if near else ""))
    if path.suffix != ".py":
        raise UsageError(f"{where}: {script!r}: expected a Python script, *.py")


def check_own_step(system: System, path: Path) -> None:
    """A system is either one step or goes through stages; what does the same in Python is the library's."""
    if system.anonymizer and not re.fullmatch(r"pseudovox(\.\w+)+:\w+", system.anonymizer):
        raise UsageError(f"{path}: system.anonymizer {system.anonymizer!r}: expected pseudovox.<module>:<class>")
    if not system.step:
        return
    check_script(SystemStep(step=system.step).script, f"{path}: system.step", "steps/", "recipes/")
    if system.stages:
        raise UsageError(
            f"{path}: system.step {system.step!r} is all that the system does; it has system.stages "
            f"{', '.join(system.stages)} as well",
            "leave system.step or system.stages out",
        )


def check_steps(system: System, path: Path) -> None:
    """The steps that a system lists are scripts, and its stages those of its family."""
    if system.stages and not system.base:
        raise UsageError(
            f"{path}: system.stages {', '.join(system.stages)}: of no family, so nothing says what is done in them",
            "add `base: xvector` to section system, or list the steps themselves (system.steps)",
        )
    listed = [step.stage for step in system.steps if not step.when]
    for stage in system.stages:
        if stage not in listed:
            raise UsageError(f"{path}: system.stages: {stage!r} is none of those of {system.base}: {', '.join(listed)}")
    for step in (*system.steps, *system.also):
        if not step.stage or not step.step:
            raise UsageError(f"{path}: system.steps: a step needs `stage` and `step`")
        if step.stage not in STAGES_OF_SYSTEMS:
            raise UsageError(
                f"{path}: system.steps: stage: {step.stage!r}: systems have steps of their own in "
                f"{', '.join(STAGES_OF_SYSTEMS)}"
            )
        if step.when and not hasattr(system, step.when):
            raise UsageError(f"{path}: system.steps: when: {step.when!r} is no key of section system")
        known = {ANONYMIZED, *(field.name for field in fields(Sets)), ""} - {"trials"}
        if step.data not in known:
            raise UsageError(
                f"{path}: system.steps: data: {step.data!r}: expected one of {', '.join(sorted(filter(None, known)))}"
            )
        check_script(step.script, f"{path}: system.steps", "steps/", "recipes/")


def check_steps_of_system(of_recipe: dict[str, str], of_system: dict[str, str], path: Path) -> None:
    """A system may replace the steps that are its own; another one runs once for all systems."""
    for key, script in of_system.items():
        if key in STEPS and key not in STEPS_OF_SYSTEMS and of_recipe.get(key) != script:
            raise UsageError(
                f"{path}: steps.{key}: that step runs once for all systems, which have "
                f"{', '.join(STEPS_OF_SYSTEMS)} of their own",
                "put it into the recipe's recipe.yaml",
            )


def check_owner(of_recipe: Config, of_system: Config, path: Path, recipe: str) -> None:
    """A system may set what its own steps go by; what runs once for all systems would not heed it."""
    shared = of_recipe.f0.extraction().keys()
    common, own = _flat(asdict(of_recipe)), _flat(asdict(of_system))
    for key, value in own.items():
        section, _, rest = key.partition(".")
        if section in _OF_SYSTEMS or common.get(key) == value:
            continue
        if section == "f0" and rest.partition(".")[0] not in shared:
            continue
        if section == "synthesizer" and of_system.system.synthesizer:
            continue
        alone = ", or name a synthesizer of its own, system.synthesizer: <name>" if section == "synthesizer" else ""
        raise UsageError(
            f"{path}: {key} belongs to a step that runs once for all systems; here it would change nothing",
            f"put it into recipes/{recipe}/recipe.yaml{alone}",
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
