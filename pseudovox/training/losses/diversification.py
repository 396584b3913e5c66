"""How far a conversion is from its source: weights of these make it go away from the source's voice."""

from __future__ import annotations

import torch

from pseudovox.training.losses.interface import Loss, Pair, register


@register("mel_diversification")
class MelDiversification(Loss):
    """Minus the mean absolute difference of the scaled spectra of a conversion and of its source."""

    compares = "converted"

    def forward(self, pair: Pair) -> torch.Tensor:
        assert pair.converted is not None
        return -(pair.converted.spectra - pair.source.spectra).abs().mean()
