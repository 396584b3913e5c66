"""Digests of data dirs: what counts, what does not, and what is read again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pseudovox import stage
from pseudovox.data.datadir import DataDir
from pseudovox.stage import audio_digests
from pseudovox.stage.digests import digest_data


@pytest.fixture
def recorded(tiny_data: DataDir) -> DataDir:
    """tiny_data as users have it: no step made it."""
    (tiny_data.path / ".done.json").unlink(missing_ok=True)
    return DataDir.load(tiny_data.path)


def replace_first(data: DataDir) -> Path:
    """Put other samples into the first recording; its size stays."""
    path = Path(next(iter(data.tables["wav.scp"].values())))
    content = bytearray(path.read_bytes())
    content[-200:] = bytes(reversed(content[-200:]))
    assert len(content) == path.stat().st_size and bytes(content) != path.read_bytes()
    path.write_bytes(content)
    return path


def test_another_recording_of_the_same_size(recorded: DataDir) -> None:
    before = digest_data(recorded)
    assert before == digest_data(DataDir.load(recorded.path))
    replace_first(recorded)
    assert digest_data(recorded) != before


def test_moved_and_touched_recordings_are_the_same(recorded: DataDir, tmp_path: Path) -> None:
    before = digest_data(recorded)
    for key, name in recorded.tables["wav.scp"].items():
        new = tmp_path / f"elsewhere-{key}.wav"
        new.write_bytes(Path(name).read_bytes())
        recorded.tables["wav.scp"][key] = str(new)
    assert digest_data(recorded) == before


def test_a_process_reads_a_recording_once(recorded: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(audio_digests.FOLDER, raising=False)
    read: list[str] = []
    digest = audio_digests._digest
    monkeypatch.setattr(audio_digests, "_digest", lambda path: (read.append(path), digest(path))[1])
    paths = [Path(name) for name in recorded.tables["wav.scp"].values()]
    for path in paths:
        os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**10))
    args = stage.parser("", data_dirs="speech", out_dir="").parse_args([str(recorded.path), str(tmp_path)])
    args.step, args.seed = "test", 1
    for name in ("one", "other", "one"):
        with stage.output(args, tmp_path / name, settings={}, inputs=[recorded], torch_device=False):
            pass
    assert sorted(read) == sorted(str(path.absolute()) for path in paths)
    before = digest_data(recorded)
    replace_first(recorded)
    assert digest_data(recorded) != before and len(read) == len(paths) + 1
    assert digest_data(recorded) != before and len(read) == len(paths) + 2  # changed just now, it may change unseen


def test_what_is_known_is_not_read_again(recorded: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(audio_digests.FOLDER, str(tmp_path / "kept"))
    read: list[str] = []
    digest = audio_digests._digest
    monkeypatch.setattr(audio_digests, "_digest", lambda path: (read.append(path), digest(path))[1])
    count = len(recorded.tables["wav.scp"])
    before = digest_data(recorded)
    assert len(read) == count and digest_data(recorded) == before and len(read) == count
    replace_first(recorded)
    changed = digest_data(recorded)
    assert changed != before and len(read) == count + 1
    [kept] = (tmp_path / "kept").iterdir()
    kept.write_text("{broken")
    assert digest_data(recorded) == changed and len(json.loads(kept.read_text())) == count
    Path(next(iter(recorded.tables["wav.scp"].values()))).unlink()
    assert digest_data(recorded) not in (before, changed)


def test_a_table_that_is_not_read_does_not_count(recorded: DataDir) -> None:
    every = digest_data(recorded)
    recorded.reads = frozenset(("wav.scp", "segments", "utt2spk"))
    some = digest_data(recorded)
    recorded.tables["text"] = dict.fromkeys(recorded.utterances, "OTHER WORDS")
    assert digest_data(recorded) == some != every
    recorded.tables["utt2spk"] = {**recorded.utt2spk, recorded.utterances[0]: recorded.utterances[0]}
    assert digest_data(recorded) != some


def test_steps_that_read_audio_alone_go_on_when_a_text_is_mended(recorded: DataDir) -> None:
    parser = stage.parser("", data_dirs="speech")
    args = parser.parse_args([str(recorded.path), "out"])
    [first] = stage.load_data(args, reads=())
    (recorded.path / "text").write_text("".join(f"{utterance} AND OTHER WORDS\n" for utterance in recorded.utterances))
    [second] = stage.load_data(args, reads=())
    assert digest_data(first) == digest_data(second)
    assert digest_data(stage.load_data(args)[0]) != digest_data(second)
