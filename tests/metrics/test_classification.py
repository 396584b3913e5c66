"""Unweighted average recall and the confusion matrix, by hand."""

import numpy as np
import pytest

from pseudovox.metrics import classification
from pseudovox.metrics.classification import confusion_matrix, recalls, unweighted_average_recall

CLASSES = ("ang", "hap", "sad")


def test_by_hand() -> None:
    found = confusion_matrix(
        ["ang", "ang", "hap", "hap", "hap", "hap"], ["ang", "hap", "hap", "hap", "hap", "sad"], CLASSES
    )
    assert found.tolist() == [[1, 1, 0], [0, 3, 1], [0, 0, 0]]
    np.testing.assert_array_equal(recalls(found), [50, 75, np.nan])  # sad was never there
    assert unweighted_average_recall(found) == 62.5


def test_guessing_one_class() -> None:
    found = confusion_matrix(["ang"] * 90 + ["hap"] * 9 + ["sad"], ["ang"] * 100, CLASSES)
    assert unweighted_average_recall(found) == pytest.approx(100 / 3)


def test_edges() -> None:
    assert np.isnan(unweighted_average_recall(confusion_matrix([], [], CLASSES)))
    with pytest.raises(ValueError, match="1 reference labels and 0 predicted"):
        confusion_matrix(["ang"], [], CLASSES)
    with pytest.raises(ValueError, match="label 'joy', expected one of ang, hap, sad"):
        confusion_matrix(["ang"], ["joy"], CLASSES)


def test_interval_by_speaker() -> None:
    alike = np.stack([np.diag([3, 5])] * 4)
    assert classification.bootstrap_interval(alike, np.random.default_rng(0)) == (100.0, 100.0)
    # Two speakers, one always right and one always wrong: a resample has none, one or two of the good one.
    opposite = np.stack([np.diag([4, 4]), 4 - np.diag([4, 4])])
    assert classification.bootstrap_interval(opposite, np.random.default_rng(0)) == (0.0, 100.0)
    # A class that one speaker alone shows does not count in resamples without that speaker.
    alone = np.stack([np.diag([4, 0]), np.diag([0, 4])])
    assert classification.bootstrap_interval(alone, np.random.default_rng(0)) == (100.0, 100.0)
    assert np.isnan(classification.bootstrap_interval(alone[:1], np.random.default_rng(0))).all()
    assert np.isnan(classification.bootstrap_interval(alone, np.random.default_rng(0), draws=0)).all()
