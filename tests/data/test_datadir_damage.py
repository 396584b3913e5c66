"""Data dirs with random damage: an error that names a file, or all that the files say; repaired dirs are valid."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudovox.core.errors import DataError
from pseudovox.core.files import words
from pseudovox.data.datadir import DataDir
from pseudovox.data.datadir.fix import fix, write_fixed
from pseudovox.data.datadir.validate import validate

EXAMPLES = int(os.environ.get("PSEUDOVOX_EXAMPLES", "40"))  # more for a thorough search
UTTERANCES = [f"{speaker}-{number}" for speaker in ("a", "b", "é") for number in range(3)]
BY_UTTERANCE = {
    "utt2spk": "{0}", "text": "WORD of {1}", "wav.scp": "wav/{1}.wav", "utt2dur": "1.{2}", "utt2emo": "sad",
    "utt2num_frames": "10{2}", "feats.scp": "x.ark:{2}", "utt2uniq": "{1}", "emotion": "glad {2}",
}  # fmt: skip


def plain(path: Path) -> DataDir:
    tables = {
        name: {utterance: form.format(utterance[0], utterance, utterance[-1]) for utterance in UTTERANCES}
        for name, form in BY_UTTERANCE.items()
    }
    tables["spk2gender"] = {"a": "f", "b": "m", "é": "f"}
    trials = [f"{speaker} {utterance} nontarget" for speaker in "ab" for utterance in UTTERANCES[6:]]
    lists = {"trials": ["a a-1 target", *trials], "enrolls": ["a-0", "b-0"], "phones.ctm": ["a-0 1 0.0 0.5 t"]}
    return DataDir(path, tables, lists)


def segmented(path: Path) -> DataDir:
    data = plain(path)
    data.tables["segments"] = {utterance: f"r{utterance[0]} {utterance[-1]}.5 4" for utterance in UTTERANCES}
    data.tables["wav.scp"] = {f"r{speaker}": "x.wav" for speaker in "abé"}
    data.tables["reco2dur"] = dict.fromkeys(data.tables["wav.scp"], "4")
    return data


@st.composite
def damage(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes of a file with one thing wrong; now and then nothing is."""
    lines = raw.removesuffix(b"\n").split(b"\n")
    place = draw(st.integers(0, len(raw) - 1))
    line, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    how = draw(st.sampled_from(["flip", "cut", "insert", "drop", "double", "swap", "blank", "crlf", "bom", "retype"]))
    if how == "flip":
        return raw[:place] + bytes([draw(st.integers(0, 255))]) + raw[place + 1 :]
    if how == "cut":
        return raw[:place]
    if how == "insert":
        return (
            raw[:place]
            + draw(st.sampled_from([b" ", b"\t", b"\n", b"/", b"..", b"\0", b"\xc2\xa0", b"|"]))
            + raw[place:]
        )
    if how == "drop":
        del lines[line]
    elif how == "double":
        lines.insert(other, lines[line])
    elif how == "swap":
        lines[line], lines[other] = lines[other], lines[line]
    elif how == "blank":
        fields = lines[line].split(b" ")
        fields[draw(st.integers(0, len(fields) - 1))] = b""
        lines[line] = b" ".join(fields)
    elif how == "crlf":
        lines = [one + b"\r" for one in lines]
    elif how == "bom":
        lines[0] = b"\xef\xbb\xbf" + lines[0]
    elif how == "retype":
        fields = lines[line].split(b" ")
        words = [b"x", b"-1", b"nan", b"taget", b"1e999", b"~/x", b"a" * 300, b"a-0", b"r"]
        fields[draw(st.integers(0, len(fields) - 1))] = draw(st.sampled_from(words))
        lines[line] = b" ".join(fields)
    return b"".join(one + b"\n" for one in lines)


def said(folder: Path, name: str) -> list[list[str]]:
    """The words of a file's lines, read in the plainest way."""
    return [words(line) for line in (folder / name).read_text(encoding="utf-8").split("\n")[:-1]]


def held(data: DataDir, name: str) -> list[list[str]]:
    """The words of a table's lines as they were loaded."""
    if name in data.lists:
        return [words(line) for line in data.lists[name]]
    if name == "spk2utt":
        return [[speaker, *utterances] for speaker, utterances in data.spk2utt.items()]
    return [[key, *words(value)] for key, value in data.tables[name].items()]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Sound dirs by kind, to copy; and nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        root = tmp_path_factory.mktemp("sound")
        for kind in (plain, segmented):
            kind(root / kind.__name__).write()
        yield {kind.__name__: root / kind.__name__ for kind in (plain, segmented)}


