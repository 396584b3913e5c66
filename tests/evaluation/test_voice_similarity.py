"""Voice distinctiveness of data dirs: what is compared, the figures, their intervals."""

import numpy as np
import pytest

from pseudovox.components.plda import Plda
from pseudovox.config import Config, Levels, Scoring
from pseudovox.data.datadir import DataDir
from pseudovox.evaluation import voices
from pseudovox.metrics.voices import VoiceSimilarity

DRAW = np.random.default_rng(5)
UTT2SPK = {f"s{speaker}-{n}": f"s{speaker}" for speaker in range(12) for n in range(6)}
DATA = DataDir(
    "data/test_trials_f", {"utt2spk": UTT2SPK, "spk2gender": dict.fromkeys(UTT2SPK.values(), "f"), "wav.scp": {}}
)
VOICES = {f"s{n}": 2.0 * DRAW.standard_normal(8) for n in range(12)}


def vectors(strength: float) -> dict[str, np.ndarray]:
    return {utt: strength * VOICES[speaker] + DRAW.standard_normal(8) for utt, speaker in UTT2SPK.items()}


@pytest.fixture(scope="module")
def plda() -> Plda:
    own = vectors(1.0)
    return Plda.fit(np.stack(list(own.values())), list(UTT2SPK.values()), lda_dimension=0)[0]


def test_weaker_voices_are_less_distinct(plda: Plda) -> None:
    original = vectors(1.0)
    chosen = voices.choose(DATA, 4, seed=1)
    figures = {}
    for strength in (1.0, 0.3):
        found = voices.similarities(original, vectors(strength), chosen, UTT2SPK, plda)
        config = Config(scoring=Scoring(interval_rounds=100), levels=Levels(default="utt"))
        records = voices.records(found, DATA, len(chosen), config, system="sys", seed=1)
        assert [record.metric for record in records] == list(voices.METRICS)
        for record in records:
            assert (record.set, record.group, record.level, record.n) == ("test", "f", "utt", 48)
            assert record.value is not None and record.ci_low is not None and record.ci_high is not None
            assert record.ci_low <= record.value <= record.ci_high
            figures[record.metric, strength] = record.value
    assert abs(figures["voice_distinctiveness_gain", 1.0]) < 1 and abs(figures["deid", 1.0]) < 0.2
    assert figures["voice_distinctiveness_gain", 0.3] < -1 and figures["deid", 0.3] > 0.2


def test_choice_goes_by_id() -> None:
    chosen = voices.choose(DATA, 2, seed=1)
    assert len(chosen) == 24 and chosen == sorted(chosen)
    fewer = DATA.subset([utt for utt in UTT2SPK if UTT2SPK[utt] != "s3"])
    assert voices.choose(fewer, 2, seed=1) == [utt for utt in chosen if UTT2SPK[utt] != "s3"]
    assert voices.choose(DATA, 2, seed=2) != chosen and len(voices.choose(DATA, 0, seed=1)) == 72


def matrix(values: np.ndarray) -> VoiceSimilarity:
    return VoiceSimilarity(tuple(f"s{n}" for n in range(len(values))), values)


def test_intervals_of_perfect_matrices_have_no_width() -> None:
    one, flat = matrix(np.eye(5)), matrix(np.full((5, 5), 0.5) + 0.1 * np.eye(5))
    found = voices.intervals({"oo": one, "oa": flat, "aa": flat}, np.random.default_rng(0), 200)
    np.testing.assert_allclose(found["voice_distinctiveness_gain"], -10.0, atol=1e-9)
    np.testing.assert_allclose(found["deid"], 0.9, atol=1e-9)
    assert voices.intervals({"oo": one, "oa": flat, "aa": flat}, np.random.default_rng(0), 0) == {}


def test_undefined_is_none() -> None:
    flat = matrix(np.full((5, 5), 0.5))
    found = voices.records(dict.fromkeys(voices.MATRICES, flat), DATA, 30, Config(), system="sys", seed=1)
    assert [(record.value, record.ci_low) for record in found] == [(None, None)] * 2
