"""Probabilistic linear discriminant analysis (PLDA) as a back end: log-likelihood ratios of speaker embeddings.

The two-covariance model (Brümmer and de Villiers 2010, "The speaker partitioning problem"; Ioffe 2006): a speaker is a
point y ~ N(mean, between), its utterances are x ~ N(y, within). As in Kaldi's x-vector recipes, which the VoicePrivacy
Challenges 2020 and 2022 score with, embeddings are centred, reduced by linear discriminant analysis (LDA) and scaled to
the length sqrt(dimension) first. All of it in float64.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.core.npz import check_shapes, read_npz, write_npz
from pseudovox.data.datadir import write_json
from pseudovox.models import store

log = logging.getLogger("pseudovox")
KIND = "plda"
FILE = "plda.npz"
REDO = "train it again: steps/train_plda.py --force"
ROUNDS = 100  # of EM, at most
TOLERANCE = 1e-6  # nats an utterance; EM stops when a round gains less
SMOOTH = "--set scoring.plda_smoothing=0.001, or give more speech of each speaker"


# ---------------------------------------------------------------------- the model
@dataclass(frozen=True)
class Gaussians:
    """The two-covariance model of vectors.

    Attributes:
        mean: (size,) of the speakers.
        between: (size, size), covariance of the speakers, positive semi-definite.
        within: (size, size), covariance of a speaker's utterances, positive definite.
    """

    mean: np.ndarray
    between: np.ndarray
    within: np.ndarray

    @cached_property
    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        """(transform, spread): transform @ within @ transform.T = 1 and transform @ between @ transform.T =
        diag(spread), (size, size) and (size,)."""
        lower = np.linalg.cholesky(self.within)
        inverse = np.linalg.inv(lower)
        spread, axes = np.linalg.eigh(inverse @ self.between @ inverse.T)
        return axes.T @ inverse, np.maximum(spread, 0.0)


@dataclass(frozen=True)
class Statistics:
    """All that EM needs to know of the training vectors.

    Attributes:
        counts: (speakers,), utterances of each.
        means: (speakers, size).
        scatter: (size, size), sum over utterances of the outer products of their distance to their speaker's mean.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, speakers: np.ndarray) -> Statistics:
        """Of vectors (utterances, size) and the numbers of their speakers, 0 to K - 1, (utterances,)."""
        counts = np.bincount(speakers).astype(np.float64)
        order = np.argsort(speakers, kind="stable")
        starts = np.append(0, np.cumsum(counts)[:-1]).astype(np.int64)
        means = np.add.reduceat(vectors[order], starts) / counts[:, None]
        residuals = vectors - means[speakers]
        return cls(counts, means, residuals.T @ residuals)

    @property
    def utterances(self) -> float:
        return float(self.counts.sum())

    def within(self, smoothing: float) -> np.ndarray:
        """The covariance within speakers, mixed with `smoothing` parts of an isotropic one, (size, size).

        Raises:
            DataError: it is singular.
        """
        size, freedom = len(self.scatter), self.utterances - len(self.counts)
        trace = float(np.trace(self.scatter))
        if not freedom or not trace > 0:
            raise DataError(
                f"{self.utterances:.0f} utterances of {len(self.counts)} speakers: none has two that differ, "
                "so nothing can be learnt of how a voice varies",
                "give more speech of each speaker in sets.attacker (or, without need, --set scoring.voices=false)",
            )
        found = (self.scatter / freedom + smoothing * np.eye(size) * trace / freedom / size) / (1.0 + smoothing)
        values = np.linalg.eigvalsh(found)
        singular = int((values <= size * np.finfo(np.float64).eps * values[-1]).sum())
        if singular:
            raise DataError(
                f"{self.utterances:.0f} utterances of {len(self.counts)} speakers do not vary within speakers in "
                f"{singular} of {size} directions",
                SMOOTH,
            )
        return np.asarray(found)


