"""utils/validate_data_dir.py: Kaldi's rules, one line when all is well, file and line and mend when not."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]


def test_a_good_dir(tiny_data: DataDir, program: Program) -> None:
    shown = program("utils/validate_data_dir.py", "--no-feats", "data/tiny")
    assert (shown.returncode, shown.stdout) == (0, "data/tiny: ok, 12 utterances, 3 speakers\n"), shown.stderr


@pytest.mark.parametrize(
    ("name", "change", "options", "message"),
    [
        ("text", None, ["--no-feats"], "lacks the file text\n  mend: give --no-text"),
        ("text", None, ["--no-text"], "lacks the file feats.scp\n  mend: give --no-feats"),
        (
            "utt2spk",
            lambda lines: lines[::-1],
            ["--no-feats"],
            "utt2spk:1: not sorted bytewise: m2-3 stands where f1-0",
        ),
        ("utt2spk", lambda lines: ["f1-0 z", *lines[1:]], ["--no-feats"], "spk2gender: 1 keys missing"),
        ("text", lambda lines: [lines[0] + "\u200b", *lines[1:]], ["--no-feats"], "f1-0: a character that cannot be"),
        ("spk2utt", lambda lines: lines[1:], ["--no-feats"], "spk2utt: does not agree with utt2spk"),
    ],
)
def test_faults(
    tiny_data: DataDir, program: Program, name: str, change: Callable | None, options: list[str], message: str
) -> None:
    file = tiny_data.path / name
    lines = file.read_text().splitlines()
    file.unlink()
    if change:
        file.write_text("".join(line + "\n" for line in change(lines)))
    shown = program("utils/validate_data_dir.py", *options, tiny_data.path)
    assert shown.returncode == 3 and message in shown.stderr and "Traceback" not in shown.stderr


def test_order_by_speaker(tmp_path: Path, program: Program) -> None:
    table = {"1-x": "b", "2-y": "a"}
    DataDir(tmp_path / "data", {"wav.scp": table, "utt2spk": table}).write()
    arguments = ("utils/validate_data_dir.py", "--no-feats", "--no-text", tmp_path / "data")
    shown = program(*arguments)
    assert shown.returncode == 3 and "utt2spk:1: sorted by speaker, 2-y would stand here" in shown.stderr
    assert program(*arguments, "--no-spk-sort").returncode == 0
