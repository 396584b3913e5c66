"""Random numbers that depend on what they are for, never on when or where they are drawn.

Every draw in pseudovox comes from (seed, purpose, identity): the run's seed, a word for the purpose
("pseudo-speaker", "augment"), and the id of the speaker or utterance. Results are therefore the same for any
number of jobs, batch size, order of utterances and number of restarts.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.core.errors import DataError

if TYPE_CHECKING:
    import numpy as np

SECRET_BITS = 128  # of a seed that is drawn
GUESSED_BITS = 64  # a seed below 2 to the power of this can be found by trying


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


def is_public(seed: int) -> bool:
    """Can the seed be guessed, and with it everything that it decides, such as who got which voice?"""
    return abs(seed) < 2**GUESSED_BITS


def secret_seed(path: Path) -> int:
    """The secret seed that a file holds; where there is none it is drawn and written, for its owner alone to read.

    Raises:
        DataError: the file cannot be read or written, or holds no whole number that is too large to be guessed.
    """
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            drawn = 2 ** (SECRET_BITS - 1) + secrets.randbits(SECRET_BITS - 1)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(f"{drawn}\n")
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a seed: {error}") from None
    if not text.isascii() or not text.isdigit() or is_public(int(text)):
        raise DataError(
            f"{path}: holds no secret seed, which is one whole number of 2^{GUESSED_BITS} or more",
            f"rm {path}, and one is drawn; or write such a number into it",
        )
    return int(text)
