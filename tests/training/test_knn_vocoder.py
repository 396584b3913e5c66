"""Training of the vocoder on features: segments that belong together, a loss that falls, going on after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox.anonymize.knnvc.vocoder_options import Network, Vocoder
from pseudovox.config import Training
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.archive import Archive, read_scp, write_arrays
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.synthesizers.hifigan import Adversarial
from pseudovox.models import store
from pseudovox.models.feature_hifigan import FRAME
from pseudovox.training import knn_vocoder

FACTS = {"features": {"kind": "whisper", "layer": 4}, "prematched": True, "neighbours": 4}
OPTIONS = Vocoder(
    network=Network(8, 16, [10], [20], [3], [1], 128), segment_frames=10, validation=1,
    adversarial=Adversarial(periods=[2], scales=1, width=0.03, start=2),
    training=Training(updates=4, round_updates=2, batch_size=2, learning_rate=0.003, warmup=1, threads=1),
)  # fmt: skip


@pytest.fixture
def made(tiny_data: DataDir) -> DataDir:
    """What workers make of tiny_data: features tell utterance and frame, waves are sawtooths of their pitch."""
    arrays: dict[str, dict[str, np.ndarray]] = {name: {} for name in knn_vocoder.ARRAYS}
    for number, utterance in enumerate(tiny_data.utterances):
        count = int(tiny_data.duration(utterance) * 50)
        arrays["features"][utterance] = np.stack(
            [np.full(count, number), np.arange(count), *np.random.default_rng(number).standard_normal((2, count))], 1
        )
        periods = (100.0 + 10 * number) * np.arange(FRAME * count) / 16000
        noise = np.random.default_rng(number).standard_normal(FRAME * count)
        arrays["wave"][utterance] = 0.2 * (periods % 1.0 - 0.5) + 0.02 * noise
    Path("frames/tiny").mkdir(parents=True)
    for name, of in arrays.items():
        write_arrays(Path("frames/tiny"), name, of)
    return tiny_data


def train(data: DataDir, folder: Path, options: Vocoder) -> dict[str, Any]:
    return knn_vocoder.train([data], Path("frames"), options, FACTS, 1, folder, device="cpu")


def test_segments_belong_together_and_whole_utterances_are_not_read(
    made: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = knn_vocoder.FeatureBatches([made], Path("frames"), replace(OPTIONS, training=Training(batch_size=6)), 1)
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "__getitem__", lambda self, key: pytest.fail(f"{self.path}: {key} was read whole"))
        features, wave = batches.batch(3)
    assert features.shape == (6, 10, 4) and wave.shape == (6, 10 * FRAME)
    archive = read_scp(Path("frames/tiny/wave.scp"))
    for row in range(6):
        number, start = int(features[row, 0, 0]), int(features[row, 0, 1])
        assert features[row, :, 1].tolist() == list(range(start, start + 10))
        whole = archive[made.utterances[number]]
        assert np.array_equal(wave[row], whole[start * FRAME : (start + 10) * FRAME])
    again = batches.batch(3)
    assert torch.equal(again[0], features) and not torch.equal(batches.batch(4)[0], features)
    ((held, _),) = batches.validation()
    assert held.shape == (1, knn_vocoder.VALIDATION_FRAMES, 4)  # an utterance of 25 frames, repeated
    assert len(batches.held_out) == 1 and batches.held_out[0] not in batches.utterances


def test_statistics_are_those_of_all_frames(made: DataDir) -> None:
    batches = knn_vocoder.FeatureBatches([made], Path("frames"), OPTIONS, 1)
    everything = np.concatenate([batches.archives[number]["features"][utt] for number, utt in batches.utterances])
    mean, deviation = batches.statistics()
    assert np.allclose(mean, everything.mean(0), atol=1e-4) and np.allclose(deviation, everything.std(0), atol=1e-4)


def test_lengths_are_known_without_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_arrays(tmp_path, "x", {"m": np.zeros((5, 4)), "v": np.zeros(7)})
    archive = read_scp(tmp_path / "x.scp")
    (tmp_path / "ranged.scp").write_text(f"m {archive.entries['m']}[1:3]\n")
    assert read_scp(tmp_path / "ranged.scp").length("m") == 3
    with pytest.raises(DataError, match="no entry for q"):
        archive.length("q")
    monkeypatch.setattr(Archive, "__getitem__", lambda self, key: pytest.fail("read whole"))
    assert (archive.length("m"), archive.length("v")) == (5, 7)


def test_the_loss_falls(made: DataDir, tmp_path: Path) -> None:
    losses = []
    for count in (1, 40):
        training = Training(updates=count, round_updates=20, batch_size=4, learning_rate=0.005, warmup=1, threads=1)
        options = replace(OPTIONS, training=training, adversarial=replace(OPTIONS.adversarial, start=30))
        losses.append(train(made, tmp_path / f"{count}", options)["validation"]["mel_loss"])
    assert losses[1] < 0.8 * losses[0]


def test_a_killed_run_ends_with_the_same_vocoder(
    made: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = train(made, tmp_path / "whole", OPTIONS)
    count = 0
    batch = knn_vocoder.FeatureBatches.batch

    def killed(self: knn_vocoder.FeatureBatches, index: int) -> Any:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return batch(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(knn_vocoder.FeatureBatches, "batch", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train(made, tmp_path / "killed", OPTIONS)
    assert (tmp_path / "killed/checkpoints/last.ckpt").is_file()
    assert train(made, tmp_path / "killed", OPTIONS) == facts
    one, two = (tmp_path / name / "weights.safetensors" for name in ("whole", "killed"))
    assert one.read_bytes() == two.read_bytes() and not (tmp_path / "killed/checkpoints").exists()
    network, found = store.load(tmp_path / "whole", "feature_hifigan")
    assert found == facts and found["dimension"] == 4 and found["features"] == FACTS["features"]
    assert network(torch.zeros(1, 3, 4)).shape == (1, 3 * FRAME)


def test_what_cannot_be_trained_is_refused(made: DataDir, tmp_path: Path) -> None:
    wrong = replace(OPTIONS, network=replace(OPTIONS.network, fft=100))
    with pytest.raises(UsageError, match=r"system.options.vocoder.network: fft 100"):
        train(made, tmp_path / "x", wrong)
    wrong = replace(OPTIONS, adversarial=replace(OPTIONS.adversarial, reconstruction="waveform"))
    with pytest.raises(UsageError, match=r"system.options.vocoder.adversarial.reconstruction 'waveform'"):
        train(made, tmp_path / "x", wrong)


def test_a_training_step_of_the_published_sizes() -> None:
    """The generator of the defaults (its discriminators narrowed), on a segment so short that it fits in a test."""
    from pseudovox.training import spectral

    options = Vocoder()
    options.adversarial.width = 0.05
    network, hyperparameters = knn_vocoder.build(options, 1024, weight_norm=True)
    assert hyperparameters["features"] == 1024 and hyperparameters["rates"] == [10, 8, 2, 2]
    learner = knn_vocoder.FeatureVocoderLearner(network, options, 1, hop=options.mel_hop)
    batch = (torch.randn(1, 4, 1024), 0.1 * torch.randn(1, 4 * FRAME))
    assert learner.mel.hop == 320
    found, target = learner.speech(batch, "train")
    judged = learner.discriminators(found)
    assert found.shape == target.shape and len(judged) == 8
    (45 * learner.mel_distance(found, target) + spectral.generator_loss(judged)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
