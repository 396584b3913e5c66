"""FACodec's redecoder: speech with another voice from the codes of prosody and content alone.

Codes have embeddings of its own; those of prosody pass a transformer that is told the speaker, so that the melody can
follow the voice.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.facodec.layers import Decoder
from pseudovox.models.facodec.transformer import ConvTransformer, modulated, modulation

# What differs in the published one, besides that no part is an encoder.
PUBLISHED = {
    "ratios": [2, 4, 5, 5], "dimension": 256, "decoder_width": 1280, "levels": [1, 2, 3], "codes": 1024,
    "prosody_layers": 4, "prosody_heads": 4, "prosody_hidden": 1024, "prosody_kernel": 5, "dropout": 0.1,
    "positions": "constant", "antialias": True,
}  # fmt: skip


class Redecoder(nn.Module):
    """The redecoder of a codec of waveforms.

    Args:
        ratios: of the codec's encoder; the redecoder goes back the same ratios.
        dimension: of the embeddings, and of a timbre.
        decoder_width: channels of the decoder's first convolution.
        levels: codes of prosody, content and detail.
        codes: in each codebook.
        prosody_layers, prosody_heads, prosody_hidden, prosody_kernel, dropout, positions: see ConvTransformer.
        antialias: see Activation.
    """

    def __init__(
        self, *, ratios: list[int], dimension: int, decoder_width: int, levels: list[int], codes: int,
        prosody_layers: int, prosody_heads: int, prosody_hidden: int, prosody_kernel: int, dropout: float,
        positions: str, antialias: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.dimension, self.levels = dimension, list(levels)
        self.embeddings = nn.ModuleList(
            nn.ModuleList(nn.Embedding(codes, dimension) for _ in range(count)) for count in levels
        )
        self.prosody = ConvTransformer(
            layers=prosody_layers, dimension=dimension, heads=prosody_heads, hidden=prosody_hidden,
            kernel=prosody_kernel, dropout=dropout, conditional=True, positions=positions,
        )  # fmt: skip
        self.style = modulation(dimension)
        self.decoder = Decoder(
            inputs=dimension, width=decoder_width, ratios=ratios[::-1], outputs=1, antialias=antialias, bounded=True
        )

    @property
    def hop(self) -> int:
        """Samples of a code."""
        return math.prod(self.decoder.ratios)

    def vectors(self, codes: torch.Tensor, timbre: torch.Tensor, *, detail: bool = False) -> torch.Tensor:
        """Codes (B, T, levels) and timbre (B, dimension) -> (B, T, dimension); by default without detail."""
        embeddings: Any = self.embeddings
        sums = [
            torch.stack([table(part[..., level]) for level, table in enumerate(tables)]).sum(0)
            for tables, part in zip(embeddings, codes.split(self.levels, -1), strict=True)
        ]
        found: torch.Tensor = self.prosody(sums[0], timbre) + sums[1]
        return found + sums[2] if detail else found

    def decode(self, vectors: torch.Tensor, timbre: torch.Tensor) -> torch.Tensor:
        """vectors (B, T, dimension), timbre (B, dimension) -> (B, T * hop, 1)"""
        normed = functional.layer_norm(vectors, (self.dimension,))
        return self.decoder(modulated(normed, self.style(timbre)).transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]
