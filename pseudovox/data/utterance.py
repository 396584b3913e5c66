"""An utterance of a data dir, as those see it who work on one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pseudovox.data.audio import load

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.data.datadir import DataDir

Read = TypeVar("Read")


@dataclass(frozen=True)
class Utterance:
    """One utterance of a data dir, as a worker sees it."""

    data: DataDir
    id: str

    @property
    def speaker(self) -> str:
        return self.data.utt2spk[self.id]

    @property
    def duration(self) -> float:
        return self.data.duration(self.id)

    def audio(self) -> np.ndarray:
        """float32 (samples,), 16 kHz mono."""
        return load(self.data, self.id)

    def given(self, read: Callable[[Utterance], Read]) -> Read:
        """What `read`, a worker's own, reads of the utterance; it may have been read ahead (stage.pipeline)."""
        return read(self)


def read_audio(utterance: Utterance) -> np.ndarray:
    """What most workers read: the samples, float32 (samples,)."""
    return utterance.audio()
