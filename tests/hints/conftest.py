"""What the cases of hints begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from obeying import ROOT
from standins import put_audio, put_text

from pseudovox.core import checkout
from pseudovox.data.audio import write_wav


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tree's configuration, to be written to."""
    for folder in ("conf", "steps", "local", "recipes/mini"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.png", "__pycache__"))
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """in.wav, half a second of noise, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    write_wav(Path("in.wav"), 0.1 * np.random.default_rng(0).standard_normal(8000))
    return Path("in.wav")


@pytest.fixture
def vctk_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """VCTK 0.92 of one speaker, who says one sentence, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    put_audio(*(Path(f"VCTK/wav48_silence_trimmed/p225/p225_001_mic{mic}.flac") for mic in (1, 2)))
    put_text(Path("VCTK/speaker-info.txt"), "ID  AGE  GENDER  ACCENTS", "p225  23  F    English")
    put_text(Path("VCTK/txt/p225/p225_001.txt"), "Please call Stella.")
    return Path("VCTK")


@pytest.fixture
def vox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """VoxCeleb 1 of one speaker, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    put_audio(Path("vox/dev/wav/id10001/video/00001.wav"))
    put_text(Path("vox/vox1_meta.csv"), "VoxCeleb1 ID\tVGGFace1 ID\tGender", "id10001\tNobody\tf")
    return Path("vox")


@pytest.fixture(scope="session")
def tiny_exp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """exp/tiny of random weights, for all cases of a run."""
    return tiny_models.make(tmp_path_factory.mktemp("hints") / "tiny")


@pytest.fixture
def exp(tiny_exp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, exp/tiny in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(tiny_exp, "exp/tiny"))


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of weights of torchaudio's, with an empty cache in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return "WAV2VEC2_BASE"
