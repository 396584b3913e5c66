"""PLDA against closed forms: simulated parameters, direct Gaussian densities, EM that never falls."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from pseudovox.components import plda
from pseudovox.components.plda import Gaussians, Plda, Statistics, fit_gaussians
from pseudovox.core.errors import DataError, MissingModelError

DRAW = np.random.default_rng(7)


def covariance(size: int, scale: float) -> np.ndarray:
    root = DRAW.standard_normal((size, 2 * size))
    return scale * root @ root.T / (2 * size)


TRUE = Gaussians(DRAW.standard_normal(4), covariance(4, 2.0), covariance(4, 1.0))


def simulated(speakers: int, counts: np.ndarray, model: Gaussians = TRUE) -> tuple[np.ndarray, np.ndarray]:
    """(vectors, speaker numbers)"""
    numbers = np.repeat(np.arange(speakers), counts)
    voices = DRAW.multivariate_normal(model.mean, model.between, speakers)
    return voices[numbers] + DRAW.multivariate_normal(np.zeros(len(model.mean)), model.within, len(numbers)), numbers


def test_em_recovers_the_parameters() -> None:
    vectors, numbers = simulated(4000, DRAW.integers(1, 9, 4000))
    found, likelihoods = fit_gaussians(Statistics.of(vectors, numbers))
    np.testing.assert_allclose(found.mean, TRUE.mean, atol=0.1)
    np.testing.assert_allclose(found.within, TRUE.within, atol=0.05 * np.abs(TRUE.within).max())
    np.testing.assert_allclose(found.between, TRUE.between, atol=0.1 * np.abs(TRUE.between).max())
    assert len(likelihoods) < plda.ROUNDS


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_likelihood_never_falls(smoothing: float) -> None:
    vectors, numbers = simulated(30, DRAW.integers(1, 6, 30))
    statistics = Statistics.of(vectors, numbers)
    _, found = fit_gaussians(statistics, smoothing=smoothing, tolerance=-1.0)
    assert len(found) == plda.ROUNDS and min(np.diff(found)) >= -1e-9 * abs(found[0])


def test_likelihood_is_that_of_the_joint_gaussian() -> None:
    vectors, numbers = simulated(3, np.array([1, 2, 3]))
    statistics = Statistics.of(vectors, numbers)
    start = Gaussians(
        statistics.means.mean(0), np.cov(statistics.means.T, bias=True), statistics.within(0.3)
    )  # what EM starts from
    expected = sum(
        multivariate_normal.logpdf(own.ravel(), *joint(start, len(own)))
        for own in (vectors[numbers == speaker] for speaker in range(3))
    )
    isotropic = np.eye(4) * np.trace(statistics.scatter) / 3 / 4
    prior = 0.3 * 6 / 2 * (np.linalg.slogdet(start.within)[1] + np.trace(np.linalg.solve(start.within, isotropic)))
    [likelihood, *_] = fit_gaussians(statistics, smoothing=0.3, rounds=1)[1]
    assert likelihood == pytest.approx(expected - prior, abs=1e-9)


def joint(model: Gaussians, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of `count` utterances of one speaker, stacked."""
    blocks = np.kron(np.ones((count, count)), model.between) + np.kron(np.eye(count), model.within)
    return np.tile(model.mean, count), blocks


@pytest.mark.parametrize("count", [1, 2, 5])
def test_llr_is_the_direct_computation(count: int) -> None:
    # No centring, LDA or scaling: the mean of the enrolment utterances says all about the speaker.
    backend = Plain(np.zeros(4), np.eye(4), TRUE)
    enrolment = DRAW.standard_normal((3, count, 4)) * 2.0
    tests = DRAW.standard_normal((6, 4)) * 2.0
    found = backend.scorer(enrolment.mean(1), np.full(3, count))(tests)
    assert found.shape == (6, 3)
    for row, test in enumerate(tests):
        for column, own in enumerate(enrolment):
            together = multivariate_normal.logpdf(np.append(own.ravel(), test), *joint(TRUE, count + 1))
            apart = multivariate_normal.logpdf(own.ravel(), *joint(TRUE, count))
            apart += multivariate_normal.logpdf(test, *joint(TRUE, 1))
            assert found[row, column] == pytest.approx(together - apart, abs=1e-9)


