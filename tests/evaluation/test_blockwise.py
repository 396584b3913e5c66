"""Counted cosines are the cosines, rounded; whatever the block."""

import numpy as np
import pytest

from pseudovox.evaluation.blockwise import STEPS, rank_cosines
from pseudovox.metrics.privacy import metrics_of, privacy_metrics

MODELS, TESTS = np.random.default_rng(1).standard_normal((2, 40, 8))
OF_MODELS, OF_TESTS = [f"s{n % 20}" for n in range(40)], [f"s{n % 25}" for n in range(40)]


def test_metrics_are_those_of_the_scores() -> None:
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (MODELS, TESTS)]
    cosines = unit[1] @ unit[0].T
    target = np.array([[one == other for one in OF_MODELS] for other in OF_TESTS])
    expected = privacy_metrics(cosines[target], cosines[~target])
    ranking = rank_cosines(MODELS, OF_MODELS, TESTS, OF_TESTS)
    found = metrics_of(ranking)
    assert (found["n_target"], found["n_nontarget"]) == (expected["n_target"], expected["n_nontarget"])
    assert found["eer"] == expected["eer"] and found["min_cllr"] == pytest.approx(expected["min_cllr"])
    assert found["cllr"] == pytest.approx(expected["cllr"], abs=2 / STEPS)


def test_blocks_change_nothing() -> None:
    whole = rank_cosines(MODELS, OF_MODELS, TESTS, OF_TESTS)
    for block in (1, 90):
        part = rank_cosines(MODELS, OF_MODELS, TESTS, OF_TESTS, block=block)
        assert (
            np.abs(
                np.repeat(part.scores, (part.targets + part.nontargets).astype(int))
                - np.repeat(whole.scores, (whole.targets + whole.nontargets).astype(int))
            ).max()
            <= 1 / STEPS
        )
        assert part.target_total == whole.target_total


def test_the_same_vector_has_cosine_one() -> None:
    found = rank_cosines(np.array([[3.0, 4.0], [4.0, -3.0]]), ["a", "b"], np.array([[0.3, 0.4]]), ["a"])
    assert found.scores.tolist() == [0, 1] and found.targets.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("models", "speakers", "message"),
    [
        (np.zeros((1, 2)), ["a"], "length 0"),
        (np.full((1, 2), np.nan), ["a"], "not finite"),
        (np.ones((1, 3)), ["a"], "one dimension"),
        (np.ones((1, 2)), ["a", "b"], "one speaker for every model"),
        (np.ones((1, 2)), ["a"], "1 target and 0 non-target"),
    ],
)
def test_bad_input(models: np.ndarray, speakers: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank_cosines(models, speakers, np.ones((1, 2)), ["a"])
