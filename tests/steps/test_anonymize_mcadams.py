"""steps/anonymize_mcadams.py as users run it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir, Origin

Program = Callable[..., "subprocess.CompletedProcess[str]"]
STEP = ("steps/anonymize_mcadams.py", "--device", "cpu")


def anonymized(program: Program, *options: object) -> DataDir:
    done = program(*STEP, "--force", *options, "data/tiny", "out")
    assert done.returncode == 0, done.stderr
    made = DataDir.load("out/tiny_mcadams")
    assert made.origin == Origin("tiny", "tiny", "mcadams") == made.own_origin
    return made


def test_data_dir_comes_out_whole_and_level_and_seed_decide(tiny_data: DataDir, program: Program) -> None:
    made = anonymized(program)
    assert made.utterances == tiny_data.utterances
    for name in ("utt2spk", "text", "spk2gender"):
        assert made.tables[name] == tiny_data.tables[name]
    sounds = {utt: load(made, utt) for utt in made.utterances}
    for utt, sound in sounds.items():
        original = load(tiny_data, utt)
        assert sound.shape == original.shape and not np.array_equal(sound, original)
    files = {utt: Path(f"out/tiny_mcadams/wav/{utt}.wav").read_bytes() for utt in sounds}
    anonymized(program, "--nj", 2, "--level", "spk", "--coefficient", "0.5,0.9", "--variant", 2024)
    assert all(Path(f"out/tiny_mcadams/wav/{utt}.wav").read_bytes() == files[utt] for utt in files), "the defaults"
    others = {"--level": "utt", "--seed": 2, "--coefficient": 0.7, "--variant": 2020, "--largest-gain": 0}
    for options in others.items():
        other = anonymized(program, *options)
        assert all(not np.array_equal(load(other, utt), sounds[utt]) for utt in sounds), options


def test_published_imitation_peaks_at_full_scale_whatever_the_seed(tiny_data: DataDir, program: Program) -> None:
    unguarded = anonymized(program, "--coefficient", "0.5", "--largest-gain", 0, "--scale", "published")
    assert {round(float(np.abs(load(unguarded, utt)).max()) * 32768) for utt in unguarded.utterances} <= {32765, 32766}
    like = ("--like", "vpc2024", "--level", "utt")
    sounds = [load(data, utt) for data in [anonymized(program, *like)] for utt in data.utterances]
    assert {round(float(np.abs(sound).max()) * 32768) for sound in sounds} <= {32765, 32766}
    again = anonymized(program, *like, "--seed", 2)
    assert all(np.array_equal(load(again, utt), sound) for utt, sound in zip(again.utterances, sounds, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variant", "2021"], "mcadams.variant 2021: expected one of"),
        (["--coefficient", "0.5;0.9"], "invalid coefficient value"),
        (["--coefficient", "0.9,0.5"], "lowest and the highest"),
        (["--level", "set"], "invalid choice"),
        (["--like", "vpc2020"], "mcadams.like 'vpc2020'"),
        (["--largest-gain", "-3"], "mcadams.largest_gain -3.0: expected decibels"),
        (["--suffix", "a/b"], "part of a folder's name"),
        (["--set", "levels.default=set"], "levels: 'set' for tiny, expected spk or utt"),
    ],
)
def test_wrong_use_of_mcadams(tiny_data: DataDir, program: Program, options: list[str], message: str) -> None:
    done = program(*STEP, *options, "data/tiny", "out")
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert not Path("out").exists()


def test_undone_by_who_knows_seed_and_ids(tiny_data: DataDir, program: Program) -> None:
    made = anonymized(program)
    undo = ("steps/undo_mcadams.py", "--device", "cpu", "--original", "data/tiny", "out/tiny_mcadams")
    for seed in (1, 2):
        done = program(*undo, f"undone{seed}", "--seed", seed)
        assert done.returncode == 0, done.stderr
    right, wrong = (DataDir.load(f"undone{seed}/tiny_mcadams") for seed in (1, 2))
    assert right.utterances == made.utterances and right.tables["text"] == tiny_data.tables["text"]
    utterance = made.utterances[0]
    assert not np.array_equal(load(right, utterance), load(wrong, utterance))
    done = program(*undo[:-1], "out/tiny_mcadams", "data/tiny", "undone")
    assert done.returncode == 2 and "2 data dirs and 1 --original: expected one of each" in done.stderr
