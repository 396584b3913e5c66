"""An utterance of a data dir, as those see it who work on one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pseudovox.data.audio import load

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.data.datadir import DataDir


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
