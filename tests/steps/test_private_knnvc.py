"""Private kNN-VC by its steps, on random networks: predictors, targets, conversion; what is said of what is missing."""

from __future__ import annotations

import json
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny_models
from safetensors.numpy import load_file

from pseudovox.anonymize.knnvc.private_targets import phone_mean
from pseudovox.core import checkout
from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.datadir import DataDir, read_table

Program = Callable[..., subprocess.CompletedProcess[str]]
SETTINGS = """
seed: 5
system:
  name: private
  options:
    features: {kind: bottleneck, layer: 1, normalise: true}
    spoken: world
    duration_weight: 0.5
    clusters: 2
    anonymizations: 2
    targets: {shortest: 1, seconds: 10}
    phones: {layer: 0, hidden: 8, training: {epochs: 1, batch_size: 4, threads: 1}}
    durations: {hidden: 8, training: {epochs: 2, batch_size: 4, threads: 1}}
pseudo: {strategy: target, target_gender: any}
levels: {default: utt}
"""


@pytest.fixture
def models(tiny_data: DataDir) -> Path:
    lines = [
        line
        for utt in tiny_data.utterances
        for line in (f"{utt} 1 0.0 0.1 sil", f"{utt} 1 0.1 0.2 aa", f"{utt} 1 0.3 0.2 s")
    ]
    Path("data/tiny/phones.ctm").write_text("\n".join(lines) + "\n")
    Path("config.yaml").write_text(SETTINGS)
    return tiny_models.make(Path("exp")) / "models"


def put_contours(data: DataDir) -> None:
    for root in ("f0", "moved"):
        Path(root, data.name).mkdir(parents=True)
        contours = {utt: np.full(round(100 * data.duration(utt)) + 1, 120.0) for utt in data.utterances}
        write_arrays(Path(root, data.name), "f0", contours)


def test_from_predictors_to_speech(tiny_data: DataDir, models: Path) -> None:
    def call(step: str, *arguments: object) -> None:
        """In this process: five that import torch would take half a minute."""
        shared = ("--config", "config.yaml", "--nj", 1, "--device", "cpu")
        content = () if "sample" in step else ("--bottleneck", models / "bottleneck")
        main = runpy.run_path(str(checkout.ROOT / f"steps/{step}.py"))["main"]
        assert main([str(word) for word in (*shared, *content, *arguments)]) == 0, step

    call("train_phones", "data/tiny", "phones")
    call("train_durations", "--phones", "phones", "data/tiny", "durations")
    call("fit_knnvc_targets", "--phones", "phones", "data/tiny", "targets")
    call("sample_knnvc_targets", "--targets", "targets", "data/tiny", "pseudo")
    put_contours(tiny_data)
    call(
        "convert_knnvc", "--targets", "targets", "--pseudo", "pseudo", "--phones", "phones", "--durations", "durations",
        "--f0", "moved", "--source-f0", "f0", "--suffix", "private", "data/tiny", "data",
    )  # fmt: skip
    card = json.loads(Path("targets/model.json").read_text())["facts"]
    for speaker in card["speakers"]:
        rows = load_file(f"targets/{speaker['id']}.safetensors")
        assert np.diff(rows["offsets"]).max() <= 2 and rows["envelope"].shape == (len(rows["keys"]), 2, 60)
        np.testing.assert_allclose(speaker["voice"], phone_mean(rows["envelope"].mean(1), rows["offsets"]), rtol=1e-4)
    made = DataDir.load("data/tiny_private")
    assert not Path("data/tiny_private/phones.ctm").exists() and made.text == tiny_data.text
    assert read_table(Path("data/tiny_private/utt2target")) == read_table(Path("pseudo/tiny/utt2target"))
    for utterance in tiny_data.utterances:
        info = soundfile.info(f"data/tiny_private/wav/{utterance}.wav")
        assert info.frames % 320 == 0 and made.duration(utterance) == pytest.approx(info.frames / 16000, abs=1e-4)
        assert np.isfinite(soundfile.read(f"data/tiny_private/wav/{utterance}.wav")[0]).all()
    assert set(read_scp(Path("pseudo/tiny/pseudo_xvector.scp"))) == set(tiny_data.utterances)


def test_predictors_that_are_not_given(program: Program, tiny_data: DataDir, models: Path) -> None:
    shared = ("--config", "config.yaml", "--bottleneck", models / "bottleneck")
    done = program("steps/fit_knnvc_targets.py", *shared, "data/tiny", "targets")
    assert done.returncode == 2 and "needs a predictor of phones (--phones)" in done.stderr
    done = program("steps/fit_knnvc_targets.py", *shared, "--phones", "nowhere", "data/tiny", "targets")
    assert done.returncode == 4 and "nowhere: no model here" in done.stderr and not Path("targets").exists()
