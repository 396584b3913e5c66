"""A judgement that holds words: float32 (1 + n,), a score and the n bytes of the text in UTF-8."""

from __future__ import annotations

import numpy as np


def judgement(score: float, text: str) -> np.ndarray:
    """Score and text as one array."""
    return np.array([score, *text.encode("utf-8")], np.float32)


def words(judgement: np.ndarray) -> str:
    """The text of a judgement."""
    return bytes(judgement[1:].astype(np.uint8)).decode("utf-8")
