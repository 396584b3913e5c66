"""Runs of phones, the duration formula and the frames that fill it, by hand; the predictors' model dirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from pseudovox.anonymize.knnvc.phones import Predictors, merged, new_durations, runs, source_frames
from pseudovox.core.errors import DataError
from pseudovox.models import store


def test_all_kinds_of_silence_are_one() -> None:
    assert [merged(label) for label in ("SIL", "sp", "SPN", "", "AA", "s")] == ["sil"] * 4 + ["AA", "s"]


def test_runs() -> None:
    labels, frames = runs(np.array([0, 0, 3, 3, 3, 1, 3]))
    assert labels.tolist() == [0, 3, 1, 3] and frames.tolist() == [2, 3, 1, 1]
    assert [len(part) for part in runs(np.array([], np.int64))] == [0, 0]


def test_durations_are_mixed_rounded_and_never_zero() -> None:
    # 0.7 * 5 + 0.3 * 10 = 6.5 -> 6 (the even one); 0.7 * -3 + 0.3 * 1 = -1.8 -> 1; 0.7 * 2.2 + 0.3 * 4 = 2.74 -> 3
    found = new_durations(np.array([5.0, -3.0, 2.2]), np.array([10, 1, 4]), 0.7)
    assert found.tolist() == [6, 1, 3]
    assert new_durations(np.array([9.0, 9.0]), np.array([3, 1]), 0.0).tolist() == [3, 1]
    assert new_durations(np.array([8.6, 2.4]), np.array([3, 1]), 1.0).tolist() == [9, 2]


def test_frames_of_a_run_are_evenly_spread() -> None:
    # Runs of 4, 3 and 2 frames, that get 6, 2 and 1: 0 + floor(j * 3 / 5), 4 + j * 2, 7.
    assert source_frames(np.array([4, 3, 2]), np.array([6, 2, 1])).tolist() == [0, 0, 1, 1, 2, 3, 4, 6, 7]


@given(some.lists(some.tuples(some.integers(1, 9), some.integers(1, 9)), min_size=1, max_size=5))
def test_frames_stay_in_their_runs(pairs: list[tuple[int, int]]) -> None:
    actual, durations = (np.array(column) for column in zip(*pairs, strict=True))
    found = source_frames(actual, durations)
    first = np.cumsum(actual) - actual
    for own, start, length in zip(np.split(found, np.cumsum(durations)[:-1]), first, actual, strict=True):
        assert own[0] == start and (own < start + length).all() and (np.diff(own) >= 0).all()
        assert len(own) == 1 or own[-1] == start + length - 1
    assert source_frames(actual, actual).tolist() == list(range(actual.sum()))


def predictors_in(folder: Path, durations_shift: float = 0.02) -> tuple[Path, Path]:
    torch.manual_seed(1)
    names = ["sil", "AA", "S"]
    for kind, own, shift in (
        ("phone_predictor", {"inputs": 4}, 0.02), ("duration_predictor", {}, durations_shift),
    ):  # fmt: skip
        hyperparameters = {"phones": 3, "hidden": 8, "dropout": 0.5, **own}
        facts = {"phones": names, "frame_shift": shift, "offset": 0.01, "features": "bottleneck", "layer": 0}
        store.save(
            folder / kind, store.build(kind, hyperparameters), kind=kind, hyperparameters=hyperparameters, facts=facts
        )
    return folder / "phone_predictor", folder / "duration_predictor"


def test_predictions_do_not_depend_on_what_is_asked_together(tmp_path: Path) -> None:
    found = Predictors(*predictors_in(tmp_path))
    sequences = [np.array([0, 1, 2, 1]), np.array([2]), np.array([1, 2])]
    together = found.durations(sequences)
    for sequence, own in zip(sequences, together, strict=True):
        np.testing.assert_allclose(own, found.durations([sequence])[0], atol=1e-6)
    labels = found.labels(np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32))
    assert labels.shape == (9,) and set(labels.tolist()) <= {0, 1, 2}


def test_predictors_of_other_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its frame_shift are not those of"):
        Predictors(*predictors_in(tmp_path, 0.01))
