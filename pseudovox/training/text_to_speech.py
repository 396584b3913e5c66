"""Training of text to speech: acoustic frames of aligned speech from its phones, their prosody and its voice.

What is slow, F0 and WORLD's analysis, is computed once per utterance by worker processes and kept in archives
(`FramesWorker`); training reads utterances of it. The encoder sees all phones of an utterance, the decoder a stretch of
`chunk_frames` frames.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.anonymize.sttts import symbols
from pseudovox.anonymize.sttts.prosody import Prosody, frame_energy, measure
from pseudovox.components import f0, world
from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data import features
from pseudovox.data.archive import read_alike
from pseudovox.models import store
from pseudovox.models.feature_hifigan import FRAME
from pseudovox.training.aligned import AlignedSpeech, Key
from pseudovox.training.data import FeatureCache, emphasis
from pseudovox.training.fit import Learner, finish, fit
from pseudovox.training.synthesizer import LEVEL, MOST_SPREAD
from pseudovox.training.voice_chunks import Chunks, Voices

if TYPE_CHECKING:
    from pseudovox import config
    from pseudovox.anonymize.sttts.options import Tts
    from pseudovox.data.datadir import DataDir
    from pseudovox.models.text_to_speech import TextToSpeech
    from pseudovox.stage.parallel import Utterance

log = logging.getLogger("pseudovox")
KIND = "text_to_speech"
ARRAYS = ("f0", "energy", "frames")  # what FramesWorker makes: see there
FRAME_SHIFT = 0.01
MEL_BINS = 80
VALIDATION_FRAMES = 300
Batch = dict[str, torch.Tensor]


class FramesWorker:
    """What training needs of an utterance's sound, made in a worker process.

    Gives `f0` (frames,) and `energy` (frames,), as for speech to be anonymized, and the target `frames` (frames, n) of
    the speech at one level: WORLD's envelope and aperiodicity, or log-mel energies.

    Args:
        pitch: section f0 of the configuration.
        coefficients: of WORLD's coded envelope; 0: log-mel energies in its place.
    """

    def __init__(self, pitch: config.F0, coefficients: int, *, device: str = "cpu") -> None:
        self.pitch, self.coefficients = pitch, coefficients

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            samples = world.set_speech_level(utterance.audio(), LEVEL)
            contour = f0.extract(samples, self.pitch)
            if self.coefficients:
                analysis = world.analyse(samples, contour, self.coefficients)
                frames = np.concatenate([analysis.envelope, analysis.aperiodicity], axis=1)
            else:
                frames = f0.fit_length(features.fbank(samples, bins=MEL_BINS).numpy(), len(contour))
            yield utterance, {"f0": contour, "energy": frame_energy(samples), "frames": frames}


class VocoderFramesWorker:
    """What a vocoder of log-mel energies is trained on.

    Gives `features` (frames, 2 * MEL_BINS), two frames of 10 ms in one
    of 20, and `wave`, the samples (320 * frames,) that they are of, at one level.
    """

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            samples = world.set_speech_level(utterance.audio(), LEVEL)
            mel = features.fbank(samples, bins=MEL_BINS).numpy()
            count = max(1, len(samples) // FRAME)
            yield (
                utterance,
                {
                    "features": f0.fit_length(mel, 2 * count).reshape(count, -1),
                    "wave": np.pad(samples, (0, max(0, count * FRAME - len(samples))))[: count * FRAME],
                },
            )


class Utterances(Chunks):
    """Numbered batches of utterances: phones with their prosody, voice, and a stretch of frames of each.

    Args:
        data: data dirs.
        alignment: root of <data dir>/alignment.scp for those without phones.ctm.
        frames: root of what FramesWorker made.
        xvectors: root of x-vectors by utterance.
        emotion: root of embeddings of emotion, <data dir>/emotion.scp by utterance; None = there are none.
        options: section system.options.tts.
        seed: of every draw.

    Raises:
        DataError: an utterance lacks one of them, or there is none to train on.
    """

    def __init__(
        self, data: Sequence[DataDir], alignment: Path | None, frames: Path, xvectors: Path, emotion: Path | None,
        options: Tts, seed: int,
    ) -> None:  # fmt: skip
        super().__init__(data, frames, ARRAYS, options.validation, seed)
        self.options, self.data = options, data
        self.speech = AlignedSpeech(data, alignment, frame_shift=FRAME_SHIFT, offset=0.0)
        self.codes = symbols.codes_of(self.speech.phones)
        self.voiced, self.silent = symbols.is_voiced(self.codes), self.codes == symbols.SILENCE
        known = {key for key in self.speech.keys if self.speech.duration(key) <= options.longest}
        self.utterances = [key for key in self.utterances if key in known]
        self.held_out = [key for key in self.held_out if key in known]
        if not self.utterances:
            raise DataError(
                f"none of the {len(self.speech.keys)} aligned utterances is {options.longest} s long or shorter "
                "(system.options.tts.longest)"
            )
        self.voices = Voices(data, xvectors, "xvector")
        self.emotions: list[Any] = []
        if emotion is not None:
            places = {number: emotion / part.name / "emotion.scp" for number, part in enumerate(data)}
            self.emotions = list(read_alike(places).values())
        self.cache: FeatureCache[Key, tuple[np.ndarray, ...]] = FeatureCache(
            self._read, int(options.cache_gigabytes * 1e9)
        )
        self.mean = np.zeros(0, np.float32)
        self.deviation = np.zeros(0, np.float32)

    def emotion(self, key: Key) -> np.ndarray:
        """The embedding of an utterance's emotion, float32 (dimension,); without any of dimension 0."""
        if not self.emotions:
            return np.zeros(0, np.float32)
        return np.asarray(self.emotions[key[0]][key[1]], np.float32).reshape(-1)

    def _read(self, key: Key) -> tuple[np.ndarray, ...]:
        """(prosody as an array, frames, log F0 about its mean, voiced) of an utterance."""
        contour, energy, frames = (self.archives[key[0]][name][key[1]] for name in ARRAYS)
        prosody = self.prosody(key, contour, energy)
        log_f0, voiced = f0.interpolate(contour)
        spoken = voiced > 0
        return prosody.array(), frames, log_f0 - (log_f0[spoken].mean() if spoken.any() else 0.0), voiced

    def prosody(self, key: Key, contour: np.ndarray, energy: np.ndarray) -> Prosody:
        """The phones of an utterance and their prosody; what no phone is known of counts as silence."""
        from pseudovox.anonymize.knnvc.phones import runs

        labels = np.maximum(self.speech.labels(key, len(contour)), 0)
        phones, durations = runs(labels)
        found = measure(phones, durations, contour, energy, self.voiced[phones], self.silent[phones])
        return Prosody(self.codes[phones], durations, found.pitch, found.energy)

    def set_statistics(self, network: TextToSpeech) -> None:
        """Give the network (and the batches) the means and deviations of frames, F0 and voices."""
        arrays = [self.cache[key] for key in self.sample()]
        frames, log_f0, voiced = (np.concatenate([found[place] for found in arrays]) for place in (1, 2, 3))
        envelope, spoken = network.envelope, voiced > 0
        self.mean, self.deviation = frames.mean(0), np.maximum(frames.std(0), 1e-3)
        if spoken.any() and frames.shape[1] > envelope:  # unvoiced frames are 0 dB by definition, and count nowhere
            self.mean[envelope:] = frames[spoken, envelope:].mean(0)
            self.deviation[envelope:] = np.maximum(frames[spoken, envelope:].std(0), 1e-3)
        if network.target == "world":
            self.deviation[:envelope] /= emphasis(self.deviation[:envelope], self.options.emphasis)
        network.frame_mean.copy_(torch.from_numpy(self.mean))
        network.frame_deviation.copy_(torch.from_numpy(self.deviation))
        levels = [self.level(key) for key in self.sample()]
        mean = float(np.mean([level for level in levels if level > 0] or [5.0]))
        deviation = float(log_f0[spoken].std()) if spoken.any() else 0.2
        network.f0_statistics.copy_(torch.tensor([mean, max(deviation, 1e-3)]))
        network.voice_mean.copy_(torch.from_numpy(self.voices.mean()))
        if network.emotion:
            emotions = np.stack([self.emotion(key) for key in self.sample(1000)])
            network.emotion_mean.copy_(torch.from_numpy(emotions.mean(0)))  # type: ignore[operator]
            network.emotion_deviation.copy_(  # type: ignore[operator]
                torch.from_numpy(np.maximum(emotions.std(0), 1e-3))
            )

    def level(self, key: Key) -> float:
        """The mean of log F0 of an utterance; 0 where nothing is voiced."""
        contour = self.archives[key[0]]["f0"][key[1]]
        return float(np.log(contour[contour > 0]).mean()) if (contour > 0).any() else 0.0

    def batch(self, index: int) -> Batch:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "text-to-speech-batch", str(index))
        chosen = [
            self.utterances[k] for k in draw.integers(len(self.utterances), size=self.options.training.batch_size)
        ]
        places, means = draw.random((2, len(chosen)))
        return self.made(chosen, places, means < self.options.speaker_level, self.options.chunk_frames)

    def validation(self) -> list[Batch]:
        """Batches of the held-out utterances: their middles, in the speaker's voice."""
        size = 16
        parts = [self.held_out[start : start + size] for start in range(0, len(self.held_out), size)]
        return [self.made(part, np.full(len(part), 0.5), np.ones(len(part), bool), VALIDATION_FRAMES) for part in parts]

    def made(self, keys: Sequence[Key], places: np.ndarray, means: np.ndarray, length: int) -> Batch:
        """A batch of these utterances: of each `length` frames (0: all of them) from a place (0 to 1) on."""
        found = [self.cache[key] for key in keys]
        length = length or max(len(frames) for _, frames, *_ in found)
        prosody = [Prosody.of(one[0]) for one in found]
        counts = np.array([len(frames) for _, frames, *_ in found])
        starts = (places * np.maximum(counts - length + 1, 1)).astype(np.int64)
        width = int(max(len(one.phones) for one in prosody))

        def padded(rows: Sequence[np.ndarray]) -> torch.Tensor:
            out = np.zeros((len(rows), width, *rows[0].shape[1:]), rows[0].dtype)
            for row, values in zip(out, rows, strict=True):
                row[: len(values)] = values
            return torch.from_numpy(out)

        def stretch(place: int) -> torch.Tensor:
            parts = [one[place][start : start + length] for one, start in zip(found, starts, strict=True)]
            return torch.from_numpy(np.stack([f0.fit_length(part, length) for part in parts]).astype(np.float32))

        levels = np.array([self.level(key) for key in keys], np.float32)
        return {
            "phones": padded([symbols.features(one.phones) for one in prosody]),
            "mask": padded([np.ones(len(one.phones), bool) for one in prosody]),
            "silent": padded([one.phones == symbols.SILENCE for one in prosody]),
            "durations": padded([one.durations for one in prosody]),
            "pitch": padded([one.pitch for one in prosody]),
            "energy": padded([one.energy for one in prosody]),
            "voice": torch.from_numpy(
                np.stack([self.voices.of(key, mean=bool(mean)) for key, mean in zip(keys, means, strict=True)])
            ),
            "emotion": torch.from_numpy(np.stack([self.emotion(key) for key in keys])),
            "start": torch.from_numpy(starts),
            "inside": torch.from_numpy(np.arange(length) + starts[:, None] < counts[:, None]),
            "frames": (stretch(1) - torch.from_numpy(self.mean)) / torch.from_numpy(self.deviation),
            "log_f0": stretch(2),
            "voiced": stretch(3),
            "level": torch.from_numpy(levels),
        }


