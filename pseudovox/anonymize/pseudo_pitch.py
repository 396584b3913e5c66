"""The pitch of pseudo-speakers: mean and deviation of log F0, learned from the pool.

How far an x-vector tells the pitch differs between corpora: much of it in natural speech, nothing beyond the gender
where pitch and vocal tract were drawn independently. So the pitch of a pseudo-speaker is a ridge regression on its
x-vector within its gender, plus a draw of what the regression leaves open on speakers that it has not seen; together
they give pseudo-speakers the pool's own spread of pitch, whatever the split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.anonymize.strategy import GENDERS, Pool
from pseudovox.components.f0 import statistics
from pseudovox.core.errors import DataError
from pseudovox.core.npz import check_shapes, read_npz

FILE = "pseudo_pitch.npz"
# Of the arrays in it, see PitchModel.
SHAPES: dict[str, tuple[int | str, ...]] = {
    "weight": ("dimension", 2), "bias": (2, 2), "residual": (2, 2), "lowest": (2,), "highest": (2,)
}  # fmt: skip


@dataclass(frozen=True)
class PitchModel:
    """A linear law of (mean, deviation) of log F0 (natural logarithm of Hz), with Gaussian residuals.

    Attributes:
        weight: (dimension, 2).
        bias: (2, 2), a row for "f" and one for "m".
        residual: (2, 2), covariance of what the law leaves open.
        lowest, highest: (2,), the pool's range.
    """

    weight: np.ndarray
    bias: np.ndarray
    residual: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    def draw_all(
        self,
        vectors: np.ndarray,
        genders: Sequence[str],
        generators: Iterable[np.random.Generator],
        spread: float = 1.0,
    ) -> np.ndarray:
        """The pitch of pseudo-speakers, kept within the pool's range.

        Args:
            vectors: x-vectors (speakers, dimension).
            genders: "f" or "m" of each.
            generators: of each one's residual.
            spread: factor on the residual; 0 = the law alone.

        Returns:
            float32 (speakers, 2), mean and deviation; no row depends on the others.

        Raises:
            DataError: x-vectors of another dimension.
        """
        if vectors.shape[1] != len(self.weight):
            raise DataError(f"x-vectors of dimension {vectors.shape[1]}; the pitch was learned on {len(self.weight)}")
        values, axes = np.linalg.eigh(self.residual)
        factor = axes * np.sqrt(np.maximum(values, 0))
        noise = np.stack([generator.standard_normal(2) for generator in generators])
        bias = self.bias[[GENDERS.index(gender) for gender in genders]]
        # Row by row: in a whole product the rounding of a row depends on its company.
        law = np.matmul(vectors.astype(np.float64)[:, None, :], self.weight)[:, 0, :] + bias
        found = law + spread * np.matmul(noise[:, None, :], factor.T)[:, 0, :]
        return np.clip(found, self.lowest, self.highest).astype(np.float32)


def fit(pool: Pool, contours: Sequence[Iterable[np.ndarray]]) -> tuple[PitchModel, dict[str, Any]]:
    """Learn the pitch of voices.

    Args:
        pool: x-vectors and genders of speakers.
        contours: F0 (frames,) in Hz of each speaker's utterances; speakers without a voiced frame are left out.

    Returns:
        (model, facts: for mean and deviation the share of the variance (R2), and of that within a gender, that is
        predicted for speakers left out)

    Raises:
        DataError: fewer than 3 speakers with voiced frames.
    """
    found = [statistics(own) for own in contours]
    voiced = np.array([own.frames > 0 for own in found])
    if voiced.sum() < 3:
        raise DataError(f"{voiced.sum()} speakers of the pool have voiced frames; their pitch needs 3")
    targets = np.array([(own.mean, own.deviation) for own in found])[voiced]
    vectors = pool.vectors[voiced].astype(np.float64)
    women = np.array([gender == "f" for gender in pool.genders])[voiced]
    groups = [rows for rows in (np.flatnonzero(women), np.flatnonzero(~women)) if len(rows)]
    x, y, share = vectors.copy(), targets.copy(), np.empty(len(vectors))
    for rows in groups:
        x[rows] -= x[rows].mean(0)
        y[rows] -= y[rows].mean(0)
        share[rows] = 1 / len(rows)
    fits = [_ridge(x, y[:, [column]], share) for column in range(2)]
    weight = np.hstack([one[0] for one in fits])
    left_out = np.hstack([one[1] for one in fits])
    bias = np.stack([targets[rows].mean(0) - vectors[rows].mean(0) @ weight for rows in groups])
    if len(groups) == 1:
        bias = np.repeat(bias, 2, axis=0)
    model = PitchModel(weight, bias, left_out.T @ left_out / len(left_out), targets.min(0), targets.max(0))
    error = (left_out**2).sum(0)
    overall = 1 - error / np.maximum(((targets - targets.mean(0)) ** 2).sum(0), 1e-30)
    within = 1 - error / np.maximum((y**2).sum(0), 1e-30)
    names = ("mean", "deviation")
    facts = {f"r2_{name}": round(float(value), 3) for name, value in zip(names, overall, strict=True)}
    facts |= {f"r2_{name}_within_gender": round(float(value), 3) for name, value in zip(names, within, strict=True)}
    return model, facts


def _ridge(x: np.ndarray, y: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The linear law with the L2 penalty that predicts left-out rows best (in closed form, no refits).

    Args:
        x, y: (rows, n), (rows, 1), means of their groups taken off.
        share: (rows,), 1 / size of the row's group, what it had in the group's mean.

    Returns:
        (weight (n, 1), errors (rows, 1) of the rows when left out)
    """
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    projected = u.T @ y
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for ridge in np.mean(s**2) * 10.0 ** np.arange(-4, 6, 0.5):
        shrink = s**2 / (s**2 + ridge)
        leverage = np.minimum((u**2 * shrink).sum(1) + share, 1 - 1e-6)
        left_out = (y - u @ (shrink[:, None] * projected)) / (1 - leverage)[:, None]
        error = float((left_out**2).sum())
        if best is None or error < best[0]:
            best = error, vt.T @ ((s / (s**2 + ridge))[:, None] * projected), left_out
    assert best is not None
    return best[1], best[2]


def refit(folder: Path) -> str:
    """The hint for a generator of pseudo-speakers that is missing or of no use: what ./run.sh is to do again."""
    fit = f"--system {folder.name} --stage fit --stop-stage fit --force"
    return f"run the ./run.sh command again that trained the models, with {fit}"


def load(folder: Path) -> PitchModel | None:
    """The model that stage `fit` left in `folder`; None if it learned no pitch. DataError if it is damaged."""
    path = folder / FILE
    try:
        arrays = read_npz(path, refit(folder))
    except FileNotFoundError:
        return None
    try:
        check_shapes(arrays, SHAPES)
    except ValueError as error:
        raise DataError(f"{path}: not a model of pitch: {error}", refit(folder)) from None
    return PitchModel(**arrays)
