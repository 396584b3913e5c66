"""What supervises FACodec in training: predictors on its parts, some behind gradient reversal. They are not kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.facodec.codec import Factors
from pseudovox.models.facodec.layers import Activation, ResidualUnit
from pseudovox.models.reversal import reverse_gradient


class Head(nn.Module):
    """Residual units and a linear layer.

    Args:
        dimension: of the vectors.
        outputs: numbers of a frame, or with `pooled` of an utterance.
        dilations: of the residual units; none: the linear layer alone.
        antialias: see Activation.
    """

    def __init__(
        self, dimension: int, outputs: int, dilations: list[int], *, antialias: bool, pooled: bool = False
    ) -> None:
        super().__init__()
        self.pooled = pooled
        self.units = nn.ModuleList(ResidualUnit(dimension, dilation, antialias=antialias) for dilation in dilations)
        self.activation = Activation(dimension, antialias=antialias) if dilations else nn.Identity()
        self.last = nn.Linear(dimension, outputs)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, T, dimension) -> (B, T, outputs), or (B, outputs)"""
        x = vectors.transpose(1, 2)
        for unit in self.units:
            x = unit(x)
        x = self.activation(x).transpose(1, 2)
        return self.last(x.mean(1) if self.pooled else x)  # type: ignore[no-any-return]


class Heads(nn.Module):
    """All predictors: F0 and voicing on prosody, phones on content, the speaker on timbre; behind gradient reversal
    F0 and phones on detail, and the speaker on the sum.

    Args:
        dimension: of the codec's vectors.
        phones, speakers: how many there are.
        dilations, reversed_dilations: of Head, and of those behind gradient reversal.
        antialias: see Activation.
    """

    def __init__(
        self, dimension: int, phones: int, speakers: int, dilations: list[int], reversed_dilations: list[int], *,
        antialias: bool,
    ) -> None:  # fmt: skip
        super().__init__()

        def head(outputs: int, own: list[int], **more: Any) -> Head:
            return Head(dimension, outputs, own, antialias=antialias, **more)

        self.f0, self.phones = head(2, dilations), head(phones, dilations)
        self.timbre = nn.Linear(dimension, speakers)
        self.detail_f0, self.detail_phones = head(2, reversed_dilations), head(phones, reversed_dilations)
        self.speaker = head(speakers, reversed_dilations, pooled=True)

    def forward(self, factors: Factors, reversal: float) -> dict[str, torch.Tensor]:
        """Predictions by name: f0 and detail_f0 (B, T, 2), normalised F0 and the logit of voicing; phones and
        detail_phones (B, T, phones); speaker and timbre (B, speakers).

        Args:
            reversal: weight of the reversed gradients.
        """

        def unlearned(vectors: torch.Tensor) -> torch.Tensor:
            # Normalised: the codec could hide what it tells by ever longer vectors, which its decoder does not see
            # either.
            return reverse_gradient(functional.layer_norm(vectors, vectors.shape[-1:]), reversal)

        detail, total = unlearned(factors.detail), unlearned(factors.prosody + factors.content + factors.detail)
        return {
            "f0": self.f0(factors.prosody),
            "phones": self.phones(factors.content),
            "detail_f0": self.detail_f0(detail),
            "detail_phones": self.detail_phones(detail),
            "speaker": self.speaker(total),
            "timbre": self.timbre(factors.timbre),
        }
