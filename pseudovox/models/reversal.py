"""Gradient reversal (Ganin and Lempitsky 2015): the identity forwards, the gradient times -weight backwards."""

from __future__ import annotations

from typing import Any

import torch


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: torch.Tensor, weight: float) -> torch.Tensor:
        context.weight = weight
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -context.weight * gradients[0], None


def reverse_gradient(values: torch.Tensor, weight: float) -> torch.Tensor:
    """`values` themselves; what is learned from them drives what made them the other way, `weight` times as hard.

    With weight 0 nothing reaches what made them: what comes after is a probe.
    """
    if weight == 0:
        return values.detach()
    return _Reversal.apply(values, weight)  # type: ignore[no-untyped-call]
