"""Gradient reversal: forwards nothing, backwards the other way."""

import torch

from pseudovox.models.reversal import reverse_gradient


def test_gradient_is_turned_and_scaled() -> None:
    values = torch.tensor([1.0, -2.0], requires_grad=True)
    passed = reverse_gradient(values, 0.3)
    assert torch.equal(passed, values)
    (passed * torch.tensor([2.0, 5.0])).sum().backward()
    torch.testing.assert_close(values.grad, torch.tensor([-0.6, -1.5]))


def test_without_weight_it_only_watches() -> None:
    values = torch.tensor([1.0], requires_grad=True)
    assert not reverse_gradient(values, 0.0).requires_grad
