"""Configuration: dataclass schemas of every section, and how the layers are merged.

    conf/default.yaml < named blocks (conf/<block>/<name>.yaml) < recipes/<name>/recipe.yaml
        < recipes/<name>/size/<size>.yaml < conf/system/<system>.yaml < --set key=value

The schema is this file; an unknown key is an error that offers the nearest valid one. A step's settings are one
section, and the digest that decides whether it must run again covers that section alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from pseudovox.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent  # the checkout: conf/ and recipes/ lie beside the package


@dataclass
class Training:
    """How a network is trained (every model section has one)."""

    updates: int = 1000  # optimiser steps in all
    round_updates: int = 100  # a checkpoint, a validation and a line in the log every so many updates
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup: int = 50  # updates of linearly rising learning rate
    gradient_clip: float = 5.0  # largest L2 norm of the gradient; 0 = off
    precision: str = "32-true"  # Lightning's: 32-true, bf16-mixed, 16-mixed
    threads: int = 2  # torch threads on CPU; part of the result, since sums round differently
    workers: int = 0  # processes that prepare batches
    devices: int = 1  # GPUs (DDP beyond one)


@dataclass
class Data:
    """Stage 0: where the speech comes from."""

    prepare: list[str] = field(default_factory=list)  # commands of local/; DATA stands for the data folder
    folder: str = ""  # a folder of recordings (recipes/own)
    corpora: str = "corpora"  # where corpora lie or are downloaded to


@dataclass
class Sets:
    """Names of data dirs below data/<recipe>, by what they are for."""

    train: list[str] = field(default_factory=list)  # every model is trained on these
    pool: list[str] = field(default_factory=list)  # the pseudo-speaker generator is fitted on these
    attacker: list[str] = field(default_factory=list)  # the evaluation ASV is trained on these
    recognizer: list[str] = field(default_factory=list)  # the evaluation ASR is trained on these
    anonymize: list[str] = field(default_factory=list)  # besides `attacker` and `trials`, if there are more
    trials: list[str] = field(default_factory=list)  # "<enrolment dir> <trial dir>" pairs to be scored


@dataclass
class System:
    """How a data dir becomes an anonymized one (conf/system/<name>.yaml)."""

    name: str = ""
    description: str = ""
    stages: list[str] = field(default_factory=list)  # which of stages 5-9 it uses, by name
    attacked: bool = True  # train the semi-informed attacker on it


@dataclass
class Levels:
    """Anonymization level by data dir: "spk", one pseudo-speaker a speaker, or "utt", one an utterance."""

    default: str = "spk"
    sets: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The level of a data dir."""
        return self.sets.get(name, self.default)


@dataclass
class Config:
    """The whole configuration."""

    seed: int = 1
    size: str = ""  # a size the recipe comes in: recipes/<recipe>/size/<size>.yaml is merged over it
    models: str = ""  # where the models lie, if not in exp/<recipe>/models (a recipe that trains none)
    systems: list[str] = field(default_factory=list)
    use: dict[str, str] = field(default_factory=dict)  # named blocks: {block: name} reads conf/<block>/<name>.yaml
    data: Data = field(default_factory=Data)
    sets: Sets = field(default_factory=Sets)
    levels: Levels = field(default_factory=Levels)
    system: System = field(default_factory=System)


def section_dict(section: Any) -> Any:
    """A section as plain dicts, lists and scalars (for digests and json)."""
    return asdict(section) if is_dataclass(section) and not isinstance(section, type) else section


def load(path: Path | str | None = None, overrides: Iterable[str] = ()) -> Config:
    """A step's configuration: the defaults, or a resolved file, with `key=value` overrides on top.

    Raises:
        UsageError: missing file, unknown key (the nearest valid one is offered) or a value of the wrong type.
    """
    return to_config(merge([path] if path else [], overrides))


def compose(recipe: str, system: str | None = None, overrides: Iterable[str] = ()) -> Config:
    """The configuration of a recipe, or of one of its systems, from its layers (see the module's head)."""
    overrides = list(overrides)
    recipe_file = ROOT / "recipes" / recipe / "recipe.yaml"
    if not recipe_file.is_file():
        known = sorted(path.parent.name for path in (ROOT / "recipes").glob("*/recipe.yaml"))
        raise UsageError(f"no recipe {recipe!r} (recipes/{recipe}/recipe.yaml is missing); there are: {', '.join(known)}")
    asked = to_config(merge([ROOT / "conf/default.yaml", recipe_file], overrides))
    blocks = [block_file(block, name) for block, name in asked.use.items()]
    layers = [ROOT / "conf/default.yaml", *blocks, recipe_file]
    size_file = recipe_file.parent / "size" / f"{asked.size}.yaml"
    if size_file.is_file():
        layers.append(size_file)
    elif asked.size:
        known = sorted(path.stem for path in size_file.parent.glob("*.yaml"))
        raise UsageError(f"recipe {recipe} has no size {asked.size!r}; there are: {', '.join(known) or 'none'}")
    if system:
        layers.append(block_file("system", system))
        overrides.append(f"system.name={system}")
    return to_config(merge(layers, overrides))


def block_file(block: str, name: str) -> Path:
    """conf/<block>/<name>.yaml; UsageError that lists the names there are."""
    path = ROOT / "conf" / block / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in (ROOT / "conf" / block).glob("*.yaml"))
        raise UsageError(f"no {block} called {name!r} (no {path.relative_to(ROOT)}); there are: {', '.join(known)}")
    return path


def merge(files: Iterable[Path | str], overrides: Iterable[str] = ()) -> Any:
    """Merge yaml files and overrides into the schema; the OmegaConf object."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    merged = OmegaConf.structured(Config)
    for file in files:
        try:
            layer = OmegaConf.load(file)
        except FileNotFoundError:
            raise UsageError(f"{file}: no such configuration file") from None
        except (YAMLError, OmegaConfBaseException, OSError, ValueError) as error:
            raise UsageError(f"{file}: not a configuration file: {error}") from None
        merged = _merged(merged, layer, str(file))
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not equals:
            raise UsageError(f"--set {override}: expected key=value, e.g. --set xvector.training.updates=500")
        merged = _merged(merged, OmegaConf.from_dotlist([override]), f"--set {override}")
    return merged


def to_config(merged: Any) -> Config:
    """The merged OmegaConf object as dataclasses, interpolations resolved."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_object(merged)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UsageError(f"configuration: {error}") from None


def to_yaml(config: Config) -> str:
    """The configuration as yaml text, ready for `load`."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _merged(merged: Any, layer: Any, where: str) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

    try:
        return OmegaConf.merge(merged, layer)
    except ConfigKeyError as error:
        key = error.full_key or str(error.key)
        near = difflib.get_close_matches(key, list(_keys(OmegaConf.to_container(merged))), n=1, cutoff=0.0)
        raise UsageError(f"{where}: unknown key {key!r}; the nearest valid key is {near[0]!r}") from None
    except OmegaConfBaseException as error:
        raise UsageError(f"{where}: {str(error).splitlines()[0]} (key {error.full_key})") from None


def _keys(container: Any, prefix: str = "") -> Iterable[str]:
    for key, value in container.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}.")
