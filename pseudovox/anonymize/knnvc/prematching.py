"""What the vocoder of kNN voice conversion is trained on: features matched within a speaker, and the waveform.

Every frame of an utterance is replaced by the mean of its k nearest frames in other utterances of the same speaker, as
a conversion replaces it by those of the target (prematched training of Baas, van Niekerk and Kamper 2023). Which ones:
those whose recordings lie in the same folder, in LibriSpeech the chapter, or all of the speaker's.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize.knnvc import features
from pseudovox.anonymize.knnvc.matching import Target
from pseudovox.anonymize.knnvc.target_store import normalised
from pseudovox.components import world
from pseudovox.core import seeds
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.utterance import Utterance
from pseudovox.models.feature_hifigan import FRAME, SAMPLE_RATE

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.options import Options
    from pseudovox.data.datadir import DataDir

LEVEL = -26.0  # decibels of the waveforms: matched features do not tell the recording's
Group = tuple[str, str]  # speaker, folder ("" = of any)


@dataclass(frozen=True)
class Pool:
    """Features to match with.

    Attributes:
        target: of all utterances of the pool, one after the other.
        places: the rows of each.
    """

    target: Target
    places: dict[str, slice]


class PrematchWorker:
    """Gives `features` (T, dimension), matched or as they are, and `wave` (320 T,) of each utterance, at one level.

    A speaker with one utterance has nothing to match it with, and it keeps its own features.

    Args:
        options: of the system; `options.vocoder` says whether and among what features are matched.
        bottleneck: model dir of the content extractor, for features of kind bottleneck.
        seed: which utterances of a speaker are matched with, where there is more speech than `pool_minutes`.
        device: torch device.

    Raises:
        UsageError: features that do not come every 20 ms.
    """

    def __init__(self, options: Options, bottleneck: Path | None, seed: int, *, device: str = "cpu") -> None:
        self.extract = features.load(options.features, bottleneck=bottleneck, device=device)
        if round(self.extract.frame_shift * SAMPLE_RATE) != FRAME:
            raise UsageError(
                f"system.options.features: frames of {self.extract.frame_shift} s; the vocoder makes "
                f"{FRAME / SAMPLE_RATE} s of each"
            )
        self.options, self.neighbours, self.seed, self.device = options.vocoder, options.neighbours, seed, device
        self.normalise = options.features.normalise
        self.groups: dict[Path, Groups] = {}
        # The utterances of a speaker follow each other, so the features of one pool at a time are in memory.
        self._pool = functools.lru_cache(maxsize=1)(self._make_pool)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            found = self.matched(utterance) if self.options.prematched else self.frames(utterance)
            wave = world.set_speech_level(utterance.audio(), LEVEL)
            yield utterance, {"features": found, "wave": fitted(wave, len(found) * FRAME)}

    def frames(self, utterance: Utterance) -> np.ndarray:
        """The features (T, dimension) of an utterance; DataError if it is too short for a frame."""
        ((found,),) = self.extract([utterance.audio()])
        if not len(found):
            raise DataError(f"{utterance.id}: too short for a frame of features")
        return found

    def matched(self, utterance: Utterance) -> np.ndarray:
        """Each frame replaced by the mean of its nearest ones in the pool, without the utterance's own."""
        data = utterance.data
        if data.path not in self.groups:
            self.groups[data.path] = Groups(data, self.options.within)
        pool = self._pool(data, self.groups[data.path].of(utterance.id))
        own = pool.places.get(utterance.id)
        frames = torch.as_tensor(self.frames(utterance)) if own is None else pool.target.values[own]
        queries = normalised(frames) if self.normalise else frames
        rows = nearest_apart(pool.target, queries, self.neighbours, own or slice(0, 0))
        return (frames if rows is None else pool.target.mean(rows)).cpu().numpy()

    def _make_pool(self, data: DataDir, group: Group) -> Pool:
        found: list[np.ndarray] = []
        places: dict[str, slice] = {}
        start = 0
        for name in chosen(data, self.groups[data.path].members[group], 60 * self.options.pool_minutes, self.seed):
            frames = self.frames(Utterance(data, name))
            places[name] = slice(start, start + len(frames))
            start += len(frames)
            found.append(frames)
        together = torch.from_numpy(np.concatenate(found)).to(self.device)
        keys = normalised(together) if self.normalise else together
        return Pool(Target(keys, together, self.device), places)


