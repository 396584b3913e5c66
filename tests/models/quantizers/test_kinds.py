"""Every kind of quantiser: as a layer of a network, and trained by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pseudovox.core.errors import DataError, UsageError
from pseudovox.models import quantizers
from pseudovox.models.quantizers import interface, vq_plain
from pseudovox.models.quantizers.fitting import Adam, Fit

DATA = torch.randn(512, 8, generator=torch.Generator().manual_seed(1))
FAST = Fit(updates=300, epochs=1)


@pytest.mark.parametrize("kind", sorted(quantizers.KINDS))
def test_as_a_layer(kind: str) -> None:
    torch.manual_seed(0)
    layer = quantizers.build(kind, 16, 8).train()
    vectors = DATA.reshape(4, 128, 8).clone().requires_grad_()
    mask = torch.ones(4, 128, dtype=torch.bool)
    mask[0, 100:] = False
    got = layer(vectors, mask)
    assert got.vectors.shape == vectors.shape and got.indices.shape[:2] == (4, 128)
    (got.vectors.square().sum() + got.commitment).backward()
    assert vectors.grad is not None and vectors.grad[mask].abs().sum() > 0
    assert 1 <= float(got.perplexity.detach()) <= 16
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())
    layer.eval()
    quiet = layer(DATA)
    again = layer(quiet.vectors.detach()[:5]).vectors if kind not in ("residual",) else quiet.vectors[:5]
    assert torch.allclose(again, quiet.vectors[:5], atol=1e-5)  # a codeword is its own codeword


@pytest.mark.parametrize("kind", ["vq_plain", "nsvq", "sfvq"])
def test_a_network_around_it_trains_the_codebook(kind: str) -> None:
    torch.manual_seed(0)
    options = {"stage": 100} if kind == "sfvq" else {}
    layer = quantizers.build(kind, 8, 8, **options)
    optimizer = torch.optim.Adam(layer.parameters(), 0.01)
    before = None
    for _ in range(300):
        optimizer.zero_grad()
        got = layer.train()(DATA)
        loss = (got.vectors - DATA).square().mean() + got.commitment
        loss.backward()
        optimizer.step()
        if before is None:
            before = (layer.eval()(DATA).vectors - DATA).square().mean().item()
    after = (layer.eval()(DATA).vectors - DATA).square().mean().item()
    assert after < 0.97 * before
    assert len(layer.codewords) == 8


def test_noise_is_as_long_as_the_error() -> None:
    codes = DATA.flip(0).clone().requires_grad_()
    vectors = DATA.clone().requires_grad_()
    noisy = interface.noise_substituted(vectors, codes)
    assert torch.allclose((noisy - vectors).norm(dim=1), (vectors - codes).norm(dim=1), rtol=1e-4)
    noisy.sum().backward()
    assert vectors.grad is not None and codes.grad is not None and codes.grad.abs().sum() > 0


def test_residual_and_grouped_codes_are_decoded() -> None:
    torch.manual_seed(0)
    for kind in ("residual", "grouped"):
        layer = quantizers.build(kind, 16, 8, codebooks=4)
        assert isinstance(layer, (quantizers.Residual, quantizers.Grouped))
        layer.train()(DATA)
        got = layer.eval()(DATA)
        assert got.indices.shape == (512, 4)
        assert torch.allclose(layer.decode(got.indices), got.vectors, atol=1e-5)
    errors = []
    for codebooks in (1, 2, 3):
        torch.manual_seed(0)
        layer = quantizers.build("residual", 16, 8, codebooks=codebooks)
        layer.train()(DATA)
        errors.append((layer.eval()(DATA).vectors - DATA).square().mean().item())
    assert errors[0] > errors[1] > errors[2]
    with pytest.raises(UsageError, match="8 dimensions do not divide into 3 groups"):
        quantizers.build("grouped", 16, 8, codebooks=3)


@pytest.mark.parametrize("kind", ["vq", "vq_plain", "nsvq", "sfvq"])
def test_trained_by_itself(kind: str) -> None:
    vectors = 50 + 7 * DATA.numpy()  # no scale that the learning rate was chosen for
    found = quantizers.find(kind).fit(vectors, [2, 3, 4], FAST, 1)
    errors = [found[bits].mean_squared_error(vectors) for bits in (2, 3, 4)]
    assert vectors.var() > errors[0] > errors[1] > errors[2]
    assert [len(found[bits].vectors) for bits in (2, 3, 4)] == [4, 8, 16]
    again = quantizers.find(kind).fit(vectors, [4], FAST, 1)
    assert np.array_equal(found[4].vectors, again[4].vectors)  # whatever else is trained beside it


def test_released_training_takes_vectors_as_they_are() -> None:
    options = Fit(epochs=4, like="porcupine")
    for kind in ("sfvq", "vq_plain"):
        found = quantizers.find(kind).fit(DATA.numpy(), [4], options, 1)
        assert found[4].vectors.shape == (16, 8)


def test_what_cannot_be_trained() -> None:
    vectors = DATA.numpy()
    with pytest.raises(UsageError, match="residual cannot be trained by itself"):
        quantizers.find("residual").fit(vectors, [4], FAST, 1)
    with pytest.raises(UsageError, match="expected one of grouped, nsvq"):
        quantizers.find("lattice")
    with pytest.raises(UsageError, match="1 bits: the curve begins with 4 corners"):
        quantizers.find("sfvq").fit(vectors, [1], FAST, 1)
    with pytest.raises(UsageError, match="48 codes: expected a power of 2"):
        quantizers.build("sfvq", 48, 8)
    with pytest.raises(DataError, match="512 vectors cannot train a codebook of 1024 codes"):
        quantizers.find("sfvq").fit(vectors, [10], FAST, 1)
    with pytest.raises(DataError, match="all 4 vectors are the same"):
        quantizers.find("sfvq").fit(np.ones((4, 2), np.float32), [2], FAST, 1)
    for options, said in (
        (Fit(like="vpc"), "expected porcupine"), (Fit(batch=0), "batch 0"), (Fit(epsilon=1.0), "epsilon 1"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            quantizers.find("sfvq").fit(vectors, [2], options, 1)


def test_adam_is_torchs() -> None:
    drawn = np.random.default_rng(1)
    weights = drawn.standard_normal((4, 3)).astype(np.float32)
    theirs = torch.from_numpy(weights.copy()).requires_grad_()
    optimizer, own = torch.optim.Adam([theirs], 0.01), Adam(weights)
    for _ in range(50):
        gradient = drawn.standard_normal((4, 3)).astype(np.float32)
        theirs.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        own.update(gradient, 0.01)
    assert np.allclose(weights, theirs.detach().numpy(), atol=1e-5)


def test_dead_codewords_are_put_beside_used_ones() -> None:
    codebook = np.arange(8.0, dtype=np.float32)[:, None].repeat(2, 1)
    vq_plain.replace_dead(codebook, np.array([0.5, 0, 0.005, 0.5, 0, 0, 0, 0]), np.random.default_rng(1), 0.0)
    assert set(codebook[:, 0]) == {0.0, 3.0}
    vq_plain.replace_dead(codebook, np.zeros(8), np.random.default_rng(1), 1.0)
    assert len(set(codebook[:, 0])) == 8
