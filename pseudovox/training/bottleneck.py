"""Training of the content extractor: frame cross-entropy where phone times exist, CTC where only text does.

A batch is of one kind: chunks of utterances whose phones are aligned (by `phones.ctm`, or by steps/align_phones.py),
or whole utterances with the phones that espeak-ng gives their text. The kinds alternate at random by the amount of
speech that each has. With a teacher (steps/extract_teacher.py) every utterance comes in chunks, aligned or not, and the
network learns to give the teacher's outputs as well.

Phones alone teach the bottleneck to forget how a sound was said, and with it words that a listener would have got.
With `spectrum_weight` the bottleneck must also do for restoring the speech, from an input whose formants, filter, noise
and room were altered at random and from a description of the voice: it learns to keep what these cannot tell. (The same
thought as in NANSY, Choi et al. 2021, "Neural analysis and synthesis": perturb what shall not pass.) With
`consistency_weight` half of the chunks come twice, each time altered in another way, and the bottlenecks of the two are
drawn together: what tells them apart is of the voice, and none of the words. With `voices` inputs come in other voices,
too, whose pitch and formants were moved in the waveform, and so do twins.
"""

from __future__ import annotations

import functools
import logging
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.components.content import log_mel, sample_frames
from pseudovox.config import Alteration
from pseudovox.core import seeds
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data import audio, features
from pseudovox.data.archive import read_scp
from pseudovox.data.augment import change_voice, praat
from pseudovox.data.datadir.selection import per_speaker
from pseudovox.models import pretrained, quantizers
from pseudovox.models.bottleneck import FRAME_SAMPLES
from pseudovox.training.alteration import alter
from pseudovox.training.ctc import ctc_loss
from pseudovox.training.data import FeatureCache, cut, emphasis
from pseudovox.training.fit import Learner, finish, fit

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir, Phone
    from pseudovox.kinds.content_extractors.bottleneck import Options
    from pseudovox.models.bottleneck import BottleneckNetwork

log = logging.getLogger("pseudovox")
FRAMES_PER_SECOND = 100
CPU = torch.device("cpu")
SILENCE = "sil"
FRONT_WEIGHTS = "bottleneck.wav2vec2.weights"  # the key
FACTOR_UTTERANCES = 12  # of a speaker, that speaker factors are fitted on, at most
IGNORED = -100  # label of frames that do not count, PyTorch's default
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Key = tuple[int, str, int]  # number of the data dir, utterance, variant (0 = as recorded)
Batch = dict[str, torch.Tensor]


def augmented(
    samples: np.ndarray, utterance: str, variant: int, seed: int, augment: Augment, channels: int
) -> np.ndarray:
    """The variant-th version of an utterance: 0 is the original, then come `channels` augmented ones, then voices."""
    if not variant:
        return samples
    if variant > channels:
        return change_voice(samples, seeds.generator(seed, "voice", f"{utterance}/{variant - channels}"))
    return augment(samples, seeds.generator(seed, "augment", f"{utterance}/{variant}"))


def compute_features(key: Key, data: Sequence[DataDir], options: Options, seed: int, augment: Augment) -> np.ndarray:
    """Input frames (frames, bins) of an utterance or of one of its augmented versions; samples for a front end."""
    number, utterance, variant = key
    samples = augmented(audio.load(data[number], utterance), utterance, variant, seed, augment, options.variants)
    if options.front_end == "wav2vec2":
        return sample_frames(samples).numpy()
    return log_mel(samples, options.bins, options.floor_decibels).numpy()


def frame_labels(phones: Sequence[Phone], labels: dict[str, int], frames: int, stride: int) -> np.ndarray:
    """The phone at the middle of each output frame.

    Args:
        phones: in order of time.
        labels: number of each phone.
        frames: output frames.
        stride: 10 ms input frames in each.

    Returns:
        int64 (frames,); IGNORED where no phone lies.
    """
    return labels_at(phones, labels, (np.arange(frames) + 0.5) * stride / FRAMES_PER_SECOND)


