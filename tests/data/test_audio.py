"""Audio: exact 16-bit round trips, resampling against closed form, formats, channels, segments, and what is refused."""

import io
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pseudovox.core.errors import DataError
from pseudovox.data.audio import decoded_duration, file_duration, load, load_file, resample, write_wav
from pseudovox.data.datadir import DataDir


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
    [("a.wav", 16000, 0), ("a.flac", 16000, 0), ("a.ogg", 44100, 0.01), ("a.mp3", 22050, 0.03)],
)
def test_formats_and_channels(tmp_path: Path, name: str, rate: int, tolerance: float) -> None:
    left = sine(rate)
    soundfile.write(tmp_path / name, np.stack([left, 0 * left], axis=1), rate)
    found = load_file(tmp_path / name)
    assert found.ndim == 1 and len(found) == pytest.approx(8000, abs=2)
    middle = slice(1000, 7000)
    assert np.abs(found[middle] - sine(16000)[middle]).max() <= tolerance + 1 / 32768
    mean = load_file(tmp_path / name, channel="mean")
    assert np.abs(mean[middle] - sine(16000)[middle] / 2).max() <= tolerance + 1 / 32768
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
    with pytest.raises(DataError, match=r"data/wav\.scp, u: a shell command .*not run unless allowed") as caught:
        load(data_with(Path("touch exploded |")), "u")
    assert "--allow-pipes" in caught.value.hint
    assert not Path("exploded").exists()


def test_channels(tmp_path: Path) -> None:
    silent, tone = np.zeros(1600), sine(16000, 0.1)
    soundfile.write(tmp_path / "a.wav", np.stack([tone / 2, tone], axis=1), 16000)
    data = data_with(tmp_path / "a.wav")
    assert np.allclose(load(data, "u"), tone / 2, atol=1e-4)
    data.channel = 1
    assert np.allclose(load(data, "u"), tone, atol=1e-4)
    data.channel = 2
    with pytest.raises(DataError, match=r"wav\.scp, u: .*a\.wav has 2 channels; there is no channel 2"):
        load(data, "u")
    soundfile.write(tmp_path / "b.wav", np.stack([silent, tone], axis=1), 16000)
    with pytest.raises(DataError, match="channel 0 is silent, channel 1 is not") as caught:
        load(data_with(tmp_path / "b.wav"), "u")
    assert caught.value.hint == "--channel 1"
    soundfile.write(tmp_path / "c.wav", np.stack([silent, silent], axis=1), 16000)
    assert not load(data_with(tmp_path / "c.wav"), "u").any()


@pytest.mark.parametrize("rate", [44101, 999_999, 1000])
def test_odd_rates_take_little_memory(rate: int) -> None:
    found, expected = resample(sine(rate, frequency=100.0), rate, 16000), sine(16000, frequency=100.0)
    assert len(found) == pytest.approx(8000, abs=1)
    assert np.abs(found[:7999] - expected[:7999])[400:-400].max() < 2e-3


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.au", "a.caf", "a.w64", "a.rf64", "a.ogg", "a.flac", "a.mp3"])
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_cut_off_is_noticed_in_every_format(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(80000), 16000)
    assert len(load_file(path)) == pytest.approx(80000, abs=2000)
    whole = path.read_bytes()
    path.write_bytes(whole[: round(kept * len(whole))])
    with pytest.raises(DataError, match=rf"data/wav\.scp, u: .*{name}[: ]+(is cut off|cannot be read as audio)"):
        load(data_with(path), "u")
    with pytest.raises(DataError, match=name):
        decoded_duration(path)


def mp3_without_length(path: Path, mode: str) -> None:
    """An MP3 without its first frame, the Xing header."""
    loud_and_quiet = np.random.default_rng(0).standard_normal(44100 * 6)
    loud_and_quiet[44100 * 2 : 44100 * 4] *= 1e-4
    soundfile.write(path, 0.2 * loud_and_quiet, 44100, bitrate_mode=mode, compression_level=0.3)
    whole = path.read_bytes()
    path.write_bytes(whole[whole.index(b"\xff\xfb", 4) :])


def test_mp3_of_variable_bit_rate_without_its_length_is_not_read_in_part(tmp_path: Path) -> None:
    mp3_without_length(tmp_path / "a.mp3", "VARIABLE")
    assert 10000 < soundfile.info(tmp_path / "a.mp3").frames < 44100 * 5  # what libsndfile makes of it
    for read in (load_file, file_duration, decoded_duration):
        with pytest.raises(DataError, match=r"a\.mp3 has a variable bit rate and no header") as caught:
            read(tmp_path / "a.mp3")
        assert "flac" in caught.value.hint
    mp3_without_length(tmp_path / "b.mp3", "CONSTANT")
    assert len(load_file(tmp_path / "b.mp3")) / 16000 == pytest.approx(6, abs=0.1)


