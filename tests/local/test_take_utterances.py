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


def test_takes_minutes_of_those_who_have_them(tiny_data: DataDir, program: Program) -> None:
    tiny_data.tables["utt2dur"] |= {f"f1-{number}": "0.2" for number in range(4)}
    tiny_data.write("data/more")
    take = ("local/take_utterances.py", "--speakers", 1, "data/more", "data")
    assert program(*take, "--minutes", 1.1 / 60).returncode == 0
    assert DataDir.load("data/more_few").utterances == ["m1-0", "m1-1"]  # 0.5 and 0.6 s
    done = program(*take, "--minutes", 8, "--force")
    assert (
        done.returncode == 3
        and "data/more: no speaker has 8 minutes" in done.stderr
        and "--minutes 0.04" in done.stderr
    )
