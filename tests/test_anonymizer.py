"""pseudovox.Anonymizer and the command: what recipes/own gives, sample by sample; and what is said of bad input."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny_models

import pseudovox
from pseudovox.config import packs
from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.data import audio
from pseudovox.devtools.packing import probe

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = ("pca_gmm", "resynthesis", "mcadams")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make(tmp_path_factory.mktemp("exp") / "tiny") / "models"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """anna/{0,1}.wav at 16 kHz, ben.flac in antiphase stereo at 44.1 kHz, carl.wav at 8 kHz, still.wav, silence."""
    made = tmp_path_factory.mktemp("recordings")
    (made / "anna").mkdir()
    for number in range(2):
        soundfile.write(made / f"anna/{number}.wav", probe(200 + 20 * number, 1.0), 16000)
    ben = probe(110, 1.3, 44100)
    soundfile.write(made / "ben.flac", np.stack([ben, -ben], axis=1), 44100)
    soundfile.write(made / "carl.wav", probe(120, 0.7, 8000), 8000)
    soundfile.write(made / "still.wav", np.zeros(8000), 16000)
    return made


@pytest.fixture(scope="module")
def by_recipe(models: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What recipes/own makes of the folder: data/recordings_<system>, exp/<system>/folder/recordings."""
    place = tmp_path_factory.mktemp("own")
    command = [
        str(ROOT / "run.sh"), "--recipe", "own", "--set", f"data.folder={folder}", "--set", f"models={models}",
        "--system", ",".join(SYSTEMS), "--data-dir", str(place / "data"), "--exp-dir", str(place / "exp"), "--nj", "2",
        "--stop-stage", "synthesize",
    ]  # fmt: skip
    for stages in ([], ["--stage", "publish", "--stop-stage", "publish"]):
        environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
        done = subprocess.run([*command, *stages], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.mark.parametrize("system", SYSTEMS)
def test_same_as_the_recipe(system: str, models: Path, folder: Path, by_recipe: Path) -> None:
    anonymizer = pseudovox.Anonymizer.load(system, pack=models, device="cpu")
    for name in ("ben.flac", "carl.wav", "still.wav"):
        samples, rate = soundfile.read(folder / name, dtype="float32")
        speaker = Path(name).stem
        found = anonymizer.anonymize(samples, rate, speaker)
        expected, _ = soundfile.read(by_recipe / "exp" / system / "folder/recordings" / name, dtype="float32")
        assert found.dtype == np.float32 and found.shape == expected.shape == (len(samples),)
        assert np.abs(found - expected).max() < 1e-4
        assert found.any() == (name != "still.wav")
        # At 16 kHz, before it is resampled, it is the same to the bit.
        own = anonymizer.anonymize_speaker({speaker: audio.from_array(samples, rate)}, speaker)[speaker]
        made, _ = soundfile.read(by_recipe / f"data/recordings_{system}/wav/{speaker}.wav", dtype="int16")
        assert np.array_equal(audio.pcm(own), made)
    recordings = {f"anna-{number}": audio.load_file(folder / f"anna/{number}.wav") for number in range(2)}
    for name, samples in anonymizer.anonymize_speaker(recordings, "anna").items():
        made, _ = soundfile.read(by_recipe / f"data/recordings_{system}/wav/{name}.wav", dtype="int16")
        assert np.array_equal(audio.pcm(samples), made)


def test_the_voice_hangs_on_speaker_and_seed_alone(models: Path) -> None:
    samples = probe(200, 1.0)
    anonymizer = pseudovox.Anonymizer.load(pack=models, device="cpu")
    first = anonymizer.anonymize(samples, 16000, "anna")
    assert not np.array_equal(first, anonymizer.anonymize(samples, 16000, "berta"))
    assert np.array_equal(first, anonymizer.anonymize(samples, 16000, "anna"))
    assert np.array_equal(first, anonymizer.anonymize(np.stack([samples, samples], 1), 16000, "anna"))
    other = pseudovox.Anonymizer.load(pack=models, device="cpu", seed=2)
    assert not np.array_equal(first, other.anonymize(samples, 16000, "anna"))
    by_gender = [anonymizer.anonymize(samples, 16000, "anna", gender=gender) for gender in "fm"]
    assert not np.array_equal(*by_gender) and any(np.array_equal(first, one) for one in by_gender)


def test_types_of_arrays(models: Path) -> None:
    samples = np.round(probe(200, 1.0) * 32768).astype(np.int16)
    anonymizer = pseudovox.Anonymizer.load("mcadams", device="cpu")
    first = anonymizer.anonymize(samples, 16000)
    for same in (samples / 32768, samples.astype(np.int32) * 65536, list(samples / 32768)):
        assert np.array_equal(first, anonymizer.anonymize(same, 16000))


VOICE = probe(200, 1.0)


@pytest.mark.parametrize(
    ("samples", "rate", "options", "message"),
    [
        (VOICE[:800], 16000, {}, r"anna: 0\.050 s of speech; 0\.1 s are needed\n  hint: join it"),
        (VOICE[:0], 16000, {}, "no samples"),
        (np.where(np.arange(16000) == 5, np.nan, VOICE), 16000, {}, "NaN or infinite samples\n  hint: "),
        (VOICE * 1e12, 16000, {}, r"samples up to .*e\+\d+; full scale is 1\n  hint: scale"),
        ((VOICE * 100).astype(np.int64), 16000, {}, "an array of int64; expected float"),
        ((VOICE * 100).astype(np.uint8), 16000, {}, "an array of uint8; expected float"),
        (VOICE.astype(complex), 16000, {}, "an array of complex128; expected float"),
        (["a"], 16000, {}, "expected float in"),
        (VOICE[None], 16000, {}, r"shape \(1, 16000\); expected .*\n  hint: transpose"),
        (VOICE[None, None], 16000, {}, r"shape \(1, 1, 16000\); expected"),
        (VOICE, 0, {}, "a sample rate of 0"),
        (VOICE, 44100.5, {}, r"a sample rate of 44100\.5"),
        (np.stack([0 * VOICE, VOICE], 1), 16000, {}, "channel 0 is silent, channel 1 is not"),
        (np.stack([VOICE, VOICE], 1), 16000, {"channel": 2}, "has 2 channels; there is no channel 2"),
    ],
)  # fmt: skip
def test_bad_samples(samples: object, rate: float, options: dict[str, int], message: str) -> None:
    anonymizer = pseudovox.Anonymizer.load("mcadams", device="cpu")
    with pytest.raises(DataError, match=message):
        anonymizer.anonymize(samples, rate, "anna", **options)  # type: ignore[arg-type]


def test_what_is_lacking_is_named(models: Path, tmp_path: Path) -> None:
    load = pseudovox.Anonymizer.load
    with pytest.raises(MissingModelError, match=r"no pack 'nowhere': neither a folder .*\n  hint: .*exp/mini/models"):
        load(pack="nowhere")
    with pytest.raises(
        MissingModelError, match=r"asrbn needs the model synthesizer_asrbn, .*\n.*--system asrbn --stop"
    ):
        load("asrbn", pack=models)
    with pytest.raises(UsageError, match="no system called 'nothing'; there are: asrbn, b1"):
        load("nothing", pack=models)
    with pytest.raises(MissingModelError, match=r"has no config\.yaml in it or beside it"):
        load(pack=tmp_path)
    with pytest.raises(UsageError, match="gender 'x': expected f or m"):
        load("mcadams", device="cpu").anonymize(VOICE, 16000, gender="x")
    with pytest.raises(UsageError, match="--device cuda9"):
        load("mcadams", device="cuda9")
    assert packs.recipe_of(ROOT / "exp/mini/models") == "mini" and packs.recipe_of(models) == "<recipe>"


def test_the_package_imports_fast() -> None:
    code = "import pseudovox, sys; assert not {'numpy', 'torch', 'yaml'} & set(sys.modules); pseudovox.Anonymizer"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert time.monotonic() - started < 20  # hangs nowhere; how fast is no matter for a test
