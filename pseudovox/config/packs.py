"""Packs: trained models in the tree, pretrained/<name>, laid out as exp/<recipe>/models and ready to be used.

    <model>/model.json, weights.safetensors, README.md   networks, in half precision where that is harmless
    pseudo/<system>/pseudo.json, *.npz, README.md         generators of pseudo-speakers
    config.yaml      the sections of the configuration that decided the models, or that speaking with them needs
    expected.json    what the systems make of a fixed signal
    README.md        the whole pack: what is in it, and what pack.md of its recipe says (licences, limits)

A pack holds no x-vector of a real person: no pool, and none of the directions that an x-vector extractor's classifier
learns for its training speakers. utils/make_pack.py makes one of what a recipe trained (devtools/packing.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pseudovox import config as configuration
from pseudovox.core import checkout
from pseudovox.core.errors import MissingModelError, UsageError

CONFIG, EXPECTED, README = "config.yaml", "expected.json", "README.md"
SECTIONS = ("xvector", "f0", "bottleneck", "synthesizer", "synthesis", "pseudo")  # of the configuration, in config.yaml
DEFAULT = "openspeech"


def folder() -> Path:
    """Where packs lie: pretrained/ of the checkout, or of the installed package."""
    return checkout.ROOT / "pretrained"


def find(pack: str | Path) -> Path:
    """The folder of a pack, given its name or a path; a model folder exp/<recipe>/models will do as well.

    Raises:
        MissingModelError: there is none; names those that are there.
    """
    named = folder() / pack
    for place in (named, Path(pack)) if _is_name(pack) else (Path(pack),):
        if place.is_dir():
            return place
    known = sorted(path.name for path in folder().glob("*") if path.is_dir())
    raise MissingModelError(
        f"no pack {str(pack)!r}: neither a folder nor one of pretrained/, which holds {', '.join(known) or 'none'}",
        "give the folder of models that a recipe trained, e.g. exp/mini/models (./run.sh makes it)",
    )


def recipe_of(pack: Path) -> str:
    """The recipe that made the models of exp/<recipe>/models or pretrained/<recipe>; "<recipe>" if that is none."""
    pack = pack.resolve()
    name = pack.parent.name if pack.name == "models" else pack.name
    return name if (checkout.ROOT / "recipes" / name).is_dir() or pack.parent == folder() else "<recipe>"


def config_of(pack: Path | None, system: str, overrides: Iterable[str] = ()) -> configuration.Config:
    """The configuration of a system with the models of a pack.

    Of exp/<recipe>/models it is what the recipe was run with.

    Args:
        pack: its folder; None for a system without models.
        overrides: `key=value`, on top.

    Raises:
        UsageError: no such system, or one that is not made of the library's own parts alone; a damaged config.yaml.
        MissingModelError: the folder has no configuration.
    """
    root = checkout.ROOT / "conf"
    configuration.check_name(system, "system")
    own = root / "system" / f"{system}.yaml"
    run = pack.resolve().parent / system / CONFIG if pack else None
    if run and run.is_file() and pack and not (pack / CONFIG).is_file():
        config = configuration.merge([run], overrides)
    elif not own.is_file():
        known = ", ".join(sorted(path.stem for path in (root / "system").glob("*.yaml")))
        raise UsageError(f"no system called {system!r}; there are: {known}")
    else:
        family = configuration.merge([own]).system.base
        below = [_config_file(pack)] if pack else []
        below += [configuration.block_file("family", family)] if family else []
        config = configuration.merge([root / "default.yaml", *below, own], overrides)
    config.system.name = system
    if config.steps or not config.system.anonymizer:
        raise UsageError(
            f"system {system} has steps of its own, which only a recipe runs",
            f"./run.sh --recipe {recipe_of(pack) if pack else 'own'} --system {system}",
        )
    return config


def resolved(name: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """What config.yaml of a pack must say: of its recipe, or where there is none of conf/models/<name>.yaml."""
    if (checkout.ROOT / "recipes" / name / "recipe.yaml").is_file():
        config = configuration.compose(name, overrides=overrides)
    else:
        files = [checkout.ROOT / "conf/default.yaml", configuration.block_file("models", name)]
        config = configuration.merge(files, overrides)
    return sections_of(config)


def sections_of(config: configuration.Config) -> dict[str, Any]:
    """The sections of a pack's config.yaml as plain values."""
    return {name: configuration.section_dict(getattr(config, name)) for name in SECTIONS}


def _config_file(pack: Path) -> Path:
    for path in (pack / CONFIG, pack.resolve().parent / CONFIG):
        if path.is_file():
            return path
    raise MissingModelError(
        f"{pack}: has no {CONFIG} in it or beside it, which says how its models are used",
        "give a folder of pretrained/, or exp/<recipe>/models of a run",
    )


def _is_name(pack: str | Path) -> bool:
    return isinstance(pack, str) and pack not in ("", ".", "..") and "/" not in pack
