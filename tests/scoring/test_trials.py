"""Trials: enrolment by mean, cosines, the order of the list, errors, and the figure for the results."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.config import Config, Levels
from pseudovox.datadir import DataDir
from pseudovox.errors import DataError
from pseudovox.scoring import trials as module


def data_dir(path: str, utt2spk: dict[str, str], **lists: list[str]) -> DataDir:
    genders = dict.fromkeys(utt2spk.values(), "f")
    return DataDir(path, {"wav.scp": dict.fromkeys(utt2spk, "x"), "utt2spk": utt2spk, "spk2gender": genders}, lists)


ENROLMENT = data_dir("test_enrolls", {"a-1": "a", "a-2": "a", "a-9": "a", "b-1": "b"}, enrolls=["a-1", "a-2", "b-1"])
TRIALS = data_dir(
    "test_trials_f_sys",
    {"a-3": "a", "b-3": "b"},
    trials=["b a-3 nontarget", "a a-3 target", "a b-3 nontarget", "b b-3 target"],
)
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
        module.evaluate(module.score_trials(ENROLMENT, targets_only, VECTORS, VECTORS), np.random.default_rng(0))


def test_record() -> None:
    scores = module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS)
    config = Config(levels=Levels(default="spk", sets={"test_trials_f": "utt"}))
    found = module.record(scores, TRIALS, config, attacker="ignorant", system="sys", seed=1)
    assert (found.value, found.set, found.group, found.level, found.n) == (0.0, "test", "f", "utt", 4)
    assert found.details == {"threshold": 0.0, "targets": 2, "nontargets": 2, "speakers": 2}
    assert found == module.record(scores, TRIALS, config, attacker="ignorant", system="sys", seed=1)
    assert found.training == ""
    ways = [
        module.record(scores, TRIALS, config, attacker="semi-informed", training=way, system="sys", seed=1)
        for way in ("continued", "scratch")
    ]
    assert ways[0].key() != ways[1].key() and ways[0].ci_low == ways[1].ci_low  # the same resamples of speakers


def test_scores_file(tmp_path: Path) -> None:
    module.write_scores(tmp_path / "pair", TRIALS, module.score_trials(ENROLMENT, TRIALS, VECTORS, VECTORS))
    lines = (tmp_path / "pair/scores").read_text().splitlines()
    assert lines[1] == "a a-3 0.707107" and len(lines) == 4