class TextToSpeechLearner(Learner):
    """Absolute error of the frames, behind the postnet too; F0 and voicing; and what prosody is expected.

    As published the prosody's errors are squared ones: of log durations (without silence), F0 and energy.
    """

    network: TextToSpeech

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        network = self.network
        emotion = batch["emotion"] if network.emotion else None
        speaker = network.speaker(batch["voice"], emotion)
        mask = batch["mask"]
        hidden = network.encode(batch["phones"], mask, speaker)
        expected = network.expected(hidden, mask)
        frames = network.decode(
            hidden, batch["durations"], batch["pitch"], batch["energy"], speaker, emotion, batch["start"],
            batch["frames"].shape[1],
        )  # fmt: skip
        inside = batch["inside"].float()
        parts = {"frames": _frame_loss(network, frames, batch, inside)}
        if network.postnet is not None:
            parts["refined"] = _frame_loss(network, network.refined(frames), batch, inside)
        voiced = batch["voiced"] * inside
        if network.target == "world":
            own = network.envelope + network.aperiodicity
            scaled = batch["log_f0"] / network.f0_statistics[1]
            parts["f0"] = 0.3 * _mean((frames[..., own] - scaled).abs(), voiced)
            logits = frames[..., own + 1]
            voicing = functional.binary_cross_entropy_with_logits(logits, batch["voiced"], reduction="none")
            parts["voicing"] = 0.3 * _mean(voicing, inside)
        spoken = (mask & ~batch["silent"]).float()
        logarithm = batch["durations"].clamp(min=1).float().log()
        parts["duration"] = 0.2 * _mean((expected.log_duration - logarithm).square(), spoken)
        parts["pitch"] = _mean((expected.pitch - batch["pitch"]).square(), spoken * (batch["pitch"] > 0))
        parts["energy"] = 0.2 * _mean((expected.energy - batch["energy"]).square(), spoken)
        level = network.level(speaker.detach())[:, 0] + network.f0_statistics[0]
        parts["level"] = _mean((level - batch["level"]).abs(), (batch["level"] > 0).float())
        for name, value in parts.items():
            self.log(f"{stage}/{name}", value, batch_size=1)
        if stage == "valid" and network.target == "world":
            self.log("valid/mel_cepstral_distortion", distortion(network, frames, batch), batch_size=1)
        return torch.stack(list(parts.values())).sum()


