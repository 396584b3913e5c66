"""Training of the hierarchical VQ-VAE: its batches, the sum of its terms, and that it learns; its speakers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.anonymize.hle_vqvae.options import Losses, Network, Options, Spectra, Term
from pseudovox.config import F0, Training
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.models import store
from pseudovox.training import hle_vqvae
from pseudovox.training.losses import Context, build

OPTIONS = Options(
    spectra=Spectra(
        kind="fbank", sample_rate=16000, hop=160, window=400, fft=512, low=20.0, high=8000.0, offset=-5.0, scale=3.0
    ),
    network=Network(channels=8, latent=4, repeats=1, dilations=[1], voice=4, codes=[8, 8, 4], quantizer="vq"),
    spoken="world", segment_frames=32, validation=2,
    training=Training(updates=30, round_updates=15, batch_size=4, learning_rate=3e-3, threads=1),
)  # fmt: skip


def test_batches_depend_on_their_number_alone(tiny_data: DataDir) -> None:
    batches = hle_vqvae.SegmentBatches([tiny_data], OPTIONS, 1, waves=True)
    assert batches.speakers == ["f1", "m1", "m2"] and len(batches.held_out) == 1 and len(batches.train) == 11
    one, again = batches.batch(3), hle_vqvae.SegmentBatches([tiny_data], OPTIONS, 1, waves=True).batch(3)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert one["spectra"].shape == (4, 32, 80) and one["waves"].shape == (4, 32 * 160)
    assert not torch.equal(one["spectra"], batches.batch(4)["spectra"])
    many = torch.cat([batches.batch(index)["others"] - batches.batch(index)["speakers"] for index in range(20)])
    assert (many != 0).all() and set((many % 3).tolist()) == {1, 2}  # converted to anybody but itself


def test_samples_belong_to_their_spectra(tiny_data: DataDir) -> None:
    from pseudovox.anonymize.hle_vqvae import spectra

    batch = hle_vqvae.SegmentBatches([tiny_data], OPTIONS, 1, waves=True).batch(0)
    for row, wave in zip(batch["spectra"], batch["waves"], strict=True):
        found = spectra.of_samples(wave.numpy(), OPTIONS.spectra)
        difference = (found - row)[4:-4]
        assert float((difference - difference.mean()).abs().mean()) < 0.05  # but for the level of the loudest


def test_the_loss_is_the_sum_of_its_terms(tiny_data: DataDir) -> None:
    options = replace(OPTIONS, losses=Losses(mel_diversification=Term(0.5)))
    terms = build(options.losses, Context(options.spectra))
    network, _ = hle_vqvae.new_network(options, 3, 1)
    logged: dict[str, float] = {}

    class Apart(hle_vqvae.HleVqVaeLearner):
        """Without a trainer."""

        update = 0  # type: ignore[assignment]

        def log(self, name: str, value: torch.Tensor, **_: object) -> None:  # type: ignore[override]
            logged[name] = float(value.detach())

    learner = Apart(network.eval(), options, terms, 1, 10)
    batch = hle_vqvae.SegmentBatches([tiny_data], options, 1).batch(0)
    total = float(learner.loss(batch, "valid").detach())
    expected = logged["valid/reconstruction"] + 0.25 * logged["valid/commitment"] + logged["valid/mel_diversification"]
    assert total == pytest.approx(expected, rel=1e-5) and logged["valid/mel_diversification"] < 0


def test_it_learns_and_says_who_it_can_speak_as(tiny_data: DataDir, tmp_path: Path) -> None:
    facts = hle_vqvae.train([tiny_data], OPTIONS, F0(), 1, tmp_path / "m", device="cpu")
    assert [one["id"] for one in facts["speakers"]] == ["f1", "m1", "m2"]
    assert [one["gender"] for one in facts["speakers"]] == ["f", "m", "m"]
    assert all(np.isfinite([*one["log_f0"], one["aperiodicity"]]).all() for one in facts["speakers"])
    assert facts["validation"]["error"] < 3.0 and facts["updates"] == 30
    network, card = store.load(tmp_path / "m", "hle_vqvae")
    assert card["spectra"]["kind"] == "fbank" and len(network.voices.weight) == 3
    again = hle_vqvae.train([tiny_data], OPTIONS, F0(), 1, tmp_path / "again", device="cpu")
    assert again == facts
    other, _ = store.load(tmp_path / "again", "hle_vqvae")
    assert all(torch.equal(one, two) for one, two in zip(network.parameters(), other.parameters(), strict=True))


def test_what_cannot_be_trained(tiny_data: DataDir, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one speaker"):
        hle_vqvae.check_data([tiny_data.subset(tiny_data.spk2utt["f1"])])
    with pytest.raises(UsageError, match=r"system\.options\.network: codes"):
        hle_vqvae.new_network(replace(OPTIONS, network=replace(OPTIONS.network, codes=[4])), 3, 1)
