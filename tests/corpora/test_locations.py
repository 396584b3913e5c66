"""Corpora: where they are looked for, the early error where one is not there, and the ones that may be absent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pseudovox import config as configuration
from pseudovox.core.errors import MissingModelError, UsageError
from pseudovox.corpora import locations
from pseudovox.corpora.downloads import catalogue

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
    return subprocess.run([str(ROOT / "run.sh"), *arguments], capture_output=True, text=True, env=environment)


def test_roots() -> None:
    config = configuration.compose("vpc2024", None, ["data.corpora=/c", "data.roots.vctk=/my/VCTK"])
    assert locations.roots(config)["librispeech"] == "/c/LibriSpeech" and locations.roots(config)["vctk"] == "/my/VCTK"
    with pytest.raises(UsageError, match=r"no corpus called 'vctkk'; there are: librispeech"):
        locations.roots(configuration.compose("vpc2024", None, ["data.roots.vctkk=/my/VCTK"]))


def test_downloads_lie_where_corpora_are_looked_for() -> None:
    entries = catalogue.read()
    for name, corpus in locations.corpora().items():
        found = catalogue.choose(entries, [name])
        assert {one.folder.split("/")[0] for one in found} == {corpus.folder}
        assert any(one.ask for one in found) == ("asked for" in corpus.source)


def test_what_is_missing_is_told_before_anything_runs(tmp_path: Path) -> None:
    folders = ("--data-dir", str(tmp_path / "data"), "--exp-dir", str(tmp_path / "exp"))
    asked = run("--recipe", "vpc2024", "--system", "mcadams", "--set", f"data.corpora={tmp_path}", *folders)
    assert asked.returncode == 4 and "Traceback" not in asked.stderr and "$ " not in asked.stdout
    assert f"{tmp_path}/LibriSpeech: no such folder (librispeech: openslr.org/12" in asked.stderr
    assert "--set data.roots.libritts=/where/it/lies" in asked.stderr
    assert "NO DATA for IEMOCAP_dev, IEMOCAP_test" in asked.stderr and "sail.usc.edu/iemocap" in asked.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_must_be_asked_for_is_left_out(tmp_path: Path) -> None:
    for folder in ("LibriSpeech", "LibriTTS", "VCTK-Corpus-0.92", "VoxCeleb1"):
        (tmp_path / folder).mkdir()
    config = configuration.compose("vpc2024", "pca_gmm", [f"data.corpora={tmp_path}"])
    absent = locations.absent(config, tmp_path / "data")
    assert absent == {"iemocap": ["IEMOCAP_dev", "IEMOCAP_test"], "voxceleb2": ["vox2_dev", "vox2_test"]}
    less = locations.without(config, [name for names in absent.values() for name in names])
    assert less.sets.emotion == [] and less.sets.xvector == ["vox1_dev"] and less.sets.trials == config.sets.trials
    assert len(less.data.prepare) == len(config.data.prepare) - 2
    locations.check(less)
    (tmp_path / "LibriTTS").rmdir()
    with pytest.raises(MissingModelError, match=r"LibriTTS: no such folder \(libritts: openslr.org/60"):
        locations.check(less)
    # A data dir that was made stays in use when its corpus has gone.
    (tmp_path / "data/IEMOCAP_dev").mkdir(parents=True)
    assert locations.absent(config, tmp_path / "data")["iemocap"] == ["IEMOCAP_test"]


def test_models_have_training_sets_of_their_own() -> None:
    shown = run("--recipe", "vpc2022", "--dry-run", "--system", "pca_gmm", "--set", "data.roots.vctk=/my/V C").stdout
    [xvector] = [line for line in shown.splitlines() if "--section xvector" in line]
    assert xvector.split("--nj")[1].split()[5:8] == [
        f"data/vpc2022/{name}" for name in ("vox1_dev", "vox2_dev", "vox2_test")
    ]
    [synthesizer] = [line for line in shown.splitlines() if "steps/train_synthesizer.py" in line]
    assert (
        " data/vpc2022/libritts_train-clean-100 " in synthesizer and " data/vpc2022/train-clean-100 " not in synthesizer
    )
    assert r" vctk /my/V\ C data/vpc2022 " in shown
    assert " libri corpora/LibriSpeech data/vpc2022 " in shown
