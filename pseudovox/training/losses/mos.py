"""What a network that predicts listeners' opinion hears: layers of DistillMOS, and its score.

DistillMOS (Stahl and Gamper 2025) is the package of that name (MIT; its weights are in its wheel). It is given windows
of 7.68 s, which segments are repeated to fill.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

import torch

from pseudovox.core.errors import MissingModelError
from pseudovox.training.losses.interface import Context, Loss, Pair, register

WINDOW = 122880  # samples, of the network's training
FRAME, HOP = 320, 160  # samples, of its spectra


@register("mos")
class MosLoss(Loss):
    """Mean over the layers of ||phi(x) - phi(y)||^2 / ||phi(x)||^2, layers being those of the convolutions and what
    comes out of the transformer, plus `score_weight` times the squared difference of the scores (1 to 5)."""

    hears = True

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints where its weights lie
                import distillmos

                network = distillmos.ConvTransformerSQAModel(segmenting_in_forward=False)
        except ImportError:
            raise MissingModelError(
                "system.options.losses.mos: the package distillmos is not installed",
                "utils/install.sh perception",
            ) from None
        self.network = self.frozen(network)

    def layers(self, wave: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Waves (B, N) at 16 kHz -> layers, (B, ...) each, and scores (B,)."""
        found: list[torch.Tensor] = []

        def keep(module: Any, inputs: Any, output: torch.Tensor) -> None:
            found.append(output)

        network: Any = self.network
        watched = [layer for layer in network.cnn.cnn if isinstance(layer, torch.nn.Conv2d)][2::2]
        watched.append(network.cnn)
        handles = [layer.register_forward_hook(keep) for layer in watched]
        try:
            repeated = wave.repeat(1, -(-WINDOW // wave.shape[1]))[:, :WINDOW]
            score = network(repeated)
        finally:
            for handle in handles:
                handle.remove()
        return found, score.reshape(-1)

    def forward(self, pair: Pair) -> torch.Tensor:
        with torch.no_grad():
            wanted, opinion = self.layers(pair.source.wave)
        found, score = self.layers(pair.found.wave)
        terms = [
            (ours - theirs).square().mean() / theirs.square().mean().clamp(min=1e-8)
            for ours, theirs in zip(found, wanted, strict=True)
        ]
        return torch.stack(terms).mean() + self.options.score_weight * (score - opinion).square().mean()
