"""Content extractor envelope: the log-mel spectrum in a few coefficients; nothing is learnt but their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import ContentExtractor


@dataclass
class Options(ContentExtractor):
    """Section `bottleneck` with kind envelope."""

    implementation: ClassVar[str] = "pseudovox.kinds.content_extractors._envelope_training"
    network: ClassVar[Network] = Network(
        "envelope",
        "pseudovox.kinds.content_extractors._envelope:Envelope",
        "Content extractor: the spectrum's envelope, as {dimension} numbers every {frame_shift_seconds} s",
        "pseudovox.kinds.content_extractors._envelope:EnvelopeExtractor",
    )

    kind: str = "envelope"
    dimension: int = 12
