"""steps/publish_speech.py as users run it: folders come back as they were, a release tells nothing of its source."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pseudovox.data.audio import load, load_file
from pseudovox.data.datadir import DataDir, read_table

Program = Callable[..., "subprocess.CompletedProcess[str]"]
TAG = "Anna Smith, 12 High Street"
# path: Hz, channels, coding, tagged
RECORDINGS = {
    "anna/first.wav": (44100, 2, "PCM_24", True),
    "anna/day 2/second.flac": (22050, 1, "PCM_16", True),
    "anna/Größe.wav": (8000, 1, "ULAW", False),
    "bob.mp3": (16000, 1, "MPEG_LAYER_III", True),
    "zoe/third.OGG": (48000, 1, "VORBIS", True),
    "zoe/fourth.aiff": (16000, 1, "FLOAT", False),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> Path:
    """A folder of tagged recordings, read into data/recordings and anonymized by McAdams."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    for number, (name, (rate, channels, coding, tagged)) in enumerate(RECORDINGS.items()):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(path, "w", rate, channels, coding) as file:
            if tagged:
                file.artist, file.comment, file.title = TAG, TAG, TAG
            file.write(0.1 * draw.standard_normal((round(rate * (0.5 + 0.1 * number)), channels)))
        assert not tagged or TAG.encode() in path.read_bytes()
        path.with_suffix(".txt").write_text(f"word {number}\n")
    done = program("local/prepare_folder.py", "in", "data")
    assert done.returncode == 0, done.stderr
    done = program("steps/anonymize_mcadams.py", "--seed", 2**100, "--device", "cpu", "data/recordings", "data")
    assert done.returncode == 0, done.stderr
    return tmp_path / "in"


def publish(program: Program, *options: object, out: str = "out", code: int = 0) -> str:
    done = program("steps/publish_speech.py", "--system", "mcadams", *options, "data/recordings", out)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    return done.stderr


def manifest(out: str) -> dict[str, dict[str, str]]:
    """Rows by original path."""
    head, *rows = Path(out, "private/manifest.tsv").read_text().splitlines()
    found = [dict(zip(head.split("\t"), row.split("\t"), strict=True)) for row in rows]
    return {row["original"]: row for row in found}


def test_folder_comes_back_with_its_structure_and_formats(folder: Path, program: Program) -> None:
    publish(program)
    made = Path("out/recordings")
    assert {str(path.relative_to(made)) for path in made.rglob("*.*")} == RECORDINGS.keys()
    for name, (rate, _, coding, _) in RECORDINGS.items():
        before, after = soundfile.info(folder / name), soundfile.info(made / name)
        assert (after.format, after.samplerate, after.channels) == (before.format, rate, 1), name
        assert after.subtype == ("PCM_16" if coding == "FLOAT" else coding)
        assert after.frames == pytest.approx(before.frames, abs=2400 if name.endswith("mp3") else 0)
        assert TAG.encode() not in (made / name).read_bytes()
    data, there = DataDir.load("data/recordings"), DataDir.load("data/recordings_mcadams")
    [utterance] = [utt for utt, path in data.tables["utt2path"].items() if path == "anna/day 2/second.flac"]
    written, anonymized = load_file(made / "anna/day 2/second.flac"), load(there, utterance)
    assert np.corrcoef(written[: len(anonymized)], anonymized[: len(written)])[0, 1] > 0.99
    assert "done already, skipped" in publish(program)


