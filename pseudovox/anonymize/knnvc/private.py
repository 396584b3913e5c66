"""Private kNN-VC (Franzreb et al., Interspeech 2025, arXiv 2505.17584): kNN voice conversion with two controls.

Every frame becomes the most similar one that the target has of the same phone (or the centroid of a cluster of them),
and phones last as long as the duration predictor expects, wholly or partly. The paper writes (w-c): w is ten times the
weight of the predicted durations, c the clusters of each phone, 0 for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.anonymize.knnvc.options import Options
from pseudovox.config import Config, Training
from pseudovox.core.errors import UsageError
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir

PHONES_KIND, DURATIONS_KIND = "phone_predictor", "duration_predictor"  # of model dirs
RUNS = ("predicted", "aligned")


def _published(*, epochs: int, batch_size: int, learning_rate: float) -> Training:
    """The authors' training: Adam at one rate, the epoch of the lowest validation loss."""
    return Training(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, optimizer="adam", schedule="constant",
        warmup=0, weight_decay=0.0, gradient_clip=0.0, keep="best",
    )  # fmt: skip


@dataclass
class PhoneOptions:
    """The phone predictor and its training."""

    layer: int = 24  # of the features' network: where phones are told from
    hidden: int = 256
    dropout: float = 0.5
    frame_weight: float = 1.0  # of the frames' cross-entropy in the loss
    ctc_weight: float = 1.0  # of the CTC loss of the phone sequence
    held_out: float = 0.1  # share of the speakers, to validate on
    cache_gigabytes: float = 8.0  # of features kept in memory (100 hours of WavLM's: 37)
    training: Training = field(default_factory=lambda: _published(epochs=15, batch_size=2, learning_rate=1e-4))


@dataclass
class DurationOptions:
    """The duration predictor and its training."""

    hidden: int = 256
    dropout: float = 0.5
    runs: str = "predicted"  # what it learns from: predicted (by the phone predictor, as in use) or aligned phones
    longest: int = 0  # frames that a run counts as, at most; 0 = as long as it is
    held_out: float = 0.1
    training: Training = field(default_factory=lambda: _published(epochs=100, batch_size=512, learning_rate=1e-3))

    def check(self) -> None:
        """UsageError for runs of another kind."""
        if self.runs not in RUNS:
            raise UsageError(f"system.options.durations.runs {self.runs!r}: expected {' or '.join(RUNS)}")


@dataclass
class PrivateOptions(Options):
    """The keys of all systems of the family; those here are of private kNN-VC alone."""

    duration_weight: float = 0.7  # w: of the predicted durations against the actual ones
    clusters: int = 8  # c: of each phone of a target; 0 = all of its frames
    anonymizations: int = 1  # targets that an utterance goes through, one after the other
    phones: PhoneOptions = field(default_factory=PhoneOptions)
    durations: DurationOptions = field(default_factory=DurationOptions)

    def check(self) -> None:
        """UsageError for values that are none."""
        super().check()
        self.durations.check()
        for key, low, high in (("duration_weight", 0, 1), ("clusters", 0, None), ("anonymizations", 1, None)):
            value = getattr(self, key)
            if value < low or (high is not None and value > high):
                wanted = f"from {low} to {high}" if high is not None else f"{low} or more"
                raise UsageError(f"system.options.{key} {value}: expected {wanted}")


def is_private(config: Config) -> bool:
    """Is a system of the family one of private kNN-VC? It is if it says how: `duration_weight` or `clusters`."""
    return not config.system.options.keys().isdisjoint(("duration_weight", "clusters"))


def predictor_of(folder: Path | None, what: str = "phones") -> Path:
    """The model dir of a predictor, checked.

    Args:
        folder: as it was given.
        what: phones or durations; the option's name.

    Raises:
        UsageError: it was not given. MissingModelError, DataError: as store.read_card.
    """
    if folder is None:
        raise UsageError(f"private kNN-VC needs a predictor of {what} (--{what})", f"steps/train_{what}.py makes one")
    store.read_card(folder, PHONES_KIND if what == "phones" else DURATIONS_KIND)
    return folder


def alignments_of(data: Sequence[DataDir], root: Path | None) -> list[Path]:
    """The folders of alignments of those data dirs that have no phones.ctm, below their root; none without a root."""
    return [root / part.name for part in data if root is not None and not part.lists.get("phones.ctm")]
