"""Speech to text to speech by its steps, on noise and random networks."""

from __future__ import annotations

import json
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.core import checkout
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]
SMALL = "{hidden: 8, kernel: 3, layers: 1}"
SETTINGS = f"""
seed: 5
system:
  name: sttts
  options:
    emotion: {{extractor: ser}}
    tts:
      fusion: concat
      coefficients: 24
      encoder: {{channels: 16, layers: 1}}
      decoder: {{channels: 16, dilations: [1, 2]}}
      duration: {SMALL}
      pitch: {SMALL}
      energy: {SMALL}
      chunk_frames: 20
      training: {{updates: 4, round_updates: 2, batch_size: 4, threads: 1}}
"""


@pytest.fixture
def speech(tiny_data: DataDir) -> DataDir:
    """tiny_data with phones, x-vectors and emotions."""
    lines = [
        line
        for utt in tiny_data.utterances
        for line in (f"{utt} 1 0.0 0.1 sil", f"{utt} 1 0.1 0.2 AA", f"{utt} 1 0.3 0.2 S")
    ]
    Path("data/tiny/phones.ctm").write_text("\n".join(lines) + "\n")
    Path("config.yaml").write_text(SETTINGS)
    draw = np.random.default_rng(1)
    for root, name, size in (("xvectors", "xvector", 16), ("emotion", "emotion", 3)):
        Path(root, "tiny").mkdir(parents=True)
        vectors = {utt: draw.standard_normal(size).astype(np.float32) for utt in tiny_data.utterances}
        write_arrays(Path(root, "tiny"), name, vectors)
    return DataDir.load("data/tiny")


def call(step: str, *arguments: object) -> None:
    """In this process."""
    shared = ("--config", "config.yaml", "--nj", 1, "--device", "cpu")
    main = runpy.run_path(str(checkout.ROOT / f"steps/{step}.py"))["main"]
    assert main([str(word) for word in (*shared, *arguments)]) == 0, step


def test_from_training_to_speech(speech: DataDir) -> None:
    call("train_tts", "--xvectors", "xvectors", "--emotion", "emotion", "data/tiny", "tts")
    card = json.loads(Path("tts/model.json").read_text())
    assert card["facts"]["validation"]["mel_cepstral_distortion"] > 0 and card["hyperparameters"]["emotion"] == 3
