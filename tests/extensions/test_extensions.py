"""What it takes to add a component: each folder beside this file is one, and a recipe runs with all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pseudovox import config as configuration
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir
from pseudovox.devtools.stepcheck import bench
from pseudovox.metrics import privacy
from pseudovox.metrics.eer import equal_error_of
from pseudovox.metrics.ranking import Ranking

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Files that each takes, at most (CONTRIBUTING.md: Adding things).
FILES = {"strategy": 2, "vocoder": 3, "speaker_network": 2, "content_extractor": 3, "measurement": 3}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with recipes/extended."""
    made = tmp_path_factory.mktemp("extended") / "checkout"
    for name in ("pseudovox", "conf", "steps", "utils", "local", "recipes/mini"):
        shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run.sh", "path.sh", "cmd.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, made / name)
    recipe = made / "recipes/extended"
    for part in FILES:
        shutil.copytree(HERE / part, recipe, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "recipe.yaml", recipe / "recipe.yaml")
    return made


def run(tree: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["./run.sh", "--recipe", "extended", "--nj", "1", "--device", "cpu", *map(str, arguments)]
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable, "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, env=environment, timeout=600)


@pytest.mark.parametrize("part", FILES)
def test_each_is_so_many_files(part: str) -> None:
    made = [path for path in (HERE / part).rglob("*") if path.suffix in (".py", ".yaml")]
    assert 1 <= len(made) <= FILES[part]


def test_a_recipe_trains_draws_and_speaks_with_kinds_of_its_own(tree: Path, tmp_path: Path) -> None:
    config = configuration.compose("mini", "pca_gmm", bench.OVERRIDES)
    bench.make(tmp_path, ["exp"], config)
    for table in tmp_path.glob("data/*/wav.scp"):
        table.write_text(table.read_text().replace(" audio/", f" {tmp_path}/audio/"))
    few = "training={updates: 2, round_updates: 2, batch_size: 4, threads: 1, precision: 32-true}"
    trials = "sets.trials=[test_enrolls test_trials_f]"
    sizes = (
        trials,
        f"xvector.{few}",
        f"synthesizer.{few}",
        "xvector.copies=0",
        "synthesizer.augmented=0",
        "f0.method=dio",
    )
    folders = ("--data-dir", tmp_path / "data", "--exp-dir", tmp_path / "exp")
    settings = [word for size in sizes for word in ("--set", size)]
    done = run(tree, *folders, *settings, "--stage", "xvector", "--stop-stage", "synthesize")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    kinds = {
        name: json.loads((tmp_path / "exp/models" / name / "model.json").read_text())["kind"]
        for name in ("xvector", "bottleneck", "synthesizer")
    }
    assert kinds == {"xvector": "averaged", "bottleneck": "envelope", "synthesizer": "whisper_noise"}
    content = read_scp(tmp_path / "exp/bottleneck/test_trials_f/bottleneck.scp")
    assert next(iter(content.values())).shape[1] == 10
    own = read_scp(tmp_path / "exp/xvectors/test_trials_f/spk_xvector.scp")
    drawn = read_scp(tmp_path / "exp/shifted/pseudo/test_trials_f/pseudo_xvector.scp")
    pool = np.mean([*read_scp(tmp_path / "exp/xvectors/train/spk_xvector.scp").values()], 0)
    part = DataDir.load(tmp_path / "data/test_trials_f")
    for utterance in part.utterances:
        source = own[part.utt2spk[utterance]]
        np.testing.assert_allclose(drawn[utterance], source + 0.25 * (pool - source), rtol=1e-4, atol=1e-6)
    made = DataDir.load(tmp_path / "data/test_trials_f_shifted")
    assert made.utterances == part.utterances and np.abs(load(made, made.utterances[0])).max() > 0
    less = ("--set", "scoring.voices=false", "--set", "sets.judge=[]")
    measured = run(tree, *folders, *settings, *less, "--stage", "utility", "--stop-stage", "report")
    assert measured.returncode == 0, measured.stdout[-2000:] + measured.stderr[-4000:]
    record = json.loads((tmp_path / "exp/shifted/level/results.json").read_text())["records"][0]
    before, after = (np.mean([np.mean(load(p, u) ** 2) for u in part.utterances[:1]]) for p in (part, made))
    assert record["n"] == len(part.utterances) and np.isfinite([before, after, record["value"]]).all()
    assert "level, dB" in (tmp_path / "exp/report/RESULTS.md").read_text()
    assert "level dB" in (tmp_path / "exp/report/index.html").read_text()
    # The bytes of a recipe's own kind are among what decides an output.
    again = (*folders, *settings, "--stage", "sample", "--stop-stage", "sample")
    assert "done already" in run(tree, *again).stderr
    path = tree / "recipes/extended/kinds/strategies/shifted.py"
    path.write_text(path.read_text() + "# changed\n")
    refused = run(tree, *again)
    assert refused.returncode != 0 or "done already" not in refused.stderr


def test_bad_extensions_are_told(tree: Path) -> None:
    for setting, message in (
        ("extensions=[/elsewhere]", "expected a folder of recipes/"),
        ("extensions=[recipes/mini]", "recipes/mini/kinds is no folder"),
        ("pseudo.strategy=shift", "pseudo.strategy 'shift': expected one of own, pca_gmm, pool, "),
        ("pseudo.shar=1", "unknown key 'pseudo.shar'; the nearest valid key is 'pseudo.share'"),
    ):
        found = run(tree, "--dry-run", "--set", setting)
        assert found.returncode == 2 and message in found.stderr, found.stderr
    with pytest.raises(UsageError, match="expected one of own, pca_gmm, pool"):
        configuration.load(None, ["pseudo.strategy=shifted"])


def test_a_metric_of_trials_is_a_function_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from pseudovox.evaluation.privacy import measure
    from pseudovox.metrics.intervals import TrialList

    def accuracy(ranking: Ranking) -> float:
        return 1.0 - equal_error_of(ranking).rate

    monkeypatch.setitem(privacy.METRICS, "accuracy", privacy.Metric("", (0.0, 1.0), False, accuracy, "accuracy"))
    scores, target = np.array([3.0, 2.0, 1.0, 2.5, 0.0, -1.0]), np.array([True] * 3 + [False] * 3)
    trials = TrialList(scores, target, np.array([0, 1, 2, 0, 1, 2]), np.array([0, 1, 2, 1, 2, 0]))
    found = measure(trials, np.random.default_rng(0), replicates=50, allow_few=True)
    assert found["accuracy"] == pytest.approx(1 - found["eer"] / 100) and len(found["accuracy_ci"]) == 2
