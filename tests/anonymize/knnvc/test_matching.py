"""Nearest frames of a target: against a plain search, in blocks, and of equals the first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudovox.anonymize.knnvc import matching


def plain(queries: np.ndarray, keys: np.ndarray, k: int) -> np.ndarray:
    """Rows (n, k) of the nearest keys by cosine, in double precision; of equals the first."""
    unit = [frames / np.linalg.norm(frames, axis=1, keepdims=True) for frames in (queries, keys)]
    return np.argsort(-(unit[0].astype(np.float64) @ unit[1].T.astype(np.float64)), axis=1, kind="stable")[:, :k]


@given(
    queries=st.integers(1, 40),
    keys=st.integers(1, 400),
    k=st.integers(1, 9),
    blocks=st.sampled_from([(7, 100), (64, 512)]),
)
@settings(max_examples=25, deadline=None)
def test_rows_are_those_of_a_plain_search(queries: int, keys: int, k: int, blocks: tuple[int, int]) -> None:
    draw = np.random.default_rng(queries + 1000 * keys)
    asked, frames = (draw.standard_normal((n, 12)).astype(np.float32) for n in (queries, keys))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "QUERIES", blocks[0])
        patch.setattr(matching, "KEYS", blocks[1])
        rows, cosines = matching.Target(frames).nearest(asked, k)
    assert (rows.numpy() == plain(asked, frames, k)).all()
    assert (np.diff(cosines.numpy(), axis=1) <= 0).all()
    assert cosines.abs().max() <= 1 + 1e-6


def test_of_equally_near_frames_the_first_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "KEYS", 256)
    keys = np.eye(4, dtype=np.float32)[np.arange(1000) % 4] * np.linspace(0.5, 2, 1000, dtype=np.float32)[:, None]
    rows, _ = matching.Target(keys).nearest(np.eye(4, dtype=np.float32), 5)
    assert rows.tolist() == [[start + 4 * number for number in range(5)] for start in range(4)]


def test_mean_is_kNN_VCs(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    keys, values = draw.standard_normal((300, 8)), draw.standard_normal((300, 3))
    utterances = [draw.standard_normal((n, 8)) for n in (5, 1, 9)]
    found = matching.Target(keys, values).convert(utterances, 4)
    for own, converted in zip(utterances, found, strict=True):
        expected = values[plain(own, keys, 4)].mean(1)
        assert converted.numpy() == pytest.approx(expected, abs=1e-6)
    weights = torch.tensor([[0.25, 0.75]])
    weighted = matching.Target(keys, values).mean(torch.tensor([[3, 7]]), weights)
    assert weighted.numpy()[0] == pytest.approx(0.25 * values[3] + 0.75 * values[7], abs=1e-6)


def test_utterances_may_share_a_batch() -> None:
    draw = np.random.default_rng(2)
    target = matching.Target(draw.standard_normal((500, 16)))
    utterances = [draw.standard_normal((n, 16)) for n in (30, 70)]
    together = target.convert(utterances, 4)
    for own, converted in zip(utterances, together, strict=True):
        assert torch.equal(target.convert([own], 4)[0], converted)
    assert target.convert([], 4) == []


def test_silence_and_few_frames() -> None:
    keys = np.zeros((3, 4), np.float32)
    keys[1, 0] = 1.0
    rows, cosines = matching.Target(keys).nearest(np.zeros((1, 4), np.float32), 4)
    assert rows.tolist() == [[0, 1, 2]] and cosines.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("keys", "values"), [(np.zeros((0, 4)), None), (np.zeros(4), None), (np.zeros((3, 4)), np.zeros((2, 4)))]
)
def test_targets_without_frames_are_refused(keys: np.ndarray, values: np.ndarray | None) -> None:
    with pytest.raises(ValueError, match="expected as many frames"):
        matching.Target(keys, values)


def test_queries_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="expected k >= 1"):
        matching.Target(np.ones((3, 4))).nearest(np.ones((2, 5)), 4)


@pytest.mark.parametrize("alike", [False, True])
def test_a_large_target_is_searched_in_integers_first(monkeypatch: pytest.MonkeyPatch, alike: bool) -> None:
    draw = np.random.default_rng(5)
    keys = draw.standard_normal((5000, 32)).astype(np.float32) * np.logspace(0, 2, 32, dtype=np.float32)
    queries = (keys[:150] + 20 * draw.standard_normal((150, 32))).astype(np.float32)
    if alike:  # many frames as near as the nearest: integers cannot tell, single precision must
        keys[100:400] = keys[99] + 1e-3 * draw.standard_normal((300, 32)).astype(np.float32)
        queries[:50] = keys[99]
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    target = matching.Target(keys)
    assert target._coarse is not None
    exact: list[int] = []
    whole = matching.Target._nearest
    monkeypatch.setattr(
        matching.Target, "_nearest", lambda self, asked, k: (exact.append(len(asked)), whole(self, asked, k))[1]
    )
    rows, cosines = target.nearest(queries, 4)
    assert sum(exact) >= 50 if alike else sum(exact) < 150
    monkeypatch.setattr(target, "_coarse", None)
    expected, values = target.nearest(queries, 4)
    assert cosines.numpy() == pytest.approx(values.numpy(), abs=2e-6)
    same = (rows == expected).all(1)
    assert same[50:].all() if alike else same.all()
