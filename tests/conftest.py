"""Shared fixtures: a tiny data dir of noise bursts and a way to run programs of the tree as users do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir

ROOT = Path(__file__).resolve().parent.parent
os.environ["HF_HUB_OFFLINE"] = "1"  # no test downloads weights, nor does a program that it runs


@pytest.fixture
def tiny_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """`data/tiny` in an empty working directory: 3 speakers x 4 utterances of 0.5-0.8 s of seeded noise."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wav").mkdir()
    generator = np.random.default_rng(0)
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav.scp", "utt2spk", "utt2dur", "text", "spk2gender")}
    for speaker, gender in (("f1", "f"), ("m1", "m"), ("m2", "m")):
        tables["spk2gender"][speaker] = gender
        for number in range(4):
            utterance = f"{speaker}-{number}"
            samples = 0.1 * generator.standard_normal(8000 + 1600 * number)
            write_wav(tmp_path / "wav" / f"{utterance}.wav", samples)
            tables["wav.scp"][utterance] = f"wav/{utterance}.wav"
            tables["utt2spk"][utterance] = speaker
            tables["utt2dur"][utterance] = f"{len(samples) / 16000:.4f}"
            tables["text"][utterance] = "some words"
    DataDir("data/tiny", tables).write()
    return DataDir.load("data/tiny")


@pytest.fixture(scope="session")
def standin_corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LibriSpeech, LibriTTS, VCTK, IEMOCAP and VoxCeleb 1 of a few synthetic speakers, for all tests of a run."""
    import standins

    return standins.make(tmp_path_factory.mktemp("standins"))


@pytest.fixture
def program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a Python program of the tree: `program("steps/x.py", "--help")`, from the current working directory."""

    def call(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / script), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )

    return call
