"""Diversity of voices: cosines by hand, one voice counted once, and averages that are more alike than speakers."""

import math
from pathlib import Path

import numpy as np
import pytest

from pseudovox.anonymize import diversity
from pseudovox.anonymize.diversity import Voices
from pseudovox.report import diversity as pictures


def test_cosines_by_hand() -> None:
    voices = Voices("x", "f", np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]))
    np.testing.assert_allclose(voices.cosines(), [0.0, math.sqrt(0.5), math.sqrt(0.5)], atol=1e-12)
    [row] = diversity.table([voices])
    assert row[:5] == ["x", "female", "3", "0.471", "0.333"]


def test_equal_vectors_are_one_voice() -> None:
    one, other, third = np.eye(3, dtype=np.float32)
    vectors = {"a-0": one, "a-1": one, "b-0": other, "c-0": third, "d-0": third}
    genders = {"a-0": "f", "a-1": "f", "b-0": "f", "c-0": "m", "d-0": "m"}
    [women] = diversity.gather("x", vectors, genders, 10, seed=1)
    assert (women.gender, len(women.vectors)) == ("f", 2), "one man alone is compared with nobody"
    many = {str(number): np.random.default_rng(number).standard_normal(4) for number in range(30)}
    [some] = diversity.gather("x", many, dict.fromkeys(many, "f"), 5, seed=1)
    backwards = dict(reversed(many.items()))
    assert np.array_equal(
        some.vectors, diversity.gather("x", backwards, dict.fromkeys(many, "f"), 5, seed=1)[0].vectors
    )


def test_coverage_of_the_real_voices_of_a_gender() -> None:
    draw = np.random.default_rng(0)
    real = draw.standard_normal((40, 3))
    voices = [Voices(diversity.REAL, "f", real), Voices("same", "f", real[::-1]), Voices("far", "f", real[:9] + 50)]
    rows = diversity.table([*voices, Voices("alone", "m", real)])
    assert [dict(zip(diversity.COLUMNS, row, strict=True))["recall"] for row in rows] == ["", "1.000", "0.000", ""]
    assert rows[1][-3:] == ["1.000", "1.000", "0.0"] and rows[2][-3] == "0.000" and float(rows[2][-1]) > 7000


def test_averages_are_more_alike_than_speakers() -> None:
    draw = np.random.default_rng(0)
    vectors = {str(number): draw.standard_normal(8) + 0.5 for number in range(60)}
    genders = {name: "fm"[int(name) % 2] for name in vectors}
    averages = diversity.pool_averages(vectors, genders, seed=1)
    assert list(averages) == sorted(vectors)
    means = {
        kind: np.mean([own.cosines().mean() for own in diversity.gather(kind, these, genders, 100, 1)])
        for kind, these in (("real", vectors), ("averaged", averages))
    }
    assert means["averaged"] > means["real"] + 0.1
    assert diversity.pool_averages(vectors, dict.fromkeys(vectors, "f"), seed=1) == {}


def test_density_integrates_to_one() -> None:
    values = np.random.default_rng(0).normal(0.2, 0.1, 5000)
    places = np.linspace(-1, 1.2, 500)
    found = diversity.density(values, places)
    assert found.sum() * (places[1] - places[0]) == pytest.approx(1, abs=1e-3)
    assert places[np.argmax(found)] == pytest.approx(0.2, abs=0.03)
    assert found.max() == pytest.approx(1 / (0.1 * math.sqrt(2 * math.pi)), rel=0.08)
    assert np.isfinite(diversity.density(np.full(3, 0.5), places)).all()


def test_pictures(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    voices = [Voices(kind, gender, draw.standard_normal((6, 5))) for kind in ("real speakers", "a") for gender in "fm"]
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        pictures.draw(folder, voices, seed=1)
    names = ["map.png", "map.svg", "similarity.png", "similarity.svg"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)
    (tmp_path / "c").mkdir()
    pictures.draw(tmp_path / "c", [Voices("real speakers", "f", np.eye(3)[:2])], seed=1)
    assert not (tmp_path / "c/map.svg").exists()
