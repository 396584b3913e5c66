"""A small codec for two cores: WORLD frames, coded by a linear transform and a residual vector quantiser.

It codes what WORLD makes of speech (F0, voicing, aperiodicity, spectral envelope), not the waveform, so its speech is
WORLD's at best. Transform (principal components of weighted numbers) and codebooks (k-means of what those before
left) are fitted without gradients; only the convolutions that correct what was decoded, from the frames around, are
trained. Codes do not depend on these.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models import quantizers


class _Correction(nn.Module):
    """Convolutions whose output is 0 before training."""

    def __init__(self, inputs: int, width: int, layers: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, width, kernel, padding=kernel // 2)
        self.inner = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(layers - 1))
        self.last = nn.Conv1d(width, inputs, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(rows, n, inputs) -> the same shape"""
        found = functional.gelu(self.first(frames.transpose(1, 2)))
        for layer in self.inner:
            found = found + functional.gelu(layer(found))
        return self.last(found).transpose(1, 2)  # type: ignore[no-any-return]


class WorldCodec(nn.Module):
    """The network.

    Args:
        inputs: numbers of a frame.
        latent: dimension of what is quantised, at most as many.
        codes, codebooks: of the quantiser.
        width, layers, kernel: of the correction's convolutions; 0 layers = none.

    Attributes:
        mean, deviation: (inputs,) of the numbers.
        weight: (inputs,), by which normalised numbers are multiplied before distances are taken.
        transform: (inputs, latent), orthonormal columns.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    weight: torch.Tensor
    transform: torch.Tensor

    def __init__(
        self,
        *,
        inputs: int,
        latent: int,
        codes: int,
        codebooks: int,
        width: int = 128,
        layers: int = 2,
        kernel: int = 5,
    ) -> None:
        super().__init__()
        self.quantizer: quantizers.Residual = quantizers.build(  # type: ignore[assignment]
            "residual", codes, latent, codebooks=codebooks
        )
        self.correction = _Correction(inputs, width, layers, kernel) if layers else None
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        self.register_buffer("weight", torch.ones(inputs))
        self.register_buffer("transform", torch.eye(inputs)[:, :latent])
        self.codes, self.codebooks = codes, codebooks

    def latent(self, frames: torch.Tensor) -> torch.Tensor:
        """What is quantised of frames (..., inputs): (..., latent)."""
        return (frames - self.mean) / self.deviation * self.weight @ self.transform

    def numbers(self, latent: torch.Tensor) -> torch.Tensor:
        """Normalised numbers (..., inputs) of (..., latent), before the correction."""
        return latent @ self.transform.T / self.weight

    @torch.no_grad()
    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        """Codes int64 (..., codebooks) of frames (..., inputs)."""
        return self.quantizer.eval()(self.latent(frames)).indices  # type: ignore[no-any-return]

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Normalised numbers float32 (rows, n, inputs) of codes int64 (rows, n, 1 to codebooks)."""
        found = self.numbers(self.quantizer.decode(codes))
        return found if self.correction is None else found + self.correction(found)

    @torch.inference_mode()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Frames float32 (n, inputs) of codes int64 (n, 1 to codebooks)."""
        return self(codes[None])[0] * self.deviation + self.mean  # type: ignore[no-any-return]
