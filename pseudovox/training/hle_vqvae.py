"""Training of the hierarchical VQ-VAE (models/hle_vqvae.py): reconstruction, commitment and perception-informed terms.

The loss is the sum MSE(y, x) + commitment * sum_i MSE(z_i, sg(q_i)) + sum of the terms of training/losses; codebooks
follow moving averages (models/quantizers), and so need no term of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.anonymize.hle_vqvae import spectra
from pseudovox.components import f0, world
from pseudovox.core import seeds
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data import audio
from pseudovox.models import store
from pseudovox.training.data import FeatureCache, cut
from pseudovox.training.fit import Learner, finish, fit
from pseudovox.training.losses import Context, Terms, build

if TYPE_CHECKING:
    from pseudovox.anonymize.hle_vqvae.options import Options
    from pseudovox.config import F0
    from pseudovox.data.datadir import DataDir
    from pseudovox.models.hle_vqvae import HierarchicalVqVae

log = logging.getLogger("pseudovox")
KIND = "hle_vqvae"
Key = tuple[int, str]  # number of the data dir, utterance
Batch = dict[str, torch.Tensor]
OF_VOICE = 5  # utterances of a speaker from which F0 and aperiodicity are told
TOGETHER = 16  # segments of a validation batch


class SegmentBatches:
    """Numbered batches of segments: spectra (B, T, bands), speakers and others, int64 (B,), and samples if asked for.

    Args:
        data: data dirs.
        options: of the system.
        seed: of every draw.
        waves: samples as well, (B, T * hop) at the spectra's rate.

    Attributes:
        speakers: sorted; a speaker's number is its place.
        train, held_out: utterances.
        batches: in a pass over the training data.
    """

    def __init__(self, data: Sequence[DataDir], options: Options, seed: int, *, waves: bool = False) -> None:
        self.data, self.options, self.seed, self.waves = list(data), options, seed, waves
        self.speakers = sorted({speaker for part in data for speaker in part.speakers})
        self._number = {speaker: number for number, speaker in enumerate(self.speakers)}
        everything = [(number, utterance) for number, part in enumerate(data) for utterance in part.utterances]
        order = seeds.generator(seed, "held-out").permutation(len(everything))
        kept = min(options.validation, len(everything) // 10)
        self.held_out: list[Key] = sorted(everything[index] for index in order[:kept])
        self.train: list[Key] = sorted(everything[index] for index in order[kept:])
        self.cache: FeatureCache[Key, np.ndarray] = FeatureCache(self._spectra, int(options.cache_gigabytes * 1e9))
        own = options.spectra
        segment = options.segment_frames * own.hop / own.sample_rate
        seconds = sum(data[number].duration(utterance) for number, utterance in self.train)
        self.batches = max(1, round(seconds / segment / options.training.batch_size))

    def _spectra(self, key: Key) -> np.ndarray:
        samples = spectra.load(self.data[key[0]], key[1], self.options.spectra)
        return spectra.of_samples(samples, self.options.spectra).numpy().astype(np.float16)

    def warm(self) -> None:
        """Compute all spectra ahead, as far as memory allows."""
        self.cache.warm([*self.train, *self.held_out], threads=self.options.training.threads)

    def speaker(self, key: Key) -> int:
        """The number of an utterance's speaker."""
        return self._number[self.data[key[0]].utt2spk[key[1]]]

    def batch(self, index: int) -> Batch:
        """The index-th batch: utterances by chance, each as often as any other, and places in them."""
        draw = seeds.generator(self.seed, "hle-vqvae-batch", str(index))
        chosen = draw.integers(len(self.train), size=self.options.training.batch_size)
        places, others = draw.random(len(chosen)), draw.integers(max(1, len(self.speakers) - 1), size=len(chosen))
        rows = [(self.train[number], place, other) for number, place, other in zip(chosen, places, others, strict=True)]
        return self._stacked(rows)

    def validation(self) -> list[Batch]:
        """The middles of the held-out utterances."""
        rows = [(key, 0.5, 0) for key in self.held_out]
        return [self._stacked(rows[start : start + TOGETHER]) for start in range(0, len(rows), TOGETHER)]

    def _stacked(self, rows: Sequence[tuple[Key, float, int]]) -> Batch:
        length, hop = self.options.segment_frames, self.options.spectra.hop
        found, waves, own, others = [], [], [], []
        for key, place, other in rows:
            frames = self.cache[key].astype(np.float32)
            start = int(place * max(1, len(frames) - length + 1))
            found.append(cut(frames, start, length))
            own.append(self.speaker(key))
            others.append(other + (other >= own[-1]) if len(self.speakers) > 1 else own[-1])
            if self.waves:
                samples = spectra.load(self.data[key[0]], key[1], self.options.spectra)
                if len(samples) < hop:
                    samples = np.pad(samples, (0, hop - len(samples)))
                waves.append(cut(samples, start * hop, length * hop))
        batch = {
            "spectra": torch.from_numpy(np.stack(found)),
            "speakers": torch.tensor(own),
            "others": torch.tensor(others),
        }
        return {**batch, "waves": torch.from_numpy(np.stack(waves))} if self.waves else batch


