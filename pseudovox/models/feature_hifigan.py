"""HiFi-GAN on features of a self-supervised model alone: the vocoder of kNN-VC (Baas, van Niekerk and Kamper 2023).

A linear layer takes the features of every frame of 20 ms to fewer dimensions, and HiFi-GAN's generator makes speech of
them. Whose voice it is, and its pitch, are in the features: nothing else is told. `from_published` puts the weights
that kNN-VC's authors give away into it.
"""

from __future__ import annotations

import torch
from torch import nn

from pseudovox.core import blocks
from pseudovox.models.hifigan import Generator

FRAME = 320  # samples of a frame at 16 kHz
SAMPLE_RATE = 16000
# Sizes of kNN-VC's generator, but for the features' dimension: V1's blocks, 320 times the frame rate.
PUBLISHED = {
    "width": 512, "channels": 512, "rates": [10, 8, 2, 2], "kernels": [20, 16, 4, 4], "block_kernels": [3, 7, 11],
    "block_dilations": [1, 3, 5], "fft": 0,
}  # fmt: skip


class FeatureHifiGan(Generator):
    """The vocoder.

    Args:
        features: dimension of the feature vectors, e.g. 1024 of WavLM Large.
        width: dimension that the linear layer takes them to.
        channels, rates, kernels, block_kernels, block_dilations, fft, weight_norm: see Generator; a frame is 320
            samples.

    Attributes:
        feature_mean, feature_deviation: (features,) taken off and divided by first; 0 and 1 in the published network,
            and until training sets them.

    Raises:
        ValueError: sizes that do not belong together.
    """

    feature_mean: torch.Tensor
    feature_deviation: torch.Tensor

    def __init__(
        self, *, features: int, width: int, channels: int, rates: list[int], kernels: list[int],
        block_kernels: list[int], block_dilations: list[int], fft: int = 0, weight_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            inputs=width, frame=FRAME, channels=channels, rates=rates, kernels=kernels, block_kernels=block_kernels,
            block_dilations=block_dilations, fft=fft, weight_norm=weight_norm,
        )  # fmt: skip
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_deviation", torch.ones(features))
        self.reduce = nn.Linear(features, width)

    @property
    def context(self) -> int:
        """Frames before and behind a place on which the waveform there depends."""
        return -(-self.reach // FRAME)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """(B, T, features), of which `lengths` (B,) count -> float32 (B, 320 * T) in [-1, 1]"""
        scaled = (features - self.feature_mean) / self.feature_deviation
        return self.speak(self.reduce(scaled).transpose(1, 2), lengths=lengths)

    @torch.no_grad()
    def long(self, features: torch.Tensor) -> torch.Tensor:
        """The waveform (320 * T,) on the CPU of an utterance's features (T, features), block by block.

        Memory is bounded by blocks.SECONDS; where the blocks lie changes nothing but rounding.
        """
        device = self.feature_mean.device
        parts = []
        for block in blocks.cut(len(features), blocks.size(SAMPLE_RATE / FRAME), self.context):
            wave = self(features[block.worked].to(device, torch.float32).unsqueeze(0))[0]
            parts.append(wave[block.kept.start * FRAME : block.kept.stop * FRAME].cpu())
            blocks.report(block.end / len(features))
        return torch.cat(parts)
