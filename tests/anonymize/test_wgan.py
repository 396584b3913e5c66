"""WGAN-QC's losses by hand, a distribution that is learned, and draws of which none is used twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.anonymize import pseudo_speakers, wgan_training
from pseudovox.anonymize.strategy import Pool, Source
from pseudovox.anonymize.wgan import Wgan, normalisation
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.strategies.wgan import Options, Training

DRAW = np.random.default_rng(8)


def options(**own: object) -> Options:
    training = Training(cycles=3, batch_size=16, learning_rate=1e-3)
    return Options(artificial=60, tries=5, wgan=training, **own)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted() -> Wgan:
    """Artificial vectors of two genders, which the first number tells: 100 and 100, in 5 dimensions."""
    vectors = DRAW.standard_normal((200, 5)).astype(np.float32)
    vectors[:, 0] = np.where(np.arange(200) < 100, -3, 3)
    from pseudovox.anonymize.genders import GenderModel

    return Wgan(vectors, GenderModel(np.eye(5)[0], np.array(0.0)), Options(artificial=200))


# ---------------------------------------------------------------------- training
def test_regulariser_of_a_linear_critic() -> None:
    """D(x) = w.x: R = 1/2 mean (|w| / (2 sqrt K) - sqrt K / 2 |r - g|)^2, with K = 1 / dimension."""
    made, sources = torch.zeros(3, 4), torch.tensor([[2.0, 0, 0, 0], [0, 6, 0, 0], [0, 0, 0, 0]])
    gradients = torch.tensor([0.0, 3.0, 4.0, 0.0]).expand(3, 4)
    found = wgan_training.gradient_penalty(gradients, made, sources)
    # |w| / (2 / 2) = 5; half of half the distances: 0.5, 1.5, 0.
    assert float(found) == pytest.approx(0.5 * np.mean([4.5**2, 3.5**2, 5.0**2]))


def test_loss_of_a_linear_critic() -> None:
    draw = torch.Generator().manual_seed(2)
    real, made = torch.randn(6, 4, generator=draw, dtype=torch.float64), torch.randn(6, 4, generator=draw).double()
    weight = torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64)
    wanted = wgan_training.targets(real, made)
    fed = torch.linalg.norm(wanted.sources - made, dim=1)
    expected = 0.5 * ((real @ weight).mean() - wanted.real) ** 2
    expected = expected + 0.5 * ((made @ weight - wanted.generated) ** 2).mean()
    regulariser = 0.5 * ((weight.norm() - fed / 4) ** 2).mean()  # K = 1/4
    with torch.no_grad():
        expected = float(expected + 4 * 0.5 * 0.7 * regulariser)
    found = wgan_training.critic_loss(lambda vectors: vectors @ weight, real, made, gamma=0.7)
    assert float(found.detach()) == pytest.approx(expected)


def test_potential_of_a_shift_has_no_loss() -> None:
    """Where all is moved by one vector, the potential is linear, its gradient K times the move, and nothing is left."""
    draw = torch.Generator().manual_seed(1)
    made = torch.randn(8, 4, generator=draw, dtype=torch.float64)
    move = torch.tensor([0.3, -0.2, 0.1, 0.4], dtype=torch.float64)
    real = made + move
    wanted = wgan_training.targets(real, made)
    torch.testing.assert_close(wanted.sources, real)
    assert float(wgan_training.gradient_penalty((move / 4).expand(8, 4), made, wanted.sources)) == pytest.approx(0)


def test_learns_a_distribution_and_is_seeded() -> None:
    vectors = DRAW.standard_normal((256, 6)) * [1, 1, 1, 0.1, 0.1, 0.1] + [1, 0, 0, 0, 0, 0]
    training = Training(cycles=20, batch_size=32, learning_rate=3e-3)
    found = wgan_training.train(vectors, training, 500, seed=1)
    assert found.vectors.shape == (500, 6) and found.steps == 20 * 6
    assert found.distance[1] < 0.8 * found.distance[0]
    short = Training(cycles=2, batch_size=64)
    once, again, other = (wgan_training.train(vectors, short, 9, seed).vectors for seed in (1, 1, 2))
    assert np.array_equal(once, again) and not np.array_equal(once, other)


# ---------------------------------------------------------------------- draws
def sources(count: int, vector: np.ndarray, gender: str = "f") -> list[Source]:
    return [Source(vector, vector, gender)] * count


def rows(strategy: Wgan, drawn: np.ndarray) -> list[int]:
    return [int(np.flatnonzero((strategy.vectors == vector).all(1))[0]) for vector in drawn]


def test_none_is_used_twice_until_all_are(fitted: Wgan) -> None:
    asked = sources(250, np.zeros(5, np.float32))
    drawn = rows(fitted, fitted.draw_all(asked, (np.random.default_rng(seed) for seed in range(250))))
    assert sorted(drawn[:100]) == sorted(drawn[100:200]) == list(range(100)), "of the wanted gender, each once"
    assert len(set(drawn[200:])) == 50


def test_both_genders_are_refilled_by_themselves(fitted: Wgan) -> None:
    asked = [*sources(100, np.zeros(5, np.float32), "f"), *sources(100, np.zeros(5, np.float32), "m")]
    drawn = rows(fitted, fitted.draw_all(asked[::-1], (np.random.default_rng(seed) for seed in range(200))))
    assert sorted(drawn) == list(range(200))


def test_any_gender(fitted: Wgan) -> None:
    strategy = Wgan(fitted.vectors, fitted.gender, Options(combine_genders=True))
    asked = sources(200, np.zeros(5, np.float32))
    drawn = rows(strategy, strategy.draw_all(asked, (np.random.default_rng(seed) for seed in range(200))))
    assert sorted(drawn) == list(range(200))


def test_threshold(fitted: Wgan) -> None:
    vector = fitted.vectors[0]

    def cosines(largest: float, tries: int) -> np.ndarray:
        strategy = Wgan(fitted.vectors, fitted.gender, Options(largest_cosine=largest, tries=tries))
        drawn = np.stack(
            [strategy.draw(Source(vector, vector, "f"), np.random.default_rng(seed)) for seed in range(99)]
        )
        return drawn @ vector / np.linalg.norm(drawn, axis=1) / np.linalg.norm(vector)

    assert cosines(0.7, 20).max() < 0.7 < cosines(1.01, 20).max()
    # One try: whatever it is, and no more similar ones than there are.
    assert np.array_equal(cosines(0.7, 1), cosines(1.01, 1))
    # Never below -1: the last of so many tries, which is another than the first.
    assert not np.array_equal(cosines(-1.0, 20), cosines(-1.0, 1))
    order = np.random.default_rng(0).permutation(100)
    strategy = Wgan(fitted.vectors, fitted.gender, Options(largest_cosine=-1.0, tries=7))
    assert rows(strategy, strategy.draw(Source(vector, vector, "f"), np.random.default_rng(0))[None]) == [order[6]]


def test_a_data_dir_gets_each_vector_once_in_whatever_order(fitted: Wgan) -> None:
    names = [f"s{number:03d}" for number in range(90)]

    def sample(order: list[str], level: str) -> dict[str, np.ndarray]:
        tables = {"wav.scp": {f"{name}-{take}": "x" for name in order for take in "ab"}}
        tables |= {"utt2spk": {utterance: utterance[:4] for utterance in tables["wav.scp"]}}
        tables |= {"spk2gender": {name: "fm"[int(name[1:]) % 2] for name in order}}
        vectors = dict.fromkeys([*tables["wav.scp"], *order], np.ones(5, np.float32))
        data = DataDir("data/some", tables)
        return pseudo_speakers.sample(fitted, None, data, vectors, vectors, Options(), level=level, seed=1).vectors

    for level, voices in (("spk", 90), ("utt", 180)):
        found, backwards = sample(names, level), sample(names[::-1], level)
        assert len(np.unique(np.stack(list(found.values())), axis=0)) == voices
        assert all(np.array_equal(found[name], backwards[name]) for name in found)


# ---------------------------------------------------------------------- fit
def test_fit_and_files(pool: Pool, fitted: Wgan, tmp_path: Path) -> None:
    trained = Wgan.fit(pool, options(combine_genders=True), seed=1)
    assert trained.vectors.shape == (60, 10) and trained.facts()["artificial"] == 60
    for strategy in (trained, fitted):
        pseudo_speakers.save(tmp_path, strategy)
        loaded = pseudo_speakers.load(tmp_path, strategy.options)
        vectors = strategy.vectors[:20]
        asked = [Source(vector, vector, "fm"[row % 2]) for row, vector in enumerate(vectors)]
        drawn = [one.draw_all(asked, (np.random.default_rng(row) for row in range(len(asked))))
                 for one in (strategy, loaded)]  # fmt: skip
        assert np.array_equal(*drawn) and loaded.gender_of(vectors[0]) == strategy.gender_of(vectors[0])


def test_normalisation() -> None:
    vectors = np.array([[1.0, 10.0], [3.0, 10.0]])
    assert [part.tolist() for part in normalisation(vectors, "none")] == [[0.0], [1.0]]
    shift, scale = normalisation(vectors, "scalar")
    assert (vectors - shift).mean() == pytest.approx(0) and ((vectors - shift) / scale).std() == pytest.approx(1)
    assert [part.tolist() for part in normalisation(vectors, "dimension")] == [[2.0, 10.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"wgan": Training(learns="words")}, r"wgan.learns 'words': expected one of utterances, speakers"),
        ({"wgan": Training(normalise="x")}, "wgan.normalise"), ({"wgan": Training(side=12)}, "side 12"),
        ({"wgan": Training(side=0)}, "side 0"), ({"artificial": 0}, "1 or more"), ({"tries": 0}, "1 or more"),
        ({"wgan": Training(cycles=0)}, "cycles 0"), ({"wgan": Training(held_out=1.0)}, "held_out"),
        ({"wgan": Training(learning_rate=0.0)}, "learning_rate"),
    ],
)  # fmt: skip
def test_options_that_cannot_be(pool: Pool, own: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Wgan.fit(pool, Options(**own), seed=1)


def test_damaged_arrays() -> None:
    with pytest.raises(ValueError, match=r"holds other; expected vectors"):
        Wgan.restore({"vectors": np.ones((3, 2)), "other": np.ones(2)}, Options())


def test_a_gender_that_is_not_made(pool: Pool) -> None:
    with pytest.raises(DataError, match=r"artificial x-vectors are of gender [fm]; 100 are needed"):
        Wgan.fit(pool, Options(artificial=60, tries=100, wgan=Training(cycles=1, batch_size=16)), seed=1)
