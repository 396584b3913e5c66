"""The short form of kill_and_resume.py: corpus, F0, and a training with checkpoints, killed and continued."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from kill_and_resume import ROOT, compare, kill_and_resume

TRAINING = (
    "channels=16 factor=0 variants=0 validation=2 quantizer_start=4 dimension=16"
    " training.updates=12 training.round_updates=2 training.batch_size=2"
)

SETS = ("train", "dev_enrolls", "dev_trials_f", "test_trials_m")


def chain(folder: Path) -> list[str]:
    """Commands of steps, shown as run.sh shows them."""
    train = ["--device", "cpu", *(word for key in TRAINING.split() for word in ("--set", f"bottleneck.{key}"))]
    commands = [
        ["local/prepare_mini.py", "--size", "smoke", folder / "data"],
        ["steps/extract_f0.py", "--nj", 2, *(folder / "data" / name for name in SETS), folder / "exp/f0"],
        ["steps/train_bottleneck.py", *train, folder / "data/train", folder / "exp/bottleneck"],
    ]
    lines = ["set -e"]
    for script, *arguments in commands:
        lines.append(f"echo '$ {script}'")
        lines.append(shlex.join([sys.executable, str(ROOT / str(script)), *map(str, arguments)]))
    return ["bash", "-c", "\n".join(lines)]


@pytest.mark.slow  # half a minute; .ci/run has it
def test_killed_and_continued_gives_the_same_bytes(tmp_path: Path) -> None:
    outcome = kill_and_resume(chain, tmp_path, kills=3, seed=1, density=2)
    assert outcome.kills == 3 and outcome.differences == [], outcome


def test_comparison_sees_what_differs(tmp_path: Path) -> None:
    for name in ("whole", "broken"):
        (tmp_path / name / "log").mkdir(parents=True)
        (tmp_path / name / "log/a.log").write_text(name)
        (tmp_path / name / "same.scp").write_text(f"key {tmp_path / name}/x.ark:3\n")
        (tmp_path / name / ".done.json").write_text(f'{{"when": "{name}", "digest": "d"}}')
        (tmp_path / name / "other").write_text(name)
    (tmp_path / "whole/gone").write_text("")
    (tmp_path / "broken/.x.12.tmp").write_text("")
    assert compare(tmp_path / "whole", tmp_path / "broken") == [
        "missing: gone", "left over: .x.12.tmp", "differs: other",
    ]  # fmt: skip
