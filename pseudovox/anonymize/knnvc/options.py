"""What can be set of the systems of kNN voice conversion: the keys of section `system.options`.

A step reads them by `stage.own_options(config, Options)`. A system that has more keys than these subclasses Options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pseudovox.anonymize.knnvc.vocoder_options import Vocoder
from pseudovox.core.errors import UsageError

KINDS = ("wavlm", "whisper", "bottleneck", "hubert")
SPOKEN = ("world", "vocoder")
LEVELS = ("source", "target")


@dataclass
class Features:
    """Which features are matched."""

    # wavlm (WavLM Large), whisper (Whisper's encoder), bottleneck (the content extractor) or hubert (HuBERT base)
    kind: str = "wavlm"
    # Whose outputs, counted from 1; 0 = what the network itself puts out: behind the last norm, or the bottleneck.
    layer: int = 6
    weights: str = (
        ""  # wavlm, hubert: file, '' = torchaudio's cache; whisper: folder or name; bottleneck: '' = the recipe's
    )
    # Compared after each dimension was brought to mean 0 and deviation 1, of a target over its frames, of an utterance
    # over its own: else a few dimensions of Whisper's decide alone.
    normalise: bool = False

    def check(self) -> None:
        """UsageError for a kind that is none, or a negative layer."""
        if self.kind not in KINDS:
            raise UsageError(f"system.options.features.kind {self.kind!r}: expected one of {', '.join(KINDS)}")
        if self.layer < 0:
            raise UsageError(f"system.options.features.layer {self.layer}: expected a layer from 1, or 0 for the last")


@dataclass
class Targets:
    """Whose voices there are: the speakers of the recipe's pool (sets.pool), unless something is given here."""

    folder: str = ""  # recordings of theirs, <folder>/<speaker>/*.wav (or flac, ...)
    genders: str = ""  # file of lines `<speaker> f|m`, for `folder`
    data: list[str] = field(default_factory=list)  # data dirs of theirs
    seconds: float = 480.0  # of speech of each, at most
    shortest: float = 30.0  # seconds of speech; who has less is no target

    def check(self) -> None:
        """UsageError for numbers that leave nothing."""
        if not 0 < self.shortest <= self.seconds:
            raise UsageError(
                f"system.options.targets: shortest {self.shortest} and seconds {self.seconds}: "
                "expected 0 < shortest <= seconds"
            )


@dataclass
class World:
    """Speech by WORLD, from the spectral envelopes of the target's frames."""

    coefficients: int = 60  # of the coded envelope
    # Whose loudness speech has from frame to frame: the source's, about the mean of what was matched, or the target's.
    level: str = "source"
    sharpen: float = 0.0  # how far the envelope's spread over time is brought to the target's own
    # Seconds: deviation of the Gaussian by which spectra are smoothed over time; 0 = not. Centroids, which follow each
    # other in steps, speak more clearly so.
    smooth: float = 0.0

    def check(self) -> None:
        """UsageError for values that are none."""
        if self.level not in LEVELS:
            raise UsageError(f"system.options.world.level {self.level!r}: expected {' or '.join(LEVELS)}")
        if not 0 <= self.sharpen <= 1:
            raise UsageError(f"system.options.world.sharpen {self.sharpen}: expected from 0 to 1")
        if not 0 <= self.smooth <= 1:
            raise UsageError(f"system.options.world.smooth {self.smooth}: expected seconds from 0 to 1")


@dataclass
class Options:
    """The keys that all systems of kNN voice conversion have."""

    features: Features = field(default_factory=Features)
    neighbours: int = 4  # frames of the target that are averaged
    targets: Targets = field(default_factory=Targets)
    # world: WORLD speaks from the spectra of the target's frames; vocoder: a network from their features.
    spoken: str = "vocoder"
    world: World = field(default_factory=World)
    vocoder: Vocoder = field(default_factory=Vocoder)

    def check(self) -> None:
        """UsageError for values that are none."""
        self.features.check()
        self.targets.check()
        self.world.check()
        if self.neighbours < 1:
            raise UsageError(f"system.options.neighbours {self.neighbours}: expected 1 or more")
        self.vocoder.check()
        if self.spoken not in SPOKEN:
            raise UsageError(f"system.options.spoken {self.spoken!r}: expected {' or '.join(SPOKEN)}")

    def check_vocoder(self, model: Path | None) -> None:
        """UsageError if the vocoder is to speak, and its model dir was not given."""
        if self.spoken == "vocoder" and model is None:
            raise UsageError(
                "system.options.spoken vocoder: no vocoder was given (--vocoder)",
                "--vocoder MODEL, of steps/train_knnvc_vocoder.py, or --set system.options.spoken=world",
            )

    def check_published(self, of: Mapping[str, object]) -> None:
        """UsageError if the published vocoder is for other features, kind and layer, than those of the system."""
        if {"kind": self.features.kind, "layer": self.features.layer} != of:
            raise UsageError(
                f"system.options.vocoder.source published: that vocoder is for layer {of['layer']} of {of['kind']}; "
                f"system.options.features is layer {self.features.layer} of {self.features.kind}",
                f"--set system.options.features.kind={of['kind']} --set system.options.features.layer={of['layer']}, "
                "or --set system.options.vocoder.source=train",
            )
