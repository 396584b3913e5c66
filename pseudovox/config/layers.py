"""How a configuration is put together from its layers, and looked up by recipe and system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from pseudovox.config import checks, kinds, strict_yaml, validation
from pseudovox.config.checks import check_name
from pseudovox.config.schema import UNPROCESSED, Config
from pseudovox.core import checkout
from pseudovox.core.errors import UsageError

_RESERVED = (  # names of folders in exp/<recipe> that a system's folder must not take
    "original", "models", "xvectors", "f0", "bottleneck", "attacker", "asv", "recognizer", "emotion", "judges",
    "report", "diversity", "tensorboard",
)  # fmt: skip


def section_dict(section: Any) -> Any:
    """A section as plain values (for digests and json), with the digest of the code of a kind that a recipe brings."""
    if not is_dataclass(section) or isinstance(section, type):
        return section
    code = kinds.code_of(section) if isinstance(section, kinds.Component) else ""
    return {**asdict(section), **({"code": code} if code else {})}


def load(path: Path | str | None = None, overrides: Iterable[str] = ()) -> Config:
    """A step's configuration: the defaults, or a resolved file, with `key=value` overrides on top.

    Raises:
        UsageError: no such file, not yaml, an unknown key (the nearest is offered), a value of the wrong type, or an
            override of another kind than the configuration chooses.
    """
    overrides = list(overrides)
    config = merge([path] if path else [], overrides)
    checks.check_overrides([config], overrides)
    return config


def compose(recipe: str, system: str | None = None, overrides: Iterable[str] = ()) -> Config:
    """The configuration of a recipe, or of one of its systems, from its layers (see the module's head).

    Raises:
        UsageError: as `load`; a recipe, system, size, block or script that is not there; a name that cannot be part of
            a path (with `/`, `..`, spaces); a command of stage 0 that is no script of the tree.
    """
    overrides = list(overrides)
    recipe_files = [_recipe_file(recipe, "--recipe")]
    base = merge([checkout.ROOT / "conf/default.yaml", *recipe_files], overrides).base
    if base:
        recipe_files.insert(0, _recipe_file(base, "base"))
        if merge(recipe_files[:1]).base:
            raise UsageError(f"recipe {recipe}: its base {base} has a base itself; name that one, or copy")
    asked = merge([checkout.ROOT / "conf/default.yaml", *recipe_files], overrides)
    blocks = [block_file(block, name) for block, name in asked.use.items()]
    layers = [
        checkout.ROOT / "conf/default.yaml",
        *blocks,
        *recipe_files,
        *_size_files(recipe, recipe_files, asked.size),
    ]
    found = merge(layers, overrides)
    if system is not None:
        path = _system_file(system, recipe_files)
        of_recipe = found
        # A system may name blocks of its own; they lie where the recipe's do.
        blocks = [block_file(block, name) for block, name in merge([*layers, path], overrides).use.items()]
        layers = [
            checkout.ROOT / "conf/default.yaml",
            *blocks,
            *recipe_files,
            *_size_files(recipe, recipe_files, asked.size),
        ]
        if family := merge([path]).system.base:
            layers.append(block_file("family", family))
        found = merge([*layers, path], overrides)
        found.system.name = system
        checks.check_steps_of_system(of_recipe.steps, found.steps, path)
        checks.check_own_step(found.system, path)
        checks.check_steps(found.system, path)
        checks.check_owner(of_recipe, found, path, recipe)
        checks.check_kinds(found, strict_yaml.read(path)[0], str(path))
    checks.check_names(found)
    checks.check_attacks(found)
    checks.check_speaker_features(found)
    checks.check_recognizer(found)
    if found.bottleneck.alignment not in ("", "pocketsphinx"):
        raise UsageError(f"bottleneck.alignment: {found.bottleneck.alignment!r}: expected pocketsphinx or ''")
    if found.scoring.backend not in ("cosine", "cosine_centred", "plda"):
        raise UsageError(f"scoring.backend: {found.scoring.backend!r}: expected cosine, cosine_centred or plda")
    checks.check_scripts(found)
    return found


def block_file(block: str, name: str) -> Path:
    """conf/<block>/<name>.yaml; UsageError that lists the names there are."""
    check_name(block, "use")
    check_name(name, block)
    path = checkout.ROOT / "conf" / block / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in (checkout.ROOT / "conf" / block).glob("*.yaml"))
        raise UsageError(
            f"no {block} called {name!r} (no {path.relative_to(checkout.ROOT)}); "
            f"there are: {', '.join(known) or 'none'}"
        )
    return path


def _recipe_file(recipe: str, where: str) -> Path:
    check_name(recipe, where)
    path = checkout.ROOT / "recipes" / recipe / "recipe.yaml"
    if not path.is_file():
        known = sorted(path.parent.name for path in (checkout.ROOT / "recipes").glob("*/recipe.yaml"))
        raise UsageError(
            f"no recipe {recipe!r} (recipes/{recipe}/recipe.yaml is missing); there are: {', '.join(known)}"
        )
    return path


def _size_files(recipe: str, recipe_files: list[Path], size: str) -> list[Path]:
    if not size:
        return []
    check_name(size, "size")
    folders = [checkout.ROOT / "conf/size", *(file.parent / "size" for file in recipe_files)]
    found = [path for folder in folders if (path := folder / f"{size}.yaml").is_file()]
    if not found:
        known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
        raise UsageError(f"recipe {recipe} has no size {size!r}; there are: {', '.join(known) or 'none'}")
    return found


def _system_file(system: str, recipe_files: list[Path]) -> Path:
    """The recipe's own file of a system, or that of its base, or the one of conf/system."""
    check_name(system, "system")
    if system in _RESERVED:
        raise UsageError(f"a system cannot be called {system!r}: exp/<recipe>/{system} holds something else")
    folders = [*(file.parent / "system" for file in reversed(recipe_files)), checkout.ROOT / "conf/system"]
    for folder in folders:
        if (path := folder / f"{system}.yaml").is_file():
            return path
    known = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
    raise UsageError(f"no system called {system!r} (no conf/system/{system}.yaml); there are: {', '.join(known)}")


def systems_of(config: Config, asked: str = "") -> list[str]:
    """The systems to run: those asked for (comma-separated), or else the configuration's; each once.

    `original`, the speech as it is, may be named among them and is left out: it has its rows in every table.
    """
    names = asked.split(",") if asked else config.systems
    return [name for name in dict.fromkeys(names) if name != UNPROCESSED]


def merge(files: Iterable[Path | str], overrides: Iterable[str] = ()) -> Config:
    """The defaults with yaml files and then `key=value` overrides merged over them, each checked (UsageError)."""
    values = asdict(Config())
    for file in files:
        layer, lines = strict_yaml.read(file)
        kinds.extend(validation.checked(layer.get("extensions", []), list[str], str(file), lines, "extensions"))
        values = validation.merged(values, validation.checked(layer, Config, str(file), lines))
    for override in overrides:
        given = _override(override)
        kinds.extend(given.get("extensions", []))
        values = validation.merged(values, given)
    return validation.build(Config, values)


def to_yaml(config: Config) -> str:
    """The configuration as yaml text, ready for `load`."""
    import yaml

    return yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True, width=120)


def _override(override: str) -> dict[str, Any]:
    """`key=value` as nested values. A text is taken as it is, whatever it holds; all else is read as yaml."""
    where = f"--set {override}"
    key, equals, text = override.partition("=")
    if not equals:
        raise UsageError(f"{where}: expected key=value, e.g. --set xvector.training.updates=500")
    kind = validation.type_at(Config, key, where)
    value: Any = text if kind is str else strict_yaml.parse(text, where)[0]
    if is_dataclass(kind) and not isinstance(value, dict):
        some = next(iter(validation.types_of(kind)))
        raise UsageError(f"{where}: {key} is a section; set one of its keys, e.g. --set {key}.{some}=...")
    value = validation.checked(value, kind, where, {}, key)
    for word in reversed(key.split(".")):
        value = {word: value}
    return value
