"""VCTK: stand-in trees of 0.92 and 0.80 in their exact layouts, the corpus's own gaps, and likely damages."""

from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora.vctk import read, read_list
from pseudovox.data.datadir import DataDir

HEAD = "ID  AGE  GENDER  ACCENTS  REGION COMMENTS"
SPEAKERS = {"p225": "F", "p226": "M", "p280": "F", "p315": "M", "s5": "F"}


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Version 0.92: two sentences a speaker, by both microphones where the corpus has both."""
    root = tmp_path / "VCTK-Corpus-0.92"
    for speaker in SPEAKERS:
        for number in ("001", "002"):
            for mic in (1,) if speaker in ("p280", "p315") else (1, 2):
                name = f"{speaker}_{number}_mic{mic}.flac"
                put_audio(root / "wav48_silence_trimmed" / speaker / name, rate=48000)
            if speaker != "p315":
                put_text(root / "txt" / speaker / f"{speaker}_{number}.txt", "Please call Stella, O.K.?")
    lines = [f"{speaker}  23  {sex}    English    Southern  England" for speaker, sex in SPEAKERS.items()]
    put_text(root / "speaker-info.txt", HEAD, *lines)
    put_text(root / "wav48_silence_trimmed" / "log.txt", "of the trimming")
    return root


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Version 0.80."""
    root = tmp_path / "VCTK-Corpus"
    for speaker in ("p225", "p315", "p376"):
        put_audio(root / "wav48" / speaker / f"{speaker}_001.wav", rate=48000)
    (root / "wav48" / "p376" / "p376_295.raw").write_bytes(b"as it is in the corpus")
    for speaker in ("p225", "p376"):
        put_text(root / "txt" / speaker / f"{speaker}_001.txt", "Please call Stella.")
    put_text(
        root / "speaker-info.txt", "ID  AGE  GENDER  ACCENTS  REGION", "225  23  F    English    Southern  England",
        "315  18  M    American    New England", "376  22  M    Indian",
    )  # fmt: skip
    return root


def test_new_layout(new: Path, prepared: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    data = DataDir.load(prepared("local/prepare_vctk.py", new) / "vctk")
    assert data.utterances == [f"{speaker}_{n}_mic2" for speaker in ("p225", "p226", "s5") for n in ("001", "002")]
    assert data.spk2gender == {"p225": "f", "p226": "m", "s5": "f"}
    assert set(data.text.values()) == {"PLEASE CALL STELLA O K"}
    with caplog.at_level("WARNING", "pseudovox"):
        read(new)
    assert "p280: left out: the corpus has nothing of this speaker from microphone 2" in caplog.text
    assert "p315: left out: the corpus has no text of this speaker" in caplog.text


def test_the_other_microphone_and_no_text(new: Path) -> None:
    speakers = {one.speaker for one in read(new, mic=1)}
    assert speakers == {"p225", "p226", "p280", "s5"}
    everything = read(new, mic=1, with_text=False)
    assert {one.speaker for one in everything} == set(SPEAKERS) and not any(one.text for one in everything)


def test_old_layout(old: Path, prepared: Callable[..., Path]) -> None:
    data = DataDir.load(prepared("local/prepare_vctk.py", old, "--name", "old") / "old")
    assert data.utterances == ["p225_001", "p376_001"] and data.spk2gender == {"p225": "f", "p376": "m"}


def test_a_sentence_without_the_microphone_is_named(new: Path, caplog: pytest.LogCaptureFixture) -> None:
    (new / "wav48_silence_trimmed/p226/p226_002_mic2.flac").unlink()
    with caplog.at_level("WARNING", "pseudovox"):
        assert [one.utterance for one in read(new) if one.speaker == "p226"] == ["p226_001_mic2"]
    assert "p226: 1 sentences lack microphone 2 and are left out: p226_002" in caplog.text


def lose_microphone(root: Path) -> None:
    for path in (root / "wav48_silence_trimmed" / "p226").glob("*_mic2.flac"):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lose_microphone, r"p226: nothing from microphone 2"),
        (
            lambda root: (root / "txt/p225/p225_002.txt").unlink(),
            r"225_002_mic2\.flac: no transcript: .*225_002\.txt",
        ),
        (lambda root: put_text(root / "txt/p225/p225_002.txt", "..."), r"p225_002\.txt: no words in it"),
        (lambda root: put_text(root / "speaker-info.txt", HEAD, "p225 23 F"), r"speaker p226 is not in .*speaker-info"),
        (lambda root: put_text(root / "speaker-info.txt", "p225 F 23"), r"speaker-info\.txt:1: gender '23'"),
        (lambda root: put_text(root / "speaker-info.txt", HEAD, "Stella 2 F"), r"txt:2: expected `ID AGE GENDER"),
        (lambda root: put_text(root / "speaker-info.txt", "225 2 F", "p225 2 F"), r"txt:2: speaker p225 stands twice"),
        (lambda root: (root / "speaker-info.txt").unlink(), r"speaker-info\.txt: No such file"),
        (lambda root: put_audio(root / "wav48_silence_trimmed/p225/p226_001_mic2.flac"), "expected a name p225_<nnn>_"),
        (lambda root: (root / "wav16_silence_trimmed").mkdir(), "wav16_silence_trimmed and wav48_silence.*: which one"),
    ],
)
def test_what_is_refused(new: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(new)
    with pytest.raises(DataError, match=message):
        read(new)


def test_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="neither wav48_silence_trimmed"):
        read(tmp_path)
    with pytest.raises(MissingModelError, match="no such folder"):
        read(tmp_path / "nowhere")


def test_only_what_a_list_names(new: Path, prepared: Callable[..., Path], tmp_path: Path) -> None:
    put_text(tmp_path / "list.txt", "# speakers and sentences", "p226", "p225_002  # one sentence", "")
    data = DataDir.load(prepared("local/prepare_vctk.py", new, "--list", tmp_path / "list.txt") / "vctk")
    assert data.utterances == ["p225_002_mic2", "p226_001_mic2", "p226_002_mic2"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("225", r"list\.txt:2: expected a speaker \(p225\) or a sentence \(p225_001\), found '225'"),
        ("p226", r"list\.txt:2: p226 stands twice"),
        ("p225_009", r"list\.txt:2: p225_009: .* has nothing of that name from microphone 2"),
        ("p280", r"list\.txt:2: p280: .* has nothing of that name from microphone 2"),
    ],
)
def test_lists_that_cannot_be(new: Path, tmp_path: Path, line: str, message: str) -> None:
    put_text(tmp_path / "list.txt", "p226", line)
    with pytest.raises(DataError, match=message):
        read(new, wanted=read_list(tmp_path / "list.txt"))


def test_a_list_that_names_nothing(tmp_path: Path) -> None:
    put_text(tmp_path / "list.txt", "# nobody")
    with pytest.raises(DataError, match="names neither a speaker nor a sentence"):
        read_list(tmp_path / "list.txt")


def test_the_list_of_hle_vqvae() -> None:
    found = read_list(Path(__file__).resolve().parents[2] / "conf/hle_vqvae/vctk20.txt")
    assert len(found) == 20 and {"p225", "p233", "p273"} < found.keys()
