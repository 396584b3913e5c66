"""The VPC 2024's own metrics against a plain transcription of their definitions, trial by trial."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn.isotonic import isotonic_regression

from pseudovox.metrics import vpc2024, zebra
from pseudovox.metrics.ranking import rank

values = st.lists(st.integers(-5, 5), min_size=1, max_size=25).map(lambda numbers: np.array(numbers, float))


def by_definition(
    target: np.ndarray, nontarget: np.ndarray, *, targets_first: bool, laplace: bool = False, ramp: float = 1e-6
) -> tuple[np.ndarray, np.ndarray]:
    """LLRs of targets and non-targets by PAV over the sorted list of all trials."""
    scores = np.concatenate([target, nontarget])
    is_target = np.arange(len(scores)) < len(target)
    labels = is_target[np.lexsort((~is_target if targets_first else is_target, scores))]
    padded = np.concatenate([[1, 0], labels, [1, 0]]) if laplace else labels
    shares = isotonic_regression(padded.astype(float))
    shares = shares[2:-2] if laplace else shares
    with np.errstate(divide="ignore"):
        llrs = np.log(shares) - np.log1p(-np.minimum(shares, 1)) - math.log(len(target) / len(nontarget))
    llrs += np.arange(len(llrs)) * ramp / len(llrs)
    return llrs[labels], llrs[~labels]


def close(value: float) -> object:
    return pytest.approx(value, abs=1e-9)


@given(values, values)
def test_min_cllr(target: np.ndarray, nontarget: np.ndarray) -> None:
    of_target, of_nontarget = by_definition(target, nontarget, targets_first=False)
    expected = np.logaddexp(0, -of_target).mean() + np.logaddexp(0, of_nontarget).mean()
    assert vpc2024.min_cllr(rank(target, nontarget)) == close(expected / 2 / math.log(2))


@given(values, values)
def test_population_disclosure(target: np.ndarray, nontarget: np.ndarray) -> None:
    def half(llrs: np.ndarray) -> float:
        terms = [
            0 if math.isinf(x) else -0.5 if abs(x) <= 1e-6 else (x - math.expm1(x)) / math.expm1(x) ** 2 for x in llrs
        ]
        return 0.25 + 0.5 * float(np.mean(terms))

    of_target, of_nontarget = by_definition(target, nontarget, targets_first=True)
    expected = (half(of_target) + half(-of_nontarget)) / math.log(2)
    assert vpc2024.population_disclosure(rank(target, nontarget)) == close(expected)


@given(values, values)
def test_individual_disclosure(target: np.ndarray, nontarget: np.ndarray) -> None:
    llrs = np.concatenate(by_definition(target, nontarget, targets_first=False, laplace=True))
    assert vpc2024.individual_disclosure(rank(target, nontarget)) == close(np.abs(llrs).max() / math.log(10))
    # Ours: ties pooled and no ramp.
    llrs = np.concatenate(by_definition(target, nontarget, targets_first=True, laplace=True, ramp=0.0))
    assert zebra.individual_disclosure(rank(target, nontarget)) == close(np.abs(llrs).max() / math.log(10))


def test_linkability() -> None:
    draw = np.random.default_rng(1)
    target, nontarget = draw.standard_normal(73) + 1, draw.standard_normal(50)
    everything = np.concatenate([target, nontarget])
    edges = np.linspace(everything.min(), everything.max(), 73 // 10 + 1)
    dense_target, _ = np.histogram(target, edges, density=True)
    dense_nontarget, _ = np.histogram(nontarget, edges, density=True)
    local = []
    for one, other in zip(dense_target, dense_nontarget, strict=True):
        if other:
            local.append(max(0.0, 2 * (one / other) / (1 + one / other) - 1))
        else:
            local.append(1.0 if one else 0.0)
    expected = trapezoid(np.array(local) * dense_target, (edges[1:] + edges[:-1]) / 2)
    assert vpc2024.linkability(rank(target, nontarget)) == close(float(expected))
