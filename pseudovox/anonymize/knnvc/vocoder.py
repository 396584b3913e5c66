"""Speech from features, by a vocoder that was trained on them (or taken over) as steps/train_knnvc_vocoder.py does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.anonymize.knnvc.prematching import fitted
from pseudovox.components import world
from pseudovox.core.errors import DataError
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.worker import Speak

KIND = "feature_hifigan"


def speaker(model: Path, features: Features, level: float, device: str) -> Speak:
    """What worker.ConvertWorker has speak in the place of WORLD, on a device (arguments as of Vocoder)."""
    return Vocoder(model, features, level, device).speak


class Vocoder:
    """A trained vocoder.

    Args:
        model: its model dir.
        features: what it is to speak from; None = not checked.
        level: of the speech in decibels re full scale (see world.set_speech_level).
        device: torch device.

    Raises:
        MissingModelError: there is no model. DataError: it is another one, damaged, or made for other features.
    """

    def __init__(
        self, model: Path, features: Features | None = None, level: float = -26.0, device: str = "cpu"
    ) -> None:
        self.network, self.facts = store.load(model, KIND, device=device)
        self.level = level
        of = self.facts["features"]
        if features is not None and (of["kind"], of["layer"]) != (features.kind, features.layer):
            raise DataError(
                f"{model}: a vocoder for features of {of['kind']}, layer {of['layer']}; those of the system are of "
                f"{features.kind}, layer {features.layer}",
                f"--set system.options.features.kind={of['kind']} --set system.options.features.layer={of['layer']}, "
                "or train one on yours: steps/train_knnvc_vocoder.py",
            )

    @property
    def dimension(self) -> int:
        """Of the feature vectors."""
        return len(self.network.feature_mean)

    def speak(self, matched: torch.Tensor, original: np.ndarray, samples: int) -> np.ndarray:
        """Speech of matched features, (samples,), at silence as silent as the original (n,): see `__call__`."""
        return self(matched, samples, original)

    def __call__(
        self, features: np.ndarray | torch.Tensor, samples: int | None = None, original: np.ndarray | None = None
    ) -> np.ndarray:
        """Speech of features; long ones block by block.

        Args:
            features: (T, dimension), 20 ms each.
            samples: length of the result; None = 320 T.
            original: the recording (n,), whose silence is kept (see world.as_loud).

        Returns:
            float32 (samples,) in [-0.95, 0.95] at 16 kHz.

        Raises:
            DataError: features of another dimension, or none.
        """
        frames = torch.as_tensor(features)
        if frames.ndim != 2 or not len(frames) or frames.shape[1] != self.dimension:
            raise DataError(f"features {tuple(frames.shape)}: the vocoder was trained with (frames, {self.dimension})")
        speech = self.network.long(frames).numpy()
        if samples is not None:
            speech = fitted(speech, samples)
        if original is None:
            return world.set_speech_level(speech, self.level)
        return world.as_loud(speech, original, self.level)
