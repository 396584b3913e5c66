"""A folder of recordings: layouts, formats, ids that are safe and unique, and that nothing is lost silently."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import data_dir
from pseudovox.corpora.folder import read_folder, safe_name, unique_ids
from pseudovox.data.audio import decoded_duration
from pseudovox.data.datadir import DataDir, check_id

Program = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = "local/prepare_folder.py"


def put(path: Path, rate: int = 16000, channels: int = 1, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(1).standard_normal((round(rate * seconds), channels))
    soundfile.write(path, noise, rate)
    return path


def ids(folder: Path, **options: bool) -> dict[str, tuple[str, str]]:
    """(utterance, speaker) by original path."""
    return {one.tables["utt2path"]: (one.utterance, one.speaker) for one in read_folder(folder, **options)}


def test_first_level_is_the_speaker_and_a_top_file_its_own(tmp_path: Path) -> None:
    for name in ("anna/one.wav", "anna/day 2/one.wav", "bob-2/bob-2.x.wav", "solo.wav", "Größe.wav"):
        put(tmp_path / name)
    assert ids(tmp_path) == {
        "anna/one.wav": ("anna-one", "anna"),
        "anna/day 2/one.wav": ("anna-day_2-one", "anna"),
        "bob-2/bob-2.x.wav": ("bob_2-bob-2.x", "bob_2"),
        "solo.wav": ("solo", "solo"),
        "Größe.wav": ("Gro_e", "Gro_e"),
    }


def test_one_speaker(tmp_path: Path) -> None:
    for name in ("me/a.wav", "me/b/c.wav"):
        put(tmp_path / name)
    assert ids(tmp_path / "me", one_speaker=True) == {"a.wav": ("me-a", "me"), "b/c.wav": ("me-b-c", "me")}


def test_names_that_clash_get_digests_of_their_own(tmp_path: Path) -> None:
    names = ("s/a b.wav", "s/a_b.wav", "s/a b.flac", "s/b.wav", "张三.wav", "李四.wav", "s.wav", "S/b.wav")
    for name in names:
        put(tmp_path / name)
    found = ids(tmp_path)
    assert found.keys() == set(names)
    utterances = [utterance.casefold() for utterance, _ in found.values()]
    assert len(set(utterances)) == len(names)
    assert found["s/b.wav"][1] != found["s.wav"][1] != found["S/b.wav"][1]
    assert found["张三.wav"][0].startswith("x_")
    (tmp_path / "s/a_b.wav").unlink()
    assert ids(tmp_path)["s/a b.flac"] == found["s/a b.flac"]


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80), max_size=12))
def test_ids_are_safe_and_unique_whatever_the_names(names: set[str]) -> None:
    given_ids = unique_ids({name: safe_name(name) for name in names}, 50)
    assert len({one.casefold() for one in given_ids.values()}) == len(names)
    for one in given_ids.values():
        assert check_id(one, "test") == one and one.isascii() and len(one) <= 50 and min(one) > "-"


def test_formats_rates_and_channels(tmp_path: Path) -> None:
    put(tmp_path / "a.WAV", 8000)
    put(tmp_path / "b.flac", 44100, 2)
    put(tmp_path / "c.ogg", 48000)
    put(tmp_path / "d.mp3", 22050)
    put(tmp_path / "e.aiff", 16000, 3)
    data = data_dir(read_folder(tmp_path), "data", duration=decoded_duration, jobs=2)
    assert len(data.utterances) == 5
    assert [data.duration(one) for one in data.utterances] == pytest.approx([0.5] * 5, abs=0.03)


def test_words_and_genders(tmp_path: Path) -> None:
    for name in ("anna lee/1.wav", "bob/1.wav"):
        put(tmp_path / "in" / name).with_suffix(".txt").write_text("Well,  it\u2019s\r\n42 o'clock_now.\r\n", "utf-8")
    genders = tmp_path / "genders"
    genders.write_text("anna lee f\nbob m\n")
    data = data_dir(read_folder(tmp_path / "in", genders=genders), "data")
    assert data.spk2gender == {"anna_lee": "f", "bob": "m"}
    assert set(data.text.values()) == {"WELL IT'S 42 O'CLOCK NOW"}
    genders.write_text("anna_lee f\n\nbob x\n")
    with pytest.raises(DataError, match=r"genders:3: expected `<speaker> f\|m`"):
        read_folder(tmp_path / "in", genders=genders)
    genders.write_text("anna_lee f\n")
    with pytest.raises(DataError, match="no line for 1 of 2 speakers: bob"):
        read_folder(tmp_path / "in", genders=genders)
    genders.write_text("carol f\n")
    with pytest.raises(DataError, match="genders:1: no speaker 'carol'; there are anna lee, bob"):
        read_folder(tmp_path / "in", genders=genders)
    (tmp_path / "in/bob/1.txt").unlink()
    with pytest.raises(DataError, match=r"bob/1\.wav: no words in 1\.txt, which 1 other files have") as caught:
        read_folder(tmp_path / "in")
    assert "--no-text" in caught.value.hint
    assert "text" not in data_dir(read_folder(tmp_path / "in", with_text=False), "data").tables


@pytest.mark.parametrize(("name", "content"), [("bad.wav", b""), ("bad.wav", b"hello" * 100), ("bad.flac", None)])
def test_damaged_audio_is_left_out_and_named(
    tmp_path: Path, program: Program, name: str, content: bytes | None
) -> None:
    put(tmp_path / "in" / "good.wav")
    bad = put(tmp_path / "in" / name)
    bad.write_bytes(bad.read_bytes()[:3000] if content is None else content)
    failed = program(SCRIPT, tmp_path / "in", tmp_path / "out")
    assert failed.returncode == 5 and "Traceback" not in failed.stderr
    assert name in failed.stderr
    assert DataDir.load(tmp_path / "out" / "recordings").utterances == ["good"]
    assert (tmp_path / "out" / "recordings" / "failed.tsv").read_text().startswith(f"{name}\t")
    again = program(SCRIPT, tmp_path / "in", tmp_path / "out")
    assert again.returncode == 5 and "skipped" in again.stderr and name in again.stderr
    (tmp_path / "in" / "good.wav").unlink()
    failed = program(SCRIPT, "--force", tmp_path / "in", tmp_path / "out")
    assert failed.returncode == 3 and "no file can be read" in failed.stderr and name in failed.stderr


def test_no_samples_or_nan(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "bad.wav", np.zeros(0), 16000)
    with pytest.raises(DataError, match=r"bad\.wav: holds no samples"):
        data_dir(read_folder(tmp_path), "data", duration=decoded_duration)
    soundfile.write(tmp_path / "bad.wav", np.full(100, np.nan), 16000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"bad\.wav holds NaN"):
        data_dir(read_folder(tmp_path), "data", duration=decoded_duration)


def test_nothing_is_left_out_silently(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(MissingModelError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(MissingModelError, match="no audio files"):
        read_folder(tmp_path)
    put(tmp_path / "a.wav")
    (tmp_path / "cover.jpg").write_bytes(b"x")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    with caplog.at_level("INFO", "pseudovox"):
        assert len(read_folder(tmp_path)) == 1
    assert "1 files are not audio and left out" in caplog.text and "cover.jpg" in caplog.text
    (tmp_path / "b.m4a").write_bytes(b"x")
    with pytest.raises(DataError, match=r"b\.m4a: m4a files cannot be read") as caught:
        read_folder(tmp_path)
    assert "ffmpeg" in caught.value.hint
    (tmp_path / "b.m4a").unlink()
    (tmp_path / "c.wav").symlink_to(tmp_path / "gone.wav")
    with pytest.raises(DataError, match=r"c\.wav: not a regular file"):
        read_folder(tmp_path)


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    put(tmp_path / "store" / "a.wav")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "anna").symlink_to(tmp_path / "store")
    assert list(ids(tmp_path / "in")) == ["anna/a.wav"]
    (tmp_path / "store" / "back").symlink_to(tmp_path / "in")
    with pytest.raises(DataError, match="leads back"):
        read_folder(tmp_path / "in")


@pytest.mark.parametrize("name", ["a\nb.wav", " a.wav", "a\tb.wav", b"\xff.wav".decode("utf-8", "surrogateescape")])
def test_names_that_no_table_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.wav").rename(tmp_path / name)
    with pytest.raises(DataError, match="rename it"):
        data_dir(read_folder(Path()), "data")


def test_step(tmp_path: Path, program: Program) -> None:
    for name in ("zoe/b.wav", "zoe/a.flac", "Adam/é è.wav", "top.ogg"):
        put(tmp_path / "in" / name)
    for jobs in (1, 4):
        made = program(SCRIPT, "--nj", jobs, "--name", "mine", tmp_path / "in", tmp_path / f"out{jobs}")
        assert made.returncode == 0, made.stderr
    for file in (tmp_path / "out1" / "mine").iterdir():
        if file.is_file() and file.suffix != ".json":
            assert file.read_bytes() == (tmp_path / "out4" / "mine" / file.name).read_bytes()
    assert program("utils/validate_data_dir.py", "--no-feats", "--no-text", tmp_path / "out1/mine").returncode == 0
    data = DataDir.load(tmp_path / "out1" / "mine")
    assert data.utterances == ["Adam-e_e", "top", "zoe-a", "zoe-b"]
    assert data.table("utt2path")["Adam-e_e"] == "Adam/é è.wav"
    assert "spk2gender" not in data.tables
    outside = program(SCRIPT, "--name", "../mine", tmp_path / "in", tmp_path / "out1")
    assert outside.returncode == 3 and "slash" in outside.stderr
