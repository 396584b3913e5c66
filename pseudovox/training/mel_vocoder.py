"""Training of the vocoder of system hle_vqvae: HiFi-GAN from scaled log-mel spectra to samples at their rate."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize.hle_vqvae import spectra
from pseudovox.anonymize.hle_vqvae.speech import KIND
from pseudovox.core import seeds
from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.training.data import cut
from pseudovox.training.fit import finish, fit
from pseudovox.training.vocoder import AdversarialLearner, check_reconstruction
from pseudovox.training.voice_chunks import Batch, stacked

if TYPE_CHECKING:
    from pseudovox.anonymize.hle_vqvae.options import Options
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
SECTION = "system.options.vocoder"
Key = tuple[int, str]  # number of the data dir, utterance
TOGETHER = 16  # segments of a validation batch


class WaveBatches:
    """Numbered batches of segments: scaled spectra (B, T, bands), and samples (B, T * hop) with peaks at 1.

    Args:
        data: data dirs.
        options: of the system.
        seed: of every draw.
    """

    def __init__(self, data: Sequence[DataDir], options: Options, seed: int) -> None:
        self.data, self.options, self.seed = list(data), options, seed
        everything = [(number, utterance) for number, part in enumerate(data) for utterance in part.utterances]
        order = seeds.generator(seed, "held-out").permutation(len(everything))
        kept = min(options.vocoder.validation, len(everything) // 10)
        self.held_out: list[Key] = sorted(everything[index] for index in order[:kept])
        self.train: list[Key] = sorted(everything[index] for index in order[kept:])

    def batch(self, index: int) -> Batch:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "mel-vocoder-batch", str(index))
        chosen = draw.integers(len(self.train), size=self.options.vocoder.training.batch_size)
        places = draw.random(len(chosen))
        rows = [self._segment(self.train[number], place) for number, place in zip(chosen, places, strict=True)]
        return stacked(rows)

    def validation(self) -> list[Batch]:
        """The middles of the held-out utterances."""
        rows = [self._segment(key, 0.5) for key in self.held_out]
        return [stacked(rows[start : start + TOGETHER]) for start in range(0, len(rows), TOGETHER)]

    def _segment(self, key: Key, place: float) -> tuple[np.ndarray, np.ndarray]:
        own, length = self.options.spectra, self.options.vocoder.segment_frames
        samples = spectra.load(self.data[key[0]], key[1], own)
        samples = samples / max(float(np.abs(samples).max()), 1e-8)
        frames = spectra.of_samples(samples, own).numpy()
        start = int(place * max(1, len(frames) - length + 1))
        samples = np.pad(samples, (0, max(0, len(frames) * own.hop - len(samples)))).astype(np.float32)
        return cut(frames, start, length), cut(samples, start * own.hop, length * own.hop)


class MelVocoderLearner(AdversarialLearner):
    """HiFi-GAN that is told spectra alone. The mel bands of its own loss are spaced for 16 kHz: at another rate they
    lie as much higher or lower."""

    def speech(self, batch: Any, stage: str) -> tuple[torch.Tensor, torch.Tensor]:
        frames, target = batch
        return self.network(frames), target


def build(options: Options, *, weight_norm: bool = False) -> tuple[Any, dict[str, Any]]:
    """A vocoder of the configured sizes, and its hyperparameters in models.store.

    Raises:
        UsageError: sizes that do not belong together.
    """
    own = options.spectra
    hyperparameters = {
        "bands": own.bands, "hop": own.hop, "sample_rate": own.sample_rate, **vars(options.vocoder.network),
    }  # fmt: skip
    extra = {"weight_norm": True} if weight_norm else {}
    try:
        return store.build(KIND, {**hyperparameters, **extra}), hyperparameters
    except ValueError as error:
        raise UsageError(f"{SECTION}.network: {error}") from None


def train(data: Sequence[DataDir], options: Options, seed: int, folder: Path, *, device: str) -> dict[str, Any]:
    """Train a vocoder and write its model dir.

    Args:
        data: training data dirs.
        options: of the system.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".

    Returns:
        the model's facts.

    Raises:
        UsageError: sizes that do not belong together, or a reconstruction that is none.
    """
    check_reconstruction(options.vocoder.adversarial, f"{SECTION}.adversarial")
    batches = WaveBatches(data, options, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "mel-vocoder-weights"))
        network, hyperparameters = build(options, weight_norm=True)
        vocoder: Any = options.vocoder
        learner = MelVocoderLearner(network, vocoder, seed, hop=options.spectra.hop)
    log.info("vocoder: %d parameters", sum(parameter.numel() for parameter in network.parameters()))
    fit(learner, batches, folder, device=device)
    learner.cpu().eval()
    network.fold()
    with torch.no_grad():
        losses = [float(learner.loss(batch, "valid")) for batch in batches.validation()]
    validation = {"mel_loss": round(float(np.mean(losses)), 4)} if losses else {}
    facts = {"spectra": vars(options.spectra), "validation": validation}
    finish(folder, network, kind=KIND, hyperparameters=hyperparameters, facts=facts)
    return facts
