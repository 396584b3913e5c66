"""What can be set of the systems of kNN voice conversion: the keys of section `system.options`.

A step reads them by `stage.own_options(config, Options)`. A system that has more keys than these subclasses Options.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pseudovox.core.errors import UsageError

KINDS = ("wavlm", "whisper", "bottleneck")
GENDERS = ("same", "opposite", "any")


@dataclass
class Features:
    """Which features are matched."""

    kind: str = "wavlm"  # wavlm (WavLM Large), whisper (Whisper's encoder) or bottleneck (the content extractor)
    # Whose outputs, counted from 1; 0 = what the network itself puts out: behind the last norm, or the bottleneck.
    layer: int = 6
    weights: str = ""  # wavlm: file, '' = torchaudio's cache; whisper: folder or name; bottleneck: '' = the recipe's

    def check(self) -> None:
        """UsageError for a kind that is none, or a negative layer."""
        if self.kind not in KINDS:
            raise UsageError(f"system.options.features.kind {self.kind!r}: expected one of {', '.join(KINDS)}")
        if self.layer < 0:
            raise UsageError(f"system.options.features.layer {self.layer}: expected a layer from 1, or 0 for the last")


@dataclass
class Options:
    """The keys that all systems of kNN voice conversion have."""

    features: Features = field(default_factory=Features)
    neighbours: int = 4  # frames of the target that are averaged
