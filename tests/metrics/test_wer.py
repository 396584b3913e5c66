"""Word error rate against counts made by hand."""

import math

import numpy as np
import pytest

from pseudovox.core.errors import DataError
from pseudovox.metrics import wer


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("THE CAT SAT", "THE CAT SAT", (0, 0, 0, 3)),
        ("THE CAT SAT", "THE BAT SAT", (1, 0, 0, 3)),
        ("THE CAT SAT", "THE SAT", (0, 1, 0, 3)),
        ("THE CAT SAT", "THE BIG CAT SAT", (0, 0, 1, 3)),
        ("THE CAT SAT DOWN HERE", "A CAT DOWN HERE NOW", (1, 1, 1, 5)),
        ("THE CAT", "", (0, 2, 0, 2)),
        ("", "THE CAT", (0, 0, 2, 0)),
        ("", "", (0, 0, 0, 0)),
        ("THE  CAT\tSAT ", " THE CAT SAT", (0, 0, 0, 3)),
        ("THE CAT", "the cat", (2, 0, 0, 2)),
    ],
)
def test_count_edits(reference: str, hypothesis: str, expected: tuple[int, int, int, int]) -> None:
    assert wer.count_edits(reference, hypothesis) == wer.Edits(*expected)


def test_rate_is_of_the_set_not_a_mean_of_utterances() -> None:
    references = {"a": "ONE", "b": "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE"}
    edits = wer.edits_by_utterance(references, {"a": "TWO", "b": references["b"]})
    assert wer.total(list(edits.values())).rate == pytest.approx(10.0)
    assert math.isnan(wer.Edits().rate)
    assert wer.Edits(insertions=4, reference_words=2).rate == 200.0


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("none", "Don't stop - well-known, 'so'."),
        ("case", "DON'T STOP - WELL-KNOWN, 'SO'."),
        ("words", "DON'T STOP WELL KNOWN SO"),
    ],
)
def test_normalise(how: str, expected: str) -> None:
    assert wer.normalise("Don't  stop - well-known, 'so'.\n", how) == expected
    assert wer.normalise(expected, how) == expected


def test_unknown_normalisation_and_lost_utterances_are_errors() -> None:
    with pytest.raises(ValueError, match="none, case, words"):
        wer.normalise("A", "lower")


@pytest.mark.parametrize("how", wer.NORMALISATIONS)
def test_composed_and_decomposed_letters_are_the_same(how: str) -> None:
    assert wer.count_edits("caf\u00e9 na\u00efve", "cafe\u0301 nai\u0308ve", how).errors == 0
    with pytest.raises(DataError, match="b has no hypothesis"):
        wer.edits_by_utterance({"a": "A", "b": "B"}, {"a": "A"})


def test_bootstrap_interval() -> None:
    words = np.full(40, 100)
    errors = np.tile([5, 15], 20)
    low, high = wer.bootstrap_interval(errors, words, np.random.default_rng(1), draws=4000)
    # Mean of 40 values with standard deviation 5: 10 +- 1.96 * 5 / sqrt(40).
    assert (low, high) == pytest.approx((10 - 1.55, 10 + 1.55), abs=0.25)
    assert wer.bootstrap_interval(errors, words, np.random.default_rng(1), draws=4000) == (low, high)
    assert wer.bootstrap_interval(np.full(9, 7), np.full(9, 100), np.random.default_rng(1)) == (7.0, 7.0)
    assert all(math.isnan(end) for end in wer.bootstrap_interval(errors[:1], words[:1], np.random.default_rng(1)))


def test_words_as_the_vpc_2024_splits_them() -> None:
    counted = {
        pair: wer.count_edits(*pair, "vpc2024") for pair in (("a b", ""), ("", "a b"), ("", ""), ("a b", "a  b"))
    }
    assert counted["a b", ""] == wer.Edits(substitutions=1, deletions=1, reference_words=2)
    assert counted["", "a b"] == wer.Edits(substitutions=1, insertions=1, reference_words=1)
    assert counted["", ""] == wer.Edits()
    assert counted["a b", "a  b"] == wer.Edits(insertions=1, reference_words=2)
    assert wer.count_edits("a b", "a  b").errors == 0
