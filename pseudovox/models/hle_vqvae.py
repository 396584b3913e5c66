"""A hierarchical vector-quantised autoencoder of log-mel spectra that speaks with the voice of a training speaker.

Three levels, each at half the frame rate of the one below, as in the voice conversion of Ho and Akagi (VCC 2020,
"Latent linguistic embedding for cross-lingual text-to-speech and voice conversion") and in the released configuration
of "perception-informed" VQ-VAEs (arXiv 2410.15499). An encoder halves the rate and gives a latent, which is quantised,
and a hidden sequence for the level above; a decoder doubles it and is told the speaker in every layer:

    u1, z1 = E1(x)   u2, z2 = E2(u1)   z3 = E3(u2)   q = VQ(z)
    v2 = D3(q3, s)   v1 = D2([q2, v2], s)   y = D1([q1, v1], s)

What the source's voice is can pass through q alone; whose voice y has is the embedding s.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.quantizers import SEVERAL, build

LEVELS = ("bottom", "middle", "top")
STRIDE = 2 ** len(LEVELS)  # frames that are one frame of the top level
GATE_KERNEL, EDGE_KERNEL, STEP_KERNEL = 5, 15, 8


class Reconstruction(NamedTuple):
    """What the network gives in training.

    Attributes:
        spectra: (B, T, bands).
        latents: what the decoders got, quantised, of each level (B, T / 2, latent), (B, T / 4, latent), ...
        commitment: of each level, a scalar with gradient to the encoder.
        perplexity: of each level, from 1 to the number of codes.
    """

    spectra: torch.Tensor
    latents: list[torch.Tensor]
    commitment: list[torch.Tensor]
    perplexity: list[torch.Tensor]


def convolution(inputs: int, outputs: int, kernel: int, dilation: int = 1, stride: int = 1) -> nn.Conv1d:
    """A convolution that gives 1 / stride as many frames, Xavier's initial weights."""
    padding = (dilation * (kernel - 1) + 1 - stride) // 2
    made = nn.Conv1d(inputs, outputs, kernel, stride=stride, dilation=dilation, padding=padding)
    nn.init.xavier_uniform_(made.weight)
    return made


