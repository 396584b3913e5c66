"""Synthesizer harmonic_noise: filters of a pulse train and of noise, told by a small network, for CPUs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import Synthesizer

# fft, hop and window of the spectra of the STFT loss, in samples
RESOLUTIONS = ((512, 80, 320), (128, 40, 80), (2048, 640, 1920))


@dataclass
class HarmonicNoise:
    """Filters of a pulse train and of noise."""

    harmonic_bands: int = 64  # points of the pulse train's filter, evenly spaced on the mel axis
    noise_bands: int = 24  # points of the noise's
    fft: int = 1024  # size of the spectra they are applied to


@dataclass
class Options(Synthesizer):
    """Section `synthesizer` with kind harmonic_noise."""

    implementation: ClassVar[str] = "pseudovox.training.vocoder"
    network: ClassVar[Network] = Network(
        "harmonic_noise",
        "pseudovox.models.harmonic_noise:HarmonicNoise",
        "Neural vocoder of harmonics and noise: from content, F0 and voice to samples",
    )

    kind: str = "harmonic_noise"
    channels: int = 384  # width of the blocks
    kernel: int = 5
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 1, 2, 4, 8])  # one a block
    speaker: int = 128  # dimensions the voice is reduced to
    dropout: float = 0.05
    harmonic_noise: HarmonicNoise = field(default_factory=HarmonicNoise)
    resolutions: list[list[int]] = field(default_factory=lambda: [list(one) for one in RESOLUTIONS])

    def hyperparameters(self) -> dict[str, Any]:
        """The keywords of the network that these options decide."""
        shared = ("channels", "kernel", "dilations", "speaker", "dropout")
        return {**vars(self.harmonic_noise), **{key: getattr(self, key) for key in shared}}
