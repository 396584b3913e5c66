"""Records: there and back, what is refused, and what stays the same between two runs."""

import json
from pathlib import Path

import pytest

from pseudovox import records
from pseudovox.core.errors import DataError
from pseudovox.records import Record

RECORDS = [
    Record("wer", 12.3456789012, "%", "vq", set="test", n=100, n_of="words", details={"insertions": 3}),
    Record("wer", 5.0, "%", "original", set="test", ci_low=4.0, ci_high=6.0),
]


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    records.write_records(path, RECORDS)
    back = records.read_records(path)
    assert [record.system for record in back] == ["original", "vq"]
    assert back[1].value == 12.345679
    assert back[1].details == {"insertions": 3} and back[0].ci_high == 6.0


def test_nan_is_written_as_null(tmp_path: Path) -> None:
    records.write_records(tmp_path / "results.json", [Record("wer", float("nan"), details={"x": float("inf")})])
    text = (tmp_path / "results.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    assert records.read_records(tmp_path / "results.json")[0].value is None


def test_the_same_figure_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two records"):
        records.write_records(tmp_path / "results.json", [RECORDS[0], RECORDS[0]])
    for name in ("a.json", "b.json"):
        records.write_records(tmp_path / name, RECORDS[:1])
    with pytest.raises(DataError, match="both give vq/test/wer/all"):
        records.collect([tmp_path / "a.json", tmp_path / "b.json"])


@pytest.mark.parametrize("content", ["", "[]", '{"records": [{"value": 1}]}', '{"records": 3}'])
def test_damaged_files_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(DataError, match=r"results\.json: not a file of results"):
        records.read_records(tmp_path / "results.json")


def done(folder: Path, when: str, **facts: object) -> None:
    folder.mkdir(parents=True)
    marker = {"step": "decode_speech", "wall_seconds": 2.0, "audio_seconds": 100.0, "when": when, **facts}
    (folder / ".done.json").write_text(json.dumps(marker))


def test_timings_in_order_of_time(tmp_path: Path) -> None:
    done(tmp_path / "exp" / "late", "2024-01-01T12:00:00", step="score_wer", audio_seconds=0.0)
    done(tmp_path / "exp" / "deep" / "early", "2024-01-01T11:00:00")
    done(tmp_path / "exp" / "half.partial", "2024-01-01T10:00:00")
    timings = records.read_timings([tmp_path / "exp"])
    assert [timing.output for timing in timings] == ["exp/deep/early", "exp/late"]
    assert timings[0].real_time_factor == pytest.approx(0.02)
    assert timings[1].real_time_factor is None


def test_summary_is_the_same_but_for_times(tmp_path: Path) -> None:
    run = {"recipe": "mini", "seed": 1, "commit": "abc"}
    done(tmp_path / "exp" / "x", "2024-01-01T11:00:00")
    timings = records.read_timings([tmp_path / "exp"])
    first = records.summary(RECORDS, run=run, timings=timings, when="today")
    second = records.summary(RECORDS, run=run, timings=[], when="tomorrow")
    assert first["times"] != second["times"]
    assert json.dumps(records.without_times(first)) == json.dumps(records.without_times(second))
    assert first["records"][0]["seed"] == 1 and first["records"][0]["commit"] == "abc"


def test_collected_records_know_the_times_of_their_step(tmp_path: Path) -> None:
    for name, record in zip(("a", "b"), RECORDS, strict=True):
        done(tmp_path / name, f"2024-01-01T11:00:0{name == 'b':d}", wall_seconds=3.0)
        records.write_records(tmp_path / name / "results.json", [record])
    found = records.collect([tmp_path / "a/results.json", tmp_path / "b/results.json"])
    assert [(one.system, one.when, one.seconds) for one in found] == [
        ("original", "2024-01-01T11:00:01", 3.0), ("vq", "2024-01-01T11:00:00", 3.0),
    ]  # fmt: skip
    assert found[1] == records.read_records(tmp_path / "a/results.json")[0]
    assert '"when"' not in (tmp_path / "a/results.json").read_text()
    summary = records.summary(found, run={"seed": 1, "commit": "abc"}, timings=[], when="today")
    # The fields that issue trackers and tables ask for, one record a figure.
    assert set(summary["records"][0]) >= {
        "system", "attacker", "set", "group", "level", "metric", "value", "ci_low", "ci_high", "n", "seed", "commit",
        "when", "seconds",
    }  # fmt: skip
    assert "seconds" not in records.without_times(summary)["records"][0]
    (tmp_path / "a/.done.json").write_text("{}")
    with pytest.raises(DataError, match="not a marker"):
        records.collect([tmp_path / "a/results.json"])
