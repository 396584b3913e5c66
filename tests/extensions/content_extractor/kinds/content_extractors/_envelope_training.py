"""The training of envelope: the mean over the training speech."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pseudovox.kinds.content_extractors._envelope import BINS, FLOOR, STRIDE, Envelope

from pseudovox.components.content import log_mel
from pseudovox.data import audio
from pseudovox.data.datadir import DataDir
from pseudovox.models import store


def check(options: Any) -> None:
    """Nothing that could be wrong."""


def train(
    data: Sequence[DataDir], options: Any, seed: int, folder: Path, *, device: str, augment: Any, sources: Any = None
) -> dict[str, Any]:
    """Write the model dir."""
    network = Envelope(options.dimension, STRIDE)
    means = [
        network(log_mel(audio.load(part, utterance), BINS, FLOOR)).mean(0)
        for part in data for utterance in part.utterances
    ]  # fmt: skip
    network.mean += torch.stack(means).mean(0)
    facts = {"frame_shift_seconds": STRIDE / 100, "dimension": options.dimension, "validation": {}}
    hyperparameters = {"dimension": options.dimension, "stride": STRIDE}
    store.save(folder, network, kind="envelope", hyperparameters=hyperparameters, facts=facts)
    return facts
