"""Means over runs."""

import pytest

from pseudovox.core.errors import UsageError
from pseudovox.records import Record
from pseudovox.report.averages import mean_wer
from pseudovox.report.runs import mean_over_runs


def record(value: float | None, metric: str = "eer", seed: int = 1) -> Record:
    details = {"seed": seed, "decoder": "lexicon"}
    return Record(
        metric, value, "%", "pca_gmm", "ignorant", "test", "f", ci_low=0.0, ci_high=99.0, n=30, details=details
    )


def test_mean_and_extremes() -> None:
    (found,) = mean_over_runs([[record(40.0)], [record(43.0, seed=2)], [record(49.0, seed=3)]])
    assert (found.value, found.ci_low, found.ci_high) == (44.0, 40.0, 49.0)
    assert (found.n, found.n_of, found.details) == (3, "runs", {"decoder": "lexicon"})


def test_what_one_run_lacks_is_left_out() -> None:
    runs = [[record(1.0), record(2.0, "wer")], [record(3.0), record(None, "wer")]]
    assert [found.metric for found in mean_over_runs(runs)] == ["eer"]


@pytest.mark.parametrize(
    ("runs", "message"), [([[record(1.0)]], "two or more"), ([[record(1.0)], [record(2.0, "wer")]], "in common")]
)
def test_nothing_to_average(runs: list[list[Record]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mean_over_runs(runs)


def test_the_mean_word_error_rate_of_several_runs() -> None:
    """Means have no counts of errors, by which the challenges' averages are pooled."""
    runs = [
        [Record("wer", value, "%", "pca_gmm", "", "test", "all", n=90, details={"insertions": 9})]
        for value in (6.0, 9.0)
    ]
    assert mean_wer(mean_over_runs(runs), "pca_gmm", "test") == 7.5