def fit_gaussians(
    statistics: Statistics, *, smoothing: float = 0.0, rounds: int = ROUNDS, tolerance: float = TOLERANCE
) -> tuple[Gaussians, list[float]]:
    """Maximum likelihood by expectation-maximisation (EM); with smoothing, maximum a posteriori.

    Args:
        statistics: of the training vectors.
        smoothing: weight of an isotropic covariance within speakers, as a share of the utterances' (the mode under an
            inverse Wishart prior): 0 = none. What makes up for directions that the training speech does not cover.
        rounds: of EM, at most.
        tolerance: gain an utterance, in nats, below which EM stops.

    Returns:
        (model, log-likelihoods): the natural log-likelihood of the training vectors before each round (with smoothing,
        plus the log prior up to a constant), which never falls.

    Raises:
        DataError: fewer than two speakers, or a covariance within speakers that is singular.
    """
    counts, means, scatter = statistics.counts, statistics.means, statistics.scatter
    if len(counts) < 2:
        raise DataError(f"{len(counts)} speaker: PLDA needs two or more")
    size, total, speakers = len(scatter), statistics.utterances, len(counts)
    within = statistics.within(smoothing)
    prior = smoothing * total
    isotropic = np.eye(size) * np.trace(scatter) / (total - speakers) / size
    model = Gaussians(means.mean(0), np.atleast_2d(np.cov(means.T, bias=True)), within)
    found: list[float] = []
    for _ in range(rounds):
        transform, spread = model.diagonal
        back = np.linalg.inv(transform)
        points = (means - model.mean) @ transform.T
        scale = counts[:, None] * spread + 1.0
        # Along the axes of the transform every dimension is a model of its own. An orthogonal change of a speaker's n
        # utterances makes sqrt(n) times their mean, of variance n spread + 1, and n - 1 vectors of variance 1.
        log_determinant = np.linalg.slogdet(transform)[1]
        likelihood = -0.5 * (np.log(scale) + counts[:, None] * points**2 / scale).sum()
        likelihood -= 0.5 * np.sum(transform @ scatter * transform)
        likelihood += total * (log_determinant - 0.5 * size * np.log(2.0 * np.pi))
        likelihood += prior * log_determinant - 0.5 * prior * np.sum(transform @ isotropic * transform)
        found.append(float(likelihood))
        if len(found) > 1 and found[-1] - found[-2] < tolerance * total:
            break
        expected = points * (counts[:, None] * spread / scale)
        variance = spread / scale
        centre = expected.mean(0)
        between = (expected - centre).T @ (expected - centre) / speakers + np.diag(variance.mean(0))
        apart = np.sqrt(counts)[:, None] * (points - expected)
        around = apart.T @ apart + np.diag(counts @ variance)
        within = (scatter + prior * isotropic + back @ around @ back.T) / (total + prior)
        model = Gaussians(model.mean + back @ centre, _symmetric(back @ between @ back.T), _symmetric(within))
    return model, found


def discriminants(statistics: Statistics, size: int, smoothing: float = 0.0) -> np.ndarray:
    """LDA: the directions in which speakers differ most against their own variation, (size, dimension).

    They are scaled so that the covariance within speakers becomes 1 (Fisher 1936; in Kaldi's form).

    Raises:
        DataError: as `Statistics.within`.
    """
    transform = np.linalg.inv(np.linalg.cholesky(statistics.within(smoothing)))
    apart = statistics.means - statistics.counts @ statistics.means / statistics.utterances
    apart = np.sqrt(statistics.counts)[:, None] * apart @ transform.T
    _, _, axes = np.linalg.svd(apart, full_matrices=False)
    return np.asarray(axes[:size] @ transform)


