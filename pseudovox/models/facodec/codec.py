"""The codec: encoder, three quantisers, timbre, and a decoder that speaks with a timbre.

Of a waveform, or, in a small one for CPUs, of log-mel frames; the decoder gives a waveform, or WORLD frames with their
pitch. Sizes of the published one are PUBLISHED.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.facodec.layers import Decoder, Encoder
from pseudovox.models.facodec.quantizer import Levels
from pseudovox.models.facodec.transformer import ConvTransformer, modulated, modulation

SIGNALS = ("wave", "frames")
PARTS = ("prosody", "content", "detail")  # in the order of their codes
APERIODICITIES = 1  # numbers that code a WORLD frame's aperiodicity at 16 kHz
FRAME = 160  # samples of a frame of the small codec
SAMPLE_RATE = 16000
PUBLISHED = {
    "signal": "wave", "bands": 0, "envelope": 0, "width": 32, "ratios": [2, 4, 5, 5], "dimension": 256,
    "decoder_width": 1024, "levels": [1, 2, 3], "codes": 1024, "code_dimension": 8, "cosine": True, "decay": 0.99,
    "restart_below": 0.03,
    "timbre_layers": 4, "timbre_heads": 4, "timbre_hidden": 1024, "timbre_kernel": 5, "dropout": 0.1,
    "positions": "constant", "antialias": True,
}  # fmt: skip


class Factors(NamedTuple):
    """What a codec makes of an utterance.

    Attributes:
        prosody, content, detail: quantised vectors, (B, T, dimension) each.
        codes: int64 (B, T, levels of all): prosody, content, detail.
        timbre: (B, dimension).
        commitment: of all levels, a scalar.
        perplexity: mean over prosody, content and detail.
    """

    prosody: torch.Tensor
    content: torch.Tensor
    detail: torch.Tensor
    codes: torch.Tensor
    timbre: torch.Tensor
    commitment: torch.Tensor
    perplexity: torch.Tensor


class FaCodec(nn.Module):
    """The codec.

    Args:
        signal: wave (samples in and out) or frames (log-mel in; envelope, aperiodicity, log F0 and voicing out).
        bands: of log-mel, for frames.
        envelope: coefficients of a WORLD frame's envelope, for frames.
        width, ratios: of the encoder; the decoder goes back the same ratios.
        dimension: of its vectors.
        decoder_width: channels of the decoder's first convolution.
        levels: of prosody, content and detail.
        codes, code_dimension, cosine, decay, restart_below: see Level.
        timbre_layers, timbre_heads, timbre_hidden, timbre_kernel, dropout, positions: see ConvTransformer.
        antialias: see Activation.

    Attributes:
        input_mean, input_deviation: (bands,) or (1,), taken off and divided by first.
        output_mean, output_deviation: likewise of what comes out.

    Raises:
        ValueError: sizes that do not belong together.
    """

    input_mean: torch.Tensor
    input_deviation: torch.Tensor
    output_mean: torch.Tensor
    output_deviation: torch.Tensor

    def __init__(
        self, *, signal: str, bands: int, envelope: int, width: int, ratios: list[int], dimension: int,
        decoder_width: int, levels: list[int], codes: int, code_dimension: int, cosine: bool, decay: float,
        restart_below: float, timbre_layers: int,
        timbre_heads: int, timbre_hidden: int, timbre_kernel: int, dropout: float, positions: str, antialias: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        if signal not in SIGNALS or len(levels) != len(PARTS):
            raise ValueError(f"signal {signal!r}, levels {levels}: expected {' or '.join(SIGNALS)}, and three levels")
        self.signal, self.dimension, self.envelope = signal, dimension, envelope
        self.is_wave = signal == "wave"
        inputs = 1 if self.is_wave else bands
        outputs = 1 if self.is_wave else envelope + APERIODICITIES + 2
        self.encoder = Encoder(inputs=inputs, width=width, ratios=ratios, outputs=dimension, antialias=antialias)
        self.quantizers = nn.ModuleList(
            Levels(count, dimension, codes, code_dimension, cosine=cosine, decay=decay, restart_below=restart_below)
            for count in levels
        )
        self.timbre = ConvTransformer(
            layers=timbre_layers, dimension=dimension, heads=timbre_heads, hidden=timbre_hidden, kernel=timbre_kernel,
            dropout=dropout, positions=positions,
        )  # fmt: skip
        self.style = modulation(dimension)
        self.decoder = Decoder(
            inputs=dimension, width=decoder_width, ratios=ratios[::-1], outputs=outputs, antialias=antialias,
            bounded=self.is_wave,
        )  # fmt: skip
        for name, count in (("input", inputs), ("output", outputs)):
            self.register_buffer(f"{name}_mean", torch.zeros(count))
            self.register_buffer(f"{name}_deviation", torch.ones(count))

    @property
    def hop(self) -> int:
        """Samples, or frames, of a code."""
        return math.prod(self.encoder.ratios)

    @property
    def levels(self) -> list[int]:
        """Codes of prosody, content and detail."""
        return [len(own.parts) for own in self.quantizers]  # type: ignore[arg-type]

    def encode(self, signal: torch.Tensor) -> torch.Tensor:
        """(B, N, bands or 1) -> (B, ceil(N / hop), dimension); silence, or the last frame, fills the last hop."""
        scaled = ((signal - self.input_mean) / self.input_deviation).transpose(1, 2)
        short = -scaled.shape[2] % self.hop
        if short:
            scaled = functional.pad(scaled, (0, short), mode="constant" if self.is_wave else "replicate")
        return self.encoder(scaled).transpose(1, 2)  # type: ignore[no-any-return]

    def timbre_of(self, frames: torch.Tensor) -> torch.Tensor:
        """The encoder's vectors (B, T, dimension) -> timbre (B, dimension)."""
        return self.timbre(frames).mean(1)  # type: ignore[no-any-return]

    def quantise(self, frames: torch.Tensor, *, free: bool = False) -> tuple[torch.Tensor, ...]:
        """The encoder's vectors (B, T, dimension) -> the attributes of Factors without timbre.

        Prosody and content quantise the vectors themselves, detail what these two leave.
        """
        prosody = self.quantizers[0](frames, free=free)
        content = self.quantizers[1](frames, free=free)
        rest = frames - (prosody.vectors + content.vectors).detach()
        detail = self.quantizers[2](rest, free=free)
        found = (prosody, content, detail)
        return (
            *(one.vectors for one in found),
            torch.cat([one.indices for one in found], -1),
            torch.stack([one.commitment for one in found]).sum(),
            torch.stack([one.perplexity for one in found]).mean(),
        )

    def factorise(self, signal: torch.Tensor, *, free: bool = False) -> Factors:
        """(B, N, bands or 1) -> its factors."""
        frames = self.encode(signal)
        prosody, content, detail, codes, commitment, perplexity = self.quantise(frames, free=free)
        return Factors(prosody, content, detail, codes, self.timbre_of(frames), commitment, perplexity)

    def vectors(self, codes: torch.Tensor, *, detail: bool = True) -> torch.Tensor:
        """Codes (B, T, levels) -> the sum of their vectors, (B, T, dimension), or that without detail."""
        parts = codes.split(self.levels, -1)
        count = len(PARTS) if detail else len(PARTS) - 1
        return torch.stack(
            [own.decode(part) for own, part in zip(self.quantizers[:count], parts[:count], strict=True)]  # type: ignore[operator, arg-type]
        ).sum(0)

    def decode(self, vectors: torch.Tensor, timbre: torch.Tensor) -> torch.Tensor:
        """vectors (B, T, dimension), timbre (B, dimension) -> (B, T * hop, outputs)

        Of frames: envelope, aperiodicity, log F0 and the logit of voicing, as they are, not as they were scaled.
        """
        normed = functional.layer_norm(vectors, (self.dimension,))
        found = self.decoder(modulated(normed, self.style(timbre)).transpose(1, 2)).transpose(1, 2)
        return found * self.output_deviation + self.output_mean
