"""Training of the neural vocoders: harmonic_noise by a spectral loss, HiFi-GAN against discriminators.

F0, content and the speech at one level are made once by worker processes (training.synthesizer.FramesWorker without
coefficients); training reads the rows of a segment from these archives, never a whole utterance's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from pseudovox.components import f0
from pseudovox.core import seeds
from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.models.discriminators import Discriminators
from pseudovox.models.vocoder import HOP, Conditions
from pseudovox.training import spectral
from pseudovox.training.data import FeatureCache, cut
from pseudovox.training.fit import Learner, finish, fit, fused
from pseudovox.training.synthesizer import FRAMES_PER_SECOND
from pseudovox.training.voice_chunks import ChunkBatches, Key, model_facts

if TYPE_CHECKING:
    from pseudovox.config import Training
    from pseudovox.data.datadir import DataDir
    from pseudovox.kinds.synthesizers import harmonic_noise, hifigan

    VocoderOptions = harmonic_noise.Options | hifigan.Options

log = logging.getLogger("pseudovox")
ARRAYS = ("f0", "wave", "content", "altered")  # what FramesWorker makes without coefficients
RECONSTRUCTIONS = ("mel", "stft")


class VocoderBatches(ChunkBatches):
    """Numbered batches of segments: the five parts of Conditions, and the waveform (B, HOP * T) (see ChunkBatches)."""

    def __init__(
        self, data: Sequence[DataDir], frames: Path, xvectors: Path, options: VocoderOptions, stride: int, seed: int
    ) -> None:
        super().__init__(data, frames, ARRAYS, xvectors, options, stride, seed)
        self.melodies: FeatureCache[Key, tuple[np.ndarray, ...]] = FeatureCache(
            self._melody, int(options.cache_gigabytes * 1e9)
        )

    def _melody(self, key: Key) -> tuple[np.ndarray, ...]:
        """(log F0, voiced, mean and deviation of F0) of an utterance: small, and needed as a whole."""
        contour = self.archives[key[0]]["f0"][key[1]]
        return (*f0.interpolate(contour), f0.mean_and_deviation(contour))

    def statistics(self) -> np.ndarray:
        """Mean and deviation of log F0 over the voiced frames of some 300 utterances, float32 (2,)."""
        values = [log_f0[voiced > 0] for log_f0, voiced, _ in (self.melodies[key] for key in self.sample())]
        spoken = np.concatenate(values)
        if not len(spoken):
            return np.array([5.0, 0.4], np.float32)
        return np.array([spoken.mean(), max(float(spoken.std()), 1e-3)], np.float32)

    def _chunk(self, key: Key, place: float, altered: bool, mean: bool) -> tuple[np.ndarray, ...]:
        number, utterance = key
        archives, stride = self.archives[number], self.stride
        log_f0, voiced, statistics = self.melodies[key]
        length = round(self.options.chunk_seconds * FRAMES_PER_SECOND / stride)
        count = max(1, (len(log_f0) - 1) // stride)  # content vectors whose samples are all there
        start = int(place * max(1, count - length + 1))
        wanted = min(length, count - start)
        content = archives["altered" if altered else "content"].rows(utterance, start, wanted)
        wave = archives["wave"].rows(utterance, start * stride * HOP, wanted * stride * HOP)
        # What is shorter than a segment is repeated.
        return (
            cut(content, 0, length),
            *(cut(array[: count * stride], start * stride, length * stride) for array in (log_f0, voiced)),
            self.voices.of(key, mean=mean),
            statistics,
            cut(wave, 0, length * stride * HOP),
        )


class Reconstruction(Protocol):
    """What a training by spectra is told: a section of the configuration with these keys."""

    resolutions: list[list[int]]
    training: Training


class Adversaries(Reconstruction, Protocol):
    """What a training with discriminators is told as well."""

    adversarial: hifigan.Adversarial


class VocoderLearner(Learner):
    """A vocoder that is trained by the distance of spectra alone."""

    def __init__(self, network: torch.nn.Module, options: Reconstruction, seed: int) -> None:
        super().__init__(network, options.training, seed)
        self.distance = spectral.StftLoss(options.resolutions)

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        return self.distance(*self.speech(batch, stage))

    def speech(self, batch: Any, stage: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The network's waves (B, N) for a batch, and what they should be."""
        *conditions, target = batch
        return self.network(Conditions(*conditions), self.noise(target, stage)), target

    def noise(self, target: torch.Tensor, stage: str) -> torch.Tensor:
        """The noise of a batch: by the update's seed (fit.Learner), or for validation always the same."""
        if stage == "train":
            return torch.randn_like(target)
        generator = torch.Generator().manual_seed(seeds.seed_for(self.seed, "validation-noise"))
        return torch.randn(target.shape, generator=generator).to(target.device)


