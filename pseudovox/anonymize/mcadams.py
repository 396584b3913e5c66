"""McAdams-coefficient anonymization: formants moved by linear prediction, nothing trained.

Patino et al. 2021, baseline B2 of the VoicePrivacy Challenges 2020 to 2026. Of every frame of 20 ms the prediction
filter A(z) is estimated (Burg, order 20); the angle of each of its complex poles is raised to a power, the McAdams
coefficient, the radius kept; the prediction residual goes through the filter of the moved poles, and the frames are
overlap-added. Angles below 1 radian (2.5 kHz) rise for a coefficient below 1, those above it fall.

The variants of the challenges differ in details (VARIANTS). All arithmetic is in float64, over many frames at once, on
the CPU or a GPU.

A resonance that is moved off the notch which it had left in the residual rings. Half of the frames of LibriSpeech come
out louder by 4 dB or more with coefficient 0.8, by 30 with 0.5; one in a hundred by 16 and 53, next to which the rest
is inaudible. The challenges leave it so. A limit on the growth of a frame (`largest_gain`) prevents it: by more than
the default of 9 dB hardly any would grow with 0.9, a fifth with 0.8, most with 0.5.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pseudovox.components.world import as_loud
from pseudovox.core import blocks
from pseudovox.core.errors import UsageError
from pseudovox.core.seeds import generator
from pseudovox.data.audio import SAMPLE_RATE, is_silent
from pseudovox.data.utterance import read_audio

if TYPE_CHECKING:
    from pathlib import Path

    from pseudovox.config import Config, McAdams
    from pseudovox.data.datadir import DataDir
    from pseudovox.stage.parallel import Utterance

ORDER = 20
FRAME, HOP = 320, 160  # samples: 20 and 10 ms at 16 kHz
EPSILON = float(np.finfo(np.float32).eps)  # added to every sample, so that digital silence has a prediction
LIKE = ("", "vpc2024")
SCALES = ("speech", "published")
UNDOING_GAIN = 10 ** (9.0 / 20)  # by which a frame may grow when poles are moved back: the default of the other way
PURPOSE = "mcadams"  # of the random draws
# Below this share of a frame's energy the prediction error is rounding: the recursion stops, where the reference
# implementation goes on and ends in NaN (a pure tone does that).
PREDICTED = 1e-10
# Frames that are worked on together: bounds memory, and keeps them in a core's cache.
CHUNK = {"cpu": 512, "cuda": 16384}


@dataclass(frozen=True)
class Variant:
    """In what the implementations of the challenges differ.

    Attributes:
        coefficient: the default, [fixed] or [lowest, highest].
        first: the first frame that is used: with 1 the first 10 ms come out silent.
        clip: moved angles are kept within 0 and pi (no coefficient below 1 leaves that range).
        single: samples are float32 before the window and after the overlap-add.
    """

    coefficient: tuple[float, ...]
    first: int
    clip: bool
    single: bool


VARIANTS = {
    2020: Variant((0.8,), first=1, clip=True, single=False),
    2022: Variant((0.5, 0.9), first=1, clip=True, single=False),
    2024: Variant((0.5, 0.9), first=0, clip=False, single=True),
}


# ---------------------------------------------------------------------- settings
def resolved(options: McAdams) -> McAdams:
    """The options, checked, with the variant's own coefficient where none is given, and all that `like` implies.

    Raises:
        UsageError: an unknown variant, scale or imitation, a coefficient that is neither one number nor a range, or a
            negative limit.
    """
    if options.variant not in VARIANTS:
        raise UsageError(f"mcadams.variant {options.variant}: expected one of {', '.join(map(str, VARIANTS))}")
    if options.like not in LIKE:
        raise UsageError(f"mcadams.like {options.like!r}: expected {' or '.join(map(repr, LIKE))}")
    if options.scale not in SCALES:
        raise UsageError(f"mcadams.scale {options.scale!r}: expected {' or '.join(SCALES)}")
    if not 0 <= options.largest_gain < math.inf:
        raise UsageError(f"mcadams.largest_gain {options.largest_gain}: expected decibels, 0 for no limit")
    coefficient = list(options.coefficient or VARIANTS[options.variant].coefficient)
    if len(coefficient) > 2 or min(coefficient) <= 0 or sorted(coefficient) != coefficient:
        raise UsageError(
            f"mcadams.coefficient {coefficient}: expected one number above 0, or the lowest and the highest of a range"
        )
    if options.like and (options.variant != 2024 or len(coefficient) != 2):
        raise UsageError(
            f"mcadams.like {options.like}: imitates variant 2024 with a coefficient drawn from a range",
            "--set mcadams.variant=2024 --set mcadams.coefficient=[0.5,0.9]",
        )
    if options.like:
        return replace(options, coefficient=coefficient, largest_gain=0.0, scale="published")
    return replace(options, coefficient=coefficient)


def coefficients(data: DataDir, options: McAdams, level: str, seed: int) -> dict[str, float]:
    """The coefficient of every utterance of a data dir.

    Drawn evenly from the range, for a speaker of the data dir (level "spk") or an utterance ("utt"), from (seed,
    purpose, data dir and id). With like = vpc2024 they are the published ones, which anybody can compute: of level utt
    the n-th utterance of every data dir has the same, of level spk it hangs on the speaker's id alone.

    Args:
        options: as `resolved` gives them.
        level: "spk" or "utt".
        seed: of the draws that are not published.

    Returns:
        coefficient by utterance id.
    """
    lowest, highest = options.coefficient[0], options.coefficient[-1]
    if len(options.coefficient) == 1:
        return dict.fromkeys(data.utterances, lowest)
    if options.like and level == "utt":
        drawn = _published("VPC2024").uniform(lowest, highest, len(data.utterances))
        return dict(zip(data.utterances, map(float, drawn), strict=True))
    found = {}
    for identity, members in (data.spk2utt if level == "spk" else {utt: [utt] for utt in data.utterances}).items():
        draw = _published(identity) if options.like else generator(seed, PURPOSE, f"{data.name}/{identity}")
        found.update(dict.fromkeys(members, float(draw.uniform(lowest, highest))))
    return found


def _published(text: str) -> np.random.Generator:
    """The generator of the VPC 2024 for a text: NumPy's default, from the first 8 hexadecimal digits of its SHA-256."""
    return np.random.default_rng(int(hashlib.sha256(text.encode("utf-8")).hexdigest()[:8], 16))


