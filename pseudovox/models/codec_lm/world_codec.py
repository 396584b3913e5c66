"""A small codec for two cores: WORLD frames, coded by a residual vector quantiser between two convolutional networks.

It codes what WORLD makes of speech (F0, voicing, spectral envelope, aperiodicity), not the waveform, so its speech is
WORLD's at best. The decoder learns to speak from any number of codebooks, two at least.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models import quantizers


class Coded(NamedTuple):
    """What training needs of a pass: frames (rows, n, inputs) normalised, the quantiser's loss, its perplexity."""

    frames: torch.Tensor
    commitment: torch.Tensor
    perplexity: torch.Tensor


class _Convolutions(nn.Module):
    def __init__(self, inputs: int, width: int, outputs: int, layers: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, width, kernel, padding=kernel // 2)
        self.inner = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(layers))
        self.last = nn.Conv1d(width, outputs, 1)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(rows, n, inputs) -> (rows, n, outputs)"""
        found = self.first(frames.transpose(1, 2))
        for layer in self.inner:
            found = found + layer(functional.gelu(found))
        return self.last(functional.gelu(found)).transpose(1, 2)  # type: ignore[no-any-return]


class WorldCodec(nn.Module):
    """The network.

    Args:
        inputs: numbers of a frame.
        width, layers, kernel: of the convolutions of encoder and decoder.
        latent: dimension of what is quantised.
        codes, codebooks: of the quantiser.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self, *, inputs: int, width: int = 192, layers: int = 3, kernel: int = 3, latent: int = 48, codes: int = 256,
        codebooks: int = 8,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder = _Convolutions(inputs, width, latent, layers, kernel)
        self.quantizer: quantizers.Residual = quantizers.build(  # type: ignore[assignment]
            "residual", codes, latent, codebooks=codebooks
        )
        self.decoder = _Convolutions(latent, width, inputs, layers, kernel)
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        self.codes, self.codebooks = codes, codebooks

    def normalised(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames (..., inputs) with mean 0 and deviation 1 in each dimension."""
        return (frames - self.mean) / self.deviation

    def forward(self, frames: torch.Tensor, books: int) -> Coded:
        """A pass in training: frames (rows, n, inputs), decoded from the first `books` codebooks."""
        latent = self.encoder(self.normalised(frames))
        found = self.quantizer(latent)
        heard = self.quantizer.decode(found.indices[..., :books])
        return Coded(self.decoder(latent + (heard - latent).detach()), found.commitment, found.perplexity)

    @torch.inference_mode()
    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        """Codes int64 (n, codebooks) of frames (n, inputs)."""
        return self.quantizer(self.encoder(self.normalised(frames)[None])).indices[0]  # type: ignore[no-any-return]

    @torch.inference_mode()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Frames float32 (n, inputs) of codes int64 (n, 1 to codebooks)."""
        found: torch.Tensor = self.decoder(self.quantizer.decode(codes)[None])[0]
        return found * self.deviation + self.mean
