"""Training of speaker embeddings: batches of chunks balanced over speakers, and the Lightning module."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox import audio, features, seeds
from pseudovox.config import SpeakerFeatures
from pseudovox.errors import DataError
from pseudovox.metrics.eer import eer
from pseudovox.models import store
from pseudovox.training.data import FeatureCache, cut
from pseudovox.training.fit import Learner, finish, fit

if TYPE_CHECKING:
    from pseudovox.config import SpeakerModel, Training
    from pseudovox.datadir import DataDir

log = logging.getLogger("pseudovox")
FRAMES_PER_SECOND = 100
MOST_HELD_OUT = 500  # utterances; more would make validation longer, not better
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Key = tuple[int, str, int]  # number of the data dir, utterance, copy (0 = as recorded)


def compute_features(
    key: Key, data: Sequence[DataDir], options: SpeakerFeatures, seed: int, augment: Augment | None
) -> np.ndarray:
    """The input frames (frames, n) of an utterance, or of one of its augmented copies."""
    number, utterance, copy = key
    samples = audio.load(data[number], utterance)
    if copy and augment is not None:
        samples = augment(samples, seeds.generator(seed, "augment", f"{utterance}/{copy}"))
    return features.speaker_features(samples, options).numpy()


class SpeakerChunks:
    """Numbered batches of chunks of utterances, every speaker as often as any other.

    A batch is (frames (batch, length, n), labels (batch,)); its length lies between the two chunk lengths.
    One utterance in `held_out_every` of each speaker is kept for validation, until some 500 are.

    Args:
        data: data dirs; the same speaker id in two of them is one speaker.
        options: section of the configuration.
        training: the part of it that is in use.
        seed: of every draw.
        augment: makes a copy of (samples, generator); None = no augmentation.
    """

    def __init__(
        self,
        data: Sequence[DataDir],
        options: SpeakerModel,
        training: Training,
        seed: int,
        augment: Augment | None,
    ) -> None:
        self.options, self.training, self.seed = options, training, seed
        self.copies = options.copies if augment is not None else 0
        self.speakers = sorted({speaker for part in data for speaker in part.speakers})
        if len(self.speakers) < 2:
            raise DataError(f"{data[0].path}: training needs at least 2 speakers, found {len(self.speakers)}")
        self.train: list[list[tuple[int, str]]] = []
        self.held_out: list[tuple[int, tuple[int, str]]] = []
        genders = {speaker: gender for part in data for speaker, gender in part.tables.get("spk2gender", {}).items()}
        self.is_female = torch.tensor([genders.get(speaker) == "f" for speaker in self.speakers])
        for speaker in self.speakers:
            own = [(number, utt) for number, part in enumerate(data) for utt in part.spk2utt.get(speaker, ())]
            self.train.append(own)
        for label in seeds.generator(seed, "held-out").permutation(len(self.speakers)):
            own = self.train[label]
            order = seeds.generator(seed, "held-out", self.speakers[label]).permutation(len(own))
            kept = len(own) // options.held_out_every if len(self.held_out) < MOST_HELD_OUT else 0
            self.held_out += [(int(label), own[index]) for index in sorted(order[:kept])]
            self.train[label] = [own[index] for index in sorted(order[kept:])]
        self.held_out.sort()
        compute = functools.partial(
            compute_features, data=tuple(data), options=options.features, seed=seed, augment=augment
        )
        self.cache: FeatureCache[Key, np.ndarray] = FeatureCache(compute, int(options.cache_gigabytes * 1e9))

    def warm(self) -> None:
        """Compute the features ahead, on all cores."""
        keys = [(*utterance, copy) for own in self.train for utterance in own for copy in range(1 + self.copies)]
        self.cache.warm(keys)

    def batch(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "speaker-batch", str(index))
        size, options = self.training.batch_size, self.options
        low, high = (round(seconds * FRAMES_PER_SECOND) for seconds in (options.chunk_min, options.chunk_max))
        length = int(draw.integers(low, high + 1))
        rounds = [draw.permutation(len(self.speakers)) for _ in range(-(-size // len(self.speakers)))]
        labels = np.concatenate(rounds)[:size]
        chunks = []
        for label in labels:
            own = self.train[label]
            utterance = own[draw.integers(len(own))]
            altered = self.copies and draw.random() < options.augmented
            copy = int(draw.integers(1, self.copies + 1)) if altered else 0
            frames = self.cache[(*utterance, copy)]
            chunks.append(cut(frames, int(draw.integers(max(1, len(frames) - length + 1))), length))
        return torch.from_numpy(np.stack(chunks)), torch.from_numpy(labels)

    def validation(self) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """One batch of the middles of held-out utterances, none if none are held out: (frames, labels, is female)."""
        if not self.held_out:
            return []
        length = round(self.options.chunk_max * FRAMES_PER_SECOND)
        chunks = []
        for _, utterance in self.held_out:
            frames = self.cache[(*utterance, 0)]
            chunks.append(cut(frames, max(0, len(frames) - length) // 2, length))
        labels = torch.tensor([label for label, _ in self.held_out])
        return [(torch.from_numpy(np.stack(chunks)), labels, self.is_female[labels])]


class SpeakerLearner(Learner):
    """Cross-entropy over speakers; validation adds the accuracy and the EER of `pairwise_eer`."""

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        frames, labels, *is_female = batch
        embedding, logits = self.network(frames, labels if stage == "train" else None)
        if stage == "valid":
            self.log("valid/accuracy", (logits.argmax(1) == labels).float().mean(), batch_size=1)
            self.log("valid/eer", pairwise_eer(embedding, labels, *is_female), batch_size=1)
        return functional.cross_entropy(logits.float(), labels)


def pairwise_eer(embedding: torch.Tensor, labels: torch.Tensor, is_female: torch.Tensor) -> float:
    """EER (percent) of the cosines of all pairs of one gender, as in the VPC's trials; 50 if it is undefined.

    Args:
        embedding: (n, dimension).
        labels: (n,), speakers.
        is_female: bool (n,).
    """
    unit = functional.normalize(embedding.float()).cpu().numpy()  # out of torch: autocast would round the product
    row, column = np.triu_indices(len(unit), 1)
    names, female = labels.cpu().numpy(), is_female.cpu().numpy()
    scores, same = (unit @ unit.T)[row, column], names[row] == names[column]
    other = (female[row] == female[column]) & ~same
    return eer(scores[same], scores[other]) if same.any() and other.any() else 50.0


def train(
    data: Sequence[DataDir],
    options: SpeakerModel,
    folder: Path,
    *,
    seed: int,
    device: str,
    augment: Augment | None,
    initial: Path | None = None,
) -> dict[str, Any]:
    """Train a speaker embedding and write its model dir.

    Args:
        data: training data dirs.
        options: section of the configuration; `training` is used, or `continued` with `initial`.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        seed: of initialisation and all draws.
        device: "cpu" or "cuda".
        augment: see SpeakerChunks.
        initial: a model dir whose network and features are taken over and trained further; its classifier too
            where it is of the same speakers.

    Returns:
        facts for the record: speakers, utterances, and the last validation.
    """
    training = options.continued if initial else options.training
    if initial:
        card = store.read_card(initial, "xvector", "ecapa")
        kind = card["kind"]
        own = {"loss": options.loss, "margin": options.margin, "scale": options.scale}
        hyperparameters = {**card["hyperparameters"], **own}
        # The network must go on seeing what it was trained on.
        options = replace(options, features=SpeakerFeatures(**card["facts"]["features"]))
    else:
        kind, hyperparameters = options.kind, hyperparameters_of(options)
    source = SpeakerChunks(data, options, training, seed, augment)
    source.warm()
    hyperparameters["speakers"] = len(source.speakers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "initialise"))
        network = store.build(kind, hyperparameters)
    if initial:
        _take_over(network, initial, source.speakers)
    learner = SpeakerLearner(network, training, seed)
    fit(learner, source, folder, device=device)
    validation = _validate(network, source)
    facts = {"speakers": source.speakers, "features": asdict(options.features), "validation": validation}
    finish(folder, network, kind=kind, hyperparameters=hyperparameters, facts=facts)
    return {"speakers": len(source.speakers), "utterances": sum(map(len, source.train)), **validation}


def _validate(network: torch.nn.Module, source: SpeakerChunks) -> dict[str, float]:
    """Accuracy (share) and EER (percent) of the finished network on held-out utterances."""
    network.cpu().eval()
    found = {}
    for frames, labels, is_female in source.validation():
        with torch.inference_mode():
            embedding, logits = network(frames)
        found["accuracy"] = round(float((logits.argmax(1) == labels).float().mean()), 4)
        found["eer"] = round(pairwise_eer(embedding, labels, is_female), 3)
    return found


def hyperparameters_of(options: SpeakerModel) -> dict[str, Any]:
    """The keywords of the network's class, but for the number of speakers."""
    features_in = options.features.coefficients if options.features.kind == "mfcc" else options.features.bins
    found: dict[str, Any] = {
        "features": features_in,
        "channels": list(options.channels),
        "embedding": options.embedding,
        "loss": options.loss,
        "margin": options.margin,
        "scale": options.scale,
    }
    if options.kind == "ecapa":
        found["attention"] = options.attention
    return found


def _take_over(network: torch.nn.Module, initial: Path, speakers: list[str]) -> None:
    trained, facts = store.load(initial, "xvector", "ecapa")
    weights = trained.state_dict()
    if facts["speakers"] != speakers or type(trained.head) is not type(network.head):
        log.info("%s was trained on other speakers or another loss: a new classifier is put on it", initial)
        weights = {name: value for name, value in weights.items() if not name.startswith("head.")}
    network.load_state_dict(weights, strict=False)
