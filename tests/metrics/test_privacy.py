"""Privacy metrics: closed forms of Gaussian scores, hand-worked cases, ties and other edges, and what always holds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from pseudovox.metrics import calibration, linkability, roc, zebra
from pseudovox.metrics.privacy import METRICS, metrics_of, privacy_metrics
from pseudovox.metrics.ranking import rank


def of(target: list[float], nontarget: list[float], **options) -> dict[str, float]:  # type: ignore[no-untyped-def]
    return privacy_metrics(np.array(target), np.array(nontarget), allow_few=True, **options)


# ---------------------------------------------------------------------- closed forms
@pytest.fixture(scope="module")
def gaussian() -> dict[str, float]:
    """LLRs of two unit Gaussians d' = 2 apart: themselves Gaussian, with means +-d'^2/2 and variance d'^2."""
    draw = np.random.default_rng(1)
    return privacy_metrics(2 * draw.standard_normal(100_000) + 2, 2 * draw.standard_normal(100_000) - 2)


def test_gaussian_eer(gaussian: dict[str, float]) -> None:
    expected = 100 * norm.cdf(-1.0)  # Phi(-d'/2)
    error = 100 * math.sqrt(norm.cdf(-1.0) * norm.cdf(1.0) / 200_000)
    assert gaussian["eer"] == pytest.approx(expected, abs=4 * error)
    assert gaussian["rocch_eer"] == pytest.approx(expected, abs=4 * error + 0.02)


def test_gaussian_cllr(gaussian: dict[str, float]) -> None:
    cost = lambda llr: np.logaddexp(0, -llr) / math.log(2)  # noqa: E731
    expected = quad(lambda llr: cost(llr) * norm.pdf(llr, 2, 2), -30, 30)[0]
    deviation = math.sqrt(quad(lambda llr: (cost(llr) - expected) ** 2 * norm.pdf(llr, 2, 2), -30, 30)[0])
    error = deviation / math.sqrt(200_000)
    assert gaussian["cllr"] == pytest.approx(expected, abs=4 * error)
    assert gaussian["cllr"] - 0.002 < gaussian["min_cllr"] <= gaussian["cllr"]  # true LLRs leave nothing to calibrate


def test_gaussian_linkability(gaussian: dict[str, float]) -> None:
    # D = tanh(llr / 2) where the LLR is positive
    expected = quad(lambda llr: np.tanh(llr / 2) * norm.pdf(llr, 2, 2), 0, 30)[0]
    assert gaussian["linkability"] == pytest.approx(expected, abs=0.01)


def test_gaussian_min_dcf(gaussian: dict[str, float]) -> None:
    at = math.log(0.99 / 0.01)  # Bayes's threshold on the LLR
    expected = (0.01 * norm.cdf(at, 2, 2) + 0.99 * norm.sf(at, -2, 2)) / 0.01
    assert gaussian["min_dcf"] == pytest.approx(expected, abs=0.01)


def test_gaussian_population_disclosure(gaussian: dict[str, float]) -> None:
    def term(llr: float) -> float:
        b = math.expm1(llr)
        return (llr - b) / b**2 if abs(llr) > 1e-6 else -0.5

    mean = quad(lambda llr: term(llr) * norm.pdf(llr, 2, 2), -12, 20, points=[0], limit=200)[0]
    assert gaussian["zebra_population"] == pytest.approx(2 * (0.25 + 0.5 * mean) / math.log(2), abs=0.005)


def test_population_disclosure_is_the_integral_of_the_information_over_priors() -> None:
    """Entropy of the prior less the empirical cross-entropy of the calibrated scores, over all priors."""
    draw = np.random.default_rng(2)
    ranking = rank(np.round(draw.standard_normal(40) + 1, 1), np.round(draw.standard_normal(60), 1))
    blocks = ranking.blocks
    llrs = blocks.llrs(40, 60)
    of_target, of_nontarget = blocks.targets > 0, blocks.nontargets > 0

    def information(prior: float) -> float:
        odds = math.log(prior / (1 - prior))
        entropy = -prior * math.log2(prior) - (1 - prior) * math.log2(1 - prior)
        misses = calibration.target_costs(llrs[of_target] + odds) @ blocks.targets[of_target] / 40
        alarms = calibration.nontarget_costs(llrs[of_nontarget] + odds) @ blocks.nontargets[of_nontarget] / 60
        return entropy - prior * misses - (1 - prior) * alarms

    expected = quad(information, 0, 1)[0]
    assert zebra.population_disclosure(ranking) == pytest.approx(expected, abs=1e-8)


