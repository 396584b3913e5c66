"""What Whisper's encoder makes of speech, for a small content extractor to learn."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.data.utterance import read_audio
from pseudovox.models import whisper
from pseudovox.stage.device import Fetched, to_device

if TYPE_CHECKING:
    from pseudovox.stage.parallel import Utterance

ARRAY = "teacher"  # name of the archive
FRAME_SECONDS = 0.02


class TeacherWorker:
    """Runs the encoder over utterances; gives `teacher`, float32 (frames of 20 ms, width).

    Args:
        model: a CTranslate2 Whisper model dir.

    An utterance beyond Whisper's 30 s is cut there and goes on in the next window.
    """

    def __init__(self, model: Path, *, device: str = "cpu") -> None:
        self.encoder, self.device = whisper.load(model, device), device
        self.longest = int(whisper.LONGEST_SECONDS * 16000)

    read = staticmethod(read_audio)

    @torch.inference_mode()
    def process(self, batch: Sequence[Utterance]) -> Iterator[tuple[Utterance, Callable[[], dict[str, np.ndarray]]]]:
        """(utterance, what gives its array); a GPU is not waited for before that is called."""
        for utterance in batch:
            samples = to_device(utterance.given(self.read), self.device)
            windows = [self.encoder(window.unsqueeze(0))[0] for window in samples.split(self.longest)]
            yield utterance, functools.partial(_named, Fetched([torch.cat(windows)]))


def _named(fetched: Fetched) -> dict[str, np.ndarray]:
    return {ARRAY: fetched.arrays()[0].copy()}
