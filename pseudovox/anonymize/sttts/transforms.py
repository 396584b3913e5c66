"""Prosody made less like the speaker's: F0, energy and duration of every phone times a factor of its own.

Baseline B3 draws the factors of F0 and of energy evenly from whole percents, the upper end left out: 0.60 to 1.39 for
the range [0.6, 1.4]. Durations it leaves as they are; here they can be scaled likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pseudovox.anonymize.sttts import symbols
from pseudovox.anonymize.sttts.prosody import Prosody
from pseudovox.core.seeds import generator

if TYPE_CHECKING:
    from pseudovox.anonymize.sttts.options import Transforms


def factors(given: list[float], count: int, draw: np.random.Generator) -> np.ndarray:
    """What `count` phones are multiplied by, float64: whole percents of [lowest, highest), 1 without a range."""
    if not given:
        return np.ones(count)
    lowest, highest = (round(100 * end) for end in given)
    return draw.integers(lowest, max(highest, lowest + 1), count) / 100


def transform(prosody: Prosody, options: Transforms, seed: int, identity: str) -> Prosody:
    """The prosody of an utterance, times what is drawn for it.

    Args:
        prosody: of the recording.
        options: section system.options.transforms.
        seed: of the draws.
        identity: of the utterance; the draws depend on it and on the seed, each kind's on no other.

    Returns:
        as many phones; each lasts one frame or more, and silence as long as it did.
    """
    pitch, energy, duration = (
        factors(getattr(options, name), len(prosody.phones), generator(seed, f"sttts-{name}", identity))
        for name in ("pitch", "energy", "duration")
    )
    spoken = prosody.phones != symbols.SILENCE
    durations = np.where(spoken, np.maximum(np.rint(prosody.durations * duration), 1), prosody.durations)
    return Prosody(
        prosody.phones, durations.astype(np.int64), (prosody.pitch * pitch).astype(np.float32),
        (prosody.energy * energy).astype(np.float32),
    )  # fmt: skip
