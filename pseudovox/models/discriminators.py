"""HiFi-GAN's discriminators (Kong et al. 2020): of the waveform's periods, and of the waveform at several rates.

Each gives its score and the outputs of its layers, which the generator is to match.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

SLOPE = 0.1
Judgement = tuple[torch.Tensor, list[torch.Tensor]]  # score (B, n), outputs of the layers


class PeriodDiscriminator(nn.Module):
    """Sees every `period`-th sample in a row: convolutions run along rows and never mix them.

    Args:
        period: samples.
        width: factor of the published 32 to 1024 channels.
    """

    def __init__(self, period: int, width: float = 1.0) -> None:
        super().__init__()
        self.period = period
        channels = [1, *(_scaled(count, width) for count in (32, 128, 512, 1024, 1024))]
        strides = (3, 3, 3, 3, 1)
        self.layers = nn.ModuleList(
            parametrizations.weight_norm(nn.Conv2d(inputs, outputs, (5, 1), (stride, 1), padding=(2, 0)))
            for inputs, outputs, stride in zip(channels[:-1], channels[1:], strides, strict=True)
        )
        self.last = parametrizations.weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wave: torch.Tensor) -> Judgement:
        """wave (B, N)"""
        short = -wave.shape[1] % self.period
        if short:
            wave = functional.pad(wave.unsqueeze(1), (0, short), mode="reflect").squeeze(1)
        x = wave.view(len(wave), 1, -1, self.period)
        return _judge(self.layers, self.last, x)


class ScaleDiscriminator(nn.Module):
    """Sees the waveform itself, through grouped convolutions.

    Args:
        width: factor of the published 128 to 1024 channels.
        spectral: spectral norm in the place of weight norm (published for the first scale).
    """

    def __init__(self, width: float = 1.0, *, spectral: bool = False) -> None:
        super().__init__()
        norm = parametrizations.spectral_norm if spectral else parametrizations.weight_norm
        channels = [1, *(_scaled(count, width) for count in (128, 128, 256, 512, 1024, 1024, 1024))]
        kernels, strides, groups = (15, 41, 41, 41, 41, 41, 5), (1, 2, 2, 4, 4, 1, 1), (1, 4, 16, 16, 16, 16, 1)
        self.layers = nn.ModuleList(
            norm(nn.Conv1d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=group))
            for inputs, outputs, kernel, stride, group in zip(
                channels[:-1], channels[1:], kernels, strides, groups, strict=True
            )
        )
        self.last = norm(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, wave: torch.Tensor) -> Judgement:
        """wave (B, N)"""
        return _judge(self.layers, self.last, wave.unsqueeze(1))


class Discriminators(nn.Module):
    """All of them.

    Args:
        periods: one PeriodDiscriminator each.
        scales: number of ScaleDiscriminators; each sees half the rate of the one before.
        width: factor of the published channels.
    """

    def __init__(self, periods: list[int], scales: int, width: float = 1.0) -> None:
        super().__init__()
        self.periods = nn.ModuleList(PeriodDiscriminator(period, width) for period in periods)
        self.scales = nn.ModuleList(ScaleDiscriminator(width, spectral=number == 0) for number in range(scales))

    def forward(self, wave: torch.Tensor) -> list[Judgement]:
        """Judgements of waves (B, N)."""
        judgements = [discriminator(wave) for discriminator in self.periods]
        for number, discriminator in enumerate(self.scales):
            if number:
                wave = functional.avg_pool1d(wave.unsqueeze(1), 4, 2, padding=2).squeeze(1)
            judgements.append(discriminator(wave))
        return judgements


def _judge(layers: nn.ModuleList, last: nn.Module, x: torch.Tensor) -> Judgement:
    found = []
    for layer in layers:
        x = functional.leaky_relu(layer(x), SLOPE)
        found.append(x)
    x = last(x)
    return x.flatten(1).float(), [*found, x]


def _scaled(channels: int, width: float) -> int:
    """A share of the channels, a multiple of the 16 groups."""
    return max(16, round(channels * width / 16) * 16)