def _mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1)


def _frame_loss(network: TextToSpeech, frames: torch.Tensor, batch: Batch, inside: torch.Tensor) -> torch.Tensor:
    """Absolute error of the spectrum, and a tenth of the aperiodicity's where there is voice."""
    own = network.envelope + network.aperiodicity
    difference = (frames[..., :own] - batch["frames"]).abs()
    found = _mean(difference[..., : network.envelope].mean(2), inside)
    if network.aperiodicity:
        found = found + 0.1 * _mean(difference[..., network.envelope :].mean(2), batch["voiced"] * inside)
    return found


def distortion(network: TextToSpeech, frames: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mel-cepstral distortion in decibels, without the level (see training.synthesizer.distortion)."""
    own = network.envelope + network.aperiodicity
    difference = (network.refined(frames)[..., :own] - batch["frames"]) * network.frame_deviation
    natural = difference[..., 1 : network.envelope].square().sum(-1).sqrt()
    return 10 / float(np.log(10)) * _mean(natural, batch["inside"].float())


@torch.no_grad()
def measure_spread(network: TextToSpeech, batches: Utterances, count: int = 100) -> torch.Tensor:
    """How much more each number of the spectrum varies over an utterance in natural speech than as predicted.

    Returns:
        ratio of standard deviations (envelope,), within [1, MOST_SPREAD].
    """
    natural, predicted = torch.zeros(network.envelope), torch.zeros(network.envelope)
    for key in batches.sample(count):
        batch = batches.made([key], np.zeros(1), np.ones(1, bool), 0)
        emotion = batch["emotion"] if network.emotion else None
        speaker = network.speaker(batch["voice"], emotion)
        hidden = network.encode(batch["phones"], batch["mask"], speaker)
        frames = network.decode(
            hidden, batch["durations"], batch["pitch"], batch["energy"], speaker, emotion, batch["start"],
            batch["frames"].shape[1],
        )  # fmt: skip
        predicted += network.refined(frames)[0, :, : network.envelope].var(0)
        natural += batch["frames"][0, :, : network.envelope].var(0)
    return torch.sqrt(natural / predicted.clamp(min=1e-8)).clamp(1.0, MOST_SPREAD)


def hyperparameters_of(options: Tts, voice: int, emotion: int) -> dict[str, Any]:
    """Those of a network of the configured sizes, for voices and emotions of these dimensions."""
    by_world = options.target == "world"
    sizes = {name: asdict(getattr(options, name)) for name in ("duration", "pitch", "energy", "postnet")}
    stacks = {name: asdict(getattr(options, name)) for name in ("encoder", "decoder")}
    return {
        "phones": len(symbols.FEATURES), "voice": voice, "emotion": emotion, "fusion": options.fusion,
        "target": options.target, "envelope": options.coefficients if by_world else MEL_BINS,
        "aperiodicity": world.APERIODICITIES if by_world else 0, **sizes, **stacks, "speaker": options.speaker,
        "dropout": options.dropout,
    }  # fmt: skip


def train(
    data: Sequence[DataDir], alignment: Path | None, frames: Path, xvectors: Path, emotion: Path | None, options: Tts,
    seed: int, folder: Path, *, device: str,
) -> dict[str, Any]:  # fmt: skip
    """Train a network of text to speech and write its model dir.

    Args:
        data, alignment, frames, xvectors, emotion: see Utterances.
        options: section system.options.tts.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".

    Returns:
        the model's facts.
    """
    batches = Utterances(data, alignment, frames, xvectors, emotion, options, seed)
    hyperparameters = hyperparameters_of(options, batches.voices.dimension, len(batches.emotion(batches.utterances[0])))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "text-to-speech-weights"))
        network: Any = store.build(KIND, hyperparameters)
    size = sum(parameter.numel() for parameter in network.parameters())
    log.info(
        "text to speech: %d parameters, %d utterances, %d of them held out",
        size, len(batches.utterances) + len(batches.held_out), len(batches.held_out),
    )  # fmt: skip
    batches.set_statistics(network)
    fit(TextToSpeechLearner(network, options.training, seed), batches, folder, device=device)
    network.cpu().eval()
    network.spread.copy_(measure_spread(network, batches))
    facts = {
        "target": options.target, "xvector": batches.voices.dimension, "emotion": hyperparameters["emotion"],
        "phones": [symbols.label_of(int(code)) for code in batches.codes], "level": LEVEL,
        "validation": validate(network, batches),
    }  # fmt: skip
    finish(folder, network, kind=KIND, hyperparameters=hyperparameters, facts=facts)
    return facts


@torch.inference_mode()
def validate(network: TextToSpeech, batches: Utterances) -> dict[str, float]:
    """How well the finished network does on held-out utterances; empty without any.

    mel_cepstral_distortion in decibels (WORLD), or mel_error, the mean absolute error in nepers; duration_error, the
    mean absolute error of the expected durations in frames, without silence.
    """
    sums: dict[str, list[tuple[float, int]]] = {}
    for batch in batches.validation():
        emotion = batch["emotion"] if network.emotion else None
        speaker = network.speaker(batch["voice"], emotion)
        hidden = network.encode(batch["phones"], batch["mask"], speaker)
        frames = network.decode(
            hidden, batch["durations"], batch["pitch"], batch["energy"], speaker, emotion, batch["start"],
            batch["frames"].shape[1],
        )  # fmt: skip
        if network.target == "world":
            value, name = float(distortion(network, frames, batch)), "mel_cepstral_distortion"
        else:
            difference = (network.refined(frames) - batch["frames"]).abs() * network.frame_deviation
            value, name = float(_mean(difference.mean(2), batch["inside"].float())), "mel_error"
        sums.setdefault(name, []).append((value, len(batch["voice"])))
        expected = network.expected(hidden, batch["mask"]).log_duration.exp()
        spoken = batch["mask"] & ~batch["silent"]
        error = float((expected - batch["durations"]).abs()[spoken].mean())
        sums.setdefault("duration_error", []).append((error, len(batch["voice"])))
    return {
        name: round(sum(value * count for value, count in values) / sum(count for _, count in values), 3)
        for name, values in sums.items()
    }
