"""Conversion of utterances to their targets, in worker processes: features, nearest frames, speech."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.knnvc import features
from pseudovox.anonymize.knnvc.target_store import Store, Voice, normalised
from pseudovox.components import f0, world
from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import read_table
from pseudovox.data.datadir.tables import UTT2TARGET
from pseudovox.stage.device import Fetched

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.options import Options, World
    from pseudovox.anonymize.knnvc.private_targets import PrivateVoice
    from pseudovox.stage.parallel import Utterance

# Of several utterances what gives the speech, float32 (samples,), of what was matched, (frames, width) on the device,
# given the originals and lengths.
Speak = Callable[[Sequence[torch.Tensor], Sequence[np.ndarray], Sequence[int]], list[Callable[[], np.ndarray]]]


class ConvertWorker:
    """Converts data dirs; gives the samples of each utterance.

    Args:
        options: of the system.
        store: folder of the targets.
        bottleneck: model dir of the content extractor, for features of that kind.
        pseudo: root of utt2target by data dir.
        contours: root of F0 to speak with, moved to the targets, and sources: as it was; for WORLD.
        level: of the speech, decibels re full scale.
        speak: made with the device, makes speech of matched features, in WORLD's place.
    """

    def __init__(
        self, options: Options, store: Path, bottleneck: Path | None, pseudo: Path, contours: Path | None,
        sources: Path | None, level: float, speak: Callable[[str], Speak] | None = None, *, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.options, self.level, self.pseudo = options, level, pseudo
        self.store = Store(store, normalise=options.features.normalise, device=device)
        self.extract = features.load(options.features, bottleneck=bottleneck, device=device)
        self.contours, self.sources = contours, sources
        self.speak = speak(device) if speak else None
        self.table, self.archive = cache(read_table), cache(read_scp)

    def read(self, utterance: Utterance) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray | None] | None]:
        """The samples, and the melody that WORLD is to speak with."""
        samples = utterance.audio()
        if self.speak:
            return samples, None
        return samples, melody(self.archive, (self.contours, self.sources), utterance, samples, self.options.world)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, Callable[[], np.ndarray]]]:
        """(utterance, what gives its samples)"""
        given = [utterance.given(self.read) for utterance in batch]
        signals = [samples for samples, _ in given]
        spoken, voices = [], []
        for utterance, (frames,) in zip(batch, self.extract(signals), strict=True):
            voice = self.store.voice(target_of(self.table(self.pseudo / utterance.data.name / UTT2TARGET), utterance))
            queries = torch.from_numpy(frames)
            if self.options.features.normalise:
                queries = normalised(queries)
            (found,) = voice.target.convert([queries], self.options.neighbours)
            spoken.append(found)
            voices.append(voice)
        if self.speak:
            yield from zip(batch, self.speak(spoken, signals, [len(samples) for samples in signals]), strict=True)
            return
        fetched = Fetched(spoken)
        for number, (utterance, (samples, tune)) in enumerate(zip(batch, given, strict=True)):
            assert tune is not None
            yield utterance, partial(self._by_world, fetched, number, voices[number], tune, samples)

    def _by_world(
        self, fetched: Fetched, number: int, voice: Voice, tune: tuple[np.ndarray, np.ndarray | None],
        samples: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        speech = by_world(fetched.arrays()[number], voice, *tune, len(samples), self.options.world)
        return world.as_loud(speech, samples, self.level)


def melody(
    archive: Callable[[Path], Mapping[str, np.ndarray]], roots: tuple[Path | None, Path | None], utterance: Utterance,
    samples: np.ndarray, options: World,
) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
    """The F0 that WORLD is to speak with, and the original's loudness if speech is to have it, each (WORLD frames,).

    Args:
        archive: opens a .scp.
        roots: of the F0 to speak with and of the extracted F0.
        samples: the original's.
    """
    contour, source = (
        np.asarray(archive(root / utterance.data.name / "f0.scp")[utterance.id]) for root in roots if root
    )
    return contour, world.loudness(samples, source) if options.level == "source" else None


def target_of(table: Mapping[str, str], utterance: Utterance) -> str:
    """The target of an utterance; DataError where nobody drew one."""
    if utterance.id not in table:
        raise DataError(f"{utterance.id}: no target was drawn for it in {UTT2TARGET}")
    return table[utterance.id]


def by_world(
    found: np.ndarray, voice: Voice | PrivateVoice, contour: np.ndarray, loudness: np.ndarray | None, samples: int,
    options: World,
) -> np.ndarray:  # fmt: skip
    """Speech of matched envelopes and aperiodicities, with F0 and voicing of its own.

    Args:
        found: float32 (frames, width) of matched values of `voice`.
        voice: the target.
        contour: F0 to speak with, (WORLD frames,).
        loudness: the original's (WORLD frames,), if speech is to have it.
        samples: length of the result.
        options: sharpness and smoothing.

    Returns:
        float32 (samples,)
    """
    count = f0.frame_count(samples)
    width = voice.inner * voice.coefficients
    envelope = f0.fit_length(found[:, :width].reshape(-1, voice.coefficients), count)
    aperiodicity = f0.fit_length(found[:, width:].reshape(-1, world.APERIODICITIES), count)
    if options.smooth:
        from scipy.ndimage import gaussian_filter1d

        deviation = options.smooth * world.FRAMES_PER_SECOND
        envelope, aperiodicity = (
            gaussian_filter1d(part, deviation, axis=0, mode="nearest") for part in (envelope, aperiodicity)
        )
    if options.sharpen and voice.spread is not None:
        centre, own = envelope.mean(0), envelope.std(0)
        gain = 1 + options.sharpen * (np.clip(voice.spread / np.maximum(own, 1e-6), 1, 2) - 1)
        gain[0] = 1.0  # the level
        envelope = (centre + (envelope - centre) * gain).astype(np.float32)
    if loudness is not None:
        loudness = f0.fit_length(loudness, count)
        envelope[:, 0] = loudness - loudness.mean() + envelope[:, 0].mean()
    return world.synthesize(world.Analysis(envelope, aperiodicity), f0.fit_length(contour, count), samples)
