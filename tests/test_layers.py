"""The library's layers: imports point downwards, and nowhere in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# From the bottom up; a package or module imports from itself and from those before it.
LAYERS = (
    "core", "config", "kinds", "metrics", "data", "models", "stage", "records", "release", "components", "corpora",
    "anonymize", "training", "evaluation", "anonymizer", "report", "devtools", "console", "__main__",
)  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module of the library by its dotted name, without the package's."""
    found = {}
    for path in (ROOT / "pseudovox").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT / "pseudovox").with_suffix("").parts)
        found[name.removesuffix("__init__").removesuffix(".")] = path
    del found[""]
    return found


MODULES = modules()


def imported(path: Path) -> set[str]:
    """The modules of the library that a file imports, inside functions too; not what only type checkers import."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pseudovox":
            base = (node.module or "").partition(".")[2]
            for alias in node.names:
                whole = f"{base}.{alias.name}".strip(".")
                found.add(whole if whole in MODULES else base)
    return found - {""}


IMPORTS = {name: imported(path) - {name} for name, path in MODULES.items()}


def layer(name: str) -> int:
    return LAYERS.index(name.partition(".")[0])


def test_every_part_has_its_layer() -> None:
    assert {name.partition(".")[0] for name in MODULES} == set(LAYERS)


def test_imports_point_downwards() -> None:
    pairs = [(name, other) for name, others in IMPORTS.items() for other in others]
    assert not [f"{name} -> {other}" for name, other in pairs if layer(other) > layer(name)]


def test_no_circles() -> None:
    waiting = {name: set(others) for name, others in IMPORTS.items()}
    while free := {name for name, others in waiting.items() if not others & waiting.keys()}:
        for name in free:
            del waiting[name]
    assert not waiting, f"in a circle, or above one: {sorted(waiting)}"
