"""steps/choose_targets.py as users run it: tables, mean voices, and what it says of a folder without targets."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pseudovox.anonymize.knnvc.clusters import by_phone
from pseudovox.anonymize.knnvc.phone_targets import mean_voice, read, save, write_card
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir, read_table

Program = Callable[..., subprocess.CompletedProcess[str]]
STEP = "steps/choose_targets.py"


def put_targets(folder: Path) -> Path:
    """Six targets of random frames in two phones."""
    folder.mkdir()
    draw = torch.Generator().manual_seed(1)
    speakers = []
    for name in ("f1", "f7", "f8", "m1", "m7", "m8"):
        keys = torch.randn(8, 3, generator=draw)
        save(
            folder / f"{name}.safetensors",
            by_phone(keys, None, np.arange(8) % 2, phones=2, clusters=0, seed=1, name=name),
        )
        speakers.append({"id": name, "gender": name[0], "log_f0": [5.0, 0.2]})
    write_card(folder, speakers, ["sil", "a"], 0)
    return folder


def test_targets_are_chosen_and_told(program: Program, tiny_data: DataDir) -> None:
    folder = put_targets(Path("targets"))
    options = ("--targets", folder, "--set", "system.options.anonymizations=2", "--set", "pseudo.target_gender=opposite")
    done = program(STEP, *options, "--set", "levels.default=utt", "data/tiny", "out")
    assert done.returncode == 0, done.stderr
    last, chains = read_table(Path("out/tiny/utt2target")), read_table(Path("out/tiny/utt2chain"))
    vectors = read_scp(Path("out/tiny/pseudo_xvector.scp"))
    assert set(last) == set(chains) == set(vectors) == set(tiny_data.utterances)
    for utterance, name in last.items():
        assert name[0] != utterance[0] and chains[utterance].split()[-1] == name and len(chains[utterance].split()) == 2
        np.testing.assert_allclose(vectors[utterance], mean_voice(read(folder / f"{name}.safetensors")), rtol=1e-6)
    assert not Path("out/tiny/spk2target").exists()
    assert read_table(Path("out/tiny/spk2gender")) == {"f1": "m", "m1": "f", "m2": "f"}
    assert "skipped" in program(STEP, *options, "--set", "levels.default=utt", "data/tiny", "out").stderr


def test_a_folder_without_targets(program: Program, tiny_data: DataDir) -> None:
    done = program(STEP, "--targets", "nowhere", "data/tiny", "out")
    assert done.returncode == 4 and "nowhere: no model here" in done.stderr and not Path("out").exists()