# ---------------------------------------------------------------------- by hand
def test_separated() -> None:
    found = of([3.0, 4.0], [1.0, 2.0])
    assert (found["eer"], found["rocch_eer"], found["min_cllr"], found["min_dcf"]) == (0, 0, 0, 0)
    assert found["linkability"] == 1.0
    assert found["zebra_population"] == pytest.approx(0.5 / math.log(2))
    # With Laplace's smoothing: 1 0 | 0 0 1 1 | 1 0 -> blocks 1/4 and 3/4, LLRs -+ln 3
    assert found["zebra_individual"] == pytest.approx(math.log10(3))
    assert found["zebra_tag"] == "A"


def test_one_of_each() -> None:
    found = of([1.0], [0.0])
    assert (found["eer"], found["rocch_eer"], found["min_cllr"], found["linkability"]) == (0, 0, 0, 1)
    assert found["zebra_individual"] == pytest.approx(math.log10(2))  # 1 0 0 | 1 1 0: 1/3 and 2/3
    assert (found["n_target"], found["n_nontarget"]) == (1, 1)


def test_all_equal_says_nothing() -> None:
    found = of([0.5] * 30, [0.5] * 30)
    assert (found["eer"], found["rocch_eer"], found["min_cllr"], found["min_dcf"]) == (50, 50, 1, 1)
    assert (found["linkability"], found["zebra_population"], found["zebra_individual"]) == (0, 0, 0)
    assert found["zebra_tag"] == "0"
    uneven = of([0.5] * 10, [0.5] * 90)  # smoothing alone: log10 of (11 / 91) / (10 / 90)
    assert uneven["zebra_individual"] == pytest.approx(math.log10((11 / 91) / (10 / 90)))
    assert (uneven["min_cllr"], uneven["zebra_population"]) == (pytest.approx(1), pytest.approx(0, abs=1e-12))


def test_inverted_scores() -> None:
    found = of(list(np.linspace(-2, -1, 40)), list(np.linspace(1, 2, 40)))
    assert (found["eer"], found["rocch_eer"], found["min_cllr"], found["zebra_population"]) == (100, 50, 1, 0)
    assert found["linkability"] == 1.0  # an attacker may invert


def test_a_tie_is_pooled() -> None:
    # 0 0 {1 0} 1: the tie is a block of 1/2, LLR ln((1/2) / (1/3))
    found = of([2.0, 1.0], [0.0, 0.5, 1.0])
    llr = math.log((1 / 2) / (1 / 3))
    expected = (math.log2(1 + math.exp(-llr)) / 2 + math.log2(1 + math.exp(llr)) / 3) / 2
    assert found["min_cllr"] == pytest.approx(expected)
    # hull from (1/3, 0) to (0, 1/2): x = 1/2 - 3/2 x
    assert found["rocch_eer"] == pytest.approx(100 / 5)


def test_rocch_may_exceed_the_eer_of_the_vpc() -> None:
    # At 0.3: FRR 1/5, FAR 0, mean 1/10. The hull from (1/2, 0) to (0, 1/5) crosses at 1/7.
    found = of([0.2, 0.6, 0.8, 0.9, 1.0], [0.1, 0.3])
    assert found["eer"] == pytest.approx(10) and found["rocch_eer"] == pytest.approx(100 / 7)


def test_infinite_scores() -> None:
    found = of([math.inf, 1.0], [-math.inf, 0.0])
    assert (found["eer"], found["cllr"] < 1, found["linkability"]) == (0, True, 1)
    assert of([-math.inf, 1.0], [0.0])["cllr"] == math.inf
    assert of([math.inf] * 20, [-math.inf] * 20)["linkability"] == 1.0
    assert of([5.0] * 20, [-math.inf] * 20)["linkability"] == 1.0


def test_huge_scores() -> None:
    found = of([1e308] * 20, [-1e308] * 20)
    assert (found["linkability"], found["min_cllr"], found["cllr"]) == (1, 0, 0)


