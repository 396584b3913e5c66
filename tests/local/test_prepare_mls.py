"""Multilingual LibriSpeech: a stand-in tree in its exact layout, its likely damages, and what the step writes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora.mls import parts, read_part
from pseudovox.data.datadir import DataDir

TEXTS = {"84_10_000000": "grüße aus dem wald", "84_10_000001": "noch einmal", "840_11_000000": "der dritte satz"}
META = (
    " SPEAKER   |   GENDER   | PARTITION  |  MINUTES   |  BOOK ID   |             TITLE        |            CHAPTER",
    "  84       |     M      |    dev     |   15.500   |     10     | Ein Buch | mit Strich          | Kapitel 1",
    "  84       |     M      |    dev     |    3.500   |     12     | Noch eins                       | Kapitel 2",
    "  840      |     F      |    dev     |   12.100   |     11     | Ein drittes                     | Kapitel 3",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "mls_german_opus"
    for name in TEXTS:
        speaker, book, _ = name.split("_")
        put_audio(root / "dev" / "audio" / speaker / book / f"{name}.opus", rate=48000)
    put_text(root / "dev" / "transcripts.txt", *(f"{name}\t{text}" for name, text in TEXTS.items()))
    put_text(root / "dev" / "segments.txt", "84_10_000000\thttp://x\t1.0\t2.0")
    put_text(root / "metainfo.txt", *META)
    return root


def test_step(root: Path, prepared: Callable[..., Path]) -> None:
    data = DataDir.load(prepared("local/prepare_mls.py", root) / "dev")
    assert data.utterances == ["84-10-000000", "84-10-000001", "840-11-000000"]
    assert data.spk2gender == {"84": "m", "840": "f"} and data.text["84-10-000000"] == "grüße aus dem wald"
    assert set(data.table("utt2lang").values()) == {"german"}
    assert data.duration("84-10-000000") == pytest.approx(0.1, abs=0.01)


def audio(root: Path) -> Path:
    return root / "dev" / "audio" / "84" / "10"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (audio(root) / "84_10_000000.opus").unlink(), r"transcripts\.txt: 84_10_000000 has no audio"),
        (lambda root: put_audio(audio(root) / "84_10_000002.flac"), r"000002\.flac: no transcript: .*has no line"),
        (lambda root: put_audio(audio(root) / "84_11_000002.flac"), r"expected a name 84_10_<segment>"),
        (
            lambda root: put_text(root / "dev" / "transcripts.txt", "84_10_000000 no tab"),
            r"transcripts\.txt:1: expect",
        ),
        (lambda root: put_text(root / "dev/transcripts.txt", "1_1_1\ta", "1_1_1\tb"), r"txt:2: 1_1_1 stands twice"),
        (lambda root: (root / "dev" / "transcripts.txt").unlink(), r"transcripts\.txt: No such file"),
        (lambda root: put_text(root / "metainfo.txt", *META[:3]), r"840: speaker 840 is not in .*metainfo\.txt"),
        (lambda root: put_text(root / "metainfo.txt", "84 | X | dev"), r"metainfo\.txt:1: gender 'X', expected F or M"),
        (lambda root: put_text(root / "metainfo.txt", *META, " 84 | F | dev |"), r"txt:5: speaker 84 stands twice"),
        (lambda root: put_text(root / "metainfo.txt", "84 M dev"), r"metainfo\.txt:1: expected `speaker \| gender"),
        (lambda root: (root / "metainfo.txt").unlink(), r"metainfo\.txt: No such file"),
    ],
)
def test_what_is_refused(root: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(root)
    with pytest.raises(DataError, match=message):
        read_part(root, "dev")


def test_what_is_missing(root: Path, tmp_path: Path) -> None:
    assert parts(root) == ["dev"]
    with pytest.raises(MissingModelError, match="test/audio: no such folder"):
        read_part(root, "test")
    with pytest.raises(MissingModelError, match="no part of MLS there"):
        parts(tmp_path)
    shutil.rmtree(root / "dev" / "audio")
    with pytest.raises(MissingModelError, match="dev/audio: no such folder"):
        read_part(root, "dev")
