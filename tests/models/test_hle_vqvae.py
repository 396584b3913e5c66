"""The hierarchical VQ-VAE: its published size, the rates of its levels, what the voice changes, and bad sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.models.hle_vqvae import HierarchicalVqVae

SMALL: dict[str, Any] = {"bands": 6, "speakers": 3, "channels": 8, "latent": 4, "repeats": 1, "dilations": [1, 2]}


def small(**changed: Any) -> HierarchicalVqVae:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return HierarchicalVqVae(**{**SMALL, **changed})


def test_the_published_network_has_24_million_parameters() -> None:
    network = HierarchicalVqVae(bands=80, speakers=30)
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == pytest.approx(24.0e6 - 6 * 82e3, rel=0.005)  # without the last cells' unused layers
    cell = network.decoders[0].stack.cells[0]
    told = sum(parameter.numel() for parameter in cell.told.parameters())
    assert told == pytest.approx(52e3, rel=0.01)
    assert sum(parameter.numel() for parameter in cell.parameters()) - told == pytest.approx(328e3, rel=0.01)
    for part, expected in zip(network.encoders, (3.75e6, 3.94e6, 3.75e6), strict=True):
        assert 82e3 + sum(parameter.numel() for parameter in part.parameters()) == pytest.approx(expected, rel=0.01)
    for part, expected in zip(network.decoders, (4.09e6, 4.30e6, 4.13e6), strict=True):
        assert 82e3 + sum(parameter.numel() for parameter in part.parameters()) == pytest.approx(expected, rel=0.01)


def test_levels_halve_the_rate_and_spectra_come_back() -> None:
    network = small().train()
    spectra = torch.randn(2, 32, 6)
    found = network(spectra, torch.tensor([0, 2]))
    assert found.spectra.shape == spectra.shape
    assert [latent.shape for latent in found.latents] == [(2, 16, 4), (2, 8, 4), (2, 4, 4)]
    assert len(found.commitment) == len(found.perplexity) == 3
    (found.spectra.square().mean() + torch.stack(found.commitment).sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    assert network.encoders[0].entry.layer.weight.grad.abs().sum() > 0  # straight through the codes
    assert network.encoders[2].entry.layer.weight.grad.abs().sum() > 0


def test_what_decoders_get_are_codewords() -> None:
    network = small().eval()
    with torch.inference_mode():
        found = network(torch.randn(1, 32, 6), torch.tensor([1]))
    for latent, quantizer in zip(found.latents, network.quantizers, strict=True):
        assert (latent[0][:, None] == quantizer.codewords).all(2).any(1).all()


def test_another_voice_gives_other_spectra_of_the_same_codes() -> None:
    network = small().eval()
    spectra = torch.randn(21, 6)
    one, other = network.convert(spectra, 0), network.convert(spectra, 1)
    assert one.shape == other.shape == spectra.shape and not torch.allclose(one, other)
    assert torch.equal(one, network.convert(spectra, 0))


@pytest.mark.parametrize("count", [1, 7, 8, 16, 33])
def test_any_number_of_frames(count: int) -> None:
    found = small().eval().convert(torch.randn(count, 6), 2)
    assert found.shape == (count, 6) and found.isfinite().all()


@pytest.mark.parametrize(("kind", "codebooks"), [("vq", [1, 1, 1]), ("grouped", [2, 2, 1]), ("residual", [2, 1, 1])])
def test_kinds_of_quantiser(kind: str, codebooks: list[int], tmp_path: Any) -> None:
    hyperparameters = {**SMALL, "quantizer": kind, "codebooks": codebooks, "codes": [8, 4, 2], "normalised": True}
    network = store.build("hle_vqvae", hyperparameters)
    store.save(tmp_path, network, kind="hle_vqvae", hyperparameters=hyperparameters, facts={})
    loaded, _ = store.load(tmp_path, "hle_vqvae")
    spectra = torch.randn(24, 6)
    assert torch.equal(loaded.convert(spectra, 1), network.eval().convert(spectra, 1))


def test_sizes_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="expected 3 levels"):
        small(codes=[8, 4])
    with pytest.raises(UsageError, match="do not divide into 3 groups"):
        small(quantizer="grouped", codebooks=[3, 1, 1])
