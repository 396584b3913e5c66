"""Training of the duration predictor of private kNN-VC: how many frames each phone of a sequence lasts.

It learns from runs of frames of one phone, as the phone predictor finds them in speech of any kind (what it will be
asked about), or as speech was aligned.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.anonymize.knnvc import features as knn_features
from pseudovox.anonymize.knnvc import phones
from pseudovox.anonymize.knnvc.private import DURATIONS_KIND
from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data import audio
from pseudovox.models import store
from pseudovox.models.conv_decoder import DurationPredictor
from pseudovox.training.aligned import AlignedSpeech, split
from pseudovox.training.bottleneck import IGNORED
from pseudovox.training.data import pooled
from pseudovox.training.fit import Learner, finish, fit, with_epochs

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.private import DurationOptions, PrivateOptions
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
Batch = dict[str, torch.Tensor]
Runs = tuple[np.ndarray, np.ndarray]  # phones and frames, int64 (length,) each


class RunBatches:
    """Numbered batches of sequences of runs.

    Args:
        train, held_out: the sequences.
        padding: phone number behind the end of a sequence.
        options: of the duration predictor.
        seed: of every draw.
    """

    def __init__(
        self, train: Sequence[Runs], held_out: Sequence[Runs], padding: int, options: DurationOptions, seed: int
    ) -> None:
        self.train, self.held_out, self.padding, self.seed = train, held_out, padding, seed
        self.size, self.longest = options.training.batch_size, options.longest
        self.batches = max(1, len(train) // self.size)
        self._order = functools.lru_cache(maxsize=2)(self._epoch)

    def _epoch(self, epoch: int) -> list[list[int]]:
        draw = seeds.generator(self.seed, "durations-epoch", str(epoch))
        return pooled(range(len(self.train)), lambda place: float(len(self.train[place][0])), self.size, draw)

    def batch(self, index: int) -> Batch:
        """The index-th batch."""
        return self._padded([self.train[place] for place in self._order(index // self.batches)[index % self.batches]])

    def validation(self) -> list[Batch]:
        """The held-out sequences."""
        ordered = sorted(self.held_out, key=lambda row: len(row[0]))
        return [self._padded(ordered[start : start + self.size]) for start in range(0, len(ordered), self.size)]

    def _padded(self, rows: Sequence[Runs]) -> Batch:
        def column(place: int, padding: int) -> torch.Tensor:
            return torch.nn.utils.rnn.pad_sequence(
                [torch.from_numpy(row[place]) for row in rows], batch_first=True, padding_value=padding
            )

        frames = column(1, 0).float()
        return {
            "phones": column(0, self.padding),
            "frames": frames.clamp(max=float(self.longest)) if self.longest else frames,
        }


class DurationLearner(Learner):
    """Mean squared error, in frames squared, over the phones of all sequences."""

    network: DurationPredictor

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        inside = batch["phones"] != self.network.padding
        apart = functional.mse_loss(self.network(batch["phones"]), batch["frames"], reduction="none")
        return torch.where(inside, apart, 0.0).sum() / inside.sum()


def runs_of(labels: np.ndarray) -> list[Runs]:
    """The runs of an utterance's labels (frames,), a sequence for each stretch of frames whose phones are known."""
    found, frames = phones.runs(labels)
    cuts = np.flatnonzero(found == IGNORED)
    return [
        (own[own != IGNORED], lengths[own != IGNORED])
        for own, lengths in zip(np.split(found, cuts), np.split(frames, cuts), strict=True)
        if (own != IGNORED).any()
    ]


