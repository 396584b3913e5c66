"""Target speakers on disk, made once: model.json, which says who they are, and a safetensors file of frames each.

A file holds, of one target's speech with the silence at both ends of every utterance cut off,

    keys          float16 (frames, dimension), the features that are matched
    envelope      float32 (frames, WORLD frames in one, coefficients), coded spectral envelopes (components.world)
    aperiodicity  float32 (frames, WORLD frames in one, 1)

the last two where WORLD is to speak.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize import targets
from pseudovox.anonymize.knnvc import features
from pseudovox.anonymize.knnvc.matching import Target
from pseudovox.components import f0, world
from pseudovox.core.errors import DataError
from pseudovox.data.audio import load as load_audio
from pseudovox.data.datadir import DataDir, write_atomic, write_json
from pseudovox.data.features import log_energy, speech_frames
from pseudovox.models import store
from pseudovox.stage.device import resolve_device
from pseudovox.stage.jobs import run as run_jobs
from pseudovox.stage.parallel import one_thread

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.options import Options
    from pseudovox.config import F0

log = logging.getLogger("pseudovox")
KIND = "knnvc_targets"  # of model.json
MARGIN = 0.05  # seconds that are left before and behind speech
FRAME = 160  # samples of a frame of the voice activity detection
LARGEST_HALF = 65504.0
KEPT_BYTES = 2**30  # of targets that stay in memory, and the last one always


@dataclass(frozen=True)
class Speaker:
    """Who is to be a target: a speaker of a data dir, with the utterances that are taken."""

    data: DataDir
    id: str
    gender: str
    utterances: tuple[str, ...]
    seconds: float


def speakers_of(data: Sequence[DataDir], seconds: float, shortest: float) -> list[Speaker]:
    """The speakers of data dirs that have enough speech, with as many of their first utterances as it takes.

    Args:
        data: the data dirs.
        seconds: of speech of each, about; shortest: less is too little.

    Raises:
        DataError: a speaker of two data dirs, or nobody is left.
    """
    found: dict[str, Speaker] = {}
    few: list[str] = []
    for part in data:
        genders = part.tables.get("spk2gender", {})
        for speaker, utterances in part.spk2utt.items():
            if speaker in found:
                raise DataError(
                    f"{part.path}: speaker {speaker} is also one of {found[speaker].data.path}",
                    "give data dirs without common speakers",
                )
            taken, total = [], 0.0
            for utterance in utterances:
                if total >= seconds:
                    break
                taken.append(utterance)
                total += part.duration(utterance)
            if total < shortest:
                few.append(speaker)
            else:
                found[speaker] = Speaker(part, speaker, genders.get(speaker, ""), tuple(taken), total)
    if few:
        log.info("%d speakers have less than %g s and are no targets, e.g. %s", len(few), shortest, few[0])
    if not found:
        raise DataError(
            f"{', '.join(str(part.path) for part in data)}: no speaker has {shortest:g} s of speech, as a target must",
            "give more speech of fewer speakers, or a lower --set system.options.targets.shortest=SECONDS",
        )
    return list(found.values())


def size_of(speakers: Sequence[Speaker], frame_shift: float, dimension: int, coefficients: int) -> int:
    """Bytes that the targets take, about, if all their speech is kept.

    Args:
        speakers: the targets.
        frame_shift: seconds; dimension: of the features.
        coefficients: of WORLD's envelope; 0 = it is not kept.
    """
    frames = sum(speaker.seconds for speaker in speakers) / frame_shift
    inner = round(frame_shift * world.FRAMES_PER_SECOND) if coefficients else 0
    return round(frames * (2 * dimension + 4 * inner * (coefficients + world.APERIODICITIES)))


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Speech (samples,) without the silence at both ends, but for MARGIN seconds; Kaldi's energy VAD tells it."""
    speech = np.flatnonzero(speech_frames(log_energy(samples)).numpy())
    margin = round(MARGIN * features.SAMPLE_RATE)
    return samples[max(0, int(speech[0]) * FRAME - margin) : (int(speech[-1]) + 1) * FRAME + margin]


@dataclass(frozen=True)
class Spoken:
    """What a target has said, all utterances together.

    Attributes:
        layers: float32 (frames, dimension) of each layer that the extractor gives.
        envelope, aperiodicity: float32 (frames, WORLD frames in one, width); None where WORLD does not speak.
        contours: F0 of each utterance.
        seconds: of speech.
    """

    layers: tuple[np.ndarray, ...]
    envelope: np.ndarray | None
    aperiodicity: np.ndarray | None
    contours: list[np.ndarray]
    seconds: float