def test_cllr_does_not_overflow() -> None:
    assert of([-1000.0], [0.0])["cllr"] == pytest.approx((1000 / math.log(2) + 1) / 2)
    assert of([-1000.0], [0.0], like="vpc2024")["cllr"] == math.inf


def test_linkability_by_hand() -> None:
    # 40 targets: four bins of 0.25 on [0, 1]; shares of targets and of non-targets as below
    middles = np.array([0.0, 0.3, 0.6, 1.0])
    target, nontarget = np.repeat(middles, [4, 8, 12, 16]), np.repeat(middles, [10, 6, 4, 0])
    found = linkability.linkability(rank(target, nontarget))
    assert found.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
    # LR 1/5, 2/3, 3/2, infinite -> D = 0, 0, 3 / 2.5 - 1, 1
    np.testing.assert_allclose(found.local, [0, 0, 0.2, 1])
    assert found.system == pytest.approx(0.3 * 0.2 + 0.4)
    twice = linkability.linkability(rank(target, nontarget), omega=2.0)
    np.testing.assert_allclose(twice.local, [0, 1 / 7, 0.5, 1])  # 2 w LR / (1 + w LR) - 1 of w LR = 4/3 and 3


def test_linkability_of_few_targets() -> None:
    with pytest.raises(ValueError, match="at least 20 target trials, found 19"):
        privacy_metrics(np.arange(19.0), np.arange(9.0))
    assert privacy_metrics(np.arange(19.0), np.arange(9.0), allow_few=True)["linkability"] > 0


def test_an_inner_edge_belongs_to_the_upper_bin_and_the_last_bin_is_closed() -> None:
    scores = np.array([0.0, 0.5, 1.0])
    found = linkability.linkability(rank(np.repeat(scores, [8, 8, 8]), scores))
    assert found.targets.tolist() == [pytest.approx(1 / 3), pytest.approx(2 / 3)]


@pytest.mark.parametrize(
    ("decades", "expected"),
    [(0, "0"), (1e-17, "0"), (1e-9, "A"), (1, "A"), (1.1, "B"), (2, "B"), (4, "C"), (5, "D"), (6, "E"), (6.1, "F")],
)
def test_tags(decades: float, expected: str) -> None:
    assert zebra.tag(decades) == expected


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_bad_tag(bad: float) -> None:
    with pytest.raises(ValueError, match="individual disclosure"):
        zebra.tag(bad)


