"""What is left of the speaker in content vectors, as few numbers, and content vectors without it.

A speaker says each phone a little aside of where others say it. These offsets, of all phones together, vary in few
directions over speakers (eigenvoices: Kuhn et al. 2000, "Rapid speaker adaptation in eigenvoice space"). With counts
and sums over the phones' posteriors, an utterance's factors are estimated as those of an i-vector are (Kenny et al.
2005, "Eigenvoice modeling with sparse training data"), and the offsets that they give are taken off each frame.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

# Frames beside each other say nearly the same: each counts as a part of an independent one (Kaldi's posterior scale of
# i-vector extractors, which is 0.1 for frames of 10 ms).
FRAME_WEIGHT = 0.2
FRAMES = 8192  # that are worked on together: double precision of an hour's would take hundreds of megabytes


class SpeakerFactors(nn.Module):
    """A factor model of the offsets of phones, whose parameters training.speaker_factors fits.

    Args:
        phones: number of phones.
        dimension: of a content vector.
        factors: numbers that describe a speaker.

    Attributes:
        means: (phones, dimension) of the content vectors of each phone.
        variances: (phones, dimension) about these.
        loadings: (phones, dimension, factors); loadings @ factors are a speaker's offsets.
    """

    means: torch.Tensor
    variances: torch.Tensor
    loadings: torch.Tensor

    def __init__(self, phones: int, dimension: int, factors: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(phones, dimension))
        self.register_buffer("variances", torch.ones(phones, dimension))
        self.register_buffer("loadings", torch.zeros(phones, dimension, factors))

    def estimate(self, content: torch.Tensor, posteriors: torch.Tensor) -> torch.Tensor:
        """The factors of one utterance, their posterior mean under a standard normal prior.

        Args:
            content: (T, dimension).
            posteriors: (T, phones) of each frame, which sum to 1.

        Returns:
            float64 (factors,); zeros of an utterance without frames.
        """
        means = self.means.double()
        counts, sums = means.new_zeros(len(means)), torch.zeros_like(means)
        for frames, weights in zip(content.split(FRAMES), posteriors.split(FRAMES), strict=True):
            counts += weights.sum(0)
            sums += weights.double().T @ frames.double()
        sums -= counts[:, None] * means
        return posterior_means(
            FRAME_WEIGHT * counts[None], FRAME_WEIGHT * sums[None], self.loadings.double(), self.variances.double()
        )[0][0]

    def remove(self, content: torch.Tensor, posteriors: torch.Tensor) -> torch.Tensor:
        """Content vectors less the speaker's offset of their phones, scaled to mean 0 and variance 1 each as before.

        Args:
            content, posteriors: of a whole utterance, see `estimate`.

        Returns:
            float32 (T, dimension)
        """
        offsets = self.loadings.double() @ self.estimate(content, posteriors)
        parts = zip(content.split(FRAMES), posteriors.split(FRAMES), strict=True)
        freed = torch.cat([(frames.double() - weights.double() @ offsets).float() for frames, weights in parts])
        return functional.layer_norm(freed, freed.shape[-1:])


def posterior_means(
    counts: torch.Tensor, sums: torch.Tensor, loadings: torch.Tensor, variances: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors of speakers from the statistics of their frames (Kenny et al. 2005, proposition 1).

    Args:
        counts: (speakers, phones) of frames.
        sums: (speakers, phones, dimension) of frames less the phone's mean.
        loadings: (phones, dimension, factors).
        variances: (phones, dimension) of a frame about its speaker's mean.

    Returns:
        (posterior means (speakers, factors), posterior covariances (speakers, factors, factors))
    """
    weighted = loadings / variances[:, :, None]
    precisions = torch.einsum("pdr,pdq->prq", weighted, loadings)
    identity = torch.eye(loadings.shape[2], dtype=loadings.dtype)
    covariances = torch.linalg.inv(identity + torch.einsum("sp,prq->srq", counts, precisions))
    projected = torch.einsum("spd,pdq->sq", sums, weighted)
    return torch.einsum("srq,sq->sr", covariances, projected), covariances
