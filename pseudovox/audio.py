"""Audio files in and out: whatever libsndfile reads, as 16 kHz mono float32; 16-bit PCM out.

torchaudio's resampler is imported only when the rates differ.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.datadir import DataDir

SAMPLE_RATE = 16000


def load(data: DataDir, utterance: str, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """One utterance of a data dir, through `segments` if it has them.

    Returns:
        float32 (samples,), mono (channels averaged), in [-1, 1], at `sample_rate` Hz.

    Raises:
        DataError: missing, empty, truncated or unreadable audio, or NaN in it; names utterance and file.
    """
    start, end, recording = 0.0, None, utterance
    if "segments" in data.tables:
        recording, start, end = data.segment(utterance)
    entry = data.tables["wav.scp"][recording]
    where = f"{data.path}/wav.scp, {utterance}"
    if entry.endswith("|"):
        raise DataError(f"{where}: commands in wav.scp are not read here", "utils/materialize_data_dir.py")
    return load_file(entry, where, sample_rate=sample_rate, start=start, end=end)


def load_file(
    path: str | Path, where: str = "", *, sample_rate: int = SAMPLE_RATE, start: float = 0.0, end: float | None = None
) -> np.ndarray:
    """Read a file (or `start`..`end` seconds of it) as float32 mono at `sample_rate`; see `load`."""
    import numpy as np
    import soundfile

    where = where or str(path)
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            first, last = round(start * rate), file.frames if end is None else round(end * rate)
            if last > file.frames + rate // 20:
                raise DataError(f"{where}: {path} lasts {file.frames / rate:.3f} s, the segment ends at {end} s")
            file.seek(min(first, file.frames))
            wanted = max(min(last, file.frames) - first, 0)
            samples = file.read(wanted, dtype="float32", always_2d=True).mean(axis=1)
            # The header of an MP3 may be a guess; of other formats it is the truth.
            if len(samples) < wanted and file.format != "MP3":
                raise DataError(f"{where}: {path} is cut off: {len(samples)} of {wanted} samples")
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{where}: cannot read {path}: {error}" + _cwd_hint(path)) from None
    if len(samples) == 0:
        raise DataError(f"{where}: {path} holds no samples")
    if not np.isfinite(samples).all():
        raise DataError(f"{where}: {path} holds NaN or infinite samples")
    if rate != sample_rate:
        samples = resample(samples, rate, sample_rate)
    return samples


def file_duration(path: str | Path, where: str = "") -> float:
    """Length of an audio file in seconds, from its header."""
    import soundfile

    try:
        info = soundfile.info(str(path))
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{where or path}: cannot read {path}: {error}" + _cwd_hint(path)) from None
    return info.frames / info.samplerate


def decoded_duration(path: str | Path) -> float:
    """Length of an audio file in seconds, found by decoding all of it, a few seconds at a time.

    Raises:
        DataError: missing, unreadable, cut off, or NaN in it.
    """
    import numpy as np
    import soundfile

    samples = 0
    try:
        with soundfile.SoundFile(str(path)) as file:
            for block in file.blocks(blocksize=2**18, dtype="float32"):
                samples += len(block)
                if not np.isfinite(block).all():
                    raise DataError(f"{path}: holds NaN or infinite samples")
            if samples < file.frames and file.format != "MP3":
                raise DataError(f"{path}: is cut off: {samples} of {file.frames} samples")
            return samples / file.samplerate
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"cannot read {path}: {error}" + _cwd_hint(path)) from None


def _cwd_hint(path: str | Path) -> str:
    if Path(path).is_absolute() or Path(path).exists():
        return ""
    return f" (a relative path: it is looked up from the working directory, {Path.cwd()})"


@lru_cache(maxsize=8)
def _resampler(rate: int, sample_rate: int) -> Any:
    import torchaudio

    return torchaudio.transforms.Resample(rate, sample_rate, lowpass_filter_width=64, rolloff=0.94)


def resample(samples: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """Band-limited resampling (windowed sinc) of float32 (samples,) from `rate` to `sample_rate` Hz."""
    import numpy as np
    import torch

    with torch.no_grad():
        out = _resampler(rate, sample_rate)(torch.from_numpy(np.ascontiguousarray(samples)))
    return out.numpy()


def write_wav(path: Path | str, samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write float samples in [-1, 1] as 16-bit PCM WAV (clipped), aside and renamed; no metadata chunks.

    The scale is libsndfile's (1.0 = 32768), so samples that came from 16-bit files are written back exactly.
    """
    import numpy as np
    import soundfile

    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    samples = np.asarray(samples, dtype=np.float64)
    if not np.isfinite(samples).all():
        raise DataError(f"{path}: NaN or infinite samples are not written")
    pcm = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
    soundfile.write(str(aside), pcm, sample_rate, format="WAV", subtype="PCM_16")
    os.replace(aside, path)
