"""Data dirs: reading with checks, every kind of damage with its message, subsets, and whole, sorted writing."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudovox.core.errors import DataError
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import (
    DataDir,
    Phone,
    Trial,
    bytewise,
    check_id,
    read_table,
    scp_path,
    write_atomic,
    write_json,
)

TABLES = {
    "wav.scp": {"b-1": "b 1.wav", "a-2": "a2.wav", "a-1": "a1.wav"},
    "utt2spk": {"b-1": "b", "a-2": "a", "a-1": "a"},
    "text": {"b-1": "ONE", "a-2": "TWO  WORDS", "a-1": "ZWÖLF"},
    "spk2gender": {"a": "f", "b": "m"},
    "utt2dur": {"b-1": "1.5", "a-2": "2", "a-1": "0.25"},
    "utt2note": {"b-1": "x/y", "a-2": "y", "a-1": "z"},  # a table that the library does not know
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
        (write("utt2spk", "a-1 a\na-2 a"), "utt2spk:2: the last line has no line end, so the file may be cut off"),
        (write("utt2spk", "a-1 a\na-2 \0\n"), "utt2spk:2: a zero byte"),
        (write("utt2spk", "a-1 a\na-2 a/b\nb-1 b\n"), "utt2spk:2: id 'a/b' .*\n  hint: rename it in every table"),
        (write("utt2spk", "a-1 a\na-2 a b\nb-1 b\n"), "utt2spk:2: id 'a b'"),
        (write("utt2spk", "../a a\n"), "utt2spk:1: id '../a'"),
        (write("utt2spk", ".. a\n"), "utt2spk:1: id '..'"),
        (write("utt2spk", "x" * 300 + " a\n"), "is longer than 200 bytes"),
        (write("utt2spk", " a-1 a\n"), "utt2spk:1: id ''"),
        (
            write("wav.scp", "a-1 x\na-2 x\n"),
            r"wav.scp: lacks 1 of the 3 utterances in utt2spk; the first is b-1 \(.*utt2spk:3\)",
        ),
        (write("wav.scp", "a-1 x\na-2 x\nb-1 x\nc x\n"), "wav.scp:4: c is none of the utterances in utt2spk; 1 keys"),
        (
            write("wav.scp", "a-1 x\na-2 rm -rf x |\nb-1 x\n"),
            "wav.scp:2: a-2 is a shell command.*\n  hint: give --allow",
        ),
        (write("wav.scp", "a-1 x\na-2 ~/x.wav\nb-1 x\n"), "wav.scp:2: a-2: ~ is not expanded"),
        (write("text", ""), "text: lacks 3 of the 3 utterances"),
        (write("text", "a-1 A\n"), "text: lacks 2 of the 3 utterances .*a-2.*\n  hint: add .*utils/fix_data_dir.py /"),
        (write("text", "a-1 A\na-2\nb-1 B\n"), "text:2: a-2 has no value"),
        (write("spk2gender", "a f\n"), "spk2gender: lacks 1 of the 2 speakers in utt2spk; the first is b"),
        (write("spk2gender", "a f\nb f\nc f\n"), "spk2gender:3: c is none of the speakers in utt2spk"),
        (write("spk2gender", "a f\nb x\n"), "spk2gender:2: speaker b has 'x', expected f or m"),
        (write("utt2dur", "a-1 1\na-2 1,5\nb-1 1\n"), "utt2dur:2: utterance a-2 has '1,5', expected seconds above 0"),
        (write("utt2dur", "a-1 1\na-2 1\nb-1 0\n"), "utt2dur:3: utterance b-1 has '0', expected seconds above 0"),
        (write("utt2dur", "a-1 nan\na-2 1\nb-1 1\n"), "utt2dur:1: utterance a-1 has 'nan', expected seconds"),
        (write("utt2num_frames", "a-1 1\na-2 1.5\nb-1 1\n"), "utt2num_frames:2: .* expected a whole number above 0"),
        (write("utt2warp", "a-1 1\na-2 1.6\nb-1 1\n"), "utt2warp:2: .* expected a number between 0.5 and 1.5"),
        (write("reco2file_and_channel", "a-1 x A\na-2 x C\nb-1 x B\n"), "channel:2: .* expected `file A` or"),
        (write("cmvn.scp", "a x:1\n"), "cmvn.scp: lacks 1 of the 2 speakers"),
        (write("spk2utt", "a a-1 a-2\n"), "spk2utt: lacks speaker b of utt2spk\n  hint: derive it: utils/utt2spk_to"),
        (write("spk2utt", "a a-1\nb b-1\n"), "spk2utt:1: a-2 of a is otherwise in utt2spk"),
        (write("spk2utt", "a a-1 a-2\nb b-1\nb b-1\n"), "spk2utt:3: speaker b stands twice"),
        (write("spk2utt", "a a-1 a-2\nb b-1\nc b-1\n"), "spk2utt:3: speaker 'c' is not in utt2spk"),
        (write("utt2note", "a-1 x\na-2 \xff\n".encode("latin1")), "utt2note:2: not UTF-8"),
        (write("trials", "a a-1 target\na a-1 taget\n"), "trials:2: expected `speaker utterance target|nontarget`"),
        (write("trials", "a a-1 target\na c nontarget\n"), "trials:2: utterance c is not in utt2spk"),
        (write("trials_f", "a c target\n"), "trials_f:1: utterance c is not in utt2spk"),
        (
            write("trials", "a a-1 target\nb a-1 target\n"),
            "trials:2: b a-1 is a target trial, but utt2spk says",
        ),
        (write("trials", "a a-1 nontarget\n"), "trials:1: a a-1 is a nontarget trial, but utt2spk says"),
        (write("enrolls", "a-1\nc\n"), "enrolls:2: utterance c is not in utt2spk"),
        (write("phones.ctm", "a-1 1 0 0.1 t\nc 1 0 0.1 t\n"), "phones.ctm:2: utterance c is not in utt2spk"),
        (lambda folder: (folder / "vad.scp").mkdir(), "vad.scp: is no plain file"),
        (lambda folder: (folder / "vad.scp").symlink_to("nowhere"), "vad.scp: is a link to nothing"),
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
    (folder / "phones.ctm").write_text("a-1 1 0 0.1 t\na-1 1 zero 0.1 t\n")
    data = DataDir.load(folder)
    data.tables["utt2dur"]["a-2"] = "-1"
    with pytest.raises(DataError, match="utt2dur:2: utterance a-2 has '-1', expected seconds above 0"):
        data.duration("a-2")
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
    for bad in ("r1 0.5", "r1 x 1", "r1 1 1", "r1 -1 1", "r1 2 1", "r1 nan 1", "r1 0 inf", "r1 0 1_0", "r1 0 1 2"):
        data.tables["segments"]["a-1"] = bad
        for read in (lambda: data.segment("a-1"), data.check):
            with pytest.raises(
                DataError, match=r"segments: utterance a-1 has .* expected `recording start end` with 0 <="
            ):
                read()
    data.tables["segments"]["a-1"] = "r3 0 1"
    with pytest.raises(DataError, match=r"a-1 is in recording r3, which is not in wav.scp"):
        data.check()
    data.tables["segments"]["a-1"] = "r2 0.5 3"  # overlaps a-2, as Kaldi allows
    data.tables["reco2dur"] = {"r1": "4", "r2": "2.96"}
    data.check()
    data.tables["reco2dur"]["r2"] = "2.9"
    with pytest.raises(DataError, match=r"a-1 ends at 3.0 s, past the end of r2, which lasts 2.9 s \(reco2dur\)"):
        data.check()


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
    assert found.table("utt2note") == {"a-2": "y", "b-1": "x/y"}
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


def test_writing_again_leaves_no_stale_table(folder: Path) -> None:
    for name in ("notes.md", "model.bin"):
        (folder / name).write_bytes(b"\0a-1\n")
    (folder / "split2").mkdir()
    data = DataDir.load(folder)
    assert data.others == ("model.bin",)
    for name in ("text", "utt2note", "spk2gender"):
        del data.tables[name]
    del data.lists["enrolls"]
    data.write()
    left = {path.name for path in folder.iterdir()}
    assert left == {
        "wav.scp",
        "utt2spk",
        "spk2utt",
        "utt2dur",
        "trials",
        "phones.ctm",
        "notes.md",
        "model.bin",
        "split2",
    }


def test_tables_of_unknown_kinds(folder: Path) -> None:
    (folder / "rttm").write_text("a-1 x 1\na-1 x 2\nb-1 x\n")  # a key stands twice: kept as lines
    (folder / "emotion").write_text("a-1 sad\nb-1\n")
    (folder / "README").write_text("These are\n\nsome notes.\n")
    data = DataDir.load(folder)
    assert data.lists["rttm"] == ["a-1 x 1", "a-1 x 2", "b-1 x"] and data.tables["emotion"] == {"a-1": "sad", "b-1": ""}
    assert data.others == ("README",)
    cut = data.subset(["b-1"], folder.with_name("cut"))
    cut.write()
    assert cut.lists["rttm"] == ["b-1 x"] and (folder.with_name("cut") / "emotion").read_text() == "b-1\n"
    renamed = data.renamed(lambda one: f"x-{one}", lambda one: f"x-{one}", folder.with_name("renamed"))
    assert renamed.lists["rttm"][0] == "x-a-1 x 1" and renamed.tables["emotion"] == {"x-a-1": "sad", "x-b-1": ""}
    (folder / "emotion").write_text("a-1 sad\nb-1 glad\n\n")
    with pytest.raises(DataError, match="emotion:3: blank line"):
        DataDir.load(folder)


@pytest.mark.parametrize(
    ("trials", "enrolls", "message"),
    [
        (["a a-1 target", "b a-1 nontarget"], ["a-2"], "trials:2: speaker b has no enrolment utterances in "),
        (
            ["a b-1 nontarget", "b a-1 nontarget"],
            ["a-2", "b-1"],
            "trials: has no target trials; an error rate needs both",
        ),
        (["a a-1 target"], ["a-2"], "trials: has no nontarget trials"),
    ],
)
def test_trials_that_cannot_be_scored(folder: Path, trials: list[str], enrolls: list[str], message: str) -> None:
    data = DataDir(folder, TABLES, {"trials": trials, "enrolls": enrolls})
    data.check()
    with pytest.raises(DataError, match=message):
        data.check_trials(data)
    DataDir.load(folder).check_trials(DataDir(folder, TABLES))


@pytest.mark.parametrize("value", ["", "A\nB", "A\rB", "A\0"])
def test_what_is_not_written(tmp_path: Path, value: str) -> None:
    data = DataDir(tmp_path / "data", {**TABLES, "text": {**TABLES["text"], "a-1": value}})
    with pytest.raises(DataError, match="is not written"):
        data.write()
    assert not (tmp_path / "data").exists()


def test_other_audio_takes_no_features_along(tmp_path: Path) -> None:
    about = {"feats.scp": "utterance", "vad.scp": "utterance", "cmvn.scp": "speaker", "reco2dur": "recording"}
    tables = {**TABLES, **{name: {"a-1": "1"} for name in about}, "reco2note": {"a-1": "x"}}
    made = DataDir(tmp_path, tables, LISTS).with_audio({"a-1": "new.wav"}, {"a-1": 0.5}, tmp_path / "new")
    assert made.tables.keys() == TABLES.keys()
    assert made.tables["wav.scp"] == {"a-1": "new.wav"} and made.tables["utt2dur"] == {"a-1": "0.5000"}


def test_combine(tmp_path: Path) -> None:
    first = DataDir(tmp_path / "first", TABLES, LISTS)
    other = {"wav.scp": {"r": "r.wav"}, "utt2spk": {"c-1": "c"}, "text": {"c-1": "C"}, "segments": {"c-1": "r 0 1"}}
    second = DataDir(tmp_path / "second", {**other, "utt2uniq": {"c-1": "u"}})
    data, left_out = DataDir.combine([first, second], tmp_path / "both")
    data.check()
    assert left_out == ["enrolls", "phones.ctm", "spk2gender", "trials", "utt2dur", "utt2note"]
    assert data.tables["segments"] == {
        "a-1": "a-1 0 0.2500",
        "a-2": "a-2 0 2.0000",
        "b-1": "b-1 0 1.5000",
        "c-1": "r 0 1",
    }
    assert data.tables["utt2uniq"]["a-1"] == "a-1" and data.tables["utt2uniq"]["c-1"] == "u"
    assert DataDir.combine([first, first], tmp_path / "both")[0].tables == TABLES
    third = DataDir(tmp_path / "third", {**TABLES, "text": {**TABLES["text"], "b-1": "TWO"}})
    with pytest.raises(
        DataError, match=r"b-1 is 'TWO' here and 'ONE' in .*first/text\n  hint: give one dir's ids a prefix"
    ):
        DataDir.combine([first, third], tmp_path / "both")


def test_json_knows_no_nan(tmp_path: Path) -> None:
    value = {"a": float("nan"), "b": [1.5, float("inf"), {"c": np.float64("-inf")}], "d": "NaN", "e": None, "f": True}
    write_json(tmp_path / "x.json", value)
    found = json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail)
    assert found == {"a": None, "b": [1.5, None, {"c": None}], "d": "NaN", "e": None, "f": True}
