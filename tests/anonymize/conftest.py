"""A pool of speakers in a small space."""

import numpy as np
import pytest

from pseudovox.anonymize.strategy import Pool


@pytest.fixture(scope="module")
def pool() -> Pool:
    """60 speakers in 3 of 10 dimensions: women at two places, men at a third."""
    draw = np.random.default_rng(3)
    basis = np.linalg.qr(draw.standard_normal((10, 3)))[0].T
    centers = np.array([[5.0, 0, 0], [-5.0, 2, 0], [0, 0, 8.0]])
    group = np.repeat([0, 1, 2], [15, 15, 30])
    points = centers[group] + np.array([1.0, 0.5, 0.2]) * draw.standard_normal((60, 3))
    return Pool((points @ basis).astype(np.float32), ("f",) * 30 + ("m",) * 30)
