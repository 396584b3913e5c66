"""Which sizes of a voice model (voice_model.py) predict speakers that it has not seen best.

The published grid is not known, so the data decide: every setting of a grid is fitted on four fifths of the pool and
judged by the log-likelihood of the other fifth, in turn. So that models with different numbers of principal components
compare, likelihoods are those of whole x-vectors: what lies outside the principal subspace is a Gaussian of equal
variance in all directions, the mean of the variances left out, as in probabilistic PCA (Tipping and Bishop 1999).
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.anonymize.voice_model import VoiceModel, check_sizes, fit_voices, least_speakers
from pseudovox.core.errors import DataError
from pseudovox.core.seeds import generator, seed_for

if TYPE_CHECKING:
    from pseudovox.kinds.strategies.pca_gmm import VoiceGrid

log = logging.getLogger("pseudovox")
FOLDS = 5
TOLERANCE = 1e-6  # of the EM in the folds, in nats a speaker: what it decides differs by far more
LEAST_VARIANCE = 1e-6  # of the mean variance: where nothing is left out, what is outside must still be possible


@dataclass(frozen=True)
class Setting:
    """One setting of the grid, see `voice_model.fit_voices`."""

    pca_size: float
    gmm_size: int
    covariance: str


@dataclass(frozen=True)
class Selection:
    """What was tried.

    Attributes:
        chosen: the setting with the highest likelihood over all genders; of equals, the first of the grid.
        likelihoods: natural log-likelihood (speakers,) of each held-out speaker, by setting and gender; a setting that
            a fold has too few speakers for is not in it.
        tried: the whole grid.
    """

    chosen: Setting
    likelihoods: Mapping[Setting, Mapping[str, np.ndarray]]
    tried: tuple[Setting, ...]

    def table(self) -> str:
        """selection.tsv: a line for each setting, the likeliest first; nats a speaker, mean and standard error."""
        genders = list(self.likelihoods[self.chosen])
        columns = [f"{what}_{gender}" for gender in genders for what in ("loglik", "error")]
        lines = ["\t".join(["pca_size", "gmm_size", "covariance", "loglik", *columns, "note"])]
        order = sorted(self.tried, key=lambda setting: -_total(self.likelihoods.get(setting, {})))
        for setting in order:
            found = self.likelihoods.get(setting)
            cells = [f"{setting.pca_size:g}", str(setting.gmm_size), setting.covariance]
            if found is None:
                cells += [""] * (1 + len(columns)) + ["too few speakers"]
            else:
                values = np.concatenate(list(found.values()))
                cells.append(f"{values.mean():.4f}")
                for gender in genders:
                    own = found[gender]
                    cells += [f"{own.mean():.4f}", f"{own.std(ddof=1) / math.sqrt(len(own)):.4f}"]
                cells.append("chosen" if setting == self.chosen else "")
            lines.append("\t".join(cells))
        return "\n".join(lines) + "\n"


def select(pools: Mapping[str, np.ndarray], grid: VoiceGrid, seed: int) -> Selection:
    """Try a grid of settings by cross-validation over the speakers.

    Args:
        pools: x-vectors (speakers, dimension) by gender; one setting is chosen for all.
        grid: its values, all combinations of which are tried.
        seed: decides who is held out when, and the starts of the k-means.

    Raises:
        UsageError: a value that cannot be; DataError: the pool is too small for every setting.
    """
    tried = tuple(Setting(*one) for one in itertools.product(grid.pca_size, grid.gmm_size, grid.covariance))
    for setting in tried:
        check_sizes(setting.pca_size, setting.gmm_size, setting.covariance)
    smallest = min(map(len, pools.values()))
    trained = smallest - math.ceil(smallest / FOLDS)
    possible = [one for one in tried if trained >= least_speakers(one.pca_size, one.gmm_size)]
    if not possible:
        hint = "--set pseudo.grid.pca_size=[0.9] --set pseudo.grid.gmm_size=[1]"
        if trained < least_speakers(0.9, 1):
            hint = "--set pseudo.select=false"
        raise DataError(
            f"the pool has {smallest} speakers of a gender, {trained} without those held out: too few for every "
            "setting of pseudo.grid",
            f"a larger pool, or {hint}",
        )
    likelihoods: dict[Setting, dict[str, np.ndarray]] = {}
    for setting in possible:
        likelihoods[setting] = {gender: _held_out(vectors, setting, gender, seed) for gender, vectors in pools.items()}
    chosen = max(possible, key=lambda setting: _total(likelihoods[setting]))
    log.info(
        "of %d settings, %g components, %d mixtures, %s covariances predict speakers best",
        len(possible), chosen.pca_size, chosen.gmm_size, chosen.covariance,
    )  # fmt: skip
    return Selection(chosen, likelihoods, tried)


def log_likelihoods(model: VoiceModel, vectors: np.ndarray, outside: float) -> np.ndarray:
    """Natural log-densities (n,) of x-vectors (n, dimension): the mixture inside the subspace, a Gaussian outside.

    Args:
        outside: variance in each direction outside the subspace.
    """
    from scipy.linalg import solve_triangular
    from scipy.special import logsumexp

    centered = vectors - model.mean
    points = centered @ model.components.T
    size, dimension = model.components.shape
    by_mixture = np.empty((len(vectors), len(model.weights)))
    for number, (weight, mean) in enumerate(zip(model.weights, model.means, strict=True)):
        if model.factors is None:
            deviations = np.sqrt(model.variances[number])
            whitened, volume = (points - mean) / deviations, np.log(deviations).sum()
        else:
            factor = model.factors[number]
            whitened = solve_triangular(factor, (points - mean).T, lower=True).T
            volume = np.log(np.diagonal(factor)).sum()
        by_mixture[:, number] = np.log(max(weight, 1e-300)) - 0.5 * (whitened**2).sum(1) - volume
    inside = logsumexp(by_mixture, axis=1) - 0.5 * size * math.log(2 * math.pi)
    if size == dimension:
        return inside
    left = np.maximum((centered**2).sum(1) - (points**2).sum(1), 0)
    return inside - 0.5 * (left / outside + (dimension - size) * math.log(2 * math.pi * outside))


def _held_out(vectors: np.ndarray, setting: Setting, gender: str, seed: int) -> np.ndarray:
    """The log-likelihood (speakers,) of each speaker by the model of the folds that it is not in."""
    fold = generator(seed, "selection-folds", gender).permutation(len(vectors)) % FOLDS
    state = seed_for(seed, "selection", gender) % 2**32
    found = np.empty(len(vectors))
    for number in range(min(FOLDS, len(vectors))):
        rest, held = vectors[fold != number], vectors[fold == number]
        model, _ = fit_voices(
            rest, setting.pca_size, setting.gmm_size, state, covariance=setting.covariance, tolerance=TOLERANCE
        )
        found[fold == number] = log_likelihoods(model, held, _variance_outside(model, rest))
    return found


def _variance_outside(model: VoiceModel, vectors: np.ndarray) -> float:
    """The mean variance in the directions outside the subspace, of the vectors that the model was fitted on."""
    size, dimension = model.components.shape
    if size == dimension:
        return 1.0  # there are none
    total = ((vectors - model.mean) ** 2).sum() / (len(vectors) - 1)
    kept = (((vectors - model.mean) @ model.components.T) ** 2).sum() / (len(vectors) - 1)
    return max((total - kept) / (dimension - size), LEAST_VARIANCE * total / dimension)


def _total(found: Mapping[str, np.ndarray]) -> float:
    return float(sum(own.sum() for own in found.values())) if found else -math.inf
