"""Which of several ways of training the attacker counts."""

from pseudovox.records import Record
from pseudovox.report.headline import headline, means_by_training


def record(training: str, group: str, value: float | None, level: str = "spk", metric: str = "eer") -> Record:
    return Record(metric, value, "%", "vq", "semi-informed", "test", group, level, training=training)


def test_lowest_mean_counts_and_takes_its_other_metrics_along() -> None:
    records = [
        record("continued", "f", 30.0), record("continued", "m", 40.0),
        record("scratch", "f", 45.0), record("scratch", "m", 20.0),
        record("continued", "f", 0.1, metric="linkability"), record("scratch", "f", 0.2, metric="linkability"),
        Record("eer", 48.0, "%", "vq", "lazy-informed", "test", "f", "spk"),
    ]  # fmt: skip
    assert means_by_training(records) == {("vq", "test", "spk"): {"scratch": 32.5, "continued": 35.0}}
    assert [(found.metric, found.training, found.group) for found in headline(records)] == [
        ("eer", "scratch", "f"), ("eer", "scratch", "m"), ("linkability", "scratch", "f"), ("eer", "", "f"),
    ]  # fmt: skip


def test_ways_are_compared_on_the_lists_that_both_were_scored_on() -> None:
    records = [record("continued", "f", 10.0), record("scratch", "f", 9.0), record("scratch", "m", 49.0)]
    [means] = means_by_training(records).values()
    assert means == {"scratch": 9.0, "continued": 10.0}


def test_an_undefined_figure_is_no_strength() -> None:
    [means] = means_by_training([record("continued", "f", None), record("scratch", "f", 49.0)]).values()
    assert list(means) == ["scratch", "continued"]


def test_levels_are_apart() -> None:
    records = [record("continued", "f", 10.0), record("scratch", "f", 9.0), record("continued", "f", 12.0, "utt")]
    assert [(found.training, found.level) for found in headline(records)] == [("scratch", "spk"), ("continued", "utt")]
