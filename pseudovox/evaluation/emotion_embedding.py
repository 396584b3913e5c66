"""The embedding of an utterance's emotion, which a synthesizer may be given beside an anonymized voice.

NTU-NPU's systems 1b and 2a in the VoicePrivacy Challenge 2024 give the source's to baseline B3; by which extractor was
not published. Two are here:

ser         a small network of ours (models.emotion_embedding) on statistics of prosody, content or voice, which
            steps/train_emotion.py trains to tell emotions
wav2vec2    what audeering's network (models.emotion_network) rates arousal, dominance and valence by
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.config import Training
from pseudovox.core.errors import UsageError
from pseudovox.evaluation import emotion_features
from pseudovox.metrics.dimensions import DIMENSIONS
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.config import Config
    from pseudovox.stage import Utterance

EXTRACTORS = ("ser", "wav2vec2")
FEATURES = ("prosody", "content", "xvector")
KIND = "emotion_embedding"  # of model dirs


@dataclass
class EmbeddingOptions:
    """Section `system.options.emotion`."""

    extractor: str = "ser"  # or wav2vec2
    features: list[str] = field(default_factory=lambda: ["prosody", "content"])  # of ser: some of FEATURES
    hidden: int = 128  # width of ser's first layer
    dimension: int = 8  # of ser's embedding: the fewer, the less of the speaker passes
    dropout: float = 0.5
    held_out: float = 0.2  # share of the speakers that is validated on
    training: Training = field(
        default_factory=lambda: Training(
            updates=400, round_updates=25, batch_size=64, weight_decay=0.01, keep="best", threads=1
        )
    )

    def check(self) -> None:
        """UsageError for options that cannot be."""
        where = "system.options.emotion"
        if self.extractor not in EXTRACTORS:
            raise UsageError(f"{where}.extractor {self.extractor!r}: expected {' or '.join(EXTRACTORS)}")
        if not self.features or any(kind not in FEATURES for kind in self.features):
            raise UsageError(f"{where}.features {self.features}: expected some of {', '.join(FEATURES)}")
        if min(self.hidden, self.dimension) < 1 or not 0 <= self.dropout < 1 or not 0 <= self.held_out < 1:
            raise UsageError(f"{where}: hidden and dimension from 1, dropout and held_out from 0 to below 1")


@dataclass
class SystemOptions:
    """Of a system's own keys, those that the emotion embedding's steps know."""

    emotion: EmbeddingOptions = field(default_factory=EmbeddingOptions)


@dataclass(frozen=True)
class Models:
    """Model dirs that features need: the x-vector extractor (xvector), the content extractor (content)."""

    xvector: Path | None = None
    bottleneck: Path | None = None

    def of(self, kind: str) -> Path | None:
        """The one that features of a kind need; None = they need none.

        Raises:
            UsageError: it was not given.
        """
        if kind not in ("xvector", "content"):
            return None
        option = "--xvector" if kind == "xvector" else "--bottleneck"
        given = self.xvector if kind == "xvector" else self.bottleneck
        if given is None:
            raise UsageError(f"features {kind} of the emotion embedding need {option}, a model dir")
        return given


class EmotionWorker:
    """Gives {"emotion": (dimension,)} of utterances: an emotion embedding by the network of a model dir.

    Args:
        model: of steps/train_emotion.py.
        sources: makes the worker of each kind of features, in the order in which the network takes them.
    """

    def __init__(self, model: Path, sources: Sequence[tuple[str, Callable[..., Any]]], *, device: str = "cpu") -> None:
        self.network, _ = store.load(model, KIND)
        self.sources = [(emotion_features.ARRAYS[kind], make(device=device)) for kind, make in sources]

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        import torch

        for utterance in batch:
            parts = []
            for array, source in self.sources:
                ((_, found),) = source.process([utterance])
                parts.append(found[array])
            vector = torch.as_tensor(np.concatenate(parts)[None], dtype=torch.float32)
            with torch.inference_mode():
                yield utterance, {"emotion": self.network(vector)[0].numpy()}


class DimensionsEmbeddingWorker:
    """Gives {"emotion": (width,)} of utterances: the embedding alone of emotion_features.DimensionsWorker."""

    def __init__(self, weights: str, *, device: str = "cpu") -> None:
        self.inner = emotion_features.DimensionsWorker(weights, device=device)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance, found in self.inner.process(batch):
            yield utterance, {"emotion": found["features"][len(DIMENSIONS) :]}


def worker(options: EmbeddingOptions, config: Config, model: Path | None, models: Models) -> Callable[..., Any]:
    """What makes the worker of an extractor, once it is sure that what it needs is there.

    Args:
        options: which extractor.
        config: sections `emotion` (weights of wav2vec2) and `pitch`.
        model: the model dir of `ser`; its card says which features it takes.
        models: model dirs that these need.

    Raises:
        UsageError: a model dir was not given.
        MissingModelError, DataError: as store.load, and emotion_features.worker.
    """
    if options.extractor == "wav2vec2":
        emotion_features.worker("dimensions", config, None)  # are the weights there?
        return functools.partial(DimensionsEmbeddingWorker, config.emotion.dimensions_weights)
    if model is None:
        raise UsageError("the extractor ser of the emotion embedding needs --model, of steps/train_emotion.py")
    kinds = features_of(model)
    sources = [(kind, emotion_features.worker(kind, config, models.of(kind))) for kind in kinds]
    return functools.partial(EmotionWorker, model, sources)


def features_of(model: Path) -> list[str]:
    """The kinds of features that a model of steps/train_emotion.py takes; MissingModelError, DataError as read_card."""
    return [str(kind) for kind in store.read_card(model, KIND)["facts"].get("features", [])]
