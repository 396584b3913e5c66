"""Data dirs: reading with checks, every kind of damage with its message, subsets, and whole, sorted writing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudovox.audio import write_wav
from pseudovox.datadir import DataDir, Phone, Trial, bytewise, check_id, read_table, scp_path, write_atomic
from pseudovox.errors import DataError

TABLES = {
    "wav.scp": {"b-1": "b 1.wav", "a-2": "a2.wav", "a-1": "a1.wav"},
    "utt2spk": {"b-1": "b", "a-2": "a", "a-1": "a"},
    "text": {"b-1": "ONE", "a-2": "TWO  WORDS", "a-1": "ZWÖLF"},
    "spk2gender": {"a": "f", "b": "m"},
    "utt2dur": {"b-1": "1.5", "a-2": "2", "a-1": "0.25"},
    "utt2path": {"b-1": "x/y", "a-2": "y", "a-1": "z"},  # a table that the library does not know
}
LISTS = {
    "trials": ["b a-1 nontarget", "a a-1 target", "a b-1 nontarget"],
    "enrolls": ["b-1", "a-2"],
    "phones.ctm": ["a-1 1 0.00 0.10 t", "a-1 1 0.10 0.05 uː"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    DataDir(tmp_path / "data", TABLES, LISTS).write()
    return tmp_path / "data"


def test_bytewise_is_not_the_locale() -> None:
    assert bytewise(["é", "a", "B", "-", "_", "Z", "a-1", "a_1", "\U00010000", "\uffff"]) == [
        "-", "B", "Z", "_", "a", "a-1", "a_1", "é", "\uffff", "\U00010000"
    ]  # fmt: skip


def test_write_and_load(folder: Path) -> None:
    assert (folder / "utt2spk").read_text() == "a-1 a\na-2 a\nb-1 b\n"
    assert (folder / "spk2utt").read_text() == "a a-1 a-2\nb b-1\n"
    assert (folder / "trials").read_text().splitlines() == LISTS["trials"]  # a protocol's order is its own
    data = DataDir.load(folder, need=["text", "trials"])
    assert data.tables == TABLES and data.lists == LISTS
    assert (data.name, data.utterances, data.speakers) == ("data", ["a-1", "a-2", "b-1"], ["a", "b"])
    assert data.spk2utt == {"a": ["a-1", "a-2"], "b": ["b-1"]}
    assert data.trials[1] == Trial("a", "a-1", True) and data.enrolls == ["b-1", "a-2"]
    assert data.phones == {"a-1": [Phone(0.0, 0.1, "t"), Phone(0.1, 0.05, "uː")]}
    assert data.duration("b-1") == 1.5
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_write_again_changes_no_byte(folder: Path, tmp_path: Path) -> None:
    DataDir.load(folder).write(tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="/\\"), min_size=1, max_size=20)
        .filter(lambda key: key not in (".", "..") and not key.startswith("\ufeff")),
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1), min_size=1).map(" ".join),
        min_size=1,
    )
)  # fmt: skip
def test_any_table_comes_back(tmp_path_factory: pytest.TempPathFactory, text: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("data")
    same = dict.fromkeys(text, "s")
    DataDir(folder, {"wav.scp": same, "utt2spk": same, "text": text}).write()
    assert DataDir.load(folder).text == text


def test_tabs_and_blanks_at_ends_are_kaldi(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a\tONE TWO\nb  THREE \t\n")
    assert read_table(tmp_path / "text") == {"a": "ONE TWO", "b": "THREE"}


def test_what_a_killed_write_left_is_not_a_table(folder: Path) -> None:
    (folder / ".text.123.tmp").write_text("half a li")
    (folder / ".done.json").write_text("{}")
    (folder / "failed.tsv").write_text("")
    (folder / "wav").mkdir()
    assert DataDir.load(folder).tables.keys() == TABLES.keys()


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("wav.scp"), "lacks the file wav.scp"),
        (remove("utt2spk"), "lacks the file utt2spk"),
        (write("utt2spk", ""), "utt2spk: no utterances"),
        (write("utt2spk", "a-1 a\n\na-2 a\nb-1 b\n"), "utt2spk:2: blank line"),
        (write("utt2spk", "a-1 a\na-2\nb-1 b\n"), "utt2spk:2: a-2 has no value"),
        (write("utt2spk", "a-1 a\na-2 a\na-2 a\nb-1 b\n"), "utt2spk:3: a-2 stands twice"),
        (write("utt2spk", "a-1 a\r\na-2 a\r\nb-1 b\r\n"), "utt2spk:1: carriage return"),
        (write("utt2spk", "\ufeffa-1 a\na-2 a\nb-1 b\n"), "utt2spk:1: the file starts with a byte order mark"),
        (write("utt2spk", b"a-1 a\na-2 \xe9\n"), "utt2spk:2: not UTF-8"),
        (write("utt2spk", "a-1 a\na-2 a/b\nb-1 b\n"), "utt2spk, utterance a-2: id 'a/b'"),
        (write("utt2spk", "a-1 a\na-2 a b\nb-1 b\n"), "utt2spk, utterance a-2: id 'a b'"),
        (write("utt2spk", "../a a\n"), "utt2spk:1: id '../a'"),
        (write("utt2spk", ".. a\n"), "utt2spk:1: id '..'"),
        (write("utt2spk", "x" * 300 + " a\n"), "is longer than 200 bytes"),
        (write("utt2spk", " a-1 a\n"), "utt2spk:1: id ''"),
        (write("wav.scp", "a-1 x\na-2 x\n"), r"wav.scp: 1 keys missing, 0 too many against utt2spk: b-1 is only in"),
        (
            write("wav.scp", "a-1 x\na-2 x\nb-1 x\nc x\n"),
            "0 keys missing, 1 too many against utt2spk: c is only in wav",
        ),
        (write("wav.scp", "a-1 x\na-2 rm -rf x |\nb-1 x\n"), "wav.scp: a-2 is a shell command"),
        (write("text", "a-1 A\n"), "text: 2 keys missing"),
        (write("spk2gender", "a f\n"), "spk2gender: 1 keys missing.* b is only in"),
        (write("spk2gender", "a f\nb x\n"), "spk2gender: speaker b has gender 'x', expected f or m"),
        (write("trials", "a a-1 target\na a-1 taget\n"), "trials:2: expected `speaker utterance target|nontarget`"),
        (write("trials", "a a-1 target\na c nontarget\n"), "trials:2: utterance c is not in utt2spk"),
        (write("enrolls", "a-1\nc\n"), "enrolls:2: utterance c is not in utt2spk"),
    ],
)
def test_what_is_refused(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)
    with pytest.raises(DataError, match=message.replace("|", r"\|") if "target" in message else message):
        DataDir.load(folder)


def test_what_is_refused_on_access(folder: Path) -> None:
    with pytest.raises(DataError, match="no such data dir"):
        DataDir.load(folder / "nowhere")
    with pytest.raises(DataError, match="lacks the file utt2emo"):
        DataDir.load(folder, need=["utt2emo"])
    (folder / "utt2dur").write_text("a-1 1,5\na-2 0\nb-1 nan\n")
    (folder / "phones.ctm").write_text("a-1 1 0 0.1 t\na-1 1 zero 0.1 t\n")
    data = DataDir.load(folder)
    for utterance in data.utterances:
        with pytest.raises(DataError, match=f"utt2dur: {utterance} lasts .* expected seconds above 0"):
            data.duration(utterance)
    with pytest.raises(DataError, match=r"phones\.ctm:2: expected `utterance 1 start"):
        _ = data.phones


def test_commands_only_if_allowed(folder: Path) -> None:
    (folder / "wav.scp").write_text("a-1 x\na-2 sox x |\nb-1 x\n")
    assert DataDir.load(folder, allow_pipes=True).table("wav.scp")["a-2"] == "sox x |"


@pytest.mark.parametrize(
    "identity", ["", ".", "..", "a/b", "a\\b", "a b", "a\tb", "a\nb", "a\x00", "a\x7f", "a\u00a0b"]
)
def test_ids_that_could_leave_a_folder_or_split_a_line(identity: str) -> None:
    with pytest.raises(DataError, match="there: id"):
        check_id(identity, "there")


def test_segments(tmp_path: Path) -> None:
    tables = {
        "wav.scp": {"r1": "1.wav", "r2": "2.wav"},
        "utt2spk": {"a-1": "a", "a-2": "a"},
        "segments": {"a-1": "r1 0.5 2.25", "a-2": "r2 0 1"},
    }
    data = DataDir(tmp_path, tables)
    data.check()
    assert data.segment("a-1") == ("r1", 0.5, 2.25) and data.duration("a-1") == 1.75
    assert data.subset(["a-1"]).tables["wav.scp"] == {"r1": "1.wav"}
    for bad in ("r1 0.5", "r1 x 1", "r3 0 1", "r1 1 1", "r1 -1 1", "r1 2 1", "r1 nan 1"):
        data.tables["segments"]["a-1"] = bad
        with pytest.raises(DataError, match="segments: a-1"):
            data.segment("a-1")


def test_duration_from_the_header(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", [0.0] * 4000)  # type: ignore[arg-type]
    data = DataDir(tmp_path, {"wav.scp": {"a": str(tmp_path / "a.wav")}, "utt2spk": {"a": "a"}})
    assert data.duration("a") == 0.25
    assert data.enrolls == ["a"]


def test_subset(folder: Path, tmp_path: Path) -> None:
    subset = DataDir.load(folder).subset(["a-2", "b-1"], tmp_path / "sub")
    subset.check()
    subset.write()
    found = DataDir.load(tmp_path / "sub")
    assert found.utterances == ["a-2", "b-1"] and found.spk2gender == {"a": "f", "b": "m"}
    assert found.table("utt2path") == {"a-2": "y", "b-1": "x/y"}
    assert found.lists["trials"] == ["a b-1 nontarget"] and found.enrolls == ["b-1", "a-2"]
    assert "a-1" not in "".join(found.lists["phones.ctm"])
    assert DataDir.load(folder).subset(["b-1"]).spk2gender == {"b": "m"}
    for wrong in (["c"], []):
        with pytest.raises(DataError, match="cannot take a subset"):
            DataDir.load(folder).subset(wrong)


def test_write_atomic_and_scp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomic(Path("x"), "old")
    write_atomic(Path("x"), "né\n")
    assert Path("x").read_bytes() == b"n\xc3\xa9\n" and [path.name for path in Path().iterdir()] == ["x"]
    assert scp_path(Path("a/../b/c.wav")) == "b/c.wav" == scp_path(tmp_path / "b" / "c.wav")
    assert scp_path(Path("../c.wav")) == str(tmp_path.parent / "c.wav")
