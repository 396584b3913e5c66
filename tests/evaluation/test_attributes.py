"""Averages by attribute: over utterances, also of targets that several speakers were given."""

from __future__ import annotations

from pathlib import Path

import pytest

from pseudovox.data.datadir import DataDir
from pseudovox.evaluation import attributes


@pytest.fixture
def made() -> DataDir:
    """Three utterances of a woman and one of a man; target 7 was given to both."""
    spoken = {"f-1": "f", "f-2": "f", "f-3": "f", "m-1": "m"}
    return DataDir(
        "data/eval",
        {
            "wav.scp": {one: f"{one}.wav" for one in spoken},
            "utt2spk": spoken,
            "spk2gender": {"f": "f", "m": "m"},
            "utt2target": {"f-1": "7", "f-2": "9", "f-3": "9", "m-1": "7"},
            "spk2accent": {"f": "Southern England", "m": "Wales"},
        },
    )


def test_averages_are_over_utterances(made: DataDir, tmp_path: Path) -> None:
    scores = {"f-1": 1.0, "f-2": 2.0, "f-3": 3.0, "m-1": 5.0}
    words = {"f-1": (0.0, 10.0), "f-2": (100.0, 2.0), "f-3": (200.0, 8.0), "m-1": (300.0, 20.0)}
    measured = {"mos": {name: (score, 1.0) for name, score in scores.items()}, "wer": words}
    found = attributes.averages([made], measured, ["spk2accent", "utt2emo"])
    assert [(one.by, one.value, one.utterances, one.figures) for one in found] == [
        ("all", "", 4, {"mos": 11 / 4, "wer": 600 / 40}),
        ("spk2gender", "f", 3, {"mos": 2.0, "wer": 300 / 20}),
        ("spk2gender", "m", 1, {"mos": 5.0, "wer": 300 / 20}),
        ("utt2target", "7", 2, {"mos": 3.0, "wer": 300 / 30}),  # of f-1 and m-1 alone
        ("utt2target", "9", 2, {"mos": 2.5, "wer": 300 / 10}),
        ("spk2accent", "Southern England", 3, {"mos": 2.0, "wer": 15.0}),
        ("spk2accent", "Wales", 1, {"mos": 5.0, "wer": 15.0}),
    ]
    attributes.write(tmp_path / "mos", found)
    assert sorted(path.name for path in (tmp_path / "mos").iterdir()) == [
        "accent.txt", "all.txt", "gender.txt", "target.txt"
    ]  # fmt: skip
    assert (tmp_path / "mos/all.txt").read_text() == "dataset\tn_samples\tmos\twer\neval\t4\t2.7500\t15.0000\n"
    assert (tmp_path / "mos/target.txt").read_text().splitlines()[:2] == [
        "dataset\ttarget\tn_samples\tmos\twer", "eval\t7\t2\t3.0000\t10.0000"
    ]  # fmt: skip


def test_what_was_not_measured_does_not_count(made: DataDir) -> None:
    [whole, *_] = attributes.averages([made], {"mos": {"f-1": (4.0, 1.0)}})
    assert (whole.utterances, whole.figures) == (1, {"mos": 4.0})
    assert attributes.averages([made], {"mos": {}}) == []
    [whole, *_] = attributes.averages([made], {"wer": {"f-1": (100.0, 0.0)}})
    assert str(whole.figures["wer"]) == "nan", "an empty reference"
