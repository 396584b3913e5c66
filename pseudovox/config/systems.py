"""What a system runs in which stage: the steps that its family or its own file lists, as command lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pseudovox.config.schema import ANONYMIZED, SPOKEN, STEPS, Config, SystemStep

OF_TRAINING = ("xvector", "bottleneck", "synthesizer")  # sets that are `sets.train` where they are not given


def steps_of(config: Config) -> list[SystemStep]:
    """The steps of a system, in the order of its list; of a family's, those of the stages that it goes through."""
    system = config.system
    if system.step:
        return [SystemStep("synthesize", system.step, {"suffix": "SYSTEM"}, ANONYMIZED, "DATA")]
    own = [
        step
        for step in system.steps
        if (step.when or not system.base or step.stage in system.stages)
        and (not step.when or getattr(system, step.when))
    ]
    return [*own, *system.also]


def script_of(config: Config, step: SystemStep) -> str:
    """The script of a step, or the one that section `steps` puts in its place."""
    for key, script in config.steps.items():
        name, stages = STEPS[key]
        if name == step.step and step.stage in stages:
            return script
    return step.script


def anonymized_sets(config: Config) -> list[str]:
    """The names of the data dirs that a system anonymizes, each once: trials, what else is named, the attacker's."""
    sets = config.sets
    names = [
        *(name for pair in sets.trials for name in pair.split()),
        *sets.anonymize,
        *(sets.recognizer if config.recognizer.retrained else ()),
        *sets.emotion,
        *(sets.attacker if config.system.attacked and config.attacks.semi_informed else ()),
    ]
    return list(dict.fromkeys(names))


def _given(config: Config, step: SystemStep) -> dict[str, str]:
    """The options that a step is given, without those that the system's keys make superfluous (system.given)."""

    def holds(condition: str) -> bool:
        key, _, wanted = condition.partition("=")
        found: Any = config.system.options
        for word in key.split("."):
            found = found.get(word) if isinstance(found, dict) else None
        return str(found) == wanted

    given = config.system.given
    return {name: word for name, word in step.options.items() if word not in given or holds(given[word])}


# What all systems share, by the words with which a system's steps ask for it; what is extracted asks for its model.
_SHARED = {
    "MODELS/xvector": ("xvector",), "MODELS/bottleneck": ("bottleneck",), "EXP/xvectors": ("xvector", "xvectors"),
    "EXP/f0": ("f0",), "EXP/bottleneck": ("bottleneck", "content"), "SYNTHESIZER": ("synthesizer",),
}  # fmt: skip


def needed_by(config: Config) -> set[str]:
    """What a system's steps read of what is made once for all systems.

    Of xvector, bottleneck, synthesizer (models) and xvectors, f0, content (extracted in stages embed, f0, content). A
    synthesizer of everybody is trained on x-vectors and content, and needs their models.
    """
    words = {value for step in steps_of(config) for value in _given(config, step).values()}
    found = {name for word in words for name in _SHARED.get(word, ())}
    if config.system.synthesizer:
        found.discard("synthesizer")  # it has one of its own
    return found | ({"xvector", "bottleneck"} if "synthesizer" in found else set())


def sets_of(config: Config, kinds: str) -> list[str]:
    """The names of the data dirs that `SystemStep.data` says, each once.

    A word is a key of `sets`, ANONYMIZED (what the system anonymizes) or SPOKEN (the test speech of the trials).
    """
    names: list[str] = []
    for kind in kinds.split():
        if kind == ANONYMIZED:
            names += anonymized_sets(config)
        elif kind == SPOKEN:
            names += (pair.split()[1] for pair in config.sets.trials)
        else:
            names += getattr(config.sets, kind) or (config.sets.train if kind in OF_TRAINING else ())
    return list(dict.fromkeys(names))


def template_of(config: Config, step: SystemStep) -> list[str]:
    """The command line of a step, in the words that `words_of` puts folders in the place of."""
    options = ((f"--{name}", value) for name, value in _given(config, step).items())
    return [
        script_of(config, step),
        *(word for name, value in options for word in (name, value)),
        *(f"DATA/{name}" for name in sets_of(config, step.data)),
        *([step.out] if step.out else []),
    ]


def words_of(config: Config, step: SystemStep, *, exp: Path, data: Path, models: Path) -> list[str]:
    """The command line of a step, without the options that all steps share: script, options, data dirs, output.

    EXP, DATA, MODELS, SYSTEM, SYNTHESIZER and OWN_SYNTHESIZER stand for the folders; an option whose value is then
    empty is left out. The value of an option may be a command line itself.
    """
    synthesizer = str(models / config.system.synthesizer_dir)
    words = {
        "EXP": str(exp), "DATA": str(data), "MODELS": str(models), "SYSTEM": config.system.name,
        "SYNTHESIZER": synthesizer, "OWN_SYNTHESIZER": synthesizer if config.system.synthesizer else "",
    }  # fmt: skip

    def filled(text: str) -> str:
        return " ".join("/".join(words.get(part, part) for part in word.split("/")) for word in text.split(" "))

    made = [filled(word) for word in template_of(config, step)]
    return [word for word, after in zip(made, [*made[1:], "x"], strict=True) if word and after]
