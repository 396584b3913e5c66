"""Ranking and pooling: ties, float32, PAV by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudovox.metrics.ranking import pool_adjacent_violators, rank


def test_ties_stand_together() -> None:
    found = rank(np.array([2.0, 1.0, 2.0]), np.array([1.0, -np.inf]))
    assert found.scores.tolist() == [-np.inf, 1.0, 2.0]
    assert (found.targets.tolist(), found.nontargets.tolist()) == ([0, 1, 2], [1, 1, 0])
    assert (found.target_total, found.nontarget_total) == (3, 2)


def test_zeros_of_both_signs_are_one_score() -> None:
    assert rank(np.array([0.0]), np.array([-0.0])).scores.tolist() == [0.0]


def test_as_float32() -> None:
    found = rank(np.array([1.0 + 1e-12, 3.0]), np.array([1.0])).as_float32()
    assert found.scores.tolist() == [1.0, 3.0] and found.targets.tolist() == [1, 1]


@pytest.mark.parametrize("targets", [3, 400])
@pytest.mark.parametrize("decimals", [1, 12])
def test_counts_are_those_of_each_score(targets: int, decimals: int) -> None:
    draw = np.random.default_rng(1)
    target, nontarget = draw.standard_normal(targets).round(decimals), draw.standard_normal(50).round(decimals)
    found = rank(target, nontarget)
    assert found.scores.tolist() == sorted({*target, *nontarget})
    assert found.targets.tolist() == [(target == score).sum() for score in found.scores]
    assert found.nontargets.tolist() == [(nontarget == score).sum() for score in found.scores]


@pytest.mark.parametrize(
    ("target", "nontarget", "message"),
    [([], [1.0], "0 target and 1 non-target"), ([1.0], [], "1 target and 0"), ([np.nan], [1.0], "1 scores are NaN")],
)
def test_bad_scores(target: list[float], nontarget: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank(np.array(target), np.array(nontarget))


@pytest.mark.parametrize(
    ("labels", "targets", "nontargets"),
    [
        ("0011", [0, 2], [2, 0]),  # separated
        ("1100", [2], [2]),  # inverted: one block
        ("0101", [0, 1, 1], [1, 1, 0]),
        ("00101011", [0, 2, 2], [2, 2, 0]),  # 1/2 and 1/2 are equal, so one block
        ("1010100111", [3, 3], [4, 0]),  # 1/2, 1/2, 1/3 pooled to 3/7
        ("1", [1], [0]),
    ],
)
def test_pav_by_hand(labels: str, targets: list[int], nontargets: list[int]) -> None:
    is_target = np.array([label == "1" for label in labels], float)
    found = pool_adjacent_violators(is_target, 1.0 - is_target)
    merged = {}  # equal neighbours may or may not be pooled: it is all one to the LLRs
    for one, other in zip(found.targets, found.nontargets, strict=True):
        share = round(one / (one + other), 9)
        merged[share] = np.add(merged.get(share, (0, 0)), (one, other))
    assert [list(pair) for pair in merged.values()] == [list(pair) for pair in zip(targets, nontargets, strict=True)]


counts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30).filter(
    lambda pairs: any(sum(pair) for pair in pairs)
)


@given(counts)
def test_pav_is_the_minimax_of_means(pairs: list[tuple[int, int]]) -> None:
    kept = np.array([pair for pair in pairs if sum(pair)], float)
    found = pool_adjacent_violators(*np.array(pairs, float).T)
    values = np.repeat(
        found.targets / (found.targets + found.nontargets), (found.targets + found.nontargets).astype(int)
    )
    running = np.concatenate([[[0, 0]], np.cumsum(kept, axis=0)])
    means = {
        (a, b): (running[b] - running[a])[0] / (running[b] - running[a]).sum()
        for a in range(len(kept))
        for b in range(a + 1, len(kept) + 1)
    }
    for place, start in enumerate(np.cumsum(kept.sum(axis=1)).astype(int) - 1):
        expected = max(min(means[a, b] for b in range(place + 1, len(kept) + 1)) for a in range(place + 1))
        assert values[start] == pytest.approx(expected)
