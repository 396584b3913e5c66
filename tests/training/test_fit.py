"""The training loop on a line of numbers: which weights are kept, when it stops, that a kill changes neither."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pseudovox.config import Training
from pseudovox.core.errors import DataError, UsageError
from pseudovox.training import fit as training
from pseudovox.training.fit import Learner, _precision, fit, with_epochs

OPTIONS = Training(
    updates=12, round_updates=2, learning_rate=1.0, schedule="constant", warmup=0, weight_decay=0.0,
    gradient_clip=0.0, threads=1,
)  # fmt: skip


class Line:
    """Each batch moves the weight by its own number's worth; the validation asks how far it is from `wanted`."""

    def __init__(self, wanted: float | None, killed_at: int = -1) -> None:
        self.wanted, self.killed_at = wanted, killed_at

    def batch(self, index: int) -> torch.Tensor:
        if index == self.killed_at:
            raise RuntimeError("killed")
        return torch.tensor([1.0])

    def validation(self) -> list[torch.Tensor]:
        return [] if self.wanted is None else [torch.tensor([self.wanted])]


class Walker(Learner):
    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        weight = self.network.weight.sum()
        return (weight - batch).abs().sum() if stage == "valid" else -(weight * batch).sum()


def walker(**changes: Any) -> Walker:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    return Walker(network, replace(OPTIONS, **changes), seed=1)


def weight(learner: Walker) -> float:
    return round(float(learner.network.weight.detach().sum()), 3)


def test_last_and_best(tmp_path: Path) -> None:
    # Adam steps by the learning rate: after update n the weight is n.
    last, best = walker(), walker(keep="best")
    fitted = fit(last, Line(wanted=4.9), tmp_path / "last", device="cpu")
    assert (weight(last), fitted.updates, fitted.kept, fitted.best) == (12.0, 12, 12, 4)
    fitted = fit(best, Line(wanted=4.9), tmp_path / "best", device="cpu")
    assert (weight(best), fitted.updates, fitted.kept) == (4.0, 12, 4)


def test_patience(tmp_path: Path) -> None:
    impatient = walker(keep="best", patience=2)
    fitted = fit(impatient, Line(wanted=2.9), tmp_path, device="cpu")
    assert (weight(impatient), fitted.updates, fitted.kept) == (2.0, 6, 2)
    # Started again, it finds itself at its end.
    again = walker(keep="best", patience=2)
    assert fit(again, Line(wanted=2.9, killed_at=6), tmp_path, device="cpu") == fitted and weight(again) == 2.0


@pytest.mark.parametrize("killed_at", [3, 5, 7])
def test_a_kill_changes_neither_what_is_kept_nor_when_it_ends(tmp_path: Path, killed_at: int) -> None:
    options = {"keep": "best", "patience": 3, "learning_rate": 0.7}
    unbroken, broken = walker(**options), walker(**options)
    expected = fit(unbroken, Line(wanted=2.0), tmp_path / "unbroken", device="cpu")
    with pytest.raises(RuntimeError, match="killed"):
        fit(walker(**options), Line(2.0, killed_at), tmp_path / "broken", device="cpu")
    assert fit(broken, Line(2.0), tmp_path / "broken", device="cpu") == expected
    assert torch.equal(broken.network.weight, unbroken.network.weight)


def test_nothing_to_judge_by(tmp_path: Path) -> None:
    for changes in ({"keep": "best"}, {"patience": 1}):
        with pytest.raises(DataError, match="nothing held out to validate on"):
            fit(walker(**changes), Line(None), tmp_path / next(iter(changes)), device="cpu")
    learner = walker()
    assert fit(learner, Line(None), tmp_path / "last", device="cpu").best == 0 and weight(learner) == 12.0


