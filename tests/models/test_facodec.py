"""FACodec: sizes, what a frame depends on, factors and codes, weight norm, and its layers against plain formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from pseudovox.models import store
from pseudovox.models.facodec import codec, layers, redecoder
from pseudovox.models.facodec.codec import FaCodec
from pseudovox.models.facodec.heads import Heads
from pseudovox.models.facodec.quantizer import Levels
from pseudovox.models.facodec.transformer import ConvTransformer

TINY: dict[str, Any] = {
    **codec.PUBLISHED, "width": 4, "ratios": [2, 5], "dimension": 16, "decoder_width": 16, "codes": 8,
    "code_dimension": 3, "timbre_layers": 1, "timbre_heads": 2, "timbre_hidden": 8, "timbre_kernel": 3,
}  # fmt: skip
FRAMES = {**TINY, "signal": "frames", "bands": 6, "envelope": 5, "ratios": [2], "antialias": False, "cosine": False}


def made(**changes: Any) -> FaCodec:
    torch.manual_seed(0)
    network = store.build("facodec", {**TINY, **changes})
    assert isinstance(network, FaCodec)
    return network.eval()


def test_the_published_sizes_are_those_of_the_files() -> None:
    """16.9, 398 and 151 MB, of which position tables of 5000 frames, and the decoder's predictors, are not kept."""

    def megabytes(*networks: torch.nn.Module) -> float:
        return sum(parameter.numel() for one in networks for parameter in one.parameters()) * 4e-6

    network, table = FaCodec(**codec.PUBLISHED), 5000 * 256 * 4e-6  # type: ignore[arg-type]
    assert megabytes(network.encoder) == pytest.approx(16.9, rel=0.01)
    heads = Heads(256, 5003, 1, [1, 2, 3], [1, 2, 3], antialias=True)
    supervised = megabytes(heads.f0, heads.phones, heads.detail_f0, heads.detail_phones, heads.speaker)
    rest = megabytes(network) - megabytes(network.encoder)
    assert rest + supervised + 245200 * 257 * 4e-6 + table == pytest.approx(398, rel=0.01)
    assert megabytes(redecoder.Redecoder(**redecoder.PUBLISHED)) + table == pytest.approx(151, rel=0.01)  # type: ignore[arg-type]


