"""steps/score_metrics.py as users run it: keys and units, intervals, --like, few targets, faults, being done."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.metrics.privacy import METRICS, privacy_metrics

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Files `scores` and `trials` of 5 speakers with 6 utterances; (scores, target) in the order of the trials."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    pairs = [(f"s{one}", f"s{other}-{number}") for one in range(5) for other in range(5) for number in range(6)]
    target = np.array([utterance.startswith(speaker) for speaker, utterance in pairs])
    values = np.round(draw.standard_normal(len(pairs)) + 2.0 * target, 4)
    trials = [
        f"{' '.join(pair)} {'target' if kind else 'nontarget'}\n" for pair, kind in zip(pairs, target, strict=True)
    ]
    scores = [f"{' '.join(pair)} {value}\n" for pair, value in zip(pairs, values, strict=True)]
    Path("trials").write_text("".join(trials))
    Path("scores").write_text("".join(scores[number] for number in draw.permutation(len(scores))))
    return values, target


def test_metrics(lists: tuple[np.ndarray, np.ndarray], program: Program) -> None:
    values, target = lists
    done = program("steps/score_metrics.py", "--replicates", 50, "scores", "trials", "out")
    assert done.returncode == 0, done.stderr
    found = json.loads(Path("out/metrics.json").read_text())
    expected = privacy_metrics(values[target], values[~target])
    for name in METRICS:
        assert found[name] == pytest.approx(expected[name], abs=1e-6)
        low, high = found[f"{name}_ci"]
        assert low <= found[name] <= high
    assert (found["n_target"], found["n_nontarget"], found["n_speakers"]) == (30, 120, 5)
    assert found["zebra_tag"] == expected["zebra_tag"]
    again = program("steps/score_metrics.py", "--replicates", 50, "scores", "trials", "out")
    assert again.returncode == 0 and "done already" in again.stderr

    like = program("steps/score_metrics.py", "--like", "vpc2024", "--replicates", 0, "scores", "trials", "like")
    assert like.returncode == 0, like.stderr
    found = json.loads(Path("like/metrics.json").read_text())
    published = privacy_metrics(values[target], values[~target], like="vpc2024")
    assert found["linkability"] == pytest.approx(published["linkability"], abs=1e-6) != expected["linkability"]
    assert found["eer_ci"] is None and found["like"] == "vpc2024"


def test_faults(lists: tuple[np.ndarray, np.ndarray], program: Program) -> None:
    lines = Path("scores").read_text().splitlines(keepends=True)
    Path("lost").write_text("".join(lines[1:]))
    done = program("steps/score_metrics.py", "lost", "trials", "out")
    pair = " ".join(lines[0].split()[:2])
    assert done.returncode == 3 and f"pair {pair} has no score in lost" in done.stderr
    assert "Traceback" not in done.stderr and not Path("out").exists()

    mended = program("steps/score_metrics.py", "--replicates", 0, "scores", "trials", "out")  # no --force needed
    assert mended.returncode == 0, mended.stderr

    few = [line for line in Path("trials").read_text().splitlines(keepends=True) if line.startswith("s1 ")]
    Path("few").write_text("".join(few))
    Path("few-scores").write_text("".join(line for line in lines if line.startswith("s1 ")))
    done = program("steps/score_metrics.py", "--replicates", 20, "few-scores", "few", "out-few")
    assert done.returncode == 0 and "linkability: 6 target trials" in done.stderr and "--allow-few" in done.stderr
    found = json.loads(Path("out-few/metrics.json").read_text())
    assert found["linkability"] is None and found["linkability_ci"] is None and found["eer"] is not None
    assert found["linkability_undefined"] == "6 target trials; it needs 20" and found["n_target"] == 6
    done = program("steps/score_metrics.py", "--allow-few", "--replicates", 20, "few-scores", "few", "out-all")
    assert done.returncode == 0, done.stderr
    found = json.loads(Path("out-all/metrics.json").read_text())
    assert found["linkability"] is not None and "linkability_undefined" not in found
