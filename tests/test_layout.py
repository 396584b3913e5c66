"""The tree keeps its shape: dependencies point one way, steps are documented, nothing is pickled or linked."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRACKED = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-s"], capture_output=True, text=True).stdout.splitlines()
PROGRAMS = sorted(
    path for pattern in ("steps", "local", "utils", "recipes/*/steps") for path in ROOT.glob(f"{pattern}/*.py")
)
LIBRARY = sorted((ROOT / "pseudovox").rglob("*.py"))
HEAVY = {"torch", "torchaudio", "lightning", "sklearn", "scipy", "pyworld", "matplotlib", "jiwer", "numpy", "soundfile"}


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found


def test_json_is_written_in_one_place() -> None:
    """By datadir.write_json, which keeps NaN out; what the others make is no file, or finite."""
    others = {"digests.py", "files.py", "packing.py", "spane.py", "documents.py"}
    found = {path.name for path in (*LIBRARY, *PROGRAMS) if "json.dump" in path.read_text()}
    assert found == others


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_programs_use_the_library_alone_and_start_fast(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"steps", "local", "utils", "recipes", "tests"}
    assert not {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
    assert path.name.startswith("prepare_") or len(path.read_text().splitlines()) <= 200
    documentation = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert "Example" in documentation or "example" in documentation, "the manual page lacks an example"
    up = "../" * len(path.relative_to(ROOT).parent.parts)
    launcher = f"""'exec "${{0%/*}}/{up}utils/python.sh" "$0" "$@"'"""
    assert path.read_text().startswith(f"#!/usr/bin/env -S bash -c {launcher}\n")


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_library_knows_nothing_above_it(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"steps", "local", "utils", "recipes", "tests"}
    assert not imports(path) & {"pickle", "joblib", "dill", "cloudpickle"}
    if "models" in path.parts:
        assert not {name for name in imports(path) if name.startswith(("pseudovox.training", "lightning"))}
    assert ast.get_docstring(ast.parse(path.read_text())), "the first lines must say what the file is for"


def test_no_symlinks_and_no_large_files() -> None:
    assert not [line for line in TRACKED if line.startswith("120000")]
    files = [ROOT / line.split("\t", 1)[1] for line in TRACKED]
    files = [path for path in files if (ROOT / "pretrained") not in path.parents]  # tests/test_pack.py measures those
    assert not [path for path in files if path.exists() and path.stat().st_size > 2**20]


def test_programs_find_the_environment(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PSEUDOVOX_PYTHON": sys.executable}
    call = [ROOT / "utils/validate_data_dir.py", "nowhere"]
    shown = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert shown.returncode == 3 and "nowhere: no such data dir" in shown.stderr
    # Without one, the message's hint is a program that is there.
    alone = tmp_path / "utils"
    alone.mkdir()
    for name in ("python.sh", "validate_data_dir.py"):
        shutil.copy(ROOT / "utils" / name, alone)
    (tmp_path / "bin").mkdir()
    for name in ("bash", "env", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    call = [alone / "validate_data_dir.py", "nowhere"]
    shown = subprocess.run(call, env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True)
    assert shown.returncode == 1 and f"hint: {alone}/install.sh" in shown.stderr


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_help_shows_the_manual(path: Path, program) -> None:  # type: ignore[no-untyped-def]
    shown = program(path.relative_to(ROOT), "--help")
    assert shown.returncode == 0, shown.stderr
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
    assert first in shown.stdout
