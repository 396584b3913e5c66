"""Strategy quantised: the codeword of the source's own x-vector, so many bits of it (Vali and Bäckström 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pseudovox.config.schema import PseudoSpeakers


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy quantised."""

    implementation: ClassVar[str] = "pseudovox.anonymize.quantised:Quantised"

    strategy: str = "quantised"
    quantizer: str = "sfvq"  # sfvq, vq or vq_plain (pseudovox/models/quantizers)
    bits: int = 6  # of the code, 1 to 8: all that passes of the x-vector
    normalised: bool = True  # sfvq: codes as frequent as one another on the pool's utterances
    updates: int = 20_000  # of the codebook's training, at least; of sfvq in each of its stages