class AdversarialLearner(VocoderLearner):
    """HiFi-GAN: the generator against its discriminators, each with an optimiser of its own.

    Lightning counts two steps for an update where both step, so `update` is counted here.

    Args:
        network, options, seed: see VocoderLearner; options have a section `adversarial` as well.
        hop: of the log-mel spectra, in samples.
    """

    def __init__(self, network: torch.nn.Module, options: Adversaries, seed: int, hop: int = 256) -> None:
        super().__init__(network, options, seed)
        self.automatic_optimization = False
        self.options = options.adversarial
        self.discriminators = Discriminators(self.options.periods, self.options.scales, self.options.width)
        self.mel = spectral.LogMel(hop=hop)
        self._update = 0

    @property
    def update(self) -> int:
        return self._update

    def configure_optimizers(self) -> Any:
        first, second = self.options.betas
        return [
            torch.optim.AdamW(
                part.parameters(), lr=self.training_options.learning_rate, betas=(first, second),
                weight_decay=self.training_options.weight_decay, **fused(part, self.training_options),
            )
            for part in (self.network, self.discriminators)
        ]  # fmt: skip

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self._update = self.current_epoch * self.training_options.round_updates + batch_idx
        super().on_train_batch_start(batch, batch_idx)

    def training_step(self, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        generator, discriminator = self.optimizers()  # type: ignore[attr-defined]
        rate = self.training_options.learning_rate * self.options.decay ** (self._update // self.options.decay_updates)
        for optimizer in (generator, discriminator):
            for group in optimizer.param_groups:
                group["lr"] = rate
        found, target = self.speech(batch, "train")
        judged = self._update >= self.options.start
        if judged:
            self.toggle_optimizer(discriminator)
            verdict = spectral.discriminator_loss(self.discriminators(target), self.discriminators(found.detach()))
            self._step(discriminator, verdict)
            self.untoggle_optimizer(discriminator)
            self.log("train/discriminator", verdict)
        self.toggle_optimizer(generator)
        distance = self.reconstruction(found, target)
        value = self.options.reconstruction_weight * distance
        if judged:
            with torch.no_grad():
                natural = self.discriminators(target)
            generated = self.discriminators(found)
            value = value + spectral.generator_loss(generated)
            value = value + self.options.feature_weight * spectral.feature_loss(natural, generated)
        self._step(generator, value)
        self.untoggle_optimizer(generator)
        self.log("train/loss", value)
        self.log("train/reconstruction", distance)
        self._update += 1

    def _step(self, optimizer: Any, value: torch.Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(value)
        optimizer.step()

    def reconstruction(self, found: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The distance that is part of the generator's loss."""
        if self.options.reconstruction == "stft":
            return self.distance(found, target)
        return self.mel_distance(found, target)

    def mel_distance(self, found: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean absolute difference of the log-mel spectra of waves (B, N)."""
        return (self.mel(found) - self.mel(target)).abs().mean()

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        return self.mel_distance(*self.speech(batch, stage))


def check_reconstruction(options: hifigan.Adversarial, section: str) -> None:
    """UsageError for a reconstruction that is none; `section` names where it stands."""
    if options.reconstruction not in RECONSTRUCTIONS:
        raise UsageError(
            f"{section}.reconstruction {options.reconstruction!r}: expected {' or '.join(RECONSTRUCTIONS)}"
        )


def build(options: VocoderOptions, bottleneck: int, stride: int, voice: int) -> tuple[torch.nn.Module, str, dict]:
    """A vocoder of the configured kind and sizes.

    Args:
        options: section of the configuration.
        bottleneck, voice: dimensions of content and voices; stride: frames of 10 ms per content vector.

    Returns:
        (network, its kind in models.store, its hyperparameters there)

    Raises:
        UsageError: sizes that do not belong together.
    """
    kind, adversarial = options.network.kind, hasattr(options, "adversarial")
    found = {"bottleneck": bottleneck, "stride": stride, "xvector": voice, **options.hyperparameters()}
    try:
        return store.build(kind, {**found, "weight_norm": True} if adversarial else found), kind, found
    except ValueError as error:
        raise UsageError(f"synthesizer of kind {options.kind}: {error}") from None


def train(
    data: Sequence[DataDir], frames: Path, xvectors: Path, options: VocoderOptions, stride: int, seed: int,
    folder: Path, *, device: str,
) -> dict[str, Any]:  # fmt: skip
    """Train a vocoder and write its model dir.

    Args:
        data, frames, xvectors, stride: see ChunkBatches.
        options: section of the configuration.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".

    Returns:
        the model's facts.
    """
    adversarial = getattr(options, "adversarial", None)
    if adversarial:
        check_reconstruction(adversarial, "synthesizer.adversarial")
    batches = VocoderBatches(data, frames, xvectors, options, stride, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "vocoder-weights"))
        network, kind, hyperparameters = build(options, batches.bottleneck, stride, batches.voices.dimension)
        learner: VocoderLearner = (
            AdversarialLearner(network, options, seed) if adversarial  # type: ignore[arg-type]
            else VocoderLearner(network, options, seed)
        )  # fmt: skip
    log.info("vocoder %s: %d parameters", options.kind, sum(parameter.numel() for parameter in network.parameters()))
    network.get_buffer("f0_statistics").copy_(torch.from_numpy(batches.statistics()))
    network.get_buffer("xvector_mean").copy_(torch.from_numpy(batches.voices.mean()))
    fit(learner, batches, folder, device=device)
    learner.cpu().eval()
    if adversarial:
        network.fold()  # type: ignore[operator]
    facts = model_facts(batches, data, validate(learner, batches))
    finish(folder, network, kind=kind, hyperparameters=hyperparameters, facts=facts)
    return facts


@torch.no_grad()
def validate(learner: VocoderLearner, batches: VocoderBatches) -> dict[str, float]:
    """The loss of the finished network on held-out segments; empty without any."""
    name = "mel_loss" if isinstance(learner, AdversarialLearner) else "stft_loss"
    found = {}
    for batch in batches.validation():
        found[name] = round(float(learner.loss(batch, "valid")), 4)
    return found