def test_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    for entry, message in (
        (tmp_path / "fifo.wav", "a FIFO, expected a file"),
        (Path("/dev/zero"), "a device, expected a file"),
        (tmp_path, "a folder, expected a file"),
        (Path("-"), "No such file"),
        (Path("x.ark:17"), "wave files inside archives"),
        (Path("a\0b"), "null"),
    ):
        with pytest.raises(DataError, match=rf"wav\.scp, u: .*{message}"):
            load(data_with(entry), "u")
        with pytest.raises(DataError, match=message):
            file_duration(entry)


def test_a_rate_that_cannot_be_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(16000), 2)
    with pytest.raises(DataError, match=r"a\.wav: a sample rate of 2 Hz"):
        load_file(tmp_path / "a.wav")


# ---------------------------------------------------------------------- commands
def piped(command: str, segments: str = "") -> DataDir:
    data = data_with(Path(f"{command} |"), segments)
    data.allow_pipes = True
    return data


def test_a_command_is_run_as_kaldi_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav("a.wav", sine(16000))
    expected = load_file("a.wav")
    # Through a shell, several programs, from the working directory; what stderr says does not matter.
    assert (load(piped("echo hello >&2; cat a.wav | cat"), "u") == expected).all()
    assert (load(piped("cat a.wav", "r 0.1 0.2"), "u") == expected[1600:3200]).all()
    streamed = bytearray(Path("a.wav").read_bytes())
    streamed[40:44] = b"\xff\xff\xff\xff"  # as ffmpeg and sox write before they know the length
    Path("b.wav").write_bytes(streamed)
    assert (load(piped("cat b.wav"), "u") == expected).all()
    soundfile.write("c.flac", sine(16000), 16000)
    unknown = bytearray(Path("c.flac").read_bytes())
    unknown[21:26] = bytes([unknown[21] & 0xF0, 0, 0, 0, 0])
    Path("c.flac").write_bytes(unknown)
    assert len(load(piped("cat c.flac"), "u")) == 8000
    assert np.allclose(load(piped("cat c.flac", "r 0.1 0.2"), "u"), expected[1600:3200], atol=1e-4)
    with pytest.raises(DataError, match="is cut off: 6400 of 8000 samples"):
        load(piped("cat c.flac", "r 0.1 0.6"), "u")
    assert file_duration("c.flac") == decoded_duration("c.flac") == 0.5


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo no such disk >&2; exit 7", "`.*exit 7 |` failed with exit status 7; it said: no such disk"),
        ("cat a.wav; false", "failed with exit status 1; it said nothing on stderr"),
        ("kill -TERM $$", "failed with signal SIGTERM"),
        ("nosuchprogram", "failed with exit status 127; it said: .*nosuchprogram"),
        ("true", "printed nothing"),
        ("echo hello", "what the command prints: cannot be read as audio"),
        ("head -c 9000 a.wav", "what the command prints is cut off: 8956 of 16000 bytes"),
        ("sleep 30", "took longer than 0.3 s"),
        ("sleep 30 >&- 2>&-", "took longer than 0.3 s"),
        ("sleep 30 & cat a.wav >&2", "took longer than 0.3 s"),
        ("while true; do echo; sleep 0.05; done", "took longer than 0.3 s"),
        ("cat /dev/zero", "printed more than 1000000 bytes"),
        ("cat", "printed nothing"),  # nothing is read from the terminal
    ],
)
def test_commands_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav("a.wav", sine(16000))
    started = time.monotonic()
    with pytest.raises(DataError, match=rf"data/wav\.scp, u: .*{message}"):
        seconds = 0.3 if "0.3 s" in message else 20.0
        load(piped(command), "u", pipe_seconds=seconds, pipe_bytes=1_000_000)
    assert time.monotonic() - started < 15


def test_a_command_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav("a.wav", sine(16000))
    load(piped("(sleep 1; touch late) >/dev/null 2>&1 & cat a.wav"), "u")
    with pytest.raises(DataError, match="took longer"):
        load(piped("sleep 1; touch late; cat a.wav"), "u", pipe_seconds=0.2)
    time.sleep(1.2)
    assert not Path("late").exists()


def test_stderr_is_kept_short() -> None:
    with pytest.raises(DataError, match=r"the end of it$") as caught:
        load(piped("yes x | head -c 5000000 >&2; echo the end of it >&2; exit 1"), "u")
    assert len(caught.value.message) < 3000


def test_commands_in_threads(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", sine(16000))
    found: list[int] = []

    def read(number: int) -> None:
        found.append(len(load(piped(f"echo {number} >&2; cat {tmp_path}/a.wav"), "u")))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [8000] * 8


def test_a_file_is_closed_when_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(DataError):
            load_file(tmp_path / "a.wav")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_bytes_are_read_as_a_file_is() -> None:
    stream = io.BytesIO()
    soundfile.write(stream, np.array([0, 16384], dtype=np.int16), 16000, format="WAV")
    assert load_file(stream.getvalue(), "here").tolist() == [0.0, 0.5]
