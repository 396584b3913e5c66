"""LibriSpeech: a stand-in tree in its exact layout, what the reader refuses, and the real thing where it lies."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from standins import put_audio

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import data_dir
from pseudovox.corpora.librispeech import read_genders, read_subset, subsets
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = "local/prepare_librispeech.py"
CORPORA = Path(os.environ.get("PSEUDOVOX_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
SPEAKERS = """\
; comments as the distribution has them
;ID  |SEX| SUBSET           |MINUTES| NAME
84   | F | dev-clean        | 8.02  | A Reader
174  | M | dev-clean        | 8.04  | Another | of two names
1272 | M | train-clean-100  | 8.05  | Not in the subset
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two readers, three chapters, two utterances each of 0.5 and 0.75 s."""
    root = tmp_path / "LibriSpeech"
    for reader, chapter in (("84", "121123"), ("84", "121550"), ("174", "50561")):
        folder = root / "dev-clean" / reader / chapter
        folder.mkdir(parents=True)
        lines = []
        for number, samples in enumerate((8000, 12000)):
            utterance = f"{reader}-{chapter}-{number:04d}"
            soundfile.write(folder / f"{utterance}.flac", np.full(samples, 0.1), 16000)
            lines.append(f"{utterance} WORDS OF {number}\n")
        (folder / f"{reader}-{chapter}.trans.txt").write_text("".join(lines))
    (root / "SPEAKERS.TXT").write_text(SPEAKERS)
    return root


def test_tables(root: Path, tmp_path: Path) -> None:
    assert subsets(root) == ["dev-clean"]
    data = data_dir(read_subset(root, "dev-clean"), tmp_path / "data", jobs=3)
    assert data.speakers == ["174", "84"]
    assert data.spk2gender == {"84": "f", "174": "m"}
    assert data.utterances[0] == "174-50561-0000" and len(data.utterances) == 6
    assert data.text["84-121550-0001"] == "WORDS OF 1"
    assert data.tables["utt2dur"]["84-121550-0001"] == "0.75"


@pytest.mark.parametrize("place", ["LibriSpeech/dev-clean", "."])
def test_speakers_file_may_lie_elsewhere(root: Path, tmp_path: Path, place: str) -> None:
    (root / "SPEAKERS.TXT").rename(tmp_path / place / "SPEAKERS.TXT")
    assert len(read_subset(root, "dev-clean")) == 6


def test_other_containers(root: Path) -> None:
    folder = root / "dev-clean" / "174" / "50561"
    for number, kind in enumerate((".ogg", ".mp3")):
        (folder / f"174-50561-000{number}.flac").unlink()
        put_audio(folder / f"174-50561-000{number}{kind}")
    assert [one.audio.suffix for one in read_subset(root, "dev-clean")] == [".ogg", ".mp3", *[".flac"] * 4]


def test_step_writes_the_same_for_any_nj(root: Path, tmp_path: Path, program: Program) -> None:
    for jobs in (1, 5):
        made = program(SCRIPT, "--nj", jobs, root.parent, tmp_path / f"out{jobs}")
        assert made.returncode == 0, made.stderr
    for file in (tmp_path / "out1" / "dev-clean").iterdir():
        if file.is_file() and file.suffix != ".json":
            assert file.read_bytes() == (tmp_path / "out5" / "dev-clean" / file.name).read_bytes()
    assert program("utils/validate_data_dir.py", "--no-feats", tmp_path / "out1" / "dev-clean").returncode == 0
    again = program(SCRIPT, root.parent, tmp_path / "out1")
    assert "skipped" in again.stderr


def test_a_moved_corpus_is_found_again(root: Path, tmp_path: Path, program: Program) -> None:
    program(SCRIPT, root, tmp_path / "out")
    moved = root.rename(tmp_path / "elsewhere")
    assert program(SCRIPT, moved, tmp_path / "out").returncode == 0
    assert "elsewhere" in next(iter(DataDir.load(tmp_path / "out" / "dev-clean").table("wav.scp").values()))


def transcript(root: Path) -> Path:
    return root / "dev-clean" / "84" / "121123" / "84-121123.trans.txt"


def lose_audio(root: Path) -> None:
    transcript(root).with_name("84-121123-0001.flac").unlink()


def lose_line(root: Path) -> None:
    transcript(root).write_text("84-121123-0000 WORDS\n")


def empty_line(root: Path) -> None:
    transcript(root).write_text("84-121123-0000 WORDS\n84-121123-0001\n")


def foreign_line(root: Path) -> None:
    transcript(root).write_text("84-121550-0000 WORDS\n")


def double_line(root: Path) -> None:
    transcript(root).write_text("84-121123-0000 WORDS\n84-121123-0000 WORDS\n")


def lose_transcript(root: Path) -> None:
    transcript(root).unlink()


def unknown_reader(root: Path) -> None:
    (root / "SPEAKERS.TXT").write_text("174 | M | dev-clean | 8.04 | x\n")


def lose_speakers(root: Path) -> None:
    (root / "SPEAKERS.TXT").unlink()


def two_containers(root: Path) -> None:
    put_audio(transcript(root).with_name("84-121123-0001.opus"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (two_containers, r"84-121123-0001\.flac: 84-121123-0001\.opus lies there, too: which one"),
        (lose_audio, r"84-121123\.trans\.txt:2: 84-121123-0001 has no audio: .*84-121123-0001\.flac is missing"),
        (lose_line, r"84-121123-0001\.flac: no transcript: .*84-121123\.trans\.txt has no line"),
        (empty_line, r"84-121123\.trans\.txt:2: expected `84-121123-<n> <WORDS>`"),
        (foreign_line, r"84-121123\.trans\.txt:1: expected `84-121123-<n> <WORDS>`"),
        (double_line, r"84-121123\.trans\.txt:2: 84-121123-0000 stands twice"),
        (lose_transcript, r"84-121123\.trans\.txt: No such file"),
        (unknown_reader, r"reader 84 is not in .*SPEAKERS\.TXT"),
        (lose_speakers, r"SPEAKERS\.TXT: no such file"),
    ],
)
def test_what_is_refused(root: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(root)
    with pytest.raises(DataError, match=message):
        read_subset(root, "dev-clean")


def test_genders(tmp_path: Path) -> None:
    file = tmp_path / "SPEAKERS.TXT"
    file.write_text("; comment\n84 | X | dev-clean | 1 | y\n")
    with pytest.raises(DataError, match=r"SPEAKERS\.TXT:2: expected `reader \| F or M"):
        read_genders(file)
    file.write_text("84 | F | a | 1 | y\n84 | M | b | 1 | y\n")
    with pytest.raises(DataError, match=r"SPEAKERS\.TXT:2: reader 84 stands twice"):
        read_genders(file)


def test_missing_corpus_or_subset(root: Path, tmp_path: Path, program: Program) -> None:
    with pytest.raises(MissingModelError, match="no such subset; found dev-clean"):
        read_subset(root, "dev-other")
    missing = program(SCRIPT, tmp_path / "nowhere", tmp_path / "out")
    assert missing.returncode == 4 and "no such folder" in missing.stderr and "Traceback" not in missing.stderr


def test_damaged_audio_leaves_no_data_dir(root: Path, tmp_path: Path, program: Program) -> None:
    (root / "dev-clean/174/50561/174-50561-0000.flac").write_bytes(b"not audio")
    failed = program(SCRIPT, root, tmp_path / "out")
    assert failed.returncode == 3 and "174-50561-0000.flac" in failed.stderr
    assert not (tmp_path / "out" / "dev-clean").exists()


@pytest.mark.skipif(not (CORPORA / "LibriSpeech").is_dir(), reason="LibriSpeech is not there")
def test_real() -> None:
    data = data_dir(read_subset(CORPORA / "LibriSpeech", "test-other"), "test-other", jobs=2)
    assert data.spk2gender == {"1688": "m", "2033": "m", "367": "f", "3080": "f"}
    assert len(data.utterances) == 40
    assert 300 < sum(data.duration(one) for one in data.utterances) < 360
    one = data.utterances[0]
    assert len(load(data, one)) == pytest.approx(16000 * data.duration(one), abs=1)
    assert data.text[one].startswith("THERE'S IRON")


@pytest.mark.skipif(not (CORPORA / "LibriSpeech" / "dev-clean").is_dir(), reason="LibriSpeech is not there")
@pytest.mark.parametrize(("subset", "speakers"), [("dev-clean", 14), ("train-clean-100", 3)])
def test_real_in_other_containers(subset: str, speakers: int) -> None:
    recordings = read_subset(CORPORA / "LibriSpeech", subset)
    assert len({one.speaker for one in recordings}) == speakers
    assert {one.audio.suffix for one in recordings} <= {".mp3", ".ogg", ".flac"}
