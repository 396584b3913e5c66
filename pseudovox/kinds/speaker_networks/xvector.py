"""Speaker network xvector: x-vectors: TDNN with statistics pooling (Snyder et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import SpeakerModel


@dataclass
class Options(SpeakerModel):
    """Section `xvector` or `attacker` with kind xvector."""

    network: ClassVar[Network] = Network(
        "xvector",
        "pseudovox.models.xvector:XvectorNetwork",
        "x-vector extractor (Snyder et al. 2018): who speaks, as {embedding} numbers; "
        "without the classifier of its training speakers",
    )

    kind: str = "xvector"
