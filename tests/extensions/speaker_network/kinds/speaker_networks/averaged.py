"""Speaker network averaged: one layer on the mean and deviation of the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import SpeakerModel


@dataclass
class Options(SpeakerModel):
    """Section `xvector` or `attacker` with kind averaged."""

    network: ClassVar[Network] = Network(
        "averaged",
        "pseudovox.kinds.speaker_networks._averaged:Averaged",
        "Speaker embedding of feature statistics: who speaks, as {embedding} numbers",
    )

    kind: str = "averaged"
    depth: int = 2  # layers

    def hyperparameters(self) -> dict[str, Any]:
        return {**super().hyperparameters(), "depth": self.depth}
