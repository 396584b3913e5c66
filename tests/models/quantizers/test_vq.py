"""Quantiser: nearest codes, straight-through gradient, moving averages, restarts."""

from __future__ import annotations

import math

import pytest
import torch

from pseudovox.models.quantizers.interface import nearest
from pseudovox.models.quantizers.vq import Quantizer, k_means


def clusters(centres: torch.Tensor, each: int, spread: float = 0.05) -> torch.Tensor:
    torch.manual_seed(0)
    return (centres.repeat_interleave(each, 0) + spread * torch.randn(len(centres) * each, centres.shape[1]))[
        torch.randperm(len(centres) * each)
    ]


CENTRES = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


def test_k_means_finds_separate_clusters() -> None:
    centres, counts = k_means(clusters(CENTRES, 50), 4)
    order = nearest(CENTRES, centres)
    assert sorted(order.tolist()) == [0, 1, 2, 3]
    assert torch.allclose(centres[order], CENTRES, atol=0.05)
    assert counts.tolist() == [50.0] * 4


def test_k_means_stands_equal_vectors() -> None:
    centres, _ = k_means(torch.ones(10, 3), 4)
    assert torch.isfinite(centres).all()


def test_output_is_the_nearest_code_and_the_gradient_passes_through() -> None:
    quantizer = Quantizer(4, 2, decay=1.0)
    quantizer.codebook.copy_(CENTRES)
    quantizer.sums.copy_(CENTRES)
    quantizer.counts.fill_(1)
    quantizer.started.fill_(1)
    vectors = torch.tensor([[[0.5, 0.0], [3.0, 3.5]]], requires_grad=True)
    got = quantizer(vectors)
    assert got.indices.tolist() == [[0, 3]]
    assert torch.allclose(got.vectors.detach(), CENTRES[[0, 3]].unsqueeze(0))
    assert torch.equal(quantizer.eval()(vectors).vectors.detach(), CENTRES[[0, 3]].unsqueeze(0))
    assert got.commitment.item() == pytest.approx((0.25 + 1.0 + 0.25) / 4)
    assert got.perplexity.item() == pytest.approx(2.0, rel=1e-4)
    (got.vectors * torch.tensor([2.0, 3.0])).sum().backward()
    assert torch.equal(vectors.grad, torch.tensor([[[2.0, 3.0], [2.0, 3.0]]]))


def test_training_starts_by_k_means_and_uses_every_code() -> None:
    quantizer = Quantizer(4, 2)
    got = quantizer(clusters(CENTRES, 50))
    assert got.perplexity.item() == pytest.approx(4.0, abs=0.01)
    assert got.commitment.item() < 0.01


def test_moving_average_in_closed_form() -> None:
    quantizer = Quantizer(1, 1, decay=0.9, restart_below=0.0)
    quantizer(torch.full((10, 1), 1.0))  # starts at 1 with count 10; the average of 10 and 10 stays
    quantizer(torch.full((10, 1), 2.0))
    assert quantizer.counts.item() == pytest.approx(10.0)
    assert quantizer.codebook.item() == pytest.approx(0.9 * 1.0 + 0.1 * 2.0)


def test_dead_code_is_restarted_on_the_data() -> None:
    quantizer = Quantizer(4, 2)
    quantizer(clusters(CENTRES, 50))
    quantizer.codebook[0] = torch.tensor([99.0, 99.0])
    quantizer.sums[0] = quantizer.codebook[0] * 1e-3
    quantizer.counts[0] = 1e-3
    quantizer(clusters(CENTRES, 50))
    assert quantizer.codebook.max() < 6


def test_evaluation_changes_nothing() -> None:
    quantizer = Quantizer(4, 2)
    quantizer(clusters(CENTRES, 50))
    before = {name: buffer.clone() for name, buffer in quantizer.named_buffers()}
    quantizer.eval()(torch.randn(100, 2))
    assert all(torch.equal(before[name], buffer) for name, buffer in quantizer.named_buffers())


def test_padding_does_not_count() -> None:
    quantizer = Quantizer(2, 1, restart_below=0.0)
    vectors = torch.tensor([[[0.0], [1.0], [50.0]], [[0.1], [0.9], [50.0]]])
    mask = torch.tensor([[True, True, False], [True, True, False]])
    got = quantizer(vectors, mask)
    assert got.indices.shape == (2, 3)
    assert quantizer.codebook.max() < 2
    assert got.perplexity.item() == pytest.approx(2.0, rel=1e-4)
    assert math.isfinite(got.commitment.item())
