"""Averages over the pool: who is taken, and that rows of the filtered pool never stand for rows of the whole."""

from dataclasses import replace

import numpy as np
import pytest

from pseudovox.anonymize import pool as pools
from pseudovox.anonymize.pool import PoolAverage
from pseudovox.anonymize.strategy import Pool, Source
from pseudovox.components.plda import Plda
from pseudovox.core.errors import DataError, UsageError
from pseudovox.kinds.strategies.pool import Options

OPTIONS = Options(candidates=4, averaged=4)
NEARNESS = np.array([3, 7, 0, 5, 1, 6, 2, 4, 9, 8])  # of the speakers of either gender, 0 = nearest to (1, 0, ...)


@pytest.fixture
def fan() -> Pool:
    """Women and men in turn, each gender on a quarter circle: nearness to the first axis is known."""
    angle = np.repeat(NEARNESS, 2) * 0.15
    vectors = np.stack([np.cos(angle), np.sin(angle), np.zeros(20)], axis=1)
    vectors[1::2, 2] = 0.1  # marks the men
    return Pool((vectors * np.linspace(1, 2, 20)[:, None]).astype(np.float32), ("f", "m") * 10)


def source(gender: str = "f") -> Source:
    vector = np.array([1.0, 0.0, 0.0], np.float32)
    return Source(vector, vector, gender)


def mean_of(fan: Pool, gender: str, nearness: list[int]) -> np.ndarray:
    rows = [2 * int(np.flatnonzero(NEARNESS == place)[0]) + (gender == "m") for place in nearness]
    return fan.vectors[rows].astype(np.float64).mean(0)


@pytest.mark.parametrize(("proximity", "places"), [("farthest", [6, 7, 8, 9]), ("nearest", [0, 1, 2, 3])])
@pytest.mark.parametrize("gender", ["f", "m"])
def test_all_candidates_averaged(fan: Pool, proximity: str, places: list[int], gender: str) -> None:
    strategy = PoolAverage.fit(fan, replace(OPTIONS, proximity=proximity), seed=1)
    drawn = strategy.draw(source(gender), np.random.default_rng(0))
    # The raw x-vectors are averaged, not those scaled to length one.
    np.testing.assert_allclose(drawn, mean_of(fan, gender, places), rtol=1e-6)


@pytest.mark.parametrize("proximity", pools.PROXIMITIES)
def test_rows_are_those_of_the_filtered_pool(fan: Pool, proximity: str) -> None:
    """Known fault of another implementation: rows of the gender's pool, used on the whole pool, mix genders."""
    options = replace(OPTIONS, proximity=proximity, averaged=2)
    strategy = PoolAverage.fit(fan, options, seed=1)
    for gender, mark in (("f", 0.0), ("m", 0.1)):
        for seed in range(20):
            drawn = strategy.draw(source(gender), np.random.default_rng(seed))
            assert (drawn[2] > 0) == (mark > 0)
    # And the whole pool where any gender may be taken.
    strategy = PoolAverage.fit(fan, replace(options, combine_genders=True, candidates=20, averaged=10), seed=1)
    third = np.array([strategy.draw(source(), np.random.default_rng(seed))[2] for seed in range(20)])
    assert proximity in pools.BY_CLUSTER or (third > 0).all()


def test_draws_are_of_the_candidates_without_replacement(fan: Pool) -> None:
    strategy = PoolAverage.fit(fan, replace(OPTIONS, averaged=3), seed=1)
    expected = [mean_of(fan, "f", [place for place in (6, 7, 8, 9) if place != left_out]) for left_out in (6, 7, 8, 9)]
    seen = set()
    for seed in range(40):
        drawn = strategy.draw(source(), np.random.default_rng(seed))
        seen |= {number for number, one in enumerate(expected) if np.allclose(one, drawn, rtol=1e-6)}
    assert seen == {0, 1, 2, 3}


def test_random_takes_the_whole_gender(fan: Pool) -> None:
    strategy = PoolAverage.fit(fan, replace(OPTIONS, proximity="random", averaged=10, candidates=200), seed=1)
    drawn = strategy.draw(source("m"), np.random.default_rng(0))
    np.testing.assert_allclose(drawn, mean_of(fan, "m", list(range(10))), rtol=1e-6)


