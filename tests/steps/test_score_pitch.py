"""Pitch correlation of data dirs: a melody that is transposed is kept, one that is mirrored is not."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.records import read_records

Program = Callable[..., subprocess.CompletedProcess[str]]


def sing(melody: np.ndarray) -> np.ndarray:
    """Harmonics of an F0 contour in Hz (10 ms), with silence before and after."""
    f0 = np.interp(np.arange(len(melody) * 160), np.arange(len(melody)) * 160, melody)
    phase = 2 * np.pi * np.cumsum(f0) / 16000
    voiced = sum(np.sin(order * phase) / order for order in range(1, 9))
    return np.concatenate([np.zeros(3200), 0.1 * voiced, np.zeros(3200)])


def make(name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tables: dict[str, dict[str, str]] = {table: {} for table in ("wav.scp", "utt2spk", "spk2gender")}
    Path(name).mkdir()
    for number in range(4):
        utterance = f"f{number % 2}-{number}"
        time = np.arange(120)
        samples = sing(change(160 + 30 * np.sin(time / (8 + 2 * number))))
        write_wav(Path(name) / f"{utterance}.wav", samples)
        tables["wav.scp"][utterance] = f"{name}/{utterance}.wav"
        tables["utt2spk"][utterance] = utterance[:2]
        tables["spk2gender"][utterance[:2]] = "f"
    DataDir(f"data/{name}", tables).write()


def test_score_pitch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    monkeypatch.chdir(tmp_path)
    make("test_trials_f", lambda melody: melody)
    make("test_trials_f_higher", lambda melody: 1.3 * melody)
    make("test_trials_f_mirrored", lambda melody: 330 - melody)
    values = {}
    for system in ("higher", "mirrored"):
        done = program(
            "steps/score_pitch.py", "--system", system, "--nj", 1, "data/test_trials_f", f"exp/{system}/utility"
        )
        assert done.returncode == 0, done.stderr[-2000:]
        records = read_records(Path(f"exp/{system}/utility/summary/results.json"))
        assert {record.group for record in records} == {"all", "f"}
        assert {record.level for record in records} == {"spk"} and records[0].n == 4
        values[system] = {record.metric: record.value for record in records if record.group == "all"}
    assert values["higher"]["pitch_correlation_voiced"] > 0.98
    assert values["higher"]["pitch_correlation_vpc2022"] > 0.9
    assert values["mirrored"]["pitch_correlation_voiced"] < -0.9

    # With --limit, the anonymized data dir holds more than is scored.
    done = program(
        "steps/score_pitch.py", "--system", "higher", "--nj", 1, "--limit", 3, "data/test_trials_f", "exp/few"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert {record.n for record in read_records(Path("exp/few/summary/results.json")) if record.group == "all"} == {3}

    lost = DataDir.load("data/test_trials_f_higher")
    lost.subset(lost.utterances[1:], "data/test_trials_f_lossy").write()
    done = program("steps/score_pitch.py", "--system", "lossy", "data/test_trials_f", "exp/lossy/utility")
    assert done.returncode == 3 and "1 utterances" in done.stderr
