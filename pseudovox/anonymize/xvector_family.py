"""The systems of the x-vector family in Python, recording by recording: embed, sample, F0, content, synthesize."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pseudovox.config import Config, packs
from pseudovox.core.errors import MissingModelError
from pseudovox.data.datadir import DataDir

SET = "recordings"  # the data dir of recipes/own, whose name is a part of what is drawn by


class XvectorFamily:
    """The systems that go through the stages embed, sample, f0, content and synthesize."""

    def __init__(self, config: Config, models: Path | None, level: str, device: str) -> None:
        if models is None:
            raise MissingModelError(f"system {config.system.name} needs models, and where they are was not said")
        from pseudovox.anonymize import f0_transforms, pseudo_pitch, pseudo_speakers, targets
        from pseudovox.components import content
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
        self.extract = content.load(models / "bottleneck", device)
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


def _lacking(models: Path, name: str, config: Config) -> MissingModelError:
    recipe, system = packs.recipe_of(models), config.system.name
    why = ""
    if config.pseudo.strategy == "pool" and name.startswith("pseudo/"):
        why = "; a pack has none for the strategy pool: it would hold the x-vectors of real people"
    return MissingModelError(
        f"{models}: system {system} needs the model {name}, which is not there{why}",
        f"./run.sh --recipe {recipe} --system {system} --stop-stage fit, then pack='exp/{recipe}/models'",
    )
