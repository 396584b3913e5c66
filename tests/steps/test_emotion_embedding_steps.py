"""The emotion embedding as users run it: trained on tunes, extracted, and what it leaks; what is missing is named."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.archive import read_scp
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.records import read_records

Program = Callable[..., subprocess.CompletedProcess[str]]
SLOPES = {"happy": 90.0, "sad": -90.0, "neutral": 0.0}  # Hz over the utterance
OPTIONS = "system.options.emotion"
SHORT = (
    "--set", f"{OPTIONS}.features=[prosody]", "--set", f"{OPTIONS}.training.updates=60",
    "--set", f"{OPTIONS}.training.round_updates=20", "--set", f"{OPTIONS}.dropout=0.0",
)  # fmt: skip


def sing(start: float, slope: float) -> np.ndarray:
    """Six harmonics of a pitch that rises or falls, 0.6 s."""
    phase = 2 * np.pi * np.cumsum(start + slope * np.linspace(0, 1, 9600)) / 16000
    return 0.1 * sum(np.sin(order * phase) / order for order in range(1, 7))


def make(name: str, speakers: range) -> None:
    """Speakers with two utterances of each emotion; all of them enrol, and all are tried."""
    tables: dict[str, dict[str, str]] = {key: {} for key in ("wav.scp", "utt2spk", "spk2gender", "utt2emo")}
    Path("wav", name).mkdir(parents=True)
    for number in speakers:
        speaker = f"f{number}"
        tables["spk2gender"][speaker] = "f"
        for emotion, slope in SLOPES.items():
            for turn in range(2):
                utterance = f"{speaker}-{emotion}{turn}"
                write_wav(f"wav/{name}/{utterance}.wav", sing(200 + 5 * number + turn, slope))
                tables["wav.scp"][utterance] = f"wav/{name}/{utterance}.wav"
                tables["utt2spk"][utterance], tables["utt2emo"][utterance] = speaker, emotion
    trials = [
        f"{speaker} {utterance} {'target' if of == speaker else 'nontarget'}"
        for speaker in tables["spk2gender"] for utterance, of in tables["utt2spk"].items()
    ]  # fmt: skip
    DataDir(f"data/{name}", tables, {"trials": trials, "enrolls": list(tables["wav.scp"])}).write()


def test_trained_extracted_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    monkeypatch.chdir(tmp_path)
    make("train", range(6))
    make("test", range(6, 10))
    done = program("steps/train_emotion.py", "--nj", 1, *SHORT, "data/train", "exp/emotion")
    assert done.returncode == 0, done.stderr[-3000:]
    for jobs in (1, 2):
        done = program("steps/extract_emotion.py", "--nj", jobs, "--model", "exp/emotion", "data/train", "data/test",
                       f"exp/embedded{jobs}")  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (read_scp(Path(f"exp/embedded{jobs}/test/emotion.scp")) for jobs in (1, 2))
    assert len(one) == 24 and all(one[name].shape == (8,) and np.array_equal(one[name], two[name]) for name in one)
    done = program("steps/score_embedding_leak.py", "--embeddings", "exp/embedded1", "--train", "data/train",
                   "data/test", "data/test", "exp/leak")  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = {(own.metric, own.group): own for own in read_records(Path("exp/leak/results.json"))}
    assert found["embedding_uar", "all"].value == 100.0
    for attacker in ("cosine", "plda"):
        assert found[f"embedding_eer_{attacker}", "f"].value > 20, "tunes tell no speaker"


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    monkeypatch.chdir(tmp_path)
    make("train", range(2))
    for arguments, message in (
        (("steps/extract_emotion.py", "data/train", "exp"), "needs --model, of steps/train_emotion.py"),
        (
            ("steps/train_emotion.py", "data/train", "exp/m"),
            "features content of the emotion embedding need --bottleneck",
        ),
        (("steps/train_emotion.py", "--set", f"{OPTIONS}.features=[x]", "data/train", "exp/m"), "expected some of"),
        (
            ("steps/score_embedding_leak.py", "--embeddings", "e", "--train", "data/train", "data/train", "exp/l"),
            "pairs",
        ),
    ):
        done = program(*arguments)
        assert done.returncode == 2 and message in done.stderr, done.stderr[-2000:]
