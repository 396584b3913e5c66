"""The words of a recording, by Whisper (Radford et al. 2022) through faster-whisper: text that is then spoken anew.

As a judge of anonymized speech Whisper is used elsewhere (evaluation.judges.whisper), greedily; here with a beam.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.core.errors import DataError, MissingModelError

_NOT_SPOKEN = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫]")  # "[Music]", "(laughs)", "*sighs*"
BEAM = 5


class Transcriber:
    """Whisper for one language.

    Args:
        folder: of the model, in CTranslate2's format (`models.whisper.find`).
        language: code of what is spoken, "en".
        device: torch device; int8 on a CPU, float16 on CUDA.

    Raises:
        MissingModelError: faster-whisper is not installed.
        DataError: the model is damaged, or does not know the language.
    """

    def __init__(self, folder: Path, language: str, device: str = "cpu") -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError:
            raise MissingModelError("Whisper needs the package faster-whisper (utils/install.sh judges)") from None
        kind, _, number = device.partition(":")
        precision = "float16" if kind == "cuda" else "int8"
        try:
            self.model: Any = WhisperModel(
                str(folder), device=kind, device_index=int(number or 0), compute_type=precision, cpu_threads=1,
                local_files_only=True,
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            raise DataError(f"{folder}: cannot be loaded: {' '.join(str(error).split())[:200]}") from None
        self.language = language.split("-")[0]
        if self.language not in self.model.supported_languages:
            raise DataError(
                f"{folder}: this Whisper does not know the language {language!r} (system.options.recogniser.language)"
            )

    def __call__(self, samples: np.ndarray) -> str:
        """The words of (samples,) at 16 kHz; "" of digital silence and where none is heard. Deterministic.

        What is not speech, or written so ("[Music]"), is left out.
        """
        if not samples.any():
            return ""
        found, _ = self.model.transcribe(
            samples.astype(np.float32), language=self.language, beam_size=BEAM, temperature=0.0,
            condition_on_previous_text=False, without_timestamps=True,
        )  # fmt: skip
        text = " ".join(segment.text for segment in found if segment.no_speech_prob < 0.8)
        return " ".join(_NOT_SPOKEN.sub(" ", text).split())
