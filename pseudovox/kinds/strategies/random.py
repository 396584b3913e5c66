"""Strategy random: x-vectors of no voice at all, by random numbers (an alternative of the VPC 2024's baseline B3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pseudovox.config.schema import PseudoSpeakers


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy random."""

    implementation: ClassVar[str] = "pseudovox.anonymize.random_vectors:RandomVectors"

    strategy: str = "random"
    values: str = (
        "uniform"  # uniform within the pool's range of each number, or multiplied: the source's own, each times
    )
    # a random whole number
    multipliers: list[int] = field(default_factory=lambda: [-40, 40])  # multiplied: from the first to below the last