class Groups:
    """Which utterances of a data dir are matched with each other.

    Args:
        data: the data dir.
        within: "folder", or "speaker".

    Attributes:
        members: utterances of each group, sorted.
    """

    def __init__(self, data: DataDir, within: str) -> None:
        self.members: dict[Group, list[str]] = {}
        self._folders: dict[str, str] = {}
        for utterance in data.utterances:
            speaker = data.utt2spk[utterance]
            folder = _folder(data, utterance) if within == "folder" else ""
            self._folders[utterance] = folder
            for group in {(speaker, folder), (speaker, "")}:
                self.members.setdefault(group, []).append(utterance)
        self._speakers = data.utt2spk

    def of(self, utterance: str) -> Group:
        """The group of an utterance: of its folder, or of its speaker where it is alone in its folder."""
        own = self._speakers[utterance], self._folders[utterance]
        return own if len(self.members[own]) > 1 else (own[0], "")


def _folder(data: DataDir, utterance: str) -> str:
    """The folder of an utterance's recording; "" of one that a command makes."""
    recording = data.segment(utterance)[0] if "segments" in data.tables else utterance
    source = data.tables["wav.scp"][recording]
    return "" if source.rstrip().endswith("|") else str(Path(source).parent)


def chosen(data: DataDir, utterances: list[str], seconds: float, seed: int) -> list[str]:
    """The utterances, or if they last longer than `seconds`, some of them by chance that do not; at least two."""
    durations = {utterance: data.duration(utterance) for utterance in utterances}
    if sum(durations.values()) <= seconds:
        return utterances
    taken: list[str] = []
    left = seconds
    for number in seeds.generator(seed, "prematching-pool", utterances[0]).permutation(len(utterances)):
        left -= durations[utterances[number]]
        if left < 0 and len(taken) >= 2:
            break
        taken.append(utterances[number])
    return sorted(taken)


def nearest_apart(target: Target, queries: Any, k: int, own: slice) -> torch.Tensor | None:
    """Rows int64 (n, k) of the k nearest frames of a target that are not its rows `own`; None if there are no others.

    Args:
        target: the frames.
        queries: (n, dimension).
        k: neighbours; fewer where there are fewer.
        own: rows that do not count.
    """
    parts = []
    for some in (slice(0, own.start), slice(own.stop, len(target))):
        if some.stop > some.start:
            part = copy.copy(target)
            part.keys, part.values = target.keys[some], target.values[some]
            rows, cosines = part.nearest(queries, k)
            parts.append((rows + some.start, cosines))
    if not parts:
        return None
    rows, cosines = (torch.cat(columns, 1) for columns in zip(*parts, strict=True))
    order = cosines.sort(dim=1, descending=True, stable=True).indices[:, :k]
    return rows.gather(1, order)


def fitted(wave: np.ndarray, length: int) -> np.ndarray:
    """Samples cut, or zeros added, at the end, to be so many."""
    return wave[:length] if len(wave) >= length else np.pad(wave, (0, length - len(wave)))


def facts_of(options: Options) -> dict[str, Any]:
    """What a vocoder's model dir says of the features that it was trained on."""
    return {
        "features": {"kind": options.features.kind, "layer": options.features.layer},
        "prematched": options.vocoder.prematched,
        "neighbours": options.neighbours if options.vocoder.prematched else 0,
    }


def speakers_of_one(data: Iterable[DataDir]) -> list[str]:
    """The speakers with a single utterance, which is not matched."""
    return [speaker for part in data for speaker, own in part.spk2utt.items() if len(own) == 1]
