"""Synthesizer whisper_noise: noise whose level follows the content: whispered speech, of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pseudovox.config.kinds import Network
from pseudovox.kinds.synthesizers import harmonic_noise


@dataclass
class Options(harmonic_noise.Options):
    """Section `synthesizer` with kind whisper_noise; trained as harmonic_noise is."""

    network: ClassVar[Network] = Network(
        "whisper_noise",
        "pseudovox.kinds.synthesizers._whisper_noise:WhisperNoise",
        "Vocoder of noise alone: from content and voice to samples",
    )

    kind: str = "whisper_noise"
    width: int = 16

    def hyperparameters(self) -> dict[str, Any]:
        return {"width": self.width}
