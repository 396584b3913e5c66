"""Kinds of components: a key of a section names one, and it is a module of the section's package in pseudovox/kinds.

    pseudo: {strategy: pool, candidates: 50}      # pseudovox/kinds/strategies/pool.py

A kind's module holds `Options`, a dataclass that adds the kind's own keys to those of the section's base class, and
says (`implementation`) which class or module does the work. It imports nothing heavy: every step reads the
configuration.
A recipe may bring kinds of its own: `extensions: [recipes/mine]` finds recipes/mine/kinds/strategies/x.py.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

from pseudovox.core import checkout
from pseudovox.core.errors import UsageError

ENVIRONMENT = "PSEUDOVOX_EXTENSIONS"  # for the processes that a step starts
PACKAGE = "pseudovox.kinds"
_WORD = re.compile(r"[a-z]\w*")


@dataclass(frozen=True)
class Slot:
    """A place in the configuration that several kinds of component fit.

    Attributes:
        key: that names the kind, within the section (`strategy`).
        folder: of pseudovox/kinds that holds the kinds.
    """

    key: str
    folder: str


class Network(NamedTuple):
    """The network of a kind that is trained.

    Attributes:
        kind: its name in model dirs (model.json).
        implementation: "<module>:<class>"; the class is called with the stored hyperparameters as keywords.
        card: what it is, for the card of a packed model; {hyperparameter} and {fact} are filled in.
        user: "<module>:<class>" of what is made of a model dir and a device to use it; of content extractors.
    """

    kind: str
    implementation: str
    card: str
    user: str = ""


class Component:
    """Base of a section whose keys depend on the kind that one of them names."""

    SLOT: ClassVar[Slot]
    network: ClassVar[Network]  # of kinds that have one
    implementation: ClassVar[str] = ""  # "<module>" or "<module>:<name>" of what does the work

    @property
    def kind_name(self) -> str:
        """The kind that the section names."""
        return str(getattr(self, self.SLOT.key))

    def load(self) -> Any:
        """What does the work: a class or a module; see the section's base class."""
        return imported(self.implementation)


def imported(name: str) -> Any:
    """A module, "package.module", or an object of it, "package.module:name"."""
    module, _, attribute = name.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def names(slot: Slot) -> list[str]:
    """The kinds that there are, in alphabetical order; none is imported. (A module `_x` is a part of a kind.)"""
    found = (module.name for module in pkgutil.iter_modules(_package(slot).__path__))
    return sorted(name for name in found if _WORD.fullmatch(name))


def options_of(base: type[Component], kind: str, where: str = "") -> type[Any]:
    """The options of a kind: the `Options` of its module.

    Args:
        base: the section's base class.
        where: the key, for messages.

    Raises:
        UsageError: no such kind; names those there are.
    """
    slot = base.SLOT
    module = module_of(slot, kind, where)
    options = getattr(module, "Options", None)
    if not (isinstance(options, type) and issubclass(options, base)):
        raise UsageError(f"{module.__file__}: has no class Options that is derived from {base.__name__}")
    return options


def networks(folder: str) -> dict[str, Network]:
    """The networks of all kinds in a folder of pseudovox/kinds, by their names in model dirs."""
    slot = Slot("kind", folder)
    found = (module_of(slot, name).Options.network for name in names(slot))
    return {network.kind: network for network in found}


def module_of(slot: Slot, kind: str, where: str = "") -> ModuleType:
    """The module of a kind; UsageError, which names those there are, if it is none."""
    package = _package(slot)
    if not _WORD.fullmatch(kind) or kind not in names(slot):
        raise UsageError(f"{where or slot.key} {kind!r}: expected one of {', '.join(names(slot))}")
    return importlib.import_module(f"{package.__name__}.{kind}")


def extend(folders: Iterable[str]) -> None:
    """Look for kinds in `<folder>/kinds`, too, in this process and those it starts.

    Args:
        folders: below recipes/ of the checkout, as the configuration names them.

    Raises:
        UsageError: a folder that is elsewhere, or has no kinds.
    """
    known = _extensions()
    for folder in folders:
        path = Path(folder)
        if path.parts[:1] != ("recipes",) or ".." in path.parts:
            raise UsageError(
                f"extensions: {folder!r}: expected a folder of recipes/, whose code is run",
                "put it there, e.g. recipes/mine",
            )
        if not (checkout.ROOT / path / "kinds").is_dir():
            raise UsageError(f"extensions: {folder}/kinds is no folder", f"mkdir -p {folder}/kinds/strategies")
        if folder not in known:
            known.append(folder)
    if known:
        os.environ[ENVIRONMENT] = ":".join(known)


def code_of(options: Component) -> str:
    """The SHA-256 of the module of a kind that a recipe brings; "" for one of the library."""
    path = importlib.import_module(type(options).__module__).__file__ or ""
    shipped = Path(importlib.import_module(PACKAGE).__file__ or "").parent
    if not path or Path(path).is_relative_to(shipped) or not type(options).__module__.startswith(f"{PACKAGE}."):
        return ""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _extensions() -> list[str]:
    return [folder for folder in os.environ.get(ENVIRONMENT, "").split(":") if folder]


def search_path(shipped: Iterable[str], folder: str) -> list[str]:
    """Where the kinds of a folder of pseudovox/kinds are looked for: there, and in the extensions."""
    found = list(shipped)
    own = (str(checkout.ROOT / extension / "kinds" / folder) for extension in _extensions())
    return [*found, *(path for path in own if path not in found)]


def _package(slot: Slot) -> ModuleType:
    package = importlib.import_module(f"{PACKAGE}.{slot.folder}")
    package.__path__ = search_path(package.__path__, slot.folder)
    return package
