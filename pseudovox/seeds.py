"""Random numbers that depend on what they are for, never on when or where they are drawn.

Every draw in pseudovox comes from (seed, purpose, identity): the run's seed, a word for the purpose
("pseudo-speaker", "augment"), and the id of the speaker or utterance. Results are therefore the same for any
number of jobs, batch size, order of utterances and number of restarts.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def seed_for(seed: int, purpose: str, identity: str = "") -> int:
    """A 63-bit integer that is fixed by the three arguments, on every machine and Python version.

    The parts are length-prefixed before hashing (SHA-256), so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in (str(int(seed)), purpose, identity):
        data = part.encode("utf-8")
        digest.update(len(data).to_bytes(8, "little") + data)
    return int.from_bytes(digest.digest()[:8], "little") >> 1


def generator(seed: int, purpose: str, identity: str = "") -> np.random.Generator:
    """A NumPy generator (PCG64) of its own for one purpose and one speaker or utterance."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(seed_for(seed, purpose, identity)))