@torch.inference_mode()
def validate(network: DurationPredictor, batches: RunBatches, silence: int = 0) -> dict[str, float]:
    """How well held-out durations are told, in frames, without silence: mean absolute error, that of each phone's mean
    duration in the training speech, and the correlation of predicted and actual durations; empty without any."""
    if not batches.held_out:
        return {}
    sums = np.zeros((2, network.padding))
    for sequence, frames in batches.train:
        np.add.at(sums[0], sequence, frames)
        np.add.at(sums[1], sequence, 1)
    means = sums[0] / np.maximum(sums[1], 1)
    rows = [
        (batch["phones"].numpy(), network(batch["phones"]).numpy(), batch["frames"].numpy())
        for batch in batches.validation()
    ]
    inside = [(asked != network.padding) & (asked != silence) for asked, _, _ in rows]
    asked, predicted, actual = (
        np.concatenate([row[place][spoken] for row, spoken in zip(rows, inside, strict=True)]) for place in range(3)
    )
    return {
        "mean_absolute_error": round(float(np.abs(predicted - actual).mean()), 3),
        "error_of_phone_means": round(float(np.abs(means[asked] - actual).mean()), 3),
        "correlation": round(float(np.corrcoef(predicted, actual)[0, 1]), 3) if len(actual) > 1 else 0.0,
    }


def _sequences(
    data: Sequence[DataDir], options: PrivateOptions, predictors: phones.Predictors, seed: int, device: str, *,
    alignment: Path | None, bottleneck: Path | None,
) -> list[list[Runs]]:  # fmt: skip
    """Runs of the training speakers and of the held-out ones."""
    own = options.durations
    if own.runs == "aligned":
        facts = predictors.facts
        speech = AlignedSpeech(data, alignment, frame_shift=facts["frame_shift"], offset=facts["offset"])
        if speech.phones != predictors.phones:
            raise DataError(
                f"the aligned phones are not those of the phone predictor: {' '.join(speech.phones)[:60]}...",
                "give the data dirs and --alignment that it was trained on",
            )
        parts = split(data, speech.keys, own.held_out, seed)
        return [[run for key in part for run in runs_of(speech.labels(key, speech.frames(key)))] for part in parts]
    extract = knn_features.load(options.features, layers=(options.phones.layer,), bottleneck=bottleneck, device=device)
    keys = [(number, utterance) for number, part in enumerate(data) for utterance in part.utterances]

    def of(number: int, utterance: str) -> Runs:
        (layers,) = extract([audio.load(data[number], utterance)])
        return phones.runs(predictors.labels(layers[0]))

    return [[of(*key) for key in part] for part in split(data, keys, own.held_out, seed)]


def train(
    data: Sequence[DataDir], options: PrivateOptions, seed: int, folder: Path, *, device: str, predictor: Path,
    alignment: Path | None, bottleneck: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """Train a duration predictor and write its model dir.

    Args:
        data: training data dirs.
        options: of the system; `features` (but its layer) and `durations` count, and `phones.layer`.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".
        predictor: model dir of the phone predictor, whose phones and frames count.
        alignment: root of what steps/align_phones.py wrote, for aligned runs; None = phones.ctm.
        bottleneck: model dir of the content extractor, for features of kind bottleneck.

    Returns:
        the model's facts.
    """
    own = options.durations
    predictors = phones.Predictors(predictor, device=device)
    train_runs, held_out = _sequences(
        data, options, predictors, seed, device, alignment=alignment, bottleneck=bottleneck
    )
    hyperparameters = {"phones": len(predictors.phones), "hidden": own.hidden, "dropout": own.dropout}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "durations-weights"))
        network: Any = store.build(DURATIONS_KIND, hyperparameters)
    batches = RunBatches(train_runs, held_out, network.padding, own, seed)
    spoken = np.concatenate([frames for _, frames in train_runs])
    # Where it begins: the mean, which a rate of a thousandth would take long to reach.
    torch.nn.init.constant_(network.decoder.last.bias, float(spoken.mean()))
    log.info(
        "duration predictor: %d sequences, %d phones of %.2f frames; %d sequences held out",
        len(train_runs), len(spoken), spoken.mean(), len(held_out),
    )  # fmt: skip
    learner = DurationLearner(network, with_epochs(own.training, batches.batches), seed)
    fit(learner, batches, folder, device=device)
    network.cpu().eval()
    facts = {
        "phones": predictors.phones,
        "frame_shift": predictors.facts["frame_shift"],
        "runs": own.runs,
        "validation": validate(network, batches),
    }
    finish(folder, network, kind=DURATIONS_KIND, hyperparameters=hyperparameters, facts=facts)
    return facts
