"""Pitch of pseudo-speakers: a linear law is found, what it leaves open is drawn, and left-out errors are honest."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.anonymize import pseudo_pitch
from pseudovox.anonymize.pseudo_pitch import PitchModel
from pseudovox.anonymize.strategy import Pool
from pseudovox.core.errors import DataError
from pseudovox.core.npz import write_npz


def contours(pitch: np.ndarray) -> list[list[np.ndarray]]:
    """Speakers with the given (mean, deviation) of log F0, in two utterances."""
    made = []
    for mean, deviation in pitch:
        voiced = np.exp(mean + deviation * np.array([-1.0, 1.0]))
        made.append([np.concatenate([voiced, np.zeros(3)]), voiced])
    return made


def make(law: np.ndarray, noise: float, speakers: int = 80) -> tuple[Pool, np.ndarray]:
    draw = np.random.default_rng(4)
    vectors = draw.standard_normal((speakers, 6)).astype(np.float32)
    genders = tuple("fm"[number % 2] for number in range(speakers))
    level = np.array([[5.3, 0.2] if gender == "f" else [4.7, 0.15] for gender in genders])
    return Pool(vectors, genders), level + vectors @ law + noise * draw.standard_normal((speakers, 2)) * [1, 0.1]


def draw(model: PitchModel, vectors: np.ndarray, gender: str, seed: int, spread: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return model.draw_all(vectors, [gender] * len(vectors), [generator] * len(vectors), spread)


def test_a_linear_law_is_found() -> None:
    law = np.random.default_rng(1).standard_normal((6, 2)) * [0.05, 0.005]
    pool, pitch = make(law, noise=0.0)
    made = contours(pitch)
    made[4] = [np.zeros(5)]  # a speaker without a voiced frame
    model, facts = pseudo_pitch.fit(pool, made)
    assert facts["r2_mean_within_gender"] > 0.99 and facts["r2_deviation_within_gender"] > 0.99
    np.testing.assert_allclose(draw(model, pool.vectors[:1], "f", 0), pitch[:1], atol=0.01)


def test_what_the_law_leaves_open_is_drawn() -> None:
    pool, pitch = make(np.zeros((6, 2)), noise=0.15)
    model, facts = pseudo_pitch.fit(pool, contours(pitch))
    assert facts["r2_mean"] > 0.7 and abs(facts["r2_mean_within_gender"]) < 0.15
    drawn = draw(model, np.repeat(pool.vectors, 20, axis=0), "m", 0)
    men = pitch[1::2]
    np.testing.assert_allclose(drawn.mean(0), men.mean(0), atol=0.03)
    np.testing.assert_allclose(drawn.std(0), men.std(0), rtol=0.2)
    assert (drawn >= model.lowest - 1e-6).all() and (drawn <= model.highest + 1e-6).all()
    one, other = (draw(model, pool.vectors[:1], "f", seed, spread=0.0) for seed in (1, 2))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(draw(model, pool.vectors[:3], "m", 0)[:1], draw(model, pool.vectors[:1], "m", 0))


def test_left_out_errors_are_those_of_refits() -> None:
    draw = np.random.default_rng(0)
    vectors, y = draw.standard_normal((12, 4)), draw.standard_normal((12, 1))
    x, centered = vectors - vectors.mean(0), y - y.mean(0)
    weight, left_out = pseudo_pitch._ridge(x, centered, np.full(12, 1 / 12))
    # The strength that was chosen, from the normal equations (X'X + r) w = X'y.
    strength = float(np.mean((x.T @ centered - x.T @ x @ weight) / weight))
    for row in range(12):
        keep = np.arange(12) != row
        center, level = vectors[keep].mean(0), y[keep].mean(0)
        part = vectors[keep] - center
        refit = np.linalg.solve(part.T @ part + strength * np.eye(4), part.T @ (y[keep] - level))
        assert left_out[row, 0] == pytest.approx(float((y[row] - level - (vectors[row] - center) @ refit)[0]), abs=1e-8)


def test_one_gender_and_too_few() -> None:
    pool, pitch = make(np.zeros((6, 2)), noise=0.1)
    women = Pool(pool.vectors[::2], pool.genders[::2])
    model, _ = pseudo_pitch.fit(women, contours(pitch[::2]))
    np.testing.assert_array_equal(model.bias[0], model.bias[1])
    with pytest.raises(DataError, match="2 speakers of the pool"):
        pseudo_pitch.fit(Pool(pool.vectors[:2], pool.genders[:2]), contours(pitch[:2]))


def test_files(tmp_path: Path) -> None:
    assert pseudo_pitch.load(tmp_path) is None
    model = PitchModel(np.eye(2), np.ones((2, 2)), np.eye(2), np.zeros(2), np.ones(2))
    write_npz(tmp_path / pseudo_pitch.FILE, vars(model))
    loaded = pseudo_pitch.load(tmp_path)
    assert loaded is not None and np.array_equal(loaded.weight, model.weight)
    with pytest.raises(DataError, match="dimension 3"):
        draw(loaded, np.zeros((1, 3)), "f", 0)
    write_npz(tmp_path / pseudo_pitch.FILE, {"weight": np.eye(2)})
    with pytest.raises(DataError, match="not a model of pitch"):
        pseudo_pitch.load(tmp_path)
