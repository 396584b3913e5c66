"""Two runs on one page; wrong use is told in a message."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox.records import Record, summary


def report(folder: Path, eer: float) -> None:
    records = [Record("eer", eer, "%", "pool", "semi-informed", "test", "f", "spk", eer - 2, eer + 2, 90, "trials")]
    records.append(Record("wer", 5.0, "%", "pool", "", "test", "all", "spk"))
    folder.mkdir(parents=True)
    whole = summary(records, run={"recipe": "mini", "seed": 1, "commit": "abc"}, timings=[], when="2026-01-01")
    (folder / "results.json").write_text(json.dumps(whole))


def test_runs_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Callable) -> None:
    monkeypatch.chdir(tmp_path)
    report(Path("exp/a<b>/report"), 20.0)
    report(Path("exp/c/report"), 31.25)
    done = program("steps/compare_runs.py", "exp/a<b>", "exp/c", "out")
    assert done.returncode == 0 and "out/index.html" in done.stdout, done.stderr
    page = Path("out/index.html").read_text()
    assert "a&lt;b&gt;" in page and "a<b>" not in page and "31.2" in page and "c: pool" in page
    assert program("steps/compare_runs.py", "exp/a<b>", "exp/c", "out").returncode == 0, "made anew each time"
    for folders, message in (
        (["exp/c"], "a comparison needs two or more"),
        (["exp/c", "exp/c"], "a run is given twice"),
        (["exp/c", "exp/none"], "exp/none/report/results.json: No such file"),
    ):
        wrong = program("steps/compare_runs.py", *folders, "wrong")
        assert wrong.returncode in (2, 3) and message in wrong.stderr and "Traceback" not in wrong.stderr
    assert not Path("wrong").exists()
