"""Weights of torchaudio's bundles: their files' names, where they are looked for, and what is said when they lack."""

import os
from pathlib import Path

import pytest
import torch

from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.models import pretrained


def test_files_are_those_of_torchaudio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name, file in pretrained.FILES.items():
        assert Path(file).name == pretrained.bundle_of(name)._path
        assert pretrained.cache_file(name) == Path(torch.hub.get_dir()) / file
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert str(pretrained.cache_file("WAV2VEC2_BASE")).startswith(torch.hub.get_dir())


def test_what_is_missing_is_said_and_never_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        MissingModelError, match=r"nothing is downloaded.*\n.*download.py WAV2VEC2_BASE .*--set recognizer.weights="
    ):
        pretrained.read_weights("WAV2VEC2_BASE", "", "recognizer.weights")
    with pytest.raises(MissingModelError, match=r"nowhere.pth: the weights"):
        pretrained.weights_file("WAV2VEC2_BASE", str(tmp_path / "nowhere.pth"))
    with pytest.raises(UsageError, match=r"no bundle 'WAVE2VEC'.*WAV2VEC2_BASE"):
        pretrained.weights_file("WAVE2VEC")
    assert not list(tmp_path.iterdir())


class Code:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return os.mkdir, ("pwned",)


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(Code(), "code.pth")
    Path("text.pth").write_text("no weights")
    torch.save([1, 2], "list.pth")
    for name, reason in (
        ("code", "cannot be read"),
        ("text", "cannot be read"),
        ("list", "something else than weights"),
    ):
        with pytest.raises(DataError, match=rf"{name}.pth: .*{reason}"):
            pretrained.read_weights("WAV2VEC2_BASE", f"{name}.pth")
    assert not Path("pwned").exists()
