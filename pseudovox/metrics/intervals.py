"""Confidence intervals of privacy metrics: a bootstrap over speakers, on both sides of the trials.

Trials are not independent: those of one speaker stand or fall together, whether the speaker is enrolled or tested. So
speakers are drawn with replacement, each with its enrolment and its test speech; what was drawn is tried against each
other. A speaker drawn m times brings its target trials m times, and its non-target trials against a speaker drawn k
times m * k times; copies of one speaker are not tried against each other (as non-targets they would be mislabelled).
This is the bootstrap of the vertices of a graph (Snijders and Borgatti 1999), whose edges are the trials.

The sort is done once; a resample is the same ranking with other counts, in fewer steps where there are many trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pseudovox.metrics import calibration, linkability
from pseudovox.metrics.privacy import METRICS, metrics_of
from pseudovox.metrics.ranking import Ranking, rank

MERGE_ABOVE = 4096  # trials of a kind; where there are more, runs of them in the ranking become one step
GRAIN = 256  # where there are more of both kinds, a step that holds both is about 1/GRAIN of each to the nearer end
GRID = 2**16  # cells of the grid by which a score's step is looked up
CELLS = 2**21  # numbers in a block of resamples, which stays in the processor's cache or near it
DENSE_CELLS = 2**25  # numbers in a table of trials by step and pair of speakers, at most,
DENSE_FROM = 1 / 32  # and trials for each of them, at least; else it is kept as a sparse one
FLOAT32_EXACT = 2**24  # whole numbers up to it are exact in float32


@dataclass(frozen=True)
class TrialList:
    """Scored trials and their speakers.

    Attributes:
        scores: (trials,); higher speaks for a target.
        target: bool (trials,).
        enrolled, tested: int (trials,), the speakers of both sides, by one numbering.
    """

    scores: np.ndarray
    target: np.ndarray
    enrolled: np.ndarray
    tested: np.ndarray


def bootstrap_intervals(
    trials: TrialList,
    generator: np.random.Generator,
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    like: str = "",
    allow_few: bool = False,
    ranking: Ranking | None = None,
    figures: Mapping[str, float] | None = None,
) -> dict[str, tuple[float, float]]:
    """Intervals of the metrics of `privacy.METRICS`, each (lower, upper); none below two speakers.

    They are the quantiles of the resamples, moved by a constant so that the resamples' median falls on the figure
    itself, and cut to the metric's range. A resample holds trials several times, which PAV and histograms take for
    structure: of 139 simulated lists of 29 speakers, intervals of min Cllr held the true value in 86 % without the
    move, in 94 % with it (benchmarks/metrics.py coverage simulates another hundred).

    The bins of linkability stay those of the whole list. Resamples without a target or without a non-target are left
    out. Scores are compared as they are, not as float32. Where a list has more than MERGE_ABOVE trials of a kind, the
    EER of a resample may be off by half of one such trial's share. Where it has more of both, a resample is counted in
    some thousand steps (`_cell_starts`): Cllr and linkability stay exact; in simulated lists both EERs were off by less
    than 0.1 percentage points, min Cllr and the population disclosure by less than 0.0005 bit, min DCF by less than
    0.002, and the individual disclosure by less than 0.01 decades.

    Args:
        trials: the list.
        generator: draws the speakers.
        replicates: resamples.
        confidence: coverage aimed at.
        like, allow_few: see `privacy.privacy_metrics`.
        ranking, figures: the list ranked (in float64), and its metrics, where they are known already.
    """
    ranking = ranking or ranked(trials)
    figures = figures or metrics_of(ranking, like=like, allow_few=allow_few)
    found: dict[str, list[float]] = {name: [] for name in METRICS}
    options: dict[str, Any] = {"replicates": replicates, "like": like, "allow_few": allow_few}
    for values in resampled_metrics(trials, generator, ranking=ranking, **options):
        for name, value in values.items():
            found[name].append(value)
    return {
        name: _interval(np.array(values), figures[name], METRICS[name].range, confidence)
        for name, values in found.items()
        if values
    }


def ranked(trials: TrialList) -> Ranking:
    """The trials of a list ranked by score."""
    target = np.asarray(trials.target, bool)
    return rank(trials.scores[target], trials.scores[~target])


def distinct_speakers(trials: TrialList) -> np.ndarray:
    """The numbers of all speakers of either side, ascending."""
    return np.union1d(_distinct(trials.enrolled)[0], _distinct(trials.tested)[0])


def _interval(
    resampled: np.ndarray, figure: float, limits: tuple[float, float], confidence: float
) -> tuple[float, float]:
    tails = [(1 - confidence) / 2, 0.5, (1 + confidence) / 2]
    # Of two neighbouring resamples the nearer one: a value between them would be NaN where one is infinite.
    low, middle, high = np.quantile(resampled, tails, method="nearest")
    moved = figure - middle if np.isfinite(figure) and np.isfinite(middle) else 0.0
    low, high = np.clip([low + moved, high + moved], *limits)
    return float(low), float(high)


def resampled_metrics(
    trials: TrialList,
    generator: np.random.Generator,
    *,
    replicates: int = 1000,
    like: str = "",
    allow_few: bool = False,
    ranking: Ranking | None = None,
) -> Iterator[dict[str, float]]:
    """The metrics of each resample (of those that hold trials of both kinds); none below two speakers."""
    known = distinct_speakers(trials)
    speakers = len(known)
    if speakers < 2:
        return
    enrolled, tested = np.searchsorted(known, trials.enrolled), np.searchsorted(known, trials.tested)
    scores, target = np.asarray(trials.scores, np.float64), np.asarray(trials.target, bool)
    ranking = ranking or ranked(trials)
    edges = linkability.bin_edges(ranking, allow_few=allow_few or bool(like))
    starts = (
        np.ones(len(ranking.scores), bool) if like else _step_starts(ranking, linkability.bin_starts(ranking, edges))
    )
    step_scores = ranking.scores[starts]
    steps = _places(step_scores, scores) - 1
    bins = np.append(0, np.searchsorted(step_scores, edges[1:-1]))
    runs = ranking.target_total > MERGE_ABOVE, ranking.nontarget_total > MERGE_ABOVE
    # Trials of the same two speakers and the same kind always weigh the same, whoever of the two is enrolled.
    pairs, pair = _distinct((enrolled.astype(np.int64) * speakers + tested) * 2 + target)
    one, other, is_target = pairs // 2 // speakers, pairs // 2 % speakers, pairs % 2 == 1
    of_trials = np.empty(len(scores))
    of_trials[target] = calibration.target_costs(scores[target])
    of_trials[~target] = calibration.nontarget_costs(scores[~target])
    costs = np.bincount(pair, of_trials, len(pairs))
    both = np.minimum(one, other) * speakers + np.maximum(one, other)
    counts = [_Counts.of(kind, both, steps, pair, len(step_scores)) for kind in (is_target, ~is_target)]

    shape = len(step_scores), max(len(kind.pairs) for kind in counts)
    rows = max(1, min(replicates, CELLS // max(shape)))
    for start in range(0, replicates, rows):
        drawn = generator.multinomial(speakers, np.full(speakers, 1 / speakers), size=min(rows, replicates - start)).T
        weights = np.where((one == other)[:, None], drawn[one], drawn[one] * drawn[other]).astype(np.float64)
        targets, nontargets = (kind.weighted(weights) for kind in counts)
        for number in range(drawn.shape[1]):
            resample = Ranking(step_scores, targets[number], nontargets[number])
            totals = resample.target_total, resample.nontarget_total
            if not all(totals):
                continue
            if like:  # its definitions look at single trials
                values = metrics_of(resample, like=like)
                yield {name: values[name] for name in METRICS}
                continue
            weight = weights[:, number]
            in_bins = [
                linkability.sums_between(kind, bins) / kind.sum() for kind in (resample.targets, resample.nontargets)
            ]
            faster = {
                "eer": _eer(resample, runs),
                "cllr": _mean_cost(costs, weight, is_target, totals),
                "linkability": float(linkability.local_linkability(*in_bins) @ in_bins[0]),
            }
            yield {name: faster[name] if name in faster else METRICS[name].of(resample) for name in METRICS}


def _mean_cost(costs: np.ndarray, weight: np.ndarray, is_target: np.ndarray, totals: tuple[float, float]) -> float:
    drawn = weight > 0  # an infinite cost that was not drawn is none
    by_kind = [costs[drawn & kind] @ weight[drawn & kind] for kind in (is_target, ~is_target)]
    return float(by_kind[0] / totals[0] + by_kind[1] / totals[1]) / 2


@dataclass(frozen=True)
class _Counts:
    """How many trials of one kind each two speakers have in each step.

    Attributes:
        pairs: (columns,), for each two speakers one of the list's pairs; those the other way round are counted with it.
        table: (steps, columns), dense float32 or sparse float64.
    """

    pairs: np.ndarray
    table: Any

    @classmethod
    def of(cls, kind: np.ndarray, both: np.ndarray, steps: np.ndarray, pair: np.ndarray, step_count: int) -> _Counts:
        """Count.

        Args:
            kind: bool (pairs,), whether a pair's trials are of this kind.
            both: int (pairs,), one number for a pair of speakers and for the same the other way round.
            steps, pair: int (trials,).
            step_count: how many steps there are.
        """
        own = np.flatnonzero(kind)
        _, first, columns = np.unique(both[own], return_index=True, return_inverse=True)
        column_of = np.full(len(kind), -1)
        column_of[own] = columns
        column = column_of[pair]
        counted = column >= 0
        column, steps = column[counted], steps[counted]
        shape = step_count, len(first)
        cells = shape[0] * shape[1]
        if cells <= min(DENSE_CELLS, len(steps) / DENSE_FROM):
            table: Any = np.bincount(steps * shape[1] + column, minlength=cells).astype(np.float32).reshape(shape)
        else:
            from scipy.sparse import csr_array

            table = csr_array((np.ones(len(steps)), (steps, column)), shape=shape)
            table.sum_duplicates()
        return cls(own[first], table)

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Sums of trials by step, each of the weight of its pair: float64 (resamples, steps), exact.

        Args:
            weights: float64 whole numbers (pairs, resamples).
        """
        weights = weights[self.pairs]
        if not isinstance(self.table, np.ndarray):
            return np.ascontiguousarray(np.asarray(self.table @ weights).T)
        found = np.empty((weights.shape[1], len(self.table)))
        single, most = weights.T.astype(np.float32), weights.max(initial=0.0)
        rows = max(1, CELLS // self.table.shape[1])
        for start in range(0, len(self.table), rows):
            part = self.table[start : start + rows]
            exact = part.sum(axis=1, dtype=np.float64).max() * most <= FLOAT32_EXACT
            found[:, start : start + rows] = single @ part.T if exact else weights.T @ part.T.astype(np.float64)
        return found


def _distinct(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.unique with the inverse, without a sort if the numbers are few and not negative."""
    numbers = np.asarray(numbers)
    if not len(numbers) or numbers.min() < 0 or numbers.max() > 4 * len(numbers):
        found, inverse = np.unique(numbers, return_inverse=True)
        return found, inverse
    there = np.bincount(numbers) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def _places(ends: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """np.searchsorted(ends, scores, side="right"), quicker for many scores in any order.

    Only scores that share a cell of a grid with an end are searched for.
    """
    low, high = (np.clip(end, -1e300, 1e300) for end in ends[[0, -1]])
    scale = GRID / max(high - low, 1e-300)
    # Rounding keeps the order, so that an end in a lower cell is below a score.
    with np.errstate(over="ignore"):
        cells, of_ends = (np.clip((values - low) * scale, 0, GRID).astype(np.int64) for values in (scores, ends))
    held = np.bincount(of_ends, minlength=GRID + 1)
    found = np.cumsum(held)[cells]
    shared = np.flatnonzero(held[cells])
    found[shared] = np.searchsorted(ends, scores[shared], side="right")
    return found


def _step_starts(ranking: Ranking, bins: np.ndarray) -> np.ndarray:
    """Which scores of the ranking start a step of the resamples, bool (scores,).

    Of a kind with more than MERGE_ABOVE trials, a run without the other kind between is one step, as far as it lies in
    one bin of linkability. PAV would pool it anyway, so only the EER can tell, and `_eer` looks inside. If both kinds
    have more, neighbouring runs become one step, too (`_cell_starts`).
    """
    starts = np.ones(len(ranking.scores), bool)
    many = [counts.sum() > MERGE_ABOVE for counts in (ranking.targets, ranking.nontargets)]
    for is_many, others in zip(many, (ranking.nontargets, ranking.targets), strict=True):
        if is_many:
            pure = others == 0
            starts[1:] &= ~(pure[1:] & pure[:-1])
    of_bins = bins[bins < len(starts)]
    starts[of_bins] = True
    if all(many):
        starts &= _cell_starts(ranking, starts)
        starts[of_bins] = True
    return starts


def _cell_starts(ranking: Ranking, starts: np.ndarray) -> np.ndarray:
    """Which scores start a step if runs (from each of `starts` to the next) that are short are put together, (scores,).

    The trials of each kind are divided into cells: of GRAIN trials at either end each is one, and further in, a cell
    holds one trial of GRAIN between it and the nearer end. A step begins where one does of either kind, and a run that
    is as long as a cell is a step of its own. So low error rates are divided as finely, for their size, as high ones.
    """
    places = np.flatnonzero(starts)
    own = np.zeros(len(starts), bool)
    own[places[0]] = True
    for counts in (ranking.targets, ranking.nontargets):
        total = counts.sum()
        before = np.append(0.0, np.cumsum(np.add.reduceat(counts, places)))
        tail = np.minimum(before, total - before)
        cells = np.where(tail <= GRAIN, tail, GRAIN * (1.0 + np.log(np.maximum(tail, GRAIN) / GRAIN)))
        middle = GRAIN * (1.0 + np.log(max(total / 2.0, GRAIN) / GRAIN))
        cells = np.where(before <= total / 2.0, cells, 2.0 * middle - cells)
        long = np.diff(cells) >= 1.0
        own[places[long]] = True
        own[places[1:][np.diff(np.floor(cells[:-1])) > 0]] = True
        own[places[1:][long[:-1]]] = True
    return own


def _eer(resample: Ranking, runs: tuple[bool, bool]) -> float:
    """The EER in percent as `metrics.eer` has it, from the two thresholds around the crossing of the error rates.

    Args:
        resample: trials without float32 rounding.
        runs: whether steps of targets alone, and of non-targets alone, may be runs of many trials. Inside a run the
            other kind's rate stands still, and the EER is that rate.
    """
    targets, nontargets = resample.target_total, resample.nontarget_total
    rejected, accepted = np.cumsum(resample.targets), nontargets - np.cumsum(resample.nontargets)
    after = int(np.argmax(rejected * nontargets >= accepted * targets))
    before = max(after - 1, 0)  # accepting everything is no threshold of the metric's
    if runs[1] and not resample.targets[after]:
        return float(100.0 * rejected[after] / targets)
    if runs[0] and not resample.nontargets[after]:
        return float(100.0 * accepted[after] / nontargets)
    gaps = np.abs(accepted[[before, after]] * targets - rejected[[before, after]] * nontargets)
    best = after if gaps[1] < gaps[0] else before
    return float(50.0 * (rejected[best] / targets + accepted[best] / nontargets))
