"""utils/validate_data_dir.py: Kaldi's rules, one line when all is well, file, line and a hint when not."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir
from pseudovox.data.datadir.validate import validate

Program = Callable[..., subprocess.CompletedProcess[str]]


def test_a_good_dir(tiny_data: DataDir, program: Program) -> None:
    (tiny_data.path / "notes").write_text("not a table")
    shown = program("utils/validate_data_dir.py", "--no-feats", "data/tiny")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == (
        "data/tiny: ok, 12 utterances, 3 speakers\ndata/tiny: not looked at, as they are no tables: notes\n"
    )


def test_the_message_of_a_bad_one(tiny_data: DataDir, program: Program) -> None:
    shown = program("utils/validate_data_dir.py", "data/tiny")
    assert shown.returncode == 3 and shown.stderr == (
        "validate_data_dir.py: data/tiny: the data dir lacks the file feats.scp\n"
        "  hint: make it: lines `<utterance> archive:offset`, or give --no-feats if it need not be there\n"
    )


Change = Callable[[list[str]], list[str]]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("text", None, "lacks the file text\n  hint: .*, or give --no-text"),
        ("wav.scp", None, r"lacks the file wav\.scp"),
        ("spk2utt", None, r"lacks the file spk2utt\n  hint: derive it: utils/utt2spk_to_spk2utt.py \S+ > data"),
        ("utt2spk", lambda lines: lines[::-1], "utt2spk:1: not sorted bytewise: m2-3 stands where f1-0 belongs"),
        ("text", lambda lines: [lines[1], lines[0], *lines[2:]], "text:1: not sorted bytewise: f1-1 stands"),
        ("text", lambda lines: [lines[0], *lines], "text:2: f1-0 stands twice"),
        ("utt2spk", lambda lines: ["f1-0 z", *lines[1:]], "spk2gender: lacks 1 of the 4 speakers in utt2spk"),
        ("text", lambda lines: [lines[0] + "\u200b", *lines[1:]], "text:1: f1-0: a character that cannot be printed"),
        ("text", lambda lines: [lines[0] + " \u00a0x", *lines[1:]], "text:1: f1-0: white space '.xa0' other than"),
        ("text", lambda lines: [*lines[:-1], "m2-3 A </s>"], "text:12: m2-3: the symbol </s>, which Kaldi keeps"),
        ("text", lambda lines: [*lines[:-1], "m2-3 #0"], "text:12: m2-3: the symbol #0"),
        ("spk2utt", lambda lines: lines[1:], "spk2utt: lacks speaker f1 of utt2spk"),
        ("spk2utt", lambda lines: lines[::-1], "spk2utt:1: not sorted bytewise: m2 stands where f1"),
        ("spk2utt", lambda lines: [*lines[:2], "m2 m2-1 m2-0 m2-2 m2-3"], "spk2utt:3: the utterances of m2 are not"),
        ("wav.scp", lambda lines: ["f1-0 cat x |", *lines[1:]], r"wav\.scp:1: f1-0 is a shell command"),
        ("reco2dur", lambda lines: ["f1-0 1"], "reco2dur: lacks 11 of the 12 utterances"),
        ("phones.ctm", lambda lines: ["f1-0 1 0 0.1 a", "f1-0 1 x 0.1 a"], r"phones\.ctm:2: expected `utterance"),
    ],
)  # fmt: skip
def test_what_kaldi_refuses(tiny_data: DataDir, name: str, change: Change | None, message: str) -> None:
    file = tiny_data.path / name
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    if change:
        file.write_text("".join(line + "\n" for line in change(lines)))
    with pytest.raises(DataError, match=message):
        validate(tiny_data.path, no_feats=True)


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("text", None, {"no_text": True}),
        ("wav.scp", None, {"no_wav": True}),
        ("utt2spk", "f1-0\tf1\n", {}),
        ("text", "f1-0 A\u200b\n", {"non_print": True}),
        ("text", "f1-0   A  <sil>\tB \n", {}),
        ("wav.scp", "f1-0 cat x |\n", {"allow_pipes": True}),
        ("reco2file_and_channel", "f1-0 f A\n", {}),
        ("utt2dur", "f1-0 1e-3\n", {}),
        ("utt2num_frames", "f1-0 3\n", {}),
        ("cmvn.scp", "f1 x:3\n", {}),
        ("utt2other", "zz 1\naa 2\n", {}),
    ],
)
def test_what_kaldi_accepts(tmp_path: Path, name: str, content: str | None, options: dict[str, bool]) -> None:
    tables = {"wav.scp": "x.wav", "utt2spk": "f1", "text": "A"}
    DataDir(tmp_path / "data", {table: {"f1-0": value} for table, value in tables.items()}).write()
    (tmp_path / "data" / name).unlink(missing_ok=True)
    if content:
        (tmp_path / "data" / name).write_text(content)
    assert validate(tmp_path / "data", no_feats=True, **options).utterances == ["f1-0"]


def test_recordings(tmp_path: Path) -> None:
    tables = {
        "utt2spk": {"a-1": "a", "a-2": "a"},
        "segments": {"a-1": "r 0 2", "a-2": "r 1 3.5"},  # overlapping is fine
        "wav.scp": {"r": "x.wav", "s": "y.wav"},
    }
    DataDir(tmp_path / "data", tables).write()
    with pytest.raises(
        DataError, match=r"wav\.scp:2: recording s is not in segments; 1 are too many\n  hint: utils/fix"
    ):
        validate(tmp_path / "data", no_feats=True, no_text=True)
    assert DataDir.load(tmp_path / "data").recordings == ["r"]  # which does no harm to a step


def test_order_by_speaker(tmp_path: Path) -> None:
    table = {"1-x": "b", "2-y": "a"}
    DataDir(tmp_path / "data", {"wav.scp": table, "utt2spk": table}).write()
    with pytest.raises(
        DataError, match="utt2spk:1: sorted by speaker, 2-y would stand here, not 1-x\n  hint: make spea"
    ):
        validate(tmp_path / "data", no_feats=True, no_text=True)
    validate(tmp_path / "data", no_feats=True, no_text=True, no_spk_sort=True)
