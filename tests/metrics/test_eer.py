"""Equal error rate: hand-worked cases, ties, and the definition's own quadratic form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudovox.metrics.eer import eer, equal_error, equal_error_of
from pseudovox.metrics.ranking import rank


def by_definition(target: np.ndarray, nontarget: np.ndarray) -> float:
    """Every distinct score and every midpoint as a threshold; the first with the smallest |FAR - FRR|."""
    target, nontarget = target.astype(np.float32), nontarget.astype(np.float32)
    scores = np.unique(np.concatenate([target, nontarget])).astype(np.float64)
    thresholds = np.sort(np.concatenate([scores, (scores[1:] + scores[:-1]) / 2]))
    best, rate = None, 0.0
    for threshold in thresholds:
        rejected, accepted = (target <= threshold).sum(), (nontarget > threshold).sum()
        gap = abs(accepted * len(target) - rejected * len(nontarget))
        if best is None or gap < best:
            best, rate = gap, (rejected / len(target) + accepted / len(nontarget)) / 2
    return 100 * rate


@pytest.mark.parametrize(
    ("target", "nontarget", "expected"),
    [
        ([1.0, 2.0], [-1.0, 0.0], 0.0),  # apart
        ([-1.0, 0.0], [1.0, 2.0], 100.0),  # inverted
        ([0.5, 0.5], [0.5, 0.5, 0.5], 50.0),  # all equal: at 0.5 all are rejected, FRR 1 and FAR 0
        ([1.0, 3.0], [0.0, 2.0], 50.0),  # at 1: FRR 1/2, FAR 1/2
        ([1.0, 3.0, 4.0], [0.0, 2.0, 0.5], 100 / 3),  # at 1: FRR 1/3, FAR 1/3
        ([0.2, 0.6, 0.8, 0.9], [0.1, 0.3], 37.5),  # at 0.2: 1/4 and 1/2; at 0.3: 1/4 and 0, as near but later
        ([1.0], [0.0], 0.0),
    ],
)
def test_by_hand(target: list[float], nontarget: list[float], expected: float) -> None:
    assert eer(np.array(target), np.array(nontarget)) == pytest.approx(expected)


def test_ties_are_rejected() -> None:
    found = equal_error(np.array([1.0, 2.0, 2.0]), np.array([1.0, 1.0, 0.0]))
    assert (found.rate, found.threshold) == (pytest.approx((1 / 3 + 0) / 2), 1.0)


scores = st.lists(st.integers(-6, 6).map(lambda value: value / 4), min_size=1, max_size=12).map(np.array)


@given(scores, scores)
def test_equals_the_definition(target: np.ndarray, nontarget: np.ndarray) -> None:
    assert eer(target, nontarget) == pytest.approx(by_definition(target, nontarget))


@given(scores, scores)
def test_of_ranked_trials_it_is_the_same(target: np.ndarray, nontarget: np.ndarray) -> None:
    assert equal_error(target, nontarget) == equal_error_of(rank(target, nontarget))


def test_infinite_scores_among_others() -> None:
    target, nontarget = np.array([-np.inf, 0.0, 1.0, np.inf]), np.array([-np.inf, -1.0, 1e300, -2.0])
    assert eer(target, nontarget) == 25.0  # at -1: 1/4 and 1/4


def test_scores_are_compared_as_float32() -> None:
    assert eer(np.array([1.0 + 1e-12]), np.array([1.0])) == 50.0


@pytest.mark.parametrize(("target", "nontarget"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0])])
def test_bad_scores(target: list[float], nontarget: list[float]) -> None:
    with pytest.raises(ValueError, match="scores"):
        eer(np.array(target), np.array(nontarget))


def test_infinite_scores_are_the_extremes() -> None:
    assert eer(np.array([np.inf, 2.0]), np.array([-np.inf, 0.0])) == 0.0
    assert eer(np.array([-np.inf, 2.0]), np.array([np.inf, 0.0])) == 50.0
    assert eer(np.array([1e300]), np.array([1e301])) == 50.0  # both infinite as float32, so a tie
