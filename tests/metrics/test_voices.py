"""Voice similarity matrices: by hand, order-free, and the faults of the challenge's form."""

import math

import numpy as np
import pytest

from pseudovox.metrics.voices import VoiceSimilarity, deid, voice_distinctiveness_gain, voice_similarity


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_by_hand() -> None:
    # Utterances a1 a2 b1 b2. Same speaker: 4 ordered pairs with score 1; others: 8 with score 0.
    same = np.kron(np.eye(2), np.ones((2, 2)))
    found = voice_similarity(same, ["a1", "a2", "b1", "b2"], ["a", "a", "b", "b"])
    # Smoothed PAV: 1 0 | 0 x 8 | 1 x 4 | 1 0 -> (1 of 10), then 1 1 1 1 1 0 (5 of 6); prior odds 4 / 8
    low, high = math.log(1 / 9) - math.log(0.5), math.log(5) - math.log(0.5)
    expected = [[logistic(high), logistic(low)], [logistic(low), logistic(high)]]
    np.testing.assert_allclose(found.values, expected)
    assert found.speakers == ("a", "b")
    assert found.dominance == pytest.approx(logistic(high) - logistic(low))


def scores(order: np.ndarray) -> np.ndarray:
    values = np.random.default_rng(3).standard_normal((9, 9)) + 2.0 * (np.arange(9)[:, None] // 3 == np.arange(9) // 3)
    return values[np.ix_(order, order)]


def matrix(order: np.ndarray, **options: str) -> VoiceSimilarity:
    names = [f"u{number}" for number in order]
    return voice_similarity(scores(order), names, ["abc"[number // 3] for number in order], **options)


def test_the_order_of_utterances_does_not_matter() -> None:
    plain, mixed = np.arange(9), np.random.default_rng(1).permutation(9)
    np.testing.assert_allclose(matrix(plain).values, matrix(mixed).values)
    assert matrix(plain).speakers == matrix(mixed).speakers == ("a", "b", "c")
    assert not np.allclose(matrix(plain, like="vpc2022").values, matrix(mixed, like="vpc2022").values)


def test_vpc2022_is_symmetric_and_loses_a_last_speaker_of_one_utterance() -> None:
    found = matrix(np.arange(7), like="vpc2022")  # c has u6 alone
    assert found.speakers == ("a", "b")
    np.testing.assert_array_equal(found.values, found.values.T)
    ours = matrix(np.arange(7))
    assert ours.speakers == ("a", "b", "c") and np.isnan(ours.values[2, 2]) and np.isfinite(ours.dominance)


def test_deid_and_gain() -> None:
    strong = VoiceSimilarity(("a", "b"), np.array([[0.9, 0.1], [0.1, 0.9]]))
    weak = VoiceSimilarity(("a", "b"), np.array([[0.6, 0.4], [0.4, 0.6]]))
    none = VoiceSimilarity(("a", "b"), np.full((2, 2), 0.5))
    assert strong.dominance == pytest.approx(0.8) and weak.dominance == pytest.approx(0.2)
    assert deid(strong, strong) == 0 and deid(strong, none) == 1
    assert deid(strong, weak) == pytest.approx(0.75)
    assert voice_distinctiveness_gain(strong, weak) == pytest.approx(10 * math.log10(0.25))
    assert voice_distinctiveness_gain(strong, strong) == 0
    assert math.isnan(voice_distinctiveness_gain(strong, none))  # not -161 dB
    assert math.isnan(deid(none, weak)) and math.isnan(voice_distinctiveness_gain(none, weak))


def test_one_speaker_is_undefined() -> None:
    assert math.isnan(VoiceSimilarity(("a",), np.ones((1, 1))).dominance)
    with pytest.raises(ValueError, match="2 target and 0 non-target"):
        voice_similarity(np.ones((2, 2)), ["a1", "a2"], ["a", "a"])


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="scores"):
        voice_similarity(np.ones((2, 3)), ["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match="vpc2022"):
        voice_similarity(np.ones((2, 2)), ["a", "b"], ["a", "b"], like="vpc2024")
