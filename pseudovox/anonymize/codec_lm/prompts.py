"""Pseudo-speakers of the codec language model: units and codes that come before an utterance, by the name of a voice.

A voice is <id>.npz with the arrays of Bark's voices: semantic_prompt (m,), coarse_prompt (2, n) and fine_prompt
(codebooks, n). voices.json beside them tells gender and log F0 of each, for the draw.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.anonymize.codec_lm.generation import Prompt, spoken
from pseudovox.anonymize.targets import Target
from pseudovox.components import f0
from pseudovox.core import seeds
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.core.npz import check_shapes, read_npz, write_npz
from pseudovox.data import audio
from pseudovox.data.datadir import write_json
from pseudovox.models.codec_lm.coarse import BOOKS

if TYPE_CHECKING:
    from pseudovox.anonymize.codec_lm.codecs import Codec
    from pseudovox.anonymize.codec_lm.semantic import Semantic
    from pseudovox.config import F0
    from pseudovox.data.datadir import DataDir

VOICES = "voices.json"
SAMPLE_RATE = 16000
_SHAPES: dict[str, tuple[int | str, ...]] = {
    "semantic_prompt": ("units",), "coarse_prompt": (BOOKS, "frames"), "fine_prompt": ("codebooks", "frames"),
}  # fmt: skip


class Store:
    """The voices of a folder.

    Args:
        folder: as `write` left it.

    Attributes:
        targets: the voices, in the order of their ids.

    Raises:
        MissingModelError: there is no voices.json. DataError: it is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / VOICES
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            self.targets = [
                Target(str(one["id"]), str(one["gender"]), (float(one["log_f0"][0]), float(one["log_f0"][1])))
                for one in found
            ]
        except FileNotFoundError:
            raise MissingModelError(
                f"{path}: no such file: there are no prompts (steps/fit_codec_prompts.py)"
            ) from None
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(f"{path}: not a list of voices: {error}") from None

    def prompt(self, name: str) -> Prompt:
        """The prompt of a voice; DataError as `read_voice`."""
        return read_voice(self.folder / f"{name}.npz")


def read_voice(path: Path) -> Prompt:
    """A voice from its file.

    Raises:
        DataError: it is missing, no npz, or holds other arrays.
    """
    try:
        arrays = read_npz(path)
        check_shapes(arrays, _SHAPES)
    except FileNotFoundError:
        raise DataError(f"{path}: no such voice") from None
    except ValueError as error:
        raise DataError(f"{path}: not a voice: {error}") from None
    if not np.array_equal(arrays["coarse_prompt"], arrays["fine_prompt"][:BOOKS]):
        # (Bark's voices are so: the coarse prompt is what the fine one begins with)
        raise DataError(f"{path}: not a voice: coarse_prompt is not the beginning of fine_prompt")
    return Prompt(arrays["semantic_prompt"].astype(np.int64), arrays["fine_prompt"].T.astype(np.int64))


def write(folder: Path, voices: dict[Target, Prompt]) -> None:
    """Write voices, and voices.json last."""
    for target, prompt in voices.items():
        fine = prompt.codes.T.astype(np.int64)
        write_npz(
            folder / f"{target.id}.npz",
            {"semantic_prompt": prompt.units.astype(np.int64), "coarse_prompt": fine[:BOOKS], "fine_prompt": fine},
        )
    order = sorted(voices, key=lambda target: target.id)
    write_json(folder / VOICES, [{"id": one.id, "gender": one.gender, "log_f0": list(one.log_f0)} for one in order])


def from_folder(folder: Path, codec: Codec, units: int, options: F0) -> dict[Target, Prompt]:
    """Voices that others made, <folder>/<voice>.npz; their pitch is that of their decoded codes.

    Raises:
        DataError: there are none, or one has units or codes that the models have not.
    """
    found: dict[Target, Prompt] = {}
    for path in sorted(folder.glob("*.npz")):
        prompt = read_voice(path)
        if prompt.codes.shape[1] != codec.codebooks or not _within(prompt, codec.codes, units):
            raise DataError(
                f"{path}: not a voice of these models, which have {units} units and {codec.codebooks} codebooks of "
                f"{codec.codes} codes"
            )
        speech = codec.decode(prompt.codes, round(len(prompt.codes) / codec.rate * SAMPLE_RATE))
        found[Target(path.stem, "", log_f0(f0.extract(speech, options)))] = prompt
    if not found:
        raise DataError(
            f"{folder}: there are no voices (<voice>.npz, with {', '.join(_SHAPES)})",
            "--set system.options.prompts.folder=FOLDER with some, or --set system.options.prompts.source=none",
        )
    return found


def _within(prompt: Prompt, codes: int, units: int) -> bool:
    """Are all numbers those of units and codes?"""
    return all(
        len(own) and own.min() >= 0 and own.max() < limit
        for own, limit in ((prompt.codes, codes), (prompt.units, units))
    )


def log_f0(contour: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of the log F0 of a contour (frames,); of 150 Hz and a fifth of it where nothing is voiced."""
    voiced = contour[contour > 0]
    if not len(voiced):
        return float(np.log(150.0)), 0.2
    return float(np.log(voiced).mean()), float(np.log(voiced).std())


def of_speakers(
    data: Sequence[DataDir], semantic: Semantic, codec: Codec, options: F0, seconds: float, seed: int, *, aligned: bool
) -> dict[Target, Prompt]:
    """A voice of each speaker of data dirs: the end of a long enough utterance, which the seed draws.

    Args:
        data: data dirs.
        semantic, codec: what makes units and codes.
        options: of the F0.
        seconds: of a prompt; where a speaker has no utterance of so much speech, its longest is taken.
        seed: of the draw.
        aligned: units are one a frame of the codec, else at their own rate.
    """
    found: dict[Target, Prompt] = {}
    speakers: dict[str, list[tuple[DataDir, str]]] = {}
    for part in data:
        for utterance in part.utterances:
            speakers.setdefault(part.utt2spk[utterance], []).append((part, utterance))
    for speaker, own in sorted(speakers.items()):
        long_enough = [key for key in own if key[0].duration(key[1]) >= seconds + 0.5]
        if long_enough:
            part, utterance = long_enough[
                int(seeds.generator(seed, "codec-prompt", speaker).integers(len(long_enough)))
            ]
        else:
            part, utterance = max(own, key=lambda key: (key[0].duration(key[1]), key[1]))
        first, last = spoken(samples := audio.load(part, utterance))
        samples = samples[max(first, last - round(seconds * SAMPLE_RATE)) : last]
        codes = codec.encode(samples)
        (units,) = semantic([samples])
        if aligned:
            units = semantic.aligned(units, len(codes), codec.rate)
        gender = part.tables.get("spk2gender", {}).get(speaker, "")
        found[Target(speaker, gender, log_f0(f0.extract(samples, options)))] = Prompt(units, codes)
    return found
