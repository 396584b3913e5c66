"""HiFi-GAN on features: sizes, what a sample depends on, long speech in blocks, the inverse Fourier transform."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pseudovox.core import blocks
from pseudovox.models import store
from pseudovox.models.feature_hifigan import FRAME, PUBLISHED, FeatureHifiGan
from pseudovox.models.hifigan import ResidualBlock, _added

SIZES: dict[str, dict[str, Any]] = {
    "four levels": {
        "width": 8, "channels": 32, "rates": [10, 8, 2, 2], "kernels": [20, 16, 4, 4], "block_kernels": [3, 7],
        "block_dilations": [1, 3],
    },
    "inverse transform": {
        "width": 8, "channels": 16, "rates": [10], "kernels": [20], "block_kernels": [3, 5], "block_dilations": [1, 3],
        "fft": 128,
    },
    "inverse transform, no level": {
        "width": 8, "channels": 16, "rates": [], "kernels": [], "block_kernels": [3], "block_dilations": [1],
        "fft": 960,
    },
}  # fmt: skip


def made(name: str, **changes: Any) -> FeatureHifiGan:
    torch.manual_seed(0)
    network = store.build("feature_hifigan", {"features": 6, **SIZES[name], **changes})
    for parameter in network.parameters():  # away from the small numbers they start as
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    assert isinstance(network, FeatureHifiGan)
    return network.eval()


def test_the_published_sizes_are_what_its_authors_say() -> None:
    network = FeatureHifiGan(features=1024, **PUBLISHED)  # type: ignore[arg-type]
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == pytest.approx(16.5e6, rel=0.005)
    assert [rise.stride[0] for rise in network.rise] == [10, 8, 2, 2]  # type: ignore[index, union-attr]
    assert sum(isinstance(module, ResidualBlock) for module in network.modules()) == 12


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("frames", [1, 2, 17])
def test_320_samples_a_frame(name: str, frames: int) -> None:
    wave = made(name)(torch.randn(2, frames, 6))
    assert wave.shape == (2, frames * FRAME) and wave.dtype == torch.float32
    assert wave.isfinite().all() and wave.abs().max() <= 1 and wave.std() > 0


@pytest.mark.parametrize("name", SIZES)
def test_a_sample_depends_on_its_context_alone(name: str) -> None:
    network = made(name)
    features, context = torch.randn(1, 61, 6), network.context
    assert context < 20
    changed = features.clone()
    changed[:, 30] += 1.0
    difference = (network(features) - network(changed))[0].abs().view(61, FRAME).amax(1)
    heard = difference.nonzero().flatten()
    assert 30 - context <= int(heard.min()) and int(heard.max()) <= 30 + context
    assert int(heard.max()) - int(heard.min()) > context  # and the bound is not much too wide


@pytest.mark.parametrize("name", SIZES)
def test_long_speech_is_the_same_however_it_is_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, features = made(name), torch.randn(150, 6)
    whole = network.long(features)
    assert torch.allclose(whole, network(features.unsqueeze(0))[0], atol=1e-6)
    reported: list[float] = []
    for seconds in (0.1, 0.5, 1.3):
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        with blocks.watched(reported.append):
            found = network.long(features)
        assert found.shape == whole.shape and torch.allclose(found, whole, atol=1e-5)
    assert reported[-1] == 1.0


def test_no_block_is_longer_than_its_seconds_and_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    network = made("inverse transform")
    seen: list[int] = []
    network.first.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[2]))
    monkeypatch.setattr(blocks, "SECONDS", 0.5)
    network.long(torch.randn(500, 6))
    assert max(seen) <= 25 + 2 * network.context and len(seen) == 20


def test_features_are_scaled_first() -> None:
    network, features = made("four levels"), torch.randn(1, 5, 6)
    plain = network(features)
    network.feature_mean.copy_(torch.arange(6.0))
    network.feature_deviation.copy_(torch.arange(1.0, 7.0))
    assert torch.allclose(network(features * network.feature_deviation + network.feature_mean), plain, atol=1e-5)


def test_folding_changes_nothing() -> None:
    network = made("four levels", weight_norm=True)
    features = torch.randn(1, 7, 6)
    before = network(features)
    network.fold()
    assert network.state_dict().keys() == made("four levels").state_dict().keys()
    assert torch.allclose(network(features), before, atol=1e-5)


def test_the_inverse_transform_gives_back_what_was_transformed() -> None:
    network = made("inverse transform")
    hop, fft, frames = network.hop, network.fft, 50
    assert (hop, fft) == (32, 128)
    wave = 0.3 * torch.randn(1, frames * hop)
    margin = (fft - hop) // 2
    pieces = torch.nn.functional.pad(wave, (margin, margin)).unfold(1, fft, hop) * network.window
    spectrum = torch.fft.rfft(pieces).transpose(1, 2)  # (1, bins, frames)
    told = torch.cat([spectrum.abs().clamp(min=1e-9).log(), spectrum.angle()], dim=1)
    assert torch.allclose(network._inverse(told), wave.clamp(-1, 1), atol=1e-4)


def test_frames_are_overlapped_and_added() -> None:
    frames = torch.tensor([[[1.0, 10], [2, 20], [3, 30], [4, 40]]])  # 2 frames of 4, 2 apart
    assert _added(frames, 2).tolist() == [[1, 2, 13, 24, 30, 40]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": [10, 8, 2]}, "expected one for each"),
        ({"rates": [10, 8, 4, 2]}, "make 640 samples of a frame, expected 320"),
        ({"channels": 24}, "multiple of 16"),
        ({"rates": [10], "kernels": [20], "fft": 100}, "fft 100 after the rates"),
        ({"rates": [3], "kernels": [6], "fft": 128}, "fft 128 after the rates"),
        ({"rates": [10], "kernels": [20], "fft": 32}, "at least twice as long"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_belong_together_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        store.build("feature_hifigan", {"features": 6, **SIZES["four levels"], **changes})
