"""utils/check_step.py: the steps that ship keep the contract, and a script that breaks it is told every breach."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox import config as configuration
from pseudovox.data.audio import write_wav
from pseudovox.devtools.stepcheck import contract
from pseudovox.devtools.stepcheck.rehearsal import Rehearsal

ROOT = Path(__file__).resolve().parents[2]
Program = Callable[..., "subprocess.CompletedProcess[str]"]
STEPS = [key for key in contract.PROMISES if key != "data"]
QUICK = ("sample", "asv", "score_wer")  # the others import torch or scikit-learn, some ten times

NAIVE = '''
"""Draw x-vectors. Example: none needed."""
import argparse
import sys
from pathlib import Path

import numpy as np

parser = argparse.ArgumentParser(description="Draws.")
for option in ("--config", "--nj", "--device", "--generator", "--xvectors", "--limit"):
    parser.add_argument(option)
parser.add_argument("paths", nargs="+", type=Path)
args = parser.parse_args()
from pseudovox.data.archive import write_arrays

*data, out = args.paths
Path("notes.txt").write_text("done")
for folder in data:
    lines = [line.split() for line in (folder / "utt2spk").read_text().splitlines()]
    (out / folder.name).mkdir(parents=True, exist_ok=True)
    drawn = {line[0]: np.random.default_rng().standard_normal(64) for line in lines[1:]}
    write_arrays(out / folder.name, "pseudo_xvector", drawn)
    speakers = dict.fromkeys(line[1] for line in lines[::-1])
    (out / folder.name / "spk2gender").write_text("".join(f"{speaker} f\\n" for speaker in speakers))
    (folder / "utt2spk").write_text("".join(" ".join(line) + "\\n" for line in lines[::-1]))
'''


def check(script: Path, key: str, folder: Path) -> dict[str, list[str]]:
    """The breaches of every check."""
    found: dict[str, list[str]] = {}
    rehearsal = Rehearsal(script, key, folder)
    count = rehearsal.check(lambda title, breaches: found.update({title: breaches}))
    assert count == sum(map(len, found.values()))
    return found


@pytest.mark.parametrize("key", [key if key in QUICK else pytest.param(key, marks=pytest.mark.slow) for key in STEPS])
def test_steps_that_ship_keep_the_contract(key: str, tmp_path: Path) -> None:
    step = "anonymize_mcadams" if key == "system" else configuration.STEPS[key][0]
    found = check(ROOT / "steps" / f"{step}.py", key, tmp_path)
    assert len(found) > 6 and {title: breaches for title, breaches in found.items() if breaches} == {}


def test_script_that_makes_data_dirs(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / "recordings" / name, 0.1 * np.random.default_rng(0).standard_normal(16000))
    (tmp_path / "work").mkdir()
    script, words = ROOT / "local/prepare_folder.py", [str(tmp_path / "recordings"), "DATA"]
    found: dict[str, list[str]] = {}
    assert Rehearsal(script, "data", tmp_path / "work", words).check(lambda *told: found.update([told])) == 0, found
    assert len(found) == 8


def test_naive_script_is_told_every_breach(tmp_path: Path, program: Program) -> None:
    (tmp_path / "naive.py").write_text(NAIVE)
    done = program("utils/check_step.py", tmp_path / "naive.py", "sample")
    assert done.returncode == 3, done.stdout + done.stderr
    for breach in (
        "--help does not show the script's docstring",
        "--help imports numpy",
        "test_enrolls/pseudo_xvector.scp: 1 of 9 utterances are lost, e.g. te0-test_enrolls-0",
        "spk2gender: not in bytewise order",
        ".done.json: no marker",
        "data/test_enrolls/utt2spk: an input was changed",
        "notes.txt: written outside the output",
        "pseudo_xvector.ark differs",
        "BREACH  the same bytes with --nj 2",
        "BREACH  the same bytes whatever the order of data dirs",
        "BREACH  a second run does nothing",
        "with another setting (--limit 1) it must stop with exit code 3",
        "BREACH  killed (kill -9) and run again: the same bytes",
        "a line of utt2spk without a speaker: exit code 1",
        "without exp/xvectors: exit code 0",
    ):
        assert breach in done.stdout, breach
    assert re.search(r"naive.py in the place of sample: \d+ breaches", done.stdout)


def test_script_that_fails_shows_what_it_printed(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text('"""A step. Example: x"""\nimport sys\nsys.exit("no such luck")\n')
    found = check(tmp_path / "broken.py", "sample", tmp_path / "work")
    [(_, [breach])] = [item for item in found.items() if item[0].startswith("runs")]
    assert "ends with exit code 1" in breach and "| no such luck" in breach
    (tmp_path / "broken.py").write_text("def run(:\n")
    found = check(tmp_path / "broken.py", "sample", tmp_path / "other")
    assert found["--help is the manual, and quick"] == ["not a Python script: invalid syntax (broken.py, line 1)"]


@pytest.mark.parametrize(
    ("script", "key", "message"),
    [
        ("nowhere.py", "sample", "nowhere.py: no such script"),
        ("steps/score_wer.py", "sampel", "'sampel' cannot be checked: expected one of data, xvector, "),
        ("local/prepare_mini.py", "data", "the script's own arguments are to be given for stage data"),
        ("steps/write_report.py", "report", "stage report only shows"),
    ],
)
def test_what_cannot_be_checked(script: str, key: str, message: str, program: Program) -> None:
    done = program("utils/check_step.py", ROOT / script, key)
    assert done.returncode == 2 and message in done.stderr


def test_every_swappable_step_has_a_promise_and_its_line_in_the_manual() -> None:
    assert contract.PROMISES.keys() - {"data", "system"} == configuration.STEPS.keys() - {"report"}
    readme = (ROOT / "recipes/README.md").read_text()
    for key in configuration.STEPS:
        assert contract.manual_line(key) in readme, contract.manual_line(key)
