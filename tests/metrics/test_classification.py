"""Unweighted average recall and the confusion matrix, by hand."""

import numpy as np
import pytest

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
