"""Arousal, dominance and valence: the regression in closed form, what it must not hear, and figures by hand."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox import config
from pseudovox.evaluation import emotion_dimensions
from pseudovox.evaluation.emotion_dimensions import Speech, dimension_records, position


def speech(vectors: np.ndarray, labels: list[str]) -> Speech:
    """Two speakers, a woman and a man, whose utterances take turns."""
    count = len(vectors)
    who = [("a", "b")[number % 2] for number in range(count)]
    genders = [{"a": "f", "b": "m"}[one] for one in who]
    return Speech(
        [f"{one}-{number}" for number, one in enumerate(who)], who, genders, ["test"] * count, labels, vectors
    )


def test_positions_are_on_the_scale() -> None:
    np.testing.assert_allclose(position("angry"), [0.795, 0.625, 0.245])
    np.testing.assert_allclose(position("neutral"), 0.5)
    assert np.isnan(position("calm")).all()


def test_regression_of_one_feature_by_hand(tmp_path: Path) -> None:
    """Standardised, the feature is -1 and 1; ridge: weight = n r / (n + penalty), of half the targets' distance r."""
    labels = ["happy", "happy", "sad", "sad", "calm", "calm"]
    vectors = np.array([[3.0], [30.0], [1.0], [10.0], [7.0], [70.0]])
    model = emotion_dimensions.train(speech(vectors, labels), {"a": "1", "b": "2"}, 2.0)
    happy, sad = position("happy"), position("sad")
    # The model of a's fold learned from b alone: happy at 30, sad at 10; calm has no position.
    np.testing.assert_allclose([model.mean[0, 0], model.scale[0, 0]], [20, 10])
    np.testing.assert_allclose(model.bias[0], (happy + sad) / 2)
    np.testing.assert_allclose(model.weights[0, :, 0], (happy - sad) / 2 * 2 / (2 + 2.0))
    emotion_dimensions.save(model, tmp_path)
    again = emotion_dimensions.load(tmp_path)
    values, normal = again.rate(speech(vectors, labels))
    np.testing.assert_allclose(normal[:2, 0], [(3 - 20) / 10, (30 - 2) / 1])
    np.testing.assert_allclose(values[0], (happy + sad) / 2 - 1.7 * (happy - sad) / 4)


def test_figures_of_a_network_by_hand() -> None:
    """The first three numbers are the values, the others the embedding."""
    labels = ["x"] * 4
    before = np.array([[0.1, 0.2, 0.3, 1, 0], [0.5, 0.5, 0.5, 1, 0], [0.3, 0.2, 0.1, 0, 1], [0.5, 0.5, 0.5, 1, 0]])
    after = before.copy()
    after[0, 0] += 0.2
    after[2, 0] -= 0.4
    after[1, 3:] = [0, 2]
    original, made = speech(before, labels), speech(after, labels)
    options = config.load(None, [])
    records, values = dimension_records(original, made, "wav2vec2", None, [], options, system="original", seed=1)
    np.testing.assert_allclose(values, after[:, :3])
    found = {(record.metric.removeprefix("emotion_wav2vec2_"), record.group): record for record in records}
    assert found["arousal", "all"].value == pytest.approx(np.mean([0.3, 0.5, -0.1, 0.5]))
    assert found["arousal_difference", "all"].value == pytest.approx(-0.05)
    assert found["arousal_absolute_difference", "all"].value == pytest.approx(0.15)
    assert found["arousal_absolute_difference", "f"].value == pytest.approx(0.3)
    assert found["arousal_absolute_difference", "m"].value == 0 and found["valence_difference", "all"].value == 0
    assert found["similarity", "all"].value == pytest.approx(0.75) and found["similarity", "m"].value == 0.5
    all_of = found["arousal_absolute_difference", "all"]
    assert (all_of.ci_low, all_of.ci_high) == (0.0, pytest.approx(0.3)), "whole speakers are drawn"
    assert all_of.n == 4 and all_of.details == {"speakers": 2, "model": "wav2vec2"}
    assert not any("error" in metric for metric, _ in found)


def test_error_of_the_regression_and_of_guessing() -> None:
    labels = ["happy", "happy", "sad", "sad", "calm", "calm"]
    vectors = np.array([[1.0], [1.0], [-1.0], [-1.0], [9.0], [9.0]])
    original, options = speech(vectors, labels), config.load(None, [])
    model = emotion_dimensions.train(original, {"a": "1", "b": "2"}, 1e-9)
    records, _ = dimension_records(original, None, "regression", model, [], options, system="original", seed=1)
    found = {record.metric: record for record in records if record.group == "all"}
    error = found["emotion_regression_valence_error"]
    assert error.value == pytest.approx(0, abs=1e-6) and error.n == 4, "calm has no position to be wrong about"
    assert error.details["concordance"] == pytest.approx(1)
    assert error.details["guessing"] == pytest.approx((0.81 + 0.63) / 4)
    assert not any("difference" in metric for metric in found)
