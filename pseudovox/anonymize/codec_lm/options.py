"""What can be set of the systems of the codec language model: the keys of section `system.options`.

A step reads them by `stage.own_options(config, Options)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.config import Training
from pseudovox.core.errors import UsageError

SECTION = "system.options"
SOURCES = ("train", "published")
VOICES = ("pool", "folder", "none")


@dataclass
class Published:
    """Files with the weights that others trained; '' = torchaudio's cache, where local/download.py puts them."""

    size: str = "large"  # of Bark: large or small, as the file's name in the cache
    bark: str = ""  # Bark's file: coarse and fine transformer, EnCodec
    units: str = ""  # the file of the LSTM that tells semantic tokens from HuBERT's features


@dataclass
class Units:
    """Semantic units by k-means on features (source train)."""

    count: int = 512
    frames: int = 100_000  # drawn of the training speech


@dataclass
class Codec:
    """Our codec of WORLD frames (source train)."""

    coefficients: int = 40  # of the coded envelope
    stack: int = 2  # WORLD frames of 10 ms in a frame
    latent: int = 64  # principal components that are quantised
    codes: int = 256
    codebooks: int = 8
    width: int = 128  # of the convolutions that correct what is decoded,
    layers: int = 2  # 0 = there are none
    kernel: int = 5
    frames: int = 60_000  # that transform and codebooks are fitted to, drawn
    segment: int = 100  # frames of a training example
    emphasis: float = 0.75  # power of the coefficients' deviation by which they count
    utterances: int = 500  # of the training speech, drawn
    held_out: int = 24  # utterances of these, to validate on
    training: Training = field(
        default_factory=lambda: Training(
            updates=400, round_updates=50, batch_size=16, learning_rate=2e-3, threads=1, gradient_clip=1.0
        )
    )


@dataclass
class Coarse:
    """The coarse transformer."""

    width: int = 128
    heads: int = 4
    layers: int = 4
    dropout: float = 0.0
    history: int = 300  # past tokens that it is shown; 630 of Bark
    window: int = 60  # tokens that are made between two looks at the context
    reach: int = 6  # frames around, of whose units it is told
    prompt_frames: int = 100
    segment: int = 180  # frames of a training example
    training: Training = field(
        default_factory=lambda: Training(
            updates=600,
            round_updates=50,
            batch_size=8,
            learning_rate=2e-3,
            threads=1,
            gradient_clip=1.0,
            weight_decay=0.01,
        )
    )


@dataclass
class Fine:
    """The fine transformer."""

    width: int = 128
    heads: int = 4
    layers: int = 3
    dropout: float = 0.0
    context: int = 200  # frames that are looked at together; 1,024 of Bark
    history: int = 100  # frames by which it goes on; 512 of Bark
    training: Training = field(
        default_factory=lambda: Training(
            updates=240,
            round_updates=40,
            batch_size=8,
            learning_rate=2e-3,
            threads=1,
            gradient_clip=1.0,
            weight_decay=0.01,
        )
    )


@dataclass
class Prompts:
    """Pseudo-speakers: what comes before an utterance."""

    source: str = "pool"  # pool (speakers of the recipe's pool), folder (of npz as Bark's voices), none
    folder: str = ""
    seconds: float = 3.0  # of a speaker of the pool


@dataclass
class Generation:
    """How codes are drawn."""

    coarse_temperature: float = 0.7
    fine_temperature: float = 0.5
    codebooks: int = 0  # that are decoded; 0 = all, 2 = the coarse ones, for which no fine transformer is asked
    tries: int = 3  # draws before an utterance is given up
    longest_repeat: float = 2.0  # seconds of the same coarse codes, beyond which a draw is refused
    least_speech: float = 0.3  # share of the original's seconds of speech, below which it is


@dataclass
class Options:
    """The keys of the system."""

    source: str = "published"  # published: Bark, EnCodec and HuBERT of others; train: all of it here
    features: Features = field(default_factory=lambda: Features("hubert", 9))
    published: Published = field(default_factory=Published)
    units: Units = field(default_factory=Units)
    codec: Codec = field(default_factory=Codec)
    coarse: Coarse = field(default_factory=Coarse)
    fine: Fine = field(default_factory=Fine)
    prompts: Prompts = field(default_factory=Prompts)
    generation: Generation = field(default_factory=Generation)
    held_out: float = 0.05  # share of the speakers, to validate on

    def check(self) -> None:
        """UsageError for values that are none."""
        self.features.check()
        for key, word, known in (
            ("source", self.source, SOURCES),
            ("published.size", self.published.size, ("large", "small")),
            ("prompts.source", self.prompts.source, VOICES),
        ):
            if word not in known:
                raise UsageError(f"{SECTION}.{key} {word!r}: expected one of {', '.join(known)}")
        own = self.generation
        if own.codebooks == 1:
            raise UsageError(f"{SECTION}.generation.codebooks 1: expected 0 for all, or 2 or more")
        for key, value in (
            ("generation.coarse_temperature", own.coarse_temperature),
            ("generation.fine_temperature", own.fine_temperature),
            ("generation.tries", own.tries),
            ("generation.codebooks", own.codebooks + 1),
            ("generation.longest_repeat", own.longest_repeat),
            ("prompts.seconds", self.prompts.seconds),
            ("units.count", self.units.count),
            ("codec.stack", self.codec.stack),
        ):
            if value <= 0:
                raise UsageError(f"{SECTION}.{key} {value:g}: expected more than 0")
