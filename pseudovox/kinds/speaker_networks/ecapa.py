"""Speaker network ecapa: ECAPA-TDNN (Desplanques et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import SpeakerModel


@dataclass
class Options(SpeakerModel):
    """Section `xvector` or `attacker` with kind ecapa."""

    network: ClassVar[Network] = Network(
        "ecapa",
        "pseudovox.models.ecapa:EcapaNetwork",
        "Speaker embedding extractor (ECAPA-TDNN, Desplanques et al. 2020): who speaks, as {embedding} numbers; "
        "without the classifier of its training speakers",
    )

    kind: str = "ecapa"
    attention: int = 128  # width of attention and squeeze-excitation

    def hyperparameters(self) -> dict[str, Any]:
        """The keywords of the network that these options decide."""
        return {**super().hyperparameters(), "attention": self.attention}
