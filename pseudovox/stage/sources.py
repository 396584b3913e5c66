"""Which code made an output: the sources that a step's script imports, each with its digest.

Read from the import statements, those inside functions too, without importing anything. What frames every step and
cannot change what it writes (FRAME) is left out: settings count by their values, and a new key is no other code.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pseudovox.config.kinds import Component

PACKAGE = "pseudovox"
ROOT = Path(__file__).resolve().parents[2]  # of the checkout, or where the package is installed
ALWAYS = f"{PACKAGE}/stage/parallel.py"  # reads the speech and writes the archives of most steps, by way of the frame
FRAME = {f"{PACKAGE}/{name}.py" for name in (
    "__init__", "config/__init__", "config/checks", "config/kinds", "config/layers", "config/schema",
    "config/validation", "core/__init__", "core/checkout", "core/errors", "data/__init__", "stage/__init__",
    "stage/audio_digests", "stage/device", "stage/digests", "stage/frame", "stage/jobs", "stage/locks", "stage/outputs",
    "stage/sources", "stage/versions",
)}  # fmt: skip


@cache
def sources(script: Path, root: Path = ROOT) -> dict[str, str]:
    """The sources of a step.

    Args:
        script: its file; one that lies elsewhere is not among them (frame.py digests such by itself).
        root: of the code.

    Returns:
        first 12 hexadecimal digits of SHA-256, by path from the root, sorted.
    """
    script = script.resolve()
    waiting = [script, *filter(Path.is_file, [root / ALWAYS])]
    found = set(waiting)
    while waiting:
        for path in _imported(waiting.pop(), root):
            if path not in found and path.relative_to(root).as_posix() not in FRAME:
                found.add(path)
                waiting.append(path)
    names = sorted(path.relative_to(root).as_posix() for path in found if root in path.parents)
    return {name: digest(name, root) for name in names}


def of_kinds(settings: Any, root: Path = ROOT) -> dict[str, str]:
    """The sources of what does the work of the kinds of components among a step's settings, as `sources`.

    Which they are the configuration decides, so no import statement tells. (A recipe's own kinds are told by the digest
    of the settings.)
    """
    found: dict[str, str] = {}
    waiting = [settings]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, Component):
            network = getattr(value, "network", None)
            for name in (value.implementation, network.implementation if network else ""):
                path = root / f"{name.partition(':')[0].replace('.', '/')}.py"
                if path.is_file():
                    found |= sources(path, root)
    return dict(sorted(found.items()))


def changed(recorded: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """Those of recorded sources that are not the same today, or are gone."""
    return [name for name, before in recorded.items() if digest(name, root) != before]


@cache
def digest(name: str, root: Path = ROOT) -> str:
    """The digest of a source; "" if it is not there."""
    try:
        return hashlib.sha256((root / name).read_bytes()).hexdigest()[:12]
    except OSError:
        return ""


@cache
def _imported(path: Path, root: Path) -> tuple[Path, ...]:
    """The files of the package that a file imports; what only type checkers import does not count."""
    found: list[Path] = []
    waiting: list[ast.AST] = [ast.parse(path.read_bytes(), str(path))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for module in modules:
            if module.partition(".")[0] == PACKAGE:
                place = root / module.replace(".", "/")
                found += filter(Path.is_file, [place.with_suffix(".py"), place / "__init__.py"])
    return tuple(found)
