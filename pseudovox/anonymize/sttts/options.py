"""What can be set of the systems of speech to text to speech: the keys of section `system.options`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.anonymize.knnvc.private import PhoneOptions
from pseudovox.anonymize.knnvc.vocoder_options import Vocoder
from pseudovox.config import Training
from pseudovox.core.errors import UsageError

RECOGNISERS = ("phones", "whisper")
SCALED = ("pitch", "energy", "duration")
FUSIONS = ("add", "concat", "condnorm")
TARGETS = ("world", "mel")


@dataclass
class Recogniser:
    """What hears the phones of speech, and when each is spoken."""

    kind: str = "whisper"  # whisper (words by Whisper, their phones by espeak-ng), phones (the phone predictor alone)
    weights: str = "base"  # of Whisper: a name that faster-whisper fetches, or a folder
    language: str = "en"  # that is spoken: a code that both Whisper and espeak-ng know
    lm_weight: float = 1.0  # phones: of the bigram of phones
    shortest: int = 2  # phones: frames of the predictor that a phone lasts at least, 1 to 4
    insertion: float = 0.0  # phones: added to the logarithm of every phone's probability
    shortest_pause: float = 0.06  # seconds; what is shorter counts to the phone before
    tuned: int = 0  # whisper: steps of the phone predictor on the utterance itself before its phones are aligned
    tuning_rate: float = 0.1  # of gradient descent in these

    def check(self) -> None:
        """UsageError for values that are none."""
        key = "system.options.recogniser"
        if self.kind not in RECOGNISERS:
            raise UsageError(f"{key}.kind {self.kind!r}: expected {' or '.join(RECOGNISERS)}")
        if not 1 <= self.shortest <= 4:
            raise UsageError(f"{key}.shortest {self.shortest}: expected 1 to 4")
        for name in ("lm_weight", "shortest_pause", "tuned", "tuning_rate"):
            if getattr(self, name) < 0:
                raise UsageError(f"{key}.{name} {getattr(self, name)}: expected 0 or more")


@dataclass
class Transforms:
    """What the prosody of every phone is multiplied by: [lowest, highest], drawn evenly; none: [] or [1, 1]."""

    pitch: list[float] = field(default_factory=lambda: [0.6, 1.4])
    energy: list[float] = field(default_factory=lambda: [0.6, 1.4])
    duration: list[float] = field(default_factory=list)

    def check(self) -> None:
        """UsageError for what is no range."""
        for name in SCALED:
            given = getattr(self, name)
            if given and not (len(given) == 2 and 0 < given[0] <= given[1]):
                raise UsageError(f"system.options.transforms.{name} {given}: expected [lowest, highest] above 0, or []")


@dataclass
class Blocks:
    """A stack of the network: residual convolutions, or Conformers as published."""

    blocks: str = "conv"  # conv, conformer
    channels: int = 128
    kernel: int = 5
    layers: int = 3
    dilations: list[int] = field(default_factory=list)  # of a decoder of convolutions: one for each
    heads: int = 4  # conformer
    hidden: int = 1536  # conformer: of its feed-forward parts


@dataclass
class Convolutions:
    """A predictor, or the postnet; of the latter without layers there is none."""

    hidden: int = 128
    kernel: int = 3
    layers: int = 2


@dataclass
class Tts:
    """The network of text to speech and its training (conf/tts has the sizes)."""

    target: str = "world"  # what it makes: world (WORLD speaks) or mel (a vocoder is needed)
    coefficients: int = 50  # world: of the coded envelope
    emphasis: float = 0.5  # world: 0 = errors of all coefficients count alike, 1 = as in decibels
    fusion: str = "add"  # add, concat, condnorm: how the emotion, if there is one, comes in
    encoder: Blocks = field(default_factory=Blocks)
    decoder: Blocks = field(
        default_factory=lambda: Blocks(kernel=3, channels=144, layers=0, dilations=[1, 2, 4, 8, 1, 2])
    )
    duration: Convolutions = field(default_factory=Convolutions)
    pitch: Convolutions = field(default_factory=Convolutions)
    energy: Convolutions = field(default_factory=Convolutions)
    postnet: Convolutions = field(default_factory=lambda: Convolutions(layers=0))
    speaker: int = 64  # dimensions that a voice is reduced to
    dropout: float = 0.05
    speaker_level: float = 0.5  # share of the chunks with the mean x-vector of the speaker
    chunk_frames: int = 100  # frames of 10 ms that the decoder sees at once in training; 0 = whole utterances
    longest: float = 16.0  # seconds; longer utterances are not trained on
    validation: int = 24  # utterances held out, at most a tenth
    cache_gigabytes: float = 4.0
    training: Training = field(
        default_factory=lambda: Training(
            updates=8000, round_updates=200, batch_size=12, learning_rate=3e-3, warmup=50, threads=1
        )
    )

    def check(self) -> None:
        """UsageError for words and numbers that are none."""
        key = "system.options.tts"
        for name, value, known in (("target", self.target, TARGETS), ("fusion", self.fusion, FUSIONS)):
            if value not in known:
                raise UsageError(f"{key}.{name} {value!r}: expected one of {', '.join(known)}")
        for name in ("encoder", "decoder"):
            if getattr(self, name).blocks not in ("conv", "conformer"):
                raise UsageError(f"{key}.{name}.blocks {getattr(self, name).blocks!r}: expected conv or conformer")
        if self.decoder.blocks == "conv" and not self.decoder.dilations:
            raise UsageError(f"{key}.decoder.dilations: expected one or more, e.g. [1, 2, 4], for blocks conv")


@dataclass
class Options:
    """The keys of all systems of speech to text to speech."""

    # What phones are told from: the kind and the weights count, and phones.layer.
    features: Features = field(default_factory=lambda: Features(kind="whisper", layer=6))
    phones: PhoneOptions = field(default_factory=lambda: PhoneOptions(layer=6))
    recogniser: Recogniser = field(default_factory=Recogniser)
    transforms: Transforms = field(default_factory=Transforms)
    predicted: bool = False  # durations, F0 and energy as the network expects them, not the recording's
    # Of steps/extract_emotion.py, where a system has an embedding of the emotion (conf/family/sttts_emotion.yaml).
    emotion: dict[str, Any] = field(default_factory=dict)
    tts: Tts = field(default_factory=Tts)
    vocoder: Vocoder = field(default_factory=Vocoder)  # of log-mel energies, where tts.target is mel

    def check(self) -> None:
        """UsageError for values that are none."""
        for part in (self.features, self.recogniser, self.transforms, self.tts):
            part.check()
