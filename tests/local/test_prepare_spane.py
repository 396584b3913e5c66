"""SpAnE's data files: what becomes of each key, the way there and back, and lines that are not understood."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError
from pseudovox.corpora import spane
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = "local/prepare_spane.py"


def line(stem: str, speaker: str = "1089", **more: Any) -> dict[str, Any]:
    return {"path": f"{{root}}/{speaker}/{stem}.flac", "duration": 0.1, "label": speaker, **more}


def write(file: Path, *lines: dict[str, Any] | str) -> Path:
    put_text(file, *(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return file


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two utterances each of 1089 and 121, below corpora/ in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    put_audio(*(Path(f"corpora/{one}/{one}-1-{n:04d}.flac") for one in ("1089", "121") for n in range(2)))
    put_audio(Path("corpora/01/03-01-01.wav"))
    return Path("corpora")


def test_every_key_finds_its_table(root: Path, prepared: Callable[..., Path]) -> None:
    own = {"text": "TWO  WORDS", "gender": "M", "age": 41, "utt_emotion": "neutral", "utt_intensity": 1.5, "target": 3}
    first = line("1089-1-0000", **own)
    old = {("audio_filepath" if key == "path" else key): value for key, value in line("121-1-0000", "121").items()}
    file = write(Path("eval.txt"), first, "", {**old, **own, "gender": "F", "target": 7})
    folder = prepared(SCRIPT, file, "--root", root)
    data = DataDir.load(folder / "eval")
    assert data.tables["wav.scp"]["1089-1-0000"] == "corpora/1089/1089-1-0000.flac"
    assert data.utt2spk == {"1089-1-0000": "1089", "121-1-0000": "121"} and data.text["121-1-0000"] == "TWO WORDS"
    assert data.spk2gender == {"1089": "m", "121": "f"} and data.tables["spk2age"] == {"1089": "41", "121": "41"}
    assert data.tables["utt2target"] == {"1089-1-0000": "3", "121-1-0000": "7"}
    assert set(data.tables["utt2emo"].values()) == {"neutral"} and set(data.tables["utt2intensity"].values()) == {"1.5"}


def test_utterances_begin_with_their_speaker(root: Path) -> None:
    path = {"path": "{root}/01/03-01-01.wav", "duration": 0.1, "label": "01"}
    assert spane.read(write(Path("ravdess.txt"), path), root)[0].utterance == "01-03-01-01"


def test_there_and_back(root: Path, program: Program) -> None:
    lines = [line(f"{one}-1-{n:04d}", one, text="WORDS", gender="F", utt_emotion="sad") for one in ("1089", "121")
             for n in range(2)]  # fmt: skip
    assert program(SCRIPT, "--root", root, write(Path("there.txt"), *lines), "data").returncode == 0
    done = program("local/export_spane.py", "--root", root, "data/there", "files")
    assert done.returncode == 0, done.stderr
    assert [json.loads(one) for one in Path("files/there.txt").read_text().splitlines()] == lines
    assert "skipped" in program("local/export_spane.py", "--root", root, "data/there", "files").stderr


def test_lists_of_trials_and_enrolments(root: Path, program: Program) -> None:
    lines = [line(f"{one}-1-{n:04d}", one, gender="F") for one in ("1089", "121") for n in range(2)]
    assert program(SCRIPT, "--root", root, write(Path("test.txt"), *lines), "data").returncode == 0
    put_text(Path("enrolls.txt"), "1089-1-0001", "121-1-0000")
    split = ("local/split_trials.py", "--mixed", "--enrolls-list", "enrolls.txt", "data/test", "data")
    done = program(*split)
    assert done.returncode == 0, done.stderr
    trials = DataDir.load("data/test_trials_mixed")
    assert [(one.speaker, one.utterance, one.target) for one in trials.trials] == [
        ("1089", "1089-1-0000", True), ("1089", "121-1-0001", False),
        ("121", "1089-1-0000", False), ("121", "121-1-0001", True),
    ]  # fmt: skip
    done = program("local/export_spane.py", "data/test_enrolls", "data/test_trials_mixed", "files")
    assert done.returncode == 0, done.stderr
    assert Path("files/test_enrolls.enrolls.txt").read_text() == Path("enrolls.txt").read_text()
    assert Path("files/test_trials_mixed.trials.txt").read_text() == "1089-1-0000\n121-1-0001\n"
    put_text(Path("both.txt"), "1089-1-0001")
    done = program(*split[:-2], "--trials-list", "both.txt", *split[-2:], "--force")
    assert done.returncode == 3 and "both.txt:1: 1089-1-0001 stands in enrolls.txt:1, too" in done.stderr


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{'path': 1}", r"bad.txt:2: no JSON object: .* character 2"),
        ("[1, 2]", "bad.txt:2: a JSON list, expected an object"),
        ('{"path": "a", "path": "b"}', "bad.txt:2: the key 'path' stands twice"),
        ({"duration": 1, "label": "a"}, "bad.txt:2: lacks 'path'"),
        ({"path": "a", "audio_filepath": "a", "duration": 1, "label": "a"}, "bad.txt:2: has two of 'path'"),
        ({"path": "a", "duration": 1}, "bad.txt:2: lacks 'label'"),
        ({"path": "a", "label": "a"}, "bad.txt:2: lacks 'duration'"),
        ({"path": " ", "duration": 1, "label": "a"}, "bad.txt:2: path ' ': expected the name"),
        ({"path": "a", "duration": "1", "label": "a"}, "bad.txt:2: duration '1': expected seconds"),
        ({"path": "a", "duration": 0, "label": "a"}, "bad.txt:2: duration 0: expected seconds"),
        ('{"path": "a", "duration": NaN, "label": "a"}', "bad.txt:2: duration nan: expected seconds"),
        ({"path": "a", "duration": 1, "label": "a b"}, "bad.txt:2: id 'a b' is empty or holds"),
        ({"path": "a", "duration": 1, "label": []}, r"bad.txt:2: label \[\]: expected a string"),
        ({"path": "a", "duration": 1, "label": "a", "text": 3}, "bad.txt:2: text 3: expected a string"),
        ({"path": "a", "duration": 1, "label": "a", "x y": 3}, "bad.txt:2: key 'x y': expected letters"),
        (line("1089-1-0001", age=4), "bad.txt:2: has 'age', which the lines before it lack\n.*every line 'age', or"),
        (line("1089-1-0000"), r"bad.txt:2: 1089-1-0000 stands in line 1, too \(corpora/1089/1089-1-0000.flac\)"),
        (line("1089-1-0009"), "bad.txt:2: corpora/1089/1089-1-0009.flac: no such file"),
    ],
)
def test_lines_that_are_not_understood_are_named(root: Path, bad: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        spane.read(write(Path("bad.txt"), line("1089-1-0000"), bad), root)


def test_values_that_contradict_each_other(root: Path) -> None:
    file = write(Path("bad.txt"), line("1089-1-0000", gender="M"), line("1089-1-0001", gender="F"))
    with pytest.raises(DataError, match=r"bad.txt:2: gender of speaker 1089 is 'f' here and 'm' in line 1"):
        spane.read(file, root)
    with pytest.raises(DataError, match=r"bad.txt:1: gender 'X', expected F or M"):
        spane.read(write(Path("bad.txt"), line("1089-1-0000", gender="X")), root)
    with pytest.raises(DataError, match=r"bad.txt: has no lines"):
        spane.read(write(Path("bad.txt"), ""), root)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["f1-0", "nobody"], "list:2: nobody: no such utterance in data/tiny"),
        (["f1-0", "f1-0"], "list:2: f1-0 stands in list:1, too"),
        ([""], "list: names no utterance"),
    ],
)
def test_lists_that_are_not_understood_are_named(tiny_data: DataDir, lines: list[str], message: str) -> None:
    put_text(Path("list"), *lines)
    with pytest.raises(DataError, match=message):
        spane.chosen(tiny_data, trials=Path("list"))


def test_lists_divide_as_spane_does(tiny_data: DataDir) -> None:
    put_text(Path("enrolls"), "f1-0", "m1-0")
    put_text(Path("trials"), "f1-1", "m1-1")
    assert spane.chosen(tiny_data, Path("enrolls"), Path("trials")) == (["f1-0", "m1-0"], ["f1-1", "m1-1"])
    rest = [one for one in tiny_data.utterances if one not in ("f1-1", "m1-1")]
    assert spane.chosen(tiny_data, trials=Path("trials")) == (rest, ["f1-1", "m1-1"])
