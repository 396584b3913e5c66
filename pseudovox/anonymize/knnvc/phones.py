"""Phones and their durations in kNN voice conversion: runs of frames, new durations, and the frames that fill them.

An utterance is a sequence of runs: phone q_i over a_i frames. Private kNN-VC (Franzreb et al. 2025) gives each run

    n_i = max(1, round(w * b_i + (1 - w) * a_i))

frames, b_i what the duration predictor expects, and takes them from the run's own, evenly from its first to its last.
Everything is done on whole utterances at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.knnvc.private import DURATIONS_KIND, PHONES_KIND
from pseudovox.core.errors import DataError
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.models.conv_decoder import DurationPredictor, PhonePredictor

SILENCE = "sil"
# What else silence, noise and an unknown sound are called; in lower case.
_SILENCES = frozenset((SILENCE, "sp", "spn", "nsn", "ssil", "pau", "noise", "<eps>", ""))


def merged(label: str) -> str:
    """A phone's label, SILENCE for whatever is none: the one place where silences become one, in training and use."""
    return SILENCE if label.lower() in _SILENCES else label


def runs(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs of equal labels (frames,): their labels and numbers of frames, int64 (runs,) each."""
    labels = np.asarray(labels, np.int64)
    starts = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))
    return labels[starts], np.diff(starts, append=len(labels))


def new_durations(predicted: np.ndarray, actual: np.ndarray, weight: float) -> np.ndarray:
    """Frames that each run gets: max(1, round(weight * predicted + (1 - weight) * actual)), halves to even numbers.

    Args:
        predicted: frames (runs,), of any sign.
        actual: frames (runs,), 1 or more.
        weight: 0 (durations as they were) to 1 (as predicted).

    Returns:
        int64 (runs,)
    """
    mixed = weight * np.asarray(predicted, np.float64) + (1.0 - weight) * np.asarray(actual, np.float64)
    return np.maximum(1, np.rint(mixed).astype(np.int64))


def source_frames(actual: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Which frame of the source each new frame is: of a run's frames s ... s + a - 1 the n that are evenly spread.

    The j-th of n is s + floor(j * (a - 1) / (n - 1)), the first and the last among them; a single one is the first.

    Args:
        actual: frames of each run, int64 (runs,).
        durations: frames that it gets (runs,), 1 or more.

    Returns:
        int64 (sum of durations,)
    """
    actual, durations = np.asarray(actual, np.int64), np.asarray(durations, np.int64)
    first = np.repeat(np.cumsum(actual) - actual, durations)
    place = np.arange(durations.sum()) - np.repeat(np.cumsum(durations) - durations, durations)
    return first + place * np.repeat(actual - 1, durations) // np.maximum(np.repeat(durations - 1, durations), 1)


class Predictors:
    """The trained phone predictor and duration predictor of a system.

    Args:
        phones: model dir of kind phone_predictor.
        durations: model dir of kind duration_predictor; None = only phones are asked for.
        device: torch device.

    Attributes:
        phones: labels, in the order of their numbers.

    Raises:
        MissingModelError, DataError: as store.load; DataError too where the two do not know the same phones.
    """

    def __init__(self, phones: Path, durations: Path | None = None, device: str = "cpu") -> None:
        self.device = device
        self.network: PhonePredictor
        self.network, self.facts = store.load(phones, PHONES_KIND, device=device)
        self.phones: list[str] = list(self.facts["phones"])
        self.duration_network: DurationPredictor | None = None
        if durations is not None:
            self.duration_network, other = store.load(durations, DURATIONS_KIND, device=device)
            for key in ("phones", "frame_shift"):
                if other[key] != self.facts[key]:
                    raise DataError(f"{durations}: its {key} are not those of {phones}", store.REDO)

    def labels(self, features: np.ndarray) -> np.ndarray:
        """The phone of every frame: features float32 (frames, dimension) -> int64 (frames,), places in `phones`."""
        return self.network.most_likely(torch.as_tensor(features, device=self.device)).cpu().numpy()

    @torch.inference_mode()
    def durations(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Frames that each phone is expected to last, float32 (length,) for each sequence of phones int64 (length,)."""
        network = self.duration_network
        if network is None:
            raise ValueError("no duration predictor was given")
        if not sequences:
            return []
        rows = [torch.as_tensor(sequence) for sequence in sequences]
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=network.padding)
        found = network(padded.to(self.device)).cpu().numpy()
        return [row[: len(own)] for row, own in zip(found, rows, strict=True)]