@dataclass(frozen=True)
class Plda:
    """The back end: from embeddings to log-likelihood ratios.

    Attributes:
        centre: (dimension,), taken off embeddings.
        lda: (size, dimension).
        model: of centred, reduced embeddings of the length sqrt(size).
    """

    centre: np.ndarray
    lda: np.ndarray
    model: Gaussians

    gives_llrs = True  # its scores are natural log-likelihood ratios

    @classmethod
    def fit(
        cls, vectors: np.ndarray, speakers: Sequence[str], *, lda_dimension: int = 200, smoothing: float = 0.0
    ) -> tuple[Plda, dict[str, Any]]:
        """Learn it from embeddings of utterances.

        Args:
            vectors: (utterances, dimension).
            speakers: who speaks in each; those with one utterance say something of `between` alone.
            lda_dimension: dimensions that LDA keeps, at most; there are no more than speakers less one. 0: no LDA.
            smoothing: see `fit_gaussians`; also of the LDA.

        Returns:
            (back end, facts for its card: speakers, utterances, size, rounds of EM, log-likelihood an utterance)

        Raises:
            DataError: too few speakers, or too little speech of them.
        """
        names, numbers = np.unique(np.asarray(speakers), return_inverse=True)
        if len(names) < 2:
            raise DataError(f"{len(names)} speaker: PLDA needs two or more")
        vectors = np.asarray(vectors, np.float64)
        centre = vectors.mean(0)
        vectors = vectors - centre
        lda = np.eye(vectors.shape[1])
        if lda_dimension:
            size = min(lda_dimension, len(names) - 1, vectors.shape[1])
            lda = discriminants(Statistics.of(vectors, numbers), size, smoothing)
        vectors = _normalised(vectors @ lda.T)
        model, likelihoods = fit_gaussians(Statistics.of(vectors, numbers), smoothing=smoothing)
        facts = {
            "speakers": len(names),
            "utterances": len(vectors),
            "dimension": len(centre),
            "size": len(lda),
            "rounds": len(likelihoods) - 1,
            "converged": len(likelihoods) < ROUNDS,
            "log_likelihood": round(likelihoods[-1] / len(vectors), 4),
        }
        log.info("PLDA: %s", ", ".join(f"{name} {value}" for name, value in facts.items()))
        return cls(centre, lda, model), facts

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Embeddings (n, dimension) in the space where both covariances are diagonal, (n, size)."""
        reduced = _normalised((np.asarray(vectors, np.float64) - self.centre) @ self.lda.T)
        return np.asarray((reduced - self.model.mean) @ self.model.diagonal[0].T)

    def scorer(self, models: np.ndarray, counts: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """What scores test embeddings against enrolled speakers.

        Args:
            models: (models, dimension), the mean embedding of each speaker's enrolment utterances.
            counts: (models,), how many utterances those are.

        Returns:
            f(tests (n, dimension)) -> (n, models), log p(test | enrolment) - log p(test), natural. One matrix product.
        """
        spread = self.model.diagonal[1]
        counts = np.asarray(counts, np.float64)[:, None]
        # The speaker, given n utterances of the mean e: expected where n spread e / (n spread + 1), of variance
        # spread / (n spread + 1). The test utterance varies by 1 about it.
        expected = self.project(models) * (counts * spread / (counts * spread + 1.0))
        variance = 1.0 + spread / (counts * spread + 1.0)
        prior = 1.0 + spread
        weights = np.concatenate([0.5 / prior - 0.5 / variance, expected / variance], axis=1).T.copy()
        offsets = 0.5 * (np.log(prior) - np.log(variance) - expected**2 / variance).sum(1)

        def score(tests: np.ndarray) -> np.ndarray:
            points = self.project(tests)
            return np.asarray(np.concatenate([points**2, points], axis=1) @ weights + offsets)

        return score


# ---------------------------------------------------------------------- files
SHAPES: dict[str, tuple[int | str, ...]] = {
    "centre": ("dimension",),
    "lda": ("size", "dimension"),
    "mean": ("size",),
    "between": ("size", "size"),
    "within": ("size", "size"),
}


def save(folder: Path, plda: Plda, facts: dict[str, Any]) -> None:
    """Write a model dir: model.json and plda.npz."""
    model = {name: getattr(plda.model, name) for name in ("mean", "between", "within")}
    write_npz(folder / FILE, {"centre": plda.centre, "lda": plda.lda, **model})
    card = {"kind": KIND, "hyperparameters": {}, "facts": facts}
    write_json(folder / "model.json", card, sort_keys=True)


def load(folder: Path) -> Plda:
    """Read a model dir.

    Raises:
        MissingModelError: there is none; DataError: another kind of model, or a damaged one.
    """
    store.read_card(folder, KIND)
    path = folder / FILE
    try:
        arrays = read_npz(path, REDO)
        check_shapes(arrays, SHAPES)
        model = Gaussians(*(arrays[name].astype(np.float64) for name in ("mean", "between", "within")))
        np.linalg.cholesky(model.within)
    except FileNotFoundError:
        raise MissingModelError(f"{path}: no such file, but there is a model.json", REDO) from None
    except (ValueError, np.linalg.LinAlgError) as error:
        raise DataError(f"{path}: not a PLDA: {error}", REDO) from None
    return Plda(arrays["centre"], arrays["lda"], model)


def _normalised(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, size) of the length sqrt(size); a zero vector stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors * (np.sqrt(vectors.shape[1]) / np.maximum(lengths, 1e-30)))


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    """Free of the rounding that makes a covariance asymmetric."""
    return np.asarray((matrix + matrix.T) / 2.0)
