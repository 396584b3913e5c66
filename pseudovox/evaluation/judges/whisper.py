"""Whisper (Radford et al. 2022) by the package faster-whisper: which words does a recogniser of today hear?

Trained on 680,000 hours of recordings from the web; even its small models get most words of clean read English right,
so that the WER says what people would understand. Several models may listen (`judges.whisper`), each a judge of its
own, "whisper-<model>". The model base (int8) gets 10 % of the words of LibriSpeech test-other wrong: 42 of 412, in 20
utterances of 4 speakers.

Decoding is greedy (one beam, temperature 0, nothing drawn), without time stamps, each 30 s for themselves, not led by
the words before; int8 on a CPU, float16 on CUDA. Texts are compared as Whisper's authors do, by their normaliser: for
English numbers, spellings and contractions are made alike and fillers dropped, for other languages case, punctuation
and signs. Where Whisper loses the thread it repeats itself or makes words up, which counts as insertions.

A model is named (weights are fetched by the package from the Hugging Face Hub, once, into its cache) or is a folder in
CTranslate2's format. MIT, code and weights.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger("pseudovox")

# Without a tokenizer of its own the package would fetch one while it runs.
FILES = ("model.bin", "config.json", "tokenizer.json")


def label(model: str) -> str:
    """What a model is called in folders, figures and columns: its name, or that of its folder without "whisper-"."""
    name = Path(model).name if "/" in model else model
    return name.removeprefix("faster-").removeprefix("whisper-")


def folder(model: str) -> Path | None:
    """The folder of a model: itself, or where the package keeps the model of that name; None: not there yet.

    Raises:
        UsageError: neither a folder nor a name that the package knows.
        DataError: a folder without one of FILES.
    """
    place = Path(model).expanduser()
    if not place.is_dir():
        found = _in_cache(model)
        if found is None:
            return None
        place = found
    absent = [name for name in FILES if not (place / name).is_file()]
    if absent:
        raise DataError(
            f"judges.whisper: {place}: no {', '.join(absent)}: not a model of Whisper in CTranslate2's format",
            "ct2-transformers-converter --model FOLDER --output_dir NEW --copy_files tokenizer.json "
            "preprocessor_config.json (of the package ctranslate2) makes one of one in Hugging Face's format",
        )
    return place


def _in_cache(model: str) -> Path | None:
    from faster_whisper import available_models, download_model

    if model not in available_models():
        raise UsageError(
            f"judges.whisper: {model!r}: neither a folder nor a model of the package faster-whisper",
            f"give a folder, or one of {', '.join(available_models())}",
        )
    try:
        return Path(download_model(model, local_files_only=True))
    except OSError:
        return None


def fetch(model: str) -> None:
    """Let the package fetch the weights of a model that is not there; says so, and why if it cannot."""
    from faster_whisper import download_model
    from huggingface_hub import constants

    if folder(model) is not None or constants.HF_HUB_OFFLINE:
        return
    log.warning("whisper %s: fetching the weights from the Hugging Face Hub, once", model)
    try:
        download_model(model)
    except Exception as error:  # of whatever library speaks to the network
        log.warning("whisper %s: could not be fetched: %s", model, " ".join(str(error).split())[:200])


def fetch_command(model: str) -> str:
    """What puts the weights of a model where they are looked for."""
    command = f"""utils/python.sh -c 'import faster_whisper; faster_whisper.download_model("{model}")'"""
    return f"{command} (with internet), or --set judges.whisper=FOLDER"


def facts(model: str) -> dict[str, Any]:
    """Which model it is: {"name", "bytes", "sha256"}, the latter of model.bin; the name alone where it is not there."""
    place = folder(model)
    if place is None:
        return {"name": label(model)}
    weights = place / "model.bin"
    of = weights.stat()
    return {"name": label(model), "bytes": of.st_size, "sha256": _digest(str(weights), of.st_size, of.st_mtime_ns)}


@functools.lru_cache
def _digest(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def normaliser(language: str) -> tuple[str, Callable[[str], str]]:
    """Name and function of the text normaliser of Whisper for a language (its code, "en")."""
    if language == "en":
        from whisper_normalizer.english import EnglishTextNormalizer

        return "whisper english", EnglishTextNormalizer()
    from whisper_normalizer.basic import BasicTextNormalizer

    return "whisper basic", BasicTextNormalizer()


class Judge:
    """Recognises an utterance: float32 (1 + n,), the mean log probability of its tokens and the words.

    Args:
        model: name or folder.
        language: code of the language that is spoken.
        device: "cpu", or "cuda", "cuda:1" ...

    Raises:
        DataError: the model does not know the language, or its weights are gone or damaged.
    """

    def __init__(self, model: str, language: str, device: str = "cpu") -> None:
        place = folder(model)
        if place is None:
            raise DataError(f"whisper {model}: its weights are not there", fetch_command(model))
        self.language = language
        try:
            self.model = self._load(place, device)
        except (RuntimeError, ValueError) as error:
            raise DataError(f"{place}: cannot be loaded: {' '.join(str(error).split())[:200]}") from None
        if language not in self.model.supported_languages:
            raise DataError(
                f"judges.language: {language!r}: whisper {label(model)} does not know it",
                "--set judges.whisper=base --set judges.language=en (or another code, such as de or fr)",
            )

    def _load(self, place: Path, device: str) -> Any:
        import numpy as np
        from faster_whisper import WhisperModel

        kind, _, number = device.partition(":")
        if kind == "cuda":
            try:
                model = WhisperModel(
                    str(place), device="cuda", device_index=int(number or 0), compute_type="float16",
                    local_files_only=True,
                )  # fmt: skip
                # CUDA's libraries are loaded on first use.
                model.encode(np.zeros((model.model.n_mels, 3000), np.float32))
                return model
            except (RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split())[:200]
                log.warning("whisper: works on the CPU, as CTranslate2 cannot use CUDA here: %s", reason)
        return WhisperModel(str(place), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        from pseudovox.evaluation.judges.transcript import judgement

        if not samples.any():
            return judgement(0.0, "")  # it hears words in digital silence
        found, _ = self.model.transcribe(
            samples.astype("float32"), language=self.language, beam_size=1, best_of=1, temperature=0.0,
            condition_on_previous_text=False, without_timestamps=True,
        )  # fmt: skip
        segments = list(found)
        tokens = sum(len(segment.tokens) for segment in segments)
        score = sum(segment.avg_logprob * len(segment.tokens) for segment in segments) / max(1, tokens)
        return judgement(score, " ".join(" ".join(segment.text for segment in segments).split()))
