"""Transforms of F0 that hide a speaker's melody: shift, mean reversion, noise, quantisation, phone by phone, smoothing.

A chain of them is applied to the contour of an utterance (section f0 of the configuration: `transform`, `transforms`).
Every one works on voiced frames alone and leaves voicing as it is; the result stays within the range of F0. A
transform whose settings make it neutral gives its input back bit for bit.

Reversion, noise, quantisation and smoothing are done in Hz or, as the systems do that feed a network with normalised
F0 (SA-toolkit; NTU-NPU in the VoicePrivacy Challenge 2024), on F0 less its mean by its deviation over the voiced frames
of the utterance; afterwards mean and deviation are put back. Reversion and smoothing come out the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.components import f0
from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.seeds import generator
from pseudovox.data.archive import Archive, read_scp

if TYPE_CHECKING:
    from pseudovox.config import F0, F0Transforms
    from pseudovox.data.datadir.directory import Phone
    from pseudovox.stage.parallel import Utterance

DOMAINS = ("normalised", "hz")
NOISES = ("power", "snr")
FRAMES_PER_SECOND = 1000 / f0.FRAME_PERIOD
VARIANCE_FLOOR = 1e-6  # added to the variance by which F0 is normalised, as SA-toolkit does


@dataclass(frozen=True)
class Context:
    """What a transform may need besides the contour.

    Attributes:
        utterance: `<data dir>/<id>`, and seed: of the run; together they decide what is drawn.
        source, target: statistics of the speaker and of the pseudo-speaker; None where F0 is not shifted.
        phones: alignment of the utterance; None where there is none.
    """

    utterance: str = ""
    seed: int = 1
    source: f0.Statistics | None = None
    target: f0.Statistics | None = None
    phones: Sequence[Phone] | None = None


def check(options: F0) -> None:
    """Raise UsageError if the options of section f0 make no sense."""
    f0.check(options)
    own = options.transforms
    for name in options.transform:
        if name not in TRANSFORMS:
            raise UsageError(f"f0.transform: {name!r}: expected some of {', '.join(TRANSFORMS)}, or []")
    for key, value, known in (("domain", own.domain, DOMAINS), ("noise", own.noise, NOISES)):
        if value not in known:
            raise UsageError(f"f0.transforms.{key} {value!r}: expected one of {', '.join(known)}")
    if not 0 <= own.reversion <= 1:
        raise UsageError(f"f0.transforms.reversion {own.reversion}: expected 0 (nothing happens) to 1 (the mean alone)")
    for key in ("reversion_window", "smooth_window", "quantise_steps"):
        if getattr(own, key) < 0:
            raise UsageError(f"f0.transforms.{key} {getattr(own, key)}: expected 0 or more")
    if len(own.phone_range) != 2 or not 0 < own.phone_range[0] <= own.phone_range[1]:
        raise UsageError(f"f0.transforms.phone_range {own.phone_range}: expected [lowest, highest], above 0")


def transform(contour: np.ndarray, options: F0, context: Context) -> np.ndarray:
    """A contour through the chain of transforms.

    Args:
        contour: float32 (frames,), Hz, 0 where unvoiced.
        options: section f0.

    Returns:
        float32 (frames,); what the chain changed lies within [floor, ceiling], voicing is that of the input.

    Raises:
        DataError: transform `phones` without an alignment.
    """
    voiced = contour > 0
    values = contour.astype(np.float64)
    for name in options.transform if voiced.any() else ():
        values[voiced] = TRANSFORMS[name](values, voiced, options, context)[voiced]
    out = values.astype(np.float32)
    changed = out != contour
    out[changed] = np.clip(out[changed], options.floor, options.ceiling)
    return out


# ---------------------------------------------------------------------- the transforms
# Each takes F0 (frames,) in float64 and the voicing, and returns F0 (frames,), of which the voiced frames count.
def shift(values: np.ndarray, voiced: np.ndarray, options: F0, context: Context) -> np.ndarray:
    """To the pseudo-speaker's mean and deviation of log F0 (f0.shift); nothing where there are none."""
    if context.source is None or context.target is None:
        return values
    return f0.shift(values, context.source, context.target, options).astype(np.float64)


def revert(values: np.ndarray, voiced: np.ndarray, options: F0, context: Context) -> np.ndarray:
    """Mean reversion: (1 - a) f + a m, m the mean of the voiced frames in a centred window, or in the utterance.

    As the SA-toolkit's mean-reversion and, supposedly, NTU-NPU's (alpha 0.75) in the VPC 2024, except that unvoiced
    frames neither count in the mean nor become voiced. What is left of the deviation from m is 1 - a.
    """
    own = options.transforms
    if own.reversion == 0:
        return values

    def reverted(normal: np.ndarray) -> np.ndarray:
        if own.reversion_window > 0:
            mean = _running_mean(normal, voiced, np.ones(_frames(own.reversion_window)))
        else:
            mean = normal[voiced].mean()
        return (1 - own.reversion) * normal + own.reversion * mean

    return _in_domain(reverted, values, voiced, own)


def noise(values: np.ndarray, voiced: np.ndarray, options: F0, context: Context) -> np.ndarray:
    """White Gaussian noise on voiced frames.

    Its decibels say two things in the literature: an absolute power, variance 10^(d/10) in units of the domain
    (SA-toolkit: 2 dB is 1.26 deviations, 10 dB 3.16), or the ratio to the mean square of F0 in the domain (snr).
    """
    own = options.transforms
    drawn = generator(context.seed, "f0-noise", context.utterance).standard_normal(len(values))

    def noisy(normal: np.ndarray) -> np.ndarray:
        if own.noise == "power":
            variance = 10 ** (own.noise_decibels / 10)
        else:
            variance = float(np.square(normal[voiced]).mean()) / 10 ** (own.noise_decibels / 10)
        return normal + np.sqrt(variance) * drawn

    return _in_domain(noisy, values, voiced, own)


