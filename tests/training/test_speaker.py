"""Training of speaker embeddings: batches by number, resuming to the bit, going on from another model."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.config import SpeakerFeatures, TargetClassifier, Training
from pseudovox.core.errors import DataError
from pseudovox.data import features
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.speaker_networks import ecapa
from pseudovox.kinds.speaker_networks.xvector import Options
from pseudovox.models import store
from pseudovox.models.xvector import XvectorNetwork
from pseudovox.training import speaker
from pseudovox.training.speaker import SpeakerChunks

TRAINING = Training(updates=4, round_updates=2, batch_size=4, warmup=1, threads=1)
OPTIONS = Options(
    channels=[8, 8, 8, 8, 12], embedding=6, loss="aam", chunk_min=0.2, chunk_max=0.3, copies=1, held_out_every=2,
    training=TRAINING, continued=TRAINING,
)  # fmt: skip


def louder(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return (samples * generator.uniform(1, 3)).astype(np.float32)


def chunks(data: DataDir, seed: int = 1) -> SpeakerChunks:
    return SpeakerChunks([data], OPTIONS, TRAINING.batch_size, seed, louder)


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
    assert (tmp_path / "broken/train_log.txt").read_text() == (tmp_path / "unbroken/train_log.txt").read_text()
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
    assert facts["validation"].keys() == {"accuracy", "eer", "on", "utterances"}
    assert facts["training"] == {"updates": 4, "kept": 4, "best": facts["training"]["best"]}


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


STREAMED = replace(
    ecapa.Options(**{**vars(OPTIONS), "kind": "ecapa"}), copies=0, read="chunks", balance="chunks", held_out_most=0,
    features=SpeakerFeatures(kind="fbank", bins=20, high=8000.0, window=100_000, speech_only=False),
    channels=[16, 16, 16, 16, 12], attention=4,
    training=replace(TRAINING, epochs=2, optimizer="adam", schedule="cyclic", step_size=10, keep="best"),
)  # fmt: skip


def test_streamed_chunks_and_passes(tiny_data: DataDir, tmp_path: Path) -> None:
    options = replace(STREAMED, training=replace(STREAMED.training, workers=1))
    facts = speaker.train([tiny_data], options, tmp_path / "m", seed=1, device="cpu", augment=None)
    # Six training utterances of 0.5 to 0.8 s hold one or two chunks of 0.3 s each: two batches of four in a pass.
    assert facts["updates"] == 4
    _, card = store.load(tmp_path / "m", "ecapa")
    assert card["training"]["kept"] in (2, 4) and card["training"]["kept"] == card["training"]["best"]
    assert card["features"]["speech_only"] is False
    unread = replace(options, training=STREAMED.training)
    speaker.train([tiny_data], unread, tmp_path / "alone", seed=1, device="cpu", augment=None)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("m", "alone")]
    assert weights[0] == weights[1], "who reads does not show"


def test_features_on_the_fly_are_those_of_the_chunk(tiny_data: DataDir) -> None:
    learner = speaker.SpeakerLearner(torch.nn.Identity(), TRAINING, 1, STREAMED)
    samples = torch.randn(3, 4800)
    for speech_only in (False, True):
        learner.options = replace(STREAMED, features=replace(STREAMED.features, speech_only=speech_only))
        frames = learner.frames(samples)
        alone = features.speaker_features(samples[1], learner.options.features)
        assert frames.shape == (3, 30, 20)
        torch.testing.assert_close(frames[1][: len(alone)], alone, rtol=1e-4, atol=1e-4)


def test_validation_on_held_out_speakers(tiny_data: DataDir, tmp_path: Path) -> None:
    four = DataDir.load("data/tiny")
    for utterance, speaker_of in list(four.utt2spk.items()):
        four.tables["utt2spk"][utterance] = f"{speaker_of}{utterance[-1]}" if speaker_of != "f1" else speaker_of
    four.tables["spk2gender"] = {name: name[0] for name in set(four.utt2spk.values())}
    DataDir("data/four", four.tables).write()
    options = replace(OPTIONS, validation="speakers", training=replace(TRAINING, keep="best", patience=1))
    speaker.train([DataDir.load("data/four")], options, tmp_path / "m", seed=1, device="cpu", augment=None)
    card = store.read_card(tmp_path / "m", "xvector")["facts"]
    assert card["validation"].keys() == {"on", "utterances", "eer"} and card["validation"]["on"] == "speakers"
    assert len(card["speakers"]) == 7 and card["training"]["kept"] == 2  # no pair of one speaker: 50 % throughout


def test_target_classifier_probes(tiny_data: DataDir, tmp_path: Path) -> None:
    tiny_data.tables["utt2target"] = {utterance: f"t{utterance[-1]}" for utterance in tiny_data.utterances}
    probe = replace(OPTIONS, targets=TargetClassifier(labels="table"))
    plain = train(tiny_data, tmp_path / "plain")
    speaker.train([tiny_data], probe, tmp_path / "probe", seed=1, device="cpu", augment=louder)
    card = store.read_card(tmp_path / "probe", "xvector")
    assert card["facts"]["targets"] == {"labels": "table", "classes": 4}
    assert 0 <= card["facts"]["validation"]["target_error"] <= 100
    adversary = replace(probe, targets=replace(probe.targets, n_epochs_zero=0, n_epochs_max=2, max_weight=1.0))
    speaker.train([tiny_data], adversary, tmp_path / "adversary", seed=1, device="cpu", augment=louder)
    assert (tmp_path / "adversary/weights.safetensors").read_bytes() not in (
        plain,
        (tmp_path / "probe/weights.safetensors").read_bytes(),
    )


def test_log_has_the_columns_of_spane(tiny_data: DataDir, tmp_path: Path) -> None:
    tiny_data.tables["utt2target"] = {utterance: f"t{utterance[-1]}" for utterance in tiny_data.utterances}
    training = replace(TRAINING, schedule="cyclic", base_rate=1e-6, learning_rate=1e-3, step_size=65000)
    targets = TargetClassifier(labels="table", n_epochs_zero=1, n_epochs_max=0, max_weight=1.0)
    options = replace(STREAMED, balance="places", chunk_min=0.3, training=training, targets=targets)
    speaker.train([tiny_data], options, tmp_path / "m", seed=1, device="cpu", augment=None)
    first, second = (tmp_path / "m/train_log.txt").read_text().splitlines()
    number = r"\d\.\d\de[+-]\d\d"
    form = rf"epoch: \d, lr: {number}, tgt_weight: {number} - train loss: {number} - valid loss: {number}, valid "
    form += rf"error_rate_src: {number}, valid error_rate_tgt: {number}"
    assert re.fullmatch(form, first) and re.fullmatch(form, second)
    # Two updates a round: 1e-6 + (1e-3 - 1e-6) n / 65000. The ramp of one round of two is linspace(0, 1, 3)[1].
    assert first.startswith("epoch: 1, lr: 1.03e-06, tgt_weight: 0.00e+00 - ")
    assert second.startswith("epoch: 2, lr: 1.06e-06, tgt_weight: 5.00e-01 - ")
    assert speaker.log_line({"epoch": 3, "lr": 0.5, "tgt_weight": 0.0, "train_loss": 2}) == (
        "epoch: 3, lr: 5.00e-01, tgt_weight: 0.00e+00 - train loss: 2.00e+00"
    )


def test_reversed_gradients_reach_the_network_alone_if_weighted() -> None:
    options = replace(
        OPTIONS, targets=TargetClassifier(labels="table", n_epochs_zero=0, n_epochs_max=3, max_weight=0.5)
    )
    gradients = {}
    for weight in (0.0, 0.5):
        torch.manual_seed(0)
        network = XvectorNetwork(30, [4, 4, 4, 4, 4], 6, 3, "aam")
        learner = speaker.SpeakerLearner(network, TRAINING, 1, options, targets=2)
        learner.adversary_weight = lambda weight=weight: weight  # type: ignore[method-assign]
        learner.log = lambda *_, **__: None  # type: ignore[method-assign]
        torch.manual_seed(1)
        learner.loss(
            (torch.randn(4, 30, 30), torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1, 0, 1])), "train"
        ).backward()
        assert learner.target_head is not None
        gradients[weight] = (network.embedding.weight.grad, learner.target_head.directions.grad)
    assert not torch.equal(gradients[0.0][0], gradients[0.5][0])
    torch.testing.assert_close(gradients[0.0][1], gradients[0.5][1])  # the classifier itself learns all the same
