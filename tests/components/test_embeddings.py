"""Embeddings: long utterances in pieces, short ones repeated, means by speaker."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.components import embeddings
from pseudovox.components.embeddings import Embedder, speaker_means
from pseudovox.models import store

HYPERPARAMETERS = {"features": 30, "channels": [8, 8, 8, 8, 8], "embedding": 6, "speakers": 2}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = store.build("xvector", HYPERPARAMETERS)
    facts = {"features": {"kind": "mfcc"}, "speakers": ["a", "b"]}
    store.save(tmp_path, network, kind="xvector", hyperparameters=HYPERPARAMETERS, facts=facts)
    return tmp_path


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def test_a_batch_is_one_by_one(model: Path) -> None:
    embed = Embedder(model)
    signals = [noise(16000, 1), noise(24000, 2)]
    together = embed(signals)
    assert [vector.shape for vector in together] == [(6,), (6,)]
    assert all(np.array_equal(vector, embed([signal])[0]) for vector, signal in zip(together, signals, strict=True))


def test_long_utterances_are_averaged_by_length(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = Embedder(model)
    monkeypatch.setattr(embeddings, "LONGEST", 60)
    frames = embed._pieces(noise(16000))
    assert [len(piece) for piece in frames] == [50, 50]
    with torch.inference_mode():
        expected = torch.stack([embed.network.embed(piece[None])[0] for piece in frames]).mean(0)
    np.testing.assert_allclose(embed([noise(16000)])[0], expected, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 100, 1600])
def test_short_signals_have_an_embedding(model: Path, samples: int) -> None:
    assert np.isfinite(Embedder(model)([noise(samples)])[0]).all()


def test_speaker_means() -> None:
    vectors = {"a-1": np.array([1.0, 0.0]), "a-2": np.array([3.0, 4.0]), "b-1": np.array([5.0, 5.0])}
    found = speaker_means({"a": ["a-1", "a-2"], "b": ["b-1"]}, vectors)
    assert found["a"].tolist() == [2.0, 2.0] and found["b"].tolist() == [5.0, 5.0]
    assert found["a"].dtype == np.float32
