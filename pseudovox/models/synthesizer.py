"""Acoustic model: content, F0, voicing and a voice to WORLD frames."""

from __future__ import annotations

import torch

from pseudovox.core import blocks
from pseudovox.models.frames import FrameNetwork
from pseudovox.models.vocoder import HOP, SAMPLE_RATE


class SynthesizerNetwork(FrameNetwork):
    """The acoustic model.

    Args:
        bottleneck, stride, xvector, channels, kernel, dilations, speaker, dropout: see FrameNetwork.
        envelope, aperiodicity: numbers per WORLD frame to predict.
    """

    target_mean: torch.Tensor
    target_deviation: torch.Tensor
    spread: torch.Tensor

    def __init__(
        self, *, bottleneck: int, stride: int, xvector: int, envelope: int, aperiodicity: int, channels: int,
        kernel: int, dilations: list[int], speaker: int, dropout: float = 0.05,
    ) -> None:  # fmt: skip
        targets = envelope + aperiodicity
        super().__init__(
            bottleneck=bottleneck, stride=stride, xvector=xvector, outputs=targets, channels=channels, kernel=kernel,
            dilations=dilations, speaker=speaker, dropout=dropout,
        )  # fmt: skip
        self.envelope = envelope
        self.register_buffer("target_mean", torch.zeros(targets))
        self.register_buffer("target_deviation", torch.ones(targets))
        self.register_buffer("spread", torch.ones(envelope))

    def forward(
        self, content: torch.Tensor, log_f0: torch.Tensor, voiced: torch.Tensor, xvector: torch.Tensor
    ) -> torch.Tensor:
        """Predict WORLD frames, each number normalised by `target_mean` and `target_deviation`.

        Args:
            content, log_f0, voiced, xvector: see FrameNetwork.frames.

        Returns:
            (B, T, envelope + aperiodicity)
        """
        return self.frames(content, log_f0, voiced, xvector)

    def predict(
        self, content: torch.Tensor, log_f0: torch.Tensor, voiced: torch.Tensor, xvector: torch.Tensor,
        sharpen: float = 1.0,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """WORLD frames in their own units, for the arguments of `forward`.

        Args:
            sharpen: 0 takes the frames as predicted, means over what is not known; 1 gives each coefficient of the
                envelope the spread over time that natural speech has (Silen et al. 2012, "Ways to implement global
                variance in statistical speech synthesis").

        Returns:
            (envelope (B, T, envelope), aperiodicity (B, T, aperiodicity))
        """
        cuts = blocks.cut(log_f0.shape[1], blocks.size(SAMPLE_RATE / HOP), self.context, self.stride)
        if len(cuts) == 1:  # as it is: a copy would be laid out in another way, and sums over it round differently
            frames = self(content, log_f0, voiced, xvector)
        else:
            parts = []
            for block in cuts:
                own = content[:, block.first // self.stride : -(-block.last // self.stride)]
                parts.append(self(own, log_f0[:, block.worked], voiced[:, block.worked], xvector)[:, block.kept])
            frames = torch.cat(parts, 1)
        frames = frames * self.target_deviation + self.target_mean
        envelope, aperiodicity = frames[..., : self.envelope], frames[..., self.envelope :]
        centre = envelope.mean(dim=1, keepdim=True)
        return centre + (envelope - centre) * self.spread**sharpen, aperiodicity