@pytest.mark.parametrize("samples", [1, 10, 95, 100])
def test_a_code_for_each_hop(samples: int) -> None:
    network = made()
    factors = network.factorise(torch.randn(2, samples, 1))
    count = -(-samples // 10)
    assert factors.codes.shape == (2, count, 6) and factors.timbre.shape == (2, 16)
    wave = network.decode(factors.prosody + factors.content + factors.detail, factors.timbre)
    assert wave.shape == (2, 10 * count, 1) and wave.abs().max() <= 1


def test_the_codes_tell_the_vectors() -> None:
    network = made()
    factors = network.factorise(torch.randn(1, 60, 1))
    told = factors.prosody + factors.content
    torch.testing.assert_close(network.vectors(factors.codes, detail=False), told)
    torch.testing.assert_close(network.vectors(factors.codes), told + factors.detail)


def test_detail_quantises_what_prosody_and_content_leave() -> None:
    network = made()
    frames = network.encode(torch.randn(1, 60, 1))
    prosody, content, detail, *_ = network.quantise(frames)
    torch.testing.assert_close(network.quantizers[2](frames - prosody - content).vectors, detail)


def test_of_frames() -> None:
    network = made(**FRAMES)
    network.output_mean.copy_(torch.arange(8.0))
    factors = network.factorise(torch.randn(2, 7, 6))
    assert factors.codes.shape == (2, 4, 6)
    assert network.decode(factors.prosody, factors.timbre).shape == (2, 8, 8)


def test_a_vector_depends_on_its_reach_alone() -> None:
    network = made()
    reach = network.encoder.reach
    signal = torch.randn(1, 2 * reach + 400, 1)
    signal = signal[:, : signal.shape[1] // 10 * 10]
    middle = signal.shape[1] // 20
    changed = signal.clone()
    changed[:, : middle * 10 - reach] = 0
    changed[:, middle * 10 + 1 + reach + 10 :] = 0
    torch.testing.assert_close(network.encode(changed)[:, middle], network.encode(signal)[:, middle])


def test_a_sample_depends_on_its_reach_alone() -> None:
    network = made()
    reach = network.decoder.reach
    vectors, timbre = torch.randn(1, 2 * reach + 9, 16), torch.randn(1, 16)
    middle = vectors.shape[1] // 2
    changed = vectors.clone()
    changed[:, : middle - reach] = 0
    changed[:, middle + reach + 1 :] = 0
    own = slice(10 * middle, 10 * middle + 10)
    torch.testing.assert_close(network.decode(changed, timbre)[:, own], network.decode(vectors, timbre)[:, own])


def test_snake_beta_and_its_filters() -> None:
    """Twice the rate by a sinc, x + sin^2(a x) / b, and back: a low tone is bent as it would be without sampling."""
    activation = layers.Activation(1, antialias=True)
    with torch.no_grad():
        activation.snake.alpha.fill_(0.5)
        activation.snake.beta.fill_(-0.3)
    assert layers.low_pass().sum() == pytest.approx(1)
    tone = 0.5 * torch.sin(2 * torch.pi * torch.arange(400) / 100)
    a, b = torch.tensor(0.5).exp(), torch.tensor(-0.3).exp()
    expected = tone + torch.sin(a * tone) ** 2 / (b + 1e-9)
    found = activation(tone[None, None])[0, 0].detach()
    torch.testing.assert_close(found[20:-20], expected[20:-20], atol=2e-3, rtol=0)
    torch.testing.assert_close(activation.snake(tone[None, None])[0, 0].detach(), expected)


def test_cosine_codes_are_found_by_direction() -> None:
    torch.manual_seed(0)
    levels = Levels(1, 4, 8, 3, cosine=True).eval()
    level: Any = levels.parts[0]
    vectors = torch.randn(1, 5, 4)
    inside = level.inner(vectors)
    book = level.quantizer.codebook
    nearest = functional.cosine_similarity(inside[0][:, None], book[None], dim=2).argmax(1)
    found = levels(vectors)
    assert found.indices[0, :, 0].tolist() == nearest.tolist()
    torch.testing.assert_close(found.vectors[0], level.outer(book[nearest]))
    torch.testing.assert_close(levels.decode(found.indices), found.vectors)


def test_a_transformer_is_told_the_speaker() -> None:
    torch.manual_seed(0)
    network = ConvTransformer(
        layers=1, dimension=8, heads=2, hidden=8, kernel=3, dropout=0.0, conditional=True, positions="constant"
    )
    frames, speaker = torch.randn(1, 5, 8), torch.randn(2, 8)
    one, other = (network(frames, speaker[row : row + 1]) for row in range(2))
    assert (one - other).abs().max() > 1e-3


def test_positions_in_time_tell_frames_apart() -> None:
    torch.manual_seed(0)
    same = torch.randn(1, 1, 8).expand(1, 40, 8)
    for positions, differ in (("time", True), ("constant", False)):
        network = ConvTransformer(
            layers=1, dimension=8, heads=2, hidden=8, kernel=3, dropout=0.0, positions=positions
        ).eval()
        found = network(same)[:, 2:-2]
        assert (found.std(1).max() > 1e-3) == differ


def test_weight_norm_is_multiplied_out() -> None:
    network = made()
    layers.add_weight_norm(network.encoder, network.decoder)
    signal = torch.randn(1, 40, 1)
    before = network.encode(signal)
    layers.fold(network)
    assert network.state_dict().keys() == made().state_dict().keys()
    torch.testing.assert_close(network.encode(signal), before)


def test_reversed_heads_drive_the_codec_away() -> None:
    network = made().train()
    heads = Heads(16, 5, 3, [], [1], antialias=False)
    frames = network.encode(torch.randn(2, 100, 1)).detach().requires_grad_()
    gradients = []
    for weight in (0.0, 1.0, 2.0):
        factors = codec.Factors(frames, frames, frames, torch.zeros(2, 10, 6), frames.mean(1), *[torch.zeros(())] * 2)
        found = heads(factors, weight)
        assert found["phones"].shape == (2, 10, 5) and found["speaker"].shape == (2, 3)
        loss = found["speaker"].square().sum() + found["detail_phones"].square().sum()
        (gradient,) = torch.autograd.grad(loss, frames, allow_unused=True)
        gradients.append(gradient)
    assert gradients[0] is None
    torch.testing.assert_close(gradients[2], 2 * gradients[1])


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"signal": "light"}, "wave or frames"), ({"levels": [1, 2]}, "three levels"), ({"decoder_width": 6}, "halved")],
)
def test_sizes_that_cannot_be(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FaCodec(**{**TINY, **changes})
