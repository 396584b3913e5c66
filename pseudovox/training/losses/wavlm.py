"""A hidden layer of WavLM (Chen et al. 2022), the sixth in the released code, on samples."""

from __future__ import annotations

from typing import Any

import torch

from pseudovox.core.errors import UsageError
from pseudovox.models import pretrained, wav2vec2
from pseudovox.training.losses.interface import Context, Loss, Pair, register

KEY = "system.options.losses.wavlm"


@register("wavlm")
class WavLMLoss(Loss):
    """||phi(x) - phi(y)||^2 / ||phi(x)||^2 of the layer; waves are brought to mean 0 and variance 1 first."""

    hears = True

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        bundle = pretrained.bundle_of(options.size)
        network = wav2vec2.Wav2vec2Network(**wav2vec2.from_bundle(bundle))
        if not 1 <= options.layer <= network.count:
            raise UsageError(f"{KEY}.layer {options.layer}: expected 1 to {network.count}")
        weights = pretrained.read_weights(options.size, options.weights, f"{KEY}.weights")
        source = str(pretrained.weights_file(options.size, options.weights))
        pretrained.load_into(network, wav2vec2.own_weights(bundle, weights), source)
        self.network = self.frozen(network)

    def layer(self, wave: torch.Tensor) -> torch.Tensor:
        """Waves (B, N) at 16 kHz -> (B, frames, width)"""
        normal = torch.nn.functional.layer_norm(wave, wave.shape[1:])
        network: Any = self.network
        outputs, _ = network.model.extract_features(normal, None, self.options.layer)
        return outputs[-1]  # type: ignore[no-any-return]

    def forward(self, pair: Pair) -> torch.Tensor:
        with torch.no_grad():
            wanted = self.layer(pair.source.wave)
        found = self.layer(pair.found.wave)
        return (found - wanted).square().mean() / wanted.square().mean().clamp(min=1e-8)
