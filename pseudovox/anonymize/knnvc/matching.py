"""Nearest neighbours by cosine among the frames of a target: exact, batched on the device, in bounded memory.

kNN-VC (Baas, van Niekerk and Kamper 2023, "Voice conversion with just nearest neighbors") replaces every frame of an
utterance by the mean of its k = 4 nearest frames, by cosine, of a target speaker:

    target = Target(keys, values)                # normalised once
    (found,) = target.convert([frames], 4)       # (frames, values' dimension)

Similarities are taken block by block, (QUERIES, KEYS) at a time. The k best of a block are found by the maxima of
groups of GROUP keys: the best k keys lie in the k groups of the highest maxima, so that only these are searched.
Of keys that are equally near, the first ones count.

On a CPU with AVX-512 a large target is first searched in 8-bit integers: frames are turned by a random rotation, which
makes their rounding errors alike and small (the deviation of a cosine is about 0.013 / sqrt(dimension)), the best
CANDIDATES by these cosines are compared anew in single precision, and where the k-th of them is not ahead of all that
were left out by SURE deviations, the query is searched in single precision. So the result is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

QUERIES = 1024  # query frames at a time
KEYS = 8192  # target frames at a time
GROUP = 64  # keys whose maximum is taken
CANDIDATES = 12  # keys beyond the k best that are compared anew
SPARE = 8  # groups beyond the k best that they are taken from
SURE = 8.0  # deviations of the error
COARSE = 4096  # frames from which a target is searched in integers first
COARSE_VALUES = 2**23  # cosines of integers at a time
TINY = 1e-12  # length below which a frame is taken to be zero: its cosine to all is 0


class Target:
    """Frames of a target speaker, to be matched with.

    Args:
        keys: (frames, dimension), finite; what is compared.
        values: (frames, values' dimension), what is returned; None = the keys.
        device: torch device.

    Raises:
        ValueError: no frames, or keys and values of different numbers of frames.
    """

    def __init__(
        self, keys: np.ndarray | torch.Tensor, values: np.ndarray | torch.Tensor | None = None, device: str = "cpu"
    ) -> None:
        found = torch.as_tensor(keys).to(device, torch.float32)
        self.values = found if values is None else torch.as_tensor(values).to(device, torch.float32)
        if found.ndim != 2 or not len(found) or len(self.values) != len(found):
            raise ValueError(
                f"keys {tuple(found.shape)} and values {tuple(self.values.shape)}: expected as many frames"
            )
        self.keys = normalized(found)
        self.device = device
        self._coarse: _Coarse | None = None
        if device == "cpu" and len(found) >= COARSE and torch.backends.cpu.get_cpu_capability() == "AVX512":
            self._coarse = _Coarse(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    @torch.inference_mode()
    def nearest(self, queries: np.ndarray | torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The k nearest keys of each query, nearest first; all of them where there are fewer.

        Args:
            queries: (n, dimension).
            k: neighbours, at least 1.

        Returns:
            (rows int64 (n, k), cosines float32 (n, k))

        Raises:
            ValueError: k below 1, or queries of another dimension than the keys.
        """
        asked = torch.as_tensor(queries).to(self.device, torch.float32)
        if k < 1 or asked.ndim != 2 or asked.shape[1] != self.keys.shape[1]:
            raise ValueError(f"k {k}, queries {tuple(asked.shape)}: expected k >= 1 and (n, {self.keys.shape[1]})")
        k = min(k, len(self.keys))
        rows = torch.empty((len(asked), k), dtype=torch.int64, device=self.device)
        cosines = torch.empty((len(asked), k), device=self.device)
        coarse = self._coarse if k <= CANDIDATES else None
        step = QUERIES if coarse is None else max(1, min(QUERIES // 4, COARSE_VALUES // len(self.keys)))
        for start in range(0, len(asked), step):
            some = slice(start, start + step)
            unit = normalized(asked[some])
            if coarse is None:
                rows[some], cosines[some] = self._nearest(unit, k)
                continue
            found, known, sure = coarse.nearest(unit, self.keys, k)
            if not bool(sure.all()):
                found[~sure], known[~sure] = self._nearest(unit[~sure], k)
            rows[some], cosines[some] = found, known
        return rows, cosines

    def _nearest(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """As `nearest`, of QUERIES normalised queries at most."""
        best: list[tuple[torch.Tensor, torch.Tensor]] = []
        for start in range(0, len(self.keys), KEYS):
            keys = self.keys[start : start + KEYS]
            cosines = queries @ keys.t()
            rows, found = _highest(cosines, k)
            best.append((rows + start, found))
        if len(best) == 1:
            return best[0]
        rows, found = (torch.cat(parts, 1) for parts in zip(*best, strict=True))
        found, order = found.sort(dim=1, descending=True, stable=True)  # earlier blocks before later ones
        return rows.gather(1, order[:, :k]), found[:, :k]

    @torch.inference_mode()
    def convert(self, utterances: Sequence[np.ndarray | torch.Tensor], k: int) -> list[torch.Tensor]:
        """Each frame replaced by the mean of its k nearest keys' values.

        Args:
            utterances: (frames, dimension) each; matched together.
            k: neighbours.

        Returns:
            float32 (frames, values' dimension) of each, on the device.
        """
        frames = [torch.as_tensor(utterance) for utterance in utterances]
        if not frames:
            return []
        rows, _ = self.nearest(torch.cat(frames), k)
        return [self.mean(own) for own in rows.split([len(own) for own in frames])]

    @torch.inference_mode()
    def mean(self, rows: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """The mean of values by their rows (n, k): float32 (n, values' dimension); `weights` (n, k) add up to 1."""
        if weights is None:
            weights = torch.full(rows.shape, 1.0 / rows.shape[1], device=self.values.device)
        # (A sum of one neighbour after the other: no copy of k times the result.)
        total = self.values[rows[:, 0]] * weights[:, :1]
        for number in range(1, rows.shape[1]):
            total += self.values[rows[:, number]] * weights[:, number : number + 1]
        return total


class _Coarse:
    """Normalised keys in 8-bit integers.

    Args:
        keys: (frames, dimension) of length 1 or 0.
    """

    def __init__(self, keys: torch.Tensor) -> None:
        draw = torch.Generator().manual_seed(0)
        dimension = keys.shape[1]
        rows = max(size for size in range(1, math.isqrt(dimension) + 1) if dimension % size == 0)
        self.signs = torch.randint(2, (dimension,), generator=draw) * 2.0 - 1.0
        self.left, self.right = (
            torch.linalg.qr(torch.randn(size, size, generator=draw))[0] for size in (rows, dimension // rows)
        )
        turned = torch.cat([self._turned(some) for some in keys.split(KEYS)])
        # One scale for all, so that integers can be compared; zeros fill the last group.
        self.scale = max(float(turned.abs().max()), TINY) / 127
        whole, errors = _rounded(turned, self.scale)
        self.keys = torch.nn.functional.pad(whole, (0, 0, 0, -len(keys) % GROUP))
        self.error = float(errors.max())

    def _turned(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames (n, dimension) turned: signs, and a rotation of each axis of a frame laid out as a matrix."""
        laid = (frames * self.signs).view(len(frames), len(self.left), len(self.right))
        return (self.left @ (laid @ self.right)).flatten(1)

    def nearest(
        self, queries: torch.Tensor, keys: torch.Tensor, k: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The k nearest, as of `Target._nearest`, and bool (n,): of which queries they are sure to be."""
        turned = self._turned(queries)
        scales = turned.abs().amax(1, keepdim=True).clamp(min=TINY) / 127
        whole, errors = _rounded(turned, scales)
        products = torch._int_mm(whole, self.keys.t())
        grouped = products.view(len(queries), -1, GROUP)
        highest, chosen = grouped.amax(2).topk(min(grouped.shape[1], k + SPARE + 1), dim=1)
        chosen = chosen[:, :-1]
        some = grouped.gather(1, chosen[:, :, None].expand(-1, -1, GROUP)).flatten(1)
        found, places = some.topk(k + CANDIDATES + 1, dim=1)
        left_out = torch.maximum(highest[:, -1], found[:, -1]) * scales[:, 0] * self.scale
        places = places[:, :-1]
        rows = (chosen.gather(1, places // GROUP) * GROUP + places % GROUP).sort(dim=1).values
        exact = torch.bmm(keys[rows.clamp(max=len(keys) - 1)], queries[:, :, None])[:, :, 0]
        exact = exact.masked_fill(rows >= len(keys), -torch.inf)
        exact, order = exact.sort(dim=1, descending=True, stable=True)
        deviation = ((errors.square() + self.error**2) / keys.shape[1]).sqrt()
        sure = exact[:, k - 1] > left_out + SURE * deviation
        return rows.gather(1, order[:, :k]), exact[:, :k], sure


def _rounded(frames: torch.Tensor, scales: torch.Tensor | float) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames (n, dimension) in steps of `scales` as int8, and the length (n,) of what rounding leaves of each."""
    whole = (frames / scales).round()
    return whole.to(torch.int8), (frames - whole * scales).norm(dim=1)


def normalized(frames: torch.Tensor) -> torch.Tensor:
    """Frames (n, dimension) of length 1; a frame of zeros stays zero."""
    return frames / frames.norm(dim=1, keepdim=True).clamp(min=TINY)


def _highest(cosines: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns int64 (n, k') and values of the k highest of each row, or of all, highest first, of equals the first."""
    queries, keys = cosines.shape
    groups = -(-keys // GROUP)
    if groups <= k:
        found, columns = cosines.sort(dim=1, descending=True, stable=True)
        return columns[:, :k], found[:, :k]
    whole = torch.nn.functional.pad(cosines, (0, groups * GROUP - keys), value=-torch.inf) if keys % GROUP else cosines
    grouped = whole.view(queries, groups, GROUP)
    # A key of the best k is in one of the k first groups: k better groups would each have a better key.
    _, chosen = grouped.amax(2).sort(dim=1, descending=True, stable=True)
    chosen = chosen[:, :k].sort(dim=1).values
    some = grouped.gather(1, chosen[:, :, None].expand(-1, -1, GROUP)).flatten(1)
    found, places = some.sort(dim=1, descending=True, stable=True)
    places = places[:, :k]
    columns = chosen.gather(1, places // GROUP) * GROUP + places % GROUP
    return columns, found[:, :k]