def test_release_tells_nothing_of_its_source(folder: Path, program: Program) -> None:
    publish(program, "--release")
    given = sorted(Path("out/release").iterdir())
    assert len(given) == len(RECORDINGS) and all(path.suffix == ".flac" for path in given)
    words = {TAG, *RECORDINGS, *(Path(name).stem for name in RECORDINGS), "anna", "zoe", "mcadams", str(folder)}
    for path in given:
        content = path.read_bytes()
        assert not [word for word in words if word.encode() in content or word in path.name], path
        info = soundfile.info(path)
        assert (info.format, info.samplerate, info.channels) == ("FLAC", 16000, 1)
        with soundfile.SoundFile(path) as file:
            assert not {"artist", "comment", "title", "date"} & file.copy_metadata().keys()
    assert len({path.stat().st_mtime for path in (*given, given[0].parent)}) == 1, "dates"
    rows = manifest("out")
    assert rows.keys() == RECORDINGS.keys()
    guesses = [word for row in rows.values() for word in (row["original"], row["utterance"], row["speaker"])]
    guesses += [f"recordings/{word}" for word in guesses]
    digests = {hashlib.new(kind, word.encode()).hexdigest() for kind in ("md5", "sha1", "sha256") for word in guesses}
    for row in rows.values():
        assert hashlib.sha256(Path("out/release", row["file"]).read_bytes()).hexdigest() == row["sha256"]
        assert not [digest for digest in digests if digest.startswith(Path(row["file"]).stem[:6])], "no plain digest"
    assert Path("out/private").stat().st_mode & 0o077 == 0


def test_names_come_from_the_key_alone(folder: Path, program: Program) -> None:
    publish(program, "--release")
    drawn = {path: row["file"] for path, row in manifest("out").items()}
    publish(program, "--release", "--force")
    assert not set(drawn.values()) & {row["file"] for row in manifest("out").values()}, "a new key"
    Path("key").write_text("correct horse battery staple\n")
    secret = ("--release", "--set", "publish.secret=key")
    names = []
    for out, nj in (("a", 1), ("b", 3)):
        publish(program, *secret, "--nj", nj, out=out)
        names.append({path: (row["file"], row["sha256"]) for path, row in manifest(out).items()})
        assert not Path(out, "private/key").exists()
    assert names[0] == names[1]
    assert "a key of 5 bytes" in _with_key(program, "short")


def _with_key(program: Program, key: str) -> str:
    Path("key").write_text(key)
    return publish(program, "--release", "--set", "publish.secret=key", out="c", code=3)


def test_formats_and_words_of_a_release(folder: Path, program: Program) -> None:
    publish(program, "--release", "--set", "publish.format=original", "--set", "publish.text=true")
    rows = manifest("out")
    for path, (rate, _, _, _) in RECORDINGS.items():
        info = soundfile.info(Path("out/release", rows[path]["file"]))
        assert rows[path]["file"].endswith(Path(path).suffix.lower()) and info.samplerate == rate
    text = dict(line.split("\t") for line in Path("out/release/transcripts.tsv").read_text().splitlines())
    assert text == {rows[path]["file"]: f"WORD {number}" for number, path in enumerate(RECORDINGS)}
    assert "publish.format 'm4a'" in publish(program, "--release", "--set", "publish.format=m4a", out="x", code=2)


def test_what_no_folder_can_be_made_of(folder: Path, program: Program) -> None:
    table = Path("data/recordings/utt2path")
    paths = read_table(table)
    for name, message in (("../x.wav", "no path of a file below"), ("/x.wav", "no path of"), ("zoe/third.OGG", "too")):
        table.write_text("".join(f"{utt} {name if utt == 'bob' else path}\n" for utt, path in sorted(paths.items())))
        assert message in publish(program, code=3)
    table.unlink()
    assert "has no utt2path" in publish(program, code=3)
    publish(program, "--release")  # needs none
    assert json.loads(Path("out/.done.json").read_text())["counts"]["recordings"] == len(RECORDINGS)


def test_what_was_made_with_a_seed_that_can_be_guessed_is_not_released(folder: Path, program: Program) -> None:
    done = program("steps/anonymize_mcadams.py", "--force", "--device", "cpu", "data/recordings", "data")
    assert done.returncode == 0, done.stderr
    told = publish(program, "--release", code=2)
    assert "data/recordings_mcadams: made with seed 1: it can be guessed" in told and not Path("out").exists()
    publish(program)  # for oneself
    publish(program, "--release", "--set", "publish.public_seed=true", out="known")