class Maker:
    """Makes targets' files, in worker processes.

    Args:
        options: of the system; f0_options: section `f0`.
        bottleneck: model dir of the content extractor, for features of that kind.
        device: torch device.
    """

    def __init__(self, options: Options, f0_options: F0, bottleneck: Path | None, *, device: str = "cpu") -> None:
        self.extract = features.load(options.features, bottleneck=bottleneck, device=device)
        self.options, self.f0_options = options, f0_options

    def __call__(self, speaker: Speaker, path: Path) -> dict[str, Any]:
        """Write a target's file.

        Returns:
            facts for the card: id, gender, frames, seconds, log_f0 (mean, deviation), frame_shift and voice, the
            mean of what speech is made of.
        """
        from safetensors.torch import save

        spoken = self.gather(speaker)
        arrays, voice = self.arrays(speaker, spoken)
        write_atomic(path, save({name: torch.from_numpy(array).contiguous() for name, array in arrays.items()}))
        pitch = f0.statistics(spoken.contours)
        return {
            "id": speaker.id, "gender": speaker.gender, "frames": len(arrays["keys"]),
            "seconds": round(spoken.seconds, 2), "log_f0": [pitch.mean, pitch.deviation],
            "frame_shift": self.extract.frame_shift, "voice": [float(value) for value in voice],
        }  # fmt: skip

    def gather(self, speaker: Speaker) -> Spoken:
        """Features, and where WORLD is to speak its frames, of a target's speech."""
        layers: list[tuple[np.ndarray, ...]] = []
        envelopes, aperiodicities, contours = [], [], []
        seconds = 0.0
        with_world = self.options.spoken == "world"
        for utterance in speaker.utterances:
            left = self.options.targets.seconds - seconds
            if left <= 0.1:
                break
            span = (0.0, left) if speaker.data.duration(utterance) > left else None
            samples = trimmed(load_audio(speaker.data, utterance, span=span))
            seconds += len(samples) / features.SAMPLE_RATE
            contour = f0.extract(samples, self.f0_options)
            contours.append(contour)
            (found,) = self.extract([samples])
            layers.append(found)
            if with_world:
                analysis = world.analyse(samples, contour, self.options.world.coefficients)
                inner = inner_frames(self.extract.frame_shift)
                envelopes.append(grouped(analysis.envelope, len(found[0]), inner))
                aperiodicities.append(grouped(analysis.aperiodicity, len(found[0]), inner))
        return Spoken(
            tuple(np.concatenate(layer) for layer in zip(*layers, strict=True)),
            np.concatenate(envelopes) if with_world else None,
            np.concatenate(aperiodicities) if with_world else None,
            contours,
            seconds,
        )

    def arrays(self, speaker: Speaker, spoken: Spoken) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """What a target's file holds, and what is told of its voice, (width,): the mean of what speech is made of."""
        (keys,) = spoken.layers
        arrays: dict[str, np.ndarray] = {"keys": half(keys)}
        if spoken.envelope is None or spoken.aperiodicity is None:
            return arrays, keys.mean(0)
        arrays |= {"envelope": spoken.envelope, "aperiodicity": spoken.aperiodicity}
        return arrays, spoken.envelope.mean((0, 1))


def half(frames: np.ndarray) -> np.ndarray:
    """Frames in half precision, within its range."""
    return np.clip(frames, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)


@dataclass(frozen=True)
class MakeJob:
    """Targets that one process makes.

    Attributes:
        speakers: they; a target whose file is there already is made again only as far as its facts go.
        folder: of the files, aside; each has its facts beside it, in json.
        maker: gives the Maker, with the device.
        device: as asked for.
    """

    speakers: tuple[Speaker, ...]
    folder: Path
    maker: Callable[..., Maker]
    device: str

    def run(self) -> list[dict[str, Any]]:
        """Make what is not there; the facts of each."""
        make: Maker | None = None
        found = []
        with one_thread():
            for speaker in self.speakers:
                noted = self.folder / f"{speaker.id}.json"
                if not noted.is_file():
                    if make is None:
                        make = self.maker(device=resolve_device(self.device))
                    write_json(noted, make(speaker, self.folder / f"{speaker.id}.safetensors"))
                found.append(json.loads(noted.read_text(encoding="utf-8")))
                log.info("target %s: %.0f s of speech", speaker.id, found[-1]["seconds"])
        return found


def make_all(
    speakers: Sequence[Speaker], folder: Path, options: Options, maker: Callable[..., Maker], *,
    jobs: int, device: str, step: str,
) -> None:  # fmt: skip
    """Make the files of all targets, and the card.

    Args:
        speakers: the targets.
        folder: of the output, aside.
        options: of the system.
        maker: gives the Maker, with the device; it is sent to other processes.
        jobs: processes; device: as asked for; step: its name.
    """
    queues = [tuple(speakers[number::jobs]) for number in range(min(jobs, len(speakers)))]
    payloads = [MakeJob(queue, folder, maker, device) for queue in queues]
    facts = [one for some in run_jobs(MakeJob.run, payloads, [folder / "log"], name=step) for one in some]
    order = {speaker.id: number for number, speaker in enumerate(speakers)}
    write_card(folder, options, sorted(facts, key=lambda one: order[one["id"]]))
    for speaker in speakers:
        (folder / f"{speaker.id}.json").unlink()


def inner_frames(frame_shift: float) -> int:
    """WORLD frames in the time of one frame of features."""
    return max(1, round(frame_shift * world.FRAMES_PER_SECOND))


