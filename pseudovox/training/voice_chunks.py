"""Numbered batches for synthesizers: chunks of what worker processes have made of each utterance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.components import f0
from pseudovox.core import seeds
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.archive import read_alike, read_scp

if TYPE_CHECKING:
    from pseudovox import config
    from pseudovox.data.datadir import DataDir

Batch = tuple[torch.Tensor, ...]
Key = tuple[int, str]  # number of the data dir, utterance
SPEAKER_INPUTS = ("xvector", "one-hot")


def unit(vector: np.ndarray) -> np.ndarray:
    """A vector scaled to length 1 (zeros stay)."""
    return vector / max(float(np.linalg.norm(vector)), 1e-8)


class Voices:
    """What a synthesizer is told of the speaker: x-vectors, or which of the training speakers it is.

    Args:
        data: training data dirs.
        xvectors: root of x-vectors, <xvectors>/<set>/xvector.scp by utterance; not read for one-hot vectors.
        speaker_input: "xvector" or "one-hot".

    Attributes:
        own: float32 (dimension,) by utterance, for each data dir; the utterance's x-vector, or the one-hot vector.
        speakers: the same, but the mean of the speaker's x-vectors.
        names: one-hot: the speakers, in the order of the dimensions; else empty.

    Raises:
        UsageError: another speaker_input. DataError: an utterance lacks its x-vector.
    """

    def __init__(self, data: Sequence[DataDir], xvectors: Path, speaker_input: str) -> None:
        self.own: list[dict[str, np.ndarray]] = []
        self.speakers: list[dict[str, np.ndarray]] = []
        self.names: list[str] = []
        if speaker_input not in SPEAKER_INPUTS:
            raise UsageError(f"synthesizer.speaker_input {speaker_input!r}: expected {' or '.join(SPEAKER_INPUTS)}")
        if speaker_input == "one-hot":
            self.names = sorted({speaker for part in data for speaker in part.speakers})
            rows = dict(zip(self.names, np.eye(len(self.names), dtype=np.float32), strict=True))
            self.own = [{utt: rows[part.utt2spk[utt]] for utt in part.utterances} for part in data]
            self.speakers = self.own
            return
        archives = read_alike({number: xvectors / part.name / "xvector.scp" for number, part in enumerate(data)})
        for part, archive in zip(data, archives.values(), strict=True):
            own = {utt: unit(archive[utt]) for utt in part.utterances}
            means = {
                speaker: unit(np.mean([own[utt] for utt in utts], axis=0)) for speaker, utts in part.spk2utt.items()
            }
            self.own.append(own)
            self.speakers.append({utt: means[part.utt2spk[utt]] for utt in part.utterances})

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return len(next(iter(self.own[0].values())))

    def of(self, key: Key, *, mean: bool) -> np.ndarray:
        """The voice of an utterance, or of its speaker."""
        return (self.speakers if mean else self.own)[key[0]][key[1]]

    def mean(self) -> np.ndarray:
        """What is taken off each vector: the mean over utterances of the speakers' x-vectors, 0 of one-hot vectors."""
        if self.names:
            return np.zeros(self.dimension, np.float32)
        return np.stack([vector for speakers in self.speakers for vector in speakers.values()]).mean(0)


