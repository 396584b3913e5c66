"""Private kNN-VC of utterances, by hand: durations, matching within phones, chains, and nothing from the batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from pseudovox.anonymize.knnvc.clusters import ByPhone, by_phone
from pseudovox.anonymize.knnvc.conversion import Stretched, convert, stretch

LABELS = np.array([0, 0, 0, 0, 1, 1])
# By place: predicted durations of the runs "phone 0, phone 1".
PREDICTORS: Any = SimpleNamespace(durations=lambda sequences: [np.array([2.0, 4.0]) for _ in sequences])


def target(keys: list[list[float]], labels: list[int], first: float) -> ByPhone:
    values = first + torch.arange(float(len(keys)))[:, None]
    return by_phone(torch.tensor(keys), values, np.array(labels), phones=3, clusters=0, seed=1, name="x")


def test_durations_are_mixed() -> None:
    keys = torch.arange(12.0).view(6, 2)
    # Half of each: 0.5 * 2 + 0.5 * 4 = 3 frames of phone 0, 0.5 * 4 + 0.5 * 2 = 3 of phone 1.
    (found,) = stretch([keys], [LABELS], PREDICTORS, 0.5)
    assert found.places.tolist() == [0, 1, 3, 4, 4, 5] and found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert torch.equal(found.frames, keys[[0, 1, 3, 4, 4, 5]])
    (same,) = stretch([keys], [LABELS], SimpleNamespace(), 0.0)  # type: ignore[arg-type]
    assert torch.equal(same.frames, keys) and same.places.tolist() == list(range(6))


def test_each_frame_becomes_the_nearest_of_its_phone() -> None:
    one = target([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0, 0, 1], 10.0)
    utterance = Stretched(torch.tensor([[2.0, 1.0], [1.0, 2.0], [0.0, 1.0]]), np.array([0, 0, 1]), np.arange(3))
    assert convert([utterance], [("a",)], {"a": one})[0][:, 0].tolist() == [10.0, 11.0, 12.0]


def test_a_chain_goes_on_from_what_the_first_target_gave() -> None:
    one = target([[1.0, 0.0], [-1.0, 0.0]], [0, 0], 10.0)
    two = target([[1.0, 3.0], [3.0, 1.0], [-1.0, 0.1]], [0, 0, 0], 20.0)
    frames = torch.tensor([[1.0, 2.0]])  # nearest to the first of `two`; by way of `one` to its second
    utterance = Stretched(frames, np.array([0]), np.arange(1))
    targets = {"one": one, "two": two}
    assert convert([utterance] * 2, [("two",), ("one", "two")], targets)[0].tolist() == [[20.0]]
    assert convert([utterance] * 2, [("two",), ("one", "two")], targets)[1].tolist() == [[21.0]]


def test_the_batch_changes_nothing() -> None:
    draw = torch.Generator().manual_seed(1)
    labels = np.random.default_rng(1).integers(0, 3, 300)
    keys = torch.randn(300, 8, generator=draw)
    targets = {name: by_phone(keys, None, labels, phones=3, clusters=5, seed=1, name=name) for name in "ab"}
    spoken = [
        Stretched(torch.randn(n, 8, generator=draw), np.random.default_rng(n).integers(0, 3, n), np.arange(n))
        for n in (5, 40, 17)
    ]
    chains = [("a",), ("b", "a"), ("a",)]
    for own, chain, found in zip(spoken, chains, convert(spoken, chains, targets), strict=True):
        assert torch.equal(found, convert([own], [chain], targets)[0])
