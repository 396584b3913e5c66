"""Synthesizer world: an acoustic model of WORLD's envelope and aperiodicity (Morise et al. 2016), for CPUs and GPUs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import Synthesizer


@dataclass
class Options(Synthesizer):
    """Section `synthesizer` with kind world."""

    implementation: ClassVar[str] = "pseudovox.training.synthesizer"
    network: ClassVar[Network] = Network(
        "synthesizer",
        "pseudovox.models.synthesizer:SynthesizerNetwork",
        "Acoustic model: from content, F0 and voice to frames of the WORLD vocoder",
    )

    kind: str = "world"
    coefficients: int = 60  # of the coded spectral envelope
    emphasis: float = 0.0  # power of its natural deviation that each of them counts by; 0 = all the same
    channels: int = 384  # width of the blocks
    kernel: int = 5
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 1, 2, 4, 8])  # one a block
    speaker: int = 128  # dimensions the voice is reduced to
    dropout: float = 0.05
