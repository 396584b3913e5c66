"""The linear start of a small FACodec: what is linear in the frames comes out, quantised or not."""

from __future__ import annotations

from typing import Any

import torch

from pseudovox.models import store
from pseudovox.models.facodec import codec, layers
from pseudovox.training import linear_codec

SIZES: dict[str, Any] = {
    **codec.PUBLISHED, "signal": "frames", "bands": 10, "envelope": 6, "width": 12, "ratios": [2], "dimension": 40,
    "decoder_width": 64, "codes": 64, "code_dimension": 4, "cosine": False, "timbre_layers": 1, "timbre_hidden": 8,
    "antialias": False,
}  # fmt: skip


def test_what_is_linear_comes_out() -> None:
    torch.manual_seed(0)
    network: Any = store.build("facodec", SIZES)
    for module in network.modules():
        if isinstance(module, layers.SnakeBeta):
            torch.nn.init.constant_(module.alpha, -5.0)
    slow = torch.randn(400, 1, 5).repeat(1, 2, 1).flatten(0, 1)  # the two frames of a code are alike
    signal = slow @ torch.randn(5, 10) + 2.0
    target = slow @ torch.randn(5, 9) - 1.0
    target[:, -1] = (slow[:, 0] > 0).float()
    for name, values in (("input", signal), ("output", target)):
        getattr(network, f"{name}_mean").copy_(values.mean(0))
        getattr(network, f"{name}_deviation").copy_(values.std(0))
    network.output_mean[-1], network.output_deviation[-1] = 0.0, 1.0
    linear_codec.start(network, signal, target)
    network.eval()
    timbre = torch.randn(1, 40)  # says nothing yet
    with torch.no_grad():
        factors = network.factorise(signal[None], free=True)
        found = network.decode(factors.prosody + factors.content, timbre)[0]
    error = (found - target)[4:-4, :-1].std(0) / target[:, :-1].std(0)
    assert error.max() < 0.2
    assert ((found[:, -1] > 0) == (target[:, -1] > 0)).float().mean() > 0.9
    network.train()
    with torch.no_grad():
        network.quantise(network.encode(signal[None]))
        network.eval()
        factors = network.factorise(signal[None])
        spoken = [network.decode(factors.prosody + factors.content + more, timbre)[0] for more in (0, factors.detail)]
    coarse, fine = (float((one - target)[:, :-1].square().mean()) for one in spoken)
    assert fine < coarse < float(target[:, :-1].var(0).mean()) / 2


def test_of_waves_it_is_none() -> None:
    assert not linear_codec.fits(codec.FaCodec(**{**codec.PUBLISHED, "width": 4, "decoder_width": 16, "dimension": 16}))
