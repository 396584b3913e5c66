"""Choice of sizes by held-out likelihood: densities against closed forms, and that the truth is found."""

import numpy as np
import pytest

from pseudovox.anonymize import selection
from pseudovox.anonymize.pca_gmm import PcaGmm
from pseudovox.anonymize.strategy import Pool
from pseudovox.anonymize.voice_model import VoiceModel
from pseudovox.core.errors import DataError, UsageError
from pseudovox.kinds.strategies.pca_gmm import Options, VoiceGrid


def test_density_of_a_gaussian() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(0)
    axes = np.linalg.qr(draw.standard_normal((5, 5)))[0].T
    mean, spread = draw.standard_normal(5), np.array([4.0, 2.0])
    model = VoiceModel(mean, axes[:2], np.ones(1), np.zeros((1, 2)), spread[None])
    covariance = axes[:2].T @ np.diag(spread) @ axes[:2] + 0.3 * axes[2:].T @ axes[2:]
    vectors = draw.standard_normal((7, 5))
    expected = scipy_stats.multivariate_normal(mean, covariance).logpdf(vectors)
    np.testing.assert_allclose(selection.log_likelihoods(model, vectors, 0.3), expected, atol=1e-10)


def test_density_of_a_correlated_mixture() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    factors = np.array([[[2.0, 0.0], [1.5, 0.5]], [[1.0, 0.0], [0.0, 3.0]]])
    means, weights = np.array([[1.0, 0.0], [-1.0, 2.0]]), np.array([0.3, 0.7])
    model = VoiceModel(np.zeros(2), np.eye(2), weights, means, np.ones((2, 2)), factors)
    vectors = np.random.default_rng(0).standard_normal((7, 2))
    densities = [
        scipy_stats.multivariate_normal(mean, factor @ factor.T).pdf(vectors)
        for mean, factor in zip(means, factors, strict=True)
    ]
    np.testing.assert_allclose(
        selection.log_likelihoods(model, vectors, 1.0), np.log(weights @ np.array(densities)), atol=1e-10
    )


def test_the_truth_is_chosen() -> None:
    """Two clusters in two dimensions of twelve, noise in all."""
    draw = np.random.default_rng(1)
    points = draw.standard_normal((200, 2)) * [2.0, 1.0] + np.repeat([[6.0, 0], [-6.0, 0]], 100, axis=0)
    vectors = np.hstack([points, np.zeros((200, 10))]) + 0.3 * draw.standard_normal((200, 12))
    grid = VoiceGrid(pca_size=[1, 2, 6], gmm_size=[1, 2, 4], covariance=["diag", "full"])
    found = selection.select({"f": vectors[::2], "m": vectors[1::2]}, grid, seed=1)
    assert (found.chosen.pca_size, found.chosen.gmm_size) == (2, 2)
    assert len(found.likelihoods) == 18 and len(found.likelihoods[found.chosen]["f"]) == 100
    lines = [line.split("\t") for line in found.table().splitlines()]
    assert lines[0][:6] == ["pca_size", "gmm_size", "covariance", "loglik", "loglik_f", "error_f"]
    assert lines[1][:2] == ["2", "2"] and lines[1][-1] == "chosen" and len(lines) == 19
    values = [float(line[3]) for line in lines[1:]]
    assert values == sorted(values, reverse=True)
    again = selection.select({"f": vectors[::2], "m": vectors[1::2]}, grid, seed=1)
    assert again.table() == found.table()


def test_what_the_pool_is_too_small_for_is_left_out(pool: Pool) -> None:
    grid = VoiceGrid(pca_size=[2, 40], gmm_size=[1], covariance=["diag"])
    strategy = PcaGmm.fit(pool, Options(select=True, grid=grid), seed=1)
    assert strategy.facts()["selected"] == {"pca_size": 2, "gmm_size": 1, "covariance": "diag"}
    assert strategy.models["f"].components.shape == (2, 10)
    assert strategy.tables()["selection.tsv"].splitlines()[-1].split("\t")[0::9] == ["40"]
    assert "too few speakers" in strategy.tables()["selection.tsv"]
    with pytest.raises(DataError, match="30 speakers of a gender, 24 without those held out"):
        PcaGmm.fit(pool, Options(select=True, grid=VoiceGrid(pca_size=[40])), seed=1)
    with pytest.raises(UsageError, match="covariance 'round'"):
        PcaGmm.fit(pool, Options(select=True, grid=VoiceGrid(covariance=["round"])), seed=1)


def test_all_dimensions_kept() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 3))
    grid = VoiceGrid(pca_size=[1, 3], gmm_size=[1], covariance=["full"])
    found = selection.select({"all": vectors}, grid, seed=1)
    assert all(np.isfinite(own["all"]).all() for own in found.likelihoods.values())