class HleVqVaeLearner(Learner):
    """The sum of all terms.

    Args:
        network: the network.
        options: of the system.
        terms: the perception-informed ones; None = none.
        seed: of dropout and the like.
        batches: in a pass over the data, for the terms' starts.
    """

    network: HierarchicalVqVae

    def __init__(
        self, network: HierarchicalVqVae, options: Options, terms: Terms | None, seed: int, batches: int
    ) -> None:
        super().__init__(network, options.training, seed)
        self.options, self.terms, self.batches = options, terms, batches

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        source = batch["spectra"]
        found = self.network(source, batch["speakers"])
        reconstruction = functional.mse_loss(found.spectra, source)
        commitment = torch.stack(found.commitment).sum()
        size = len(source)
        self.log(f"{stage}/reconstruction", reconstruction, batch_size=size)
        total = reconstruction + self.options.commitment * commitment
        if stage == "valid":
            self.log("valid/commitment", commitment, batch_size=size)
            for level, spread in enumerate(found.perplexity):
                self.log(f"valid/perplexity_{level}", spread, batch_size=size)
        if self.terms is None:
            return total
        epoch = self.update // self.batches
        converted = None
        if self.terms.compare(epoch):
            converted = self.network.decode(found.latents, batch["others"])
        for name, value in self.terms(found.spectra, source, batch.get("waves"), epoch, converted).items():
            self.log(f"{stage}/{name}", value, batch_size=size)
            total = total + value
        return total


def check_data(data: Sequence[DataDir]) -> None:
    """DataError where there is but one speaker, who could be made nobody else."""
    speakers = {speaker for part in data for speaker in part.speakers}
    if len(speakers) < 2:
        raise DataError(
            f"{', '.join(str(part.path) for part in data)}: one speaker: speech is spoken by another one of the "
            "training speakers",
            "give data dirs of several speakers",
        )


def voices(data: Sequence[DataDir], speakers: Sequence[str], options: F0) -> list[dict[str, Any]]:
    """What is known of each speaker, in the order of their numbers, from a few utterances each.

    Args:
        data: training data dirs.
        speakers: ids.
        options: of the F0 extraction.

    Returns:
        id, gender ("" where it is not known), log_f0 (mean and deviation of log F0), and aperiodicity (mean of WORLD's
        over voiced frames, decibels).
    """
    genders: dict[str, str] = {}
    for part in data:
        genders.update(part.tables.get("spk2gender", {}))
    found: list[dict[str, Any]] = []
    everybody: list[np.ndarray] = []
    for speaker in speakers:
        own = [(part, utterance) for part in data for utterance in part.spk2utt.get(speaker, ())][:OF_VOICE]
        contours, breath = [], []
        for part, utterance in own:
            samples = audio.load(part, utterance)
            contour = f0.extract(samples, options)
            analysis = world.analyse(samples, contour, 2)
            contours.append(contour)
            breath.append(analysis.aperiodicity[contour > 0])
        pitch = f0.statistics(contours)
        spread = np.concatenate(breath)
        everybody += contours
        found.append({
            "id": speaker, "gender": genders.get(speaker, ""), "log_f0": [pitch.mean, pitch.deviation],
            "aperiodicity": round(float(spread.mean()), 2) if len(spread) else None, "frames": pitch.frames,
        })  # fmt: skip
    mean = f0.statistics(everybody)
    fallback = [mean.mean, mean.deviation] if mean.frames else [5.0, 0.2]
    known = [float(one["aperiodicity"]) for one in found if one["aperiodicity"] is not None]
    for one in found:
        if not one.pop("frames"):  # no voice was found in this one's speech
            one["log_f0"] = fallback
        if one["aperiodicity"] is None:
            one["aperiodicity"] = round(float(np.mean(known)), 2) if known else -10.0
    return found


