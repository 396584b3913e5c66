"""The recogniser's training: units, alterations, numbered batches, and that a tiny one learns."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.config import Alteration, Recognizer, Training
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir, Phone
from pseudovox.models import store
from pseudovox.training import alteration, recognizer

OFF = Alteration(speed=0, warp=0, blur_mel=0, blur_time=0, filter=0, noise=0, mel_masks=0, time_masks=0)


def small(**changes: object) -> Recognizer:
    training = Training(updates=4, round_updates=2, batch_size=3, warmup=1, threads=1)
    values = {"mel_bins": 20, "channels": 24, "blocks": 2, "held_out": 0.2, "training": training, **changes}
    return Recognizer(**values)


def test_unit_inventory() -> None:
    assert recognizer.unit_inventory(["BAD  CAB", "A"]) == ["<blank>", "|", "A", "B", "C", "D"]
    with pytest.raises(DataError, match="word boundary"):
        recognizer.unit_inventory(["A|B"])
    with pytest.raises(DataError, match="empty"):
        recognizer.unit_inventory([])


def test_phone_labels() -> None:
    phones = [Phone(0.0, 0.02, "sil"), Phone(0.02, 0.03, "a")]
    assert recognizer.phone_labels(phones, {"a": 0, "sil": 1}, 7).tolist() == [1, 1, 0, 0, 0, -1, -1]


def test_no_alteration_is_the_identity() -> None:
    frames = np.random.default_rng(0).uniform(-10, 0, (30, 20)).astype(np.float32)
    altered, source = alteration.alter(frames, OFF, np.random.default_rng(1))
    assert np.allclose(altered, frames, atol=1e-5)
    assert source.tolist() == list(range(30))


def test_alterations_are_drawn_and_keep_frames_and_sources_together() -> None:
    frames = np.random.default_rng(0).uniform(-10, 0, (60, 20)).astype(np.float32)
    lengths = set()
    for seed in range(8):
        altered, source = alteration.alter(frames, Alteration(), np.random.default_rng(seed))
        again, _ = alteration.alter(frames, Alteration(), np.random.default_rng(seed))
        assert np.array_equal(altered, again) and np.isfinite(altered).all()
        assert altered.shape == (len(source), 20)
        assert source[0] == 0 and source[-1] == 59 and (np.diff(source) >= 0).all()
        lengths.add(len(source))
    assert 52 <= min(lengths) < max(lengths) <= 69  # speed within 12 %


def test_a_given_speed_and_a_bent_axis() -> None:
    # A line over the mel axis shows where each bin comes from.
    frames = np.tile(np.arange(40, dtype=np.float32), (50, 1))
    bent = Alteration(**{**vars(OFF), "speed": 0.5, "bend": 0.05})
    for seed in range(4):
        altered, source = alteration.alter(frames, bent, np.random.default_rng(seed), speed=-0.5)
        assert len(source) == round(50 / 0.75)
        moved = altered[0] - frames[0]
        assert np.ptp(moved[5:30]) > 0.05 and (np.diff(altered[0]) >= 0).all()
        assert (np.abs(moved[:35]) < 0.16 * (np.arange(35) + 1)).all()  # three cosines of 5 % each


def test_blur_keeps_the_sum() -> None:
    assert np.allclose(alteration._blur_matrix(40, 1.5).sum(axis=0), 1.0)


def test_every_utterance_once_an_epoch(tiny_data: DataDir) -> None:
    batches = recognizer.RecognizerBatches([tiny_data], small(held_out=0.0), 1, None)
    assert [len(batch) for batch in batches._epoch(0)] == [3, 3, 3, 3]
    seen = [key for batch in batches._epoch(0) for key in batch]
    assert sorted(seen) == sorted(batches.train) and len(set(seen)) == 12
    assert batches._epoch(0) != batches._epoch(1)


def test_batches_depend_on_their_number_alone(tiny_data: DataDir) -> None:
    first = recognizer.RecognizerBatches([tiny_data], small(), 1, None)
    second = recognizer.RecognizerBatches([tiny_data], small(), 1, None)
    second.batch(0), second.batch(9)
    one, other = first.batch(5), second.batch(5)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["log_mel"].shape[0] == len(one["lengths"]) == 3
    assert one["target_lengths"].sum() == len(one["targets"])
    spelled = "".join(first.units[unit] for unit in one["targets"][: one["target_lengths"][0]])
    assert spelled == "|some|words"
    assert first.held_out and len(first.held_out) + len(first.train) == 12


def test_training_writes_a_model_and_is_reproducible(tiny_data: DataDir, tmp_path: Path) -> None:
    for name in ("a", "b"):
        counts = recognizer.train([tiny_data], small(), tmp_path / name, seed=3, device="cpu")
    assert counts["utterances"] == 12 and counts["words"] == 2
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]
    assert not (tmp_path / "a" / "checkpoints").exists()
    network, facts = store.load(tmp_path / "a", "recognizer")
    assert facts["units"][:2] == ["<blank>", "|"] and network.phones is None


def test_phone_loss_only_where_there_are_labels(tiny_data: DataDir) -> None:
    tiny_data.lists["phones.ctm"] = [f"{tiny_data.utterances[0]} 1 0.0 0.3 a"]
    tiny_data.__dict__.pop("phones", None)
    batches = recognizer.RecognizerBatches([tiny_data], small(held_out=0.0, augment=OFF), 1, None)
    assert batches.phones == ["a"]
    frames = np.zeros((5, 20), np.float32)
    batch = batches._collate([(key, frames, np.arange(5)) for key in batches.train[:2]])
    assert (batch["phones"][0] == 0).all() and (batch["phones"][1] == recognizer.NO_PHONE).all()