class Plain(Plda):
    """Without the scaling to one length."""

    def project(self, vectors: np.ndarray) -> np.ndarray:
        return np.asarray((vectors - self.model.mean) @ self.model.diagonal[0].T)


def test_counts_of_models_differ() -> None:
    backend = Plda(np.zeros(4), np.eye(4), TRUE)
    models, tests = DRAW.standard_normal((2, 4)), DRAW.standard_normal((3, 4))
    together = backend.scorer(models, np.array([1, 7]))(tests)
    alone = [backend.scorer(models[[n]], np.array([count]))(tests)[:, 0] for n, count in ((0, 1), (1, 7))]
    np.testing.assert_allclose(together.T, alone, atol=1e-12)


def test_fit_tells_speakers_apart() -> None:
    vectors, numbers = simulated(40, np.full(40, 6))
    wide = vectors @ DRAW.standard_normal((4, 10)) + 3.0 + 0.05 * DRAW.standard_normal((len(vectors), 10))
    names = [f"s{number}" for number in numbers]
    backend, facts = Plda.fit(wide, names, lda_dimension=200)
    assert (facts["speakers"], facts["utterances"], facts["size"]) == (40, 240, 10)
    scores = backend.scorer(wide[::6], np.ones(40))(wide[1::6])
    assert np.diag(scores).mean() > 1 and scores.mean() < -1
    # The order of utterances and the names decide nothing.
    order = DRAW.permutation(240)
    other, _ = Plda.fit(wide[order], [f"t{numbers[n]}" for n in order], lda_dimension=200)
    np.testing.assert_allclose(other.scorer(wide[::6], np.ones(40))(wide[1::6]), scores, atol=1e-6)


def test_lda_keeps_what_tells_speakers_apart() -> None:
    model = Gaussians(np.zeros(3), np.diag([9.0, 0.0, 1.0]), np.diag([1.0, 25.0, 4.0]))
    vectors, numbers = simulated(500, np.full(500, 4), model)
    statistics = Statistics.of(vectors, numbers)
    found = plda.discriminants(statistics, 2)
    np.testing.assert_allclose(found @ statistics.within(0.0) @ found.T, np.eye(2), atol=1e-9)
    assert abs(found[0] @ [1, 0, 0]) > 0.9 * np.linalg.norm(found[0])


def test_fewer_speakers_than_dimensions() -> None:
    vectors = DRAW.standard_normal((12, 50))
    names = [f"s{n % 3}" for n in range(12)]
    with pytest.raises(DataError, match="12 utterances of 3 speakers do not vary within speakers in 41 of 50") as found:
        Plda.fit(vectors, names)
    assert "plda_smoothing" in found.value.hint
    backend, facts = Plda.fit(vectors, names, smoothing=0.01)
    assert facts["size"] == 2
    assert np.isfinite(backend.scorer(vectors[:3], np.ones(3))(vectors)).all()


def test_one_utterance_speakers() -> None:
    vectors, numbers = simulated(60, np.append(np.full(30, 1), np.full(30, 5)))
    backend, _ = Plda.fit(vectors, [str(number) for number in numbers], lda_dimension=0)
    assert np.isfinite(backend.model.between).all()
    with pytest.raises(DataError, match="none has two that differ"):
        Plda.fit(vectors[:30], [str(number) for number in numbers[:30]], smoothing=0.1)
    with pytest.raises(DataError, match="1 speaker: PLDA needs two"):
        Plda.fit(vectors, ["a"] * len(vectors))


def test_files(tmp_path: Path) -> None:
    backend = Plda(DRAW.standard_normal(6), DRAW.standard_normal((4, 6)), TRUE)
    plda.save(tmp_path, backend, {"speakers": 2})
    again = plda.load(tmp_path)
    models, tests = DRAW.standard_normal((2, 3, 6))
    np.testing.assert_array_equal(again.scorer(models, np.ones(3))(tests), backend.scorer(models, np.ones(3))(tests))
    np.savez(tmp_path / "plda.npz", centre=np.zeros(6))
    with pytest.raises(DataError, match="not a PLDA: lacks between, lda, mean, within"):
        plda.load(tmp_path)
    (tmp_path / "plda.npz").unlink()
    with pytest.raises(MissingModelError, match="no such file, but there is a model"):
        plda.load(tmp_path)
    with pytest.raises(MissingModelError, match="no model here"):
        plda.load(tmp_path / "nowhere")
