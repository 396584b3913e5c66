"""Fitting of a content extractor's speaker factors, once the extractor is trained: expectation and maximisation."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.models.speaker_factors import FRAME_WEIGHT, SpeakerFactors, posterior_means

log = logging.getLogger("pseudovox")
ITERATIONS = 12
LEAST_VARIANCE = 1e-3


@dataclass
class Statistics:
    """Of the frames of one speaker, all weighted by the phones' posteriors.

    Attributes:
        counts: (phones,).
        sums, squares: (phones, dimension).
    """

    counts: torch.Tensor
    sums: torch.Tensor
    squares: torch.Tensor


def gather(utterances: Iterable[tuple[str, torch.Tensor, torch.Tensor]]) -> dict[str, Statistics]:
    """Statistics by speaker of (speaker, content (T, dimension), posteriors (T, phones))."""
    found: dict[str, Statistics] = {}
    for speaker, content, posteriors in utterances:
        weights, frames = posteriors.double().T, content.double()
        own = Statistics(weights.sum(1), weights @ frames, weights @ frames.square())
        if speaker in found:
            old = found[speaker]
            own = Statistics(old.counts + own.counts, old.sums + own.sums, old.squares + own.squares)
        found[speaker] = own
    return found


def check_speakers(speakers: int, factors: int) -> None:
    """Raise DataError where there are not more training speakers than factors; before hours of training."""
    if factors and speakers <= factors:
        raise DataError(
            f"{speakers} training speakers: too few for {factors} speaker factors",
            f"--set bottleneck.speaker_factors={speakers - 1}, or fewer",
        )


def fit(factors: SpeakerFactors, statistics: dict[str, Statistics], seed: int) -> dict[str, float]:
    """Fit a factor model in place: means and variances of phones, then loadings by expectation and maximisation.

    The loadings are fitted as Kenny et al. (2005), propositions 3 and, for the prior to be standard normal, 4 do it.

    Args:
        factors: the model.
        statistics: of the training speakers.
        seed: of the loadings that it begins with.

    Returns:
        `speaker_offsets`, mean square per frame and number of the speakers' offsets over that of frames about their
        phone's mean, and `speaker_offsets_left` of it once the factors are taken off.

    Raises:
        DataError: not more speakers than factors.
    """
    _, dimension, count = factors.loadings.shape
    check_speakers(len(statistics), count)
    everyone = list(statistics.values())
    counts = torch.stack([one.counts for one in everyone])
    total = counts.sum(0).clamp(min=1e-6)[:, None]
    means = sum(one.sums for one in everyone) / total
    variances = (sum(one.squares for one in everyone) / total - means.square()).clamp(min=LEAST_VARIANCE)
    sums = torch.stack([one.sums for one in everyone]) - counts[:, :, None] * means
    draw = seeds.generator(seed, "speaker-factors", "loadings").standard_normal((len(means), dimension, count))
    loadings = 0.1 * variances.sqrt()[:, :, None] * torch.from_numpy(np.asarray(draw))
    weighted_counts, weighted_sums = FRAME_WEIGHT * counts, FRAME_WEIGHT * sums
    for _ in range(ITERATIONS):
        found, covariances = posterior_means(weighted_counts, weighted_sums, loadings, variances)
        moments = covariances + found[:, :, None] * found[:, None, :]
        products = torch.einsum("spd,sr->prd", weighted_sums, found)
        normals = torch.einsum("sp,srq->prq", weighted_counts, moments)
        normals = normals + 1e-6 * torch.eye(count, dtype=normals.dtype)  # of phones that nobody says
        loadings = torch.linalg.solve(normals, products).transpose(1, 2)
        loadings = loadings @ torch.linalg.cholesky(moments.mean(0))
    factors.means.copy_(means)
    factors.variances.copy_(variances)
    factors.loadings.copy_(loadings)
    found, _ = posterior_means(weighted_counts, weighted_sums, loadings, variances)
    offsets = sums / counts.clamp(min=1.0)[:, :, None]
    left = offsets - torch.einsum("pdr,sr->spd", loadings, found)
    frames = float((total * variances).sum())
    figures = {
        "speaker_offsets": round(float((counts[:, :, None] * offsets.square()).sum()) / frames, 4),
        "speaker_offsets_left": round(float((counts[:, :, None] * left.square()).sum()) / frames, 4),
    }
    log.info("speaker factors: %d of %d speakers; %s", count, len(everyone), figures)
    return figures