def test_dense_and_sparse_clusters() -> None:
    draw = np.random.default_rng(2)
    centers = np.linalg.qr(draw.standard_normal((30, 30)))[0][:20]
    sizes = [12] * 10 + [4] * 10
    rows = np.repeat(np.arange(20), sizes)
    vectors = (centers[rows] + 0.02 * draw.standard_normal((len(rows), 30))).astype(np.float32)
    pool = Pool(vectors, ("f",) * len(rows) + ())
    options = Options(combine_genders=True)
    for proximity, expected in (("dense", set(range(10))), ("sparse", set(range(10, 20)))):
        strategy = PoolAverage.fit(pool, replace(options, proximity=proximity), seed=1)
        assert strategy.facts()["all"] == {"speakers": 160, "clusters": 20, "largest": 12, "smallest": 4}
        drawn = [strategy.draw(Source(vectors[0], vectors[0], "f"), np.random.default_rng(seed)) for seed in range(80)]
        assert {int(np.argmax(centers @ one)) for one in drawn} == expected
        loaded = PoolAverage.restore(strategy.arrays(), replace(options, proximity=proximity))
        assert np.array_equal(loaded.draw(Source(vectors[0], vectors[0], "f"), np.random.default_rng(0)), drawn[0])


def test_many_at_once_are_those_one_by_one(fan: Pool) -> None:
    strategy = PoolAverage.fit(fan, replace(OPTIONS, averaged=2), seed=1)
    sources = [source("f"), source("m"), Source(fan.vectors[9], fan.vectors[9], "f"), source("f")]
    drawn = strategy.draw_all(sources, [np.random.default_rng(number) for number in range(4)])
    one_by_one = [strategy.draw(own, np.random.default_rng(number)) for number, own in enumerate(sources)]
    assert np.array_equal(drawn, np.stack(one_by_one))


def test_shares_of_the_pool() -> None:
    options = Options(candidates=0.36, averaged=0.5)
    assert pools.counts(55, options, "f") == (20, 10)
    assert pools.counts(1, options, "f") == (1, 1)
    assert pools.counts(560, Options(), "f") == (200, 100)


