"""recipes/spane: every command at full size, and, marked slow, from stage 0 to the report on stand-ins."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pseudovox import config as configuration
from pseudovox.data.datadir import DataDir

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
SETS = {
    "test-clean",
    "train-clean-360",
    *(f"libri_{x}_{y}" for x in ("dev", "test") for y in ("enrolls", "trials_mixed")),
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "run.sh"), "--recipe", "spane", "--device", "cpu", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=1500, env=ENVIRONMENT)


def test_dry_run_at_full_size_shows_every_command() -> None:
    """Without any corpus: every set is anonymized by every system, attacked and judged, in SpAnE's way."""
    shown = run("--dry-run")
    assert shown.returncode == 0, shown.stderr
    stages = shown.stdout.split("\n== stage ")[1:]
    assert len(stages) == 16
    config = configuration.compose("spane")
    for system in config.systems:
        for name in SETS:
            assert f"data/spane/{name} " in shown.stdout
        own = f"exp/spane/{system}/asv/semi-informed-scratch"
        [scored] = [line for line in shown.stdout.splitlines() if line.endswith(own)]
        assert f"--centre exp/spane/asv/{system}/scratch/train-clean-360_{system} " in scored
        [lazy] = [line for line in shown.stdout.splitlines() if line.endswith(f"exp/spane/{system}/asv/lazy-informed")]
        assert "--centre exp/spane/asv/original/train-clean-360 " in lazy
        assert f"--system {system} data/spane/test-clean exp/spane/judges" in shown.stdout
    assert "train_plda" not in shown.stdout, "a centre takes no PLDA"
    assert (config.attacker.balance, config.attacker.training.keep) == ("places", "last")
    assert config.judges.whisper == ["small", "large-v3"] and config.speed.durations == [20]


@pytest.mark.slow
def test_runs_on_stand_ins_from_corpora_to_the_report(standin_corpora: Path, tmp_path: Path) -> None:
    folders = ("--data-dir", str(tmp_path / "data"), "--exp-dir", str(tmp_path / "exp"))
    sizes = ("--set", "size=smoke", "--set", f"data.corpora={standin_corpora}")
    done = run("--system", "mcadams", "--nj", "2", *folders, *sizes)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    trials = DataDir.load(tmp_path / "data/libri_test_trials_mixed")
    assert len(trials.trials) == len(trials.utterances) * 6, "six speakers, women and men in one list"
    records = json.loads((tmp_path / "exp/report/results.json").read_text())["records"]
    figures = {(record["attacker"], record["set"], record["group"]) for record in records if record["metric"] == "eer"}
    assert {(who, "libri_test", "all") for who in ("original", "ignorant", "lazy-informed", "semi-informed")} <= figures
    parts = {record["group"] for record in records if record["metric"] == "eer_part"}
    assert {"all/spk2gender=f", "all/spk2gender=m"} <= parts
    log = (tmp_path / "exp/attacker/mcadams/scratch/train_log.txt").read_text()
    assert re.match(r"epoch: 1, lr: .*, tgt_weight: 0.00e\+00 - train loss: .* - valid loss: .* error_rate_src: ", log)
    laid = [sys.executable, str(ROOT / "steps/export_spane_results.py"), "--system", "mcadams"]
    made = subprocess.run([*laid, *(folders[3], folders[1]), str(tmp_path / "spane")], env=ENVIRONMENT, cwd=ROOT)
    assert made.returncode == 0
    assert (tmp_path / "spane/eval/asv-cos/semi-informed/results/eer_gender.txt").is_file()
