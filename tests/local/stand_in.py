"""Small sounds and texts to fill a corpus's layout with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def put_audio(*paths: Path, seconds: float = 0.1, rate: int = 16000) -> None:
    """A short tone in each file, in the format of its name; folders are made."""
    tone = (0.1 * np.sin(np.arange(round(seconds * rate)) / 10)).astype(np.float32)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone, rate, **({"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}))


def put_text(path: Path, *lines: str) -> None:
    """A text file of these lines; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
