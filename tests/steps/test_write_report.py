"""The report's files; written again, nothing stands twice."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox.records import Record, without_times, write_records


def make(folder: Path, record: Record) -> None:
    folder.mkdir(parents=True)
    write_records(folder / "results.json", [record])
    marker = {"step": "score", "wall_seconds": 2.0, "audio_seconds": 10.0, "when": "2026-01-01T12:00:00+0100"}
    (folder / ".done.json").write_text(json.dumps(marker))


def test_written_again_nothing_stands_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Callable) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("exp/original/asv/original"), Record("eer", 1.0, "%", "original", "original", "test", "f", n=9))
    make(Path("exp/a/asv/semi"), Record("eer", 31.0, "%", "a", "semi-informed", "test", "f", "spk", training="scratch"))
    Path("exp/diversity").mkdir()
    Path("exp/diversity/diversity.tsv").write_text("kind\tvoices\nreal speakers\t12\n")
    Path("exp/diversity/similarity.svg").write_text("<svg/>")
    command = ("steps/write_report.py", "--tensorboard", "exp/tensorboard", "exp", "exp/report")
    contents = []
    for again in ([], ["--force"]):
        done = program(*command, *again)
        assert done.returncode == 0 and "exp/report: done in" in done.stderr, done.stderr
        found = {
            str(path): path.read_text(errors="replace").splitlines()
            for folder in ("exp/report", "exp/tensorboard")
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file() and path.suffix not in (".log", ".json")
        }
        summary = json.loads(Path("exp/report/results.json").read_text())
        contents.append((list(found), {name: len(lines) for name, lines in found.items()}, without_times(summary)))
    assert contents[0] == contents[1]
    assert [(r["system"], r["when"], r["seconds"]) for r in summary["records"]] == [
        ("a", "2026-01-01T12:00:00+0100", 2.0), ("original", "2026-01-01T12:00:00+0100", 2.0),
    ]  # fmt: skip
    assert {
        "exp/report/results.tex", "exp/report/similarity.svg", "exp/report/vpc/a/results.txt",
        "exp/report/vpc/a/results_anon.txt", "exp/report/vpc/a/summary.txt", "exp/report/vpc/result_for_rank_a",
        "exp/tensorboard/a/events.out.tfevents.results", "exp/tensorboard/original/events.out.tfevents.results",
    } <= found.keys()  # fmt: skip
    shown = Path("exp/report/index.html").read_text()
    assert "semi-informed attacker" in shown and 'href="RESULTS.md"' in shown
    page = Path("exp/report/RESULTS.md").read_text()
    assert "| a | 31.0 | scratch | EER_1, EER_2, EER_3, EER_4 | EER_1, EER_2, EER_3 | not run |" in page
    assert "| real speakers | 12 |" in page and "![similarity](similarity.svg)" in page
    weighted = program(*command, "--set", "report.weights={test_trials_f: 1.0, test_trials_m: 1.0}")
    assert weighted.returncode == 0 and "Privacy conditions" not in weighted.stdout, "a weighted list is missing"


def test_made_anew_when_something_changed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Callable
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("exp/a/asv/semi"), Record("eer", 31.0, "%", "a", "semi-informed", "test", "f", "spk", training="scratch"))
    command = ("steps/write_report.py", "--tensorboard", "exp/tensorboard", "exp", "exp/report")
    first = program(*command)
    second = program(*command)
    assert "exp/report: done already, skipped" in second.stderr and "done in" not in second.stderr
    assert second.stdout == first.stdout and "31.0" in second.stdout, "the table is shown all the same"
    Path("exp/report/index.html").unlink()
    mended = program(*command)
    assert mended.returncode == 0 and "exp/report: done in" in mended.stderr, mended.stderr
    assert Path("exp/report/index.html").is_file()
    for path in sorted(Path("exp/tensorboard").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert "exp/tensorboard: done in" in program(*command).stderr
    marker = Path("exp/a/asv/semi/.done.json")
    marker.write_text(marker.read_text().replace("2.0", "3.0"))
    assert "exp/report: done in" in program(*command).stderr, "a step ran again"
    make(Path("exp/b/asv/semi"), Record("eer", 12.0, "%", "b", "semi-informed", "test", "f", "spk", training="scratch"))
    assert "12.0" in program(*command).stdout
