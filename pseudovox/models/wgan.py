"""The networks of WGAN-QC: a generator of x-vectors from noise, and the critic that it is trained against.

Liu, Gu and Samaras 2019, "Wasserstein GAN with Quadratic Transport Cost", with the sizes that baseline B3 of the
VoicePrivacy Challenge 2024 has them in (Meyer et al. 2023, "Anonymizing Speech with Generative Adversarial Networks to
Preserve Speaker Privacy"): a vector is made of a small picture of three channels.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

SMALLEST = 4  # side of the pictures that the generator begins with
CHANNELS = 3  # of the picture that a vector is made of
SLOPE = 0.2  # of the leaky rectifiers
RESIDUAL = 0.1  # weight of what a block adds to its input


class Block(nn.Module):
    """Two 3 x 3 convolutions, a tenth of whose output is added to the input; a 1 x 1 convolution where widths differ.

    Args:
        inputs, outputs: channels.
        normalised: batch normalisation behind each convolution.
    """

    def __init__(self, inputs: int, outputs: int, *, normalised: bool) -> None:
        super().__init__()
        inner = min(inputs, outputs)
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, inner, 3, padding=1),
            *([nn.BatchNorm2d(inner)] if normalised else []),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inner, outputs, 3, padding=1),
            *([nn.BatchNorm2d(outputs)] if normalised else []),
        )
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(batch, inputs, side, side) to (batch, outputs, side, side)."""
        added: torch.Tensor = self.shortcut(pictures) + RESIDUAL * self.residual(pictures)
        return functional.leaky_relu(added, SLOPE)


class Generator(nn.Module):
    """From noise to vectors; in training mode its batch normalisation makes a vector depend on its batch.

    Args:
        dimension: of the vectors.
        noise: numbers that a vector is made of.
        side: of the picture, `SMALLEST` times a power of two.
        filters: channels of the largest pictures; each halving of the side doubles them.
        most_filters: channels at most.

    Raises:
        ValueError: such a side cannot be.
    """

    def __init__(
        self, dimension: int, noise: int = 16, side: int = 8, filters: int = 8, most_filters: int = 16
    ) -> None:
        super().__init__()
        widths = _widths(side, filters, most_filters)[::-1]
        self.noise, self.first = noise, widths[0]
        self.unfold = nn.Sequential(
            nn.Linear(noise, widths[0] * SMALLEST**2), nn.BatchNorm1d(widths[0] * SMALLEST**2), nn.LeakyReLU(SLOPE)
        )
        blocks: list[nn.Module] = [Block(widths[0], widths[0], normalised=True)]
        for inputs, outputs in itertools.pairwise(widths):
            blocks += [
                nn.Upsample(scale_factor=2),
                Block(inputs, outputs, normalised=True),
                Block(outputs, outputs, normalised=True),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.picture = nn.Sequential(nn.Conv2d(widths[-1], CHANNELS, 3, padding=1), nn.LeakyReLU(SLOPE), nn.Flatten())
        self.vector = nn.Linear(CHANNELS * side**2, dimension)
        self.apply(_initialise)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        """Noise (batch, noise) to vectors (batch, dimension)."""
        small = self.unfold(noise).unflatten(1, (self.first, SMALLEST, SMALLEST))
        found: torch.Tensor = self.vector(self.picture(self.blocks(small)))
        return found


class Critic(nn.Module):
    """From vectors to a number: the potential of the optimal transport. No batch normalisation.

    Args:
        dimension: of the vectors.
        side, filters, most_filters: as of Generator.
    """

    def __init__(self, dimension: int, side: int = 8, filters: int = 8, most_filters: int = 16) -> None:
        super().__init__()
        widths = _widths(side, filters, most_filters)
        self.picture = nn.Sequential(
            nn.Linear(dimension, CHANNELS * side**2), nn.LeakyReLU(SLOPE), nn.Unflatten(1, (CHANNELS, side, side)),
            nn.Conv2d(CHANNELS, widths[0], 3, padding=1),
        )  # fmt: skip
        blocks: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            blocks += [
                Block(inputs, inputs, normalised=False),
                Block(inputs, outputs, normalised=False),
                nn.AvgPool2d(3, stride=2, padding=1),
            ]
        self.blocks = nn.Sequential(*blocks, Block(widths[-1], widths[-1], normalised=False), nn.Flatten())
        self.potential = nn.Linear(widths[-1] * SMALLEST**2, 1)
        self.apply(_initialise)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors (batch, dimension) to numbers (batch,)."""
        found: torch.Tensor = self.potential(self.blocks(self.picture(vectors)))
        return found[:, 0]


def _widths(side: int, filters: int, most_filters: int) -> list[int]:
    """Channels from the largest pictures to the smallest."""
    halvings = (side // SMALLEST).bit_length() - 1
    if side < SMALLEST or SMALLEST << halvings != side:
        raise ValueError(f"pictures of {side} x {side}: expected {SMALLEST} times a power of two")
    return [min(filters << level, most_filters) for level in range(halvings + 1)]


def _initialise(layer: nn.Module) -> None:
    """Weights as He et al. 2015 draw them for leaky rectifiers, biases 0."""
    if isinstance(layer, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