class Chunks:
    """What workers have made of each utterance, and which utterances are held out.

    Args:
        data: data dirs.
        frames: root of what the workers made, <frames>/<set>/<array>.scp.
        arrays: the names of these arrays.
        validation: utterances that are held out, at most a tenth of all.
        seed: of the draw.

    Attributes:
        archives: by array, for each data dir.
        utterances, held_out: sorted.

    Raises:
        DataError: an utterance lacks an array, or there is none to train on.
    """

    def __init__(
        self, data: Sequence[DataDir], frames: Path, arrays: Sequence[str], validation: int, seed: int
    ) -> None:
        self.seed = seed
        self.archives = [{name: read_scp(frames / part.name / f"{name}.scp") for name in arrays} for part in data]
        everything = [(number, utt) for number, part in enumerate(data) for utt in part.utterances]
        order = seeds.generator(seed, "held-out").permutation(len(everything))
        kept = min(validation, len(everything) // 10)
        self.held_out: list[Key] = sorted(everything[index] for index in order[:kept])
        self.utterances: list[Key] = sorted(everything[index] for index in order[kept:])
        if not self.utterances:
            raise DataError("no utterance to train on")

    def sample(self, count: int = 300) -> list[Key]:
        """Some `count` training utterances, evenly spread."""
        return self.utterances[:: max(1, len(self.utterances) // count)]


class ChunkBatches(Chunks):
    """Base of the synthesizers' batches: which utterances, which place in them, which voice.

    A subclass says in `_chunk` what belongs to a chunk.

    Args:
        data: data dirs.
        frames: root of what the workers made, <frames>/<set>/<array>.scp.
        arrays: the names of these arrays.
        xvectors: root of x-vectors (see Voices).
        options: section of the configuration.
        stride: frames of 10 ms per content vector.
        seed: of every draw.

    Raises:
        DataError: an utterance lacks one of them, or there is none to train on.
    """

    def __init__(
        self, data: Sequence[DataDir], frames: Path, arrays: Sequence[str], xvectors: Path,
        options: config.Synthesizer, stride: int, seed: int,
    ) -> None:  # fmt: skip
        super().__init__(data, frames, arrays, options.validation, seed)
        self.options, self.stride = options, stride
        self.voices = Voices(data, xvectors, options.speaker_input)

    @property
    def bottleneck(self) -> int:
        """Dimension of the content vectors."""
        number, utterance = self.utterances[0]
        return self.archives[number]["content"].rows(utterance, 0, 1).shape[1]

    def batch(self, index: int) -> Batch:
        """The index-th batch of chunks."""
        draw = seeds.generator(self.seed, "synthesizer-batch", str(index))
        chosen = [
            self.utterances[k] for k in draw.integers(len(self.utterances), size=self.options.training.batch_size)
        ]
        chance = draw.random((3, len(chosen)))
        rows = [
            self._chunk(key, place, altered < self.options.augmented, mean < self.options.speaker_level)
            for key, place, altered, mean in zip(chosen, *chance, strict=True)
        ]
        return stacked(rows)

    def validation(self) -> list[Batch]:
        """One batch: the middles of the held-out utterances, content as recorded, the speaker's voice."""
        rows = [self._chunk(key, 0.5, False, True) for key in self.held_out]
        return [stacked(rows)] if rows else []

    def _chunk(self, key: Key, place: float, altered: bool, mean: bool) -> tuple[np.ndarray, ...]:
        """The arrays of one chunk.

        Args:
            key: of the utterance.
            place: of the chunk between its beginning (0) and its end (1).
            altered: take the content of the augmented copy.
            mean: take the speaker's voice, not the utterance's.
        """
        raise NotImplementedError


def stacked(rows: Sequence[tuple[np.ndarray, ...]]) -> Batch:
    """Chunks, each a tuple of arrays, as a tuple of tensors (B, ...)."""
    return tuple(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))


def model_facts(batches: ChunkBatches, data: Sequence[DataDir], validation: dict[str, float]) -> dict[str, Any]:
    """What a user of a synthesizer that was trained on these batches must know (see models.store)."""
    return {
        "bottleneck": batches.bottleneck,
        "stride": batches.stride,
        "xvector": batches.voices.dimension,
        "validation": validation,
        **speaker_facts(batches, data),
    }


def speaker_facts(batches: ChunkBatches, data: Sequence[DataDir]) -> dict[str, Any]:
    """What a user of one-hot voices must know: `speakers`, in the order of the dimensions, each with its gender ("" if
    it is not known) and the mean and deviation of its log F0. Of x-vectors there is nothing to know.
    """
    if not batches.voices.names:
        return {}
    contours: dict[str, list[np.ndarray]] = {name: [] for name in batches.voices.names}
    genders: dict[str, str] = {}
    for number, part in enumerate(data):
        genders.update(part.tables.get("spk2gender", {}))
        for utterance in part.utterances:
            contours[part.utt2spk[utterance]].append(batches.archives[number]["f0"][utterance])
    found = []
    everybody = f0.statistics(contour for own in contours.values() for contour in own)
    for name, own in contours.items():
        pitch = f0.statistics(own)
        if not pitch.frames:  # no voice was found in this one's speech
            pitch = everybody if everybody.frames else f0.Statistics(5.0, 0.2)
        found.append({"id": name, "gender": genders.get(name, ""), "log_f0": [pitch.mean, pitch.deviation]})
    return {"speakers": found}
