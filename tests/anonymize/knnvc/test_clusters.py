"""A target's frames by phone: k-means against clusters by hand and scikit-learn, and the choice within a phone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from pseudovox.anonymize.knnvc.clusters import ByPhone, by_phone, kmeans

POINTS = torch.tensor([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0], [10.0, 1.0]])


def prepared(keys: torch.Tensor, labels: list[int], clusters: int, values: torch.Tensor | None = None) -> ByPhone:
    return by_phone(keys, values, np.array(labels), phones=4, clusters=clusters, seed=1, name="p1")


@pytest.mark.parametrize("seed", range(5))
def test_two_far_groups_are_two_clusters(seed: int) -> None:
    member, count = kmeans(POINTS, 2, seed)
    assert count == 2 and (member == member[0]).tolist() == [True, True, False, False, False]


def test_centroids_and_counts_by_hand() -> None:
    # Phone 1 has the five points, phone 3 one frame, which it is; phones 0 and 2 have none.
    keys = torch.cat([POINTS, torch.tensor([[3.0, 4.0]])])
    values = torch.arange(6.0)[:, None]
    found = prepared(keys, [1, 1, 1, 1, 1, 3], 2, values)
    assert found.offsets.tolist() == [0, 0, 2, 2, 3]
    order = found.keys[:2, 0].argsort()
    assert found.keys[:2][order].tolist() == [[0.0, 1.0], [10.0, 1.0]]
    assert found.values[:2][order].tolist() == [[0.5], [3.0]]  # the means of 0, 1 and of 2, 3, 4
    assert found.counts[:2][order].tolist() == [2, 3]
    assert (found.keys[2].tolist(), found.values[2].tolist(), found.counts[2].item()) == ([3.0, 4.0], [5.0], 1)


def test_without_clusters_all_frames_are_rows() -> None:
    found = prepared(POINTS, [2, 0, 2, 0, 2], 0)
    assert found.keys.tolist() == POINTS[[1, 3, 0, 2, 4]].tolist()
    assert found.offsets.tolist() == [0, 2, 2, 5, 5] and found.counts.tolist() == [1] * 5


def test_no_more_clusters_than_different_frames() -> None:
    keys = torch.ones(5, 3)
    member, count = kmeans(keys, 4, 0)
    assert count == 1 and member.tolist() == [0] * 5
    assert len(prepared(POINTS[:3], [0, 0, 0], 8).keys) == 3


def test_every_cluster_has_a_frame_and_its_mean() -> None:
    keys = torch.randn(200, 6, generator=torch.Generator().manual_seed(3))
    member, count = kmeans(keys, 16, 5)
    assert count == 16 and torch.bincount(member, minlength=16).min() > 0
    assert torch.equal(member, kmeans(keys, 16, 5)[0]) and not torch.equal(member, kmeans(keys, 16, 6)[0])


def test_as_tight_as_scikit_learns() -> None:
    keys = torch.randn(600, 8, generator=torch.Generator().manual_seed(4)) + 4 * torch.eye(8)[torch.arange(600) % 8]

    def spread(member: np.ndarray) -> float:
        frames = keys.numpy()
        return float(sum(((frames[member == n] - frames[member == n].mean(0)) ** 2).sum() for n in range(8)))

    own = np.mean([spread(kmeans(keys, 8, seed)[0].numpy()) for seed in range(10)])
    other = np.mean([spread(KMeans(8, n_init=1, random_state=seed).fit_predict(keys.numpy())) for seed in range(10)])
    assert own < 1.1 * other


def test_the_nearest_of_the_same_phone_by_cosine() -> None:
    keys = torch.tensor([[1.0, 0.0], [0.0, 5.0], [1.0, 1.0], [-1.0, 0.0]])
    found = prepared(keys, [0, 0, 1, 3], 0)
    frames = torch.tensor([[9.0, 1.0], [9.0, 1.0], [1.0, 9.0], [9.0, 1.0]])
    # Phone 0: the first; phone 1 has one row; phone 0 again: its second; the target has no phone 2, so all rows count.
    assert found.nearest(frames, np.array([0, 1, 0, 2])).tolist() == [0, 2, 1, 0]
