"""Nothing in a training step waits for a GPU: no number is fetched, and no shape hangs on what the device has found."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from steps_of_trainings import LEARNERS, Same
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from pseudovox.models.buffers import known, set_known
from pseudovox.training import ctc
from pseudovox.training.fit import Learner, fit

# What asks the device for a number, or for the shape of a result.
FETCHING = {
    "aten::_local_scalar_dense", "aten::nonzero", "aten::bincount", "aten::unique_dim", "aten::_unique2",
    "aten::masked_select", "aten::unique_consecutive", "aten::repeat_interleave.Tensor", "aten::equal",
    "aten::is_nonzero", "aten::multinomial",
}  # fmt: skip
SETTLED = 2  # updates after which quantisers have begun; the last one's round ends, and is told of


class Watch(TorchDispatchMode):
    """Notes where such an operation is called, while `on`."""

    def __init__(self) -> None:
        super().__init__()
        self.on, self.found = False, list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name + (f".{func._overloadname}" if func._overloadname != "default" else "")
        masked = func._schema.name in ("aten::index", "aten::index_put_", "aten::index_put") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if self.on and (name in FETCHING or func._schema.name in FETCHING or masked) and (place := _place()):
            self.found.append(f"{name}: {place}")
        return func(*args, **(kwargs or {}))


def _place() -> str:
    """The innermost place that is no part of torch; empty within an optimiser, which is one kernel on a GPU."""
    for frame, line in traceback.walk_stack(sys._getframe(1)):
        name = frame.f_code.co_filename
        if "/torch/optim/" in name:
            return ""
        if "/torch/" not in name and "test_no_synchronisation" not in name:
            return f"{name}:{line}"
    return "backward"


def watched(learner: Learner, batch: Any, folder: Path) -> list[str]:
    """What the steps of a training fetched, but for the first ones'."""
    watch = Watch()
    start, end = learner.on_train_batch_start, learner.on_train_batch_end

    def begun(*arguments: Any) -> None:
        watch.on = SETTLED <= learner.update < learner.training_options.updates - 1
        start(*arguments)

    def ended(*arguments: Any) -> None:
        end(*arguments)
        watch.on = False

    learner.on_train_batch_start, learner.on_train_batch_end = begun, ended  # type: ignore[method-assign]
    learner.on_train_epoch_end = lambda: None  # type: ignore[method-assign]
    with watch:
        fit(learner, Same(batch), folder, device="cpu")
    return watch.found


@pytest.mark.parametrize("name", list(LEARNERS))
def test_no_step_fetches_a_number(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    learner, batch = LEARNERS[name]()
    assert watched(learner, batch, tmp_path) == []


def test_who_fetches_is_found(tmp_path: Path) -> None:
    learner, batch = LEARNERS["world"]()
    own = learner.loss

    def loss(batch: Any, stage: str) -> torch.Tensor:
        value = own(batch, stage)
        batch[0][batch[0] > 0].sum()
        return value * (2.0 if value.item() > 0 else 1.0)

    learner.loss = loss  # type: ignore[method-assign]
    found = watched(learner, batch, tmp_path)
    assert any("_local_scalar_dense" in one for one in found) and any("index" in one for one in found)
    assert all("test_no_synchronisation" not in one for one in found)


@pytest.mark.gpu
@pytest.mark.parametrize("name", list(LEARNERS))
def test_no_step_waits_for_the_gpu(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    learner, batch = LEARNERS[name]()
    step = learner.training_step

    def strict(*arguments: Any) -> Any:
        if learner.update < SETTLED:
            return step(*arguments)
        torch.cuda.set_sync_debug_mode("error")
        try:
            return step(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    learner.training_step = strict  # type: ignore[method-assign]
    fit(learner, Same(batch), tmp_path, device="cuda")


def test_a_number_is_asked_for_once() -> None:
    module = torch.nn.Module()
    module.register_buffer("count", torch.zeros((), dtype=torch.int64))
    watch = Watch()
    watch.on = True
    with watch:
        assert [known(module, "count") for _ in range(3)] == [0, 0, 0]
        assert len(watch.found) == 1
        set_known(module, "count", 4)
        assert known(module, "count") == 4 and int(module.count) == 4
        assert len(watch.found) == 2  # this test's own
        module.load_state_dict({"count": torch.tensor(7)})
        assert known(module, "count") == 7
        module.count += 1
        assert known(module, "count") == 8 and known(module, "count") == 8
        module.double()
        module.count = torch.tensor(3)
        assert known(module, "count") == 3


@pytest.mark.parametrize("name", list(LEARNERS))
def test_no_loss_waits_for_a_gpu_that_is_only_imagined(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On tensors that say they are on a GPU and hold nothing, whoever fetches a number or a shape fails."""
    torch.manual_seed(1)
    learner, batch = LEARNERS[name]()
    learner.log = lambda *_, **__: None  # type: ignore[method-assign]
    if hasattr(learner, "adversary_weight"):
        learner.adversary_weight = lambda: 0.5
    if getattr(learner.network, "quantizer", None) is not None:
        learner.network.start_quantizing()  # type: ignore[operator]
        for _ in range(SETTLED):
            learner.loss(batch, "train")
    for module in ("bottleneck", "recognizer", "phones"):  # (PyTorch's own CTC looks for a driver)
        monkeypatch.setattr(f"pseudovox.training.{module}.ctc_loss", lambda values, *_, **__: values.sum())
    imagined = FakeTensorMode(allow_non_fake_inputs=True)

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        return imagined.from_tensor(tensor.detach()).to("cuda")

    numbers = {
        (module, key): int(module.get_buffer(key))
        for module in learner.modules()
        for key in ("quantizing", "started", "calls", "size")
        if key in module._buffers
    }
    kept = ctc.kept_on_host(batch) if isinstance(batch, dict) else {}
    with imagined:
        for module in learner.modules():
            for key, parameter in module._parameters.items():
                module._parameters[key] = None if parameter is None else torch.nn.Parameter(moved(parameter))
            for key, buffer in module._buffers.items():
                module._buffers[key] = None if buffer is None else moved(buffer)
        for (module, key), value in numbers.items():
            set_known(module, key, value)
        inputs: Any = {key: moved(value) for key, value in batch.items()} if kept or isinstance(batch, dict) else tuple(
            moved(value) for value in batch
        )  # fmt: skip
        if kept:
            inputs[ctc.HOST] = kept
        if hasattr(learner, "discriminators"):
            found, _ = learner.speech(inputs, "train")  # type: ignore[operator]
            value = learner.discriminators(found)[0][0].mean()
        else:
            value = learner.loss(inputs, "train")
    assert value.device.type == "cuda" and value.ndim == 0