def test_adam_takes_weight_decay_for_gradient(tmp_path: Path) -> None:
    # AdamW shrinks the weight itself; Adam's step stays of the learning rate's size whatever the decay adds.
    decayed = {name: walker(optimizer=name, weight_decay=0.1, updates=2) for name in ("adam", "adamw")}
    for name, learner in decayed.items():
        fit(learner, Line(None), tmp_path / name, device="cpu")
    assert weight(decayed["adamw"]) == 1.9 and weight(decayed["adam"]) > 1.99


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep": "first"}, "training.keep: 'first': expected last or best"),
        ({"optimizer": "sgd"}, "training.optimizer: 'sgd': expected adamw or adam"),
        ({"schedule": "steps"}, "training.schedule: 'steps'"),
        ({"epochs": 3}, "training.epochs: 3: of speaker models alone"),
    ],
)
def test_unknown_words(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit(walker(**changes), Line(None), tmp_path, device="cpu")


def test_epochs_become_updates() -> None:
    told = with_epochs(Training(epochs=10, devices=4), batches=1541)
    assert (told.updates, told.round_updates, told.epochs) == (3850, 385, 0)
    assert with_epochs(OPTIONS, 7) == OPTIONS


class Pair(Walker):
    """Steps two optimisers an update, as a generator and its discriminators do."""

    def __init__(self, network: torch.nn.Module, training: Training, seed: int) -> None:
        super().__init__(network, training, seed)
        self.automatic_optimization = False
        self.done = 0

    @property
    def update(self) -> int:
        return self.done

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.parameters(), lr=lr) for lr in (1.0, 0.0)]

    def training_step(self, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            optimizer.zero_grad()
            self.manual_backward(self.loss(batch, "train"))
            optimizer.step()
        self.done += 1


def test_updates_are_counted_not_the_steps_of_optimisers(tmp_path: Path) -> None:
    pair = Pair(walker().network, replace(OPTIONS, keep="best"), seed=1)
    fitted = fit(pair, Line(wanted=4.9), tmp_path, device="cpu")
    assert (weight(pair), fitted.updates, fitted.kept, fitted.best) == (4.0, 12, 4, 4)


@pytest.mark.slow  # two processes that each import everything
def test_two_processes_keep_and_stop_alike(tmp_path: Path) -> None:
    pair = walker(keep="best", patience=2, devices=2)
    fitted = fit(pair, Line(wanted=2.9), tmp_path, device="cpu")
    assert (weight(pair), fitted.updates, fitted.kept) == (2.0, 6, 2)


@pytest.mark.parametrize("has_bf16", [True, False])
def test_bf16_is_left_to_what_has_it(monkeypatch: pytest.MonkeyPatch, has_bf16: bool) -> None:
    monkeypatch.setattr(training, "_cpu_has_bf16", lambda: has_bf16)
    assert has_bf16 is training._cpu_has_bf16()
    assert _precision("bf16-mixed", "cpu") == ("bf16-mixed" if has_bf16 else "32-true")
    assert _precision("bf16-mixed", "cuda") == "bf16-mixed" and _precision("16-mixed", "cpu") == "16-mixed"


class Noisy(Walker):
    """Writes down what it draws, and its weight after every update, for each process in a file of its own."""

    folder = ""

    def _write(self, name: str, value: torch.Tensor) -> None:
        with open(f"{self.folder}/{name}{self.global_rank}", "a", encoding="ascii") as file:
            file.write(f"{float(value.detach()):.9f}\n")

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        noise = torch.rand(())
        if stage == "train":
            self._write("noise", noise)
        return super().loss(batch, stage) * (1 + noise)

    def on_train_batch_end(self, *_: Any) -> None:
        self._write("weight", self.network.weight.sum())


@pytest.mark.slow  # as above
def test_two_processes_have_noise_of_their_own_and_the_same_weights(tmp_path: Path) -> None:
    """Two ranks with gloo, as of two GPUs with NCCL; the first draws what it would draw alone."""
    for devices in (2, 1):
        folder = tmp_path / str(devices)
        folder.mkdir()
        learner = walker(devices=devices, updates=4)
        learner.__class__, learner.folder = Noisy, str(folder)
        fit(learner, Line(wanted=2.0), folder / "model", device="cpu")
    first, second = ((tmp_path / f"2/noise{rank}").read_text().split() for rank in (0, 1))
    assert len(first) == len(second) == 4 and not set(first) & set(second)
    assert first == (tmp_path / "1/noise0").read_text().split()
    assert (tmp_path / "2/weight0").read_text() == (tmp_path / "2/weight1").read_text()


def test_determinism_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setenv("PSEUDOVOX_DETERMINISTIC", "0")
    training.set_determinism("cpu")
    assert not torch.are_deterministic_algorithms_enabled() and "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    monkeypatch.delenv("PSEUDOVOX_DETERMINISTIC")
    training.set_determinism("cpu")
    assert torch.are_deterministic_algorithms_enabled() and os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.setenv("PSEUDOVOX_DETERMINISTIC", "no")
    with pytest.raises(UsageError, match="PSEUDOVOX_DETERMINISTIC is 'no'; expected 0 or 1"):
        training.set_determinism("cpu")


def test_loaders_are_sized_to_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.machine, "cores", lambda: 16)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    source: Any = Line(None)
    assert training._loaders(0, source, on_gpu=False) == 0 and training._loaders(3, source, on_gpu=True) == 3
    assert training._loaders(0, source, on_gpu=True) == 7  # of eight cores for each GPU, one is the training's
    source.on_device = True
    assert training._loaders(0, source, on_gpu=True) == 0
