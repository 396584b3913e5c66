"""Random numbers in the place of x-vectors: within the pool's range, or the source's own times whole numbers."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.anonymize import pseudo_speakers
from pseudovox.anonymize.random_vectors import RandomVectors
from pseudovox.anonymize.strategy import Pool, Source
from pseudovox.core.errors import UsageError
from pseudovox.kinds.strategies.random import Options


def draws(strategy: RandomVectors, vector: np.ndarray, count: int) -> np.ndarray:
    asked = [Source(vector, vector, "f")] * count
    return strategy.draw_all(asked, (np.random.default_rng(seed) for seed in range(count)))


def test_uniform_within_the_ranges(pool: Pool, tmp_path: Path) -> None:
    fitted = RandomVectors.fit(pool, Options(), seed=1)
    drawn = draws(fitted, pool.vectors[0], 2000)
    lowest, highest = pool.vectors.min(0), pool.vectors.max(0)
    assert (drawn >= lowest - 1e-5).all() and (drawn <= highest + 1e-5).all()
    np.testing.assert_allclose(drawn.mean(0), (lowest + highest) / 2, atol=0.03 * np.ptp(pool.vectors))
    np.testing.assert_allclose(drawn.std(0), (highest - lowest) / np.sqrt(12), rtol=0.05)
    pseudo_speakers.save(tmp_path, fitted)
    loaded = pseudo_speakers.load(tmp_path, Options())
    assert np.array_equal(draws(loaded, pool.vectors[0], 5), drawn[:5])  # type: ignore[arg-type]
    assert loaded.gender_of(pool.vectors[0]) == pool.genders[0]


def test_multiplied_by_whole_numbers(pool: Pool) -> None:
    fitted = RandomVectors.fit(pool, Options(values="multiplied"), seed=1)
    drawn = draws(fitted, np.full(10, 0.5, np.float32), 2000)
    assert (drawn * 2 == np.round(drawn * 2)).all()
    assert (drawn.min(), drawn.max()) == (-20.0, 19.5)


@pytest.mark.parametrize("own", [{"values": "x"}, {"multipliers": [4, 4]}, {"multipliers": [4]}])
def test_options_that_cannot_be(pool: Pool, own: dict) -> None:
    with pytest.raises(UsageError, match=r"pseudo\.(values|multipliers)"):
        RandomVectors.fit(pool, Options(**own), seed=1)
