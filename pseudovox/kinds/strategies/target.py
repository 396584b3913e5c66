"""Strategy target: one of the training speakers of a synthesizer of one-hot voices (the VPC 2024's B5 and B6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pseudovox.config.schema import PseudoSpeakers


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy target."""

    gives: ClassVar[str] = "targets"

    strategy: str = "target"
    target: str = ""  # '' = drawn, constant = one drawn for all, or a training speaker's id
    target_gender: str = "any"  # of drawn targets: same, opposite or any
