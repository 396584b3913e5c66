"""Training of the acoustic model: WORLD frames of clean speech from content that may come from noisy speech.

What is slow, F0, WORLD analysis and content, is computed once per utterance by worker processes and kept in
archives (`FramesWorker`); training reads chunks of it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.components import content, f0, world
from pseudovox.core import seeds
from pseudovox.training.alteration import alter
from pseudovox.training.data import FeatureCache, cut, emphasis
from pseudovox.training.fit import Learner, finish, fit
from pseudovox.training.voice_chunks import ChunkBatches, Key, model_facts

if TYPE_CHECKING:
    from pseudovox import config
    from pseudovox.data.datadir import DataDir
    from pseudovox.kinds.synthesizers import world as world_kind
    from pseudovox.models.synthesizer import SynthesizerNetwork
    from pseudovox.stage.parallel import Utterance

log = logging.getLogger("pseudovox")
FRAMES_PER_SECOND = 100
LEVEL = -26.0  # decibels; targets are made at one level, since nothing in the input tells the recording's
MOST_SPREAD = 2.0  # coefficients that the network hardly knows are not blown up further
ARRAYS = ("f0", "world", "content", "altered")  # what FramesWorker makes: see there
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class FramesWorker:
    """Everything that training needs of an utterance, made in a worker process.

    Gives `f0` (frames,), `content` (frames', dimension), `altered`, the same from an augmented copy (without `augment`,
    from the speech itself), and the target:
    `world` (frames, envelope + aperiodicity) of the speech at one level, or, without coefficients, that speech itself,
    `wave` (samples,).

    With `alter`, the augmented copy is heard in another voice, too: its vocal tract is of another length, say. What of
    the voice is still in the content then tells the synthesizer nothing, and it learns to take it from the x-vector.
    """

    def __init__(
        self, model: Path, pitch: config.F0, coefficients: int, seed: int, augment: Augment | None,
        alter: config.Alteration | None = None, *, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.extract = content.load(model, device)
        self.alter = alter
        self.pitch, self.coefficients, self.seed, self.augment = pitch, coefficients, seed, augment

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            samples = world.set_speech_level(utterance.audio(), LEVEL)
            contour = f0.extract(samples, self.pitch)
            if self.coefficients:
                analysis = world.analyse(samples, contour, self.coefficients)
                target = {"world": np.concatenate([analysis.envelope, analysis.aperiodicity], axis=1)}
            else:
                target = {"wave": samples}
            content = altered = self.extract(samples)
            if self.augment is not None:
                draw = seeds.generator(self.seed, "augment", utterance.id)
                change = None if self.alter is None else functools.partial(self._in_other_voice, draw=draw)
                altered = self.extract(self.augment(samples, draw), change)
            yield (
                utterance,
                {
                    "f0": contour,
                    **target,
                    "content": content,
                    "altered": altered,
                },
            )

    def _in_other_voice(self, frames: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        assert self.alter is not None
        return alter(frames, self.alter, draw)[0]


class SynthesizerBatches(ChunkBatches):
    """Numbered batches of chunks: content, log F0, voicing, voice, and the normalised target (see ChunkBatches)."""

    options: world_kind.Options

    def __init__(
        self, data: Sequence[DataDir], frames: Path, xvectors: Path, options: world_kind.Options, stride: int, seed: int
    ) -> None:
        super().__init__(data, frames, ARRAYS, xvectors, options, stride, seed)
        self.cache: FeatureCache[Key, tuple[np.ndarray, ...]] = FeatureCache(
            self._read, int(options.cache_gigabytes * 1e9)
        )
        self.mean = np.zeros(0, np.float32)
        self.deviation = np.zeros(0, np.float32)

    def _read(self, key: Key) -> tuple[np.ndarray, ...]:
        """(log F0, voiced, world, content, altered content) of an utterance."""
        number, utterance = key
        contour, *others = (self.archives[number][name][utterance] for name in ARRAYS)
        return (*f0.interpolate(contour), *others)

    def set_statistics(self, network: SynthesizerNetwork) -> None:
        """Give the network (and the batches) the means and deviations of targets, F0 and x-vectors."""
        log_f0, voiced, frames = (
            np.concatenate([self.cache[key][index] for key in self.sample()]) for index in range(3)
        )
        envelope = network.envelope
        self.mean, self.deviation = frames.mean(0), np.maximum(frames.std(0), 1e-3)
        spoken = voiced > 0
        if spoken.any():
            # Unvoiced frames are 0 dB by definition and count nowhere.
            self.mean[envelope:] = frames[spoken, envelope:].mean(0)
            self.deviation[envelope:] = np.maximum(frames[spoken, envelope:].std(0), 1e-3)
            network.f0_statistics.copy_(torch.tensor([log_f0[spoken].mean(), max(log_f0[spoken].std(), 1e-3)]))
        self.deviation[:envelope] /= emphasis(self.deviation[:envelope], self.options.emphasis)
        network.target_mean.copy_(torch.from_numpy(self.mean))
        network.target_deviation.copy_(torch.from_numpy(self.deviation))
        network.xvector_mean.copy_(torch.from_numpy(self.voices.mean()))

    def _chunk(self, key: Key, place: float, altered: bool, mean: bool) -> tuple[np.ndarray, ...]:
        log_f0, voiced, frames, *contents = self.cache[key]
        content = contents[int(altered)]
        length = round(self.options.chunk_seconds * FRAMES_PER_SECOND / self.stride)
        count = min(len(content), len(frames) // self.stride)
        start = int(place * max(1, count - length + 1))
        whole = count * self.stride
        fine = [cut(array[:whole], start * self.stride, length * self.stride) for array in (log_f0, voiced, frames)]
        target = (fine[2] - self.mean) / self.deviation
        return cut(content[:count], start, length), fine[0], fine[1], self.voices.of(key, mean=mean), target


class SynthesizerLearner(Learner):
    """Absolute error of the scaled frames; the aperiodicity counts where there is voice."""

    network: SynthesizerNetwork

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        content, log_f0, voiced, xvector, target = batch
        difference = self.network(content, log_f0, voiced, xvector) - target
        envelope = difference[..., : self.network.envelope]
        aperiodicity = difference[..., self.network.envelope :].abs().mean(2)
        if stage == "valid":
            self.log("valid/mel_cepstral_distortion", distortion(self.network, difference), batch_size=1)
        return envelope.abs().mean() + 0.1 * (aperiodicity * voiced).sum() / voiced.sum().clamp(min=1)


def distortion(network: SynthesizerNetwork, difference: torch.Tensor) -> torch.Tensor:
    """Mel-cepstral distortion in decibels, without the level, of a difference of normalised frames (..., targets).

    WORLD's codec is orthonormal, so this is the root mean square distance of the log spectra on the mel axis.
    """
    natural = (difference * network.target_deviation)[..., 1 : network.envelope]
    return 10 / np.log(10) * natural.square().sum(-1).sqrt().mean()


@torch.no_grad()
def measure_spread(network: SynthesizerNetwork, batches: SynthesizerBatches) -> torch.Tensor:
    """How much more each envelope coefficient varies over an utterance in natural speech than as predicted.

    Returns:
        ratio of standard deviations (envelope,), within [1, MOST_SPREAD].
    """
    natural, predicted = torch.zeros(network.envelope), torch.zeros(network.envelope)
    for key in batches.sample(100):
        log_f0, voiced, frames, content, _ = batches.cache[key]
        arrays = (content, log_f0, voiced, batches.voices.of(key, mean=True))
        inputs = [torch.from_numpy(array).unsqueeze(0) for array in arrays]
        out, _ = network.predict(inputs[0], inputs[1], inputs[2], inputs[3], sharpen=0.0)
        natural += torch.from_numpy(frames[:, : network.envelope]).var(0)
        predicted += out[0].var(0)
    return torch.sqrt(natural / predicted).clamp(1.0, MOST_SPREAD)


def train(
    data: Sequence[DataDir], frames: Path, xvectors: Path, options: world_kind.Options, stride: int, seed: int,
    folder: Path, *, device: str,
) -> dict[str, Any]:  # fmt: skip
    """Train an acoustic model and write its model dir.

    Args:
        data, frames, xvectors, stride: see ChunkBatches.
        options: section of the configuration.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".

    Returns:
        the model's facts.
    """
    from pseudovox.models import store

    batches = SynthesizerBatches(data, frames, xvectors, options, stride, seed)
    hyperparameters = {
        "bottleneck": batches.bottleneck, "stride": stride, "xvector": batches.voices.dimension,
        "envelope": options.coefficients, "aperiodicity": world.APERIODICITIES, "channels": options.channels,
        "kernel": options.kernel, "dilations": list(options.dilations), "speaker": options.speaker,
        "dropout": options.dropout,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "synthesizer-weights"))
        network: Any = store.build("synthesizer", hyperparameters)
    log.info("acoustic model: %d parameters", sum(parameter.numel() for parameter in network.parameters()))
    batches.set_statistics(network)
    learner = SynthesizerLearner(network, options.training, seed)
    fit(learner, batches, folder, device=device)
    network.cpu().eval()
    network.spread.copy_(measure_spread(network, batches))
    facts = model_facts(batches, data, validate(network, batches))
    finish(folder, network, kind="synthesizer", hyperparameters=hyperparameters, facts=facts)
    return facts


@torch.inference_mode()
def validate(network: SynthesizerNetwork, batches: SynthesizerBatches) -> dict[str, float]:
    """Mel-cepstral distortion in decibels of the finished network on held-out chunks; empty without any."""
    found = {}
    for *inputs, target in batches.validation():
        found["mel_cepstral_distortion"] = round(float(distortion(network, network(*inputs) - target)), 3)
    return found
