"""A few utterances of every speaker of a data dir."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]


def test_takes_a_few_of_everybody(tiny_data: DataDir, program: Program) -> None:
    assert program("local/take_utterances.py", "--most", 2, "data/tiny", "data").returncode == 0
    few = DataDir.load("data/tiny_few")
    assert {speaker: len(utterances) for speaker, utterances in few.spk2utt.items()} == {"f1": 2, "m1": 2, "m2": 2}
    assert few.text.keys() == set(few.utterances)


def test_takes_the_first_speakers_of_each_gender(tiny_data: DataDir, program: Program) -> None:
    assert program("local/take_utterances.py", "--speakers", 1, "data/tiny", "data").returncode == 0
    assert DataDir.load("data/tiny_few").speakers == ["f1", "m1"]


def test_numbers_that_make_no_sense(tiny_data: DataDir, program: Program) -> None:
    done = program("local/take_utterances.py", "--most", 0, "data/tiny", "data")
    assert done.returncode == 2 and "--most 0" in done.stderr and not Path("data/tiny_few").exists()
