"""kNN-VC's vocoder taken over: the same waveform as its equations, every layout of weight norm, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tiny_models import knnvc_generator as weights
from torch.nn import functional

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.models import knnvc_published, store

State = dict[str, torch.Tensor]
RATES, KERNELS, BLOCK_KERNELS, DILATIONS = [10, 8, 2, 2], [20, 16, 4, 4], [3, 7, 11], [1, 3, 5]
FEATURES = 12
LAYOUTS = {
    "plain": None,
    "weight_g": ("weight_g", "weight_v"),
    "parametrizations": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
}


def in_layout(plain: State, names: tuple[str, str] | None) -> State:
    """The same with lengths and directions; directions of any length."""
    if names is None:
        return dict(plain)
    found: State = {}
    for number, (name, tensor) in enumerate(plain.items()):
        module, _, parameter = name.rpartition(".")
        if parameter == "weight" and module != "lin_pre":
            dimensions = tuple(range(1, tensor.ndim))
            found[f"{module}.{names[0]}"] = tensor.norm(dim=dimensions, keepdim=True)
            found[f"{module}.{names[1]}"] = tensor * (number + 1)
        else:
            found[name] = tensor
    return found


def spoken(state: State, features: torch.Tensor) -> torch.Tensor:
    """The published equations, (T, features) -> (320 T,)."""
    x = functional.linear(features, state["lin_pre.weight"], state["lin_pre.bias"]).t().unsqueeze(0)
    x = functional.conv1d(x, state["conv_pre.weight"], state["conv_pre.bias"], padding=3)
    for level, (rate, kernel) in enumerate(zip(RATES, KERNELS, strict=True)):
        x = functional.conv_transpose1d(
            functional.leaky_relu(x, 0.1), state[f"ups.{level}.weight"], state[f"ups.{level}.bias"], rate,
            (kernel - rate) // 2,
        )  # fmt: skip
        total = torch.zeros_like(x)
        for place, size in enumerate(BLOCK_KERNELS):
            y, block = x, f"resblocks.{3 * level + place}"
            for number, dilation in enumerate(DILATIONS):
                z = functional.conv1d(
                    functional.leaky_relu(y, 0.1), state[f"{block}.convs1.{number}.weight"],
                    state[f"{block}.convs1.{number}.bias"], dilation=dilation, padding=dilation * (size - 1) // 2,
                )  # fmt: skip
                y = y + functional.conv1d(
                    functional.leaky_relu(z, 0.1), state[f"{block}.convs2.{number}.weight"],
                    state[f"{block}.convs2.{number}.bias"], padding=(size - 1) // 2,
                )  # fmt: skip
            total = total + y
        x = total / len(BLOCK_KERNELS)
    x = functional.conv1d(functional.leaky_relu(x, 0.01), state["conv_post.weight"], state["conv_post.bias"], padding=3)
    return torch.tanh(x)[0, 0]


def saved(path: Path, state: State) -> Path:
    torch.save({"generator": state}, path)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_speaks_as_the_published_equations(layout: str, tmp_path: Path) -> None:
    plain = weights()
    path = saved(tmp_path / "prematch_g_02500000.pt", in_layout(plain, LAYOUTS[layout]))
    network, hyperparameters, facts = knnvc_published.read(path)
    features = torch.randn(9, FEATURES)
    wanted = spoken(plain, features)
    assert 0.02 < wanted.std() < 0.9
    assert torch.allclose(network(features.unsqueeze(0))[0], wanted, atol=1e-4)
    assert facts["features"] == {"kind": "wavlm", "layer": 6} and facts["prematched"] and facts["dimension"] == FEATURES
    assert hyperparameters["rates"] == RATES and hyperparameters["block_kernels"] == BLOCK_KERNELS
    store.save(tmp_path / "model", network, kind="feature_hifigan", hyperparameters=hyperparameters, facts=facts)
    again, _ = store.load(tmp_path / "model", "feature_hifigan")
    assert torch.equal(again(features.unsqueeze(0)), network(features.unsqueeze(0)))


def test_torchs_own_weight_norm_is_multiplied_out() -> None:
    from torch.nn.utils import parametrizations

    torch.manual_seed(0)
    layer = parametrizations.weight_norm(torch.nn.ConvTranspose1d(4, 3, 5))
    with torch.no_grad():
        layer.parametrizations.weight.original0 *= 1.7
    found = knnvc_published.multiplied_out({f"ups.0.{name}": value for name, value in layer.state_dict().items()})
    assert sorted(found) == ["ups.0.bias", "ups.0.weight"]
    assert torch.allclose(found["ups.0.weight"], layer.weight, atol=1e-6)


def without(name: str) -> State:
    return {key: value for key, value in weights().items() if key != name}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (without("lin_pre.weight"), "lin_pre.weight is missing"),
        (without("conv_post.weight"), "conv_post.weight is missing"),
        (without("resblocks.4.convs2.1.bias"), r"1 weights are missing, e.g. that of blocks.1.1.plain.1.bias"),
        (without("ups.1.weight"), r"numbers \[0, 2, 3\], expected 0 to 2"),
        ({**weights(), "conv_mid.weight": torch.ones(1)}, "1 weights are unknown, e.g. that of conv_mid.weight"),
        ({**weights(), "ups.2.weight": torch.ones(8, 4, 6)}, r"kernels \[20, 16, 6, 4\] of ups.0.*product is 320"),
        ({**weights(), "conv_pre.bias": torch.ones(31)}, r"first.bias has shape \(31,\), expected \(32,\)"),
        ({**weights(), "conv_pre.bias": torch.full((32,), float("nan"))}, "first.bias holds NaN"),
        ({**without("conv_pre.weight"), "conv_pre.weight_g": torch.ones(32, 1, 1)}, "conv_pre.weight_v is missing"),
        (
            {**without("ups.0.weight"), "ups.0.weight_g": torch.ones(3), "ups.0.weight_v": torch.ones(32, 16, 20)},
            r"ups.0.weight_g has shape \(3,\)",
        ),
        ({"lin_pre.weight": torch.ones(3)}, "lin_pre.weight has 1 dimensions, expected 2"),
        (
            {key: value for key, value in weights().items() if ".2." not in key or not key.startswith("resblocks.0.")},
            "2 dilations",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(state: State, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"x.pt: not a generator of kNN-VC's: .*{message}") as raised:
        knnvc_published.read(saved(tmp_path / "x.pt", state))
    assert "local/download.py KNNVC_HIFIGAN_PREMATCHED" in str(raised.value)


class Code:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return os.mkdir, ("pwned",)


def test_no_code_is_run_and_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"generator": Code()}, "code.pt")
    torch.save(weights(), "bare.pt")
    for name, message in (("code", "cannot be read as weights"), ("bare", "something else than weights")):
        with pytest.raises(DataError, match=message):
            knnvc_published.read(Path(f"{name}.pt"))
    assert not Path("pwned").exists()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingModelError, match=r"g_02500000.pt: the weights of KNNVC_HIFIGAN are .*\n.*KNNVC_HIFIGAN"):
        knnvc_published.file_of("", prematched=False)
