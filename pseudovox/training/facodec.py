"""Training of FACodec: reconstruction, with predictors that tell its parts what they are for.

What is slow, F0, WORLD analysis and log-mel, is computed once per utterance by worker processes (`CodecWorker`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pseudovox.anonymize.facodec.speech import KIND, log_mel
from pseudovox.components import f0, world
from pseudovox.core import seeds
from pseudovox.models import store
from pseudovox.models.facodec import layers
from pseudovox.models.facodec.codec import FRAME, SAMPLE_RATE, FaCodec, Factors
from pseudovox.models.facodec.heads import Heads
from pseudovox.training import linear_codec
from pseudovox.training.aligned import AlignedSpeech
from pseudovox.training.bottleneck import IGNORED
from pseudovox.training.data import FeatureCache, cut, emphasis
from pseudovox.training.fit import Learner, finish, fit
from pseudovox.training.vocoder import AdversarialLearner, check_reconstruction
from pseudovox.training.voice_chunks import Chunks, Key

if TYPE_CHECKING:
    from pseudovox import config
    from pseudovox.anonymize.facodec.options import Codec, Options
    from pseudovox.data.datadir import DataDir
    from pseudovox.stage.parallel import Utterance

log = logging.getLogger("pseudovox")
LEVEL = -26.0  # decibels; speech is learned at one level
Batch = dict[str, torch.Tensor]
PITCH_WEIGHT, VOICING_WEIGHT, NOISE_WEIGHT = 0.3, 0.3, 0.1  # beside the envelope, in the reconstruction of frames


def arrays_of(options: Codec) -> tuple[str, ...]:
    """What CodecWorker makes for a codec of waves, or of frames."""
    return ("f0", "wave") if options.network.signal == "wave" else ("f0", "mel", "world")


def heard_by(options: Codec) -> dict[str, Any]:
    """The settings that decide what CodecWorker makes."""
    return {name: getattr(options.network, name) for name in ("signal", "bands", "envelope")}


class CodecWorker:
    """Gives `f0` (frames,) and `wave` (samples,), or `mel` (frames, bands) and `world` (frames, envelope + 1), of each
    utterance at one level.
    """

    def __init__(self, options: Codec, pitch: config.F0, *, device: str = "cpu") -> None:
        self.network, self.pitch = options.network, pitch

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            samples = world.set_speech_level(utterance.audio(), LEVEL)
            contour = f0.extract(samples, self.pitch)
            if self.network.signal == "wave":
                yield utterance, {"f0": contour, "wave": samples}
                continue
            analysis = world.analyse(samples, contour, self.network.envelope)
            spoken = np.concatenate([analysis.envelope, analysis.aperiodicity], axis=1)
            yield utterance, {"f0": contour, "mel": log_mel(samples, self.network.bands), "world": spoken}


class CodecBatches(Chunks):
    """Numbered batches of segments.

    A batch has `signal` (B, N, 1 or bands) and `target` (B, N, outputs); for its T codes `f0` (B, T), log F0 at mean
    0 and deviation 1 over the utterance's voiced frames, `voiced` (B, T) of 0 and 1, and `phones` int64 (B, T),
    IGNORED where none is known; and `speaker` int64 (B,).

    Args:
        data: data dirs.
        frames: root of what CodecWorker made.
        options: section `system.options.codec`.
        speech: the phones; None: not known.
        seed: of every draw.

    Attributes:
        speakers: all, sorted.
    """

    def __init__(
        self, data: Sequence[DataDir], frames: Path, options: Codec, speech: AlignedSpeech | None, seed: int
    ) -> None:
        super().__init__(data, frames, arrays_of(options), options.validation, seed)
        self.options, self.speech, self.data = options, speech, list(data)
        self.is_wave = options.network.signal == "wave"
        self.hop = math.prod(options.network.ratios)  # samples, or frames, of a code
        self.step = self.hop * (1 if self.is_wave else FRAME)  # samples of a code
        self.codes = max(1, round(options.segment_seconds * SAMPLE_RATE / self.step))
        self.speakers = sorted({speaker for part in data for speaker in part.speakers})
        self._number = {speaker: number for number, speaker in enumerate(self.speakers)}
        self._known = set() if speech is None else set(speech.keys)
        self.labels: FeatureCache[Key, tuple[np.ndarray, ...]] = FeatureCache(self._labels)

    @property
    def phones(self) -> int:
        """How many phones there are."""
        return 1 if self.speech is None else len(self.speech.phones)

    def _labels(self, key: Key) -> tuple[np.ndarray, ...]:
        """(contour, log F0 and voicing by frame, normalised F0, voicing and phones by code) of an utterance."""
        contour = self.archives[key[0]]["f0"][key[1]]
        log_f0, voiced = f0.interpolate(contour)
        spoken = f0.statistics([contour])
        length = self._length(key)
        count = max(1, length // self.hop)
        places = np.minimum((np.arange(count) + 0.5) * self.step / f0.FRAME_SHIFT, len(contour) - 1).astype(int)
        known = self.speech is not None and key in self._known
        phones = self.speech.labels(key, count) if known and self.speech else np.full(count, IGNORED)
        normalised = (log_f0 - spoken.mean) / max(spoken.deviation, 1e-3) if spoken.frames else np.zeros_like(log_f0)
        return log_f0, voiced, normalised[places].astype(np.float32), voiced[places], phones.astype(np.int64)

    def _length(self, key: Key) -> int:
        return self.archives[key[0]]["wave" if self.is_wave else "mel"].length(key[1])

    def batch(self, index: int) -> Batch:
        """The index-th batch: utterances and places by chance."""
        draw = seeds.generator(self.seed, "facodec-batch", str(index))
        chosen = draw.integers(len(self.utterances), size=self.options.training.batch_size)
        places = draw.random(len(chosen))
        return self._stacked([(self.utterances[number], place) for number, place in zip(chosen, places, strict=True)])

    def validation(self) -> list[Batch]:
        """One batch: the middles of the held-out utterances."""
        return [self._stacked([(key, 0.5) for key in self.held_out])] if self.held_out else []

    def _stacked(self, rows: Sequence[tuple[Key, float]]) -> Batch:
        made = [self._segment(key, place) for key, place in rows]
        return {name: torch.from_numpy(np.stack([row[name] for row in made])) for name in made[0]}

    def _segment(self, key: Key, place: float) -> dict[str, np.ndarray]:
        """A segment from `place` on, 0 (the beginning) to 1; what is too short is repeated."""
        log_f0, voiced, normalised, voiced_codes, phones = self.labels[key]
        count = len(phones)
        start = int(place * max(1, count - self.codes + 1))
        wanted = min(self.codes, count - start)
        first, length, whole = start * self.hop, wanted * self.hop, self.codes * self.hop
        archives = self.archives[key[0]]
        found = {
            "f0": cut(normalised, start, self.codes),
            "voiced": cut(voiced_codes, start, self.codes),
            "phones": cut(phones, start, self.codes),
            "speaker": np.int64(self._number[self.data[key[0]].utt2spk[key[1]]]),
        }
        if self.is_wave:
            wave = cut(archives["wave"].rows(key[1], first, length), 0, whole)[:, None]
            return {**found, "signal": wave, "target": wave}  # type: ignore[dict-item]
        mel, spoken = (archives[name].rows(key[1], first, length) for name in ("mel", "world"))
        melody = np.stack([log_f0, voiced], 1)[first : first + length]
        target = np.concatenate([spoken[: len(melody)], melody[: len(spoken)]], 1)
        return {**found, "signal": cut(mel, 0, whole), "target": cut(target, 0, whole)}  # type: ignore[dict-item]

    def set_statistics(self, network: FaCodec) -> None:
        """Give a codec of frames means and deviations of what goes in and comes out; of waves, the deviation."""
        some = self.sample()
        if self.is_wave:
            network.input_deviation.fill_(10 ** (LEVEL / 20))
            return
        mel, spoken = (np.concatenate([self.archives[n][name][u] for n, u in some]) for name in ("mel", "world"))
        melody = [self.labels[key] for key in some]
        log_f0, voiced = (np.concatenate([one[index] for one in melody]) for index in (0, 1))
        said = voiced > 0
        pitch = (log_f0[said].mean(), max(log_f0[said].std(), 1e-3)) if said.any() else (5.0, 0.4)
        noise = spoken[: len(said)][said, -1] if said.any() else spoken[:, -1]
        deviation = np.maximum(spoken[:, :-1].std(0), 1e-3)
        deviation /= emphasis(deviation, self.options.emphasis)
        mean = [*spoken[:, :-1].mean(0), noise.mean(), pitch[0], 0.0]
        network.input_mean.copy_(torch.from_numpy(mel.mean(0)))
        network.input_deviation.copy_(torch.from_numpy(np.maximum(mel.std(0), 1e-3)))
        network.output_mean.copy_(torch.tensor(mean))
        network.output_deviation.copy_(torch.tensor([*deviation, max(noise.std(), 1e-3), pitch[1], 1.0]))

    def pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Signal (n, bands) and target (n, outputs) of some 100 segments, one after the other."""
        found = [self.batch(index) for index in range(-(-100 // self.options.training.batch_size))]
        return tuple(torch.cat([one[name].flatten(0, 1) for one in found]) for name in ("signal", "target"))  # type: ignore[return-value]


class Whole(nn.Module):
    """A codec and its predictors, as they are trained together."""

    def __init__(self, codec: FaCodec, heads: Heads) -> None:
        super().__init__()
        self.codec, self.heads = codec, heads


class Supervision:
    """What both learners share: the codec's output for a batch, and all losses but the reconstruction's."""

    def __init__(self, options: Codec) -> None:
        self.options = options

    def passed(
        self, whole: Whole, batch: Batch, stage: str, update: int | None, detail: bool = True
    ) -> tuple[torch.Tensor, Factors]:
        """(output (B, N, outputs), factors); in training with detail left out of some utterances.

        Args:
            update: number of the update, since the first ones do not quantise; None = when all is trained.
            detail: outside training, is it heard?
        """
        codec, options = whole.codec, self.options
        training = stage == "train"
        factors = codec.factorise(batch["signal"], free=update is not None and update < options.free_updates)
        told = factors.prosody + factors.content
        if training and options.detached:
            told = told.detach()
        if training:
            kept = (torch.rand(len(told), 1, 1, device=told.device) >= options.detail_dropout).to(told.dtype)
        else:
            kept = torch.full((1, 1, 1), float(detail), device=told.device)
        return codec.decode(told + factors.detail * kept, factors.timbre), factors

    def losses(self, whole: Whole, factors: Factors, batch: Batch) -> dict[str, torch.Tensor]:
        """Each weighted, by name."""
        weights = self.options.losses
        found = whole.heads(factors, self.options.reversal)
        voiced = batch["voiced"]

        def melody(told: torch.Tensor) -> torch.Tensor:
            distance = ((told[..., 0] - batch["f0"]).abs() * voiced).sum() / voiced.sum().clamp(min=1)
            return distance + functional.binary_cross_entropy_with_logits(told[..., 1], voiced)

        def phones(told: torch.Tensor) -> torch.Tensor:
            known = (batch["phones"] != IGNORED).sum().clamp(min=1)
            return functional.cross_entropy(told.transpose(1, 2), batch["phones"], reduction="sum") / known

        return {
            "commitment": weights.commitment * factors.commitment,
            "f0": weights.f0 * melody(found["f0"]),
            "phones": weights.phones * phones(found["phones"]),
            "detail": weights.detail * (melody(found["detail_f0"]) + phones(found["detail_phones"])),
            "speaker": weights.speaker * functional.cross_entropy(found["speaker"], batch["speaker"]),
            "timbre": weights.timbre * functional.cross_entropy(found["timbre"], batch["speaker"]),
        }


class FrameLearner(Learner):
    """A codec of frames: absolute error of the scaled WORLD frames, pitch where there is voice, and voicing."""

    network: Whole

    def __init__(self, network: Whole, options: Codec, seed: int) -> None:
        super().__init__(network, options.training, seed)
        self.options, self.supervision = options, Supervision(options)

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        found, factors = self.supervision.passed(self.network, batch, stage, self.update)
        value = self.options.losses.reconstruction * self.distance(found, batch)
        if stage == "valid":
            for name, figure in self.figures(batch, found, factors, self.update).items():
                self.log(f"valid/{name}", figure, batch_size=1)
            return value
        terms = self.supervision.losses(self.network, factors, batch)
        for name, term in terms.items():
            self.log(f"train/{name}", term)
        self.log("train/perplexity", factors.perplexity)
        return value + torch.stack(list(terms.values())).sum()

    def distance(self, found: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Of frames (B, N, outputs) to the target's."""
        target, codec = batch["target"], self.network.codec
        voiced = target[..., -1]
        difference = ((found - target) / codec.output_deviation).abs()
        said = voiced.sum().clamp(min=1)
        return (
            difference[..., :-3].mean()
            + NOISE_WEIGHT * (difference[..., -3] * voiced).sum() / said
            + PITCH_WEIGHT * (difference[..., -2] * voiced).sum() / said
            + VOICING_WEIGHT * functional.binary_cross_entropy_with_logits(found[..., -1], voiced)
        )

    @torch.no_grad()
    def figures(
        self, batch: Batch, found: torch.Tensor, factors: Factors, update: int | None = None
    ) -> dict[str, float]:
        """Of a validation batch: mel-cepstral distortion with and without detail in decibels, the error of F0 in
        semitones, and the share of the phones that content tells."""
        without, _ = self.supervision.passed(self.network, batch, "valid", update, detail=False)
        target = batch["target"]
        told = self.network.heads.phones(factors.content).argmax(-1)
        known = batch["phones"] != IGNORED
        said = target[..., -1] > 0
        return {
            "distortion": distortion(found, target),
            "distortion_without_detail": distortion(without, target),
            "semitones": float((found - target)[..., -2][said].abs().mean()) * 12 / math.log(2),
            "phones": float((told == batch["phones"])[known].float().mean()) if known.any() else 0.0,
            "perplexity": float(factors.perplexity),
        }


def distortion(found: torch.Tensor, target: torch.Tensor) -> float:
    """Mel-cepstral distortion in decibels, without the level, of frames (B, N, outputs)."""
    return float(10 / math.log(10) * (found - target)[..., 1:-3].square().sum(-1).sqrt().mean())


class WaveLearner(AdversarialLearner):
    """A codec of waveforms, against HiFi-GAN's discriminators.

    Without losses.adversarial they never come in.
    """

    network: Whole

    def __init__(self, network: Whole, options: Codec, seed: int) -> None:
        super().__init__(network, options, seed)
        self.own, self.supervision = options, Supervision(options)
        if not options.losses.adversarial:
            self.options.start = options.training.updates
        self._others = torch.zeros(())

    def speech(self, batch: Any, stage: str) -> tuple[torch.Tensor, torch.Tensor]:
        found, factors = self.supervision.passed(self.network, batch, stage, self.update)
        if stage == "train":
            terms = self.supervision.losses(self.network, factors, batch)
            for name, term in terms.items():
                self.log(f"train/{name}", term)
            self._others = torch.stack(list(terms.values())).sum()
        return found[..., 0], batch["target"][..., 0]

    def reconstruction(self, found: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        distance = self.mel_distance(found, target) + self.distance(found, target)
        return self.own.losses.reconstruction * distance + self._others / self.options.reconstruction_weight


def train(
    data: Sequence[DataDir], frames: Path, options: Options, seed: int, folder: Path, *, device: str,
    alignment: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """Train a codec and write its model dir.

    Args:
        data: training data dirs.
        frames: root of what CodecWorker made.
        options: of the system.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".
        alignment: root of what steps/align_phones.py wrote; None = phones.ctm.

    Returns:
        the model's facts.
    """
    own = options.codec
    hop = math.prod(own.network.ratios) * (1 if own.network.signal == "wave" else FRAME) / SAMPLE_RATE
    speech = AlignedSpeech(data, alignment, frame_shift=hop, offset=hop / 2) if own.losses.phones else None
    batches = CodecBatches(data, frames, own, speech, seed)
    hyperparameters = options.hyperparameters()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "facodec-weights"))
        network: Any = store.build(KIND, hyperparameters)
        heads = Heads(
            network.dimension, batches.phones, len(batches.speakers), own.head_dilations, own.reversed_dilations,
            antialias=own.network.antialias,
        )  # fmt: skip
        if batches.is_wave:
            check_reconstruction(own.adversarial, "system.options.codec.adversarial")
            layers.add_weight_norm(network.encoder, network.decoder)
        for module in (*network.modules(), *heads.modules()):
            if isinstance(module, layers.SnakeBeta):
                nn.init.constant_(module.alpha, math.log(own.curvature))
        whole = Whole(network, heads)
        learner: Any = (WaveLearner if batches.is_wave else FrameLearner)(whole, own, seed)
    log.info(
        "FACodec: %d parameters, and %d of its predictors; %d utterances of %d speakers",
        *(sum(parameter.numel() for parameter in part.parameters()) for part in (network, heads)),
        len(batches.utterances), len(batches.speakers),
    )  # fmt: skip
    batches.set_statistics(network)
    if own.linear_start:
        signal, target = batches.pairs()
        linear_codec.start(network, signal, target)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.seed_for(seed, "facodec-codes"))
            network.train().quantise(network.encode(signal[None]))  # codebooks start on all of it
    fit(learner, batches, folder, device=device)
    learner.cpu().eval()
    layers.fold(network)
    facts = {
        "sample_rate": SAMPLE_RATE, "level": LEVEL, "speakers": len(batches.speakers),
        "phones": speech.phones if speech else [], "validation": validate(learner, batches),
    }  # fmt: skip
    finish(folder, network, kind=KIND, hyperparameters=hyperparameters, facts=facts)
    return facts


@torch.no_grad()
def validate(learner: Any, batches: CodecBatches) -> dict[str, float]:
    """Figures of the held-out utterances, rounded; empty without any."""
    found: dict[str, float] = {}
    for batch in batches.validation():
        if batches.is_wave:
            found["mel_loss"] = round(float(learner.loss(batch, "valid")), 4)
            continue
        passed, factors = learner.supervision.passed(learner.network, batch, "valid", None)
        found = {name: round(value, 4) for name, value in learner.figures(batch, passed, factors).items()}
    return found
