"""Nearest neighbours by cosine among the frames of a target: exact, batched on the device, in bounded memory.

kNN-VC (Baas, van Niekerk and Kamper 2023, "Voice conversion with just nearest neighbors") replaces every frame of an
utterance by the mean of its k = 4 nearest frames, by cosine, of a target speaker:

    target = Target(keys, values)                # normalised once
    (found,) = target.convert([frames], 4)       # (frames, values' dimension)

Similarities are taken block by block, (QUERIES, KEYS) at a time. The k best of a block are found by the maxima of
groups of GROUP keys: the best k keys lie in the k groups of the highest maxima, so that only these are searched.
Of keys that are equally near, the first ones count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

QUERIES = 1024  # query frames at a time
KEYS = 8192  # target frames at a time
GROUP = 64  # keys whose maximum is taken
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
        for start in range(0, len(asked), QUERIES):
            some = slice(start, start + QUERIES)
            rows[some], cosines[some] = self._nearest(normalized(asked[some]), k)
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
