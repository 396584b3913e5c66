"""Training of the phone predictor of private kNN-VC: which phone each feature frame is.

The loss is that of its authors, the frames' cross-entropy plus CTC on the sequence of phones. The cross-entropy is
taken over the phones alone, CTC over phones and blank, so that the blank takes no frame from a phone.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.anonymize.knnvc import features as knn_features
from pseudovox.anonymize.knnvc import phones
from pseudovox.anonymize.knnvc.private import PHONES_KIND
from pseudovox.components.recognition.language_model import LANGUAGE_MODEL, estimate, write_arpa
from pseudovox.core import seeds
from pseudovox.data import audio
from pseudovox.models import store
from pseudovox.models.conv_decoder import PhonePredictor
from pseudovox.training.aligned import AlignedSpeech, Key, split
from pseudovox.training.bottleneck import IGNORED
from pseudovox.training.ctc import ctc_loss
from pseudovox.training.data import FeatureCache, pooled
from pseudovox.training.fit import Learner, finish, fit, with_epochs

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.features import Extractor
    from pseudovox.anonymize.knnvc.private import PhoneOptions, PrivateOptions
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
Batch = dict[str, torch.Tensor]
VALIDATION_BATCH = 16  # utterances


def features_of(extract: Extractor, data: Sequence[DataDir], key: Key) -> np.ndarray:
    """The one layer that an extractor gives of an utterance, float16 (frames, dimension), clipped to its range."""
    number, utterance = key
    (layers,) = extract([audio.load(data[number], utterance)])
    return np.clip(layers[0], -65504, 65504).astype(np.float16)


class PhoneFrames:
    """Numbered batches of whole utterances of like durations.

    Args:
        speech: what is known of the phones.
        compute: features (frames, dimension) of an utterance.
        options: of the phone predictor.
        seed: of every draw.
    """

    def __init__(
        self, speech: AlignedSpeech, compute: Callable[[Key], np.ndarray], options: PhoneOptions, seed: int
    ) -> None:
        self.speech, self.seed, self.size = speech, seed, options.training.batch_size
        self.train, self.held_out = split(speech.data, speech.keys, options.held_out, seed)
        self.cache: FeatureCache[Key, np.ndarray] = FeatureCache(compute, int(options.cache_gigabytes * 1e9))
        self.batches = max(1, len(self.train) // self.size)
        self.on_device = True  # features that do not fit into memory are computed again, by a network
        self._order = functools.lru_cache(maxsize=2)(self._epoch)

    def _epoch(self, epoch: int) -> list[list[Key]]:
        draw = seeds.generator(self.seed, "phones-epoch", str(epoch))
        return pooled(self.train, self.speech.duration, self.size, draw)

    def statistics(self, most: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation (dimension,) of some `most` training utterances."""
        some = self.train[:: max(1, len(self.train) // most)]
        frames = np.concatenate([self.cache[key].astype(np.float32) for key in some])
        return torch.from_numpy(frames.mean(0)), torch.from_numpy(np.maximum(frames.std(0), 1e-3))

    def batch(self, index: int) -> Batch:
        """The index-th batch."""
        return self.padded(self._order(index // self.batches)[index % self.batches])

    def validation(self) -> Sequence[Batch]:
        """The held-out utterances."""
        return _HeldOut(self)

    def padded(self, keys: Sequence[Key]) -> Batch:
        """A batch of these utterances."""
        rows = [torch.from_numpy(self.cache[key].astype(np.float32)) for key in keys]
        labels = [torch.from_numpy(self.speech.labels(key, len(row))) for key, row in zip(keys, rows, strict=True)]
        sequences = [phones.runs(row[row != IGNORED].numpy())[0] for row in labels]
        return {
            "frames": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
            "lengths": torch.tensor([len(row) for row in rows]),
            "labels": torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            "targets": torch.from_numpy(np.concatenate(sequences)),
            "target_lengths": torch.tensor([len(sequence) for sequence in sequences]),
        }


class _HeldOut(Sequence[Batch]):
    """Batches of the held-out utterances, made when asked for."""

    def __init__(self, batches: PhoneFrames) -> None:
        self.make = batches.padded
        keys = sorted(batches.held_out, key=lambda key: (batches.speech.duration(key), key))
        self.keys = [keys[start : start + VALIDATION_BATCH] for start in range(0, len(keys), VALIDATION_BATCH)]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: Any) -> Any:
        return self.make(self.keys[index])


def mask_of(batch: Batch) -> torch.Tensor:
    """bool (batch, frames): where an utterance is, not its padding."""
    places = torch.arange(batch["frames"].shape[1], device=batch["frames"].device)
    return places < batch["lengths"][:, None]


class PhoneLearner(Learner):
    """Cross-entropy of the frames and CTC."""

    network: PhonePredictor

    def __init__(self, network: PhonePredictor, options: PhoneOptions, seed: int) -> None:
        super().__init__(network, options.training, seed)
        self.options = options

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        logits = self.network(batch["frames"], mask_of(batch))
        by_phone, labels = logits[:, :, : self.network.phones], batch["labels"]
        known = labels != IGNORED
        frames = functional.cross_entropy(by_phone.transpose(1, 2), labels, reduction="sum") / known.sum().clamp(min=1)
        ctc = ctc_loss(logits.log_softmax(2), batch, batch["lengths"], blank=self.network.phones)
        self.log(f"{stage}/frames", frames, batch_size=1)
        if stage == "valid":
            right = (by_phone.argmax(2) == labels)[known].float().mean()
            self.log("valid/frame_accuracy", right, batch_size=int(known.sum()))
        return self.options.frame_weight * frames + self.options.ctc_weight * ctc


def error_rates(predicted: Sequence[np.ndarray], reference: Sequence[np.ndarray], silence: int) -> dict[str, float]:
    """How well the phones of frames were told.

    Args:
        predicted: int64 (frames,) of each utterance.
        reference: likewise; IGNORED where none is known.
        silence: number of the phone that is silence.

    Returns:
        frame_accuracy, the share of the frames with a known phone whose phone is right (0 to 1); phone_error_rate, the
        edits (substitutions, deletions, insertions) from the sequence of reference phones to that of predicted ones
        (runs, without silence) per reference phone, in percent; macro_f1, the mean over the reference's phones of the
        harmonic mean of precision and recall of its frames (0 to 1).
    """
    from rapidfuzz.distance import Levenshtein

    def spoken(labels: np.ndarray) -> list[int]:
        found = phones.runs(labels)[0]
        return [phone for phone in found.tolist() if phone not in (silence, IGNORED)]

    edits = length = 0
    for one, other in zip(predicted, reference, strict=True):
        own = spoken(other)
        edits, length = edits + Levenshtein.distance(spoken(one), own), length + len(own)
    told, truth = np.concatenate(list(predicted)), np.concatenate(list(reference))
    told, truth = told[truth != IGNORED], truth[truth != IGNORED]
    size = int(max(told.max(initial=0), truth.max(initial=0))) + 1
    right = np.bincount(truth[told == truth], minlength=size)
    told_counts, counts = np.bincount(told, minlength=size), np.bincount(truth, minlength=size)
    there = counts > 0
    f1 = 2.0 * right[there] / (told_counts[there] + counts[there])
    return {
        "frame_accuracy": round(float((told == truth).mean()), 4),
        "phone_error_rate": round(100.0 * edits / max(1, length), 2),
        "macro_f1": round(float(f1.mean()), 4),
    }


def validate(network: PhonePredictor, batches: PhoneFrames) -> dict[str, float]:
    """`error_rates` on the held-out speakers; empty without any."""
    if not batches.held_out:
        return {}
    found = [network.most_likely(torch.from_numpy(batches.cache[key].astype(np.float32))) for key in batches.held_out]
    labels = [row.numpy() for row in found]
    reference = [batches.speech.labels(key, len(row)) for key, row in zip(batches.held_out, labels, strict=True)]
    return error_rates(labels, reference, silence=0)


def train(
    data: Sequence[DataDir], options: PrivateOptions, seed: int, folder: Path, *, device: str,
    alignment: Path | None, bottleneck: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """Train a phone predictor and write its model dir.

    Args:
        data: training data dirs.
        options: of the system; `features` (but its layer) and `phones` count.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".
        alignment: root of what steps/align_phones.py wrote; None = phones.ctm.
        bottleneck: model dir of the content extractor, for features of kind bottleneck.

    Returns:
        the model's facts.
    """
    own = options.phones
    extract = knn_features.load(options.features, layers=(own.layer,), bottleneck=bottleneck, device=device)
    speech = AlignedSpeech(data, alignment, frame_shift=extract.frame_shift, offset=extract.offset)
    batches = PhoneFrames(speech, functools.partial(features_of, extract, data), own, seed)
    hyperparameters = {
        "inputs": extract.dimensions[0], "phones": len(speech.phones), "hidden": own.hidden, "dropout": own.dropout,
    }  # fmt: skip
    if own.conformers:
        hyperparameters |= {name: getattr(own, name) for name in ("conformers", "heads", "feedforward", "kernel")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "phones-weights"))
        network: Any = store.build(PHONES_KIND, hyperparameters)
    size = sum(parameter.numel() for parameter in network.parameters())
    seconds = math.fsum(speech.duration(key) for key in speech.keys)
    log.info(
        "phone predictor: %d parameters, %d phones, %d utterances (%.1f hours), %d of them held out",
        size, len(speech.phones), len(speech.keys), seconds / 3600, len(batches.held_out),
    )  # fmt: skip
    batches.cache.warm([*batches.train, *batches.held_out], threads=1 if device != "cpu" else 0)
    network.set_statistics(*batches.statistics())
    learner = PhoneLearner(network, own, seed)
    learner.training_options = with_epochs(own.training, batches.batches)
    fit(learner, batches, folder, device=device)
    network.cpu().eval()
    facts = {
        "phones": speech.phones,
        "features": options.features.kind,
        "layer": own.layer,
        "frame_shift": extract.frame_shift,
        "offset": extract.offset,
        "validation": validate(network, batches),
    }
    finish(folder, network, kind=PHONES_KIND, hyperparameters=hyperparameters, facts=facts)
    write_bigram(batches, folder / LANGUAGE_MODEL)
    return facts


def write_bigram(batches: PhoneFrames, path: Path) -> None:
    """The bigram of phones, silence among them, of the training utterances, in the ARPA format."""
    speech = batches.speech
    sequences = []
    for key in batches.train:
        labels = speech.labels(key, speech.frames(key))
        sequences.append([speech.phones[phone] for phone in phones.runs(labels[labels != IGNORED])[0]])
    write_arpa(estimate(sequences, speech.phones), path)
