"""Speech to semantic units: features of a self-supervised model or of the content extractor, and which unit each is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.knnvc import features
from pseudovox.core.errors import DataError
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.options import Features
    from pseudovox.stage.parallel import Utterance

CENTROIDS, RECURRENT = "semantic_units", "semantic_recurrent"  # kinds of models


class Semantic:
    """Tells the units of speech.

    Args:
        model: model dir of kind semantic_units or semantic_recurrent.
        options: which features; must be those that the model was made for.
        bottleneck: model dir of the content extractor, for features of that kind.
        device: torch device.

    Attributes:
        count: of the units.
        rate: units a second.

    Raises:
        DataError: units of other features. MissingModelError: as features.load and store.load.
    """

    def __init__(self, model: Path, options: Features, bottleneck: Path | None = None, device: str = "cpu") -> None:
        self.network, self.facts = store.load(model, CENTROIDS, RECURRENT, device=device)
        made_for = {"kind": options.kind, "layer": options.layer}
        if self.facts["features"] != made_for:
            raise DataError(f"{model}: units of {self.facts['features']}; the configuration says {made_for}")
        self.extract = features.load(options, bottleneck=bottleneck, device=device)
        self.device, self.count = device, int(self.network.count)
        self.shift, self.offset = self.extract.frame_shift, self.extract.offset
        self.rate = 1.0 / self.shift

    def __call__(self, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The units of signals, float32 (samples,) at 16 kHz: int64 (units,) of each, `rate` a second."""
        found = self.extract(signals)
        return [self.network(torch.from_numpy(one).to(self.device)).cpu().numpy() for (one,) in found]

    def aligned(self, units: np.ndarray, frames: int, frame_rate: float) -> np.ndarray:
        """Units at the middles of codec frames: int64 (frames,)."""
        times = (np.arange(frames) + 0.5) / frame_rate
        places = np.rint((times - self.offset) / self.shift).astype(np.int64)
        return units[np.clip(places, 0, len(units) - 1)]


class FeatureWorker:
    """Features of utterances, to make units of; gives {"features": (frames, dimension)}."""

    def __init__(self, options: Features, bottleneck: Path | None, *, device: str = "cpu") -> None:
        self.extract = features.load(options, bottleneck=bottleneck, device=device)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance, (found,) in zip(batch, self.extract([one.audio() for one in batch]), strict=True):
            yield utterance, {"features": found}


def units_of(model: Path) -> int:
    """How many units a model tells apart, from its card alone.

    Raises:
        MissingModelError, DataError: as store.read_card.
    """
    return int(store.read_card(model, CENTROIDS, RECURRENT)["hyperparameters"]["units"])
