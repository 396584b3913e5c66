"""Strategy pca_gmm: drawn from a Gaussian mixture over principal components (Turner et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pseudovox.config.schema import PseudoSpeakers


@dataclass
class VoiceGrid:
    """Settings of pca_gmm among which `pseudo.select` chooses: every combination is tried."""

    pca_size: list[float] = field(default_factory=lambda: [5, 10, 15, 20, 30, 50, 100])
    gmm_size: list[int] = field(default_factory=lambda: [1, 2, 3, 5, 8])
    covariance: list[str] = field(default_factory=lambda: ["diag", "full", "tied", "spherical"])


@dataclass
class Options(PseudoSpeakers):
    """Section `pseudo` with strategy pca_gmm."""

    implementation: ClassVar[str] = "pseudovox.anonymize.pca_gmm:PcaGmm"

    strategy: str = "pca_gmm"
    pca_size: float = 20.0  # a whole number of components, or below 1 the share of variance they must explain
    gmm_size: int = 3  # mixture components
    covariance: str = "diag"  # of the mixture: diag, full, tied (full, the same for all components) or spherical
    threshold: float = 1.01  # largest cosine to the source's x-vector, else drawn anew; above 1 = never
    select: bool = False  # choose pca_size, gmm_size and covariance from `grid` by held-out likelihood
    grid: VoiceGrid = field(default_factory=VoiceGrid)