def grouped(frames: np.ndarray, count: int, inner: int) -> np.ndarray:
    """WORLD frames (n, width) in groups, one for each of `count` frames of features: (count, inner, width)."""
    return f0.fit_length(frames, count * inner).reshape(count, inner, -1)


def write_card(folder: Path, options: Options, speakers: Sequence[dict[str, Any]]) -> None:
    """Write model.json: who the targets are (facts of Maker), and which features they have."""
    features = {key: value for key, value in asdict(options.features).items() if key != "normalise"}
    own = {"features": features, "spoken": options.spoken, "frame_shift": speakers[0]["frame_shift"]}
    card = {"kind": KIND, "hyperparameters": {}, "facts": {**own, "speakers": list(speakers)}}
    write_json(folder / "model.json", card, sort_keys=True)


@dataclass
class Voice:
    """A target, to be converted to.

    Attributes:
        target: frames to be matched with. Their values are the keys, or, where WORLD speaks, envelope and aperiodicity
            of the WORLD frames in one.
        inner, coefficients: WORLD frames in one, and coefficients of their envelopes; 0 without WORLD.
        spread: (coefficients,) deviation of the envelopes over time.
    """

    target: Target
    inner: int = 0
    coefficients: int = 0
    spread: np.ndarray | None = None


class Store:
    """Targets that steps/fit_knnvc_targets.py has made.

    Args:
        folder: where they lie.
        normalise: keys are compared at mean 0 and deviation 1 (see `normalised`).
        device: of the frames.

    Raises:
        MissingModelError, DataError: as models.store.read_card.
    """

    def __init__(self, folder: Path, *, normalise: bool = False, device: str = "cpu") -> None:
        self.folder, self.normalise, self.device = folder, normalise, device
        self.facts = store.read_card(folder, KIND)["facts"]
        try:
            self.targets = [
                targets.Target(str(one["id"]), str(one["gender"]), (float(one["log_f0"][0]), float(one["log_f0"][1])))
                for one in self.facts["speakers"]
            ]
            self.voices = {str(one["id"]): np.array(one["voice"], np.float64) for one in self.facts["speakers"]}
            self.frame_shift, self.spoken = float(self.facts["frame_shift"]), str(self.facts["spoken"])
            self.features = dict(self.facts["features"])
            largest = max(int(one["frames"]) for one in self.facts["speakers"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{folder}/model.json: facts: {error}", store.REDO) from None
        width = 4 * (len(next(iter(self.voices.values()))) * 2 + 1024)
        self.kept = max(1, KEPT_BYTES // (largest * width))
        self.voice = functools.lru_cache(self.kept)(self._voice)

    def check(self, options: Options) -> None:
        """DataError if they were not made with the features, or for the speech, that the options say."""
        wanted = {**asdict(options.features), "spoken": options.spoken}
        for key, value in {**self.features, "spoken": self.spoken}.items():
            if key != "weights" and value != wanted.get(key):
                raise DataError(
                    f"{self.folder}: targets with {key} {value!r}; the configuration says {wanted.get(key)!r}",
                    "run the ./run.sh command again with --stage fit --stop-stage fit --force",
                )

    def vectors(self) -> dict[str, np.ndarray]:
        """What the informed attacker knows of each target: its mean frame, each dimension brought to deviation 1 over
        the targets, and behind it which one it is (one-hot); float32."""
        names = [target.id for target in self.targets]
        means = np.stack([self.voices[name] for name in names])
        means = (means - means.mean(0)) / np.maximum(means.std(0), 1e-9)
        found = np.concatenate([means, np.eye(len(names))], 1).astype(np.float32)
        return dict(zip(names, found, strict=True))

    def _voice(self, name: str) -> Voice:
        """A target's frames; DataError where the file does not hold them."""
        path = self.folder / f"{name}.safetensors"
        arrays = {key: array.to(self.device, torch.float32) for key, array in store.read_weights(path).items()}
        fitting = {len(array) for array in arrays.values()}
        expected = {"keys", *(("envelope", "aperiodicity") if self.spoken == "world" else ())}
        if arrays.keys() != expected or len(fitting) != 1 or 0 in fitting:
            raise DataError(f"{path}: holds no target of kNN voice conversion", store.REDO)
        if not all(bool(array.isfinite().all()) for array in arrays.values()):
            raise DataError(f"{path}: holds NaN or infinite values", store.REDO)
        keys = normalised(arrays["keys"]) if self.normalise else arrays["keys"]
        if self.spoken != "world":
            return Voice(Target(keys, arrays["keys"], self.device))
        envelope, aperiodicity = arrays["envelope"], arrays["aperiodicity"]
        values = torch.cat([envelope.flatten(1), aperiodicity.flatten(1)], 1)
        spread = envelope.flatten(0, 1).std(0, correction=0).cpu().numpy()
        return Voice(Target(keys, values, self.device), envelope.shape[1], envelope.shape[2], spread)


def normalised(frames: torch.Tensor) -> torch.Tensor:
    """Frames (n, dimension) with each dimension at mean 0 and deviation 1; one that never changes becomes 0."""
    return (frames - frames.mean(0)) / frames.std(0, correction=0).clamp(min=1e-5)
