"""Strategy wgan: artificial x-vectors by an adversarial network, used once each (baseline B3 of the VPC 2024)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pseudovox.config.schema import PseudoSpeakers


@dataclass
class Training:
    """Section `pseudo.wgan`: the networks of WGAN-QC and their training."""

    learns: str = "utterances"  # the pool's x-vectors of utterances, or of speakers
    normalise: str = "scalar"  # shift and scale of the vectors: none, scalar (one mean, one deviation) or dimension
    noise: int = 16  # numbers that a vector is made of
    side: int = 8  # of the pictures in the networks: 4 times a power of two
    filters: int = 8  # channels of pictures of that side; half the side has twice as many
    most_filters: int = 16  # channels, at most
    batch_size: int = 128
    cycles: int = 150  # passes over the vectors
    learning_rate: float = 1e-3
    gamma: float = 1.0  # weight of the gradient's regulariser
    held_out: float = 0.2  # share of the vectors that the distance is measured to, and which are not trained on


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy wgan."""

    implementation: ClassVar[str] = "pseudovox.anonymize.wgan:Wgan"

    strategy: str = "wgan"
    artificial: int = 5000  # vectors that are generated, once; none is used twice in a data dir until all are
    largest_cosine: float = 0.7  # to the source's x-vector: a draw below it is taken
    tries: int = 20  # draws for one request, the last of which is taken whatever its cosine is
    wgan: Training = field(default_factory=Training)