# ---------------------------------------------------------------------- frames
def window() -> np.ndarray:
    """The window of analysis and of synthesis, float64 (FRAME,).

    sqrt(w / K), w the symmetric Hann window and K = sum(w) / HOP, so that its square, overlap-added, is 1 to 0.4 %.
    """
    hann = np.hanning(FRAME)
    return np.sqrt(hann / (hann.sum() / HOP))


def burg(frames: Tensor, order: int = ORDER) -> Tensor:
    """Linear prediction by Burg's method, the error's power updated by recursion.

    Args:
        frames: float64 (frames, samples).

    Returns:
        float64 (frames, order + 1): the polynomials A(z), 1 first; all poles of 1/A lie within the unit circle.
    """
    forward, backward = frames[:, 1:].clone(), frames[:, :-1].clone()
    polynomial = frames.new_zeros(len(frames), order + 1)
    polynomial[:, 0] = 1.0
    power = (forward * forward).sum(1) + (backward * backward).sum(1)
    least = power * PREDICTED
    tiny = torch.finfo(frames.dtype).tiny
    for number in range(order):
        reflection = -2.0 * (forward * backward).sum(1) / (power + tiny)
        reflection = torch.where(power > least, reflection, torch.zeros_like(reflection))
        column = reflection.unsqueeze(1)
        polynomial[:, 1 : number + 2] += column * polynomial[:, : number + 1].flip(1)
        ahead = forward + column * backward
        backward.addcmul_(column, forward)
        power = (1.0 - reflection * reflection) * power - backward[:, -1] ** 2 - ahead[:, 0] ** 2
        forward, backward = ahead[:, 1:], backward[:, :-1]
    return polynomial


def poles(polynomials: Tensor) -> Tensor:
    """Roots of monic real polynomials (frames, order + 1): complex128 (frames, order).

    On the CPU they are eigenvalues of companion matrices, as NumPy and the reference find them; those that are not real
    come in exact pairs of conjugates. A GPU would solve one eigenproblem after the other, so there they are found
    together (`simultaneous_roots`), to 1e-10 or better, and the few polynomials that resist go to the CPU.
    """
    if not polynomials.is_cuda:
        return companion_roots(polynomials)
    found, change = simultaneous_roots(polynomials)
    resisting = ~(change < 1e-10)  # NaN too
    if resisting.any():
        found[resisting] = companion_roots(polynomials[resisting].cpu()).to(found.device)
    return found


