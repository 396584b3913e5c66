"""Strategy own: the source's own x-vector, resynthesis without anonymization: the control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pseudovox.config.schema import PseudoSpeakers


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy own."""

    implementation: ClassVar[str] = "pseudovox.anonymize.own:Own"

    strategy: str = "own"
