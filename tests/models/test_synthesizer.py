"""Acoustic model: shapes, what it depends on, statistics."""

from __future__ import annotations

import pytest
import torch

from pseudovox.models.synthesizer import SynthesizerNetwork

SMALL = {
    "bottleneck": 6, "stride": 2, "xvector": 10, "envelope": 4, "aperiodicity": 1, "channels": 16, "kernel": 3,
    "dilations": [1, 2], "speaker": 5,
}  # fmt: skip


@pytest.fixture
def network() -> SynthesizerNetwork:
    torch.manual_seed(0)
    made = SynthesizerNetwork(**SMALL)
    for block in made.blocks:  # away from the identity they start as
        torch.nn.init.normal_(block.film.weight, std=0.3)
        torch.nn.init.normal_(block.point.weight, std=0.3)
    return made.eval()


@pytest.mark.parametrize(("content", "frames"), [(10, 20), (10, 19), (10, 23)])
def test_one_output_frame_for_each_f0_frame(network: SynthesizerNetwork, content: int, frames: int) -> None:
    out = network(torch.randn(2, content, 6), torch.zeros(2, frames), torch.ones(2, frames), torch.randn(2, 10))
    assert out.shape == (2, frames, 5)


def test_output_follows_every_input(network: SynthesizerNetwork) -> None:
    base = [torch.randn(1, 10, 6), torch.full((1, 20), 5.0), torch.ones(1, 20), torch.randn(1, 10)]
    reference = network(*base)
    for position in range(4):
        changed = [value.clone() for value in base]
        changed[position] = changed[position] * 0.5 + torch.randn_like(changed[position])
        assert not torch.allclose(network(*changed), reference)


def test_length_of_the_xvector_does_not_matter(network: SynthesizerNetwork) -> None:
    inputs = torch.randn(1, 10, 6), torch.full((1, 20), 5.0), torch.ones(1, 20)
    xvector = torch.randn(1, 10)
    assert torch.allclose(network(*inputs, xvector), network(*inputs, 7 * xvector), atol=1e-5)


def test_predict_restores_units_and_spread(network: SynthesizerNetwork) -> None:
    inputs = torch.randn(1, 10, 6), torch.full((1, 20), 5.0), torch.ones(1, 20), torch.randn(1, 10)
    network.target_mean.copy_(torch.arange(5.0))
    network.target_deviation.fill_(2.0)
    network.spread.fill_(1.5)
    normalised = network(*inputs)
    plain, aperiodicity = network.predict(*inputs, sharpen=0.0)
    assert torch.allclose(plain, normalised[..., :4] * 2 + torch.arange(4.0))
    assert torch.allclose(aperiodicity, normalised[..., 4:] * 2 + 4)
    sharp, _ = network.predict(*inputs, sharpen=1.0)
    assert torch.allclose(sharp.mean(1), plain.mean(1), atol=1e-5)
    assert torch.allclose(sharp.std(1), 1.5 * plain.std(1), atol=1e-5)
