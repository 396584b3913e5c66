"""steps/train_knnvc_vocoder.py and steps/import_knnvc_vocoder.py as users run them."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tiny_models
import torch

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.anonymize.knnvc.vocoder import Vocoder
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "{width: 4, channels: 8, rates: [10], kernels: [20], block_kernels: [3], block_dilations: [1], fft: 128}"
SMALL = [
    *("--set", "system.options.features.kind=bottleneck", "--set", "system.options.features.layer=0"),
    *("--set", f"system.options.vocoder.network={NETWORK}"),
    *("--set", "system.options.vocoder.segment_frames=10", "--set", "system.options.vocoder.validation=1"),
    *("--set", "system.options.vocoder.adversarial.periods=[2]"),
    *("--set", "system.options.vocoder.adversarial.scales=1"),
    *("--set", "system.options.vocoder.adversarial.width=0.03"),
    *("--set", "system.options.vocoder.training={updates: 2, round_updates: 2, batch_size: 2, threads: 1}"),
]


def step(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "steps" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def call(name: str, *arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", [f"steps/{name}.py"])
        return int(step(name).main([*map(str, arguments), "--nj", "1", "--device", "cpu"]))

    return call


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What has been logged since it was last asked (a step's own log does not reach pytest's)."""

    def new() -> str:
        text = caplog.text + capsys.readouterr().err
        caplog.clear()
        return text

    return new


def test_trained_on_matched_features_and_not_twice(
    tiny_data: DataDir, run: Callable[..., int], said: Callable[[], str]
) -> None:
    bottleneck = tiny_models.make(Path("exp")) / "models/bottleneck"
    words = ("train_knnvc_vocoder", *SMALL, "--bottleneck", bottleneck, tiny_data.path, "exp/models/knnvc")
    assert run(*words) == 0
    card = json.loads(Path("exp/models/knnvc/model.json").read_text())
    assert card["kind"] == "feature_hifigan" and card["hyperparameters"]["features"] == tiny_models.CONTENT
    assert card["facts"]["features"] == {"kind": "bottleneck", "layer": 0} and card["facts"]["prematched"]
    assert card["facts"]["validation"]["mel_loss"] > 0
    assert not Path("exp/models/knnvc/frames").exists()
    speech = Vocoder(Path("exp/models/knnvc"), Features("bottleneck", 0))(np.zeros((50, tiny_models.CONTENT)), 16000)
    assert len(speech) == 16000 and np.isfinite(speech).all()
    before = Path("exp/models/knnvc/weights.safetensors").stat().st_mtime_ns
    assert run(*words) == 0
    assert Path("exp/models/knnvc/weights.safetensors").stat().st_mtime_ns == before
    assert run(*words, "--set", "system.options.neighbours=3") == 3
    assert "settings" in said()


def test_a_conversion_is_spoken_by_it(tiny_data: DataDir, run: Callable[..., int], said: Callable[[], str]) -> None:
    bottleneck = ("--bottleneck", tiny_models.make(Path("exp")) / "models/bottleneck")
    of_targets = ("--set", "system.options.targets={shortest: 1, seconds: 2}")
    options = (*SMALL, *of_targets, "--set", "system.options.features.normalise=true")
    assert run("train_knnvc_vocoder", *options, *bottleneck, tiny_data.path, "vocoder") == 0
    assert run("fit_knnvc_targets", *options, *bottleneck, tiny_data.path, "targets") == 0
    draw = ("--set", "pseudo.strategy=target", "--set", "pseudo.target_gender=any")
    assert run("sample_knnvc_targets", *draw, "--targets", "targets", tiny_data.path, "pseudo") == 0
    convert = (
        "convert_knnvc",
        *options,
        *bottleneck,
        "--targets",
        "targets",
        "--pseudo",
        "pseudo",
        "--suffix",
        "knnvc",
    )
    said()
    assert run(*convert, tiny_data.path, "data") == 2
    assert "no vocoder was given (--vocoder)" in said()
    assert run(*convert, "--vocoder", "vocoder", tiny_data.path, "data") == 0
    made = DataDir.load("data/tiny_knnvc")
    assert made.utterances == tiny_data.utterances
    for utterance in made.utterances:
        speech = load(made, utterance)
        assert len(speech) == len(load(tiny_data, utterance)) and speech.std() > 1e-3
    other = ("--set", "system.options.features.layer=1")
    assert run(*convert, *other, "--vocoder", "vocoder", tiny_data.path, "elsewhere") == 3
    assert "a vocoder for features of bottleneck, layer 0" in said()


def test_keys_of_a_systems_other_steps_are_passed_over_and_its_own_are_checked(
    tiny_data: DataDir, run: Callable[..., int], said: Callable[[], str]
) -> None:
    words = ("train_knnvc_vocoder", "--set", "system.options.clusters=8")
    wrong = ("--set", "system.options.vocoder.segment_frame=8")
    assert run(*words, *wrong, tiny_data.path, "out") == 2
    message = said()
    assert "segment_frame'; the nearest valid key is" in message and "clusters" not in message
    assert run(*words, "--set", "system.options.vocoder.within=chapter", tiny_data.path, "out") == 2


def test_a_published_vocoder_is_taken_over_by_either_step(
    tiny_data: DataDir, run: Callable[..., int], said: Callable[[], str]
) -> None:
    torch.save({"generator": tiny_models.knnvc_generator()}, "g.pt")
    assert run("import_knnvc_vocoder", "--weights", "g.pt", "exp/one") == 0
    asked = ("--set", "system.options.vocoder.source=published", "--set", "system.options.vocoder.weights=g.pt")
    assert run("train_knnvc_vocoder", *asked, tiny_data.path, "exp/two") == 0
    one, two = (Vocoder(Path(folder), Features("wavlm", 6)) for folder in ("exp/one", "exp/two"))
    features = np.random.default_rng(0).standard_normal((5, 12), dtype=np.float32)
    assert np.array_equal(one(features), two(features)) and one.facts["source"] == "g.pt"
    said()
    other = ("--set", "system.options.features.kind=whisper")
    assert run("train_knnvc_vocoder", *asked, *other, tiny_data.path, "exp/three") == 2
    assert "that vocoder is for layer 6 of wavlm" in said()
    assert run("import_knnvc_vocoder", "--weights", "absent.pt", "exp/four") == 4
    assert "local/download.py KNNVC_HIFIGAN_PREMATCHED" in said()
