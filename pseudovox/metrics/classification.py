"""Classification, of emotions for one: the confusion matrix and the unweighted average recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def confusion_matrix(reference: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """How many items of each class (row) were taken for each class (column), int64 (classes, classes).

    Raises:
        ValueError: lengths differ, or a label is none of `classes`.
    """
    if len(reference) != len(predicted):
        raise ValueError(f"{len(reference)} reference labels and {len(predicted)} predicted ones")
    number = {name: place for place, name in enumerate(classes)}
    unknown = sorted({*reference, *predicted} - number.keys())
    if unknown:
        raise ValueError(f"label {unknown[0]!r}, expected one of {', '.join(classes)}")
    pairs = [number[truth] * len(classes) + number[guess] for truth, guess in zip(reference, predicted, strict=True)]
    return np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), len(classes)).astype(np.int64)


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Share of each class that was recognised, in percent, (classes,); NaN for a class without items."""
    items = confusion.sum(axis=1)
    return np.where(items > 0, 100.0 * np.diag(confusion) / np.maximum(items, 1), np.nan)


def unweighted_average_recall(confusion: np.ndarray) -> float:
    """UAR: the mean of the classes' recalls, in percent; classes without items do not count.

    Guessing gives 100 / classes, however uneven they are. NaN where there are no items.
    """
    found = recalls(confusion)
    known = found[np.isfinite(found)]
    return float(known.mean()) if len(known) else float("nan")


def bootstrap_interval(
    confusions: np.ndarray, generator: np.random.Generator, *, draws: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the unweighted average recall, drawing whole speakers with replacement.

    Args:
        confusions: (speakers, classes, classes), the confusion matrix of each speaker.
        generator: where the draws come from.
        draws: how often the set is redrawn; 0 = no interval.
        level: coverage of the interval.

    Returns:
        Lower and upper end in percent; NaN, NaN below two speakers or without draws.
    """
    speakers, classes, _ = confusions.shape
    if speakers < 2 or draws < 1:
        return float("nan"), float("nan")
    picked = generator.multinomial(speakers, np.full(speakers, 1 / speakers), size=draws)
    drawn = (picked @ confusions.reshape(speakers, -1)).reshape(draws, classes, classes)
    items, right = drawn.sum(2), np.diagonal(drawn, axis1=1, axis2=2)
    known = items > 0  # a class that was not drawn does not count
    sums = np.where(known, right / np.maximum(items, 1), 0.0).sum(1)
    rates = 100.0 * sums[known.any(1)] / known.sum(1)[known.any(1)]
    if not len(rates):
        return float("nan"), float("nan")
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
