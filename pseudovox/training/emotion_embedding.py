"""Training of the emotion embedding: a bottleneck before a classifier of emotions."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import bytewise
from pseudovox.metrics import classification
from pseudovox.models import store
from pseudovox.models.emotion_embedding import EmotionEmbedding
from pseudovox.training.fit import Learner, finish, fit

if TYPE_CHECKING:
    from pseudovox.config import Training
    from pseudovox.evaluation.emotion import Corpus
    from pseudovox.evaluation.emotion_embedding import EmbeddingOptions

log = logging.getLogger("pseudovox")
KIND = "emotion_embedding"
Batch = dict[str, torch.Tensor]


class UtteranceBatches:
    """Numbered batches of utterances, each drawn anew.

    Args:
        vectors: float32 (utterances, inputs); classes: int64 (utterances,).
        held_out: bool (utterances,), those that are validated on.
        size: utterances of a batch; seed: of the draws.
    """

    def __init__(self, vectors: np.ndarray, classes: np.ndarray, held_out: np.ndarray, size: int, seed: int) -> None:
        self.columns = {"vectors": torch.from_numpy(vectors), "classes": torch.from_numpy(classes)}
        self.rows, self.held_out = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        self.size, self.seed = min(size, len(self.rows)), seed

    def batch(self, index: int) -> Batch:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "emotion-batch", str(index))
        return self._of(draw.choice(self.rows, self.size, replace=False))

    def validation(self) -> list[Batch]:
        """The held-out utterances in one batch."""
        return [self._of(self.held_out)] if len(self.held_out) else []

    def _of(self, rows: np.ndarray) -> Batch:
        return {name: column[torch.from_numpy(rows)] for name, column in self.columns.items()}


class EmotionLearner(Learner):
    """Cross-entropy of emotions, each class of the same weight.

    Args:
        network, training, seed: as of Learner.
        weights: (classes,), of the classes' utterances.
    """

    network: EmotionEmbedding

    def __init__(self, network: EmotionEmbedding, training: Training, seed: int, weights: torch.Tensor) -> None:
        super().__init__(network, training, seed)
        self.weights = weights

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        told = self.network.head(self.network(batch["vectors"]))
        return functional.cross_entropy(told, batch["classes"], self.weights.to(told.device))


def train(
    corpus: Corpus, options: EmbeddingOptions, seed: int, folder: Path, *, facts: dict[str, Any], device: str
) -> dict[str, Any]:  # fmt: skip
    """Train an emotion embedding and write its model dir.

    Args:
        corpus: utterances with their features, emotions and speakers.
        options: of the embedding.
        seed: of every draw.
        folder: the model dir; a checkpoint in it is gone on from, and removed in the end.
        facts: what else the model's users must know.
        device: "cpu" or "cuda".

    Returns:
        the model's facts

    Raises:
        DataError: fewer than two classes or two speakers, or a class that only held-out speakers show.
    """
    classes, speakers = bytewise(set(corpus.labels)), bytewise(set(corpus.speakers))
    if len(classes) < 2 or len(speakers) < 2:
        raise DataError(f"utt2emo: {len(classes)} emotions of {len(speakers)} speakers; two of both are needed")
    order = sorted(speakers, key=lambda speaker: seeds.seed_for(seed, "held-out-speaker", speaker))
    count = min(max(round(options.held_out * len(speakers)), 1), len(speakers) - 1) if options.held_out > 0 else 0
    held_out = np.isin(corpus.speakers, order[:count])
    numbers = np.array([classes.index(label) for label in corpus.labels])
    counts = np.bincount(numbers[~held_out], minlength=len(classes))
    if not counts.all():
        raise DataError(f"utt2emo: only held-out speakers show {classes[int(counts.argmin())]}")
    hyperparameters = {
        "inputs": corpus.vectors.shape[1], "hidden": options.hidden, "dimension": options.dimension,
        "classes": len(classes), "dropout": options.dropout,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "emotion-weights"))
        network: Any = store.build(KIND, hyperparameters)
        heard = corpus.vectors[~held_out]
        scale = heard.std(0)
        network.mean.copy_(torch.as_tensor(heard.mean(0)))
        network.scale.copy_(
            torch.as_tensor(np.where(scale > 1e-8 * np.maximum(1.0, np.abs(heard.mean(0))), scale, 1.0))
        )
    weights = torch.as_tensor(counts.sum() / len(classes) / counts, dtype=torch.float32)
    learner = EmotionLearner(network, options.training, seed, weights)
    batches = UtteranceBatches(
        corpus.vectors.astype(np.float32), numbers, held_out, options.training.batch_size, seed
    )  # fmt: skip
    fit(learner, batches, folder, device=device)
    network.cpu().eval()
    facts = {**facts, "classes": classes, "speakers": len(speakers) - count}
    if count:
        [held] = batches.validation()
        with torch.inference_mode():
            told = network.head(network(held["vectors"])).argmax(1).numpy()
        truth = [classes[number] for number in held["classes"].numpy()]
        confusion = classification.confusion_matrix(truth, [classes[number] for number in told], classes)
        facts["validation"] = {
            "speakers": count, "uar": round(classification.unweighted_average_recall(confusion), 1),
        }  # fmt: skip
        log.info("emotion embedding: UAR %.1f %% on %d held-out speakers", facts["validation"]["uar"], count)
    finish(folder, network, kind=KIND, hyperparameters=hyperparameters, facts=facts)
    return facts
