"""Audio: exact 16-bit round trips, resampling against closed form, formats, segments, and files that are refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pseudovox.audio import decoded_duration, file_duration, load, load_file, resample, write_wav
from pseudovox.datadir import DataDir
from pseudovox.errors import DataError


def sine(rate: int, seconds: float = 0.5, frequency: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def data_with(file: Path, segments: str = "") -> DataDir:
    tables = {"wav.scp": {"u": str(file)}, "utt2spk": {"u": "s"}}
    if segments:
        tables = {"wav.scp": {"r": str(file)}, "utt2spk": {"u": "s"}, "segments": {"u": segments}}
    return DataDir("data", tables)


def test_sixteen_bit_round_trip_is_exact(tmp_path: Path) -> None:
    every = np.arange(-32768, 32768, dtype="<i2")
    soundfile.write(tmp_path / "a.wav", every, 16000)
    samples = load_file(tmp_path / "a.wav")
    assert samples.dtype == np.float32 and samples[0] == -1 and samples[-1] == np.float32(32767 / 32768)
    write_wav(tmp_path / "b.wav", samples)
    assert (soundfile.read(tmp_path / "b.wav", dtype="int16")[0] == every).all()


def test_write_clips_and_leaves_no_metadata(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([2.0, -2.0, 0.25]))
    assert (tmp_path / "a.wav").read_bytes() == (
        b"RIFF\x2a\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00"
        b"data\x06\x00\x00\x00\xff\x7f\x00\x80\x00\x20"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    with pytest.raises(DataError, match=r"b\.wav: NaN"):
        write_wav(tmp_path / "b.wav", np.array([0.0, np.nan]))
    assert not (tmp_path / "b.wav").exists()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_a_sine(rate: int) -> None:
    found, expected = resample(sine(rate), rate, 16000), sine(16000)
    assert len(found) == len(expected)
    assert np.abs(found - expected)[400:-400].max() < 2e-3


def test_resampling_removes_what_would_alias() -> None:
    found = resample(sine(48000, frequency=12000.0), 48000, 16000)
    assert np.abs(found[400:-400]).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "rate", "tolerance"),
    [("a.wav", 16000, 0), ("a.flac", 16000, 0), ("a.ogg", 44100, 5e-3), ("a.mp3", 22050, 0.03)],
)
def test_formats_and_channels(tmp_path: Path, name: str, rate: int, tolerance: float) -> None:
    left = sine(rate)
    soundfile.write(tmp_path / name, np.stack([left, 0 * left], axis=1), rate)
    found = load_file(tmp_path / name)
    assert found.ndim == 1 and len(found) == pytest.approx(8000, abs=2)
    middle = slice(1000, 7000)
    assert np.abs(found[middle] - sine(16000)[middle] / 2).max() <= tolerance + 1 / 32768
    assert file_duration(tmp_path / name) == pytest.approx(0.5, abs=1e-3)
    assert decoded_duration(tmp_path / name) == pytest.approx(0.5, abs=1e-3)


def test_segments(tmp_path: Path) -> None:
    ramp = (np.arange(16000) / 32768).astype(np.float32)
    write_wav(tmp_path / "a.wav", ramp)
    assert (load(data_with(tmp_path / "a.wav", "r 0.25 0.5"), "u") == ramp[4000:8000]).all()
    assert (load(data_with(tmp_path / "a.wav", "r 0.9 1.04"), "u") == ramp[14400:]).all()  # rounding of times
    with pytest.raises(DataError, match=r"u: .*a\.wav lasts 1\.000 s, the segment ends at 1\.1 s"):
        load(data_with(tmp_path / "a.wav", "r 0.9 1.1"), "u")
    with pytest.raises(DataError, match=r"a\.wav holds no samples"):
        load(data_with(tmp_path / "a.wav", "r 1.02 1.04"), "u")


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    for name in ("cut.flac", "cut.ogg", "text.wav", "empty.wav"):
        soundfile.write(tmp_path / name, noise, 16000)
    for name in ("cut.flac", "cut.ogg"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:5000])
    (tmp_path / "text.wav").write_bytes(b"no audio" * 100)
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "zero.wav", noise[:0], 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan]), 16000, subtype="FLOAT")
    (tmp_path / "folder.wav").mkdir()
    for name in ("cut.flac", "cut.ogg", "text.wav", "empty.wav", "zero.wav", "nan.wav", "folder.wav", "gone.wav"):
        with pytest.raises(DataError, match=rf"data/wav\.scp, u: .*{name}"):
            load(data_with(tmp_path / name), "u")
    for name in ("cut.flac", "text.wav", "nan.wav"):
        with pytest.raises(DataError, match=name):
            decoded_duration(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="looked up from the working directory"):
        load(data_with(Path("gone.wav")), "u")
    with pytest.raises(DataError, match=r"commands in wav\.scp are not read"):
        load(data_with(Path("touch exploded |")), "u")
    assert not Path("exploded").exists()
