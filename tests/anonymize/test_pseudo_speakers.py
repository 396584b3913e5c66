"""Pseudo-speakers of a data dir: seeding by id, levels, genders, pitch, and files."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox import config as configuration
from pseudovox.anonymize import pseudo_speakers
from pseudovox.anonymize.own import Own
from pseudovox.anonymize.pca_gmm import PcaGmm
from pseudovox.anonymize.pseudo_pitch import PitchModel
from pseudovox.anonymize.strategy import Pool, Source
from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.core.npz import write_npz
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.strategies import own
from pseudovox.kinds.strategies.pca_gmm import Options

OPTIONS = Options(pca_size=3, gmm_size=2)


def source(gender: str = "f") -> Source:
    vector = np.ones(10, np.float32)
    return Source(vector, vector, gender)


@pytest.fixture
def data() -> DataDir:
    utt2spk = {f"{speaker}-{number}": speaker for speaker in ("a", "b") for number in range(3)}
    tables = {"wav.scp": dict.fromkeys(utt2spk, "x.wav"), "utt2spk": utt2spk, "spk2gender": {"a": "f", "b": "m"}}
    return DataDir("data/test_trials_f", tables)


def sampled(data: DataDir, pool: Pool, level: str = "spk", seed: int = 1, **options: object) -> pseudo_speakers.Sampled:
    options = options if "strategy" in options else {"pca_size": 3, "gmm_size": 2, **options}
    chosen = configuration.load(None, [f"pseudo.{key}={value}" for key, value in options.items()]).pseudo
    strategy = chosen.load().fit(pool, chosen, 1)
    utterances = {utterance: np.full(10, float(number), np.float32) for number, utterance in enumerate(data.utterances)}
    speakers = {speaker: np.full(10, 50.0, np.float32) for speaker in data.speakers}
    return pseudo_speakers.sample(strategy, None, data, utterances, speakers, chosen, level=level, seed=seed)


def test_levels(data: DataDir, pool: Pool) -> None:
    by_speaker, by_utterance = sampled(data, pool), sampled(data, pool, "utt")
    assert (by_speaker.drawn, by_utterance.drawn) == (2, 6)
    assert np.array_equal(by_speaker.vectors["a-0"], by_speaker.vectors["a-2"])
    assert not np.array_equal(by_utterance.vectors["a-0"], by_utterance.vectors["a-2"])


def test_draws_depend_on_seed_set_and_id_alone(data: DataDir, pool: Pool) -> None:
    whole = sampled(data, pool, "utt")
    part = sampled(data.subset(["b-1", "a-2"]), pool, "utt")
    assert all(np.array_equal(vector, whole.vectors[utterance]) for utterance, vector in part.vectors.items())
    other_set = sampled(data.subset(data.utterances, "data/test_enrolls"), pool, "utt")
    assert not np.array_equal(other_set.vectors["a-0"], whole.vectors["a-0"])
    assert not np.array_equal(sampled(data, pool, "utt", seed=2).vectors["a-0"], whole.vectors["a-0"])


def test_cross_gender(data: DataDir, pool: Pool) -> None:
    found = sampled(data, pool, cross_gender=True)
    assert found.genders == {"a": "m", "b": "f"}
    assert np.linalg.norm(found.vectors["a-0"] - pool.of("m").mean(0)) < 6
    assert sampled(data, pool).genders == {"a": "f", "b": "m"}


def test_pitch_goes_with_the_pseudo_speaker(data: DataDir, pool: Pool) -> None:
    law = PitchModel(
        np.zeros((10, 2)), np.array([[5.3, 0.2], [4.8, 0.2]]), np.diag([0.04, 0.0]), np.zeros(2), np.full(2, 9)
    )
    strategy = PcaGmm.fit(pool, OPTIONS, seed=1)
    vectors = dict.fromkeys([*data.utterances, *data.speakers], np.ones(10, np.float32))
    spread = {}
    for level in ("spk", "utt"):
        found = pseudo_speakers.sample(strategy, law, data, vectors, vectors, OPTIONS, level=level, seed=1)
        assert abs(found.pitches["a-0"][0] - 5.3) < 0.8 and abs(found.pitches["b-0"][0] - 4.8) < 0.8
        spread[level] = {float(found.pitches[f"a-{number}"][0]) for number in range(3)}
    assert (len(spread["spk"]), len(spread["utt"])) == (1, 3)


def test_own_is_the_control(data: DataDir, pool: Pool) -> None:
    assert np.array_equal(sampled(data, pool, strategy="own").vectors["b-0"], np.full(10, 50.0))
    assert np.array_equal(sampled(data, pool, "utt", strategy="own").vectors["b-0"], np.full(10, 3.0))


def test_files_give_the_same_draws(pool: Pool, tmp_path: Path) -> None:
    fitted = PcaGmm.fit(pool, OPTIONS, seed=1)
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        pseudo_speakers.save(folder, fitted)
    assert (tmp_path / "a/pseudo.npz").read_bytes() == (tmp_path / "b/pseudo.npz").read_bytes()
    loaded = pseudo_speakers.load(tmp_path / "a", OPTIONS)
    drawn = [strategy.draw(source(), np.random.default_rng(5)) for strategy in (fitted, loaded)]
    assert np.array_equal(*drawn)


def test_load_errors(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError):
        pseudo_speakers.load(tmp_path, OPTIONS)
    with pytest.raises(UsageError, match=r"pseudo.strategy 'poll': expected one of own, pca_gmm, pool"):
        configuration.load(None, ["pseudo.strategy=poll"])
    with pytest.raises(UsageError, match="--generator"):
        pseudo_speakers.load(None, OPTIONS)
    assert isinstance(pseudo_speakers.load(None, own.Options()), Own)
    pseudo_speakers.save(tmp_path, PcaGmm.fit(pool, OPTIONS, seed=1))
    (tmp_path / "pseudo.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError, match=r"pseudo\.npz: cannot be read"):
        pseudo_speakers.load(tmp_path, OPTIONS)
    arrays = PcaGmm.fit(pool, OPTIONS, seed=1).arrays()
    for changes, message in (
        ({"f.mean": np.ones(3)}, r"components: shape .*, expected \(size, 3\)"),
        ({"f.extra": np.ones(3)}, "holds extra; expected mean, components"),
        ({"x.mean": np.ones(3)}, "models of f, m, x; expected all, or f and m"),
        ({"f.mean": np.array(["text"])}, "f.mean: holds <U4, expected numbers"),
    ):
        write_npz(tmp_path / "pseudo.npz", {**arrays, **changes})
        with pytest.raises(DataError, match=rf"pseudo\.npz: .*{message}"):
            pseudo_speakers.load(tmp_path, OPTIONS)
