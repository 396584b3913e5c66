"""Strategy pool: the mean of speakers of the pool (baseline B1 of the VoicePrivacy Challenges)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pseudovox.config.schema import PseudoSpeakers


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy pool."""

    implementation: ClassVar[str] = "pseudovox.anonymize.pool:PoolAverage"

    strategy: str = "pool"
    affinity: str = "cosine"  # how alike voices are: cosine or plda (trained on the pool)
    proximity: str = "farthest"  # who is taken: farthest, nearest, random, or from dense or sparse clusters
    candidates: float = 200  # so many of the farthest or nearest; below 1, a share of the pool's of that gender
    averaged: float = 100  # so many of them are drawn and averaged; below 1, a share of the candidates
    of: str = "speakers"  # whose vectors are compared and averaged: speakers' means, or all of their utterances
    noise: float = 0.0  # standard deviation of normal noise that is added to each number of the mean