def companion_roots(polynomials: Tensor) -> Tensor:
    """Roots as eigenvalues of the companion matrices."""
    count, order = len(polynomials), polynomials.shape[1] - 1
    companion = polynomials.new_zeros(count, order, order)
    companion[:, 0] = -polynomials[:, 1:]
    companion.diagonal(-1, 1, 2).fill_(1.0)
    return torch.linalg.eigvals(companion)


def simultaneous_roots(polynomials: Tensor, rounds: int = 25) -> tuple[Tensor, Tensor]:
    """Roots by Aberth's method (1973): Newton steps for all roots at once, each kept away from the others.

    Args:
        polynomials: float64 (frames, order + 1), 1 first.
        rounds: steps, the same for all, so that a result does not depend on what it is computed with; 20 do on speech.

    Returns:
        (complex128 (frames, order), with no imaginary part where it is rounding; float64 (frames,), the largest last
        step, by which to tell whether they converged)
    """
    count, order = len(polynomials), polynomials.shape[1] - 1
    # On a circle of the roots' geometric mean; turned, since points that mirror each other would stay mirrored.
    radius = polynomials[:, -1].abs().clamp(min=1e-12) ** (1 / order)
    angle = torch.arange(order, device=polynomials.device, dtype=polynomials.dtype) * (2 * math.pi / order) + 0.4
    roots = torch.polar(radius.unsqueeze(1).expand(count, order).contiguous(), angle.expand(count, order).contiguous())
    step = torch.zeros_like(roots)
    for _ in range(rounds):
        value, slope = torch.ones_like(roots), torch.zeros_like(roots)
        for power in range(1, order + 1):
            slope = slope * roots + value
            value = value * roots + polynomials[:, power : power + 1]
        apart = roots.unsqueeze(2) - roots.unsqueeze(1)
        apart.diagonal(dim1=1, dim2=2).fill_(1.0)
        repulsion = apart.reciprocal().sum(2) - 1.0
        step = value / (slope - value * repulsion)
        roots = roots - step
    rounding = roots.imag.abs() < 1e-9
    roots = torch.complex(roots.real, torch.where(rounding, torch.zeros_like(roots.imag), roots.imag))
    return roots, step.abs().amax(1)


def moved(roots: Tensor, coefficient: Tensor, *, clip: bool) -> Tensor:
    """Poles with their angles raised to a power; real ones stay.

    Args:
        roots: complex128 (frames, order).
        coefficient: float64 (frames,).
        clip: keep angles within pi either way.
    """
    angle = roots.angle()
    size = angle.abs() ** coefficient.unsqueeze(1)
    if clip:
        size = size.clamp(max=math.pi)
    return torch.where(roots.imag == 0, roots, torch.polar(roots.abs(), angle.sign() * size))


def polynomials_of(roots: Tensor) -> Tensor:
    """Monic real polynomials (frames, order + 1) of roots (frames, order) that come in pairs of conjugates."""
    count, order = roots.shape
    found = roots.new_zeros(count, order + 1)
    found[:, 0] = 1.0
    for number in range(order):
        found[:, 1 : number + 2] -= roots[:, number : number + 1] * found[:, : number + 1]
    return found.real


def residual(frames: Tensor, polynomials: Tensor) -> Tensor:
    """Frames (frames, samples) through the filters A(z), from rest."""
    out = frames.clone()
    for lag in range(1, polynomials.shape[1]):
        out[:, lag:].addcmul_(polynomials[:, lag : lag + 1], frames[:, :-lag])
    return out


def resonate(frames: Tensor, polynomials: Tensor) -> Tensor:
    """Frames (frames, samples) through the all-pole filters 1/A(z), from rest: sample by sample, all frames at once."""
    order = polynomials.shape[1] - 1
    taps = polynomials[:, 1:].flip(1).t().contiguous()  # oldest sample first
    out = torch.cat([frames.new_zeros(order, len(frames)), frames.t()])
    for number in range(frames.shape[1]):
        out[order + number] -= (taps * out[number : number + order]).sum(0)
    return out[order:].t()