def new_network(options: Options, speakers: int, seed: int) -> tuple[Any, dict[str, Any]]:
    """A network of the configured sizes with initial weights by the seed, and its hyperparameters in models.store.

    Raises:
        UsageError: sizes that do not belong together.
    """
    hyperparameters = {"bands": options.spectra.bands, "speakers": speakers, **vars(options.network)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "hle-vqvae-weights"))
        try:
            return store.build(KIND, hyperparameters), hyperparameters
        except ValueError as error:
            raise UsageError(f"system.options.network: {error}") from None


def train(
    data: Sequence[DataDir], options: Options, pitch: F0, seed: int, folder: Path, *, device: str,
    bottleneck: Path | None = None, formants: Path | None = None, vocoder: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train the network and write its model dir.

    Args:
        data: training data dirs.
        options: of the system.
        pitch: section `f0`, by which the speakers' F0 is told.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".
        bottleneck, formants, vocoder: model dirs that losses look through (see losses.Context).

    Returns:
        the model's facts.

    Raises:
        UsageError: options that cannot be; DataError: one speaker.
    """
    check_data(data)
    terms = build(options.losses, Context(options.spectra, bottleneck, formants, vocoder))
    batches = SegmentBatches(data, options, seed, waves=terms is not None and terms.hear and vocoder is None)
    network, hyperparameters = new_network(options, len(batches.speakers), seed)
    log.info(
        "hle_vqvae: %d parameters, %d speakers, %d utterances, %d held out, %d batches a pass; losses: %s",
        sum(parameter.numel() for parameter in network.parameters()), len(batches.speakers), len(batches.train),
        len(batches.held_out), batches.batches, ", ".join(["reconstruction", "commitment", *(terms or _None).options]),
    )  # fmt: skip
    batches.warm()
    learner = HleVqVaeLearner(network, options, terms, seed, batches.batches)
    fitted = fit(learner, batches, folder, device=device)
    network.cpu().eval()
    facts = {
        "speakers": voices(data, batches.speakers, replace(pitch)),
        "spectra": vars(options.spectra),
        "losses": {name: vars(term) for name, term in options.losses.active().items()},
        "updates": fitted.updates,
        "validation": validate(network, batches),
    }
    finish(folder, network, kind=KIND, hyperparameters=hyperparameters, facts=facts)
    return facts


class _None:
    options: tuple[str, ...] = ()


@torch.inference_mode()
def validate(network: Any, batches: SegmentBatches) -> dict[str, float]:
    """Root mean square error of held-out segments' spectra in nepers of power (natural logarithms), and the levels'
    perplexities; empty without any."""
    errors, spreads = [], []
    for batch in batches.validation():
        found = network(batch["spectra"], batch["speakers"])
        errors.append(float(functional.mse_loss(found.spectra, batch["spectra"])))
        spreads.append([float(one) for one in found.perplexity])
    if not errors:
        return {}
    means = np.mean(spreads, axis=0)
    error = round(float(np.sqrt(np.mean(errors))) * batches.options.spectra.scale, 4)
    return {"error": error, **{f"perplexity_{level}": round(float(one), 2) for level, one in enumerate(means)}}
