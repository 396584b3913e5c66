"""Private kNN-VC of utterances in worker processes: phones, new durations, the target's rows, speech."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize import targets
from pseudovox.anonymize.knnvc import conversion, features
from pseudovox.anonymize.knnvc.phones import Predictors
from pseudovox.anonymize.knnvc.private_targets import PrivateStore
from pseudovox.anonymize.knnvc.target_store import inner_frames, normalised
from pseudovox.anonymize.knnvc.worker import Speak, by_world, melody, target_of
from pseudovox.components import f0, world
from pseudovox.core.seeds import seed_for
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import read_table
from pseudovox.data.datadir.tables import UTT2TARGET

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.private import PrivateOptions
    from pseudovox.config import PseudoSpeakers
    from pseudovox.data.datadir import DataDir
    from pseudovox.stage.parallel import Utterance


class PrivateConvertWorker:
    """Converts data dirs; gives the samples of each utterance, of another length where durations are moved.

    Args:
        options, store, bottleneck, pseudo, contours, sources, level, speak, device: see worker.ConvertWorker.
        phones, durations: model dirs of the predictors.
        before: of each data dir's name the targets that an utterance goes through before its own; may lack utterances.
    """

    def __init__(
        self, options: PrivateOptions, store: Path, bottleneck: Path | None, pseudo: Path, contours: Path | None,
        sources: Path | None, level: float, phones: Path, durations: Path,
        before: Mapping[str, Mapping[str, Sequence[str]]], speak: Callable[[str], Speak] | None = None, *,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.options, self.level, self.pseudo, self.before = options, level, pseudo, before
        self.store = PrivateStore(store, device=device)
        layers = (options.features.layer, options.phones.layer)
        self.extract = features.load(options.features, layers=layers, bottleneck=bottleneck, device=device)
        self.predictors = Predictors(phones, durations, device=device)
        self.contours, self.sources = contours, sources
        self.speak = speak(device) if speak else None
        self.table, self.archive, self.device = cache(read_table), cache(read_scp), device

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, np.ndarray]]:
        signals = [utterance.audio() for utterance in batch]
        found = self.extract(signals)
        keys = [torch.from_numpy(layers[0]).to(self.device) for layers in found]
        if self.options.features.normalise:
            keys = [normalised(own) for own in keys]
        labels = [self.predictors.labels(layers[1]) for layers in found]
        stretched = conversion.stretch(keys, labels, self.predictors, self.options.duration_weight)
        chains = [self._chain(utterance) for utterance in batch]
        voices = {name: self.store.private(name) for chain in chains for name in chain}
        spoken = conversion.convert(stretched, chains, {name: voice.rows for name, voice in voices.items()})
        for number, (utterance, samples) in enumerate(zip(batch, signals, strict=True)):
            length = self._length(len(samples), stretched[number].places)
            if self.speak:
                yield utterance, self.speak(spoken[number], samples, length)
                continue
            contour, loudness = melody(
                self.archive, (self.contours, self.sources), utterance, samples, self.options.world
            )
            inner = inner_frames(self.extract.frame_shift)
            speech = by_world(
                spoken[number].cpu().numpy(),
                voices[chains[number][-1]],
                at_places(contour, stretched[number].places, inner),
                None if loudness is None else at_places(loudness, stretched[number].places, inner),
                length,
                self.options.world,
            )
            yield utterance, world.as_loud(speech, samples, self.level)

    def _chain(self, utterance: Utterance) -> tuple[str, ...]:
        """The targets of an utterance, in their order."""
        own = target_of(self.table(self.pseudo / utterance.data.name / UTT2TARGET), utterance)
        return (*self.before.get(utterance.data.name, {}).get(utterance.id, ()), own)

    def _length(self, samples: int, places: np.ndarray) -> int:
        """Samples of the result: as many as there were where no duration is moved."""
        if not self.options.duration_weight:
            return samples
        return round(len(places) * self.extract.frame_shift * features.SAMPLE_RATE)


def at_places(values: np.ndarray, places: np.ndarray, inner: int) -> np.ndarray:
    """WORLD frames (n,) of an utterance as they follow each other in its new durations.

    Args:
        values: in the utterance's own time.
        places: of each new frame of features the one that it was (see conversion.Stretched).
        inner: WORLD frames in one frame of features.

    Returns:
        (inner * len(places),)
    """
    return f0.fit_length(values, inner * (int(places.max()) + 1)).reshape(-1, inner)[places].reshape(-1)


def chains_before(
    known: Sequence[targets.Target], data: DataDir, options: PseudoSpeakers, *, level: str, seed: int, count: int
) -> dict[str, tuple[str, ...]]:
    """Names of `count` targets for every utterance of a data dir, to go through before its own.

    They are drawn as that one is (targets.choose), but with seeds of their own.
    """
    draws = [
        targets.choose(
            known, data, options, level=level, seed=seed_for(seed, "target-chain", str(step)), whose=targets.PREPARED
        )
        for step in range(count)
    ]
    return {utt: tuple(draw.utterances[utt].id for draw in draws) for utt in data.utterances}
