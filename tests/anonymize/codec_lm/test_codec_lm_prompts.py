"""Voices: files, folders of others, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pseudovox.anonymize.codec_lm import prompts
from pseudovox.anonymize.codec_lm.generation import Prompt
from pseudovox.anonymize.targets import Target
from pseudovox.config import F0
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.core.npz import write_npz


class Codec:
    """Decodes to a tone of 200 Hz."""

    rate, codes, codebooks = 50.0, 16, 4

    def decode(self, codes: np.ndarray, samples: int) -> np.ndarray:
        return (0.3 * np.sign(np.sin(2 * np.pi * 200 * np.arange(samples) / 16000))).astype(np.float32)


def voice(frames: int = 50) -> Prompt:
    draw = np.random.default_rng(0)
    return Prompt(draw.integers(9, size=frames), draw.integers(16, size=(frames, 4)))


def test_voices_are_read_as_they_were_written(tmp_path: Path) -> None:
    prompts.write(tmp_path, {Target("b", "f", (5.3, 0.1)): voice(), Target("a", "", (4.7, 0.2)): voice(20)})
    store = prompts.Store(tmp_path)
    assert store.targets == [Target("a", "", (4.7, 0.2)), Target("b", "f", (5.3, 0.1))]
    np.testing.assert_array_equal(store.prompt("b").codes, voice().codes)
    np.testing.assert_array_equal(store.prompt("a").units, voice(20).units)


def test_voices_of_a_folder(tmp_path: Path) -> None:
    prompts.write(tmp_path, {Target("b", "f", (5.3, 0.1)): voice()})
    codec: Any = Codec()
    ((target, prompt),) = prompts.from_folder(tmp_path, codec, 9, F0(method="dio")).items()
    assert (target.id, target.gender) == ("b", "")
    assert np.exp(target.log_f0[0]) == pytest.approx(200, rel=0.03)
    assert len(prompt.codes) == 50
    with pytest.raises(DataError, match=r"b.npz: not a voice of these models, which have 5 units"):
        prompts.from_folder(tmp_path, codec, 5, F0())
    with pytest.raises(DataError, match="there are no voices"):
        prompts.from_folder(tmp_path / "none", codec, 9, F0())


def test_refused_files(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="there are no prompts"):
        prompts.Store(tmp_path)
    (tmp_path / "voices.json").write_text('[{"id": "a"}]')
    with pytest.raises(DataError, match="not a list of voices"):
        prompts.Store(tmp_path)
    with pytest.raises(DataError, match="no such voice"):
        prompts.read_voice(tmp_path / "x.npz")
    codes = voice().codes.T
    for arrays, reason in (
        ({"semantic_prompt": np.arange(5)}, "lacks coarse_prompt"),
        ({"semantic_prompt": np.arange(5), "coarse_prompt": codes[1:3], "fine_prompt": codes}, "not the beginning"),
    ):
        write_npz(tmp_path / "x.npz", arrays)
        with pytest.raises(DataError, match=reason):
            prompts.read_voice(tmp_path / "x.npz")


def test_pitch_of_what_has_none() -> None:
    assert np.exp(prompts.log_f0(np.zeros(4))[0]) == pytest.approx(150)
