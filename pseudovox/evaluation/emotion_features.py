"""What an emotion classifier sees of an utterance: statistics of prosody and spectrum, or a network's outputs.

x-vectors are made to tell voices and may drop the emotion with everything else that changes within a speaker, so the
statistics of F0, energy and cepstra are there as well (the functionals that emotion recognisers took before networks).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.components import f0
from pseudovox.config import F0
from pseudovox.data import features
from pseudovox.data.utterance import read_audio
from pseudovox.models import pretrained

if TYPE_CHECKING:
    from pseudovox.config import Config, Emotion, Pitch
    from pseudovox.stage import Utterance

KINDS = ("prosody", "xvector", "wav2vec2")  # of features that a classifier may be given
# The array of each kind of features, of `content` (for the emotion embedding), and of `dimensions`: arousal, dominance,
# valence and embedding of a network.
ARRAYS = {
    "prosody": "features", "xvector": "xvector", "wav2vec2": "features", "content": "features",
    "dimensions": "features",
}  # fmt: skip
CEPSTRA = 12
SPEECH_DECIBELS = 35.0  # a frame so far under the loud ones (95th percentile) is a pause
_PITCH = ("mean", "deviation", "low", "high", "range", "change", "slope", "voiced_share", "voiced_runs_per_second")
_ENERGY = ("mean", "deviation", "low", "change", "speech_share", "speech_seconds")
NAMES = (
    *(f"pitch_{name}" for name in _PITCH),
    *(f"energy_{name}" for name in _ENERGY),
    *(f"cepstrum_{number}_{name}" for name in ("mean", "deviation", "change") for number in range(1, CEPSTRA + 1)),
)


def prosody_statistics(samples: np.ndarray, options: Pitch) -> np.ndarray:
    """Statistics of F0, energy and cepstra, float32 (len(NAMES),).

    F0 in semitones re 100 Hz over voiced frames (deviation, 5th and 95th percentile, their distance, mean absolute
    change from frame to frame, regression slope per second); energy in decibels re the loud frames, and cepstra, over
    the frames that are no pauses. The level itself is left out: a system sets it as it likes, and so does whoever
    turns the recording up. Where nothing is voiced, the pitch is 0.

    Args:
        samples: (samples,) at 16 kHz.
        options: section `pitch`: method and range of F0.
    """
    contour = f0.extract(samples, F0(method=options.method, floor=options.floor, ceiling=options.ceiling))
    level = 10 / np.log(10) * features.log_energy(samples).numpy().astype(np.float64)
    level = np.maximum(level - np.percentile(level, 95), -2 * SPEECH_DECIBELS)
    speech = level > -SPEECH_DECIBELS
    cepstra = features.mfcc(samples, coefficients=CEPSTRA + 1, floor_decibels=45.0).numpy().astype(np.float64)
    cepstra = cepstra[: len(speech), 1:][speech[: len(cepstra)]]
    change = np.abs(np.diff(cepstra, axis=0)).mean(0) if len(cepstra) > 1 else np.zeros(CEPSTRA)
    loud = level[speech]
    energy = [
        loud.mean(), loud.std(), np.percentile(loud, 10), np.abs(np.diff(loud)).mean() if len(loud) > 1 else 0.0,
        speech.mean(), speech.sum() / 100,
    ]  # fmt: skip
    found = [*_pitch_statistics(contour), *energy, *cepstra.mean(0), *cepstra.std(0), *change]
    return np.array(found, np.float32)


def _pitch_statistics(contour: np.ndarray) -> list[float]:
    voiced = contour > 0
    if voiced.sum() < 2:
        return [0.0] * len(_PITCH)
    semitones = 12 * np.log2(contour[voiced].astype(np.float64) / 100)
    times = np.flatnonzero(voiced) / 100
    joined = np.diff(np.flatnonzero(voiced)) == 1
    change = np.abs(np.diff(semitones))[joined]
    low, high = np.percentile(semitones, [5, 95])
    slope = np.cov(times, semitones, bias=True)[0, 1] / times.var()
    runs = 1 + int((~joined).sum())
    return [
        semitones.mean(), semitones.std(), low, high, high - low, change.mean() if len(change) else 0.0, slope,
        voiced.mean(), runs / (len(contour) / 100),
    ]  # fmt: skip


class ProsodyWorker:
    """Gives {"features": (len(NAMES),)} of utterances.

    Args:
        options: section `pitch`.
    """

    def __init__(self, options: Pitch, *, device: str = "cpu") -> None:
        self.options = options

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            yield utterance, {"features": prosody_statistics(utterance.given(self.read), self.options)}


class Wav2vec2Worker:
    """Gives {"features": (2 x width,)} of utterances: mean and deviation over time of a layer of a wav2vec 2.0 model.

    Args:
        options: section `emotion`: bundle, weights, layer.

    Raises:
        MissingModelError, DataError: as pretrained.read_weights.
    """

    def __init__(self, options: Emotion, *, device: str = "cpu") -> None:
        from pseudovox.models import store, wav2vec2

        bundle = pretrained.bundle_of(options.bundle)
        network = store.build("wav2vec2", wav2vec2.from_bundle(bundle))
        weights = pretrained.read_weights(options.bundle, options.weights, "emotion.weights")
        pretrained.load_into(network, wav2vec2.own_weights(bundle, weights), options.weights or options.bundle)
        self.network: Any = network.eval().to(device)
        self.device, self.layer = device, options.layer

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            yield utterance, {"features": self.network.statistics(utterance.given(self.read), self.device, self.layer)}


class DimensionsWorker:
    """Gives {"features": (3 + width,)} of utterances: arousal, dominance, valence and the embedding they come from.

    Args:
        weights: file of the network's weights; "" = where local/download.py puts them.

    Raises:
        MissingModelError, DataError: as models.emotion_network.load.
    """

    def __init__(self, weights: str, *, device: str = "cpu") -> None:
        from pseudovox.models import emotion_network

        self.network: Any = emotion_network.load(weights, "emotion.dimensions_weights").to(device)
        self.device = device

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            yield utterance, {"features": np.concatenate(self.network.rate(utterance.given(self.read), self.device))}


class ContentWorker:
    """Gives {"features": (2 x dimension,)} of utterances: mean and deviation over time of the content features.

    Args:
        model: model dir of the content extractor.
    """

    def __init__(self, model: Path, *, device: str = "cpu") -> None:
        from pseudovox.components import content

        self.extract = content.load(model, device)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            found = self.extract(utterance.audio())
            yield utterance, {"features": np.concatenate([found.mean(0), found.std(0)]).astype(np.float32)}


def settings(kind: str, config: Config) -> Any:
    """What of the configuration decides a kind of features."""
    options = config.emotion
    return {
        "prosody": config.pitch,
        "xvector": {},
        "content": {},
        "wav2vec2": {"bundle": options.bundle, "layer": options.layer},
        "dimensions": {},
    }[kind]


def worker(kind: str, config: Config, model: Path | None) -> Callable[..., Any]:
    """What makes the worker of a kind of features, once it is sure that what it needs is there.

    Args:
        kind: one of ARRAYS.
        config: sections `emotion`, `pitch`.
        model: the x-vector extractor, for the kind xvector, or the content extractor, for the kind content.

    Raises:
        ValueError: there is none.
        MissingModelError: weights, or the package that measures F0, are not there.
    """
    options = config.emotion
    if kind == "prosody":
        prosody_statistics(np.zeros(1600, np.float32), config.pitch)  # is its package there?
        return functools.partial(ProsodyWorker, config.pitch)
    if kind == "wav2vec2":
        pretrained.weights_file(options.bundle, options.weights, "emotion.weights")
        return functools.partial(Wav2vec2Worker, options)
    if kind == "dimensions":
        weights = options.dimensions_weights
        pretrained.weights_file("WAV2VEC2_EMOTION_DIMENSIONS", weights, "emotion.dimensions_weights")
        return functools.partial(DimensionsWorker, weights)
    if model is None:
        raise ValueError(f"features {kind}: no model that extracts them")
    if kind == "content":
        return functools.partial(ContentWorker, model)
    from pseudovox.components.embeddings import EmbeddingWorker

    return functools.partial(EmbeddingWorker, model)
