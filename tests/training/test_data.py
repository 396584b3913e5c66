"""The feature cache keeps what fits and never changes a value; cutting repeats what is too short; emphasis."""

import pickle

import numpy as np
import pytest

from pseudovox.training.data import FeatureCache, cut, emphasis


class Counted:
    """Computes a key's features and counts how often."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, key: int) -> np.ndarray:
        self.calls.append(key)
        return np.full(10, key, np.float32)  # 40 bytes


def test_computes_once() -> None:
    compute = Counted()
    cache = FeatureCache(compute, limit_bytes=1000)
    assert cache[3][0] == cache[3][0] == 3
    assert compute.calls == [3] and cache.bytes == 40


def test_recomputes_beyond_the_limit() -> None:
    compute = Counted()
    cache = FeatureCache(compute, limit_bytes=80)
    for key in (1, 2, 3, 1, 2, 3):
        assert cache[key][0] == key
    assert compute.calls == [1, 2, 3, 3] and cache.bytes == 80


def test_warm_in_threads() -> None:
    compute = Counted()
    cache = FeatureCache(compute, limit_bytes=4000)
    cache.warm(range(50), threads=3)
    assert sorted(compute.calls) == list(range(50))
    assert [cache[key][0] for key in range(50)] == list(range(50)) and len(compute.calls) == 50


def test_warming_ends_when_full() -> None:
    compute = Counted()
    FeatureCache(compute, limit_bytes=100).warm(range(50), threads=1)
    assert compute.calls == [0, 1, 2]


def test_tuples_count_whole() -> None:
    cache = FeatureCache(lambda key: (np.zeros(10, np.float32), np.zeros(5, np.float32)), limit_bytes=100)
    assert len(cache["a"]) == 2 and cache.bytes == 60


def test_goes_to_a_loader_process_empty() -> None:
    cache = FeatureCache(Counted(), limit_bytes=100)
    _ = cache[1]
    sent = pickle.loads(pickle.dumps(cache))
    assert sent.bytes == 0 and sent[2][0] == 2 and cache.bytes == 40


def test_cut() -> None:
    frames = np.arange(5)[:, None]
    assert cut(frames, 1, 3)[:, 0].tolist() == [1, 2, 3]
    assert cut(frames, 0, 7)[:, 0].tolist() == [0, 1, 2, 3, 4, 0, 1]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_emphasis_of_coefficients_that_vary_more(power: float) -> None:
    deviation = np.array([4.0, 1.0, 0.25])
    weight = emphasis(deviation, power)
    assert np.mean(weight**2) == pytest.approx(1.0)
    assert weight[0] / weight[1] == pytest.approx(4.0**power)
    assert weight[1] / weight[2] == pytest.approx(4.0**power)