@pytest.mark.parametrize("kind", [plain, segmented], ids=["plain", "segments"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(chooser=st.data())
def test_an_error_or_everything(tmp_path_factory, sound, kind, chooser) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("damage") / "data"
    shutil.copytree(sound[kind.__name__], folder)
    for _ in range(chooser.draw(st.integers(1, 2))):
        name = chooser.draw(st.sampled_from(sorted(path.name for path in folder.iterdir())))
        raw = (folder / name).read_bytes()
        if raw:
            (folder / name).write_bytes(chooser.draw(damage(raw)))
    names = sorted(path.name for path in folder.iterdir())
    try:
        data = DataDir.load(folder)
    except DataError as error:
        assert str(folder) in str(error) and error.exit_code == 3
    else:
        assert not data.others or not {line[0] for line in said(folder, "emotion") if line} & set(UTTERANCES)
        for name in set(names) - set(data.others):
            if name == "spk2utt":
                assert sorted(map(sorted, said(folder, name))) == sorted(map(sorted, held(data, name)))
            else:
                assert said(folder, name) == held(data, name), name
    try:
        validate(folder)
    except DataError as error:
        assert str(folder) in str(error)
    hint(folder)
    shutil.rmtree(folder.parent)


WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="/\\\ufeff"), min_size=1, max_size=20
)
WORDS = WORDS.filter(lambda word: "#0" not in word and "s>" not in word)  # Kaldi keeps #0, <s> and </s> for itself
IDS = WORDS.filter(lambda word: word not in (".", ".."))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    utt2spk=st.dictionaries(IDS, IDS, min_size=1, max_size=8),
    value=st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
    chooser=st.data(),
)
def test_what_is_written_comes_back(tmp_path_factory, sound, utt2spk, value, chooser) -> None:  # type: ignore[no-untyped-def]
    utterances = st.sampled_from(sorted(utt2spk))
    chosen = chooser.draw(st.lists(utterances, max_size=5))
    data = DataDir(
        tmp_path_factory.mktemp("trip") / "data",
        {
            "utt2spk": utt2spk,
            "wav.scp": dict.fromkeys(utt2spk, "x.wav"),
            "text": dict.fromkeys(utt2spk, value),
            "spk2gender": dict.fromkeys(utt2spk.values(), "f"),
            "utt2note": dict.fromkeys(chosen, value),
        },
        {"enrolls": chosen, "trials": [f"{utt2spk[utterance]} {utterance} target" for utterance in chosen]},
    )
    data.write()
    found = validate(data.path, no_feats=True, no_spk_sort=True, non_print=True)
    assert found.tables == data.tables and found.lists == data.lists and found.spk2utt == data.spk2utt
    shutil.rmtree(data.path.parent)


def hint(folder: Path) -> None:
    """`fix` gives a valid dir and tells what it did, or an error and changes nothing."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    try:
        fixed = fix(folder)
    except DataError as error:
        assert str(folder) in str(error)
        assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
        return
    if fixed.changes:
        write_fixed(fixed)
        assert before.items() >= {path.name: path.read_bytes() for path in (folder / ".backup").iterdir()}.items()
    lost = len(fixed.data.utterances) < len(UTTERANCES)
    assert not lost or fixed.changes
    missing = [name for name in ("text", "feats.scp", "wav.scp") if not (folder / name).exists()]
    assert not missing
    found = validate(folder)
    assert found.utterances == fixed.data.utterances
    assert not fix(folder).changes


def test_fix_says_what_it_drops(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    segmented(folder).write()
    (folder / "text").write_text("\ufeffb-1 B\r\na-1 A \r\na-1 again\r\n\r\na-0 A\r\n/x y\r\nb-0 B")
    (folder / "utt2dur").write_text("a-0 1\n")
    (folder / "spk2gender").write_text("a f\nb x\né f\n")
    (folder / "trials").write_text("a a-1 taget\na a-1 target\na c-1 target\n")
    (folder / "spk2utt").unlink()
    fixed = fix(folder)
    assert fixed.data.utterances == ["a-0", "a-1"] and fixed.utterances == 9
    changes = "\n".join(fixed.changes)
    for expected in (
        "text: took away the byte order mark",
        "text: made Windows line ends into plain ones",
        "text: ended the last line, which may have been cut off: 'b-0 B'",
        "text: took away blanks at the ends of lines",
        "text: dropped 1 line blank",
        "text: dropped 1 line not of the form `<utterance> WORD WORD ...`, the first: '/x y'",
        "text: dropped 1 line with a key that stands before, the first: 'a-1 again'",
        "text: sorted",
        "utt2dur: dropped the table, which lacks 8 keys, e.g. a-1; make it anew",
        "spk2gender: dropped 1 line not of the form `<speaker> f|m`, the first: 'b x'",
        "utt2spk: dropped 7 lines not in every table",
        "wav.scp: dropped 2 lines",
        "trials: dropped 1 line not of the form `<speaker> <utterance> target|nontarget`, the first: 'a a-1 taget'",
        "trials: dropped 1 line of utterances that are not there, the first: 'a c-1 target'",
        "spk2utt: derived from utt2spk",
    ):
        assert expected in changes, expected
    write_fixed(fixed)
    assert not (folder / "utt2dur").exists() and (folder / ".backup" / "utt2dur").read_text() == "a-0 1\n"
    validate(folder)


def test_what_fix_cannot_hint(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with pytest.raises(DataError, match="lacks the file utt2spk"):
        fix(folder)
    plain(folder).write()
    (folder / "text").write_text("x-1 NO\n")
    with pytest.raises(DataError, match=r"no utterances remain: none is in all of wav\.scp utt2spk text"):
        fix(folder)
    (folder / "text").write_bytes(b"a-1 \xe9\n")
    with pytest.raises(DataError, match=r"text:1: not UTF-8\n  hint: iconv"):
        fix(folder)
