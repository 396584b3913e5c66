"""Audio in and out: whatever libsndfile reads, as 16 kHz mono float32; 16-bit PCM out.

Of several channels the first is taken, as Kaldi does: the mean of two microphones cancels what reaches them at
different times, and the mean of a telephone call is two people. `channel` takes another one (counted from 0, as
Kaldi's --channel), or "mean"; a table `reco2channel` says which where nobody asks. torchaudio's resampler is imported
only when the rates differ. Long recordings are read, resampled and written in blocks (pseudovox.core.blocks).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pseudovox.core import blocks
from pseudovox.core.errors import DataError
from pseudovox.core.files import NotAFile, open_regular
from pseudovox.data import pipes, truncated

if TYPE_CHECKING:
    import numpy as np
    import soundfile

    from pseudovox.data.datadir import DataDir

SAMPLE_RATE = 16000
RATES = (1000, 1_000_000)  # Hz, lowest and highest that are believed
MEAN = "mean"
RECO2CHANNEL = "reco2channel"  # the table of the channels to be taken, by recording
LOUDEST = 2.0**31  # of a sample: floats on the scale of 32-bit integers; nothing sensible is beyond
SILENT = 0.5 / 32768  # half a step of 16-bit audio: a recording without a larger sample is silence
INTEGERS = {"int16": 2.0**15, "int32": 2.0**31}  # arrays of these are taken, and what is full scale in them
UNKNOWN = 2**48  # samples; libsndfile says more where a header says none, as of a FLAC from a pipe


def load(
    data: DataDir,
    utterance: str,
    sample_rate: int = SAMPLE_RATE,
    *,
    span: tuple[float, float] | None = None,
    pipe_seconds: float = pipes.SECONDS,
    pipe_bytes: int = pipes.OUTPUT_BYTES,
) -> np.ndarray:
    """One utterance of a data dir, through `segments` if it has them.

    Args:
        data: its `channel` is taken, its commands (`... |`) are run if `allow_pipes`.
        utterance: id.
        sample_rate: Hz of the result.
        span: only from here to there, seconds from the utterance's beginning; the rest of the file is not read.
        pipe_seconds, pipe_bytes: bounds on a command, see `pipes.output_of`.

    Returns:
        float32 (samples,), mono, in [-1, 1], at `sample_rate` Hz.

    Raises:
        DataError: missing, empty, cut off or unreadable audio, NaN in it, a channel that it has not, a command that
            fails or may not run; names utterance and file.
    """
    return _joined(
        *_opened_utterance(data, utterance, sample_rate, span=span, pipe_seconds=pipe_seconds, pipe_bytes=pipe_bytes)
    )


def stream(data: DataDir, utterance: str, sample_rate: int = SAMPLE_RATE) -> Iterator[np.ndarray]:
    """What `load` gives, in pieces of no more than a block, read as they are asked for."""
    yield from _opened_utterance(data, utterance, sample_rate)[0]


def _opened_utterance(
    data: DataDir,
    utterance: str,
    sample_rate: int,
    *,
    span: tuple[float, float] | None = None,
    pipe_seconds: float = pipes.SECONDS,
    pipe_bytes: int = pipes.OUTPUT_BYTES,
) -> tuple[Iterator[np.ndarray], str]:
    """(the pieces of an utterance, its name in messages)"""
    start, end, recording = 0.0, None, utterance
    if "segments" in data.tables:
        recording, start, end = data.segment(utterance)
    if span:
        start, end = start + span[0], start + span[1]
    entry = data.tables["wav.scp"][recording]
    where = f"{data.path}/wav.scp, {utterance}"
    source: str | bytes = entry
    if entry.endswith("|"):
        if not data.allow_pipes:
            raise DataError(
                f"{where}: a shell command ({entry[:60]}), not run unless allowed",
                "give --allow-pipes if you trust the author of this data dir",
            )
        source = pipes.output_of(entry, where, seconds=pipe_seconds, limit=pipe_bytes)
    channel = data.channel
    if channel == 0 and RECO2CHANNEL in data.tables:
        channel = int(data.tables[RECO2CHANNEL][recording])
    return _pieces(source, where, sample_rate, start, end, channel), where


def load_file(
    source: str | Path | bytes,
    where: str = "",
    *,
    sample_rate: int = SAMPLE_RATE,
    start: float = 0.0,
    end: float | None = None,
    channel: int | str = 0,
) -> np.ndarray:
    """Read a file, or what a command printed (or `start`..`end` seconds of it), as float32 mono; see `load`."""
    return _joined(_pieces(source, where, sample_rate, start, end, channel), where)


def _joined(pieces: Iterator[np.ndarray], where: str) -> np.ndarray:
    """One array (n,) of pieces, without holding all of them twice."""
    import numpy as np

    first = next(pieces)
    out, filled = first, len(first)
    for piece in pieces:
        if filled + len(piece) > len(out):
            # Room for half as much again: what is never written to takes no memory.
            longer = np.empty(max(filled + len(piece), len(out) * 3 // 2), np.float32)
            longer[:filled] = out[:filled]
            out = longer
        out[filled : filled + len(piece)] = piece
        filled += len(piece)
    return out[:filled]


def _pieces(
    source: str | Path | bytes, where: str, sample_rate: int, start: float, end: float | None, channel: int | str
) -> Iterator[np.ndarray]:
    """float32 (n,) at `sample_rate` Hz, in order; see `load_file`."""
    with _opened(source, where) as (file, name):
        rate = file.samplerate
        first, last = round(start * rate), file.frames if end is None else round(end * rate)
        if last > file.frames + rate // 20:
            raise DataError(f"{name} lasts {file.frames / rate:.3f} s, the segment ends at {end} s")
        if file.seekable():
            file.seek(min(first, file.frames))
        else:
            sum(map(len, _blocks(file, name, first)))
        mono = _mono(file, name, max(min(last, file.frames) - first, 0), channel)
        yield from mono if rate == sample_rate else resampled(mono, rate, sample_rate)


def _mono(file: soundfile.SoundFile, name: str, wanted: int, channel: int | str) -> Iterator[np.ndarray]:
    """One channel of what is left of a file, `wanted` samples of it, (<= 2**18,) at a time."""
    import numpy as np

    channels = file.channels
    _check_channel(channels, channel, name)
    found, sounding = 0, np.zeros(channels, bool)
    for block in _blocks(file, name, wanted):
        found += len(block)
        if channels > 1 and channel != MEAN:
            sounding |= block.any(axis=0)
        yield np.asarray(block.mean(axis=1) if channel == MEAN else np.ascontiguousarray(block[:, int(channel)]))
    _check_length(file, found, wanted, name)
    if found == 0:
        raise DataError(f"{name} holds no samples")
    if channels > 1 and channel != MEAN:
        _check_sounding(sounding, channel, name)


def _one_channel(samples: np.ndarray, channel: int | str, name: str) -> np.ndarray:
    """One channel (frames,) of an array (frames, channels)."""
    import numpy as np

    _check_channel(samples.shape[1], channel, name)
    if channel == MEAN:
        return np.asarray(samples.mean(axis=1))
    _check_sounding(np.asarray(samples.any(axis=0)), channel, name)
    return np.ascontiguousarray(samples[:, int(channel)])


def _check_channel(channels: int, channel: int | str, name: str) -> None:
    if channel != MEAN and (not isinstance(channel, int) or not 0 <= channel < channels):
        raise DataError(f"{name} has {channels} channels; there is no channel {channel} (they count from 0)")


def _check_sounding(sounding: np.ndarray, channel: int | str, name: str) -> None:
    """DataError if the channel that is asked for is silent and another one is not; `sounding`: bool (channels,)."""
    if sounding.any() and not sounding[channel]:  # type: ignore[index]
        other = int(sounding.argmax())
        raise DataError(f"{name}: channel {channel} is silent, channel {other} is not", f"--channel {other}")


def from_array(samples: Any, rate: int, *, channel: int | str = 0, name: str = "samples") -> np.ndarray:
    """An array of samples as what `load_file` would give of a file that holds them: float32 (n,), mono, 16 kHz.

    Args:
        samples: (frames,) or (frames, channels), of float, in [-1, 1] as a rule, int16 or int32.
        rate: Hz of the array.
        channel: which one is taken, see the head of this module.
        name: of the array in messages.

    Raises:
        DataError: another type or shape, no samples, NaN or infinite ones, floats that are on no scale (beyond
            LOUDEST), a rate that is none, a channel that it has not.
    """
    import numpy as np

    if isinstance(rate, bool) or rate != int(rate) or not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{name}: a sample rate of {rate}", f"give whole Hz, {RATES[0]} to {RATES[1]}, e.g. 16000")
    array = np.asarray(samples)
    if array.dtype.kind != "f" and array.dtype.name not in INTEGERS:
        raise DataError(
            f"{name}: an array of {array.dtype}; expected float in [-1, 1], int16 or int32",
            "read the file by soundfile.read(path), or scale to [-1, 1] and give .astype('float32')",
        )
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] > max(array.shape[0], 1)):
        raise DataError(
            f"{name}: shape {array.shape}; expected (samples,) or (samples, channels)",
            "transpose it (.T)" if array.ndim == 2 else "",
        )
    if not array.size:
        raise DataError(f"{name}: shape {array.shape}, no samples", "leave empty recordings out")
    scaled = (array / INTEGERS[array.dtype.name] if array.dtype.kind == "i" else array).astype(np.float32)
    if not np.isfinite(scaled).all():
        raise DataError(f"{name}: NaN or infinite samples", "find where they come from; numpy.nan_to_num hides it")
    peak = float(np.abs(scaled).max())
    if peak > LOUDEST:
        raise DataError(f"{name}: samples up to {peak:.1e}; full scale is 1", "scale them to [-1, 1]")
    mono = _one_channel(scaled, channel, name) if scaled.ndim == 2 else scaled
    return mono if rate == SAMPLE_RATE else resample(np.ascontiguousarray(mono), int(rate), SAMPLE_RATE)


def as_original(samples: np.ndarray, rate: int, frames: int = 0) -> np.ndarray:
    """Samples (n,) at 16 kHz at the rate, and of the length, of the recording that they stand for.

    Args:
        rate: Hz of the result.
        frames: its length, to which it is cut, or filled with zeros; 0 = as many as there are.
    """
    import numpy as np

    if rate != SAMPLE_RATE:
        samples = resample(samples.astype(np.float32), SAMPLE_RATE, rate)
    return np.pad(samples[:frames], (0, max(frames - len(samples), 0))) if frames else samples


def is_silent(samples: np.ndarray) -> bool:
    """Does no sample reach half a step of 16-bit audio? Such a recording is not spoken anew, but stays silent."""

    return len(samples) == 0 or max(float(samples.max()), -float(samples.min())) < SILENT


def file_duration(path: str | Path, where: str = "") -> float:
    """Length of an audio file in seconds, from its header (of an MP3: found by counting its frames too).

    Raises:
        DataError: missing, unreadable or cut off.
    """
    with _opened(path, where) as (file, name):
        frames = file.frames if file.frames < UNKNOWN else sum(map(len, _blocks(file, name, UNKNOWN)))
        return frames / file.samplerate


def decoded_duration(path: str | Path, where: str = "") -> float:
    """Length of an audio file in seconds, found by decoding all of it, a few seconds at a time.

    Raises:
        DataError: missing, unreadable, cut off, or NaN in it.
    """
    with _opened(path, where) as (file, name):
        frames = sum(map(len, _blocks(file, name, file.frames)))
        _check_length(file, frames, file.frames, name)
        return frames / file.samplerate


@dataclass(frozen=True)
class Survey:
    """What an audio file holds: its length in seconds, and the first channel that is not silent (0 if all are)."""

    seconds: float
    channel: int


def survey(path: str | Path, where: str = "") -> Survey:
    """Decode all of an audio file, a few seconds at a time, to know that the whole of it can be worked with.

    Raises:
        DataError: missing, empty, unreadable, cut off, NaN in it, or samples that are on no scale (beyond LOUDEST).
    """
    import numpy as np

    with _opened(path, where) as (file, name):
        frames, sounding = 0, np.zeros(file.channels, bool)
        for block in _blocks(file, name, file.frames):
            frames += len(block)
            sounding |= block.any(axis=0)
            largest = float(np.abs(block).max())
            if largest > LOUDEST:
                raise DataError(
                    f"{name} holds samples of up to {largest:.1e}; full scale is 1",
                    "scale it, e.g. sox --norm IN.wav OUT.wav, and give OUT.wav",
                )
        _check_length(file, frames, file.frames, name)
        if frames == 0:
            raise DataError(f"{name}: holds no samples", "leave it out, or record it again")
        return Survey(frames / file.samplerate, int(sounding.argmax()))


@contextlib.contextmanager
def _opened(source: str | Path | bytes, where: str) -> Iterator[tuple[soundfile.SoundFile, str]]:
    """(the open file, its name in messages); what goes wrong while it is open becomes a DataError."""
    import soundfile

    if isinstance(source, bytes):
        name = f"{where}: what the command prints"
        stream: Any = io.BytesIO(source)
    else:
        name = f"{where}: {source}" if where else str(source)
        _open_file(source, name).close()
        stream = str(source)  # libsndfile reads a file itself several times faster than through Python
    try:
        with soundfile.SoundFile(stream) as file:
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise DataError(f"{name}: a sample rate of {file.samplerate} Hz in its header")
            with io.BytesIO(source) if isinstance(source, bytes) else _open_file(source, name) as content:
                found = truncated.fault(file.format, file.extra_info, file.frames, content)
            if found:
                hint = (
                    "ffmpeg -i IN.mp3 OUT.flac, and give OUT.flac"
                    if "variable" in found
                    else "get the whole file, or leave it out"
                )
                raise DataError(f"{name} {found}", hint)
            if file.frames >= UNKNOWN:  # then libsndfile cannot seek, which soundfile does after every read
                file.seekable = lambda: False  # type: ignore[method-assign]
            yield file, name
    except (OSError, soundfile.SoundFileError) as error:
        reason = str(error).removeprefix(f"Error opening {stream!r}: ")
        hint = "if it is a recording: ffmpeg -i IN OUT.flac, and give OUT.flac; otherwise leave it out"
        raise DataError(f"{name}: cannot be read as audio: {reason}", hint) from None


def _open_file(path: str | Path, name: str) -> BinaryIO:
    try:
        return open_regular(path)
    except NotAFile as error:
        raise DataError(f"{name}: {error}") from None
    except OSError as error:
        if re.search(r":\d+$", str(path)):
            hint = f"wav-copy {path} FILE.wav (of Kaldi), and name FILE.wav in wav.scp"
            raise DataError(f"{name}: wave files inside archives (`file:offset`) are not read", hint) from None
        hint = f"chmod u+r {path}, as its owner" if isinstance(error.__context__, PermissionError) else ""
        raise DataError(f"{name}: cannot be read: {error}" + _cwd_hint(path), hint) from None


def _blocks(file: soundfile.SoundFile, name: str, frames: int) -> Iterator[np.ndarray]:
    """float32 (<= 2**18, channels) until `frames` are read or the file ends: a false header takes no memory."""
    import numpy as np

    while frames > 0:
        block = file.read(min(frames, 2**18), dtype="float32", always_2d=True)
        if not len(block):
            return
        if not np.isfinite(block).all():
            raise DataError(f"{name} holds NaN or infinite samples", "write it anew from its source, or leave it out")
        frames -= len(block)
        yield block


def _check_length(file: soundfile.SoundFile, found: int, wanted: int, name: str) -> None:
    # Of an MP3 without a header that says it the length is a guess (see truncation), of a FLAC from a pipe unknown.
    if found < wanted < UNKNOWN and file.format != "MP3":
        raise DataError(f"{name} is cut off: {found} of {wanted} samples")


def _cwd_hint(path: str | Path) -> str:
    if Path(path).is_absolute():
        return ""
    return f" (a relative path: it is looked up from the working directory, {Path.cwd()})"


@lru_cache(maxsize=8)
def _resampler(rate: int, sample_rate: int) -> Any:
    import torchaudio

    return torchaudio.transforms.Resample(rate, sample_rate, lowpass_filter_width=64, rolloff=0.94)


def resample(samples: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """Band-limited resampling (windowed sinc) of float32 (samples,) from `rate` to `sample_rate` Hz.

    Rates whose ratio takes large numbers are approximated, since the filter would take gigabytes: 44,101 to 16,000 Hz
    to 1e-7, at worst (7,999 to 16,000 Hz) to 2e-4 of the length.
    """
    return _joined(resampled([samples], rate, sample_rate), "")


def resampled(pieces: Iterable[np.ndarray], rate: int, sample_rate: int) -> Iterator[np.ndarray]:
    """What `resample` gives of a signal that comes in pieces (n,), block by block."""
    import numpy as np
    import torch

    limit = max(int(5000 * min(1.0, rate / sample_rate)), 1)
    ratio = Fraction(sample_rate, rate).limit_denominator(limit)
    old, new = ratio.denominator, ratio.numerator
    resampler = _resampler(old, new)
    context = 0 if old == new else resampler.width + old
    for block, samples in blocks.stream(pieces, blocks.size(max(rate, SAMPLE_RATE)), context, old):
        with torch.no_grad():
            out = resampler(torch.from_numpy(np.ascontiguousarray(samples))).numpy()
        begin = (block.start - block.first) // old * new
        count = -(-block.end * new // old) - block.start // old * new
        yield out[begin : begin + count]


def pcm(samples: np.ndarray) -> np.ndarray:
    """Float samples (n,) in [-1, 1] as 16-bit integers, clipped.

    The scale is libsndfile's (1.0 = 32768), so samples that came from 16-bit files come back exactly.
    """
    import numpy as np

    scaled = np.round(np.asarray(samples, dtype=np.float64) * 32768.0)
    return np.asarray(np.clip(scaled, -32768, 32767).astype("<i2"))


def write_wav(path: Path | str, samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write float samples in [-1, 1] as 16-bit PCM WAV (see `pcm`), aside and renamed; no metadata chunks."""
    import numpy as np
    import soundfile

    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    parts = [samples[block.worked] for block in blocks.cut(len(samples), blocks.size(sample_rate))]
    if not all(np.isfinite(part).all() for part in parts):
        raise DataError(f"{path}: NaN or infinite samples are not written")
    file = io.BytesIO()  # in memory first: libsndfile does not tell of a full disk
    with soundfile.SoundFile(file, "w", sample_rate, 1, "PCM_16", format="WAV") as sound:
        for part in parts:
            sound.write(pcm(part))
    try:
        aside.write_bytes(file.getbuffer())
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    os.replace(aside, path)
