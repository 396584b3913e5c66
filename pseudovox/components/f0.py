"""Fundamental frequency: extraction by WORLD or Praat, a speaker's statistics, and the shift to another speaker's.

An F0 contour is float32 (frames,) in Hz, one value every 10 ms starting at 0 ms, 0 where unvoiced. A speaker is
described by the mean and the standard deviation of the natural logarithm of F0 over voiced frames.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.core import blocks
from pseudovox.core.errors import UsageError
from pseudovox.data.praat import import_praat
from pseudovox.data.utterance import read_audio

if TYPE_CHECKING:
    from pseudovox import config
    from pseudovox.stage.parallel import Utterance

SAMPLE_RATE = 16000
FRAME_SHIFT = 160  # samples; 10 ms
FRAME_PERIOD = 10.0  # milliseconds, WORLD's unit
METHODS = ("dio", "harvest", "praat")
SOURCES = ("speaker", "utterance")
SILENCE = 0.03  # Praat's usual threshold: a frame whose peak is below this share of the loudest sample is silent
SETTLING = 5.0  # seconds before and behind a block within which the search for the best path settles
LARGEST_CHANGE = 2.0  # of the deviation of log F0: beyond it creaks and octave errors are blown up to yodels


@cache
def pyworld() -> Any:
    """The pyworld module, without the warning that its import gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyworld as module
    return module


def frame_count(samples: int) -> int:
    """Number of F0 and WORLD frames of a signal: one at 0 ms and at every further 10 ms that it reaches."""
    return samples // FRAME_SHIFT + 1


def check(options: config.F0) -> None:
    """Raise UsageError if the options make no sense."""
    if not 0 < options.floor < options.ceiling:
        raise UsageError(f"f0.floor {options.floor} and f0.ceiling {options.ceiling}: expected 0 < floor < ceiling")
    for key, value, known in (("method", options.method, METHODS), ("source", options.source, SOURCES)):
        if value not in known:
            raise UsageError(f"f0.{key} {value!r}: expected one of {', '.join(known)}")


def extract(samples: np.ndarray, options: config.F0) -> np.ndarray:
    """F0 of a signal.

    Args:
        samples: (samples,) at 16 kHz.
        options: method and range; `dio` (Morise 2009, refined by stonemask) is 20 times faster than `harvest`
            (Morise 2017), which finds more voiced frames; `praat` is Boersma's autocorrelation method (1993) with its
            usual settings, which the VoicePrivacy Challenge measures by, and makes the fewest octave errors.

    Returns:
        float32 (frames,), `frame_count` of them, in Hz, 0 where unvoiced.

    Raises:
        UsageError: the options make no sense, or `praat` is asked for and its package is not installed.
    """
    check(options)
    count = frame_count(len(samples))
    cuts = blocks.cut(count, blocks.size(1000 / FRAME_PERIOD), round(SETTLING * 1000 / FRAME_PERIOD))
    praat = options.method == "praat"
    peak = _peak(samples) if praat else 0.0
    rest = _praat_rest(options.floor) if praat and len(cuts) > 1 else len(samples) % FRAME_SHIFT
    contour = np.zeros(count, np.float32)
    for block in cuts:
        end = (block.last - 1) * FRAME_SHIFT + rest
        part = samples[block.first * FRAME_SHIFT : end]
        if end > len(samples):
            part = np.pad(part, (0, end - len(samples)))
        contour[block.start : block.end] = _extract(part, options, peak)[block.kept]
        blocks.report(block.end / count)
    return contour


def _praat_rest(floor: float) -> int:
    """Samples that a block is longer than whole frames, so that Praat's frames, which it centres, lie on ours.

    Left out is what comes near to one frame more or less, or puts the middle of a frame on a sample: in which way Praat
    rounds that hangs on the block.
    """
    window = 3.0 / floor * SAMPLE_RATE  # of Praat, three periods of the lowest pitch
    distances = {}
    for rest in range(0, FRAME_SHIFT, 2):
        frames, beyond = divmod(1000 * FRAME_SHIFT + rest - window, FRAME_SHIFT)
        first = (1000 * FRAME_SHIFT + rest - frames * FRAME_SHIFT) / 2
        if 0.5 < beyond < FRAME_SHIFT - 0.5:
            distances[rest] = abs(first - FRAME_SHIFT * round(first / FRAME_SHIFT))
    return min(distances, key=lambda rest: distances[rest])


def _extract(samples: np.ndarray, options: config.F0, peak: float) -> np.ndarray:
    """F0 of a block, float32 (frames,); `peak`: of the recording, for Praat."""
    signal = np.ascontiguousarray(samples, dtype=np.float64)
    limits = {"f0_floor": options.floor, "f0_ceil": options.ceiling, "frame_period": FRAME_PERIOD}
    if options.method == "dio":
        # The default range of 0.1 loses voiced frames at the edges of words.
        coarse, times = pyworld().dio(signal, SAMPLE_RATE, allowed_range=options.allowed_range, **limits)
        contour = pyworld().stonemask(signal, coarse, times, SAMPLE_RATE)
    elif options.method == "praat":
        contour = _praat(signal, options, peak)
    else:
        contour, _ = pyworld().harvest(signal, SAMPLE_RATE, **limits)
    contour = fit_length(contour, frame_count(len(signal)))
    contour[(contour < options.floor) | (contour > options.ceiling)] = 0.0  # stonemask may leave the range
    return contour.astype(np.float32)


