"""What the cases of mends begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from obeying import ROOT

from pseudovox import config as configuration
from pseudovox.audio import write_wav


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tree's configuration, to be written to."""
    for folder in ("conf", "steps", "local", "recipes/mini"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.png", "__pycache__"))
    monkeypatch.setattr(configuration, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """in.wav, half a second of noise, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    write_wav(Path("in.wav"), 0.1 * np.random.default_rng(0).standard_normal(8000))
    return Path("in.wav")
