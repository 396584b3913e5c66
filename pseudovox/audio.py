"""Audio in and out: whatever libsndfile reads, as 16 kHz mono float32; 16-bit PCM out.

Of several channels the first is taken, as Kaldi does: the mean of two microphones cancels what reaches them at
different times, and the mean of a telephone call is two people. `channel` takes another one (counted from 0, as
Kaldi's --channel), or "mean". torchaudio's resampler is imported only when the rates differ.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pseudovox import pipes, truncation
from pseudovox.errors import DataError
from pseudovox.inputs import NotAFile, open_regular

if TYPE_CHECKING:
    import numpy as np
    import soundfile

    from pseudovox.datadir import DataDir

SAMPLE_RATE = 16000
RATES = (1000, 1_000_000)  # Hz, lowest and highest that are believed
MEAN = "mean"
SILENT = 0.5 / 32768  # half a step of 16-bit audio: a recording without a larger sample is silence
INTEGERS = {"int16": 2.0**15, "int32": 2.0**31}  # arrays of these are taken, and what is full scale in them
LARGEST = 2.0  # of float samples: decoders and resamplers go beyond 1, but not so far
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
    return load_file(source, where, sample_rate=sample_rate, start=start, end=end, channel=data.channel)


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
    import numpy as np

    with _opened(source, where) as (file, name):
        rate = file.samplerate
        first, last = round(start * rate), file.frames if end is None else round(end * rate)
        if last > file.frames + rate // 20:
            raise DataError(f"{name} lasts {file.frames / rate:.3f} s, the segment ends at {end} s")
        if file.seekable():
            file.seek(min(first, file.frames))
        else:
            sum(map(len, _blocks(file, name, first)))
        wanted = max(min(last, file.frames) - first, 0)
        blocks = list(_blocks(file, name, wanted))
        samples = np.concatenate(blocks) if blocks else np.zeros((0, file.channels), dtype=np.float32)
        _check_length(file, len(samples), wanted, name)
        if len(samples) == 0:
            raise DataError(f"{name} holds no samples")
        mono = one_channel(samples, channel, name)
    return mono if rate == sample_rate else resample(np.ascontiguousarray(mono), rate, sample_rate)


def from_array(samples: Any, rate: int, *, channel: int | str = 0, name: str = "samples") -> np.ndarray:
    """An array of samples as what `load_file` would give of a file that holds them: float32 (n,), mono, 16 kHz.

    Args:
        samples: (frames,) or (frames, channels), of float in [-1, 1] (a little beyond is let pass), int16 or int32.
        rate: Hz of the array.
        channel: which one is taken, see the head of this module.
        name: of the array in messages.

    Raises:
        DataError: another type or shape, no samples, NaN or infinite ones, floats far beyond [-1, 1], a rate that is
            none, a channel that it has not.
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
    if peak > LARGEST:
        raise DataError(
            f"{name}: floats up to {peak:g}, where full scale is 1",
            "divide by full scale (32768 for 16-bit samples), or give them as int16",
        )
    mono = one_channel(scaled, channel, name) if scaled.ndim == 2 else scaled
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
    import numpy as np

    return len(samples) == 0 or float(np.abs(samples).max()) < SILENT


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
                found = truncation.fault(file.format, file.extra_info, file.frames, content)
            if found:
                mend = "ffmpeg -i IN.mp3 OUT.flac" if "variable" in found else "get the whole file, or leave it out"
                raise DataError(f"{name} {found}", mend)
            if file.frames >= UNKNOWN:  # then libsndfile cannot seek, which soundfile does after every read
                file.seekable = lambda: False  # type: ignore[method-assign]
            yield file, name
    except (OSError, soundfile.SoundFileError) as error:
        reason = str(error).removeprefix(f"Error opening {stream!r}: ")
        raise DataError(f"{name}: cannot be read as audio: {reason}") from None


def _open_file(path: str | Path, name: str) -> BinaryIO:
    try:
        return open_regular(path)
    except NotAFile as error:
        raise DataError(f"{name}: {error}") from None
    except OSError as error:
        if re.search(r":\d+$", str(path)):
            raise DataError(f"{name}: wave files inside archives (`file:offset`) are not read", "wav-copy") from None
        raise DataError(f"{name}: cannot be read: {error}" + _cwd_hint(path)) from None


def _blocks(file: soundfile.SoundFile, name: str, frames: int) -> Iterator[np.ndarray]:
    """float32 (<= 2**18, channels) until `frames` are read or the file ends: a false header takes no memory."""
    import numpy as np

    while frames > 0:
        block = file.read(min(frames, 2**18), dtype="float32", always_2d=True)
        if not len(block):
            return
        if not np.isfinite(block).all():
            raise DataError(f"{name} holds NaN or infinite samples")
        frames -= len(block)
        yield block


def _check_length(file: soundfile.SoundFile, found: int, wanted: int, name: str) -> None:
    # Of an MP3 without a header that says it the length is a guess (see truncation), of a FLAC from a pipe unknown.
    if found < wanted < UNKNOWN and file.format != "MP3":
        raise DataError(f"{name} is cut off: {found} of {wanted} samples")


def one_channel(samples: np.ndarray, channel: int | str, name: str) -> np.ndarray:
    """(frames, channels) -> (frames,); DataError, naming `name`, for no such channel or one that alone is silent."""
    import numpy as np

    if channel == MEAN:
        return np.asarray(samples.mean(axis=1))
    if not isinstance(channel, int) or not 0 <= channel < samples.shape[1]:
        raise DataError(f"{name} has {samples.shape[1]} channels; there is no channel {channel} (they count from 0)")
    chosen = samples[:, channel]
    if samples.shape[1] > 1 and not chosen.any() and samples.any():
        sounding = int(samples.any(axis=0).argmax())
        raise DataError(f"{name}: channel {channel} is silent, channel {sounding} is not", f"--channel {sounding}")
    return np.asarray(chosen)


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
    import numpy as np
    import torch

    limit = max(int(5000 * min(1.0, rate / sample_rate)), 1)
    ratio = Fraction(sample_rate, rate).limit_denominator(limit)
    with torch.no_grad():
        out = _resampler(ratio.denominator, ratio.numerator)(torch.from_numpy(np.ascontiguousarray(samples)))
    return out.numpy()


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
    if not np.isfinite(samples).all():
        raise DataError(f"{path}: NaN or infinite samples are not written")
    file = io.BytesIO()  # in memory first: libsndfile does not tell of a full disk
    soundfile.write(file, pcm(samples), sample_rate, format="WAV", subtype="PCM_16")
    try:
        aside.write_bytes(file.getbuffer())
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    os.replace(aside, path)
