"""Synthesizer hifigan: HiFi-GAN's generator (Kong et al. 2020) on content, F0 and voice, against discriminators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import Synthesizer
from pseudovox.kinds.synthesizers.harmonic_noise import RESOLUTIONS


@dataclass
class HifiGan:
    """The generator."""

    channels: int = 512  # before the first level; each level halves them
    rates: list[int] = field(default_factory=lambda: [5, 4, 4, 2, 2])  # of the levels
    kernels: list[int] = field(default_factory=lambda: [11, 8, 8, 4, 4])  # of their transposed convolutions
    block_kernels: list[int] = field(default_factory=lambda: [3, 7, 11])
    block_dilations: list[int] = field(default_factory=lambda: [1, 3, 5])
    pitch: str = "normalised"  # F0 that the network sees: normalised (by utterance) or absolute
    harmonics: int = 8  # sines of the source of nsf_hifigan


@dataclass
class Adversarial:
    """How it is trained."""

    periods: list[int] = field(default_factory=lambda: [2, 3, 5, 7, 11])  # of the period discriminators
    scales: int = 3  # number of scale discriminators
    width: float = 1.0  # of all of them, as a factor of the published channels
    start: int = 0  # update at which the discriminators come in
    betas: list[float] = field(default_factory=lambda: [0.8, 0.99])  # of AdamW
    decay: float = 0.999  # factor of the learning rate every decay_updates updates
    decay_updates: int = 500
    reconstruction: str = "mel"  # mel (L1 of log-mel spectra) or stft (synthesizer.resolutions)
    reconstruction_weight: float = 45.0
    feature_weight: float = 2.0


@dataclass
class Options(Synthesizer):
    """Section `synthesizer` with kind hifigan."""

    implementation: ClassVar[str] = "pseudovox.training.vocoder"
    network: ClassVar[Network] = Network(
        "hifigan",
        "pseudovox.models.hifigan:HifiGan",
        "Neural vocoder (HiFi-GAN, Kong et al. 2020): from content, F0 and voice to samples",
    )

    kind: str = "hifigan"
    hifigan: HifiGan = field(default_factory=HifiGan)
    adversarial: Adversarial = field(default_factory=Adversarial)
    resolutions: list[list[int]] = field(default_factory=lambda: [list(one) for one in RESOLUTIONS])

    def hyperparameters(self) -> dict[str, Any]:
        """The keywords of the network that these options decide."""
        return {**vars(self.hifigan), "harmonics": 0}
