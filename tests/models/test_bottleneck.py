"""Content extractor: shapes, the orthogonality step, what the quantiser changes, model dirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pseudovox.components.content import Extractor, log_mel
from pseudovox.data.features import mel_warp
from pseudovox.models import store
from pseudovox.models.bottleneck import BottleneckNetwork, FactorizedLayer, speech_statistics
from pseudovox.models.quantizers import KINDS, SEVERAL

SMALL = {
    "bins": 8, "phones": 5, "channels": 16, "factor": 4, "dilations": [1, 2], "stride": 2, "dimension": 6, "codes": 3,
}  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [1, 7, 8])
def test_shapes(stride: int, frames: int) -> None:
    network = BottleneckNetwork(**{**SMALL, "stride": stride})
    out = -(-frames // stride)
    got = network(torch.randn(2, frames, 8))
    assert got.frame_logits.shape == (2, out, 5)
    assert got.ctc_logits.shape == (2, out, 6)
    assert got.quantized is None
    assert network.extract(torch.randn(2, frames, 8)).shape == (2, out, 6)


def test_bottleneck_is_normalised_and_quantised_when_on() -> None:
    torch.manual_seed(0)
    network = BottleneckNetwork(**SMALL)
    frames = torch.randn(2, 40, 8)
    network.quantizing.fill_(1)
    assert network(frames).quantized is not None  # starts the codebook
    network.eval()
    narrow = network.project(frames)
    assert torch.allclose(narrow.mean(-1), torch.zeros(2, 20), atol=1e-5)
    assert torch.allclose(narrow.var(-1, unbiased=False), torch.ones(2, 20), atol=1e-3)
    codes = network.extract(frames).reshape(-1, 6)
    assert len(torch.unique(codes.detach(), dim=0)) <= 3


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_any_quantiser_is_taken_and_stored(kind: str) -> None:
    torch.manual_seed(0)
    parameters = {**SMALL, "codes": 4, "quantizer": kind}
    network = store.build("bottleneck", parameters)
    frames = torch.randn(2, 40, 8)
    network.quantizing.fill_(1)
    network.train()(frames).ctc_logits.sum().backward()
    codes = network.eval().extract(frames)
    found = len(torch.unique(codes.reshape(-1, 6).detach(), dim=0))
    assert found <= (16 if kind in SEVERAL else 4)
    again = store.build("bottleneck", parameters)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval().extract(frames), codes)


def test_constrain_makes_rows_orthogonal_and_equally_long() -> None:
    torch.manual_seed(0)
    layer = FactorizedLayer(16, 16, 4)
    for _ in range(200):
        layer.constrain()
    matrix = layer.linear.weight.flatten(1).detach()
    product = matrix @ matrix.t()
    assert torch.allclose(product / product[0, 0], torch.eye(4), atol=1e-3)


def test_constrain_keeps_an_orthogonal_factor() -> None:
    layer = FactorizedLayer(16, 16, 4)
    rows = torch.linalg.qr(torch.randn(48, 4))[0].t() * 3.0
    layer.linear.weight.data.copy_(rows.reshape(4, 16, 3))
    layer.constrain()
    assert torch.allclose(layer.linear.weight.flatten(1), rows, atol=1e-4)


def test_gradient_reaches_the_input_layer_through_the_quantiser() -> None:
    network = BottleneckNetwork(**SMALL)
    network.quantizing.fill_(1)
    network(torch.randn(2, 40, 8)).frame_logits.square().sum().backward()
    assert network.entry.linear.weight.grad.abs().sum() > 0


def test_statistics_normalise_the_input() -> None:
    network = BottleneckNetwork(**SMALL)
    network.set_statistics(torch.full((8,), 2.0), torch.full((8,), 4.0))
    assert torch.allclose((torch.full((8,), 6.0) - network.mean) * network.scale, torch.ones(8))


def test_model_dir_gives_the_same_features(tmp_path) -> None:
    torch.manual_seed(0)
    network = BottleneckNetwork(**SMALL)
    network.quantizing.fill_(1)
    network(torch.randn(2, 40, 8))
    network.eval()
    store.save(tmp_path / "m", network, kind="bottleneck", hyperparameters=SMALL, facts={"stride": 2})
    again, facts = store.load(tmp_path / "m", *store.content_extractors())
    frames = torch.randn(1, 30, 8)
    assert torch.equal(network.extract(frames), again.extract(frames))
    assert facts == {"stride": 2}


def test_statistics_are_those_of_the_louder_frames() -> None:
    frames = torch.tensor([[[0.0, 0.0], [4.0, 6.0], [0.0, 0.0], [8.0, 6.0]]])
    assert torch.allclose(speech_statistics(frames), torch.tensor([[6.0, 6.0, 2.0, 0.01]]))
    alike = speech_statistics(torch.full((1, 5, 2), -3.3))
    assert torch.allclose(alike, torch.tensor([[-3.3, -3.3, 0.01, 0.01]]))


def test_adapted_network_normalises_and_is_told_of_the_utterance() -> None:
    torch.manual_seed(0)
    network = BottleneckNetwork(**SMALL, adapted=True).eval()
    frames = torch.randn(2, 40, 8)
    other = frames * torch.rand(8).add(0.5) + torch.randn(8)  # another microphone
    assert network.adaptation is not None
    assert torch.allclose(network.extract(frames), network.extract(frames, speech_statistics(frames)))
    assert not torch.allclose(network.extract(frames), network.extract(other), atol=1e-3)
    torch.nn.init.zeros_(network.adaptation.weight)
    first, second = (network.project(given)[0] for given in (frames, frames * 2.0 + 3.0))
    assert torch.allclose(first, second, atol=1e-4)  # told nothing, it only sees what is left
    with pytest.raises(ValueError, match="have no bands to be normalised"):
        BottleneckNetwork(**{**SMALL, "bins": 160}, front={"family": "wav2vec2"}, adapted=True)


@torch.no_grad()
def test_the_warp_of_the_surest_phones_is_taken(tmp_path) -> None:
    torch.manual_seed(1)
    shape = {**SMALL, "codes": 0}
    network = BottleneckNetwork(**shape).eval()
    frames = torch.randn(1, 40, 8)
    found = network.extract_with_posteriors(frames)
    assert torch.equal(found[..., :6], network.extract(frames))
    assert torch.allclose(found[..., 6:], network(frames).frame_logits.softmax(2), atol=1e-6)

    samples = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    factors, made = [0.8, 1.0, 1.25], {}
    for number, warps in enumerate([[], *([factor] for factor in factors), factors]):
        folder = tmp_path / str(number)
        facts = {"floor_decibels": 45.0, "warps": warps}
        store.save(folder, network, kind="bottleneck", hyperparameters=shape, facts=facts)
        made[tuple(warps)] = Extractor(folder)(samples)
    assert np.array_equal(made[()], made[(1.0,)])
    log_mel_frames = log_mel(samples, 8, 45.0)
    doubts = []
    for factor in factors:
        warped = log_mel_frames @ torch.from_numpy(mel_warp(8, factor)).float()
        posteriors = network.extract_with_posteriors(warped[None])[..., 6:]
        doubts.append(float(-(posteriors * posteriors.log()).sum(2).mean()))
    surest = factors[int(np.argmin(doubts))]
    assert np.array_equal(made[tuple(factors)], made[(surest,)]) and surest != 1.0
