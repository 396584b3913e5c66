"""LibriTTS: a stand-in tree in its exact layout, its likely damages, and what the step writes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora.libritts import find_root, read_subset, subsets
from pseudovox.data.datadir import DataDir

NAMES = ("84_121123_000007_000001", "84_121123_000010_000000", "840_5_000001_000000", "174_50561_000002_000003")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "LibriTTS"
    for name in NAMES:
        reader, chapter, *_ = name.split("_")
        folder = root / "dev-clean" / reader / chapter
        put_audio(folder / f"{name}.wav", rate=24000)
        put_text(folder / f"{name}.normalized.txt", 'Mister Smith said: "It\u2019s ten o\'clock."')
        put_text(folder / f"{name}.original.txt", 'Mr. Smith said: "It\u2019s 10 o\'clock."')
        put_text(folder / f"{reader}_{chapter}.trans.tsv", "x\tx\tx")
        put_text(folder / f"{reader}_{chapter}.book.tsv", "x\tx\tx")
    put_text(
        root / "SPEAKERS.txt", ";ID  |SEX| SUBSET           |MINUTES| NAME", "84   | F | dev-clean | 8.02 | A Reader",
        "840  | M | dev-clean | 8.04 | One | of two names", "174  | M | dev-clean | 8.04 | Another",
    )  # fmt: skip
    return root


def test_step(root: Path, prepared: Callable[..., Path]) -> None:
    data = DataDir.load(prepared("local/prepare_libritts.py", root.parent) / "dev-clean")
    assert data.utterances == [
        "174-50561-000002-000003", "84-121123-000007-000001", "84-121123-000010-000000", "840-5-000001-000000",
    ]  # fmt: skip
    assert data.spk2gender == {"84": "f", "840": "m", "174": "m"}
    assert set(data.text.values()) == {"MISTER SMITH SAID IT'S TEN O'CLOCK"}
    assert data.table("utt2normalized")["84-121123-000007-000001"] == 'Mister Smith said: "It\u2019s ten o\'clock."'
    assert set(data.table("utt2dur").values()) == {"0.1"}


def folder_of(root: Path) -> Path:
    return root / "dev-clean" / "84" / "121123"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: (folder_of(root) / f"{NAMES[0]}.wav").unlink(),
            r"001\.normalized\.txt: has no audio: .*\.wav",
        ),
        (
            lambda root: (folder_of(root) / f"{NAMES[0]}.normalized.txt").unlink(),
            r"01\.normalized\.txt: No such file",
        ),
        (lambda root: put_text(folder_of(root) / f"{NAMES[0]}.normalized.txt", " ?"), "no words in it"),
        (
            lambda root: put_audio(folder_of(root) / "85_121123_1_1.wav"),
            r"85_121123_1_1\.wav: expected a name 84_1",
        ),
        (lambda root: put_text(root / "SPEAKERS.txt", "84 | F | a | 1 | b"), r"reader 174 is not in .*SPEAKERS\.txt"),
        (lambda root: (root / "SPEAKERS.txt").unlink(), r"SPEAKERS\.txt: no such file"),
    ],
)
def test_what_is_refused(root: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(root)
    with pytest.raises(DataError, match=message):
        read_subset(root, "dev-clean")


def test_what_is_missing(root: Path, tmp_path: Path) -> None:
    assert find_root(tmp_path) == root and find_root(root) == root and subsets(root) == ["dev-clean"]
    with pytest.raises(MissingModelError, match="no such subset; found dev-clean") as caught:
        read_subset(root, "dev-other")
    assert "openslr.org/60" in caught.value.hint
    with pytest.raises(MissingModelError, match="no subset there"):
        subsets(tmp_path)
    with pytest.raises(MissingModelError, match="no such folder"):
        subsets(tmp_path / "nowhere")
