"""What can be set of the vocoder of kNN voice conversion and of its training: section `system.options.vocoder`."""

from __future__ import annotations

from dataclasses import dataclass, field

from pseudovox.config import Training
from pseudovox.core.errors import UsageError
from pseudovox.kinds.synthesizers.hifigan import Adversarial

SECTION = "system.options.vocoder"
SOURCES = ("train", "published")
WITHIN = ("folder", "speaker")


@dataclass
class Network:
    """Sizes of the generator (models/feature_hifigan.py); those here are kNN-VC's, 16.5 million parameters."""

    width: int = 512  # dimensions that a linear layer takes the features to
    channels: int = 512  # before the first level; each level halves them
    rates: list[int] = field(default_factory=lambda: [10, 8, 2, 2])  # of the levels: 320 samples of a frame
    kernels: list[int] = field(default_factory=lambda: [20, 16, 4, 4])  # of their transposed convolutions
    block_kernels: list[int] = field(default_factory=lambda: [3, 7, 11])
    block_dilations: list[int] = field(default_factory=lambda: [1, 3, 5])
    fft: int = 0  # samples of an inverse Fourier transform in the place of the last levels; 0 = none


@dataclass
class Vocoder:
    """The vocoder and its training; the defaults are kNN-VC's, whose pass over the data is 1,783 updates."""

    source: str = "train"  # or published: the authors' weights are taken over, and nothing is trained
    weights: str = ""  # published: their file; '' = torchaudio's cache, where local/download.py puts it
    network: Network = field(default_factory=Network)
    # Trained on features that are matched as in a conversion; false: on those of the speech itself. Of published ones,
    # which of the two.
    prematched: bool = True
    within: str = "folder"  # match among the speaker's recordings in one folder (LibriSpeech: a chapter), or speaker
    pool_minutes: float = 30.0  # of speech that an utterance is matched with, at most
    segment_frames: int = 22  # of 20 ms: 7,040 samples
    mel_hop: int = 320  # samples, of the log-mel spectra
    adversarial: Adversarial = field(default_factory=lambda: Adversarial(decay_updates=1783))
    resolutions: list[list[int]] = field(  # fft, hop and window of the STFT loss (adversarial.reconstruction: stft)
        default_factory=lambda: [[512, 80, 320], [128, 40, 80], [2048, 640, 1920]]
    )
    validation: int = 64  # utterances held out
    training: Training = field(
        default_factory=lambda: Training(
            updates=2_500_000, round_updates=1783, batch_size=16, learning_rate=2e-4, weight_decay=0.01
        )
    )

    def check(self) -> None:
        """UsageError for values that no training can do with."""
        for key, word, known in (("source", self.source, SOURCES), ("within", self.within, WITHIN)):
            if word not in known:
                raise UsageError(f"{SECTION}.{key} {word!r}: expected {' or '.join(known)}")
        for key, value in (("segment_frames", self.segment_frames), ("mel_hop", self.mel_hop)):
            if value < 1:
                raise UsageError(f"{SECTION}.{key} {value}: expected at least 1")
        if self.pool_minutes <= 0:
            raise UsageError(f"{SECTION}.pool_minutes {self.pool_minutes}: expected more than 0")
