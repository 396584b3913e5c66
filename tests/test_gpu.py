"""Each step of the chain on CUDA against the CPU's result, and what a training on CUDA promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from steps_of_trainings import LEARNERS, Same

from pseudovox.data.archive import read_scp
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir
from pseudovox.models import store
from pseudovox.training.fit import fit

pytestmark = pytest.mark.gpu
DEVICES = ("cpu", "cuda")


@pytest.fixture
def exp(tmp_path: Path) -> Path:
    """Models of random weights, with a neural vocoder in the acoustic model's place."""
    made = tiny_models.make(tmp_path / "exp")
    torch.manual_seed(3)
    sizes: dict[str, Any] = {
        "bottleneck": tiny_models.CONTENT, "stride": 2, "xvector": tiny_models.XVECTOR, "harmonic_bands": 9,
        "noise_bands": 5, "fft": 1024, "channels": 8, "kernel": 3, "dilations": [1, 2], "speaker": 3, "dropout": 0.0,
    }  # fmt: skip
    facts = {"bottleneck": tiny_models.CONTENT, "xvector": tiny_models.XVECTOR, "stride": 2}
    network = store.build("harmonic_noise", sizes)
    store.save(made / "models/vocoder", network, kind="harmonic_noise", hyperparameters=sizes, facts=facts)
    return made


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square of the difference by that of the second."""
    return float(np.sqrt(np.square(one - other).mean() / np.square(other).mean()))


def test_every_step_gives_what_the_cpu_gives(tiny_data: DataDir, exp: Path, program: Any) -> None:
    """To 1 %: convolutions are in TF32 there, as PyTorch has them by default."""

    def step(name: str, *arguments: object) -> None:
        done = program(f"steps/{name}.py", *arguments)
        assert done.returncode == 0, done.stderr

    models = exp / "models"
    for device in DEVICES:
        own = ("--device", device, "--nj", 1, "--batch-seconds", 3)
        step("extract_xvectors", *own, "--model", models / "xvector", "data/tiny", f"{device}/xvectors")
        step("extract_bottleneck", *own, "--model", models / "bottleneck", "data/tiny", f"{device}/bottleneck")
        step("anonymize_mcadams", *own, "--suffix", "mcadams", "data/tiny", f"{device}/data")
        step("extract_f0", *own, "data/tiny", f"{device}/f0")
        # From the same inputs, so that no step is told of what another one rounded.
        step(
            "synthesize_speech", *own, "--suffix", "x", "--model", models / "vocoder", "--bottleneck", "cpu/bottleneck",
            "--f0", "cpu/f0", "--xvectors", "cpu/xvectors", "data/tiny", f"{device}/data",
        )  # fmt: skip
        marker = json.loads(Path(f"{device}/xvectors/tiny/.done.json").read_text())
        assert marker["device"] == device if "device" in marker else True
    for name, limit in (("xvectors/tiny/xvector", 0.01), ("bottleneck/tiny/bottleneck", 0.01), ("f0/tiny/f0", 0.0)):
        found, expected = (read_scp(f"{device}/{name}.scp") for device in ("cuda", "cpu"))
        for utterance in tiny_data.utterances:
            assert apart(found[utterance] + 1e-9, expected[utterance] + 1e-9) <= limit, (name, utterance)
    for system in ("mcadams", "x"):
        spoken = [DataDir.load(f"{device}/data/tiny_{system}") for device in ("cuda", "cpu")]
        for utterance in tiny_data.utterances:
            one, other = (load(data, utterance) for data in spoken)
            assert len(one) == len(other) and apart(one, other) < 0.02, (system, utterance)


@pytest.mark.parametrize("name", ["ecapa", "content, vq", "hifigan", "world"])
def test_a_training_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    weights = []
    for number in range(2):
        torch.manual_seed(1)
        learner, batch = LEARNERS[name]()
        fit(learner, Same(batch), tmp_path / str(number), device="cuda")
        weights.append({key: value.cpu() for key, value in learner.state_dict().items()})
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


@pytest.mark.parametrize("name", ["ecapa", "recognizer", "world"])
def test_a_training_learns_what_it_learns_on_the_cpu(name: str, tmp_path: Path) -> None:
    """The first loss: later ones see other noise, since a GPU draws other numbers."""
    losses = {}
    for device in DEVICES:
        torch.manual_seed(1)
        learner, batch = LEARNERS[name]()
        for module in learner.modules():
            if isinstance(module, (torch.nn.Dropout, torch.nn.Dropout1d)):
                module.p = 0.0
        found: list[torch.Tensor] = []
        own = learner.loss
        learner.loss = lambda *given, own=own, found=found: (found.append(own(*given)), found[-1])[1]  # type: ignore
        fit(learner, Same(batch), tmp_path / device, device=device)
        losses[device] = [float(value.detach()) for value in found]
    assert losses["cuda"][0] == pytest.approx(losses["cpu"][0], rel=0.01)
    assert losses["cuda"][-1] < losses["cuda"][0]


@pytest.mark.parametrize("name", ["ecapa", "content, vq", "harmonic_noise"])
def test_bf16_and_speed_over_repetition(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSEUDOVOX_DETERMINISTIC", "0")
    learner, batch = LEARNERS[name]()
    learner.training_options.precision = "bf16-mixed"
    fit(learner, Same(batch), tmp_path, device="cuda")
    assert not torch.are_deterministic_algorithms_enabled()
    assert all(value.isfinite().all() for value in learner.state_dict().values())
