"""Agreement of two series: closed forms."""

import numpy as np
import pytest

from pseudovox.metrics.dimensions import concordance, cosines


def test_concordance() -> None:
    values = np.array([0.0, 1.0, 2.0])  # variance 2/3
    assert concordance(values, values) == pytest.approx(1)
    assert concordance(values, -values) == pytest.approx(-(4 / 3) / (4 / 3 + 4))
    assert concordance(values, values + 1) == pytest.approx((4 / 3) / (4 / 3 + 1)), "a shift counts"
    assert concordance(values, np.ones(3)) == 0
    assert np.isnan(concordance(np.ones(3), np.ones(3)))


def test_cosines() -> None:
    first = np.array([[1, 0], [3, 4], [1, 1], [0, 0]], np.float32)
    second = np.array([[5, 0], [4, 3], [-2, -2], [1, 0]], np.float32)
    np.testing.assert_allclose(cosines(first, second), [1, 24 / 25, -1, 0], atol=1e-12)
