"""What can be set of system `facodec`: the keys of section `system.options`. Defaults are the published codec's.

The network's training is not published: weights of losses, learning rate and number of updates are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pseudovox.config import Training
from pseudovox.core.errors import UsageError
from pseudovox.kinds.synthesizers.hifigan import Adversarial

SECTION = "system.options.codec"
DETAILS = ("keep", "drop", "redecode")
SOURCES = ("trained", "published")
SIGNALS = ("wave", "frames")


@dataclass
class Network:
    """Sizes of the codec (models/facodec/codec.py); those here are the published ones."""

    signal: str = "wave"  # wave, or frames: log-mel in, WORLD frames and their pitch out
    bands: int = 0  # frames: of log-mel
    envelope: int = 0  # frames: coefficients of WORLD's coded envelope
    width: int = 32  # channels of the encoder's first convolution; each block doubles them
    ratios: list[int] = field(default_factory=lambda: [2, 4, 5, 5])  # strides of the encoder's blocks
    dimension: int = 256  # of the vectors that are quantised, and of timbre
    decoder_width: int = 1024  # channels of the decoder's first convolution; each block halves them
    levels: list[int] = field(default_factory=lambda: [1, 2, 3])  # codes of prosody, content and detail
    codes: int = 1024  # in each codebook
    code_dimension: int = 8  # in which codes are looked up
    cosine: bool = True  # codes are compared by direction alone
    decay: float = 0.99  # of the moving averages that codes follow in training
    restart_below: float = 0.03  # a code used less than this share of even usage is put elsewhere
    timbre_layers: int = 4
    timbre_heads: int = 4
    timbre_hidden: int = 1024  # channels of its convolutions
    timbre_kernel: int = 5
    dropout: float = 0.1
    positions: str = "constant"  # time, or constant: no frame of the timbre transformer knows where it stands
    antialias: bool = True  # activations at twice the sample rate, between filters

    def check(self) -> None:
        """UsageError for sizes that are none."""
        if self.signal not in SIGNALS:
            raise UsageError(f"{SECTION}.network.signal {self.signal!r}: expected {' or '.join(SIGNALS)}")
        if self.signal == "frames" and not (self.bands > 0 and self.envelope > 1):
            raise UsageError(
                f"{SECTION}.network: of frames, expected bands and envelope above 0",
                f"--set {SECTION}.network.bands=80 --set {SECTION}.network.envelope=60",
            )
        if len(self.levels) != 3 or min(self.levels) < 1:
            raise UsageError(f"{SECTION}.network.levels {self.levels}: expected those of prosody, content and detail")


@dataclass
class Losses:
    """Weights of what a training minimises."""

    reconstruction: float = 1.0  # wave: spectra at several resolutions, and log-mel; frames: WORLD frames and pitch
    commitment: float = 0.005  # of the quantisers
    f0: float = 1.0  # normalised F0 and voicing, told from prosody
    phones: float = 1.0  # told from content
    timbre: float = 0.0  # the speaker, told from timbre
    detail: float = 1.0  # F0 and phones, told from detail behind gradient reversal
    speaker: float = 1.0  # the speaker, told from the sum of all parts behind gradient reversal
    adversarial: bool = True  # wave: HiFi-GAN's discriminators judge the speech


@dataclass
class Pool:
    """Whose timbres are averaged: the speakers of the recipe's pool (sets.pool), unless a folder is given here."""

    folder: str = ""  # recordings of theirs, <folder>/<speaker>/*.wav (or flac, ...)
    genders: str = ""  # file of lines `<speaker> f|m`, for `folder`


@dataclass
class Codec:
    """The codec and its training."""

    # trained: by steps/train_facodec.py (stage synthesizer); published: the authors' weights
    source: str = "trained"
    model: str = ""  # the model dir to speak with (of steps/train_facodec.py or import_facodec.py), whatever the source
    weights: str = ""  # published: the folder of their files; '' = where local/download.py puts them
    network: Network = field(default_factory=Network)
    head_dilations: list[int] = field(default_factory=lambda: [1, 2, 3])  # of the predictors' residual units
    reversed_dilations: list[int] = field(default_factory=lambda: [1, 2, 3])  # of those behind gradient reversal
    losses: Losses = field(default_factory=Losses)
    reversal: float = 1.0  # factor of reversed gradients
    detail_dropout: float = 0.75  # share of the utterances whose detail the decoder does not see in training
    detached: bool = True  # prosody and content learn nothing from the reconstruction
    curvature: float = 1.0  # a of the activations x + sin^2(a x) / b at the beginning; small ones are nearly linear
    linear_start: bool = False  # frames: the training goes on from the best linear codec
    free_updates: int = 0  # at the beginning, in which vectors are not quantised
    segment_seconds: float = 2.0
    resolutions: list[list[int]] = field(  # fft, hop and window of the STFT loss
        default_factory=lambda: [[512, 80, 320], [128, 40, 80], [2048, 640, 1920]]
    )
    adversarial: Adversarial = field(default_factory=Adversarial)
    emphasis: float = 0.0  # frames: power of their natural deviation that envelope coefficients count by
    validation: int = 64  # utterances held out
    training: Training = field(
        default_factory=lambda: Training(
            updates=800_000, round_updates=2000, batch_size=32, learning_rate=2e-4, weight_decay=0.01
        )
    )

    def check(self) -> None:
        """UsageError for values that no training can do with."""
        self.network.check()
        if self.source not in SOURCES:
            raise UsageError(f"{SECTION}.source {self.source!r}: expected {' or '.join(SOURCES)}")
        if not 0 <= self.detail_dropout <= 1:
            raise UsageError(f"{SECTION}.detail_dropout {self.detail_dropout}: expected from 0 to 1")
        if self.segment_seconds <= 0:
            raise UsageError(f"{SECTION}.segment_seconds {self.segment_seconds}: expected more than 0")


@dataclass
class Options:
    """The keys of the system."""

    # The codes of detail: keep them, drop them, or drop them and speak by the redecoder.
    detail: str = "keep"
    # Timbres are brought to length 1 before they are compared and averaged and noise is added; the result is spoken
    # with the length of the source's own.
    normalise: bool = False
    codec: Codec = field(default_factory=Codec)
    pool: Pool = field(default_factory=Pool)

    def check(self) -> None:
        """UsageError for values that are none."""
        if self.detail not in DETAILS:
            raise UsageError(f"system.options.detail {self.detail!r}: expected one of {', '.join(DETAILS)}")
        self.codec.check()

    def hyperparameters(self) -> dict[str, Any]:
        """The keywords of models.facodec.FaCodec."""
        return dict(vars(self.codec.network))
