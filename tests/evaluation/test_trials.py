"""Trials: enrolment by mean, cosines, the order of the list, errors, and the figure for the results."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.components.plda import Gaussians, Plda
from pseudovox.config import Config, Levels
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir, Origin
from pseudovox.evaluation import trials as module
from pseudovox.records import Record


def data_dir(path: str, utt2spk: dict[str, str], **lists: list[str]) -> DataDir:
    genders = dict.fromkeys(utt2spk.values(), "f")
    return DataDir(path, {"wav.scp": dict.fromkeys(utt2spk, "x"), "utt2spk": utt2spk, "spk2gender": genders}, lists)


ENROLMENT = data_dir("test_enrolls", {"a-1": "a", "a-2": "a", "a-9": "a", "b-1": "b"}, enrolls=["a-1", "a-2", "b-1"])
TRIALS = data_dir(
    "test_trials_f_sys",
    {"a-3": "a", "b-3": "b"},
    trials=["b a-3 nontarget", "a a-3 target", "a b-3 nontarget", "b b-3 target"],
)
TRIALS.system_by_name = "sys"
VECTORS = {
    "a-1": np.array([2.0, 0.0]),
    "a-2": np.array([0.0, 2.0]),
    "a-9": np.array([-9.0, -9.0]),  # no enrolment utterance
    "b-1": np.array([0.0, -3.0]),
    "a-3": np.array([4.0, 0.0]),
    "b-3": np.array([0.0, -0.5]),
}


def test_scores_by_hand() -> None:
    found = module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS)
    half = np.sqrt(0.5)  # the mean of a's two enrolment vectors lies at 45 degrees
    np.testing.assert_allclose(found.values, [0.0, half, -half, 1.0], atol=1e-6)
    assert found.target.tolist() == [False, True, False, True]
    assert [found.speakers[number] for number in found.speaker] == ["b", "a", "a", "b"]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS)
    monkeypatch.setattr(module, "BLOCK", 1)
    np.testing.assert_array_equal(module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS).values, whole.values)


def test_errors() -> None:
    with pytest.raises(DataError, match="has no trials"):
        module.score_trials(ENROLMENT, ENROLMENT, VECTORS, VECTORS)
    stranger = data_dir("t", {"a-3": "a"}, trials=["c a-3 nontarget"])
    with pytest.raises(DataError, match="speaker c has no enrolment"):
        module.score_trials(ENROLMENT, stranger, VECTORS, VECTORS)
    targets_only = data_dir("t", {"a-3": "a"}, trials=["a a-3 target"])
    with pytest.raises(DataError, match="1 target and 0 non-target"):
        figures(module.score_trials(ENROLMENT, targets_only, VECTORS, VECTORS))


def figures(scores: module.Scores, attacker: str = "ignorant", training: str = "") -> list[Record]:
    config = Config(levels=Levels(default="spk", sets={"test_trials_f": "utt"}))
    return module.records(scores, TRIALS, config, attacker=attacker, training=training, system="sys", seed=1)


def test_records() -> None:
    scores = module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS)
    found, *others = figures(scores)
    assert (found.value, found.set, found.group, found.level, found.n) == (0.0, "test", "f", "utt", 4)
    assert found.details == {"threshold": 0.0, "targets": 2, "nontargets": 2, "speakers": 2}
    assert [found, *others] == figures(scores) and found.training == ""
    ways = [figures(scores, "semi-informed", way)[0] for way in ("continued", "scratch")]
    assert ways[0].key() != ways[1].key() and ways[0].ci_low == ways[1].ci_low  # the same resamples of speakers
    by_metric = {record.metric: record for record in others}
    assert by_metric["rocch_eer"].value == by_metric["min_cllr"].value == 0
    assert "cllr" not in by_metric  # cosines are no log-likelihood ratios
    assert by_metric["linkability"].value is None  # of two targets
    assert by_metric["linkability"].details == {"undefined": "2 target trials; it needs 20"}
    assert by_metric["zebra_individual"].details == {"tag": "A"}


def test_a_set_is_what_the_data_dir_says() -> None:
    """As that of the original, also where no name says which part of it are trials."""
    scores = module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS)
    config = Config(levels=Levels(default="spk", sets={"eval": "utt"}))
    for name, origin in (
        ("eval", None),
        ("eval_sys", Origin("eval", "eval", "sys")),
        ("any", Origin("eval", "eval", "sys")),
    ):
        trials = DataDir(name, TRIALS.tables, TRIALS.lists, origin=origin)
        found = module.records(scores, trials, config, attacker="ignorant", system="sys", seed=1)
        assert {(record.set, record.level) for record in found} == {("eval", "utt")}


def test_lists_of_one_set_and_gender_are_told_apart_first() -> None:
    one, other = (DataDir(name, TRIALS.tables, TRIALS.lists, origin=Origin(name, "eval")) for name in ("a", "b"))
    with pytest.raises(DataError, match="a and b: both give the figures of set eval, speakers f") as raised:
        module.check_apart([one, other])
    assert "another `set` in b/origin" in raised.value.hint
    other.own_origin = Origin("b", "evening")  # the hint, obeyed
    module.check_apart([one, other])


def test_speakers_without_a_gender_are_one_group() -> None:
    scores = module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS)
    tables = {name: table for name, table in TRIALS.tables.items() if name != "spk2gender"}
    trials = DataDir(TRIALS.path, tables, TRIALS.lists)
    found = module.records(scores, trials, Config(), attacker="ignorant", system="sys", seed=1)
    assert {record.group for record in found} == {"all"}


def test_plda_scores_with_the_count_of_enrolment_utterances() -> None:
    backend = Plda(np.zeros(2), np.eye(2), Gaussians(np.zeros(2), np.eye(2), np.eye(2)))
    found = module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS, backend)
    one, two = (backend.scorer(np.array([[1.0, 1.0]]), np.array([n]))(VECTORS["a-3"][None])[0, 0] for n in (1, 2))
    assert found.values[1] == pytest.approx(two) and two != pytest.approx(one)
    assert "cllr" in {record.metric for record in figures(found)}


def test_a_centre_is_taken_off_before_cosines() -> None:
    centre = module.centre_of([{"x": np.array([2.0, 0.0]), "y": np.array([0.0, 3.0])}, {"z": np.array([1.0, 0.0])}])
    np.testing.assert_allclose(centre, [1.0, 1.0])
    models, tests = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([[2.0, 2.0]])
    found = module.Cosine(centre).scorer(models, np.ones(2))(tests)
    np.testing.assert_allclose(found, [[np.sqrt(0.5), np.sqrt(0.5)]])
    plain = module.Cosine().scorer(models, np.ones(2))(tests)
    np.testing.assert_allclose(plain, [[4 / np.sqrt(20), 3 / np.sqrt(10)]])


def test_scores_file(tmp_path: Path) -> None:
    module.write_scores(tmp_path / "pair", TRIALS, module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS))
    lines = (tmp_path / "pair/scores").read_text().splitlines()
    assert lines[1] == "a a-3 0.707107" and len(lines) == 4
