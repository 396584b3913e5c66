"""What speaker embeddings are trained on: numbered batches of chunks of utterances, and what is held out of them.

Small corpora: the features of whole utterances are computed once and kept in memory, and chunks are cut from them.
Large ones (`read: chunks`): a chunk is read from its place in the file when it is drawn, and its features are computed
where the network is, so that neither memory nor the disk's reading of whole files is what training waits for.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.core import seeds
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data import audio, features
from pseudovox.training.data import FeatureCache, cut

if TYPE_CHECKING:
    from pseudovox.config import SpeakerFeatures, SpeakerModel
    from pseudovox.data.datadir import DataDir

FRAMES_PER_SECOND = 100
VALIDATION_BATCH = 128  # chunks
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Utterance = tuple[int, str]  # number of the data dir, utterance
Key = tuple[int, str, int]  # the same, copy (0 = as recorded)
Row = tuple[int, Utterance, int | None]  # label, utterance, which of its chunks; None = any part of it
Batch = tuple[torch.Tensor, ...]


def compute_features(
    key: Key, data: Sequence[DataDir], options: SpeakerFeatures, seed: int, augment: Augment | None
) -> np.ndarray:
    """The input frames (frames, n) of an utterance, or of one of its augmented copies."""
    number, utterance, copy = key
    samples = audio.load(data[number], utterance)
    if copy and augment is not None:
        samples = augment(samples, seeds.generator(seed, "augment", f"{utterance}/{copy}"))
    return features.speaker_features(samples, options).numpy()


def chunk_count(part: DataDir, utterance: str, seconds: float, quietest: float = 0.0) -> int:
    """How many chunks an utterance has that follow each other without a gap; one if it is shorter than that.

    Args:
        seconds: of a chunk; what is left at the utterance's end does not count.
        quietest: chunks whose mean magnitude (of samples in [-1, 1]) is lower do not count; if it is above 0, the
            audio is read.
    """
    if quietest <= 0:
        return max(1, int(part.duration(utterance) / seconds + 1e-6))
    samples = np.abs(audio.load(part, utterance))
    length = round(seconds * audio.SAMPLE_RATE)
    whole = max(1, len(samples) // length)
    return sum(float(chunk.mean()) >= quietest for chunk in np.array_split(samples[: whole * length], whole))


class SpeakerChunks:
    """Numbered batches of chunks, and the held-out chunks.

    A batch is (inputs, labels (batch,)), and the pseudo-speakers (batch,) if `targets` are given. Inputs are frames
    (batch, length, n), or samples (batch, length) with `options.read` "chunks"; their length lies between the two chunk
    lengths. `options.balance` says how speakers are drawn, `options.validation` what is held out.

    Args:
        data: data dirs; the same speaker id in two of them is one speaker.
        options: section of the configuration.
        batch_size: chunks in a batch.
        seed: of every draw.
        augment: makes a copy of (samples, generator); None = no augmentation.
        targets: the pseudo-speaker's number by utterance, of each data dir.

    Attributes:
        speakers: that are trained on, in the order of the labels.
        train: utterances of each of them.
        held_out: (label, utterance); speakers that are not trained on have labels from len(speakers) on.
        batches: in a pass over the training data, each chunk once; what does not fill a batch is left out.

    Raises:
        UsageError: a word in the configuration that is not known.
        DataError: fewer than two speakers to train on, or too few to hold some out.
    """

    def __init__(
        self,
        data: Sequence[DataDir],
        options: SpeakerModel,
        batch_size: int,
        seed: int,
        augment: Augment | None,
        targets: Sequence[dict[str, int]] | None = None,
    ) -> None:
        for name, value, known in (
            ("read", options.read, ("utterances", "chunks")),
            ("balance", options.balance, ("speakers", "chunks", "places")),
            ("validation", options.validation, ("utterances", "speakers")),
        ):
            if value not in known:
                raise UsageError(f"{name}: {value!r}: expected {' or '.join(known)}")
        if options.balance == "places" and (options.chunk_min != options.chunk_max or options.quietest):
            raise UsageError(
                f"balance: places: chunks of one length are cut, and all count: not chunk_min {options.chunk_min:g}, "
                f"chunk_max {options.chunk_max:g}, quietest {options.quietest:g}"
            )
        self.data, self.options, self.batch_size, self.seed = list(data), options, batch_size, seed
        self.augment, self.targets = augment, targets
        self.copies = options.copies if augment is not None else 0
        everyone = sorted({speaker for part in data for speaker in part.speakers})
        genders = {speaker: gender for part in data for speaker, gender in part.tables.get("spk2gender", {}).items()}
        apart = _speakers_apart(everyone, genders, options, seed, where=str(data[0].path))
        self.speakers = [speaker for speaker in everyone if speaker not in apart]
        if len(self.speakers) < 2:
            raise DataError(f"{data[0].path}: training needs at least 2 speakers, found {len(self.speakers)}")
        order = [*self.speakers, *apart]
        self.is_female = torch.tensor([genders.get(speaker) == "f" for speaker in order])
        own = [
            [(number, utt) for number, part in enumerate(data) for utt in part.spk2utt.get(speaker, ())]
            for speaker in order
        ]
        self.train = own[: len(self.speakers)]
        self.held_out: list[tuple[int, Utterance]] = []
        if apart:
            self._hold_out_speakers(apart, own[len(self.speakers) :])
        else:
            self._hold_out_utterances()
        self.held_out.sort()
        compute = functools.partial(
            compute_features, data=tuple(data), options=options.features, seed=seed, augment=augment
        )
        self.cache: FeatureCache[Key, np.ndarray] = FeatureCache(compute, int(options.cache_gigabytes * 1e9))
        self._rows: list[Row] = []  # one for each chunk of the training data, once counted
        self._turn: tuple[int, np.ndarray] = (-1, np.zeros(0, int))

    # ------------------------------------------------------------------ held out
    def _hold_out_utterances(self) -> None:
        """Some of each speaker's, until there are enough."""
        most = self.options.held_out_most
        for label in seeds.generator(self.seed, "held-out").permutation(len(self.speakers)):
            own = self.train[label]
            order = seeds.generator(self.seed, "held-out", self.speakers[label]).permutation(len(own))
            enough = most and len(self.held_out) >= most
            kept = 0 if enough else len(own) // self.options.held_out_every
            self.held_out += [(int(label), own[index]) for index in sorted(order[:kept])]
            self.train[label] = [own[index] for index in sorted(order[kept:])]

    def _hold_out_speakers(self, apart: Sequence[str], utterances: Sequence[list[Utterance]]) -> None:
        """As many utterances of each of the speakers apart as there is room for, drawn."""
        most = self.options.held_out_most
        share = max(2, most // len(apart)) if most else max(map(len, utterances))
        for label, (speaker, own) in enumerate(zip(apart, utterances, strict=True), len(self.speakers)):
            order = seeds.generator(self.seed, "held-out", speaker).permutation(len(own))[:share]
            self.held_out += [(label, own[index]) for index in order]

    def validation(self) -> HeldOut:
        """The middles of held-out utterances, or all their chunks (balance `places`), by VALIDATION_BATCH."""
        return HeldOut(self)

    # ------------------------------------------------------------------ chunks
    def warm(self) -> None:
        """Compute the features ahead, on all cores, if they are kept."""
        if self.options.read == "chunks":
            return
        keys = [(*utterance, copy) for own in self.train for utterance in own for copy in range(1 + self.copies)]
        self.cache.warm(keys)

    @property
    def rows(self) -> list[Row]:
        """One row for each chunk of the training data; counted when first asked for."""
        if not self._rows:
            flat = [(label, utterance) for label, own in enumerate(self.train) for utterance in own]
            self._rows = self._chunks_of(flat)
            if not self._rows:
                raise DataError(f"{self.data[0].path}: no chunk is as loud as quietest, {self.options.quietest}")
        return self._rows

    def _chunks_of(self, flat: Sequence[tuple[int, Utterance]]) -> list[Row]:
        """Each utterance once for each of its chunks; with balance `places`, with the number of the chunk."""
        placed = self.options.balance == "places"

        def count(row: tuple[int, Utterance]) -> int:
            number, utterance = row[1]
            if placed:  # the last one may be shorter
                return max(1, math.ceil(self.data[number].duration(utterance) / self.options.chunk_max - 1e-6))
            return chunk_count(self.data[number], utterance, self.options.chunk_max, self.options.quietest)

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            counts = list(pool.map(count, flat))
        return [
            (label, utterance, place if placed else None)
            for (label, utterance), number in zip(flat, counts, strict=True)
            for place in range(number)
        ]

    @property
    def batches(self) -> int:
        return max(1, len(self.rows) // self.batch_size)

    def batch(self, index: int) -> Batch:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "speaker-batch", str(index))
        low, high = (round(seconds * FRAMES_PER_SECOND) for seconds in (self.options.chunk_min, self.options.chunk_max))
        length = int(draw.integers(low, high + 1))
        chosen = self._balanced(draw) if self.options.balance == "speakers" else self._in_turn(index)
        labels, targets, chunks = [], [], []
        for label, utterance, place in chosen:
            labels.append(label)
            targets.append(self._target(utterance))
            chunks.append(self._chunk(utterance, length, draw, place))
        return self._stacked(chunks, labels, targets)

    def _balanced(self, draw: np.random.Generator) -> Iterator[Row]:
        """Every speaker as often as any other; of each an utterance by chance."""
        rounds = [draw.permutation(len(self.speakers)) for _ in range(-(-self.batch_size // len(self.speakers)))]
        for label in np.concatenate(rounds)[: self.batch_size]:
            own = self.train[label]
            yield int(label), own[draw.integers(len(own))], None

    def _in_turn(self, index: int) -> Iterator[Row]:
        """All chunks in a new order in each pass over the data."""
        turn, place = divmod(index, self.batches)
        if self._turn[0] != turn:
            self._turn = turn, seeds.generator(self.seed, "pass", str(turn)).permutation(len(self.rows))
        order = self._turn[1][place * self.batch_size : (place + 1) * self.batch_size]
        for row in np.resize(order, self.batch_size):
            yield self.rows[row]

    def _chunk(
        self, utterance: Utterance, length: int, draw: np.random.Generator, place: int | None = None
    ) -> np.ndarray:
        """A chunk of `length` frames: frames (length, n), or samples (160 length,); by chance, or that of a number."""
        altered = bool(self.copies) and draw.random() < self.options.augmented
        if self.options.read == "chunks":
            samples = self._read(utterance, length, lambda room: int(draw.integers(room + 1)), place)
            return self.augment(samples, draw) if altered and self.augment else samples
        frames = self.cache[(*utterance, int(draw.integers(1, self.copies + 1)) if altered else 0)]
        if place is not None:
            return _numbered(frames, place, length)
        return cut(frames, int(draw.integers(max(1, len(frames) - length + 1))), length)

    def middle(self, utterance: Utterance, length: int, place: int | None = None) -> np.ndarray:
        """The middle `length` frames of an utterance, or their samples; or those of the chunk of a number."""
        if self.options.read == "chunks":
            return self._read(utterance, length, lambda room: room // 2, place)
        frames = self.cache[(*utterance, 0)]
        if place is not None:
            return _numbered(frames, place, length)
        return cut(frames, max(0, len(frames) - length) // 2, length)

    def _read(
        self, utterance: Utterance, length: int, start_of: Callable[[int], int], place: int | None = None
    ) -> np.ndarray:
        """float32 (160 length,) from the file; an utterance, or its last chunk, that is shorter is repeated."""
        part, rate = self.data[utterance[0]], audio.SAMPLE_RATE
        wanted = length * rate // FRAMES_PER_SECOND
        total = int(part.duration(utterance[1]) * rate)
        start = start_of(max(0, total - wanted)) if place is None else place * wanted
        found = audio.load(part, utterance[1], span=(start / rate, min(start + wanted, total) / rate))
        return np.resize(found, wanted)

    def _target(self, utterance: Utterance) -> int:
        return self.targets[utterance[0]][utterance[1]] if self.targets else -1

    def _stacked(self, chunks: Sequence[np.ndarray], labels: Sequence[int], targets: Sequence[int]) -> Batch:
        inputs = torch.from_numpy(np.stack(chunks)), torch.tensor(labels)
        return (*inputs, torch.tensor(targets)) if self.targets else inputs


class HeldOut(Sequence[Batch]):
    """Validation batches, made when they are asked for: (inputs, labels, is female, pseudo-speakers if known)."""

    def __init__(self, source: SpeakerChunks) -> None:
        self.source = source
        self.rows: list[Row] = [(label, utterance, None) for label, utterance in source.held_out]
        if source.options.balance == "places":
            self.rows = source._chunks_of(source.held_out)

    def __len__(self) -> int:
        return -(-len(self.rows) // VALIDATION_BATCH)

    def __getitem__(self, number: int) -> Batch:  # type: ignore[override]
        rows = self.rows[number * VALIDATION_BATCH : (number + 1) * VALIDATION_BATCH]
        if number < 0 or not rows:
            raise IndexError(number)
        length = round(self.source.options.chunk_max * FRAMES_PER_SECOND)
        chunks = [self.source.middle(utterance, length, place) for _, utterance, place in rows]
        targets = [self.source._target(utterance) for _, utterance, _ in rows]
        inputs, labels, *others = self.source._stacked(chunks, [label for label, *_ in rows], targets)
        return (inputs, labels, self.source.is_female[labels], *others)


def _numbered(frames: np.ndarray, place: int, length: int) -> np.ndarray:
    """The chunk of a number (frames, n); the last one, which may be shorter, is repeated."""
    left = frames[place * length :]
    return cut(left if len(left) else frames, 0, length)  # there are a few frames less than the duration says


def _speakers_apart(
    everyone: Sequence[str], genders: dict[str, str], options: SpeakerModel, seed: int, where: str
) -> list[str]:
    """The speakers that validate: at least two of each gender that has more than three, sorted."""
    if options.validation != "speakers":
        return []
    apart: list[str] = []
    for gender in sorted({genders.get(speaker, "") for speaker in everyone}):
        own = [speaker for speaker in everyone if genders.get(speaker, "") == gender]
        if len(own) > 3:
            count = min(max(2, round(options.held_out_speakers * len(own))), len(own) - 2)
            order = seeds.generator(seed, "held-out-speakers", gender).permutation(len(own))
            apart += [own[place] for place in order[:count]]
    if not apart:
        raise DataError(
            f"{where}: {len(everyone)} speakers: none can be held out for validation, which takes two of a gender that "
            "has four or more",
            "--set <section>.validation=utterances",
        )
    return sorted(apart)
