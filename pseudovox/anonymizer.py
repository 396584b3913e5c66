"""Speaker anonymization from Python: arrays of samples in, arrays of samples out, as recipes/own does it with files.

    import pseudovox
    anonymizer = pseudovox.Anonymizer.load("pca_gmm")                 # with the models of pretrained/openspeech
    samples = anonymizer.anonymize(samples, 44100, speaker="anna")    # float32, as long as it was, at the same rate

Who speaks is replaced by who is drawn by (seed, speaker): the same id gets the same voice, in every call and process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox import config as configuration
from pseudovox.config import packs
from pseudovox.core import checkout
from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.data import audio
from pseudovox.data.datadir import DataDir, bytewise

SET = "recordings"  # the data dir of recipes/own, whose name is a part of what is drawn by
SHORTEST = 0.1  # seconds: of less there is neither a voice nor a word to be had


class Anonymizer:
    """A system with its models.

    Args:
        config: of the system, with its seed.
        models: folder of the models; None for a system without.
        device: torch device, "cpu" or "cuda[:n]".

    Attributes:
        config: as given.

    Raises:
        MissingModelError: a model that the system needs is not there; DataError: it is damaged.
        UsageError: a configuration that makes no sense.
    """

    def __init__(self, config: configuration.Config, models: Path | None, device: str = "cpu") -> None:
        self.config = config
        self._level = config.levels.of(SET)
        if self._level not in ("spk", "utt"):
            raise UsageError(f"levels: {self._level!r} for {SET}, expected spk or utt")
        if config.system.step:
            self._system: _McAdams | _Stages = _McAdams(config, self._level, device)
        elif models is None:
            raise MissingModelError(f"system {config.system.name} needs models, and where they are was not said")
        else:
            self._system = _Stages(config, models, self._level, device)

    @classmethod
    def load(
        cls, system: str = "pca_gmm", *, pack: str | Path = packs.DEFAULT, device: str = "auto", seed: int = 1,
        overrides: Iterable[str] = (),
    ) -> Anonymizer:  # fmt: skip
        """A system with its models.

        Args:
            system: pca_gmm, resynthesis (the control: the voice stays), mcadams (needs no models), or another of
                conf/system that the pack has the models of.
            pack: a pack's name (a folder of pretrained/), or the path of a folder of models, e.g. exp/mini/models.
            device: auto (CUDA where it works), cpu, cuda or cuda:<n>.
            seed: of the voices that are drawn. With it and a speaker's id anybody can draw the same voice, but not
                find the speaker's from it.
            overrides: `key=value`, as of --set: keys of conf/default.yaml.

        Raises:
            MissingModelError: no such pack, or a model is lacking; says which recipe makes it.
            UsageError: no such system, device or key.
        """
        from pseudovox.stage import resolve_device

        configuration.check_name(system, "system")
        needs_none = not _uses_models(system)
        folder = None if needs_none else packs.find(pack)
        config = packs.config_of(folder, system, overrides)
        config.seed = seed
        return cls(config, folder, resolve_device(device))

    def anonymize(
        self, samples: Any, sample_rate: int, speaker: str = "speaker", *, gender: str = "", recording: str = "",
        channel: int | str = 0,
    ) -> np.ndarray:  # fmt: skip
        """A recording in another voice. Each call stands alone: nothing is kept of it.

        Args:
            samples: (samples,) or (samples, channels), float in [-1, 1], int16 or int32.
            sample_rate: Hz.
            speaker: id; decides the new voice.
            gender: of the speaker, "f" or "m"; told from the voice if not given.
            recording: id, where a system draws for each recording (asrbn; a neural vocoder's noise); the speaker's
                if not given.
            channel: which one is taken of several, from 0, or "mean" (see audio.py).

        Returns:
            float32 (samples,), mono, at `sample_rate` Hz; silence where the recording is silence.

        Raises:
            DataError: samples that cannot be taken, or less than a tenth of a second of them; says what to do.
            UsageError: a gender that is none of these.
        """
        own = recording or speaker
        mono = audio.from_array(samples, sample_rate, channel=channel, name=own or "samples")
        made = self.anonymize_speaker({own: mono}, speaker, gender=gender)[own]
        return np.asarray(audio.as_original(made, int(sample_rate), len(samples)), dtype=np.float32)

    def anonymize_speaker(
        self, recordings: Mapping[str, np.ndarray], speaker: str, *, gender: str = ""
    ) -> dict[str, np.ndarray]:
        """All recordings of a speaker; the x-vector and the pitch that are replaced are those of all together.

        Args:
            recordings: float32 (samples,) at 16 kHz, by id.
            speaker, gender: as in `anonymize`.

        Returns:
            float32 (samples,) at 16 kHz, by id.

        Raises:
            as `anonymize`.
        """
        if gender not in ("", "f", "m"):
            raise UsageError(f"gender {gender!r}: expected f or m, or nothing to have it told from the voice")
        if not speaker or not all(recordings):
            raise UsageError("an empty id of a speaker or a recording; voices are drawn by them")
        for name, samples in recordings.items():
            check_length(samples, name)
        tables = {"wav.scp": dict.fromkeys(recordings, ""), "utt2spk": dict.fromkeys(recordings, speaker)}
        if gender:
            tables["spk2gender"] = {speaker: gender}
        ordered = {name: np.asarray(recordings[name], np.float32) for name in bytewise(recordings)}
        if not any(samples.any() for samples in ordered.values()):
            return {name: np.zeros(len(samples), np.float32) for name, samples in ordered.items()}
        with _one_thread():
            return self._system(DataDir(SET, tables), ordered)


def check_length(samples: np.ndarray, name: str) -> None:
    """DataError, which says `name`, unless (samples,) at 16 kHz are long enough to be anonymized."""
    if len(samples) < SHORTEST * audio.SAMPLE_RATE:
        raise DataError(
            f"{name}: {len(samples) / audio.SAMPLE_RATE:.3f} s of speech; {SHORTEST:g} s are needed",
            "join it with what comes before or after, or leave it out",
        )


class _McAdams:
    """The system that is the step anonymize_mcadams."""

    def __init__(self, config: configuration.Config, level: str, device: str) -> None:
        from pseudovox.anonymize import mcadams

        self.options, self.level, self.device = mcadams.resolved(config.mcadams), level, device
        self.config = config

    def __call__(self, data: DataDir, recordings: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        from pseudovox.anonymize import mcadams

        drawn = mcadams.coefficients(data, self.options, self.level, self.config.seed)
        made = {}
        for name, samples in recordings.items():
            gain = mcadams.largest_factor(self.options)
            variant = mcadams.VARIANTS[self.options.variant]
            found = mcadams.warp([samples], [drawn[name]], variant, largest_gain=gain, device=self.device)[0]
            level = self.config.synthesis.level
            made[name] = mcadams.scaled(found, samples, self.options, level).astype(np.float32)
        return made


class _Stages:
    """The systems that go through the stages embed, sample, f0, content and synthesize."""

    def __init__(self, config: configuration.Config, models: Path, level: str, device: str) -> None:
        from pseudovox.anonymize import f0_transforms, pseudo_pitch, pseudo_speakers, targets
        from pseudovox.components.content import Extractor
        from pseudovox.components.embeddings import Embedder
        from pseudovox.components.synthesis import Synthesizer

        f0_transforms.check(config.f0)
        self.config, self.level, self.transform = config, level, f0_transforms.transform
        self.targets = None
        self.by_target = config.pseudo.gives == "targets"
        needed = ["bottleneck", config.system.synthesizer_dir]
        if not self.by_target:
            needed.append("xvector")
            generator = models / "pseudo" / config.system.name
            fitted = config.pseudo.load().fitted
            needed += [f"pseudo/{config.system.name}"] if fitted else []
        for name in needed:
            if not (models / name).is_dir():
                raise _lacking(models, name, config)
        synthesizer = models / config.system.synthesizer_dir
        self.synthesize = Synthesizer(synthesizer, config.synthesis, config.seed, device)
        self.extract = Extractor(models / "bottleneck", device)
        if self.by_target:
            self.targets = targets.read(synthesizer)
            return
        self.embed = Embedder(models / "xvector", device)
        self.strategy = pseudo_speakers.load(generator if fitted else None, config.pseudo)
        self.pitch = pseudo_pitch.load(generator) if fitted else None

    def __call__(self, data: DataDir, recordings: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        from pseudovox.components import f0

        contours = {name: f0.extract(samples, self.config.f0) for name, samples in recordings.items()}
        voices, pitches = self._voices(data, recordings)
        moved = self._moved(contours, pitches)
        return {
            name: self.synthesize(self.extract(samples), moved[name], voices[name], len(samples), name, samples)
            for name, samples in recordings.items()
        }

    def _voices(
        self, data: DataDir, recordings: dict[str, np.ndarray]
    ) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
        """The voice to speak with, and mean and deviation of its log F0 where they are known, by recording."""
        from pseudovox.anonymize import pseudo_speakers, targets
        from pseudovox.components.embeddings import speaker_means

        options, seed = self.config.pseudo, self.config.seed
        if self.targets is not None:
            chosen = targets.choose(self.targets, data, options, level=self.level, seed=seed).utterances
            voices = {name: self.synthesize.voice(target.id) for name, target in chosen.items()}
            return voices, {name: np.array(target.log_f0) for name, target in chosen.items()}
        vectors = {name: self.embed([samples])[0] for name, samples in recordings.items()}
        means = speaker_means(data.spk2utt, vectors)
        found = pseudo_speakers.sample(
            self.strategy, self.pitch, data, vectors, means, options, level=self.level, seed=seed
        )
        return found.vectors, found.pitches

    def _moved(self, contours: dict[str, np.ndarray], pitches: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """F0 through the system's transforms."""
        from pseudovox.anonymize.f0_transforms import Context
        from pseudovox.components import f0

        everything = f0.statistics(contours.values())
        moved = {}
        for name, contour in contours.items():
            source = target = None
            if "shift" in self.config.f0.transform and pitches:
                source = f0.statistics([contour]) if self.config.f0.source == "utterance" else everything
                target = f0.Statistics(float(pitches[name][0]), float(pitches[name][1]))
            moved[name] = self.transform(
                contour, self.config.f0, Context(f"{SET}/{name}", self.config.seed, source, target)
            )
        return moved


def _uses_models(system: str) -> bool:
    path = checkout.ROOT / "conf/system" / f"{system}.yaml"
    return not path.is_file() or not configuration.merge([path]).system.step


def _lacking(models: Path, name: str, config: configuration.Config) -> MissingModelError:
    recipe, system = packs.recipe_of(models), config.system.name
    why = ""
    if config.pseudo.strategy == "pool" and name.startswith("pseudo/"):
        why = "; a pack has none for the strategy pool: it would hold the x-vectors of real people"
    return MissingModelError(
        f"{models}: system {system} needs the model {name}, which is not there{why}",
        f"./run.sh --recipe {recipe} --system {system} --stop-stage fit, then pack='exp/{recipe}/models'",
    )


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """torch on one thread, as in the steps: sums in another order round differently."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
