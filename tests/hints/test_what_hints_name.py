"""What the sources tell users to give exists: keys, scripts and their options, stages of ./run.sh, downloads."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from obeying import ROOT, dry_run, places, sources

from pseudovox import config as configuration
from pseudovox.anonymize.knnvc.private import PrivateOptions
from pseudovox.config import validation
from pseudovox.corpora.downloads import catalogue
from pseudovox.evaluation.emotion_embedding import SystemOptions

SCRIPT = re.compile(r"\b(?:utils|steps|local)/\w+\.(?:py|sh)\b")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*\b")


def texts() -> list[tuple[str, str]]:
    """(file:line, text) of every string of the sources but docstrings, `{}` for what is filled in."""
    found = []
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                pieces = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
                found.append((where, "".join(pieces)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                found.append((where, node.value))
    return found


TEXTS = texts()


def _keys(values: Any, prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        found[prefix + name] = value
        if isinstance(value, dict):
            found |= _keys(value, f"{prefix}{name}.")
    return found


def test_keys_that_are_to_be_set_exist() -> None:
    known = _keys(configuration.section_dict(configuration.load()))
    own = {name for name, value in known.items() if value == {}}  # the user names what is in them
    of_kinds = set(validation.keys(configuration.Config))
    families = (path.parent.name for path in ROOT.glob("pseudovox/anonymize/*/options.py"))
    modules = (importlib.import_module(f"pseudovox.anonymize.{name}.options") for name in families)
    for options in (*(module.Options for module in modules), PrivateOptions, SystemOptions):  # keys of systems' own
        known |= {f"system.options.{name}": value for name, value in _keys(asdict(options())).items()}
    wrong = []
    for where, text in TEXTS:
        for key in re.findall(r"--set ['\"]?([a-z][\w.<>]*)=", text):
            key = key.replace("<section>", "xvector").replace("<training>", "xvector.training")
            if key != "key" and key not in known and key not in of_kinds and key.rpartition(".")[0] not in own:
                wrong.append(f"{where}: --set {key}=")
    assert not wrong, wrong


def test_keys_are_named_with_set() -> None:
    sections = "|".join(configuration.section_dict(configuration.load()))
    key = re.compile(rf"(?<!--set )(?<![\w./])(?:{sections})\.[\w.]+=")
    wrong = [str(place) for place in places() if key.search(place.hint)]
    assert not wrong, wrong


def test_scripts_and_their_options_exist() -> None:
    shared = (ROOT / "pseudovox/stage/frame.py").read_text()
    wrong = []
    for where, text in TEXTS:
        for found in SCRIPT.finditer(text):
            script = ROOT / found.group()
            if not script.is_file():
                wrong += [f"{where}: no {found.group()}"] if script.stem != "x" else []
                continue
            line = text[found.end() :].partition("\n")[0]
            line = re.split(r"[;(`]|, |&&|\./run\.sh|" + SCRIPT.pattern, line)[0]
            known = script.read_text() + (shared if script.parent.name in ("steps", "local") else "")
            wrong += [f"{where}: {found.group()} {one}" for one in OPTION.findall(line) if not _has(known, one)]
    assert not wrong, wrong


def _has(source: str, option: str) -> bool:
    return (
        f'"{option}"' in source or f"'{option}'" in source or f"[{option}" in source or 'f"--{what}-{place}"' in source
    )


def test_options_and_stages_of_run_sh_exist() -> None:
    script = (ROOT / "run.sh").read_text()
    stages = set(re.findall(r"^if stage \d+ (\w+)", script, re.MULTILINE))
    options = set(re.findall(r"^    (--[a-z-]+)[|)]", script, re.MULTILINE)) | {"--help"}
    assert {"data", "fit", "publish"} <= stages and {"--recipe", "--stage", "--stop-stage"} <= options
    wrong = []
    for where, text in TEXTS:
        for line in text.split("\n"):
            if "./run.sh" not in line:
                continue
            words = line[line.index("./run.sh") :]
            named = re.split(r"[;(`]|, (?!with)|" + SCRIPT.pattern, words)[0]
            wrong += [f"{where}: ./run.sh {one}" for one in OPTION.findall(named) if one not in options]
        for stage in re.findall(r"--(?:stop-)?stage ([a-z]\w*)", text):
            wrong += [f"{where}: stage {stage}"] if stage not in stages and "argparse" not in text else []
    assert not wrong, wrong


def test_downloads_that_are_named_are_offered() -> None:
    entries = catalogue.read()
    wrong = []
    for where, text in TEXTS:
        for name in re.findall(r"local/download\.py ([A-Za-z][\w-]+)", text):
            if not any(one.startswith(name) for one in entries) and name not in ("makes", "leaves", "says", "names"):
                wrong.append(f"{where}: local/download.py {name}")
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ("--system pca_gmm --stage fit --stop-stage fit --force", ["fit_pseudo_speakers.py", "models/pseudo/pca_gmm"]),
        ("--recipe mini --system pca_gmm --stop-stage fit", [f"models/{one}" for one in ("xvector", "bottleneck")]),
        ("--system pca_gmm --stage synthesize --stop-stage synthesize --force", ["synthesize_speech.py", "--force"]),
        ("--system mcadams --stage synthesize --stop-stage synthesize --force", ["anonymize_mcadams.py", "--force"]),
        ("--stage sample", ["sample_pseudo_speakers.py"]),
    ],
)
def test_the_stages_that_hints_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, made: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = dry_run(words.split())
    assert all(one in shown for one in made), shown
