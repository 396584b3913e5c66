"""Data files of SpAnE from data dirs: which keys, what has no place in them (there and back: test_prepare_spane)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox.core.errors import DataError
from pseudovox.corpora import spane
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]


def test_keys(tiny_data: DataDir) -> None:
    tiny_data.tables |= {
        "utt2target": dict.fromkeys(tiny_data.utterances, "19"),
        "utt2emo": dict.fromkeys(tiny_data.utterances, "sad"),
        "spk2age": dict.fromkeys(tiny_data.speakers, "41"),
        "utt2num_frames": dict.fromkeys(tiny_data.utterances, "50"),
    }
    found = [json.loads(one) for one in spane.lines(tiny_data, Path.cwd())]
    assert found[0] == {
        "path": "{root}/wav/f1-0.wav", "duration": 0.5, "label": "f1", "text": "some words", "gender": "F", "age": "41",
        "utt_emotion": "sad", "target": "19",
    }  # fmt: skip
    assert json.loads(spane.lines(tiny_data, Path("elsewhere"))[0])["path"] == "wav/f1-0.wav"
    assert json.loads(spane.lines(tiny_data, None)[0])["path"] == "wav/f1-0.wav"


def test_parts_and_commands_have_no_place(tiny_data: DataDir, program: Program) -> None:
    tiny_data.tables["wav.scp"]["f1-0"] = "cat wav/f1-0.wav |"
    with pytest.raises(DataError, match=r"data/tiny/wav.scp:1: a command.*\n.*materialize"):
        spane.lines(tiny_data, None)
    tiny_data.tables["segments"] = {one: f"{one} 0 0.5" for one in tiny_data.utterances}
    with pytest.raises(DataError, match=r"parts of recordings.*\n.*materialize_data_dir.py data/tiny NEW"):
        spane.lines(tiny_data, None)
    done = program("local/export_spane.py", "nowhere", "files")
    assert done.returncode == 3 and not Path("files").exists()
