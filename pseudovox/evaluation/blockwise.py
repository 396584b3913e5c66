"""Every test utterance against every enrolled model, in bounded memory: 10^8 cosines and more.

Cosines are never kept. Blocks of them, by matrix product, are counted in steps of 2^-20, separately for targets and
non-targets; what comes out is a `Ranking`, from which all metrics follow. They are those of cosines rounded to the
nearest step (1e-6, about what six decimals in a file of scores keep): two cosines closer than that count as tied.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pseudovox.metrics.ranking import Ranking

STEPS = 2**20  # in a cosine of 1; the counts take 32 MiB
BLOCK = 2**22  # cosines at once; about 64 MiB


def rank_cosines(
    models: np.ndarray,
    model_speakers: Sequence[str],
    tests: np.ndarray,
    test_speakers: Sequence[str],
    *,
    block: int = BLOCK,
) -> Ranking:
    """Count the cosines of all pairs of a model and a test utterance; pairs of one speaker are targets.

    Args:
        models: (models, dimension), of any length but 0.
        model_speakers: whose they are.
        tests: (tests, dimension).
        test_speakers: who speaks.
        block: cosines held at once, at most (but a test utterance against all models at least).

    Returns:
        The distinct rounded cosines and their counts.

    Raises:
        ValueError: shapes that do not fit, vectors that are 0 or not finite, no targets or no non-targets.
    """
    if models.ndim != 2 or tests.ndim != 2 or models.shape[1] != tests.shape[1]:
        raise ValueError(f"models {models.shape} and tests {tests.shape}, expected vectors of one dimension")
    if (len(models), len(tests)) != (len(model_speakers), len(test_speakers)):
        raise ValueError("expected one speaker for every model and every test utterance")
    numbers = {speaker: number for number, speaker in enumerate({*model_speakers, *test_speakers})}
    rows = np.array([numbers[speaker] for speaker in test_speakers], np.int32)
    columns = np.array([numbers[speaker] for speaker in model_speakers], np.int32)
    unit_models = np.ascontiguousarray(_unit(models).T)
    trials, targets = np.zeros(2 * STEPS + 1, np.int64), np.zeros(2 * STEPS + 1, np.int64)
    step = max(1, block // max(len(models), 1))
    for start in range(0, len(tests), step):
        cosines = _unit(tests[start : start + step]) @ unit_models
        cosines *= STEPS
        places = np.rint(cosines, out=cosines).astype(np.int32)
        places += STEPS
        np.clip(places, 0, 2 * STEPS, out=places)  # 1 + rounding error
        trials += np.bincount(places.ravel(), minlength=len(trials))
        targets += np.bincount(places[rows[start : start + step, None] == columns], minlength=len(trials))
    found = np.flatnonzero(trials)
    ranking = Ranking(
        (found - STEPS) / STEPS, targets[found].astype(np.float64), (trials - targets)[found].astype(np.float64)
    )
    if not ranking.target_total or not ranking.nontarget_total:
        raise ValueError(f"{ranking.target_total:.0f} target and {ranking.nontarget_total:.0f} non-target pairs")
    return ranking


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length one, float32."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ValueError("vectors of length 0, or not finite, have no cosine")
    return vectors / lengths
