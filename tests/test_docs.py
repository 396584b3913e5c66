"""The pages lead where they say: links, anchors, the README's tables, a page for every system."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from os import environ
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = subprocess.run(
    ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    capture_output=True,
    text=True,
).stdout.split()
README = (ROOT / "README.md").read_text(encoding="utf-8")


def prose(page: str) -> str:
    """A page without its blocks and spans of code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.sub(r"(`+)[^`]*?\1", "``", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(page: Path) -> set[str]:
    """What a browser finds behind # in a page: the headings, as GitHub and GitLab name them."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page}: {target}"
        assert path.resolve().is_relative_to(ROOT), f"{page}: {target} leaves the tree"
        assert not anchor or anchor in anchors(path), f"{page}: {target}: no such heading"


def test_scripts_that_pages_name_are_there() -> None:
    for page in PAGES:
        named = re.findall(r"(?<![\w/])(?:steps|local|utils|benchmarks|recipes/\w+/steps)/\w+\.(?:py|sh)", prose(page))
        assert not [name for name in named if not (ROOT / name).exists() and "/mine/" not in name], page


def rows(first: str) -> list[list[str]]:
    """The cells of the README's table whose head begins so."""
    lines = README.split(first, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def test_stage_table_is_the_list_of_stages() -> None:
    shown = subprocess.run(
        [str(ROOT / "run.sh"), "--list"],
        capture_output=True,
        text=True,
        env={**environ, "PSEUDOVOX_PYTHON": sys.executable},
    ).stdout.splitlines()
    listed = [line.split(maxsplit=2) for line in shown]
    assert [row[:2] for row in rows("| | stage |")] == [[number, f"{name}: {does}"] for number, name, does in listed]


def test_every_system_has_a_row_and_a_page() -> None:
    cells = [row[0] for row in rows("| system | what it does |")]
    named = [re.sub(r"\[(\w+)\].*", r"\1", name.strip()) for cell in cells for name in cell.split(",")]
    assert sorted(named) == sorted(path.stem for path in (ROOT / "conf/system").glob("*.yaml"))
    for cell in cells:
        linked = re.match(r"\[(\w+)\]\(docs/systems/(\w+)\.md\)", cell)
        assert linked and linked[1] == linked[2], cell
    for page in (ROOT / "docs/systems").glob("*.md"):
        parts = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert parts == ["Method", "Time", "Numbers", "Samples"], page


def test_every_recipe_has_its_row() -> None:
    table = (ROOT / "recipes/README.md").read_text(encoding="utf-8")
    recipes = {path.parent.name for path in (ROOT / "recipes").glob("*/recipe.yaml")}
    assert recipes == set(re.findall(r"\[(\w+)\]\(\1/README\.md\)", table))


def texts() -> list[Path]:
    """Everything that advises: pages, configurations, and programs with their messages."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "*.md", "*.yaml", "*.py", "*.sh"], capture_output=True, text=True
    ).stdout.split()
    return [ROOT / name for name in listed if not name.startswith(("tests/", "pretrained/"))]


def test_settings_that_are_advised_are_taken() -> None:
    """`--set key=value`, wherever it stands: the key is one, and so is the value, unless a word stands for it."""
    from pseudovox import config
    from pseudovox.core.errors import PseudovoxError

    pattern = re.compile(r"--set ([a-z]\w*(?:\.\w+)*)=(\[[^\]\n]*\]|[\w./+-]*)")
    advised = {found for path in texts() for found in pattern.findall(path.read_text(encoding="utf-8"))}
    assert len(advised) > 30
    wrong = []
    for key, value in sorted(advised):
        value = value.rstrip(".:")
        if key == "key" or key == "size":  # the word for any, and sizes, which are a recipe's own
            continue
        section, _, block = key.partition(".")
        if section == "use":
            if value and not (ROOT / f"conf/{block}/{value}.yaml").is_file():
                wrong.append(f"{key}={value}: no such block")
            continue
        for given in filter(None, [value]):
            try:
                config.merge([], [f"{key}={given}"])
            except PseudovoxError as error:
                wrong.append(f"{key}={given}: {error}")
    assert not wrong, "\n".join(wrong)


def test_nothing_cites_what_readers_do_not_have() -> None:
    assert not [str(path) for path in texts() if re.search(r"\(specs:|\bspecs/", path.read_text(encoding="utf-8"))]
