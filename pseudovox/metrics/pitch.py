"""Pitch correlation: does the F0 of anonymized speech rise and fall as that of the original?

Two forms under two names, since they differ by much (0.34-0.75 against 0.89-0.999 on McAdams speech):
`correlation_vpc2022` is the figure of the VoicePrivacy Challenge 2022, in which unvoiced frames count as 0 Hz, so that
it measures agreement on voicing before all else; `correlation_voiced` looks at the frames that both call voiced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FLOOR_HZ, CEILING_HZ = 75.0, 500.0  # the challenge's range of F0; values outside count as unvoiced
MAX_LAG = 10  # frames, of correlation_voiced
MIN_VOICED_FRAMES = 10  # 0.1 s; below, a correlation says nothing


def correlation_vpc2022(original: np.ndarray, anonymized: np.ndarray) -> float:
    """Pitch correlation rho_F0 of the VPC 2022 evaluation plan, as its code computes it.

    The shorter contour is stretched linearly to the length of the longer one; values outside 75-500 Hz become 0; the
    second contour is rotated (circularly) by the lag at which the cross-correlation of the raw values is largest;
    Pearson correlation over all frames, zeros included.

    Args:
        original, anonymized: (frames,) F0 in Hz every 10 ms, 0 where unvoiced; lengths may differ.

    Returns:
        In [-1, 1]; 0 where it is undefined (a contour is constant or empty).
    """
    import numpy as np

    a, b = _contour(original), _contour(anonymized)
    if not len(a) or not len(b):
        return 0.0
    frames = max(len(a), len(b))
    a, b = _in_range(_stretch(a, frames)), _in_range(_stretch(b, frames))
    correlation = pearson(a, np.roll(b, _best_lag(a, b)))
    return 0.0 if np.isnan(correlation) else correlation


def correlation_voiced(original: np.ndarray, anonymized: np.ndarray) -> float:
    """Pearson correlation of F0 over the frames that both contours call voiced.

    Contours of different length are compared at the nearest frames (F0 is not interpolated across the edges of
    voicing), then shifted against each other, without wrapping around, by the lag within 0.1 s at which all frames
    correlate best (the smallest one, where another gains less than 0.01). No range is imposed: the contours are taken
    as they come.

    Args, units: as `correlation_vpc2022`.

    Returns:
        In [-1, 1]; NaN where fewer than MIN_VOICED_FRAMES frames are voiced in both, or one is constant there.
    """
    a, b = _contour(original), _contour(anonymized)
    if not len(a) or not len(b):
        return float("nan")
    frames = max(len(a), len(b))
    a, b = _nearest(a, frames), _nearest(b, frames)
    lags = sorted(range(-min(MAX_LAG, frames - 1), min(MAX_LAG, frames - 1) + 1), key=abs)
    fits = [pearson(*_shifted(a, b, lag)) for lag in lags]
    best = max((fit for fit in fits if fit == fit), default=0.0)
    lag = next((lag for lag, fit in zip(lags, fits, strict=True) if fit >= best - 0.01), 0)
    a, b = _shifted(a, b, lag)
    both = (a > 0) & (b > 0)
    return pearson(a[both], b[both]) if both.sum() >= MIN_VOICED_FRAMES else float("nan")


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation of two (n,) arrays; NaN where one of them is constant or empty."""
    import numpy as np

    if not len(a):
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    if scale <= 1e-9 * len(a):  # Hz squared: rounding of a constant contour, not pitch
        return float("nan")
    return float(np.clip((a @ b) / scale, -1.0, 1.0))


@dataclass(frozen=True)
class Summary:
    """Figures of a set: of the `defined` utterances out of all `utterances`."""

    mean: float
    median: float
    deviation: float
    utterances: int
    defined: int


def summarise(values: np.ndarray) -> Summary:
    """Mean, median and standard deviation (population) over utterances; NaN values are left out and counted."""
    import numpy as np

    values = np.asarray(values, dtype=np.float64)
    defined = values[np.isfinite(values)]
    if not len(defined):
        return Summary(float("nan"), float("nan"), float("nan"), len(values), 0)
    return Summary(float(defined.mean()), float(np.median(defined)), float(defined.std()), len(values), len(defined))


def _contour(f0: np.ndarray) -> np.ndarray:
    import numpy as np

    f0 = np.asarray(f0, dtype=np.float64)
    if f0.ndim != 1 or not np.isfinite(f0).all():
        raise ValueError(f"an F0 contour is one finite value a frame, got shape {f0.shape}")
    return f0


def _in_range(f0: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.where((f0 < FLOOR_HZ) | (f0 > CEILING_HZ), 0.0, f0)


def _shifted(a: np.ndarray, b: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """The frames that overlap when a[n + lag] is laid beside b[n]."""
    return (a[lag:], b[: len(b) - lag]) if lag >= 0 else (a[:lag], b[-lag:])


def _stretch(f0: np.ndarray, frames: int) -> np.ndarray:
    import numpy as np

    if len(f0) == frames:
        return f0
    return np.interp(np.linspace(0, len(f0) - 1, frames), np.arange(len(f0)), f0)


def _nearest(f0: np.ndarray, frames: int) -> np.ndarray:
    import numpy as np

    return f0[np.round(np.linspace(0, len(f0) - 1, frames)).astype(int)]


def _best_lag(a: np.ndarray, b: np.ndarray) -> int:
    """The k with the largest sum over n of a[n + k] b[n]; the smallest |k| among equals, 0 if all are 0."""
    import numpy as np
    from scipy.signal import correlate

    values = correlate(a, b, mode="full", method="fft")
    lags = np.arange(-len(b) + 1, len(a))
    # FFT rounding must not choose among lags that are equal on paper.
    best = values >= values.max() - 1e-9 * max(1.0, float(np.abs(values).max()))
    return int(lags[best][np.argmin(np.abs(lags[best]))])
