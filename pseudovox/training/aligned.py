"""Speech whose phones are known in time, for the phone predictor and the duration predictor of private kNN-VC.

Times come from steps/align_phones.py or from phones.ctm; a label is found for the middle of every feature frame. All
kinds of silence are one phone, as they are in use (anonymize.knnvc.phones).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.anonymize.knnvc import phones
from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_scp
from pseudovox.training.bottleneck import FRAMES_PER_SECOND, IGNORED, labels_at

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir, Phone

Key = tuple[int, str]  # number of the data dir, utterance


class AlignedSpeech:
    """The phones of data dirs at feature frames.

    Args:
        data: data dirs.
        alignment: root of <data dir>/alignment.scp for those without phones.ctm; None = phones.ctm alone.
        frame_shift, offset: seconds from frame to frame, and the middle of the first one.

    Attributes:
        phones: labels, silence first.
        keys: the utterances of which phones are known.

    Raises:
        DataError: there are none.
    """

    def __init__(self, data: Sequence[DataDir], alignment: Path | None, *, frame_shift: float, offset: float) -> None:
        self.data, self.frame_shift, self.offset = list(data), frame_shift, offset
        self.keys: list[Key] = []
        self._aligned: dict[Key, np.ndarray] = {}
        self._spoken: list[dict[str, list[Phone]]] = [part.phones for part in data]
        names = [phone.label for spoken in self._spoken for run in spoken.values() for phone in run]
        numbers: list[str] = []
        for number, (part, spoken) in enumerate(zip(data, self._spoken, strict=True)):
            self.keys += [(number, utterance) for utterance in part.utterances if utterance in spoken]
            if alignment is None or spoken:
                continue
            from pseudovox.components.alignment import ARRAY, PHONES

            numbers = list(PHONES)
            archive = read_scp(alignment / part.name / f"{ARRAY}.scp")
            for utterance in part.utterances:
                found = archive[utterance].astype(np.int16)
                if (found >= 0).any():
                    self._aligned[number, utterance] = found
                    self.keys.append((number, utterance))
        self.phones = [phones.SILENCE, *sorted({phones.merged(name) for name in (*names, *numbers)} - {phones.SILENCE})]
        self._by_label = {name: self.phones.index(phones.merged(name)) for name in {*names, *numbers}}
        self._by_number = np.array([*(self._by_label[name] for name in numbers), IGNORED])
        if not self.keys:
            raise DataError(
                f"{', '.join(str(part.path) for part in data)}: no utterance's phones are known",
                "give --alignment, what steps/align_phones.py wrote, or data dirs with phones.ctm",
            )

    def labels(self, key: Key, frames: int) -> np.ndarray:
        """The phone at the middle of each feature frame, int64 (frames,); IGNORED where none is known."""
        times = self.offset + np.arange(frames) * self.frame_shift
        if key in self._aligned:
            by_time = self._aligned[key]
            places = np.minimum((times * FRAMES_PER_SECOND + 1e-6).astype(np.int64), len(by_time) - 1)
            return self._by_number[by_time[places]]
        number, utterance = key
        return labels_at(self._spoken[number][utterance], self._by_label, times)

    def frames(self, key: Key) -> int:
        """About how many feature frames an utterance has."""
        return max(1, int(self.data[key[0]].duration(key[1]) / self.frame_shift))

    def duration(self, key: Key) -> float:
        """Seconds of an utterance."""
        return self.data[key[0]].duration(key[1])


def split(data: Sequence[DataDir], keys: Sequence[Key], share: float, seed: int) -> tuple[list[Key], list[Key]]:
    """Utterances to train on, and those of held-out speakers: `share` of the speakers, at least one of several."""
    speakers = sorted({data[number].utt2spk[utterance] for number, utterance in keys})
    order = sorted(speakers, key=lambda speaker: seeds.seed_for(seed, "held-out-speaker", speaker))
    count = min(max(round(share * len(speakers)), 1), len(speakers) - 1) if share > 0 else 0
    held_out = set(order[:count])
    inside = [data[number].utt2spk[utterance] in held_out for number, utterance in keys]
    return (
        [key for key, held in zip(keys, inside, strict=True) if not held],
        [key for key, held in zip(keys, inside, strict=True) if held],
    )