def warped(frames: Tensor, coefficient: Tensor, *, clip: bool = False, largest_gain: float = math.inf) -> Tensor:
    """Frames whose formants are moved.

    Args:
        frames: float64 (frames, samples), windowed.
        coefficient: float64 (frames,); 1 leaves a frame as it is, to rounding.
        clip: see Variant.
        largest_gain: bound on a frame's growth, as a factor of its root mean square.

    Returns:
        float64 (frames, samples), before the second window.
    """
    prediction = burg(frames + EPSILON)
    warped_prediction = polynomials_of(moved(poles(prediction), coefficient, clip=clip))
    out = resonate(residual(frames, prediction), warped_prediction)
    if largest_gain < math.inf:
        gain = (out.square().mean(1) / (frames.square().mean(1) + torch.finfo(frames.dtype).tiny)).sqrt()
        out = out * (largest_gain / gain.clamp(min=largest_gain)).unsqueeze(1)
    return out


# ---------------------------------------------------------------------- signals
def warp(
    signals: Sequence[np.ndarray], coefficient: Sequence[float], variant: Variant, *,
    largest_gain: float = math.inf, device: str = "cpu",
) -> list[np.ndarray]:  # fmt: skip
    """Signals whose formants are moved, at their own level.

    As in the challenges, the first 10 ms rise from silence (variants 2020 and 2022: are silent and the next 10 ms
    rise), and what is left after the last whole frame, up to 10 ms, stays silent. A signal shorter than a
    frame, on which the reference fails, is worked on as if silence followed it.

    Args:
        signals: float (samples,) each, in [-1, 1] at 16 kHz.
        coefficient: of each signal.
        variant: one of VARIANTS.
        largest_gain: bound on a frame's growth, as a factor of its root mean square; inf = none, as in the challenges.
        device: where to compute.

    Returns:
        float64 (samples,) each (float32 values where the variant is single).
    """
    cuts = [blocks.cut(len(signal), blocks.size(SAMPLE_RATE), 4 * HOP, HOP) for signal in signals]
    if all(len(own) == 1 for own in cuts):
        return _warp(signals, coefficient, variant, largest_gain, device)
    found = []
    for signal, own, power in zip(signals, cuts, coefficient, strict=True):
        out = np.empty(len(signal))
        for block in own:
            part = _warp([signal[block.worked]], [power], variant, largest_gain, device)[0]
            out[block.start : block.end] = part[block.kept]
            blocks.report(block.end / len(signal))
        found.append(out)
    return found


