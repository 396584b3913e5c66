"""What a tracker of formants and F0 (models/spectrum_tracker.py) finds in spectra, on Kaldi's log-mel frames."""

from __future__ import annotations

from typing import Any

import torch

from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.models.spectrum_tracker import KIND, Tracks
from pseudovox.training.losses.interface import Context, Loss, Pair, View, register

HALF = 0.5  # of the probability of voice


class Tracked(Loss):
    """Base: what the tracker finds in a view, once for all losses that share it."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        if context.formants is None:
            raise UsageError(
                "system.options.losses: formants, f0_consistency and f0_diversification look through a tracker, which "
                "was not given (--formants)",
                "--formants MODEL, of steps/train_formants.py",
            )
        if KIND not in context.shared:
            network, _ = store.load(context.formants, KIND)
            context.shared[KIND] = self.frozen(network)
        self.tracker = context.shared[KIND]

    def tracks(self, view: View) -> Tracks:
        """Of a view, with gradient where it has one."""
        found: Tracks = view.once(KIND, lambda: self.tracker(view.fbank))
        return found


@register("formants")
class FormantLoss(Tracked):
    """Mean squared difference of F1, F2 and F3 in kHz over the source's voiced frames."""

    def forward(self, pair: Pair) -> torch.Tensor:
        with torch.no_grad():
            wanted = self.tracks(pair.source)
        found = self.tracks(pair.found)
        weight = (wanted.voiced > HALF).float()
        error = (found.formants - wanted.formants).square().mean(2) * 1e-6
        return (error * weight).sum() / weight.sum().clamp(min=1.0)


@register("f0_consistency")
class F0Consistency(Tracked):
    """Mean absolute difference of F0, each divided by its mean over the voiced frames of the segment."""

    def forward(self, pair: Pair) -> torch.Tensor:
        with torch.no_grad():
            wanted = self.tracks(pair.source)
        found = self.tracks(pair.found)
        weight = (wanted.voiced > HALF).float()
        count = weight.sum(1, keepdim=True).clamp(min=1.0)

        def relative(pitch: torch.Tensor) -> torch.Tensor:
            return pitch / ((pitch * weight).sum(1, keepdim=True) / count).clamp(min=1.0)

        error = (relative(found.f0) - relative(wanted.f0)).abs() * weight
        return error.sum() / weight.sum().clamp(min=1.0)


@register("f0_diversification")
class F0Diversification(Tracked):
    """Minus the mean absolute difference of the F0 of a conversion and of its source, in hundreds of Hz, over frames
    whose source has a voice of 80 Hz or more."""

    compares = "converted"

    def forward(self, pair: Pair) -> torch.Tensor:
        assert pair.converted is not None
        with torch.no_grad():
            wanted = self.tracks(pair.source)
        found = self.tracks(pair.converted)
        weight = ((wanted.voiced > HALF) & (wanted.f0 >= 80.0)).float()
        error = (found.f0 - wanted.f0).abs() / 100.0
        return -(error * weight).sum() / weight.sum().clamp(min=1.0)
