"""The command `pseudovox`: files and folders as recipes/own writes them, formats, what it refuses; and from a wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny_models

from pseudovox import release
from pseudovox.anonymizer import Anonymizer
from pseudovox.console import main
from pseudovox.data import audio
from pseudovox.devtools.packing import probe

ROOT = Path(__file__).resolve().parent.parent
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make(tmp_path_factory.mktemp("exp") / "tiny") / "models"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with in.wav (8 kHz, 24 bits) and a folder of recordings."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", probe(120, 1.0, 8000), 8000, subtype="PCM_24")
    Path("folder/anna").mkdir(parents=True)
    for number in range(2):
        soundfile.write(f"folder/anna/{number}.flac", probe(200 + 20 * number, 0.8, 22050), 22050)
    soundfile.write("folder/ben.ogg", probe(110, 0.7), 16000)
    return tmp_path


def run(*arguments: object) -> int:
    return main([*map(str, arguments), "--device", "cpu"])


def test_a_recording(place: Path, models: Path) -> None:
    assert run("in.wav", "out.wav", "--pack", models) == 0
    info, original = soundfile.info("out.wav"), soundfile.info("in.wav")
    assert (info.samplerate, info.frames, info.subtype, info.channels) == (8000, original.frames, "PCM_24", 1)
    samples = soundfile.read("in.wav", dtype="float32")[0]
    expected = Anonymizer.load(pack=models, device="cpu").anonymize(samples, 8000, "in")
    assert np.abs(soundfile.read("out.wav", dtype="float32")[0] - expected).max() < 1e-4
    assert run("in.wav", "sub/out.flac", "--pack", models, "--speaker", "anna", "--seed", 3, "--gender", "f") == 0
    flac, rate = soundfile.read("sub/out.flac", dtype="float32")
    expected = Anonymizer.load(pack=models, device="cpu", seed=3).anonymize(samples, 8000, "anna", gender="f")
    assert rate == 8000 and np.abs(flac - expected).max() < 1e-4


def test_a_folder(place: Path, models: Path) -> None:
    assert run("folder", "made", "--pack", models) == 0
    names = {str(path.relative_to("folder")) for path in Path("folder").rglob("*.*")}
    assert names == {str(path.relative_to("made")) for path in Path("made").rglob("*.*")}
    recordings = {f"anna-{number}": audio.load_file(f"folder/anna/{number}.flac") for number in range(2)}
    speech = Anonymizer.load(pack=models, device="cpu").anonymize_speaker(recordings, "anna")
    for number in range(2):
        form = release.form_of_file(f"folder/anna/{number}.flac", lambda: 0.0)
        stored = audio.pcm(speech[f"anna-{number}"]) / np.float32(32768)
        release.encode([stored], form, Path("expected.flac"))
        assert Path(f"made/anna/{number}.flac").read_bytes() == Path("expected.flac").read_bytes()
    info = soundfile.info("made/ben.ogg")
    assert (info.format, info.subtype, info.frames) == ("OGG", "VORBIS", soundfile.info("folder/ben.ogg").frames)


def test_what_fails_does_not_take_the_others_with_it(place: Path, capsys: Printed) -> None:
    soundfile.write("folder/short.wav", np.ones(100) / 2, 16000)
    Path("folder/anna/broken.wav").write_text("no audio")
    assert run("folder", "made", "--system", "mcadams") == 5
    said = capsys.readouterr().err
    assert "2 recordings failed; the others are in made" in said
    assert "folder/short.wav: 0.006 s of speech" in said and "folder/anna/broken.wav: cannot be read as audio" in said
    assert len(list(Path("made").rglob("*.*"))) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("none.wav", "out.wav"), 4, "none.wav: no such file or folder"),
        (("in.wav", "folder"), 3, "folder: is a folder\n  hint: name a file, e.g. folder/in.wav"),
        (("in.wav", "in.wav", "--force"), 3, "in.wav: is there already\n  hint: give another name"),
        (("in.wav", "folder/ben.ogg"), 3, "folder/ben.ogg: is there already\n  hint: --force replaces it"),
        (("folder", "folder/made"), 3, "folder/made: lies in folder, or this in it"),
        (("in.wav", "out.txt"), 2, "the name OUT 'txt': expected flac, wav"),
        (("in.wav", "out"), 2, "the name OUT '': expected flac, wav"),
        (("in.wav", "out.wav", "--channel", "left"), 2, "--channel 'left': expected 0, 1, ... or mean"),
        (("in.wav", "out.wav", "--set", "mcadams.varient=2020"), 2, "mcadams.variant"),
        (("in.wav", "out.wav", "--system", "pca_gmm", "--pack", "nowhere"), 4, "no pack 'nowhere'"),
    ],
)
def test_what_is_refused(place: Path, capsys: Printed, arguments: tuple[str, ...], code: int, message: str) -> None:
    system = () if "--system" in arguments else ("--system", "mcadams")
    assert run(*arguments, *system) == code
    assert message in capsys.readouterr().err and not list(place.glob("out*"))


def test_help_is_quick() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "pseudovox", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert shown.returncode == 0 and "the words stay, the voice is replaced" in shown.stdout
    heavy = {"numpy", "torch", "soundfile", "scipy"} & set(re.findall(r"\| +(\w+)$", shown.stderr, re.MULTILINE))
    assert not heavy


BUILT_OF = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
LINES = """
import pseudovox, numpy
anonymizer = pseudovox.Anonymizer.load("mcadams", device="cpu")
made = anonymizer.anonymize(0.1 * numpy.random.default_rng(0).standard_normal(8000), 16000)
assert made.shape == (8000,) and made.any()
print(pseudovox.__file__)
"""


@pytest.mark.slow
def test_from_a_wheel(place: Path) -> None:
    """Installed elsewhere, from another folder: three lines of Python, the command, its models and configuration."""
    tree = place / "tree"  # what git has, so that nothing of a former build gets in
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and name.split("/")[0] in ("pseudovox", "conf", "pretrained", *BUILT_OF):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    building = [
        *pip,
        "wheel",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(place / "wheels"),
        str(tree),
    ]
    built = subprocess.run(building, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    wheel = next((place / "wheels").glob("*.whl"))
    held = set(zipfile.ZipFile(wheel).namelist())
    shared = [path.relative_to(tree) for name in ("conf", "pretrained") for path in (tree / name).rglob("*.*")]
    assert shared and not {f"pseudovox/share/{path}" for path in shared} - held
    installing = [*pip, "install", "--no-index", "--no-deps", "--target", str(place / "site"), str(wheel)]
    installed = subprocess.run(installing, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    environment = {**os.environ, "PYTHONPATH": str(place / "site")}
    done = subprocess.run([sys.executable, "-c", LINES], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(place / "site")
    for pack in sorted(path.name for path in (place / "site/pseudovox/share/pretrained").glob("*")):
        code = LINES.replace('"mcadams"', f'"pca_gmm", pack="{pack}"')
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
    command = [str(place / "site/bin/pseudovox"), "in.wav", "out.wav", "--system", "mcadams"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and soundfile.info("out.wav").frames == soundfile.info("in.wav").frames, done.stderr
    started = time.monotonic()
    subprocess.run([command[0], "--help"], check=True, capture_output=True, env=environment)
    assert time.monotonic() - started < 20