def _warp(
    signals: Sequence[np.ndarray], coefficient: Sequence[float], variant: Variant, largest_gain: float, device: str
) -> list[np.ndarray]:
    """`warp` of all of the signals at once."""
    kind = torch.float32 if variant.single else torch.float64
    # One signal after the other, each on whole hops, so that frames can be taken from all of them by their number.
    hops = [max(-(-len(signal) // HOP), (1 + variant.first) + 1) for signal in signals]
    starts = np.cumsum([0, *hops])
    joined = torch.zeros(int(starts[-1]) * HOP, dtype=kind)
    numbers, counts = [], []
    for signal, start in zip(signals, starts, strict=False):
        samples = torch.as_tensor(np.asarray(signal), dtype=kind) + torch.tensor(EPSILON, dtype=kind)
        joined[int(start) * HOP : int(start) * HOP + len(samples)] = samples
        last = max(1 + (len(signal) - FRAME) // HOP, variant.first + 1)
        numbers.append(torch.arange(int(start) + variant.first, int(start) + last))
        counts.append(last - variant.first)
    number = torch.cat(numbers).to(device)
    powers = torch.tensor(np.repeat(np.asarray(coefficient, dtype=np.float64), counts), device=device)
    views = joined.to(device).unfold(0, FRAME, HOP)
    shape = torch.from_numpy(window()).to(device)
    blocks = torch.zeros(int(starts[-1]), HOP, dtype=kind, device=device)
    chunk = CHUNK["cuda" if device.startswith("cuda") else "cpu"]
    for begin in range(0, len(number), chunk):
        now = slice(begin, begin + chunk)
        out = warped(views[number[now]] * shape, powers[now], clip=variant.clip, largest_gain=largest_gain) * shape
        # The later half of a frame is stored before the earlier half of the next is added, as frames come in order.
        blocks[number[now] + 1] = out[:, HOP:].to(kind)
        blocks[number[now]] = (blocks[number[now]].double() + out[:, :HOP]).to(kind)
    flat = blocks.flatten().double().cpu().numpy()
    return [
        flat[int(start) * HOP : int(start) * HOP + len(signal)] for signal, start in zip(signals, starts, strict=False)
    ]


def published_scale(samples: np.ndarray, variant: int) -> np.ndarray:
    """The scale of the challenges: the largest sample of every utterance at full scale.

    2020: peak 1.0. 2022 and 2024: 16-bit samples trunc(x / max|x| * 32766), in the precision of the variant.

    Returns:
        float64 (samples,), which audio.write_wav stores without rounding again; silence stays silence.
    """
    samples = samples.astype(np.float32 if VARIANTS[variant].single else np.float64)
    peak = np.abs(samples).max()
    if peak == 0:
        return samples
    if variant == 2020:
        return samples / peak
    return np.asarray(np.trunc(samples / peak * 32766), dtype=np.float64) / 32768


def largest_factor(options: McAdams) -> float:
    """The factor by which a frame may grow, of the decibels of the configuration; inf where it has no limit."""
    return 10 ** (options.largest_gain / 20) if options.largest_gain else math.inf


def scaled(samples: np.ndarray, original: np.ndarray, options: McAdams, decibels: float) -> np.ndarray:
    """Warped samples (n,) with speech at `decibels` re full scale, or at the published scale; silence as it is.

    Args:
        original: the recording (n,), see `world.as_loud`.
    """
    if options.scale == "published":
        return published_scale(samples, options.variant)
    return samples if is_silent(samples) else as_loud(samples, original, decibels)


class McAdamsWorker:
    """Anonymizes data dirs in a worker process; gives the samples of each utterance.

    Args:
        options: section `mcadams`, as `resolved` gives it.
        level: "spk" or "utt".
        seed: of the coefficients.
        decibels: level of the speech, re full scale (where the scale is not the published one).
    """

    def __init__(self, options: McAdams, level: str, seed: int, decibels: float, *, device: str = "cpu") -> None:
        self.options, self.level, self.seed, self.decibels, self.device = options, level, seed, decibels, device
        self.drawn: dict[Path, dict[str, float]] = {}

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, Callable[[], np.ndarray]]]:
        for utterance in batch:
            data = utterance.data
            if data.path not in self.drawn:
                self.drawn[data.path] = coefficients(data, self.options, self.level, self.seed)
        signals = [utterance.given(self.read) for utterance in batch]
        found = warp(
            signals,
            [self.drawn[utterance.data.path][utterance.id] for utterance in batch],
            VARIANTS[self.options.variant],
            largest_gain=largest_factor(self.options),
            device=self.device,
        )
        for utterance, signal in zip(batch, signals, strict=True):
            yield utterance, functools.partial(scaled, found.pop(0), signal, self.options, self.decibels)


class UndoWorker:
    """Moves back, as well as can be, what McAdamsWorker moved, knowing the coefficients; gives the samples.

    Frames of anonymized speech have poles near those that were moved there; their angles are raised to the inverse
    power. What the limit on frames, the overlap and the second estimate of the poles changed stays changed.

    Args:
        variant: the year of the one that was used.
        drawn: coefficient by utterance id.
        decibels: level of the speech, re full scale.
    """

    def __init__(self, variant: int, drawn: dict[str, float], decibels: float, *, device: str = "cpu") -> None:
        # Inverse powers may lead beyond pi, so angles are kept within it, whatever the variant does.
        self.variant = replace(VARIANTS[variant], clip=True)
        self.drawn, self.decibels, self.device = drawn, decibels, device

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, np.ndarray]]:
        signals = [utterance.given(self.read) for utterance in batch]
        inverse = [1.0 / self.drawn[utterance.id] for utterance in batch]
        found = warp(signals, inverse, self.variant, largest_gain=UNDOING_GAIN, device=self.device)
        for utterance, signal, undone in zip(batch, signals, found, strict=True):
            yield utterance, undone if is_silent(undone) else as_loud(undone, signal, self.decibels)


# ---------------------------------------------------------------------- system
class McAdamsSystem:
    """The systems that are the step anonymize_mcadams, in Python, recording by recording."""

    def __init__(self, config: Config, models: Path | None, level: str, device: str) -> None:
        self.options, self.level, self.device = resolved(config.mcadams), level, device
        self.config = config

    def __call__(self, data: DataDir, recordings: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        drawn = coefficients(data, self.options, self.level, self.config.seed)
        made = {}
        for name, samples in recordings.items():
            gain = largest_factor(self.options)
            variant = VARIANTS[self.options.variant]
            found = warp([samples], [drawn[name]], variant, largest_gain=gain, device=self.device)[0]
            level = self.config.synthesis.level
            made[name] = scaled(found, samples, self.options, level).astype(np.float32)
        return made
