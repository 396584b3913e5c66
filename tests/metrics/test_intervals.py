"""Intervals over speakers: resamples by hand, runs of trials, the width of intervals, edges."""

import numpy as np
import pytest

from pseudovox.metrics import intervals
from pseudovox.metrics.intervals import TrialList, bootstrap_intervals, resampled_metrics
from pseudovox.metrics.privacy import METRICS, metrics_of, privacy_metrics
from pseudovox.metrics.ranking import rank


def simulated(speakers: int, utterances: int, seed: int, effect: float = 0.4) -> TrialList:
    """Every speaker enrolled, every utterance tried; scores with effects of both sides' speakers."""
    draw = np.random.default_rng(seed)
    enrolled, tested, _ = np.meshgrid(np.arange(speakers), np.arange(speakers), np.arange(utterances), indexing="ij")
    scores = effect * (draw.standard_normal(speakers)[enrolled] + draw.standard_normal(speakers)[tested])
    scores += draw.standard_normal(enrolled.shape) + 1.5 * (enrolled == tested)
    return TrialList(scores.ravel(), (enrolled == tested).ravel(), enrolled.ravel(), tested.ravel())


class Drawn:
    """Stands for a generator that draws these counts."""

    def __init__(self, *counts: list[int]) -> None:
        self.counts = np.array(counts)

    def multinomial(self, *_: object, size: int) -> np.ndarray:
        return self.counts[:size]


def test_a_resample_is_the_list_of_what_was_drawn() -> None:
    trials = simulated(4, 3, seed=1)
    drawn = [2, 0, 1, 1]
    (found,) = resampled_metrics(trials, Drawn(drawn), replicates=1, allow_few=True)  # type: ignore[arg-type]
    # Copies 0a and 0b of speaker 0, and 2 and 3; copies of one speaker are not tried against each other.
    copies = [0, 0, 2, 3]
    target, nontarget = [], []
    for place, one in enumerate(copies):
        for other_place, other in enumerate(copies):
            scores = trials.scores[(trials.enrolled == one) & (trials.tested == other)]
            if place == other_place:
                target += list(scores)
            elif one != other:
                nontarget += list(scores)
    expected = privacy_metrics(np.array(target), np.array(nontarget), allow_few=True)
    for name in set(METRICS) - {"linkability"}:  # whose bins stay those of the whole list
        assert found[name] == pytest.approx(expected[name], abs=1e-4 if name == "eer" else 1e-9), name


@pytest.mark.parametrize("like", ["", "vpc2024"])
def test_the_list_itself_is_a_resample(like: str) -> None:
    trials = simulated(5, 6, seed=2)
    (found,) = resampled_metrics(trials, Drawn([1] * 5), replicates=1, like=like)  # type: ignore[arg-type]
    expected = metrics_of(rank(trials.scores[trials.target], trials.scores[~trials.target]), like=like)
    for name in METRICS:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


def test_runs_change_the_eer_by_less_than_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = simulated(6, 20, seed=3)
    exact = list(resampled_metrics(trials, np.random.default_rng(1), replicates=30))
    monkeypatch.setattr(intervals, "MERGE_ABOVE", 50)
    merged = list(resampled_metrics(trials, np.random.default_rng(1), replicates=30))
    for one, other in zip(exact, merged, strict=True):
        for name in METRICS:
            tolerance = 100 * 4 / 120 if name == "eer" else 1e-9  # a target drawn four times, of 120
            assert one[name] == pytest.approx(other[name], abs=tolerance), name


