"""The target's frames by phone: all of them, or the centroids of a few clusters (private kNN-VC's "variation").

    found = by_phone(features, values, labels, phones=40, clusters=8, seed=1, name="p225")
    rows = found.nearest(frames, labels)        # for each frame the nearest row of its phone, by cosine

With few clusters all of a phone's variants in the source meet the same few in the target: less of the speaker's own
way of saying it is left, and less of the meaning. Centroids carry no weight: how many frames each stands for is told
in `counts`, and does not count in the choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from pseudovox.anonymize.knnvc import matching
from pseudovox.core import seeds

ITERATIONS = 100  # of Lloyd's algorithm, at most
SETTLED = 1e-4  # mean squared movement of the centroids, against the mean variance of the frames, that is none


@dataclass(frozen=True)
class ByPhone:
    """What stands for a target: rows, sorted by phone.

    Attributes:
        keys: float32 (rows, dimension), what frames are compared with.
        values: float32 (rows, values' dimension), what they become; may be the keys.
        counts: int64 (rows,), frames of the target behind each; all 1 where there are no clusters.
        offsets: int64 (phones + 1,): the rows of phone p are offsets[p] to offsets[p + 1].
    """

    keys: torch.Tensor
    values: torch.Tensor
    counts: torch.Tensor
    offsets: torch.Tensor
    _made: dict[tuple[int, int], matching.Target] = field(default_factory=dict, repr=False, compare=False)

    def to(self, device: str) -> ByPhone:
        """The same on a device; offsets and counts stay where they are."""
        return ByPhone(self.keys.to(device), self.values.to(device), self.counts, self.offsets)

    @torch.inference_mode()
    def nearest(self, frames: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
        """The row with the largest cosine among those of a frame's phone; among all where the target has none of it.

        Args:
            frames: (n, dimension), of several utterances, if need be.
            labels: int64 (n,), the phone of each.

        Returns:
            int64 (n,), on the frames' device.
        """
        offsets = self.offsets.tolist()
        found = torch.empty(len(frames), dtype=torch.int64, device=frames.device)
        order = np.argsort(labels, kind="stable")
        phones, starts = np.unique(labels[order], return_index=True)
        for phone, places in zip(phones.tolist(), np.split(order, starts[1:]), strict=True):
            first, end = offsets[phone], offsets[phone + 1]
            if first == end:
                first, end = 0, offsets[-1]
            own = torch.from_numpy(places).to(frames.device)
            found[own] = self._target(first, end).nearest(frames[own], 1)[0][:, 0] + first
        return found

    def _target(self, first: int, end: int) -> matching.Target:
        """Some rows to be matched with, made once."""
        if (first, end) not in self._made:
            self._made[first, end] = matching.Target(self.keys[first:end], device=str(self.keys.device))
        return self._made[first, end]


def by_phone(
    keys: torch.Tensor, values: torch.Tensor | None, labels: np.ndarray, *, phones: int, clusters: int, seed: int,
    name: str,
) -> ByPhone:  # fmt: skip
    """A target's frames, sorted by phone, or clustered within each phone.

    Args:
        keys: float32 (frames, dimension), of all its utterances, on the device to work on.
        values: (frames, values' dimension), what frames become, if it is not the keys; of a cluster the mean.
        labels: int64 (frames,), the phone of each, 0 to phones - 1.
        phones: how many there are.
        clusters: of each phone; fewer where it has fewer frames; 0 = every frame is a row of its own.
        seed: with the target's name and the phone's number it decides the first centroids.
        name: the target's.
    """
    order = np.argsort(labels, kind="stable")
    numbers = np.bincount(labels, minlength=phones)
    sorted_places = torch.from_numpy(order).to(keys.device)
    if not clusters:
        offsets = torch.from_numpy(np.concatenate(([0], np.cumsum(numbers))))
        found = keys[sorted_places]
        own = found if values is None else values[sorted_places]
        return ByPhone(found, own, torch.ones(len(order), dtype=torch.int64), offsets)
    means: list[list[torch.Tensor]] = [[], []]
    counted: list[torch.Tensor] = []
    for phone, places in enumerate(sorted_places.split(numbers.tolist())):
        member, count = kmeans(keys[places], clusters, seeds.seed_for(seed, "phone-clusters", f"{name}/{phone}"))
        counts = torch.bincount(member, minlength=count)
        counted.append(counts.cpu())
        for column, frames in zip(means, (keys, values), strict=True):
            if frames is not None:
                column.append(_means(frames[places], member, counts))
    offsets = torch.tensor([0, *np.cumsum([len(counts) for counts in counted]).tolist()])
    found = torch.cat(means[0])
    return ByPhone(found, torch.cat(means[1]) if means[1] else found, torch.cat(counted), offsets)


def kmeans(frames: torch.Tensor, clusters: int, seed: int) -> tuple[torch.Tensor, int]:
    """Lloyd's k-means by Euclidean distance, from centroids drawn as k-means++ (Arthur and Vassilvitskii 2007) has it.

    A cluster that loses all of its frames begins anew with the frame farthest from its centroid.

    Args:
        frames: float32 (n, dimension).
        clusters: how many; no more are made than there are different frames.
        seed: of the draws.

    Returns:
        (cluster of each frame, int64 (n,); number of clusters, each of which has a frame)
    """
    count = min(clusters, len(frames))
    if not count:
        return torch.zeros(0, dtype=torch.int64, device=frames.device), 0
    squares = frames.square().sum(1)
    chosen = _first(frames, squares, count, seed)
    centroids = frames[chosen]
    count = len(chosen)
    tolerance = SETTLED * float(frames.var(0, correction=0).mean())
    member = torch.zeros(len(frames), dtype=torch.int64, device=frames.device)
    for _ in range(ITERATIONS):
        distances = _distances(frames, squares, centroids)
        nearest, member = distances.min(1)
        counts = torch.bincount(member, minlength=count)
        for empty in torch.nonzero(counts == 0)[:, 0].tolist():
            # (Only of clusters that keep another frame.)
            farthest = int(torch.where(counts[member] > 1, nearest, -torch.inf).argmax())
            counts[member[farthest]] -= 1
            member[farthest], counts[empty], nearest[farthest] = empty, 1, 0.0
        moved = _means(frames, member, counts)
        movement = float((moved - centroids).square().mean())
        centroids = moved
        if movement <= tolerance:
            break
    return member, count


def _first(frames: torch.Tensor, squares: torch.Tensor, count: int, seed: int) -> list[int]:
    """Places of the first centroids: each drawn with the squared distance to the nearest one so far as its weight."""
    draw = seeds.generator(seed, "kmeans")
    chosen = [int(draw.integers(len(frames)))]
    apart = _distances(frames, squares, frames[chosen])[:, 0]
    while len(chosen) < count:
        apart[chosen[-1]] = 0.0
        weights = apart.double().cumsum(0)
        total = float(weights[-1])
        if total <= 0.0:
            break  # all that is left equals one of them
        place = int(torch.searchsorted(weights, total * draw.random(), right=True).clamp(max=len(frames) - 1))
        chosen.append(place)
        apart = torch.minimum(apart, _distances(frames, squares, frames[place : place + 1])[:, 0])
    return chosen


def _distances(frames: torch.Tensor, squares: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    """Squared Euclidean distances (n, centroids), 0 or more."""
    found = squares[:, None] - 2.0 * (frames @ centroids.t()) + centroids.square().sum(1)
    return found.clamp_(min=0.0)


def _means(frames: torch.Tensor, member: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Mean of each cluster's frames (clusters, dimension); as a product of matrices, the same on every run."""
    inside = (member[:, None] == torch.arange(len(counts), device=member.device)).to(frames.dtype)
    return (inside.t() @ frames) / counts[:, None]
