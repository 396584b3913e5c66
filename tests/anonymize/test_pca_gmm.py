"""PCA+GMM voices: the fitted distribution, kinds of covariance, the threshold, and draws of many at once."""

import numpy as np
import pytest

from pseudovox.anonymize.pca_gmm import PcaGmm
from pseudovox.anonymize.strategy import Pool, Source
from pseudovox.anonymize.voice_model import VoiceModel, fit_voices
from pseudovox.core.errors import DataError, UsageError
from pseudovox.kinds.strategies.pca_gmm import Options

OPTIONS = Options(pca_size=3, gmm_size=2)


def source(gender: str = "f") -> Source:
    vector = np.ones(10, np.float32)
    return Source(vector, vector, gender)


def test_draws_have_the_distribution_of_their_gender(pool: Pool) -> None:
    strategy = PcaGmm.fit(pool, OPTIONS, seed=1)
    drawn = strategy.models["f"].sample(4000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(0), pool.of("f").mean(0), atol=0.3)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(pool.of("f").T, bias=True), atol=0.8)
    # Two well-separated components of equal weight.
    np.testing.assert_allclose(strategy.models["f"].weights, [0.5, 0.5], atol=1e-6)
    men = strategy.models["m"].sample(100, np.random.default_rng(0))
    assert np.linalg.norm(men - pool.of("m").mean(0), axis=1).max() < 6


def test_one_model_for_both_genders(pool: Pool) -> None:
    options = Options(pca_size=3, gmm_size=3, combine_genders=True)
    strategy = PcaGmm.fit(pool, options, seed=1)
    assert list(strategy.models) == ["all"]
    np.testing.assert_allclose(np.sort(strategy.models["all"].weights), [0.25, 0.25, 0.5], atol=0.01)
    assert strategy.draw(source(), np.random.default_rng(0)).shape == (10,)


def test_share_of_variance(pool: Pool) -> None:
    model, facts = fit_voices(pool.of("f"), 0.9, 1, 0)
    assert facts["components"] == len(model.components) == 1
    assert facts["explained_variance"] >= 0.9


def test_sample_by_hand() -> None:
    model = VoiceModel(
        np.array([1.0, 2.0]), np.eye(2), np.array([0.0, 1.0]), np.array([[9.0, 9.0], [3.0, 4.0]]), np.zeros((2, 2))
    )
    np.testing.assert_allclose(model.sample(3, np.random.default_rng(0)), [[4.0, 6.0]] * 3)


@pytest.mark.parametrize("size", [0.0, -1.0, 2.5])
def test_bad_pca_size(pool: Pool, size: float) -> None:
    with pytest.raises(UsageError, match="pca_size"):
        fit_voices(pool.of("f"), size, 1, 0)


def test_a_pool_without_spread_is_refused() -> None:
    with pytest.raises(DataError, match=r"x-vectors of all 40 speakers of the pool \(f\) are the same"):
        fit_voices(np.ones((40, 8)), 2, 1, 0, "f")


def test_pool_too_small(pool: Pool) -> None:
    with pytest.raises(DataError, match=r"30 speakers.*need 31"):
        PcaGmm.fit(pool, Options(pca_size=30), seed=1)


def test_threshold(pool: Pool) -> None:
    fitted = PcaGmm.fit(pool, OPTIONS, seed=1)
    target = Source(pool.vectors[0], pool.vectors[0], "f")

    def cosine(threshold: float, seed: int) -> float:
        drawn = PcaGmm(fitted.models, threshold).draw(target, np.random.default_rng(seed))
        return float(drawn @ target.vector / np.linalg.norm(drawn) / np.linalg.norm(target.vector))

    assert max(cosine(1.01, seed) for seed in range(20)) > 0.5
    assert max(cosine(0.0, seed) for seed in range(20)) <= 0.0
    # Out of reach: the least similar of the 1000 draws.
    assert cosine(-1.0, 0) < -0.8


def test_the_fit_is_seeded(pool: Pool) -> None:
    first, second = (PcaGmm.fit(pool, OPTIONS, seed=7).arrays() for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("covariance", ["diag", "full", "tied", "spherical"])
def test_kinds_of_covariance(pool: Pool, covariance: str) -> None:
    men = pool.of("m")
    model, _ = fit_voices(men, 3, 1, 0, covariance=covariance)
    drawn = model.sample(6000, np.random.default_rng(0))
    expected = np.cov(men.T, bias=True)
    if covariance == "spherical":  # the mean of the three variances, in every direction of the subspace
        expected = model.components.T @ model.components * np.trace(expected) / 3
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.06)
    strategy = PcaGmm({"all": model}, 1.01)
    arrays = strategy.arrays()
    assert ("all.factors" in arrays) == (covariance in ("full", "tied"))
    loaded = PcaGmm.restore(arrays, OPTIONS)
    assert np.array_equal(*(one.draw(source(), np.random.default_rng(5)) for one in (strategy, loaded)))


def test_correlated_mixtures() -> None:
    factors = np.array([[[2.0, 0.0], [1.5, 0.5]], [[1.0, 0.0], [0.0, 3.0]]])
    model = VoiceModel(
        np.zeros(2), np.eye(2), np.array([0.5, 0.5]), np.array([[50.0, 0], [-50.0, 0]]), np.ones((2, 2)), factors
    )
    drawn = model.sample(8000, np.random.default_rng(0))
    for side, factor in zip((drawn[:, 0] > 0, drawn[:, 0] < 0), factors, strict=True):
        np.testing.assert_allclose(np.cov(drawn[side].T), factor @ factor.T, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("options", [OPTIONS, Options(pca_size=3, covariance="full", threshold=0.3)])
def test_many_at_once_are_those_one_by_one(pool: Pool, options: Options) -> None:
    strategy = PcaGmm.fit(pool, options, seed=1)
    sources = [Source(pool.vectors[row], pool.vectors[row], pool.genders[row]) for row in range(0, 60, 4)]
    drawn = strategy.draw_all(sources, [np.random.default_rng(row) for row in range(15)])
    one_by_one = [strategy.draw(sources[row], np.random.default_rng(row)) for row in range(15)]
    assert drawn.dtype == np.float32 and np.array_equal(drawn, np.stack(one_by_one))


def test_cosines_in_the_subspace(pool: Pool) -> None:
    model, _ = fit_voices(pool.of("f"), 3, 2, 0)
    points = model.draw_points(50, np.random.default_rng(1))
    vectors, other = model.vectors(points), pool.vectors[40].astype(np.float64)
    expected = vectors @ other / np.linalg.norm(vectors, axis=1) / np.linalg.norm(other)
    np.testing.assert_allclose(model.cosines(points, other), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"covariance": "diagonal"}, "expected one of diag, full"), ({"gmm_size": 0}, "expected 1 or more")],
)
def test_bad_options(pool: Pool, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PcaGmm.fit(pool, Options(pca_size=3, **options), seed=1)  # type: ignore[arg-type]
