"""Disclosure by code frequencies, against closed forms and hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pseudovox.metrics import disclosure

EVEN = np.full(8, 16)


def test_even_codes_disclose_their_bits() -> None:
    assert disclosure.average(EVEN) == pytest.approx(3.0)
    assert disclosure.perplexity(EVEN) == pytest.approx(8.0)
    assert disclosure.sparseness(EVEN) == pytest.approx(1 / math.sqrt(8))
    assert disclosure.deviation(EVEN) == 0.0
    assert disclosure.worst_case(EVEN) == pytest.approx(-math.log2(17 / 128))


def test_one_code_discloses_nothing_on_average() -> None:
    alone = np.array([0, 12, 0, 0])
    assert disclosure.average(alone) == 0.0
    assert disclosure.sparseness(alone) == 1.0
    assert disclosure.worst_case(alone) == pytest.approx(math.log2(12))  # a code that nobody had yet
    assert disclosure.deviation(alone) == pytest.approx(math.sqrt(27))


def test_uneven_codes_by_hand() -> None:
    counts = np.array([1, 3, 4])
    assert disclosure.average(counts) == pytest.approx(1 / 8 * 3 + 3 / 8 * math.log2(8 / 3) + 1 / 2)
    assert disclosure.worst_case(counts) == 2.0
    assert disclosure.sparseness(counts) == pytest.approx(math.sqrt(26) / 8)


def test_divergence_by_hand_and_how_it_grows() -> None:
    # Two codes, two vectors: counts (1, 1) have probability 1/2 each, (0, 2) 1/4 each.
    assert disclosure.divergence(np.array([1, 1])) == pytest.approx(1.0)
    assert disclosure.divergence(np.array([0, 2])) == pytest.approx(0.5 * math.log2(2) * 2)
    drawn = np.bincount(np.random.default_rng(1).integers(0, 64, 2**16), minlength=64)
    skewed = (drawn * np.linspace(0.5, 1.5, 64)).astype(int)
    assert disclosure.divergence(skewed) > 10 * disclosure.divergence(drawn)


def test_chance_deviates_as_the_binomial() -> None:
    drawn = np.random.default_rng(2).multinomial(2**16, [1 / 64] * 64, size=200)
    deviations = [disclosure.deviation(counts) for counts in drawn]
    assert np.sqrt(np.mean(np.square(deviations))) == pytest.approx(disclosure.binomial_deviation(2**16, 64), rel=0.02)


def test_histogram_keeps_unused_codes() -> None:
    assert disclosure.histogram(np.array([3, 3, 5]), 8).tolist() == [0, 0, 0, 2, 0, 1, 0, 0]
    with pytest.raises(ValueError, match="code 8 of 8"):
        disclosure.histogram(np.array([8]), 8)


def test_nothing_counted_is_an_error() -> None:
    for metric in disclosure.METRICS.values():
        with pytest.raises(ValueError, match="without counts"):
            metric(np.zeros(4, int))


def test_band() -> None:
    assert disclosure.band([0.0, 1.0, 2.0, 3.0, 4.0]) == pytest.approx((2.0, 0.1, 3.9))
    assert set(disclosure.all_of(EVEN)) == set(disclosure.METRICS)