def _peak(samples: np.ndarray) -> float:
    """The largest distance of a sample from the mean."""
    mean = float(samples.mean(dtype=np.float64)) if len(samples) else 0.0
    return max(float(samples.max()) - mean, mean - float(samples.min())) if len(samples) else 0.0


def _praat(signal: np.ndarray, options: config.F0, peak: float) -> np.ndarray:
    """F0 (frames,) by Praat, at the nearest of its frames, whose times are centred on the signal; 0 = unvoiced.

    What is silence Praat tells from the loudest sample, which is to be that of the whole recording, `peak`.
    """
    parselmouth = import_praat(
        "f0 method praat", "--set f0.method=dio (of the pitch correlation: --set pitch.method=dio)"
    )
    times = np.arange(frame_count(len(signal))) * FRAME_PERIOD / 1000
    own = _peak(signal)
    if own == 0:
        return np.zeros(len(times))
    threshold = SILENCE if math.isclose(peak, own) else SILENCE * peak / own
    try:
        pitch = parselmouth.Sound(signal, SAMPLE_RATE).to_pitch_ac(
            time_step=FRAME_PERIOD / 1000, pitch_floor=options.floor, pitch_ceiling=options.ceiling,
            silence_threshold=threshold,
        )  # fmt: skip
    except parselmouth.PraatError:  # shorter than three periods of the lowest pitch
        return np.zeros(len(times))
    values = pitch.selected_array["frequency"]
    index = np.round((times - pitch.x1) / pitch.dx).astype(int)
    return np.where((index >= 0) & (index < len(values)), values[np.clip(index, 0, len(values) - 1)], 0.0)


def fit_length(frames: np.ndarray, count: int) -> np.ndarray:
    """Cut an array (frames, ...) at its end, or repeat its last frame, to have `count` frames."""
    if len(frames) >= count:
        return frames[:count].copy()
    return np.concatenate([frames, np.repeat(frames[-1:], count - len(frames), axis=0)])


def interpolate(contour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of F0 made continuous, and the voicing.

    Unvoiced stretches are bridged linearly in log F0 and the ends held; a contour without any voiced frame
    becomes log 1 = 0 throughout.

    Returns:
        (log F0 float32 (frames,), voiced float32 (frames,) of 0 and 1)
    """
    voiced = contour > 0
    where = np.flatnonzero(voiced)
    if len(where) == 0:
        return np.zeros(len(contour), np.float32), voiced.astype(np.float32)
    log_f0 = np.interp(np.arange(len(contour)), where, np.log(contour[where]))
    return log_f0.astype(np.float32), voiced.astype(np.float32)


def mean_and_deviation(contour: np.ndarray) -> np.ndarray:
    """Mean and deviation of F0 in Hz over the voiced frames of a contour, float32 (2,); (0, 1) without any."""
    voiced = contour[contour > 0].astype(np.float64)
    if not len(voiced):
        return np.array([0.0, 1.0], np.float32)
    return np.array([voiced.mean(), np.sqrt(voiced.var() + 1e-6)], np.float32)


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of log F0 (natural logarithm of Hz) over `frames` voiced frames."""

    mean: float
    deviation: float
    frames: int = 1


def statistics(contours: Iterable[np.ndarray]) -> Statistics:
    """Statistics of a speaker from its F0 contours; frames = 0 and neutral values where nothing is voiced."""
    count, total, squares = 0, 0.0, 0.0
    for contour in contours:
        values = np.log(contour[contour > 0].astype(np.float64))
        count, total, squares = count + len(values), total + float(values.sum()), squares + float(values @ values)
    if count == 0:
        return Statistics(0.0, 1.0, 0)
    mean = total / count
    return Statistics(mean, max(squares / count - mean * mean, 0.0) ** 0.5, count)


def shift(contour: np.ndarray, source: Statistics, target: Statistics, options: config.F0) -> np.ndarray:
    """Move a contour from the statistics of its speaker to those of another.

    log F0' = target mean + (log F0 - source mean) * target deviation / source deviation, on voiced frames; the
    utterance keeps its own place within the speaker's range, so its melody stays. The ratio is kept within
    [1/2, 2] and the result within the configured range of F0.

    Returns:
        float32 (frames,); voicing is unchanged.
    """
    voiced = contour > 0
    out = np.zeros(len(contour), np.float32)
    ratio = 1.0
    if source.deviation > 0 and target.deviation > 0:
        ratio = float(np.clip(target.deviation / source.deviation, 1 / LARGEST_CHANGE, LARGEST_CHANGE))
    log_f0 = target.mean + (np.log(contour[voiced].astype(np.float64)) - source.mean) * ratio
    out[voiced] = np.exp(np.clip(log_f0, np.log(options.floor), np.log(options.ceiling)))
    return out


class ExtractWorker:
    """Extracts F0 in a worker process; gives {"f0": (frames,)} for each utterance."""

    def __init__(self, options: config.F0, *, device: str = "cpu") -> None:
        self.options = options

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            yield utterance, {"f0": extract(utterance.given(self.read), self.options)}
