"""Genders told from x-vectors: the discriminant in closed form, and where the nearer mean would be wrong."""

from __future__ import annotations

import numpy as np
import pytest

from pseudovox.anonymize import genders
from pseudovox.anonymize.pca_gmm import PcaGmm
from pseudovox.anonymize.strategy import Pool
from pseudovox.core.errors import DataError
from pseudovox.kinds.strategies.pca_gmm import Options


def of(women: list[list[float]], men: list[list[float]]) -> Pool:
    return Pool(np.array(women + men, np.float32), ("f",) * len(women) + ("m",) * len(men))


def test_boundary_by_hand() -> None:
    # Spread as wide in every direction: the boundary is half-way between the means, (1, 0) and (5, 0).
    cross = [[1.0, 0], [-1, 0], [0, 1], [0, -1]]
    model, _ = genders.fit(of([[1 + x, y] for x, y in cross], [[5 + x, y] for x, y in cross]))
    assert model is not None
    assert model.weight[1] == pytest.approx(0.0) and float(model.bias / model.weight[0]) == pytest.approx(-3.0)
    assert [model.of(np.array([x, 9.0], np.float32)) for x in (2.9, 3.1)] == ["f", "m"]


def test_a_direction_that_varies_much_says_little() -> None:
    draw = np.random.default_rng(0)
    spread = draw.standard_normal((200, 2)) * [8.0, 0.5]
    vectors = spread + np.repeat([[-4.0, -1.0], [4.0, 1.0]], 100, axis=0)
    pool = Pool(vectors.astype(np.float32), ("f",) * 100 + ("m",) * 100)
    model, facts = genders.fit(pool)
    assert model is not None
    told = [model.of(vector) == gender for vector, gender in zip(pool.vectors, pool.genders, strict=True)]
    means = [pool.of(gender).mean(0) for gender in "fm"]
    nearer = ["fm"[int(np.argmin([np.linalg.norm(one - mean) for mean in means]))] for one in pool.vectors]
    assert np.mean(told) > 0.95 > 0.8 > np.mean([a == b for a, b in zip(nearer, pool.genders, strict=True)])
    assert facts["gender_accuracy"] == pytest.approx(np.mean(told), abs=0.02)


def test_small_pools() -> None:
    assert genders.fit(of([[1.0], [2.0]], [])) == (None, {})
    model, facts = genders.fit(of([[1.0, 0]], [[3.0, 0]]))  # nothing to learn a spread from: the nearer of two
    assert model is not None and facts == {}
    assert [model.of(np.array([x, 5.0], np.float32)) for x in (1.9, 2.1)] == ["f", "m"]


@pytest.mark.parametrize("combine", [False, True])
def test_kept_with_the_voices(pool: Pool, combine: bool) -> None:
    options = Options(pca_size=3, gmm_size=2, combine_genders=combine)
    strategy = PcaGmm.fit(pool, options, seed=1)
    again = PcaGmm.restore(strategy.arrays(), options)
    assert [again.gender_of(vector) for vector in pool.vectors] == list(pool.genders)
    without = {name: array for name, array in strategy.arrays().items() if not name.startswith("gender.")}
    older = PcaGmm.restore(without, options)
    if not combine:
        with pytest.raises(DataError, match="nothing that tells genders"):
            older.gender_of(pool.vectors[0])