@pytest.mark.parametrize("shift", [0.3, 1.5, 4.0])
def test_steps_of_many_trials_change_little(monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    trials = simulated(12, 600, seed=7)
    moved = TrialList(trials.scores + (shift - 1.5) * trials.target, trials.target, trials.enrolled, trials.tested)
    steps = list(resampled_metrics(moved, np.random.default_rng(1), replicates=25))
    monkeypatch.setattr(intervals, "MERGE_ABOVE", 10**6)
    exact = list(resampled_metrics(moved, np.random.default_rng(1), replicates=25))
    tolerances = {
        "eer": 0.1, "rocch_eer": 0.1, "min_cllr": 5e-4, "min_dcf": 2e-3, "zebra_population": 5e-4,
        "zebra_individual": 0.01, "cllr": 1e-12, "linkability": 1e-12,
    }  # fmt: skip
    for one, other in zip(steps, exact, strict=True):
        for name, tolerance in tolerances.items():
            assert one[name] == pytest.approx(other[name], abs=tolerance), name


def test_steps_of_many_trials_are_as_large_as_stated() -> None:
    draw = np.random.default_rng(1)
    ranking = rank(draw.standard_normal(20_000) + 1.0, draw.standard_normal(60_000))
    starts = intervals._step_starts(ranking, np.array([0]))
    assert starts.sum() < 6000
    places = np.flatnonzero(starts)
    targets, nontargets = (np.add.reduceat(kind, places) for kind in (ranking.targets, ranking.nontargets))
    mixed = (targets > 0) & (nontargets > 0)
    for kind in (targets, nontargets):
        before = np.append(0.0, np.cumsum(kind)[:-1])
        nearer = np.minimum(before + kind, kind.sum() - before)  # to the nearer end, with the step's own
        assert (kind[mixed] <= np.maximum(1.0, 2.05 * nearer[mixed] / intervals.GRAIN)).all()


@pytest.mark.parametrize(
    "ends", [[0.0], [-np.inf, 0.0, np.inf], [-1e308, 0.5, 1e308], [0.0, 5e-324, 1e-300], [2.0, 3.0]]
)
def test_places_are_those_of_a_search(ends: list[float]) -> None:
    draw = np.random.default_rng(1)
    scores = np.concatenate(
        [draw.standard_normal(500), ends, np.nextafter(ends, 9), [-np.inf, np.inf, 0.0, -0.0, 1e308]]
    )
    for found in (np.array(ends), np.sort(draw.standard_normal(300)), np.unique(scores)):
        assert intervals._places(found, scores).tolist() == np.searchsorted(found, scores, side="right").tolist()


@pytest.mark.parametrize("largest", [1, 2**25])
def test_tables_dense_and_sparse_give_the_same(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    trials = simulated(6, 20, seed=8)
    expected = list(resampled_metrics(trials, np.random.default_rng(1), replicates=20))
    monkeypatch.setattr(intervals, "DENSE_CELLS", largest)
    monkeypatch.setattr(intervals, "DENSE_FROM", 1e-6)
    assert list(resampled_metrics(trials, np.random.default_rng(1), replicates=20)) == expected
    monkeypatch.setattr(intervals, "FLOAT32_EXACT", 0)  # all in float64
    assert list(resampled_metrics(trials, np.random.default_rng(1), replicates=20)) == expected


def test_intervals_are_seeded_and_hold_the_figure() -> None:
    trials = simulated(8, 6, seed=4)
    found = bootstrap_intervals(trials, np.random.default_rng(2), replicates=100)
    assert found == bootstrap_intervals(trials, np.random.default_rng(2), replicates=100)
    figures = privacy_metrics(trials.scores[trials.target], trials.scores[~trials.target])
    assert set(found) == set(METRICS)
    for name, (low, high) in found.items():
        assert low <= figures[name] <= high, name
        assert METRICS[name].range[0] <= low and high <= METRICS[name].range[1], name


def test_intervals_are_as_wide_as_the_figures_vary() -> None:
    many = [simulated(15, 4, seed=seed) for seed in range(30)]
    figures = [privacy_metrics(trials.scores[trials.target], trials.scores[~trials.target]) for trials in many]
    resamples = [list(resampled_metrics(trials, np.random.default_rng(0), replicates=40)) for trials in many[:10]]
    for name in ("eer", "cllr", "min_cllr", "linkability"):
        spread = np.std([found[name] for found in figures])
        estimate = np.mean([np.std([found[name] for found in own]) for own in resamples])
        assert 0.6 < estimate / spread < 1.5, name


def test_separated_speakers_leave_no_width() -> None:
    trials = simulated(4, 6, seed=5)
    apart = TrialList(trials.scores + 100.0 * trials.target, trials.target, trials.enrolled, trials.tested)
    assert bootstrap_intervals(apart, np.random.default_rng(1), replicates=50)["eer"] == (0.0, 0.0)


def test_one_speaker_has_no_interval() -> None:
    zeros = np.zeros(4, int)
    one = TrialList(np.arange(4.0), np.array([False, True, False, True]), zeros, zeros)
    assert bootstrap_intervals(one, np.random.default_rng(0), allow_few=True) == {}


def test_resamples_without_both_kinds_are_left_out() -> None:
    # Only speaker 0 has a target trial, so resamples without it are none.
    trials = TrialList(
        np.array([2.0, 0.0, 1.0]), np.array([True, False, False]), np.array([0, 0, 1]), np.array([0, 1, 0])
    )
    draws = Drawn([0, 2], [2, 0], [1, 1])
    assert len(list(resampled_metrics(trials, draws, replicates=3, allow_few=True))) == 1  # type: ignore[arg-type]


def test_infinite_costs() -> None:
    trials = simulated(5, 6, seed=6)
    scores = trials.scores.copy()
    scores[np.flatnonzero(trials.target)[0]] = -np.inf
    found = bootstrap_intervals(
        TrialList(scores, trials.target, trials.enrolled, trials.tested), np.random.default_rng(1), replicates=60
    )
    assert np.isfinite(found["cllr"][0]) and found["cllr"][1] == np.inf  # the trial is not in every resample
    assert np.isfinite(found["min_cllr"]).all()