def test_roc_and_det_points() -> None:
    ranking = rank(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    points = roc.roc_points(ranking)
    assert points.thresholds.tolist() == [-math.inf, 0, 1, 2]
    assert points.false_accepts.tolist() == [1, 0.5, 0, 0] and points.false_rejects.tolist() == [0, 0, 0.5, 1]
    assert len(roc.det_points(ranking).thresholds) == 0  # one rate is 0 or 1 at every point
    deviates = roc.det_points(rank(np.array([0.0, 1.0, 2.0, 4.0]), np.array([-1.0, 0.0, 1.0, 3.0])))
    np.testing.assert_allclose(deviates.false_rejects[:2], norm.ppf([0.25, 0.5]))


def test_min_dcf_by_hand() -> None:
    ranking = rank(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
    assert roc.min_dcf(ranking, target_prior=0.5) == pytest.approx(0.5)  # at 0: FAR 1/2; at 2: FRR 1/2
    assert roc.min_dcf(ranking, target_prior=0.5, miss_cost=4.0) == pytest.approx(0.25 / 0.5)
    with pytest.raises(ValueError, match="prior"):
        roc.min_dcf(ranking, target_prior=1.0)


def test_unknown_likeness() -> None:
    with pytest.raises(ValueError, match="expected one of vpc2024"):
        of([1.0], [0.0], like="vpc1999")


# ---------------------------------------------------------------------- as the VPC 2024
def test_vpc2024_counts_ties_as_separated() -> None:
    found = of([0.5] * 30, [0.5] * 30, like="vpc2024")
    assert found["rocch_eer"] == 0 and found["min_cllr"] == pytest.approx(0, abs=1e-6)
    assert math.isnan(found["linkability"]) and found["eer"] == 50
    assert found["zebra_population"] == pytest.approx(0, abs=1e-6)  # this one pools ties
    assert found["zebra_individual"] > 1 and found["zebra_tag"] == "B"


def test_vpc2024_linkability() -> None:
    middles = np.array([0.0, 0.3, 0.6, 1.0])
    target, nontarget = np.repeat(middles, [4, 8, 12, 16]), np.repeat(middles, [10, 6, 4, 0])
    found = privacy_metrics(target, nontarget, like="vpc2024")
    # D y1 = 0, 0, 0.24, 1.6 at centres 0.25 apart; the trapezoid halves both ends
    assert found["linkability"] == pytest.approx(0.25 * (0.24 + 1.6 / 2))
    assert of([1.0] * 19, [0.0] * 19, like="vpc2024")["linkability"] == 0
    assert math.isnan(of([math.inf] * 20, [0.0], like="vpc2024")["linkability"])


def test_vpc2024_ramp() -> None:
    found = of([1.0, 3.0], [0.0, 2.0], like="vpc2024")
    # 0 | 1 0 | 1 in sorted order: LLRs -inf, 0, 0, inf plus 0, 1, 2, 3 times 1e-6 / 4
    ramp = 1e-6 / 4
    expected = (math.log2(1 + math.exp(-ramp)) / 2 + math.log2(1 + math.exp(2 * ramp)) / 2) / 2
    assert found["min_cllr"] == pytest.approx(expected, abs=1e-13)
    assert found["min_cllr"] != of([1.0, 3.0], [0.0, 2.0])["min_cllr"]


# ---------------------------------------------------------------------- what must always hold
values = st.lists(st.integers(-5, 5), min_size=1, max_size=15).map(lambda numbers: np.array(numbers, float))
BY_ORDER = ("eer", "rocch_eer", "min_cllr", "min_dcf", "zebra_population", "zebra_individual", "zebra_tag")


@given(values, values)
def test_monotone_maps_change_nothing(target: np.ndarray, nontarget: np.ndarray) -> None:
    plain = of(list(target), list(nontarget))
    bent = of(list(np.exp(target) + 3 * target), list(np.exp(nontarget) + 3 * nontarget))
    assert [plain[name] for name in BY_ORDER] == [bent[name] for name in BY_ORDER]


@given(values, values, st.randoms())
def test_order_changes_nothing(target: np.ndarray, nontarget: np.ndarray, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(target), list(nontarget)
    for part in shuffled:
        random.shuffle(part)
    assert of(*shuffled) == of(list(target), list(nontarget))


@given(values, values)
def test_bounds(target: np.ndarray, nontarget: np.ndarray) -> None:
    found = of(list(target), list(nontarget))
    for name, metric in METRICS.items():
        low, high = metric.range
        assert low - 1e-12 <= found[name] <= high + 1e-12, name
    assert found["min_cllr"] <= found["cllr"] + 1e-12
    rates = roc.roc_points(rank(target, nontarget))
    largest = np.maximum(rates.false_accepts, rates.false_rejects)
    # The hull's crossing lies below the worse rate of every threshold (but not below the VPC's mean of the two).
    assert found["rocch_eer"] <= 100 * largest.min() + 1e-9


@given(values, values)
def test_min_cllr_is_the_cllr_of_the_calibrated_scores(target: np.ndarray, nontarget: np.ndarray) -> None:
    ranking = rank(target, nontarget)
    blocks = ranking.blocks
    llrs = blocks.llrs(ranking.target_total, ranking.nontarget_total)
    by_trial = [np.repeat(llrs, counts.astype(int)) for counts in (blocks.targets, blocks.nontargets)]
    assert calibration.min_cllr(ranking) == pytest.approx(calibration.cllr(rank(*by_trial)), abs=1e-12)


@given(values, values)
def test_counts_may_be_multiples(target: np.ndarray, nontarget: np.ndarray) -> None:
    one, three = rank(target, nontarget), rank(np.tile(target, 3), np.tile(nontarget, 3))
    a, b = metrics_of(one, allow_few=True), metrics_of(three, allow_few=True)
    for name in ("eer", "rocch_eer", "cllr", "min_cllr", "min_dcf", "zebra_population"):
        assert a[name] == pytest.approx(b[name], abs=1e-9)
