"""Emotion recognition as users run it: emotions that are tunes, kept by one system and flattened by another."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir, read_table
from pseudovox.records import Record, read_records

Program = Callable[..., subprocess.CompletedProcess[str]]
SLOPES = {"happy": 90.0, "sad": -90.0, "neutral": 0.0}  # Hz over the utterance


def sing(start: float, slope: float) -> np.ndarray:
    """Six harmonics of a pitch that rises or falls, 0.6 s."""
    pitch = start + slope * np.linspace(0, 1, 9600)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    return 0.1 * sum(np.sin(order * phase) / order for order in range(1, 7))


def make(name: str, *, flat: bool = False, folds: bool = False, emotions: tuple[str, ...] = tuple(SLOPES)) -> None:
    """Six speakers, two utterances of each emotion from each."""
    tables: dict[str, dict[str, str]] = {key: {} for key in ("wav.scp", "utt2spk", "spk2gender", "utt2emo", "spk2fold")}
    Path("wav", name).mkdir(parents=True)
    for number in range(6):
        speaker = f"{'fm'[number % 2]}{number}"
        tables["spk2gender"][speaker] = speaker[0]
        tables["spk2fold"][speaker] = str(1 + number // 2)
        for emotion in emotions:
            for turn in range(2):
                utterance = f"{speaker}-{emotion}{turn}"
                samples = sing(200 + 5 * number + turn, 0 if flat else SLOPES[emotion])
                write_wav(f"wav/{name}/{utterance}.wav", samples)
                tables["wav.scp"][utterance] = f"wav/{name}/{utterance}.wav"
                tables["utt2spk"][utterance], tables["utt2emo"][utterance] = speaker, emotion
    if not folds:
        del tables["spk2fold"]
    DataDir(f"data/{name}", tables).write()


def figures(path: str) -> dict[tuple[str, str], Record]:
    return {(record.set, record.group): record for record in read_records(Path(path))}


def score(program: Program, *arguments: object) -> subprocess.CompletedProcess[str]:
    settings = ("--set", "emotion.features=[prosody]", "--set", "emotion.penalty=0.1")
    return program("steps/score_emotion.py", "--nj", 1, *settings, *arguments)


def test_kept_and_flattened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    monkeypatch.chdir(tmp_path)
    make("moods")
    make("moods_kept")
    make("moods_flat", flat=True)
    of = {
        system: (
            "--set",
            "emotion.folds=3",
            "--set",
            f"levels.default={level}",
            "--system",
            system,
            "data/moods",
            "exp",
        )
        for system, level in (("kept", "spk"), ("flat", "utt"))
    }
    for arguments in of.values():  # the original's figures, which both share, are made once
        done = score(program, "--set", "emotion.dimensions=[regression]", *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
    original, kept, flat = (figures(f"exp/summary/{name}/results.json") for name in ("original", "kept", "flat"))
    assert original.keys() == {("moods", group) for group in ("all", "f", "m")}
    record = original["moods", "all"]
    assert record.value == 100.0 and (record.ci_low, record.ci_high) == (100.0, 100.0) and record.n == 36
    assert record.details["confusion"]["sad"] == {"neutral": 0, "happy": 0, "sad": 12}
    assert record.details["folds"] == 3 and record.details["mean_of_folds"] == 100.0 and record.level == ""
    assert kept["moods", "all"].value == 100.0 and kept["moods", "all"].level == "spk"
    assert flat["moods", "all"].level == "utt"
    assert flat["moods", "all"].value == pytest.approx(100 / 3), "what sounds the same is taken for the same"
    moved = {
        name: {
            record.metric: record
            for record in read_records(Path(f"exp/dimensions/{name}/results.json"))
            if record.group == "all"
        }
        for name in ("original", "kept", "flat")
    }
    prefix = "emotion_regression_"
    assert moved["original"][f"{prefix}arousal_error"].value < moved["flat"][f"{prefix}arousal_error"].value
    assert moved["kept"][f"{prefix}similarity"].value == 1 and moved["kept"][f"{prefix}valence_difference"].value == 0
    assert moved["flat"][f"{prefix}valence_absolute_difference"].value > 0.1
    assert len(Path("exp/dimensions/flat/regression").read_text().splitlines()) == 36
    assert set(read_table(Path("exp/summary/original/predicted")).values()) == set(SLOPES)
    folds = read_table(Path("exp/model/spk2fold"))
    for fold in "123":
        assert sorted(speaker[0] for speaker, own in folds.items() if own == fold) == ["f", "m"]
    again = score(program, "--set", "emotion.dimensions=[regression]", *of["flat"])
    assert again.returncode == 0 and "done in" not in again.stderr
    assert not list(Path("exp").rglob("*.pkl"))


def test_folds_of_the_data_dir_and_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    monkeypatch.chdir(tmp_path)
    make("moods", folds=True)
    done = score(program, "--set", "emotion.classes={happy: hap, sad: low}", "data/moods", "exp")
    assert done.returncode == 0, done.stderr[-3000:]
    record = figures("exp/summary/original/results.json")["moods", "all"]
    assert record.n == 24 and record.details["recalls"] == {"hap": 100.0, "low": 100.0} and record.value == 100.0
    assert read_table(Path("exp/model/spk2fold")) == DataDir.load("data/moods").tables["spk2fold"]


def test_what_cannot_be_scored_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    monkeypatch.chdir(tmp_path)
    make("moods", emotions=("happy",))
    done = score(program, "data/moods", "exp")
    assert done.returncode == 3 and "one emotion alone, happy" in done.stderr
    done = score(program, "--set", "emotion.classes={bored: b}", "data/moods", "exp/none")
    assert done.returncode == 3 and "no utterance has one of the emotions bored" in done.stderr
    done = score(program, "--set", "emotion.features=[xvector]", "data/moods", "exp/x")
    assert done.returncode == 2 and "xvector needs --model" in done.stderr
    done = score(
        program, "--set", "emotion.features=[wav2vec2]", "--set", "emotion.weights=nowhere.pth", "data/moods", "exp/w"
    )
    assert done.returncode == 4 and "nowhere.pth: the weights of torchaudio's WAV2VEC2_BASE" in done.stderr
    data = DataDir.load("data/moods")
    del data.tables["utt2emo"]
    data.write("data/untold")
    done = score(program, "data/untold", "exp/u")
    assert done.returncode == 3 and "lacks the file utt2emo" in done.stderr
