"""Training of speaker embeddings: batches by number, resuming to the bit, going on from another model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.config import SpeakerModel, Training
from pseudovox.datadir import DataDir
from pseudovox.errors import DataError
from pseudovox.models import store
from pseudovox.training import speaker
from pseudovox.training.speaker import SpeakerChunks

TRAINING = Training(updates=4, round_updates=2, batch_size=4, warmup=1, threads=1)
OPTIONS = SpeakerModel(
    channels=[8, 8, 8, 8, 12], embedding=6, loss="aam", chunk_min=0.2, chunk_max=0.3, copies=1, held_out_every=2,
    training=TRAINING, continued=TRAINING,
)  # fmt: skip


def louder(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return (samples * generator.uniform(1, 3)).astype(np.float32)


def chunks(data: DataDir, seed: int = 1) -> SpeakerChunks:
    return SpeakerChunks([data], OPTIONS, TRAINING, seed, louder)


def test_batches_depend_on_their_number_alone(tiny_data: DataDir) -> None:
    first, second = chunks(tiny_data), chunks(tiny_data)
    second.warm()
    frames, labels = first.batch(5)
    for index in (0, 9, 5):
        other = second.batch(index)
    assert torch.equal(frames, other[0]) and torch.equal(labels, other[1])
    assert frames.shape[0] == 4 and 20 <= frames.shape[1] <= 30 and frames.shape[2] == 30
    assert not torch.equal(frames, chunks(tiny_data, seed=2).batch(5)[0])


def test_speakers_are_balanced(tiny_data: DataDir) -> None:
    labels = torch.cat([chunks(tiny_data).batch(index)[1] for index in range(30)])
    counts = torch.bincount(labels)
    assert len(counts) == 3 and counts.min() >= 30  # each at least once in a batch of 4


def test_held_out_utterances_are_not_trained_on(tiny_data: DataDir) -> None:
    source = chunks(tiny_data)
    trained = {utterance for own in source.train for _, utterance in own}
    held_out = {utterance for _, (_, utterance) in source.held_out}
    assert len(trained) == len(held_out) == 6 and not trained & held_out
    [(frames, labels, is_female)] = source.validation()
    assert frames.shape == (6, 30, 30) and labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert is_female.tolist() == [True, True, False, False, False, False]


def train(data: DataDir, folder: Path, **options: object) -> bytes:
    speaker.train([data], OPTIONS, folder, seed=1, device="cpu", augment=louder, **options)  # type: ignore[arg-type]
    return (folder / "weights.safetensors").read_bytes()


def test_a_killed_run_ends_with_the_same_model(
    tiny_data: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = train(tiny_data, tmp_path / "unbroken")
    batch = SpeakerChunks.batch

    def killed(self: SpeakerChunks, index: int) -> object:
        if index == 3:
            raise RuntimeError("killed")
        return batch(self, index)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(SpeakerChunks, "batch", killed)
        train(tiny_data, tmp_path / "broken")
    assert (tmp_path / "broken/checkpoints/last.ckpt").exists()
    assert train(tiny_data, tmp_path / "broken") == unbroken
    assert not (tmp_path / "broken/checkpoints").exists()
    assert (tmp_path / "broken/model.json").read_text() == (tmp_path / "unbroken/model.json").read_text()


def test_going_on_from_another_model(tiny_data: DataDir, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tiny_data, tmp_path / "first")
    network, facts = store.load(tmp_path / "first", "xvector")
    fresh = store.build("xvector", store.read_card(tmp_path / "first", "xvector")["hyperparameters"])
    speaker._take_over(fresh, tmp_path / "first", facts["speakers"])
    assert all(torch.equal(value, fresh.state_dict()[name]) for name, value in network.state_dict().items())
    others = tiny_data.subset([utterance for utterance in tiny_data.utterances if not utterance.startswith("m2")])
    train(others, tmp_path / "second", initial=tmp_path / "first")
    continued, facts = store.load(tmp_path / "second", "xvector")
    assert facts["speakers"] == ["f1", "m1"] and continued.head.directions.shape == (2, 6)
    assert facts["validation"].keys() == {"accuracy", "eer"}


def test_one_speaker_is_not_enough(tiny_data: DataDir, tmp_path: Path) -> None:
    alone = tiny_data.subset(["f1-0", "f1-1"])
    with pytest.raises(DataError, match="at least 2 speakers"):
        train(alone, tmp_path)


def test_pairwise_eer() -> None:
    embedding = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    men = torch.zeros(4, dtype=torch.bool)
    assert speaker.pairwise_eer(embedding, torch.tensor([0, 0, 1, 1]), men) == 0.0
    assert speaker.pairwise_eer(embedding, torch.tensor([0, 1, 2, 3]), men) == 50.0
    # Speakers 1 and 2 are much alike, but of different gender: no trial compares them.
    alike = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [1.0, 0.1]])
    labels = torch.tensor([0, 1, 2, 2])
    assert speaker.pairwise_eer(alike, labels, torch.tensor([True, False, False, False])) == 0.0
