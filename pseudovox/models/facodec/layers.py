"""Convolutions of FACodec: SnakeBeta free of aliasing, residual units, the encoder and the decoder."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

DILATIONS = (1, 3, 9)  # of a block's residual units
TAPS = 12  # of the filters around an activation
UP = 2  # how many times the sample rate is there
REACH = 12  # samples on either side on which a filtered activation can depend


class SnakeBeta(nn.Module):
    """x + sin^2(a x) / (b + 1e-9), a = exp(alpha) and b = exp(beta) of each channel (Lee et al. 2023, "BigVGAN")."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, T) -> the same"""
        a, b = self.alpha.exp()[:, None], self.beta.exp()[:, None]
        return x + torch.sin(a * x).square() / (b + 1e-9)


def low_pass(cutoff: float = 0.5 / UP, half_width: float = 0.6 / UP, taps: int = TAPS) -> torch.Tensor:
    """A sinc low-pass filter under a Kaiser window, float32 (taps,), sum 1.

    Args:
        cutoff: of the sample rate.
        half_width: of the transition, of the sample rate; decides the window's shape.
        taps: an even number.
    """
    attenuation = 2.285 * (taps // 2 - 1) * math.pi * 4 * half_width + 7.95
    shape = 0.0
    if attenuation > 50:
        shape = 0.1102 * (attenuation - 8.7)
    elif attenuation >= 21:
        shape = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    window = torch.kaiser_window(taps, periodic=False, beta=shape, dtype=torch.float64)
    times = torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2
    found = window * torch.sinc(2 * cutoff * times)
    return (found / found.sum()).float()


class Activation(nn.Module):
    """SnakeBeta; with `antialias` at twice the sample rate, between two low-pass filters (Karras et al. 2021)."""

    filter: torch.Tensor

    def __init__(self, channels: int, *, antialias: bool) -> None:
        super().__init__()
        self.snake = SnakeBeta(channels)
        self.antialias = antialias
        self.register_buffer("filter", low_pass(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, T) -> the same"""
        if not self.antialias:
            return self.snake(x)  # type: ignore[no-any-return]
        channels = x.shape[1]
        weight = self.filter.expand(channels, 1, TAPS)
        margin, cut = TAPS // UP - 1, (TAPS // UP - 1) * UP + (TAPS - UP) // 2
        wide = functional.pad(x, (margin, margin), mode="replicate")
        wide = UP * functional.conv_transpose1d(wide, weight, stride=UP, groups=channels)[..., cut:-cut]
        bent = functional.pad(self.snake(wide), (TAPS // 2 - 1, TAPS // 2), mode="replicate")
        return functional.conv1d(bent, weight, stride=UP, groups=channels)


class ResidualUnit(nn.Module):
    """Activation, dilated convolution over 7, activation, convolution over 1, and a bypass."""

    def __init__(self, channels: int, dilation: int, *, antialias: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.before = Activation(channels, antialias=antialias)
        self.wide = nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation)
        self.between = Activation(channels, antialias=antialias)
        self.point = nn.Conv1d(channels, channels, 1)
        # Units start near the identity, which lets a deep stack train from the first update. (Not at 0, which has no
        # direction for weight norm.)
        nn.init.normal_(self.point.weight, std=1e-3)
        nn.init.zeros_(self.point.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, T) -> the same"""
        return x + self.point(self.between(self.wide(self.before(x))))

    @property
    def reach(self) -> int:
        """Places on either side on which one depends."""
        return 3 * self.dilation + (2 * REACH if self.before.antialias else 0)


def units(channels: int, *, antialias: bool) -> nn.ModuleList:
    """The three residual units of a block."""
    return nn.ModuleList(ResidualUnit(channels, dilation, antialias=antialias) for dilation in DILATIONS)


class Down(nn.Module):
    """Residual units, activation, and a convolution with a stride that doubles the channels."""

    def __init__(self, channels: int, stride: int, *, antialias: bool) -> None:
        super().__init__()
        self.stride = stride
        self.units = units(channels, antialias=antialias)
        self.activation = Activation(channels, antialias=antialias)
        self.change = nn.Conv1d(channels, 2 * channels, 2 * stride, stride, padding=-(-stride // 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, T), T a multiple of the stride -> (B, 2 channels, T / stride)"""
        for unit in self.units:
            x = unit(x)
        return self.change(self.activation(x))  # type: ignore[no-any-return]


class Up(nn.Module):
    """Activation, a transposed convolution that halves the channels, and residual units."""

    def __init__(self, channels: int, stride: int, *, antialias: bool) -> None:
        super().__init__()
        self.stride = stride
        self.activation = Activation(channels, antialias=antialias)
        self.change = nn.ConvTranspose1d(
            channels, channels // 2, 2 * stride, stride, padding=-(-stride // 2), output_padding=stride % 2
        )
        self.units = units(channels // 2, antialias=antialias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, T) -> (B, channels / 2, T * stride)"""
        x = self.change(self.activation(x))
        for unit in self.units:
            x = unit(x)
        return x


class Encoder(nn.Module):
    """Samples or frames to vectors at a lower rate.

    Args:
        inputs: numbers of a sample (1) or a frame.
        width: channels of the first convolution; each block doubles them.
        ratios: strides of the blocks.
        outputs: dimension of the vectors.
        antialias: see Activation.
    """

    def __init__(self, *, inputs: int, width: int, ratios: list[int], outputs: int, antialias: bool) -> None:
        super().__init__()
        self.ratios = list(ratios)
        self.first = nn.Conv1d(inputs, width, 7, padding=3)
        self.blocks = nn.ModuleList(
            Down(width * 2**level, ratio, antialias=antialias) for level, ratio in enumerate(ratios)
        )
        last = width * 2 ** len(ratios)
        self.activation = Activation(last, antialias=antialias)
        self.last = nn.Conv1d(last, outputs, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, T), T a multiple of the ratios' product -> (B, outputs, T / product)"""
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(self.activation(x))  # type: ignore[no-any-return]

    @property
    def reach(self) -> int:
        """Inputs on either side on which a vector depends."""
        found, rate = 3, 1
        blocks: Any = self.blocks
        for block in blocks:
            found += rate * (_within(block.units) + _filter(block.activation) + 2 * block.stride)
            rate *= block.stride
        return int(found + rate * (_filter(self.activation) + 1))


class Decoder(nn.Module):
    """Vectors to samples or frames at a higher rate.

    Args:
        inputs: dimension of the vectors.
        width: channels of the first convolution; each block halves them.
        ratios: strides of the blocks.
        outputs: numbers of a sample (1) or a frame.
        antialias: see Activation.
        bounded: the outputs pass a tanh.

    Raises:
        ValueError: a width that cannot be halved so often.
    """

    def __init__(
        self, *, inputs: int, width: int, ratios: list[int], outputs: int, antialias: bool, bounded: bool
    ) -> None:
        super().__init__()
        if width % 2 ** len(ratios):
            raise ValueError(f"decoder width {width} cannot be halved {len(ratios)} times")
        self.ratios, self.bounded = list(ratios), bounded
        self.first = nn.Conv1d(inputs, width, 7, padding=3)
        self.blocks = nn.ModuleList(
            Up(width // 2**level, ratio, antialias=antialias) for level, ratio in enumerate(ratios)
        )
        last = width // 2 ** len(ratios)
        self.activation = Activation(last, antialias=antialias)
        self.last = nn.Conv1d(last, outputs, 7, padding=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, T) -> (B, outputs, T * product of the ratios)"""
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        x = self.last(self.activation(x))
        return torch.tanh(x) if self.bounded else x

    @property
    def reach(self) -> int:
        """Vectors on either side on which a sample depends."""
        found, rate = 3.0, 1
        blocks: Any = self.blocks
        for block in blocks:
            found += (_filter(block.activation) + 2) / rate
            rate *= block.stride
            found += _within(block.units) / rate
        return math.ceil(found + (_filter(self.activation) + 3) / rate)


def _within(found: Any) -> int:
    return sum(unit.reach for unit in found)


def _filter(activation: Any) -> int:
    return REACH if activation.antialias else 0


def _convolutions(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d))]


def add_weight_norm(*networks: nn.Module) -> None:
    """Convolutions learn length and direction of their weights apart (Salimans and Kingma 2016); see `fold`."""
    for network in networks:
        for layer in _convolutions(network):
            parametrizations.weight_norm(layer)


def fold(network: nn.Module) -> None:
    """Multiply lengths and directions out, so that the weights are plain ones."""
    for layer in _convolutions(network):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")
