"""Training of the vocoder of kNN voice conversion: HiFi-GAN on features that are matched as in a conversion.

Prematched training (Baas, van Niekerk and Kamper 2023): every frame of an utterance is replaced by the mean of its k
nearest frames in the other utterances of its speaker, and the vocoder learns to make the utterance's own waveform of
them. What it is given in training is then like what it is given in a conversion.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize.knnvc.vocoder_options import SECTION
from pseudovox.core import seeds
from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.models.feature_hifigan import FRAME
from pseudovox.training.data import cut
from pseudovox.training.fit import finish, fit
from pseudovox.training.vocoder import AdversarialLearner, check_reconstruction
from pseudovox.training.voice_chunks import Batch, Chunks, Key, stacked

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.vocoder_options import Vocoder
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
ARRAYS = ("features", "wave")
VALIDATION_FRAMES = 100


class FeatureBatches(Chunks):
    """Numbered batches of segments: features (B, T, dimension), and the waveform (B, 320 * T).

    Args:
        data: data dirs.
        frames: root of what `knnvc.prematching.PrematchWorker` made.
        options: section `system.options.vocoder`.
        seed: of every draw.
    """

    def __init__(self, data: Sequence[DataDir], frames: Path, options: Vocoder, seed: int) -> None:
        super().__init__(data, frames, ARRAYS, options.validation, seed)
        self.options = options

    @property
    def dimension(self) -> int:
        """Of the feature vectors."""
        number, utterance = self.utterances[0]
        return self.archives[number]["features"].rows(utterance, 0, 1).shape[1]

    def statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation (dimension,) of the features of some 300 utterances."""
        count, total, square = 0, np.zeros(self.dimension), np.zeros(self.dimension)
        for number, utterance in self.sample():
            frames = self.archives[number]["features"][utterance].astype(np.float64)
            count, total, square = count + len(frames), total + frames.sum(0), square + np.square(frames).sum(0)
        mean = total / count
        deviation = np.sqrt(np.maximum(square / count - np.square(mean), 0.0))
        floor = max(1e-3 * float(deviation.mean()), 1e-8)  # a constant stays one
        return torch.from_numpy(mean).float(), torch.from_numpy(np.maximum(deviation, floor)).float()

    def batch(self, index: int) -> Batch:
        """The index-th batch: utterances by chance, each as often as any other, and places in them."""
        draw = seeds.generator(self.seed, "knn-vocoder-batch", str(index))
        chosen = draw.integers(len(self.utterances), size=self.options.training.batch_size)
        places = draw.random(len(chosen))
        return stacked(
            [
                self._segment(self.utterances[number], place, self.options.segment_frames)
                for number, place in zip(chosen, places, strict=True)
            ]
        )

    def validation(self) -> list[Batch]:
        """One batch: two seconds from the middles of the held-out utterances."""
        rows = [self._segment(key, 0.5, VALIDATION_FRAMES) for key in self.held_out]
        return [stacked(rows)] if rows else []

    def _segment(self, key: Key, place: float, length: int) -> tuple[np.ndarray, np.ndarray]:
        """`length` frames and their samples, from `place` on, 0 (the beginning) to 1; repeated if there are fewer."""
        features, wave = (self.archives[key[0]][name] for name in ARRAYS)
        count = self._count(key)
        start = int(place * max(1, count - length + 1))
        wanted = min(length, count - start)
        samples = wave.rows(key[1], start * FRAME, wanted * FRAME)
        return cut(features.rows(key[1], start, wanted), 0, length), cut(samples, 0, length * FRAME)

    def _count(self, key: Key) -> int:
        return self.archives[key[0]]["features"].length(key[1])


class FeatureVocoderLearner(AdversarialLearner):
    """HiFi-GAN that is told features alone."""

    def speech(self, batch: Any, stage: str) -> tuple[torch.Tensor, torch.Tensor]:
        features, target = batch
        return self.network(features), target


def build(options: Vocoder, dimension: int, *, weight_norm: bool = False) -> tuple[Any, dict[str, Any]]:
    """A vocoder of the configured sizes for features of a dimension, and its hyperparameters in models.store.

    Raises:
        UsageError: sizes that do not belong together.
    """
    hyperparameters = {"features": dimension, **vars(options.network)}
    extra = {"weight_norm": True} if weight_norm else {}
    try:
        return store.build("feature_hifigan", {**hyperparameters, **extra}), hyperparameters
    except ValueError as error:
        raise UsageError(f"{SECTION}.network: {error}") from None


def train(
    data: Sequence[DataDir], frames: Path, options: Vocoder, facts: dict[str, Any], seed: int, folder: Path, *,
    device: str,
) -> dict[str, Any]:  # fmt: skip
    """Train a vocoder and write its model dir.

    Args:
        data, frames: see FeatureBatches.
        options: section `system.options.vocoder`.
        facts: what the model dir says of the features besides their dimension (see prematching.facts_of).
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".

    Returns:
        the model's facts.

    Raises:
        UsageError: sizes that do not belong together, or a reconstruction that is none.
    """
    check_reconstruction(options.adversarial, f"{SECTION}.adversarial")
    batches = FeatureBatches(data, frames, options, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "knn-vocoder-weights"))
        network, hyperparameters = build(options, batches.dimension, weight_norm=True)
        learner = FeatureVocoderLearner(network, options, seed, hop=options.mel_hop)
    log.info("vocoder: %d parameters", sum(parameter.numel() for parameter in network.parameters()))
    mean, deviation = batches.statistics()
    network.feature_mean.copy_(mean)
    network.feature_deviation.copy_(deviation)
    fit(learner, batches, folder, device=device)
    learner.cpu().eval()
    network.fold()
    with torch.no_grad():
        losses = [float(learner.loss(batch, "valid")) for batch in batches.validation()]
    validation = {"mel_loss": round(losses[0], 4)} if losses else {}
    facts = {**facts, "dimension": batches.dimension, "validation": validation}
    finish(folder, network, kind="feature_hifigan", hyperparameters=hyperparameters, facts=facts)
    return facts
