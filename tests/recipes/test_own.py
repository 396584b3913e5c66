"""recipes/own on whatever lies in a folder: what can be processed comes back, all else is named, with what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from pseudovox.components.world import speech_level
from pseudovox.data.datadir import DataDir

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
TIME = np.arange(RATE) / RATE
VOICE = 0.1 * np.sin(2 * np.pi * 5 * TIME) ** 2 * sum(np.cos(2 * np.pi * 140 * k * TIME) / k for k in range(1, 12))
NOISE = np.random.default_rng(1).standard_normal(RATE)


def wave(samples: np.ndarray, rate: int = RATE, coding: str = "PCM_16", kind: str = "") -> Callable[[Path], None]:
    def put(path: Path) -> None:
        soundfile.write(path, samples, rate, coding, format=kind or None)

    return put


def damaged(value: float) -> np.ndarray:
    samples = VOICE.copy()
    samples[1000] = value
    return samples


def content(data: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(data), None)[1]


def cut_off(path: Path) -> None:
    wave(VOICE)(path)
    path.write_bytes(path.read_bytes()[:5000])


# What comes back, by the level of the speech in it (decibels; None: silence).
GOOD: dict[str, tuple[Callable[[Path], None], float | None]] = {
    "silence.wav": (wave(np.zeros(RATE)), None),
    "nearly silent.wav": (wave(1e-4 * NOISE), -50),
    "20 ms.wav": (wave(VOICE[4000:4320]), -26),
    "one sample.wav": (wave(np.array([0.1])), None),
    "clipped.wav": (wave(np.clip(50 * VOICE, -1, 1), coding="FLOAT"), -26),
    "beyond full scale.wav": (wave(1e4 * VOICE, coding="FLOAT"), -26),
    "8 kHz.wav": (wave(resample_poly(VOICE, 1, 2), 8000), -26),
    "48 kHz.wav": (wave(resample_poly(VOICE, 3, 1), 48000), -26),
    "antiphase.wav": (wave(np.stack([VOICE, -VOICE], 1)), -26),
    "left is silent.flac": (wave(np.stack([0 * VOICE, VOICE], 1)), -26),
    "24 bits.wav": (wave(VOICE, coding="PCM_24"), -26),
    "float.wav": (wave(VOICE, coding="FLOAT"), -26),
    "speech.mp3": (wave(VOICE, coding="MPEG_LAYER_III"), -26),
    "speech.opus": (wave(VOICE, coding="OPUS", kind="OGG"), -26),
    "größe & co.wav": (wave(VOICE), -26),
}
# What is named, and with which words.
BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty.wav": (wave(np.zeros(0)), "holds no samples"),
    "not a number.wav": (wave(damaged(np.nan), coding="FLOAT"), "NaN or infinite"),
    "infinite.wav": (wave(damaged(np.inf), coding="FLOAT"), "NaN or infinite"),
    "no scale.wav": (wave(1e20 * VOICE, coding="DOUBLE"), "full scale is 1"),
    "no audio.flac": (content(bytes(range(256)) * 20), "cannot be read as audio"),
    "text.wav": (content(b"this is text\n" * 10), "cannot be read as audio"),
    "nothing.wav": (content(b""), "cannot be read as audio"),
    "cut off.wav": (cut_off, "is cut off"),
    "two\nlines.wav": (wave(VOICE), "rename it"),
    "phone.m4a": (content(b"x"), "ffmpeg -i 'phone.m4a'"),
    "link.wav": (lambda path: path.symlink_to("nowhere.wav"), "a broken link"),
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """(where recipe own worked, its run) on a folder with one file of every kind."""
    place = tmp_path_factory.mktemp("own")
    (place / "in").mkdir()
    for name, (put, _) in (GOOD | BAD).items():
        put(place / "in" / name)
    (place / "in" / "locked.wav").touch()
    (place / "in" / "locked.wav").chmod(0)  # root reads it, and finds it empty
    return place, anonymize(place)


def anonymize(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
    command = [
        str(ROOT / "run.sh"), "--recipe", "own", "--system", "mcadams", "--device", "cpu", "--set",
        f"data.folder={place / 'in'}", "--data-dir", str(place / "data"), "--exp-dir", str(place / "exp"), *options,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


def test_exit_code_says_that_some_are_missing_and_the_end_says_which(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    place, run = done
    assert run.returncode == 5, run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    last = run.stderr[run.stderr.index("all done, but for these files") :]
    listed = (place / "data/recordings/failed.tsv").read_text().splitlines()
    assert len(listed) == len(BAD) + 1 and len(DataDir.load(place / "data/recordings").utterances) == len(GOOD)
    assert last.count("hint: ") == len(listed) and "locked.wav" in last


@pytest.mark.parametrize("name", list(BAD))
def test_bad_file_is_named(name: str, done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    place, run = done
    shown = name.replace("\n", "\\n")
    [row] = [line for line in (place / "data/recordings/failed.tsv").read_text().splitlines() if line.startswith(shown)]
    assert BAD[name][1] in row and " hint: " in row
    assert shown in run.stderr.split("all done")[1]
    assert not (place / "exp/mcadams/folder/recordings" / name).exists()


@pytest.mark.parametrize("name", list(GOOD))
def test_good_file_comes_back(name: str, done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    place, _ = done
    made = place / "exp/mcadams/folder/recordings" / name
    before, after = soundfile.info(place / "in" / name), soundfile.info(made)
    assert (after.samplerate, after.channels) == (before.samplerate, 1)
    assert after.frames == pytest.approx(before.frames, abs=0 if not name.endswith("mp3") else 2400)
    samples, _ = soundfile.read(made, dtype="float32")
    level = GOOD[name][1]
    if level is None:
        assert not samples.any()
    else:
        assert speech_level(samples) == pytest.approx(level, abs=1)


def test_all_is_done_when_the_bad_ones_are_gone(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    place, _ = done
    again = anonymize(place, "--stop-stage", "data")
    assert again.returncode == 5 and "skipped" in again.stderr and "empty.wav" in again.stderr
    for name in (*BAD, "locked.wav"):
        (place / "in" / name).unlink()
    mended = anonymize(place, "--stop-stage", "data", "--force")
    assert mended.returncode == 0 and not (place / "data/recordings/failed.tsv").exists(), mended.stderr
