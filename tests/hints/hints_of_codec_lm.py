"""Hints of the codec language model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from obeying import obeyed, program, settings_in

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.anonymize.codec_lm import generation, prompts, worker
from pseudovox.anonymize.codec_lm.options import Options
from pseudovox.config import F0
from pseudovox.data.datadir import DataDir

CODEC_LM = "pseudovox/anonymize/codec_lm/"


def settings(*values: str) -> list[str]:
    return [word for value in values for word in ("--set", value)]


def options(*values: str) -> Options:
    return stage.own_options(configuration.load(None, list(values)), Options)


def voice(folder: str) -> None:
    fine = np.zeros((8, 50), np.int64)
    Path(folder).mkdir()
    np.savez(f"{folder}/a.npz", semantic_prompt=np.arange(9), coarse_prompt=fine[:2], fine_prompt=fine)


@obeyed(CODEC_LM + "prompts.py", "there are no voices")
def folder_without_voices(tmp_path: Path) -> Any:
    codec: Any = SimpleNamespace(
        rate=50.0, codes=16, codebooks=8, decode=lambda codes, samples: np.zeros(samples, np.float32)
    )
    hint = yield lambda: prompts.from_folder(tmp_path, codec, 9, F0(method="dio"))
    assert options(settings_in(hint)[1]).prompts.source == "none"
    folder = tmp_path / options(settings_in(hint)[0]).prompts.folder
    voice(str(folder))
    yield lambda: prompts.from_folder(folder, codec, 9, F0(method="dio"))


@obeyed(CODEC_LM + "worker.py", "nothing usable in {} draws")
def draws_that_are_all_refused() -> Any:
    left = [4]

    def decode(codes: np.ndarray, samples: int) -> np.ndarray:
        left[0] -= 1
        return (0.1 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32) * (left[0] < 0)

    def speak(*values: str) -> None:
        models = worker.Models.__new__(worker.Models)
        models.options, models.codec = options(*values), SimpleNamespace(decode=decode, rate=50.0)  # type: ignore[assignment]
        models.coarse, models.fine = None, None  # type: ignore[assignment]
        rows = [generation.Source("set/one", np.arange(9), 9, None, 0)]
        original = (0.1 * np.random.default_rng(1).standard_normal(16000)).astype(np.float32)
        before, generation.generate = generation.generate, lambda *_: [np.zeros((50, 2), np.int64)]
        try:
            models.speak(rows, [original])
        finally:
            generation.generate = before

    hint = yield lambda: speak()
    (key,) = settings_in(hint)
    yield lambda: speak(key)


@obeyed("steps/convert_codec_lm.py", "--prompts and --pseudo go together")
def prompts_without_what_was_drawn(tiny_data: DataDir) -> Any:
    given = ("--units", "u", "--codec", "c", "--lm", "l", "--suffix", "x", "data/tiny", "out")
    features = settings("system.options.features.kind=whisper", "system.options.features.weights=whisper")
    Path("whisper").mkdir()
    Path("whisper/model.bin").write_bytes(b"")
    prompted = settings("system.options.prompts.source=pool")
    yield lambda: program("steps/convert_codec_lm.py", *features, *prompted, "--prompts", "p", *given)
    yield lambda: program("steps/convert_codec_lm.py", *features, *prompted, "--prompts", "p", "--pseudo", "q", *given)


@obeyed("steps/fit_codec_prompts.py", "whose voices the speech is to have was not said")
def voices_that_were_not_said(tmp_path: Path) -> Any:
    given = ("--units", tmp_path / "u", "--codec", tmp_path / "c", tmp_path / "out")
    pool = settings("system.options.prompts.source=pool")
    hint = yield lambda: program("steps/fit_codec_prompts.py", *pool, *given)
    yield lambda: program("steps/fit_codec_prompts.py", *settings(*settings_in(hint)), *given)


@obeyed("steps/fit_codec_prompts.py", "no such folder of voices")
def folder_that_is_not_there(tmp_path: Path) -> Any:
    given = ("--units", tmp_path / "u", "--codec", tmp_path / "c", tmp_path / "out")
    source = settings("system.options.prompts.source=folder")
    hint = yield lambda: program("steps/fit_codec_prompts.py", *source, *given)
    yield lambda: program("steps/fit_codec_prompts.py", *settings(settings_in(hint)[1]), *given)


@obeyed("steps/import_codec_lm.py", "the published units are told from")
def features_of_other_units(tmp_path: Path) -> Any:
    hint = yield lambda: program(
        "steps/import_codec_lm.py", *settings("system.options.features.layer=6"), tmp_path / "out"
    )
    yield lambda: program("steps/import_codec_lm.py", *settings(*settings_in(hint)), tmp_path / "out")
