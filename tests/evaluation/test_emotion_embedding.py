"""The emotion embedding: its options, what its extractor gives, and what it leaks, on vectors made for it."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox import config as configuration
from pseudovox.config import Training
from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.evaluation import embedding_leak, emotion_features
from pseudovox.evaluation.emotion import Corpus
from pseudovox.evaluation.emotion_embedding import EmbeddingOptions, EmotionWorker, Models, worker
from pseudovox.models import store
from pseudovox.training import emotion_embedding as training

EMOTIONS = ("angry", "calm", "sad")
SHORT = EmbeddingOptions(
    hidden=16, dimension=4, held_out=0.25,
    training=Training(updates=80, round_updates=20, batch_size=32, learning_rate=0.01, keep="best", threads=1),
)  # fmt: skip


def corpus(speakers: int, emotion: float, speaker: float, seed: int = 0) -> Corpus:
    """12 utterances of each speaker; the first 3 numbers tell the emotion, the others the speaker."""
    draw = np.random.default_rng(seed)
    rows, vectors = [], []
    for number in range(speakers):
        voice = draw.standard_normal(5) * speaker
        for take in range(12):
            of = take % 3
            rows.append((f"s{number}-{take}", EMOTIONS[of], f"s{number}", "fm"[number % 2], "test"))
            vectors.append(np.concatenate([np.eye(3)[of] * emotion, voice]) + 0.3 * draw.standard_normal(8))
    columns = [list(column) for column in zip(*rows, strict=True)]
    return Corpus(columns[0], np.array(vectors), *columns[1:])


def data_dir(found: Corpus, name: str, speakers: slice) -> DataDir:
    """Every utterance is tried against every speaker of the data dir, and all enrol."""
    names = sorted(set(found.speakers))[speakers]
    rows = [row for row, speaker in enumerate(found.speakers) if speaker in names]
    utterances = [found.utterances[row] for row in rows]
    tables = {
        "wav.scp": dict.fromkeys(utterances, "x"),
        "utt2spk": {found.utterances[row]: found.speakers[row] for row in rows},
        "utt2emo": {found.utterances[row]: found.labels[row] for row in rows},
        "spk2gender": {found.speakers[row]: found.genders[row] for row in rows},
    }
    trials = [f"{name} {utt} {'target' if tables['utt2spk'][utt] == name else 'nontarget'}"
              for name in names for utt in utterances]  # fmt: skip
    return DataDir(f"data/{name}", tables, {"trials": trials})


def leak(emotion: float, speaker: float) -> tuple[dict[str, float], float]:
    """EER by attacker, and UAR, of vectors that tell of both so strongly."""
    found = corpus(24, emotion, speaker)
    train, test = data_dir(found, "train", slice(0, 14)), data_dir(found, "test", slice(14, 24))
    vectors = dict(zip(found.utterances, found.vectors, strict=True))
    of = {str(part.path): vectors for part in (train, test)}
    settings = configuration.load()
    settings.scoring.interval_rounds = settings.emotion.interval_rounds = 20
    speakers = embedding_leak.speaker_records([train], [(test, test)], of, settings, system="x", seed=1)
    emotions = embedding_leak.emotion_records([train], [test], of, settings, system="x", seed=1)
    assert all(own.ci_low is not None and own.ci_low <= own.value <= own.ci_high for own in [*speakers, *emotions])
    [uar] = [own.value for own in emotions if own.group == "all"]
    return {own.details["attacker"]: own.value for own in speakers}, uar


def test_leak_of_vectors_that_tell_one_or_the_other() -> None:
    voice, uar = leak(emotion=0.0, speaker=3.0)
    assert voice["cosine"] < 5 and voice["plda"] < 5 and uar < 50
    emotional, uar = leak(emotion=3.0, speaker=0.0)
    assert emotional["cosine"] > 35 and emotional["plda"] > 35 and uar > 95


def test_lists_together_are_of_different_speakers() -> None:
    found = corpus(12, 1.0, 3.0)
    parts = [data_dir(found, f"part{number}", slice(4 * number, 4 * number + 4)) for number in range(3)]
    vectors = dict(zip(found.utterances, found.vectors, strict=True))
    settings = configuration.load()
    settings.scoring.interval_rounds = 0
    records = embedding_leak.speaker_records(
        parts[:1], [(part, part) for part in parts[1:]], {str(part.path): vectors for part in parts}, settings,
        system="x", seed=1,
    )  # fmt: skip
    last = [own for own in records if (own.set, own.group) == ("all", "all")]
    assert [own.details["speakers"] for own in last] == [8, 8] and last[0].n == 2 * 4 * 48


def test_a_speaker_on_both_sides_is_refused() -> None:
    found = corpus(4, 1.0, 1.0)
    train, test = data_dir(found, "train", slice(0, 3)), data_dir(found, "test", slice(2, 4))
    vectors = dict(zip(found.utterances, found.vectors, strict=True))
    of = {str(part.path): vectors for part in (train, test)}
    with pytest.raises(DataError, match="speaker s2 is in the training speech and in the test speech"):
        embedding_leak.emotion_records([train], [test], of, configuration.load(), system="x", seed=1)


def test_training_tells_emotions_and_is_seeded(tmp_path: Path) -> None:
    found = corpus(12, 2.0, 2.0)
    train = functools.partial(training.train, found, SHORT, 1, device="cpu", facts={"features": ["prosody"]})
    facts = train(tmp_path / "one")
    train(tmp_path / "two")
    assert facts["validation"]["uar"] > 90 and facts["classes"] == list(EMOTIONS)
    assert facts["speakers"] + facts["validation"]["speakers"] == 12
    one, two = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
    network, _ = store.load(tmp_path / "one", training.KIND)
    embedding = network(torch.as_tensor(found.vectors, dtype=torch.float32))
    assert embedding.shape == (144, 4) and embedding.abs().max() <= 1


@pytest.mark.parametrize(
    ("found", "message"),
    [(corpus(1, 1.0, 1.0), "3 emotions of 1 speakers"),
     (dataclasses.replace(corpus(4, 1.0, 1.0), labels=["sad"] * 48), "1 emotions of 4")],
)  # fmt: skip
def test_too_little_to_learn_from(found: Corpus, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        training.train(found, SHORT, 1, tmp_path, device="cpu", facts={})


def test_extractor_puts_features_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hyperparameters = {"inputs": 5, "hidden": 6, "dimension": 3, "classes": 2, "dropout": 0.0}
    network = store.build(training.KIND, hyperparameters)
    store.save(tmp_path / "m", network, kind=training.KIND, hyperparameters=hyperparameters,
               facts={"features": ["prosody", "xvector"]})  # fmt: skip

    class Source:
        def __init__(self, kind: str, device: str = "cpu") -> None:
            self.kind = kind

        def process(self, batch: list[Any]) -> Any:
            for one in batch:
                size = {"prosody": 2, "xvector": 3}[self.kind]
                yield one, {emotion_features.ARRAYS[self.kind]: np.full(size, size, np.float32)}

    monkeypatch.setattr(emotion_features, "worker", lambda kind, config, model: functools.partial(Source, kind))
    made = worker(SHORT, configuration.load(), tmp_path / "m", Models(xvector=tmp_path))(device="cpu")
    assert isinstance(made, EmotionWorker)
    [(_, found)] = made.process(["a"])  # type: ignore[list-item]
    expected = network.eval()(torch.tensor([[2.0, 2, 3, 3, 3]]))[0].detach().numpy()
    np.testing.assert_allclose(found["emotion"], expected, atol=1e-6)
    with pytest.raises(UsageError, match="features xvector of the emotion embedding need --xvector"):
        worker(SHORT, configuration.load(), tmp_path / "m", Models())


def test_what_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match="needs --model"):
        worker(SHORT, configuration.load(), None, Models())
    with pytest.raises(MissingModelError):
        settings = configuration.load()
        settings.emotion.dimensions_weights = "none/such.safetensors"
        worker(EmbeddingOptions("wav2vec2"), settings, None, Models())


@pytest.mark.parametrize(
    "own",
    [{"extractor": "x"}, {"features": []}, {"features": ["x"]}, {"hidden": 0}, {"dropout": 1.0}, {"held_out": 1.0}],
)  # fmt: skip
def test_options_that_cannot_be(own: dict) -> None:
    with pytest.raises(UsageError, match=r"system\.options\.emotion"):
        EmbeddingOptions(**own).check()