def quantise(values: np.ndarray, voiced: np.ndarray, options: F0, context: Context) -> np.ndarray:
    """round(b f) / b, b the steps in one unit of the domain; 0 steps: nothing."""
    steps = options.transforms.quantise_steps
    if steps == 0:
        return values
    return _in_domain(lambda normal: np.round(steps * normal) / steps, values, voiced, options.transforms)


def phones(values: np.ndarray, voiced: np.ndarray, options: F0, context: Context) -> np.ndarray:
    """Every phone times a factor of its own, as baseline B3 (STTTS) of the VPC 2022 and 2024 does.

    The factor is drawn evenly from whole percents, the upper end left out. Frames outside all phones stay.
    """
    if context.phones is None:
        raise DataError(f"{context.utterance}: F0 cannot be scaled phone by phone without its phones' times")
    lowest, highest = (round(100 * end) for end in options.transforms.phone_range)
    draw = generator(context.seed, "f0-phones", context.utterance)
    factors = draw.integers(lowest, max(highest, lowest + 1), len(context.phones)) / 100
    scale = np.ones(len(values))
    times = np.arange(len(values)) / FRAMES_PER_SECOND
    for phone, factor in zip(context.phones, factors, strict=True):
        scale[(times >= phone.start) & (times < phone.start + phone.duration)] = factor
    return values * scale


def smooth(values: np.ndarray, voiced: np.ndarray, options: F0, context: Context) -> np.ndarray:
    """Mean of the voiced frames around, weighted by a Hann window; one of less than three frames changes nothing."""
    frames = _frames(options.transforms.smooth_window)
    if frames < 3:
        return values
    weights = np.hanning(frames + 2)[1:-1]
    return _in_domain(lambda normal: _running_mean(normal, voiced, weights), values, voiced, options.transforms)


TRANSFORMS: dict[str, Callable[[np.ndarray, np.ndarray, F0, Context], np.ndarray]] = {
    "shift": shift,
    "revert": revert,
    "noise": noise,
    "quantise": quantise,
    "phones": phones,
    "smooth": smooth,
}


def _in_domain(
    function: Callable[[np.ndarray], np.ndarray], values: np.ndarray, voiced: np.ndarray, options: F0Transforms
) -> np.ndarray:
    if options.domain == "hz":
        return function(values)
    mean = values[voiced].mean()
    deviation = np.sqrt(values[voiced].var() + VARIANCE_FLOOR)
    return function((values - mean) / deviation) * deviation + mean


def _frames(seconds: float) -> int:
    """The odd number of frames nearest to a window, one at least."""
    return 2 * round(seconds * FRAMES_PER_SECOND / 2) + 1


def _running_mean(values: np.ndarray, voiced: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of the voiced frames around each frame; weights (odd number,). As it is where none is voiced."""
    half = len(weights) // 2
    within = slice(half, half + len(values))
    total = np.convolve(np.where(voiced, values, 0.0), weights)[within]
    weight = np.convolve(voiced.astype(np.float64), weights)[within]
    return np.where(voiced, total / np.where(voiced, weight, 1.0), values)


# ---------------------------------------------------------------------- in worker processes
class TransformWorker:
    """Transforms F0 contours; gives {"f0": (frames,)} for each utterance.

    Args:
        options: section f0 of the configuration.
        seed: of what is drawn.
        contours: root of extracted F0, <root>/<set>/f0.scp.
        pseudo: root of pseudo-speakers, <root>/<set>/pseudo_f0.scp: (mean, deviation) of log F0 by utterance. Where
            a set has none, its F0 is not shifted.
    """

    def __init__(self, options: F0, seed: int, contours: Path, pseudo: Path | None, *, device: str = "cpu") -> None:
        self.options, self.seed, self.contours, self.pseudo = options, seed, contours, pseudo
        self.sources: dict[tuple[Path, str], f0.Statistics] = {}
        self.alignments: dict[Path, dict[str, list[Phone]]] = {}
        self.open = cache(read_scp)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            contours: Archive = self.open(self.contours / utterance.data.name / "f0.scp")
            context = Context(
                f"{utterance.data.name}/{utterance.id}",
                self.seed,
                *self._speakers(utterance, contours),
                self._phones(utterance),
            )
            yield utterance, {"f0": transform(contours[utterance.id], self.options, context)}

    def _speakers(self, utterance: Utterance, contours: Archive) -> tuple[f0.Statistics | None, f0.Statistics | None]:
        """Statistics of the speaker, over all of its utterances in the data dir (or of the utterance, where
        `options.source` says so), and of the pseudo-speaker."""
        table = self.pseudo / utterance.data.name / "pseudo_f0.scp" if self.pseudo else None
        if "shift" not in self.options.transform or table is None or not table.exists():
            return None, None
        mean, deviation = (float(value) for value in self.open(table)[utterance.id])
        target = f0.Statistics(mean, deviation)
        if self.options.source == "utterance":
            return f0.statistics([contours[utterance.id]]), target
        key = (utterance.data.path, utterance.speaker)
        if key not in self.sources:
            utterances = utterance.data.spk2utt[utterance.speaker]
            self.sources[key] = f0.statistics(contours[name] for name in utterances)
        return self.sources[key], target

    def _phones(self, utterance: Utterance) -> list[Phone] | None:
        if "phones" not in self.options.transform:
            return None
        data = utterance.data
        if data.path not in self.alignments:
            self.alignments[data.path] = data.phones
        return self.alignments[data.path].get(utterance.id)