class Gated(nn.Module):
    """A layer to twice its channels, instance norm unless told otherwise, and a gated linear unit."""

    def __init__(self, layer: nn.Module, *, normed: bool = True) -> None:
        super().__init__()
        self.layer, self.normed = layer, normed

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, inputs, T) -> (B, outputs, T')"""
        found = self.layer(frames)
        return functional.glu(functional.instance_norm(found) if self.normed else found, dim=1)


class Cell(nn.Module):
    """A cell of WaveNet's kind: a dilated convolution through tanh and sigmoid, to the next cell and to the sum.

    Args:
        channels: of input, gate and sum each.
        dilation: of the convolution.
        condition: dimension of what a decoder is told, 0 = nothing.
        last: of a stack: there is no next cell.
    """

    def __init__(self, channels: int, dilation: int, condition: int, *, last: bool = False) -> None:
        super().__init__()
        self.gate = convolution(channels, 2 * channels, GATE_KERNEL, dilation)
        self.on = None if last else convolution(channels, channels, GATE_KERNEL)
        self.skip = convolution(channels, channels, GATE_KERNEL)
        self.told: nn.Sequential | None = None
        if condition:
            widths = (condition, channels, channels, 2 * channels)
            layers: list[nn.Module] = []
            for narrow, wide in itertools.pairwise(widths):
                linear = nn.Linear(narrow, wide)
                nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
                nn.init.constant_(linear.bias, 0.01)
                layers += [linear, nn.ReLU()]
            self.told = nn.Sequential(*layers)

    def forward(self, frames: torch.Tensor, condition: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, channels, T), (B, condition) -> the next cell's input, and a term of the sum, both (B, channels, T)."""
        gate = functional.instance_norm(self.gate(frames))
        if self.told is not None:
            gate = gate + self.told(condition)[:, :, None]
        shape, open_ = gate.chunk(2, 1)
        inner = torch.tanh(shape) * torch.sigmoid(open_)
        skip = functional.instance_norm(self.skip(inner))
        return (frames if self.on is None else frames + functional.instance_norm(self.on(inner))), skip


class Stack(nn.Module):
    """Cells one after the other; gives the sum of their terms."""

    def __init__(self, channels: int, repeats: int, dilations: Sequence[int], condition: int = 0) -> None:
        super().__init__()
        order = [one for _ in range(repeats) for one in dilations]
        self.cells = nn.ModuleList(
            Cell(channels, one, condition, last=number == len(order) - 1) for number, one in enumerate(order)
        )

    def forward(self, frames: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """(B, channels, T), (B, condition) -> (B, channels, T)"""
        total = torch.zeros_like(frames)
        for cell in self.cells:
            frames, term = cell(frames, condition)
            total = total + term
        return total


class Encoder(nn.Module):
    """(B, inputs, T) -> latent (B, latent, T / 2) and hidden (B, hidden, T / 2)."""

    def __init__(
        self, inputs: int, hidden: int, latent: int, channels: int, repeats: int, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        self.latent = latent
        self.entry = Gated(convolution(inputs, 2 * channels, EDGE_KERNEL), normed=False)
        self.down = Gated(convolution(channels, 2 * channels, STEP_KERNEL, stride=2))
        self.stack = Stack(channels, repeats, dilations)
        self.narrow = Gated(convolution(channels, 2 * (hidden + latent), GATE_KERNEL))
        self.exit = convolution(hidden + latent, hidden + latent, 1)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.exit(self.narrow(self.stack(self.down(self.entry(frames)))))
        return found[:, : self.latent], found[:, self.latent :]


class Decoder(nn.Module):
    """(B, inputs, T) and what it is told (B, condition) -> (B, outputs, 2 T)."""

    def __init__(
        self, inputs: int, outputs: int, channels: int, repeats: int, dilations: Sequence[int], condition: int
    ) -> None:
        super().__init__()
        self.entry = Gated(convolution(inputs, 2 * channels, GATE_KERNEL))
        up = nn.ConvTranspose1d(channels, 2 * channels, STEP_KERNEL, stride=2, padding=(STEP_KERNEL - 2) // 2)
        nn.init.xavier_uniform_(up.weight)
        self.up = Gated(up)
        self.stack = Stack(channels, repeats, dilations, condition)
        self.narrow = Gated(convolution(channels, 2 * outputs, GATE_KERNEL))
        self.exit = convolution(outputs, outputs, EDGE_KERNEL)

    def forward(self, frames: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.exit(self.narrow(self.stack(self.up(self.entry(frames)), condition)))
        return found


class HierarchicalVqVae(nn.Module):
    """The network.

    Args:
        bands: of a spectrum.
        speakers: how many voices there are.
        channels: width of all layers, and of what levels pass on to each other.
        latent: dimension of what is quantised at each level.
        repeats, dilations: of the cells of a stack.
        voice: dimension of a speaker's embedding.
        quantizer: kind of the quantisers (models.quantizers).
        codes: of each level's codebook, from the bottom (half the frame rate) to the top.
        codebooks: of each level; other than 1 for kinds residual and grouped.
        restart_below: see quantizers.vq.
        normalised: latents are brought to mean 0 and variance 1 before they are quantised, so that their scale cannot
            shrink from the codebook's.

    Raises:
        ValueError: other than three levels.
        UsageError: no such kind of quantiser, or latents that do not divide into so many groups.
    """

    def __init__(
        self, *, bands: int, speakers: int, channels: int = 128, latent: int = 32, repeats: int = 3,
        dilations: Sequence[int] = (1, 2, 4), voice: int = 16, quantizer: str = "vq",
        codes: Sequence[int] = (64, 32, 16), codebooks: Sequence[int] = (1, 1, 1), restart_below: float = 0.03,
        normalised: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(codes) != len(LEVELS) or len(codebooks) != len(LEVELS):
            raise ValueError(f"codes {list(codes)}, codebooks {list(codebooks)}: expected {len(LEVELS)} levels of each")
        self.bands, self.normalised = bands, normalised
        self.voices = nn.Embedding(speakers, voice)
        nn.init.xavier_uniform_(self.voices.weight)
        shape = (channels, repeats, dilations)
        top = len(LEVELS) - 1
        self.encoders = nn.ModuleList(
            Encoder(bands if level == 0 else channels, channels if level < top else 0, latent, *shape)
            for level in range(len(LEVELS))
        )
        self.decoders = nn.ModuleList(
            Decoder(latent + (channels if level < top else 0), channels if level else bands, *shape, voice)
            for level in range(len(LEVELS))
        )

        def options(count: int) -> dict[str, float]:
            found: dict[str, float] = {"codebooks": count} if quantizer in SEVERAL else {}
            return {**found, "restart_below": restart_below} if quantizer in ("vq", *SEVERAL) else found

        self.quantizers = nn.ModuleList(
            build(quantizer, size, latent, **options(count)) for size, count in zip(codes, codebooks, strict=True)
        )

    def forward(self, spectra: torch.Tensor, speakers: torch.Tensor) -> Reconstruction:
        """Spectra (B, T, bands), T a multiple of 8, spoken by speakers int64 (B,)."""
        latents, commitment, perplexity = [], [], []
        for latent, quantizer in zip(self.latents(spectra), self.quantizers, strict=True):
            found = quantizer(latent)
            latents.append(found.vectors)
            commitment.append(found.commitment)
            perplexity.append(found.perplexity)
        return Reconstruction(self.decode(latents, speakers), latents, commitment, perplexity)

    def latents(self, spectra: torch.Tensor) -> list[torch.Tensor]:
        """What is quantised: (B, T / 2, latent), (B, T / 4, latent), (B, T / 8, latent)."""
        hidden, found = spectra.transpose(1, 2), []
        for encoder in self.encoders:
            latent, hidden = encoder(hidden)
            frames = latent.transpose(1, 2)
            found.append(functional.layer_norm(frames, frames.shape[-1:]) if self.normalised else frames)
        return found

    def decode(self, latents: Sequence[torch.Tensor], speakers: torch.Tensor) -> torch.Tensor:
        """Spectra (B, T, bands) of quantised latents in the voice of speakers (B,)."""
        voice = self.voices(speakers)
        frames: torch.Tensor | None = None
        for latent, decoder in zip(reversed(latents), reversed(self.decoders), strict=True):
            inputs = latent.transpose(1, 2)
            frames = decoder(inputs if frames is None else torch.cat([inputs, frames], 1), voice)
        assert frames is not None
        return frames.transpose(1, 2)

    @torch.inference_mode()
    def convert(self, spectra: torch.Tensor, speaker: int) -> torch.Tensor:
        """The spectra (T, bands) of an utterance, T from 1, in another voice: (T, bands) on the same device."""
        count = len(spectra)
        whole = -(-count // STRIDE) * STRIDE
        if whole < 2 * STRIDE:  # instance norm needs more frames than one
            whole = 2 * STRIDE
        padded = torch.cat([spectra, spectra[-1:].expand(whole - count, -1)])
        who = torch.tensor([speaker], device=spectra.device)
        found = self(padded[None], who)
        return found.spectra[0, :count]  # type: ignore[no-any-return]
