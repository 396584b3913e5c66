"""What the toolkit's content extractor hears: hidden layers, whose differences are differences of what is said."""

from __future__ import annotations

from typing import Any

import torch

from pseudovox.anonymize.hle_vqvae.spectra import KALDI_BANDS
from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.training.losses.interface import Context, Loss, Pair, register


@register("content")
class ContentLoss(Loss):
    """Mean over the layers of ||phi(x) - phi(y)||^2 / ||phi(x)||^2; layers as of BottleneckNetwork.hidden."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        if context.bottleneck is None:
            raise UsageError(
                "system.options.losses.content: which content extractor was not said (--bottleneck)",
                "./run.sh gives it with --set system.options.looks_through=bottleneck",
            )
        network, _ = store.load(context.bottleneck, *store.content_extractors())
        if getattr(network, "front", None) is not None:
            raise UsageError(
                f"{context.bottleneck}: this content extractor takes samples, and not spectra",
                "--set system.options.losses.content.weight=0, and losses.wavlm in its place",
            )
        bins = len(network.mean)
        if bins != KALDI_BANDS:
            raise UsageError(
                f"{context.bottleneck}: this content extractor sees {bins} bands; the loss gives it {KALDI_BANDS}",
                f"train it with --set bottleneck.bins={KALDI_BANDS}",
            )
        count = len(network.layers) + 1
        if not options.layers or not all(1 <= layer <= count for layer in options.layers):
            raise UsageError(f"system.options.losses.content.layers {options.layers}: expected some from 1 to {count}")
        self.network: Any = self.frozen(network)

    def forward(self, pair: Pair) -> torch.Tensor:
        layers = sorted(set(self.options.layers))
        with torch.no_grad():
            wanted = self.network.hidden(pair.source.fbank, None, layers)
        found = self.network.hidden(pair.found.fbank, None, layers)
        terms = [
            (ours - theirs).square().mean() / theirs.square().mean().clamp(min=1e-8)
            for ours, theirs in zip(found, wanted, strict=True)
        ]
        return torch.stack(terms).mean()
