"""Synthesizer nsf_hifigan: HiFi-GAN's generator with a harmonic-plus-noise source (for the VPC 2022's B1.b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pseudovox.kinds.synthesizers import hifigan


@dataclass
class Options(hifigan.Options):
    """Section `synthesizer` with kind nsf_hifigan; keys as of hifigan."""

    kind: str = "nsf_hifigan"

    def hyperparameters(self) -> dict[str, Any]:
        """The keywords of the network that these options decide."""
        return dict(vars(self.hifigan))
