"""Training of the evaluation recogniser: units and lexicon, batches of altered log-mel frames, the Lightning module.

The recogniser hears original speech only, and is then used on anonymized speech, so its inputs are altered as voices,
channels and vocoders differ: the mel axis is warped (vocal tract length), speed changes, a random smooth filter is
applied, detail is blurred along time and frequency, a floor of noise is raised, and patches are blanked out
(SpecAugment, Park et al. 2019). All of it works on the log-mel frames that are computed once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.components.recognition import language_model
from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data import audio
from pseudovox.models import store
from pseudovox.models.recognizer import BLANK, BOUNDARY, input_features
from pseudovox.training.alteration import alter
from pseudovox.training.ctc import ctc_loss, on_host
from pseudovox.training.data import FeatureCache
from pseudovox.training.fit import Learner, finish, fit
from pseudovox.training.transcribed import TranscribedUtterances, unit_error_rate

if TYPE_CHECKING:
    from pseudovox.config import Recognizer
    from pseudovox.data.datadir import DataDir, Phone
    from pseudovox.models.recognizer import RecognizerNetwork

FRAME_SECONDS = 0.01
NO_PHONE = -1
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


# ---------------------------------------------------------------------- units
def unit_inventory(texts: Iterable[str]) -> list[str]:
    """The characters of some texts, sorted, after the blank and the word boundary.

    Raises:
        DataError: a text holds the boundary's own character, or there is no text at all.
    """
    characters = set("".join("".join(text.split()) for text in texts))
    if BOUNDARY in characters:
        raise DataError(f"a text holds {BOUNDARY!r}, which stands for the word boundary", "take it out of the text")
    if not characters:
        raise DataError("the training text is empty")
    return [BLANK, BOUNDARY, *sorted(characters)]


# ---------------------------------------------------------------------- inputs
def compute_features(
    key: tuple[int, str, int], data: Sequence[DataDir], options: Recognizer, seed: int, augment: Augment | None
) -> np.ndarray:
    """float16 (frames, bins) of an utterance (number of its data dir, id, copy); copies above 0 pass `augment`."""
    number, utterance, copy = key
    samples = audio.load(data[number], utterance)
    if copy and augment is not None:
        samples = augment(samples, seeds.generator(seed, "recognizer-channel", f"{utterance}/{copy}"))
    # Half precision: values lie in [-10.4, 0], and the frames of all copies stay in memory.
    return input_features(samples, options.mel_bins, options.floor_decibels).numpy().astype(np.float16)


def phone_labels(phones: Sequence[Phone], inventory: Mapping[str, int], frames: int) -> np.ndarray:
    """Label of the phone at the middle of each 10 ms frame, int64 (frames,); NO_PHONE where there is none."""
    labels = np.full(frames, NO_PHONE)
    for phone in phones:
        first = round(phone.start / FRAME_SECONDS)
        last = round((phone.start + phone.duration) / FRAME_SECONDS)
        labels[first:last] = inventory[phone.label]
    return labels


# ---------------------------------------------------------------------- batches
class RecognizerBatches(TranscribedUtterances):
    """Numbered batches of whole utterances of like length.

    A batch is a dict: `log_mel` (batch, frames, bins), `lengths`, `targets` (all units in one row), `target_lengths`,
    `phones` (batch, frames), NO_PHONE where unknown.

    Args:
        data: data dirs with text.
        options: section `recognizer` of the configuration.
        seed: of every draw.
        augment: makes a copy of (samples, generator) with another channel; None = no copies.
    """

    def __init__(self, data: Sequence[DataDir], options: Recognizer, seed: int, augment: Augment | None) -> None:
        super().__init__(data, unit_inventory(text for part in data for text in part.text.values()), options, seed)
        self.copies = options.copies if augment is not None else 0
        labels = {phone.label for part in data for phones in part.phones.values() for phone in phones}
        self.phones = sorted(labels) if options.phone_weight > 0 else []
        self.phone_index = {phone: number for number, phone in enumerate(self.phones)}
        compute = functools.partial(compute_features, data=tuple(data), options=options, seed=seed, augment=augment)
        self.cache: FeatureCache[tuple[int, str, int], np.ndarray] = FeatureCache(
            compute, int(options.cache_gigabytes * 1e9)
        )

    def warm(self) -> None:
        """Compute the features ahead, on all cores."""
        self.cache.warm((*key, copy) for key in self.train for copy in range(1 + self.copies))

    def batch(self, index: int) -> dict[str, torch.Tensor]:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "recognizer-batch", str(index))
        items = []
        for key in self.keys(index):
            other = self.copies and draw.random() < self.options.augmented
            frames = self.cache[(*key, int(draw.integers(1, self.copies + 1)) if other else 0)]
            items.append((key, *alter(np.asarray(frames), self.options.augment, draw)))
        return self._collate(items)

    def validation(self) -> list[dict[str, torch.Tensor]]:
        """Batches of the held-out utterances as they are."""
        batches = []
        for keys in self.validation_keys():
            items = []
            for key in keys:
                frames = np.asarray(self.cache[(*key, 0)])
                items.append((key, frames.astype(np.float32), np.arange(len(frames))))
            batches.append(self._collate(items))
        return batches

    def _collate(self, items: list[tuple[tuple[int, str], np.ndarray, np.ndarray]]) -> dict[str, torch.Tensor]:
        longest = max(len(frames) for _, frames, _ in items)
        log_mel = np.zeros((len(items), longest, self.options.mel_bins), np.float32)
        phones = np.full((len(items), longest), NO_PHONE)
        for row, (key, frames, source) in enumerate(items):
            log_mel[row, : len(frames)] = frames
            aligned = self.data[key[0]].phones.get(key[1], []) if self.phones else []
            if aligned:
                phones[row, : len(frames)] = phone_labels(aligned, self.phone_index, int(source[-1]) + 1)[source]
        return {
            "log_mel": torch.from_numpy(log_mel),
            "lengths": torch.tensor([len(frames) for _, frames, _ in items]),
            **self.target_tensors([key for key, _, _ in items]),
            "phones": torch.from_numpy(phones),
        }


# ---------------------------------------------------------------------- learning
class RecognizerLearner(Learner):
    """CTC, plus `phone_weight` times the frame cross-entropy of phones; validation adds the unit error rate."""

    network: RecognizerNetwork
    phone_weight = 0.0

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        hidden = self.network.encode(batch["log_mel"], batch["lengths"])
        log_posteriors = self.network.out(hidden).float().transpose(1, 2).log_softmax(-1)
        value = ctc_loss(log_posteriors, batch, self.network.output_lengths(on_host(batch, "lengths")))
        if stage == "valid":
            lengths = self.network.output_lengths(batch["lengths"])
            self.log("valid/unit_errors", unit_error_rate(log_posteriors, lengths, batch), batch_size=1)
            return value
        if self.network.phones is not None and self.phone_weight > 0:
            labels = batch["phones"][:, :: self.network.subsampling]
            logits = self.network.phones(hidden).float()
            total = functional.cross_entropy(logits, labels, ignore_index=NO_PHONE, reduction="sum")
            # (Without a single label in it a batch has no mean.)
            value = value + self.phone_weight * total / (labels != NO_PHONE).sum().clamp(min=1)
        return value


def train(data: Sequence[DataDir], options: Recognizer, folder: Path, *, seed: int, device: str) -> dict[str, int]:
    """Train a recogniser and its language model; write the model dir.

    Args:
        data: data dirs with text; phones.ctm helps where there is one.
        options: section `recognizer`.
        folder: gets model.json, weights.safetensors, lm.arpa, and the training's checkpoints until it has ended.
        seed: of initial weights and every draw.
        device: "cpu" or "cuda".

    Returns:
        Counts: utterances, words, parameters.
    """
    from pseudovox.data.augment import augment

    batches = RecognizerBatches(data, options, seed, augment)
    batches.warm()
    hyperparameters = {
        "units": len(batches.units),
        "mel_bins": options.mel_bins,
        "channels": options.channels,
        "blocks": options.blocks,
        "kernel": options.kernel,
        "subsampling": options.subsampling,
        "dropout": options.dropout,
        "phones": len(batches.phones),
    }
    torch.manual_seed(seeds.seed_for(seed, "recognizer-weights"))
    network = store.build("recognizer", hyperparameters)
    learner = RecognizerLearner(network, options.training, seed)
    learner.phone_weight = options.phone_weight
    fit(learner, batches, folder, device=device)
    sentences = [text.split() for part in data for text in part.text.values()]
    model = language_model.estimate(sentences)
    language_model.write_arpa(model, folder / "lm.arpa")
    facts = {"units": batches.units, "phones": batches.phones, "floor_decibels": options.floor_decibels}
    finish(folder, network, kind="recognizer", hyperparameters=hyperparameters, facts=facts)
    return {
        "utterances": len(batches.train) + len(batches.held_out),
        "words": len(model.words),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