def labels_at(phones: Sequence[Phone], labels: Mapping[str, int], times: np.ndarray) -> np.ndarray:
    """The phone at each of some times, in seconds (n,): int64 (n,); IGNORED where no phone lies."""
    starts = np.array([phone.start for phone in phones])
    ends = np.array([phone.start + phone.duration for phone in phones])
    numbers = np.array([labels[phone.label] for phone in phones])
    index = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, None)
    inside = (times >= starts[index]) & (times < ends[index])
    return np.where(inside, numbers[index], IGNORED)


def phone_inventory(data: Sequence[DataDir], *, spelled: bool) -> list[str]:
    """The phone labels of a training set, sorted: those of phones.ctm, and espeak's where texts are `spelled`."""
    phones = {phone.label for part in data for alignment in part.phones.values() for phone in alignment}
    if spelled and any(set(part.utterances) - part.phones.keys() for part in data):
        from pseudovox.components.espeak import PHONES

        phones |= {SILENCE, *PHONES}
    return sorted(phones)


class FrameTargets:
    """What is to be learnt of every frame: its phone, and a teacher's output.

    Args:
        data: data dirs; their phones.ctm count where there is no alignment.
        options: section of the configuration.
        sources: roots of the archives `alignment` and `teacher`, if they are used.

    Attributes:
        phones: the labels' names.
        teacher: numbers per frame of the teacher; 0 = there is none.

    Raises:
        DataError: an archive lacks an utterance.
    """

    def __init__(self, data: Sequence[DataDir], options: Options, sources: Mapping[str, Path]) -> None:
        self.data, self.stride = list(data), options.stride
        self.archives = {
            name: [read_scp(root / part.name / f"{name}.scp") for part in data] for name, root in sources.items()
        }
        for archives in self.archives.values():
            for part, archive in zip(data, archives, strict=True):
                if lacking := sorted(set(part.utterances) - archive.entries.keys()):
                    raise DataError(
                        f"{archive.path}: {len(lacking)} utterances of {part.path} are missing, e.g. {lacking[0]}"
                    )
        self.aligned: list[dict[str, np.ndarray]] = []  # numbers of the phones every 10 ms; read for every chunk
        if "alignment" in sources:
            from pseudovox.components.alignment import PHONES

            self.phones = list(PHONES)
            self.aligned = [
                {utt: archive[utt].astype(np.int16) for utt in part.utterances}
                for part, archive in zip(data, self.archives["alignment"], strict=True)
            ]
        else:
            self.phones = phone_inventory(data, spelled=not self.archives)
        self.labels_of = {phone: number for number, phone in enumerate(self.phones)}
        self.teacher = 0
        if "teacher" in sources:
            archive = self.archives["teacher"][0]
            self.teacher = archive[next(iter(archive))].shape[1]
            self.mean, self.deviation = self._statistics()

    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the teacher's numbers over some 100 utterances (teacher,)."""
        keys = [(number, utt) for number, part in enumerate(self.data) for utt in part.utterances]
        frames = np.concatenate(
            [self.archives["teacher"][number][utt] for number, utt in keys[:: max(1, len(keys) // 100)]]
        )
        return frames.mean(0), np.maximum(frames.std(0), 1e-3)

    def in_chunks(self, number: int, utterance: str) -> bool:
        """Can a chunk of this utterance be learnt from, or must it come whole, with its text?"""
        return bool(self.archives) or utterance in self.data[number].phones

    def labels(self, number: int, utterance: str, frames: int) -> np.ndarray:
        """The phone at the middle of each output frame, int64; IGNORED where none is known.

        Args:
            frames: input frames of 10 ms.
        """
        count = -(-frames // self.stride)
        if self.aligned:
            by_input = self.aligned[number][utterance]
            middle = np.arange(count) * self.stride + self.stride // 2
            found = by_input[np.minimum(middle, len(by_input) - 1)].astype(np.int64)
            return np.where(found < 0, IGNORED, found)
        if utterance not in self.data[number].phones:
            return np.full(count, IGNORED)
        return frame_labels(self.data[number].phones[utterance], self.labels_of, count, self.stride)

    def of_teacher(self, number: int, utterance: str) -> np.ndarray:
        """The teacher's outputs, scaled to mean 0 and variance 1: float16 (frames of 20 ms, teacher)."""
        frames = self.archives["teacher"][number][utterance]
        return ((frames - self.mean) / self.deviation).astype(np.float16)


class PhoneBatches:
    """Numbered batches for the content extractor.

    Args:
        data: data dirs with `phones.ctm`, or `text`, or both; with sources, of any kind.
        options: section of the configuration.
        seed: of every draw.
        augment: makes an altered copy of (samples, generator).
        sources: see FrameTargets.

    Raises:
        DataError: an utterance has neither phones nor text, or nothing is left to train on.
        UsageError: more cepstral coefficients than bands.
    """

    def __init__(
        self, data: Sequence[DataDir], options: Options, seed: int, augment: Augment,
        sources: Mapping[str, Path] | None = None,
    ) -> None:  # fmt: skip
        if options.spectrum_weight and options.spectrum_coefficients > options.bins:
            raise UsageError(
                f"bottleneck.spectrum_coefficients {options.spectrum_coefficients}: expected at most bottleneck.bins,"
                f" {options.bins}"
            )
        self.data, self.options, self.seed = list(data), options, seed
        self.targets = FrameTargets(data, options, sources or {})
        self.phones, self.labels = self.targets.phones, self.targets.labels_of
        everything = [(number, utt) for number, part in enumerate(data) for utt in part.utterances]
        order = seeds.generator(seed, "held-out").permutation(len(everything))
        held_out = {everything[index] for index in order[: min(options.validation, len(everything) // 10)]}
        self.aligned: list[tuple[int, str]] = []
        spelled: list[tuple[float, int, str]] = []
        self.held_out: list[tuple[int, str]] = sorted(held_out)
        seconds = 0.0
        for number, utt in everything:
            if (number, utt) in held_out:
                continue
            if self.targets.in_chunks(number, utt):
                self.aligned.append((number, utt))
                seconds += data[number].duration(utt)
            elif (duration := data[number].duration(utt)) <= options.longest_seconds:
                spelled.append((duration, number, utt))
        # Neighbours in length share a batch, so that little of it is padding.
        self.spelled = sorted(spelled)
        spelled_seconds = sum(duration for duration, _, _ in spelled)
        if not self.aligned and not self.spelled:
            raise DataError(
                "no utterance to train on: all are longer than bottleneck.longest_seconds, or there is none"
            )
        self.aligned_share = seconds / (seconds + spelled_seconds)
        compute = functools.partial(compute_features, data=self.data, options=options, seed=seed, augment=augment)
        limit = int(options.cache_gigabytes * 1e9)
        self.cache: FeatureCache[Key, np.ndarray] = FeatureCache(compute, limit)
        self.taught: FeatureCache[tuple[int, str], np.ndarray] = FeatureCache(
            lambda key: self.targets.of_teacher(*key), limit
        )
        self.spectra: FeatureCache[tuple[int, str], tuple[np.ndarray, np.ndarray]] = FeatureCache(self._spectrum, limit)
        self.cepstrum_statistics: tuple[np.ndarray, np.ndarray] | None = None

    def warm(self) -> None:
        """Compute the features ahead, on all cores."""
        utterances = [*self.aligned, *((number, utt) for _, number, utt in self.spelled)]
        versions = 1 + self.options.variants + self.options.voices
        self.cache.warm([(*utt, variant) for variant in range(versions) for utt in utterances])

    def statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation per band over some 300 utterances (bins,)."""
        utterances = [*self.aligned, *((number, utt) for _, number, utt in self.spelled)]
        chosen = utterances[:: max(1, len(utterances) // 300)]
        frames = np.concatenate([self.cache[(*utterance, 0)] for utterance in chosen])
        return torch.from_numpy(frames.mean(0)), torch.from_numpy(frames.std(0))

    def _cepstrum(self, number: int, utterance: str) -> np.ndarray:
        """Cepstrum of an utterance as recorded, float32 (frames, spectrum_coefficients)."""
        if self.options.front_end == "wav2vec2":
            samples = audio.load(self.data[number], utterance)
            spectrum = log_mel(samples, self.options.bins, self.options.floor_decibels).numpy()
        else:
            spectrum = self.cache[(number, utterance, 0)]
        return spectrum @ features.dct(self.options.spectrum_coefficients, self.options.bins, CPU).numpy()

    def _spectrum(self, key: tuple[int, str]) -> tuple[np.ndarray, np.ndarray]:
        """The frames that are to be restored, normalised over the training set, and what is told of the voice.

        Returns:
            (float16 (frames, coefficients), float32 (2 * coefficients,): mean and deviation of these frames)
        """
        if self.cepstrum_statistics is None:
            keys = sorted({*self.aligned, *self.held_out})
            sample = np.concatenate([self._cepstrum(*other) for other in keys[:: max(1, len(keys) // 100)]])
            self.cepstrum_statistics = sample.mean(0), np.maximum(sample.std(0), 1e-3)
        mean, deviation = self.cepstrum_statistics
        weight = emphasis(deviation, self.options.spectrum_emphasis)
        frames = (self._cepstrum(*key) - mean) / deviation * weight
        return frames.astype(np.float16), np.concatenate([frames.mean(0), frames.std(0)])

    def batch(self, index: int) -> Batch:
        """The index-th batch: `frames` (B, T, bins) with `labels` (B, T'), or with `mask` (B, T') and CTC targets."""
        draw = seeds.generator(self.seed, "content-batch", str(index))
        if draw.random() < self.aligned_share:
            return self._aligned_batch(draw)
        return self._spelled_batch(draw)

    def validation(self) -> list[Batch]:
        """The middles of held-out utterances that have phone times, and whole held-out utterances that have not."""
        aligned = [key for key in self.held_out if self.targets.in_chunks(*key)]
        spelled = [key for key in self.held_out if not self.targets.in_chunks(*key)]
        batches = [self._chunks(aligned, [0] * len(aligned), [0.5] * len(aligned))] if aligned else []
        return batches + [self._whole([utterance], [0]) for utterance in spelled]

    def _variant(self, draw: np.random.Generator) -> int:
        if self.options.voices and draw.random() < self.options.revoiced:
            return self.options.variants + int(draw.integers(1, self.options.voices + 1))
        if self.options.variants and draw.random() < self.options.augmented:
            return int(draw.integers(1, self.options.variants + 1))
        return 0

    def _aligned_batch(self, draw: np.random.Generator) -> Batch:
        copies = 2 if self.options.consistency_weight else 1
        chosen = draw.integers(len(self.aligned), size=self.options.training.batch_size // copies)
        variants = [self._variant(draw) for _ in chosen]
        places = np.tile(draw.random(len(chosen)), copies)
        if copies > 1:  # twins are of one version, unless there are versions in other voices
            variants += [self._variant(draw) for _ in chosen] if self.options.voices else variants
        return self._chunks([self.aligned[index] for index in chosen] * copies, variants, places, draw)

    def _chunks(
        self, utterances: Sequence[tuple[int, str]], variants: Sequence[int], places: Sequence[float] | np.ndarray,
        draw: np.random.Generator | None = None,
    ) -> Batch:  # fmt: skip
        """A chunk of each utterance, at a place from its beginning (0) to its end (1); altered if there is a draw.

        Of the copies of chunks that consistency asks for, the second half of them, frames stand beside their twins'.
        """
        stride = self.options.stride
        length = round(self.options.chunk_seconds * FRAMES_PER_SECOND / stride)
        alters = draw is not None and self.options.alter != Alteration.none()
        # Faster speech takes more of it; what is too much is cut off again.
        longer = math.ceil(length * (1 + self.options.alter.speed)) + 1 if alters else length
        speeds: list[float | None] = [None] * len(utterances)
        if draw is not None and self.options.consistency_weight:
            speeds = list(np.tile(draw.uniform(-1, 1, len(utterances) // 2), 2))
        rows: dict[str, list[np.ndarray]] = {name: [] for name in ("frames", "labels", "teacher", "spectrum", "voice")}
        for (number, utt), variant, place, speed in zip(utterances, variants, places, speeds, strict=True):
            whole = self.cache[(number, utt, variant)]
            # Whole output frames only: a short utterance is repeated, and its labels with it.
            count = max(1, len(whole) // stride)
            start = int(place * max(1, count - longer + 1))
            frames = cut(whole[: count * stride], start * stride, longer * stride)
            targets = {"labels": self.targets.labels(number, utt, len(whole))[:count]}
            if self.targets.teacher:
                taught = self.taught[(number, utt)]
                # The teacher has a frame every 20 ms.
                targets["teacher"] = taught[np.minimum(np.arange(count) * stride // 2, len(taught) - 1)]
            source = np.arange(length * stride)
            if alters:
                assert draw is not None
                frames, source = alter(frames, self.options.alter, draw, speed)
                source = source[: length * stride]
            came_from = source[stride // 2 :: stride] // stride
            if self.options.spectrum_weight:
                spectrum, voice = self.spectra[(number, utt)]
                spectrum = cut(spectrum[: count * stride], start * stride, longer * stride)[source]
                rows["spectrum"].append(spectrum.reshape(length, -1))
                rows["voice"].append(voice)
            rows["frames"].append(frames[: length * stride])
            for name, target in targets.items():
                rows[name].append(cut(target, start, longer)[came_from])
        return {name: torch.from_numpy(np.stack(row)) for name, row in rows.items() if row}

    def _spelled_batch(self, draw: np.random.Generator) -> Batch:
        limit = self.options.training.batch_size * self.options.chunk_seconds
        centre = int(draw.integers(len(self.spelled)))
        around = max(1, round(2 * limit / self.spelled[centre][0]))
        nearby = self.spelled[max(0, centre - around) : centre + around]
        chosen: list[tuple[int, str]] = []
        seconds = 0.0
        for position in draw.permutation(len(nearby)):
            duration, number, utt = nearby[position]
            if chosen and seconds + duration > limit:
                break
            chosen.append((number, utt))
            seconds += duration
        return self._whole(chosen, [self._variant(draw) for _ in chosen])

    def _whole(self, utterances: Sequence[tuple[int, str]], variants: Sequence[int]) -> Batch:
        """Whole utterances without phone times, padded with floor-level frames."""
        stride = self.options.stride
        arrays = [self.cache[(*utt, variant)] for utt, variant in zip(utterances, variants, strict=True)]
        longest = -(-max(len(array) for array in arrays) // stride) * stride
        silence = self.options.front_end == "wav2vec2"
        floor = 0.0 if silence else -self.options.floor_decibels * np.log(10.0) / 10.0
        frames = np.full((len(arrays), longest, arrays[0].shape[1]), floor, dtype=np.float32)
        mask = np.zeros((len(arrays), longest // stride), dtype=bool)
        sequences = []
        for row, ((number, utt), array) in enumerate(zip(utterances, arrays, strict=True)):
            frames[row, : len(array)] = array
            length = -(-len(array) // stride)
            mask[row, :length] = True
            sequences.append(self._sequence(number, utt))
        return {
            "frames": torch.from_numpy(frames),
            "mask": torch.from_numpy(mask),
            "lengths": torch.from_numpy(mask.sum(1)),
            "targets": torch.tensor([label for sequence in sequences for label in sequence]),
            "target_lengths": torch.tensor([len(sequence) for sequence in sequences]),
        }

    def _sequence(self, number: int, utterance: str) -> list[int]:
        data = self.data[number]
        if "text" not in data.tables:
            raise DataError(f"{data.path}: utterance {utterance} has neither phones (phones.ctm) nor text")
        return [self.labels[phone] for phone in _spelling(data.text[utterance])]


@functools.lru_cache(maxsize=100_000)
def _spelling(text: str) -> tuple[str, ...]:
    from pseudovox.components.espeak import phonemes

    return tuple(phonemes(text.lower()))


class BottleneckLearner(Learner):
    """Phone losses and commitment; brings the quantiser in at its update and keeps factors semi-orthogonal."""

    network: BottleneckNetwork

    def __init__(self, network: BottleneckNetwork, options: Options, seed: int) -> None:
        super().__init__(network, options.training, seed)
        self.options = options

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        if self.global_step >= self.options.quantizer_start:
            self.network.start_quantizing()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.network.constrain()

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        out = self.network(batch["frames"], batch.get("mask"), batch.get("voice"))
        if "labels" in batch:
            labels = batch["labels"]
            # (Without a single label in it, a batch has no cross-entropy: its mean would be 0 / 0.)
            total = functional.cross_entropy(out.frame_logits.transpose(1, 2), labels, reduction="sum")
            value = total / (labels != IGNORED).sum().clamp(min=1) * self.options.frame_weight
            if "teacher" in batch:
                apart = functional.mse_loss(out.taught, batch["teacher"].float())
                self.log(f"{stage}/teacher", apart, batch_size=1)
                value = value + self.options.teacher_weight * apart
            if "spectrum" in batch:
                apart = functional.mse_loss(out.spectrum, batch["spectrum"].float())
                self.log(f"{stage}/spectrum", apart, batch_size=1)
                value = value + self.options.spectrum_weight * apart
            if self.options.consistency_weight and stage == "train":
                one, other = out.narrow.chunk(2)
                apart = functional.mse_loss(one, other)
                self.log(f"{stage}/apart", apart, batch_size=1)
                value = value + self.options.consistency_weight * apart
            if stage == "valid":
                counted = labels != IGNORED
                right = (out.frame_logits.argmax(2) == labels)[counted].float().mean()
                self.log("valid/frame_accuracy", right, batch_size=int(counted.sum()))
        else:
            value = self._ctc(out.ctc_logits, batch) * self.options.ctc_weight
        if out.quantized is not None:
            value = value + self.options.commitment * out.quantized.commitment
            if stage == "train":
                self.log("train/perplexity", out.quantized.perplexity)
        return value

    def _ctc(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        return ctc_loss(logits.log_softmax(2), batch, batch["lengths"], blank=logits.shape[2] - 1)


def check(options: Options) -> None:
    """Raise UsageError for a front end that is none, MissingModelError where its weights are not there; quick."""
    if not 0 <= options.quantizer.bits <= 16:
        raise UsageError(f"bottleneck.quantizer.bits {options.quantizer.bits}: expected 1 to 16, or 0")
    if codes(options):
        quantizers.build(options.quantizer.kind, codes(options), options.dimension)
    if options.speaker_factors and codes(options):
        raise UsageError(
            f"bottleneck.speaker_factors {options.speaker_factors}: codes have no offsets to be taken off",
            "--set bottleneck.codes=0 or --set bottleneck.speaker_factors=0",
        )
    for section, own in (("bottleneck", options), ("bottleneck.refine", refined(options))):
        if own.consistency_weight and (own.alter == Alteration.none() or own.training.batch_size < 2):
            raise UsageError(
                f"{section}.consistency_weight {own.consistency_weight}: compares two alterations of a chunk",
                f"--set {section}.consistency_weight=0, or e.g. --set {section}.alter.speed=0.1 with a "
                "bottleneck.training.batch_size of 2 or more",
            )
    if options.voices:
        praat()
    if not all(0.5 <= factor <= 2 for factor in options.warps):
        raise UsageError(f"bottleneck.warps {options.warps}: expected factors of 0.5 to 2")
    if options.front_end not in ("conv", "wav2vec2"):
        raise UsageError(f"bottleneck.front_end {options.front_end!r}: expected conv or wav2vec2")
    if options.front_end == "wav2vec2":
        if options.adapted:
            raise UsageError("bottleneck.adapted: a wav2vec2 front end has no bands to normalise; leave it out")
        if options.warps:
            raise UsageError("bottleneck.warps: a wav2vec2 front end has no mel axis to stretch; leave it out")
        pretrained.weights_file(options.wav2vec2.bundle, options.wav2vec2.weights, FRONT_WEIGHTS)


def codes(options: Options) -> int:
    """The number of codes of the quantiser; 0 = there is none."""
    return int(2**options.quantizer.bits) if options.quantizer.bits else options.codes


def quantizer(options: Options) -> dict[str, Any]:
    """The hyperparameters of the network that say how it is quantised; the kind where it is not vq."""
    kind = options.quantizer.kind
    return {"codes": codes(options), **({"quantizer": kind} if kind != "vq" else {})}


def front_end(options: Options) -> dict[str, Any]:
    """The hyperparameters of the network that the front end decides; none for log-mel frames."""
    if options.front_end == "conv":
        return {}
    from pseudovox.models import wav2vec2

    own = wav2vec2.from_bundle(pretrained.bundle_of(options.wav2vec2.bundle))
    own["parameters"] = {**own["parameters"], "aux_num_out": None}  # without the recogniser's output layer
    return {"bins": FRAME_SAMPLES, "front": own, "front_trained": options.wav2vec2.trained}


def load_front_end(network: BottleneckNetwork, options: Options) -> None:
    """Put the weights that others trained into the front end.

    Raises:
        MissingModelError, DataError: as pretrained.read_weights.
    """
    from pseudovox.models import wav2vec2

    own = options.wav2vec2
    weights = pretrained.read_weights(own.bundle, own.weights, FRONT_WEIGHTS)
    found = wav2vec2.own_weights(pretrained.bundle_of(own.bundle), weights)
    found = {name: tensor for name, tensor in found.items() if not name.startswith("model.aux.")}
    assert network.front is not None
    pretrained.load_into(network.front.network, found, own.weights or str(pretrained.cache_file(own.bundle)))


def refined(options: Options) -> Options:
    """The options of the second training (bottleneck.refine), which goes on from where the first one ended."""
    second = options.refine
    training = replace(options.training, updates=second.updates, learning_rate=second.learning_rate)
    return replace(options, alter=second.alter, consistency_weight=second.consistency_weight, training=training)


def train(
    data: Sequence[DataDir], options: Options, seed: int, folder: Path, *, device: str, augment: Augment,
    sources: Mapping[str, Path] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train a content extractor and write its model dir.

    Args:
        data: training data dirs.
        options: section of the configuration.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".
        augment: makes an altered copy of (samples, generator).
        sources: see FrameTargets.

    Returns:
        the model's facts.
    """
    from pseudovox.models import store
    from pseudovox.training import speaker_factors

    speaker_factors.check_speakers(
        len({speaker for part in data for speaker in part.speakers}), options.speaker_factors
    )
    batches = PhoneBatches(data, options, seed, augment, sources)
    hyperparameters = {
        "bins": options.bins, "phones": len(batches.phones), "channels": options.channels, "factor": options.factor,
        "dilations": list(options.dilations), "stride": options.stride, "dimension": options.dimension,
        **quantizer(options), "tail": options.tail, "dropout": options.dropout, "decay": options.decay,
        "restart_below": options.restart_below, "teacher": batches.targets.teacher,
        "spectrum": options.spectrum_coefficients if options.spectrum_weight else 0, "adapted": options.adapted,
        "speaker_factors": options.speaker_factors,
        **front_end(options),
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "bottleneck-weights"))
        network: Any = store.build("bottleneck", hyperparameters)
    size = sum(parameter.numel() for parameter in network.parameters())
    log.info("content extractor: %d parameters, %d phones", size, len(batches.phones))
    batches.warm()
    if options.front_end == "wav2vec2":
        load_front_end(network, options)
    else:
        network.set_statistics(*batches.statistics())
    learner = BottleneckLearner(network, options, seed)
    fit(learner, batches, folder, device=device)
    if options.refine.updates:
        log.info("content extractor: refined over %d updates", options.refine.updates)
        batches.options = refined(options)
        fit(BottleneckLearner(network, batches.options, seed), batches, folder / "refine", device=device)
    network.cpu().eval()
    figures = fit_speaker_factors(network, batches, seed, device)
    facts = {
        "phones": batches.phones,
        "floor_decibels": options.floor_decibels,
        "warps": list(options.warps),
        "frame_shift_seconds": options.stride / FRAMES_PER_SECOND,
        "dimension": options.dimension,
        "validation": {**validate(network, batches), **figures},
    }
    finish(folder, network, kind="bottleneck", hyperparameters=hyperparameters, facts=facts)
    shutil.rmtree(folder / "refine" / "checkpoints", ignore_errors=True)
    return facts


@torch.no_grad()
def fit_speaker_factors(network: BottleneckNetwork, batches: PhoneBatches, seed: int, device: str) -> dict[str, float]:
    """Fit what is left of the speakers in a trained network's bottleneck, if it has factors for it; its figures."""
    if network.speaker_factors is None:
        return {}
    from pseudovox.training import speaker_factors

    def utterances() -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
        for number, part in enumerate(batches.data):
            few = part.subset(per_speaker(part, FACTOR_UTTERANCES))
            for utterance in few.utterances:
                frames = torch.from_numpy(batches.cache[(number, utterance, 0)]).to(device)
                found = network.extract_with_posteriors(frames[None])[0].cpu()
                yield part.utt2spk[utterance], found[:, : network.dimension], found[:, network.dimension :]

    network.to(device)
    statistics = speaker_factors.gather(utterances())
    network.cpu()
    return speaker_factors.fit(network.speaker_factors, statistics, seed)


@torch.inference_mode()
def validate(network: BottleneckNetwork, batches: PhoneBatches) -> dict[str, float]:
    """Of the finished network on held-out chunks: share of frames whose phone is right; shares of the variance of the
    teacher's outputs and of the spectrum that are explained, if they are learnt; perplexity of the codes if there is a
    quantiser; empty without such chunks."""
    found = {}
    for batch in batches.validation():
        if "labels" in batch:
            out, labels = network(batch["frames"], voice=batch.get("voice")), batch["labels"]
            right = (out.frame_logits.argmax(2) == labels)[labels != IGNORED]
            found["frame_accuracy"] = round(float(right.float().mean()), 4)
            if "teacher" in batch:
                apart = functional.mse_loss(out.taught, batch["teacher"].float())
                found["teacher_explained"] = round(1.0 - float(apart), 4)
            if "spectrum" in batch:
                apart = functional.mse_loss(out.spectrum, batch["spectrum"].float())
                found["spectrum_explained"] = round(1.0 - float(apart), 4)
            if out.quantized is not None:
                found["perplexity"] = round(float(out.quantized.perplexity), 2)
    return found
