"""recipes/example_swap: the script takes its place in one system alone, draws what it says, and its bytes count."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox import config as configuration
from pseudovox.anonymize.pca_gmm import PcaGmm
from pseudovox.anonymize.strategy import Source
from pseudovox.anonymize.voice_model import VoiceModel
from pseudovox.data.archive import read_scp
from pseudovox.devtools.stepcheck import bench

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "recipes/example_swap/steps/sample_uniform.py"
Program = Callable[..., "subprocess.CompletedProcess[str]"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
    command = [str(ROOT / "run.sh"), "--recipe", "example_swap", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


def test_one_system_runs_the_script_and_the_other_the_step() -> None:
    shown = run("--stage", "sample", "--stop-stage", "sample", "--dry-run").stdout.splitlines()
    scripts = {line.split("--config ")[1].split("/")[2]: line.split()[2] for line in shown if line.startswith("$")}
    assert scripts == {"pca_gmm": "steps/sample_pseudo_speakers.py", "uniform": SCRIPT}
    mini, swap = (run("--recipe", name, "--dry-run", "--system", "pca_gmm").stdout for name in ("mini", "example_swap"))
    assert mini == swap.replace("/example_swap", "/mini"), "all else is recipes/mini"


def test_draws_evenly_over_a_box_with_the_mixtures_mean_and_deviation() -> None:
    spec = importlib.util.spec_from_file_location("sample_uniform", ROOT / SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = VoiceModel(
        mean=np.full(4, 7.0), components=np.eye(2, 4), weights=np.array([0.25, 0.75]),
        means=np.array([[3.0, 0.0], [-1.0, 0.0]]), variances=np.array([[1.0, 4.0], [1.0, 4.0]]),
    )  # fmt: skip
    uniform = module.Uniform(PcaGmm({"f": model}, threshold=1.01))
    source = Source(np.zeros(4), np.zeros(4), "f")
    drawn = np.stack([uniform.draw(source, np.random.default_rng(seed)) for seed in range(4000)])
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(0), [7, 7, 7, 7], atol=0.15)
    np.testing.assert_allclose(drawn.std(0), [2, 2, 0, 0], atol=0.1)  # 4 = 1 + 0.25 * 9 + 0.75 * 1
    assert np.abs(drawn - 7).max() <= 2 * 3**0.5
    counts, _ = np.histogram(drawn[:, 0], bins=8)
    assert counts.min() > 0.75 * counts.max()


def test_runs_at_the_smoke_size(tmp_path: Path) -> None:
    config = configuration.compose("example_swap", "uniform", bench.OVERRIDES)
    bench.make(tmp_path, ["exp/models/xvector", "exp"], config)
    for table in tmp_path.glob("data/*/wav.scp"):  # run.sh runs in the checkout
        table.write_text(table.read_text().replace(" audio/", f" {tmp_path}/audio/"))
    folders = ("--data-dir", str(tmp_path / "data"), "--exp-dir", str(tmp_path / "exp"), "--nj", "1", "--device", "cpu")
    settings = [word for setting in bench.OVERRIDES for word in ("--set", setting)]
    done = run(*folders, *settings, "--stage", "embed", "--stop-stage", "sample")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    uniform, gmm = (
        dict(read_scp(tmp_path / "exp" / system / "pseudo/test_trials_f/pseudo_xvector.scp"))
        for system in ("uniform", "pca_gmm")
    )
    assert list(uniform) == list(gmm) and not np.allclose(next(iter(uniform.values())), next(iter(gmm.values())))
    markers = [
        json.loads((tmp_path / "exp" / system / "pseudo/train/.done.json").read_text())
        for system in ("uniform", "pca_gmm")
    ]
    assert [marker["step"] for marker in markers] == ["sample_uniform", "sample_pseudo_speakers"]
    assert "script" in markers[0] and "script" not in markers[1]


def test_a_changed_script_stops_at_its_own_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    monkeypatch.chdir(tmp_path)
    config = configuration.compose("example_swap", "uniform", bench.OVERRIDES)
    Path("config.yaml").write_text(configuration.to_yaml(config))
    bench.make(tmp_path, ["exp/models/pseudo/pca_gmm", "exp/xvectors", "out"], config)
    script = tmp_path / "mine.py"
    shutil.copyfile(ROOT / SCRIPT, script)
    command = [
        str(script), "--config", "config.yaml", "--generator", "exp/models/pseudo/pca_gmm",
        "--xvectors", "exp/xvectors", "data/test_enrolls", "out",
    ]  # fmt: skip
    assert program(*command).returncode == 0
    assert "skipped" in program(*command).stderr
    script.write_text(script.read_text().replace("math.sqrt(3)", "math.sqrt(2)"))
    again = program(*command)
    assert again.returncode == 3 and "was made with other settings or inputs" in again.stderr
    assert "script: " in again.stderr and "--force" in again.stderr
    assert program(*command, "--force").returncode == 0