def test_pool_too_small(fan: Pool) -> None:
    with pytest.raises(DataError, match=r"10 speakers \(f\).* means of 100 .* of 200 candidates") as error:
        PoolAverage.fit(fan, Options(), seed=1)
    assert "pseudo.candidates=0.36" in str(error.value)
    with pytest.raises(DataError, match=r"means of 11 \(pseudo.averaged\) of all of them"):
        PoolAverage.fit(fan, replace(OPTIONS, proximity="random", averaged=11), seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"proximity": "far"}, "proximity 'far': expected one of farthest, nearest, random, dense, sparse"),
        ({"affinity": "euclid"}, "affinity 'euclid': expected one of cosine, plda"),
        ({"candidates": 2.5}, "candidates 2.5: expected a whole number"),
        ({"averaged": 0}, "averaged 0: expected a whole number"),
    ],
)
def test_bad_options(fan: Pool, change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PoolAverage.fit(fan, replace(OPTIONS, **change), seed=1)  # type: ignore[arg-type]


def test_a_pool_of_one_voice(fan: Pool) -> None:
    with pytest.raises(DataError, match=r"all 20 speakers of the pool .* are the same"):
        PoolAverage.fit(replace(fan, vectors=np.ones_like(fan.vectors)), OPTIONS, seed=1)


def test_files(fan: Pool) -> None:
    strategy = PoolAverage.fit(fan, OPTIONS, seed=1)
    loaded = PoolAverage.restore(strategy.arrays(), OPTIONS)
    assert loaded.gender_of(fan.vectors[3]) == strategy.gender_of(fan.vectors[3])
    assert np.array_equal(*(one.draw(source(), np.random.default_rng(1)) for one in (strategy, loaded)))
    with pytest.raises(ValueError, match="women: shape"):
        PoolAverage.restore({**strategy.arrays(), "women": np.ones(3)}, OPTIONS)
    with pytest.raises(ValueError, match=r"lacks f, m"):
        PoolAverage.restore(strategy.arrays(), replace(OPTIONS, proximity="dense"))


def test_plda() -> None:
    """Who is near is decided by log-likelihood ratios, not by the angle; the back end is part of the fit."""
    draw = np.random.default_rng(0)
    speakers = np.repeat(np.arange(40), 12)
    voices = draw.standard_normal((40, 6)) * [3, 2, 1, 0.1, 0.1, 0.1]
    utterances = voices[speakers] + draw.standard_normal((480, 6)) * [0.3, 0.3, 0.3, 3, 3, 3] + 2
    means = np.stack([utterances[speakers == row].mean(0) for row in range(40)]).astype(np.float32)
    pool = Pool(means, ("f", "m") * 20, utterances.astype(np.float32), speakers)
    options = replace(OPTIONS, affinity="plda", proximity="nearest", candidates=5, averaged=5)
    strategy = PoolAverage.fit(pool, options, seed=1)
    other = utterances[0].astype(np.float32)
    drawn = strategy.draw(Source(other, other, "f"), np.random.default_rng(0))
    plda = Plda.fit(utterances, [str(row) for row in speakers], smoothing=pools.SMOOTHING)[0]
    ratios = plda.scorer(other[None], np.ones(1))(means[::2])[:, 0]
    np.testing.assert_allclose(drawn, means[::2][np.argsort(-ratios)[:5]].mean(0), rtol=1e-4)
    by_angle = PoolAverage.fit(pool, replace(options, affinity="cosine"), seed=1)
    assert not np.allclose(drawn, by_angle.draw(Source(other, other, "f"), np.random.default_rng(0)))
    loaded = PoolAverage.restore(strategy.arrays(), options)
    assert np.array_equal(loaded.draw(Source(other, other, "f"), np.random.default_rng(0)), drawn)
    with pytest.raises(DataError, match="speakers alone"):
        PoolAverage.fit(Pool(means, pool.genders), options, seed=1)
    with pytest.raises(ValueError, match="lacks"):
        PoolAverage.restore(by_angle.arrays(), options)


def test_noise_is_added_to_the_mean(fan: Pool) -> None:
    """Pseudo-speakers of NTU-NPU's system 1a: each number gets its own, of the given deviation."""
    plain = PoolAverage.fit(fan, OPTIONS, seed=1)
    noisy = PoolAverage.fit(fan, replace(OPTIONS, noise=0.075), seed=1)
    mean = plain.draw(source(), np.random.default_rng(0))
    drawn = np.stack([noisy.draw(source(), np.random.default_rng(seed)) - mean for seed in range(400)])
    assert drawn.std(0) == pytest.approx([0.075] * 3, rel=0.15) and np.abs(drawn.mean(0)).max() < 0.02
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.15
    np.testing.assert_array_equal(
        noisy.draw(source(), np.random.default_rng(7)), noisy.draw(source(), np.random.default_rng(7))
    )


def test_utterances_count_as_speakers(fan: Pool) -> None:
    """A pool of three speakers of a gender, whose utterances are averaged; and it is the same from its files."""
    few = Pool(fan.vectors[:3], ("f", "m", "f"), fan.vectors, np.array([0, 1] * 6 + [2, 1] * 4))
    options = replace(OPTIONS, of="utterances")
    strategy = PoolAverage.fit(few, options, seed=1)
    assert {gender: len(own) for gender, own in strategy.of.items()} == {"f": 10, "m": 10}
    drawn = strategy.draw(source(), np.random.default_rng(0))
    np.testing.assert_allclose(drawn, mean_of(fan, "f", [6, 7, 8, 9]), rtol=1e-6)
    again = PoolAverage.restore(strategy.arrays(), options)
    np.testing.assert_array_equal(again.draw(source(), np.random.default_rng(0)), drawn)
    with pytest.raises(DataError, match="speakers alone"):
        PoolAverage.fit(fan, options, seed=1)


@pytest.mark.parametrize("change", [{"of": "voices"}, {"noise": -1.0}])
def test_other_words_for_of_and_noise(fan: Pool, change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"pseudo\.of"):
        PoolAverage.fit(fan, replace(OPTIONS, **change), seed=1)  # type: ignore[arg-type]
