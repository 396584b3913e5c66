"""How the tests of hints work: places of the sources that raise an error with a hint, and cases that obey it.

A case is a generator. It makes something wrong and yields what to try, a function; it is sent the hint that came, obeys
it, and may yield another try (else the same one is made again), which must get further:

    @obeyed("pseudovox/core/seeds.py", "holds no secret seed")
    def seed_that_is_none(tmp_path):
        Path("seed").write_text("7")
        hint = yield lambda: secret_seed(Path("seed"))
        shell(f"rm {path_in(hint)}")

Its parameters are fixtures.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pseudovox.core import command
from pseudovox.core.errors import PseudovoxError
from pseudovox.stage import frame

ROOT = Path(__file__).resolve().parents[2]
ERRORS = {"PseudovoxError", "DataError", "UsageError", "MissingModelError", "SomeUtterancesFailed", "JobFailed"}
Try = Callable[[], Any]
Play = Callable[..., Generator[Try, str, None]]


# ---------------------------------------------------------------------- places
@dataclass(frozen=True)
class Place:
    """A call in the sources that makes an error with a hint; in the texts `{}` stands for what is filled in."""

    module: str
    function: str
    line: int
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} ({self.function}): {self.message!r}, hint: {self.hint!r}"

    def made(self, error: PseudovoxError) -> bool:
        """Can it have made this error?"""
        pairs = ((self.message, error.message), (self.hint, error.hint))
        return all(
            re.fullmatch(".*".join(map(re.escape, template.split("{}"))), text, re.DOTALL) for template, text in pairs
        )


def sources() -> list[Path]:
    """Every Python file of the tree that users run."""
    folders = ("pseudovox", "steps", "utils", "local", "recipes")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@functools.cache
def places() -> list[Place]:
    """All places of the sources."""
    return [place for path in sources() for place in _places_of(path)]


def _places_of(path: Path) -> Iterator[Place]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = str(path.relative_to(ROOT))
    constants = {
        target.id: node.value
        for node in tree.body if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip

    def visit(node: ast.AST, function: str) -> Iterator[Place]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}" if function else node.name
        if isinstance(node, ast.Call) and _name(node.func) in ERRORS and node.args:
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            hint = node.args[1] if len(node.args) > 1 else named.get("hint")
            if hint is not None:
                yield Place(
                    module, function, node.lineno, _template(node.args[0], constants), _template(hint, constants)
                )
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function)

    return visit(tree, "")


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _template(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _template(node.left, constants) + _template(node.right, constants)
    if isinstance(node, ast.Name) and node.id in constants:
        return _template(constants[node.id], constants)
    return "{}"


def named(module: str, fragment: str) -> list[Place]:
    """The places of a module, or of a folder of modules (`.../`), whose message is, or else holds, a fragment."""
    own = [
        place
        for place in places()
        if place.module == module or (module.endswith("/") and place.module.startswith(module))
    ]
    return [place for place in own if place.message == fragment] or [
        place for place in own if fragment in place.message
    ]


# ---------------------------------------------------------------------- cases
@dataclass(frozen=True)
class Case:
    """A hint to be obeyed, and how."""

    module: str
    fragment: str
    play: Play

    def __str__(self) -> str:
        return self.play.__name__

    def place(self) -> Place:
        """The place that it names; one of them, if there are several that say the same."""
        found = named(self.module, self.fragment)
        texts = {(place.message, place.hint) for place in found}
        assert len(texts) == 1, f"{self.module}, {self.fragment!r}: names {len(texts)} messages: {texts}"
        return found[0]


CASES: list[Case] = []


def obeyed(module: str, fragment: str, name: str = "") -> Callable[[Play], Play]:
    """Decorator: the function plays a case of the place that the module and a fragment of its message name."""

    def register(play: Play) -> Play:
        if name:
            play.__name__ = name
        CASES.append(Case(module, fragment, play))
        return play

    return register


def follow(case: Case, request: pytest.FixtureRequest) -> None:
    """Play a case: the error must come, with its hint, and once that is obeyed the next try must get further."""
    wanted = case.play.__code__.co_varnames[: case.play.__code__.co_argcount]
    play = case.play(*(request.getfixturevalue(name) for name in wanted))
    attempt = next(play)
    first = stopped(attempt)
    assert first is not None, "nothing was wrong"
    assert case.place().made(first), f"another error came: {first}"
    assert first.hint, f"no hint came: {first}"
    with contextlib.suppress(StopIteration):
        attempt = play.send(first.hint)
    again = stopped(attempt)
    assert again is None or not case.place().made(again), f"the hint was obeyed, and still: {again}"


def stopped(attempt: Try) -> PseudovoxError | None:
    """The error that a try ends with."""
    try:
        attempt()
    except PseudovoxError as error:
        return error
    return None


# ---------------------------------------------------------------------- obeying
_COMMAND = re.compile(
    r"(?:(?:LC_ALL=C )?sort -|sed -i|iconv |rm |echo |find |chmod |\./run\.sh|(?:utils|steps|local)/\w+\.(?:py|sh) ).*",
    re.DOTALL,
)
_ENDS = re.compile(r", (?:or|then|and) |; (?:or|a) |: then | \(|, if ")


def command_in(hint: str, beginning: str = "") -> str:
    """The shell command that a hint names, from a given beginning on."""
    found = re.search(re.escape(beginning) + ".*", hint, re.DOTALL) if beginning else _COMMAND.search(hint)
    assert found, f"no command in the hint {hint!r}"
    return _ENDS.split(found.group())[0]


def settings_in(hint: str) -> list[str]:
    """The `key=value` that follow --set in a hint."""
    found = [word.rstrip(",;.)") for word in re.findall(r"--set (\S+)", hint)]
    assert found, f"no --set in the hint {hint!r}"
    return found


def options_in(hint: str) -> list[str]:
    """The options that a hint names, each with its value where it has one, as words of a command line."""
    found = re.findall(r"(--[a-z][a-z-]*)(?: ([\w./=\[\]<>*:-]+))?", hint)
    assert found, f"no option in the hint {hint!r}"
    words = {"if", "to", "replaces", "beside", "without", "alone", "for", "of", "and", "or", "need", "makes", "with"}
    return [word.rstrip(",;:") for option, value in found for word in (option, value) if word and word not in words]


def shell(line: str) -> None:
    """Run a command as a user in the checkout does; the working directory has links to its folders.

    A program of the tree by itself is run in this process, which is faster.
    """
    for name in ("utils", "steps", "local", "run.sh", "path.sh", "cmd.sh", "conf", "recipes", "pretrained"):
        if not Path(name).exists():
            Path(name).symlink_to(ROOT / name)
    first = line.split()[0]
    if re.fullmatch(r"(utils|steps|local)/\w+\.py", first) and not set("|>&;<") & set(line):
        program(*shlex.split(line))
        return
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-euc", line], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


def dry_run(words: Sequence[str]) -> str:
    """What ./run.sh with these words says that it would run."""
    here = Path("run").absolute()
    done = subprocess.run(
        [ROOT / "run.sh", "--exp-dir", here / "exp", "--data-dir", here / "data", *words, "--dry-run"],
        capture_output=True, text=True, timeout=120, cwd=ROOT, env={**os.environ, "PSEUDOVOX_PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


class _Nothing(Exception):
    """Caught in the place of the errors of a program, so that these reach the test."""


def program(script: str, *words: object) -> None:
    """Run a program of the tree in this process; its errors are raised, not shown."""
    run(_loaded(script).main, str(ROOT / script), *words)


def run(main: Callable[[list[str]], int], name: str, *words: object) -> None:
    """Call the main function of a program as `program` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "PseudovoxError", _Nothing)
        patch.setattr(command, "PseudovoxError", _Nothing)
        patch.setattr(sys, "argv", [name, *map(str, words)])
        status = main([str(word) for word in words])
    assert status == 0, f"{name}: exit code {status}"


@functools.cache
def _loaded(script: str) -> ModuleType:
    path = ROOT / script
    spec = importlib.util.spec_from_file_location(f"mended_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
