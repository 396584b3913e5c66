"""Names, keys and dates of a release."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from pseudovox import release
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.release import Form, Item

FORM = Form("FLAC", "PCM_16", 16000)


def items(name: str, count: int = 200) -> list[Item]:
    utt2spk = {f"s-{number:03}": "s" for number in range(count)}
    data = DataDir(f"data/{name}", {"utt2spk": utt2spk, "wav.scp": {utt: f"{utt}.wav" for utt in utt2spk}})
    return [Item(data, utterance, ".flac", FORM) for utterance in data.utterances]


def names(name: str, key: bytes) -> list[str]:
    return [item.path for item in release.named(items(name), key)]


def test_names_hang_on_key_and_system_and_not_on_the_order() -> None:
    own = names("a_pool", b"k" * 32)
    assert names("a_pool", b"k" * 32) == own and len(set(own)) == 200
    assert not set(own) & {*names("a_pool", b"l" * 32), *names("a_mcadams", b"k" * 32)}
    assert all(len(name) == 25 and name.endswith(".flac") for name in own)
    rising = sum(first < second for first, second in itertools.pairwise(own))
    assert 80 < rising < 120, "the old order shows in the new one"
    alone = release.named([items("a_pool")[7]], b"k" * 32)
    assert alone[0].path == own[7], "a name does not hang on the others"


def test_key_is_drawn_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    key = release.key_of(tmp_path / "private", None)
    assert release.key_of(tmp_path / "private", None) == key and len(key) == 64
    assert release.key_of(tmp_path / "other", None) != key
    assert (tmp_path / "private/key").stat().st_mode & 0o077 == 0
    with pytest.raises(DataError, match="No such file"):
        release.read_key(tmp_path / "nowhere")


def test_dates_are_one_and_what_a_killed_run_left_is_gone(tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac", ".c.flac.123.tmp"):
        (tmp_path / name).write_bytes(b"x")
    release.set_dates(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.flac", "b.flac"]
    assert {path.stat().st_mtime for path in (*tmp_path.iterdir(), tmp_path)} == {release.DATE}


@pytest.mark.parametrize("name", ["m4a", "", "original", "nist/x"])
def test_formats_that_cannot_be_written(name: str) -> None:
    with pytest.raises(UsageError, match=r"publish\.format"):
        release.form_named(name)
