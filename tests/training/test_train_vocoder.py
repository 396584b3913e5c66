"""Training of the vocoders: segments from files, losses that fall, resuming, one-hot voices, full-size networks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox import config as configuration
from pseudovox.components import f0
from pseudovox.config import Synthesizer, Training, kinds
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import Archive, write_arrays
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.synthesizers.harmonic_noise import HarmonicNoise
from pseudovox.kinds.synthesizers.hifigan import Adversarial, HifiGan
from pseudovox.models import store
from pseudovox.models.vocoder import HOP
from pseudovox.training import spectral, vocoder
from pseudovox.training.vocoder import VocoderBatches
from pseudovox.training.voice_chunks import Voices

TRAINING = Training(updates=4, round_updates=2, batch_size=2, learning_rate=0.003, warmup=1, threads=1)
SMALL: dict[str, Any] = {
    "channels": 8, "kernel": 3, "dilations": [1], "speaker": 4, "dropout": 0.0, "chunk_seconds": 0.2, "validation": 1,
    "harmonic_noise": HarmonicNoise(12, 6, 1024), "resolutions": [[256, 80, 160], [512, 160, 320]],
    "hifigan": HifiGan(16, [8, 5, 4, 2], [16, 11, 8, 4], [3], [1], "normalised", 4),
    "adversarial": Adversarial(periods=[2], scales=1, width=0.03, start=2), "training": TRAINING,
}  # fmt: skip


def options(kind: str, **changes: Any) -> Any:
    own = kinds.options_of(Synthesizer, kind)
    return own(**{key: value for key, value in {**SMALL, **changes}.items() if hasattr(own(), key)})


@pytest.fixture
def made(tiny_data: DataDir) -> DataDir:
    """What workers make of tiny_data, and x-vectors; waves and content tell where they are from."""
    arrays: dict[str, dict[str, np.ndarray]] = {name: {} for name in (*vocoder.ARRAYS, "xvector")}
    for number, utterance in enumerate(tiny_data.utterances):
        samples = round(tiny_data.duration(utterance) * 16000)
        count = f0.frame_count(samples)
        times = np.arange(samples) / 16000
        pitch = 100.0 + 10 * number
        arrays["f0"][utterance] = np.where(np.arange(count) % 20 < 15, pitch, 0).astype(np.float32)
        arrays["wave"][utterance] = (0.1 * np.sin(2 * np.pi * pitch * times)).astype(np.float32)
        arrays["content"][utterance] = np.repeat(100 * number + np.arange(-(-count // 2))[:, None], 6, 1) / 1000
        arrays["altered"][utterance] = -arrays["content"][utterance]
        arrays["xvector"][utterance] = np.eye(12, dtype=np.float32)[number]
    for root, names in (("frames", vocoder.ARRAYS), ("xvectors", ("xvector",))):
        (Path(root) / "tiny").mkdir(parents=True)
        for name in names:
            write_arrays(Path(root) / "tiny", name, arrays[name])
    return tiny_data


def batches_of(data: DataDir, **changes: Any) -> VocoderBatches:
    return VocoderBatches([data], Path("frames"), Path("xvectors"), options("hifigan", **changes), 2, 1)


def train(data: DataDir, folder: Path, asked: Synthesizer) -> dict[str, Any]:
    return vocoder.train([data], Path("frames"), Path("xvectors"), asked, 2, 1, folder, device="cpu")


def test_segments_belong_together_and_whole_utterances_are_not_read(
    made: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = batches_of(made, augmented=0.0, training=Training(batch_size=6))
    whole = Archive.__getitem__

    def guarded(self: Archive, key: str) -> np.ndarray:
        assert self.path.name == "f0.scp", f"{self.path} was read whole"
        return whole(self, key)

    monkeypatch.setattr(Archive, "__getitem__", guarded)
    content, log_f0, voiced, voice, statistics, wave = batches.batch(3)
    assert content.shape == (6, 10, 6) and log_f0.shape == voiced.shape == (6, 20) and wave.shape == (6, 20 * HOP)
    for row in range(6):
        place = round(float(content[row, 0, 0]) * 1000)
        number, start = place // 100, place % 100
        pitch = 100.0 + 10 * number
        times = (np.arange(20 * HOP) + start * 2 * HOP) / 16000
        assert np.allclose(wave[row], 0.1 * np.sin(2 * np.pi * pitch * times), atol=1e-4)
        assert np.allclose(log_f0[row].exp(), pitch, rtol=1e-4)
        assert voiced[row].tolist() == [float((2 * start + frame) % 20 < 15) for frame in range(20)]
        assert np.allclose(statistics[row], [pitch, 1e-3], atol=1e-3)
        assert voice[row].max() in (1.0, pytest.approx(0.5))


def test_short_utterances_are_repeated(made: DataDir) -> None:
    batches = batches_of(made, chunk_seconds=2.0)
    content, log_f0, *_, wave = batches.batch(0)
    assert content.shape == (2, 100, 6) and log_f0.shape == (2, 200) and wave.shape == (2, 200 * HOP)
    period = int(content[0, :, 0].eq(content[0, 0, 0]).nonzero()[1])
    assert torch.equal(wave[0, : 100 * HOP], wave[0, period * 2 * HOP : period * 2 * HOP + 100 * HOP])


def test_rows_of_an_archive_are_those_of_the_whole(tmp_path: Path) -> None:
    vectors = {"m": np.arange(20, dtype=np.float32).reshape(5, 4), "v": np.arange(7, dtype=np.float32)}
    write_arrays(tmp_path, "x", vectors)
    archive = Archive(tmp_path / "x.scp")
    for key, array in vectors.items():
        for first, count in ((0, 2), (1, 3), (3, 99), (99, 1)):
            assert np.array_equal(archive.rows(key, first, count), array[first : first + count])
    (tmp_path / "ranged.scp").write_text(f"m {archive.entries['m']}[1:3]\n")
    assert np.array_equal(Archive(tmp_path / "ranged.scp").rows("m", 1, 1), vectors["m"][2:3])


def test_one_hot_voices_need_no_xvectors(made: DataDir) -> None:
    voices = Voices([made], Path("absent"), "one-hot")
    assert voices.names == ["f1", "m1", "m2"] and voices.dimension == 3
    assert voices.of((0, "m1-2"), mean=False).tolist() == [0, 1, 0] and not voices.mean().any()
    with pytest.raises(UsageError, match="'onehot': expected xvector or one-hot"):
        Voices([made], Path("absent"), "onehot")


def test_spectral_distances_in_closed_form() -> None:
    torch.manual_seed(0)
    wave = 0.1 * torch.randn(2, 8000)
    distance = spectral.StftLoss([[512, 80, 320], [128, 40, 80]])
    assert float(distance(wave, wave)) == 0.0
    # Twice as loud: log 2 in every bin, and the difference of the magnitudes is the target's.
    assert float(distance(2 * wave, wave)) == pytest.approx(math.log(2) + 1.0, abs=0.01)
    assert torch.allclose(spectral.LogMel()(2 * wave) - spectral.LogMel()(wave), torch.tensor(math.log(2)), atol=1e-3)


def test_adversarial_losses_in_closed_form() -> None:
    natural = [(torch.full((2, 3), 1.0), [torch.zeros(2, 4)]), (torch.full((2, 3), 0.5), [torch.ones(2, 4)])]
    made_up = [(torch.full((2, 3), 0.0), [torch.ones(2, 4)]), (torch.full((2, 3), 0.5), [torch.full((2, 4), 3.0)])]
    assert float(spectral.discriminator_loss(natural, made_up)) == pytest.approx(0 + 0 + 0.25 + 0.25)
    assert float(spectral.generator_loss(made_up)) == pytest.approx(1 + 0.25)
    assert float(spectral.feature_loss(natural, made_up)) == pytest.approx(1 + 2)


@pytest.mark.parametrize(("kind", "least"), [("harmonic_noise", 0.9), ("hifigan", 0.8), ("nsf_hifigan", 0.8)])
def test_the_loss_falls(made: DataDir, tmp_path: Path, kind: str, least: float) -> None:
    waves = {}  # all harmonics and some noise: speech has no silence between them
    for number, utterance in enumerate(made.utterances):
        samples = round(made.duration(utterance) * 16000)
        periods = (100.0 + 10 * number) * np.arange(samples) / 16000
        noise = np.random.default_rng(number).standard_normal(samples)
        waves[utterance] = (0.2 * (periods % 1.0 - 0.5) + 0.02 * noise).astype(np.float32)
    write_arrays(Path("frames/tiny"), "wave", waves)
    figure = "stft_loss" if kind == "harmonic_noise" else "mel_loss"
    losses = []
    for count in (1, 40):
        training = Training(updates=count, round_updates=20, batch_size=4, learning_rate=0.005, warmup=1, threads=1)
        changes = {"training": training, "adversarial": Adversarial([2], 1, 0.03, start=30)}
        facts = train(made, tmp_path / f"{count}", options(kind, **changes))
        losses.append(facts["validation"][figure])
    assert losses[1] < least * losses[0]  # (of noise, the spectra of two drawings differ for ever)


@pytest.mark.parametrize("kind", ["harmonic_noise", "hifigan", "nsf_hifigan"])
def test_a_killed_run_ends_with_the_same_vocoder(
    made: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    asked = options(kind, speaker_input="one-hot")
    facts = train(made, tmp_path / "unbroken", asked)
    assert [speaker["id"] for speaker in facts["speakers"]] == ["f1", "m1", "m2"]
    assert facts["speakers"][0]["gender"] == "f"
    assert math.exp(facts["speakers"][0]["log_f0"][0]) == pytest.approx(115, abs=3)  # 100 to 130, by length
    batch = VocoderBatches.batch

    def killed(self: VocoderBatches, index: int) -> tuple[torch.Tensor, ...]:
        if index == 3:
            raise RuntimeError("killed")
        return batch(self, index)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(VocoderBatches, "batch", killed)
        train(made, tmp_path / "broken", asked)
    assert (tmp_path / "broken/checkpoints/last.ckpt").exists()
    train(made, tmp_path / "broken", asked)
    networks = [store.load(tmp_path / name, *store.synthesizers())[0].state_dict() for name in ("unbroken", "broken")]
    assert all(torch.equal(networks[1][name], value) for name, value in networks[0].items())


FULL = [pytest.param(name, marks=pytest.mark.slow) for name in ("hifigan_vpc", "nsf_hifigan_vpc")]


@pytest.mark.parametrize("block", ["hifigan_mini", "harmonic_noise", *FULL])
def test_a_configuration_makes_a_training_step(block: str) -> None:
    """At its full size, on a segment that is as short as the spectra allow."""
    asked = configuration.load(configuration.block_file("synthesizer", block)).synthesizer
    network, kind, hyperparameters = vocoder.build(asked, 256, 2, 247)
    sizes = {"hifigan_vpc": 14.6, "nsf_hifigan_vpc": 14.6, "hifigan_mini": 0.32, "harmonic_noise": 0.42}
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert millions == pytest.approx(sizes[block], rel=0.1)
    learner = (
        vocoder.VocoderLearner(network, asked, 1) if kind == "harmonic_noise"
        else vocoder.AdversarialLearner(network, asked, 1)
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    conditions = (
        torch.randn(1, 8, 256, generator=generator), torch.full((1, 16), 5.0), torch.ones(1, 16), torch.eye(247)[:1],
        torch.tensor([[150.0, 20.0]]),
    )  # fmt: skip
    target = 0.1 * torch.randn(1, 16 * HOP, generator=generator)
    if isinstance(learner, vocoder.AdversarialLearner):
        found = network(vocoder.Conditions(*conditions), learner.noise(target, "train"))
        assert found.shape == target.shape
        natural, made_up = learner.discriminators(target), learner.discriminators(found)
        spectral.discriminator_loss(natural, made_up).backward(retain_graph=True)
        value = spectral.generator_loss(made_up) + 2 * spectral.feature_loss(natural, made_up)
        (value + asked.adversarial.reconstruction_weight * learner.reconstruction(found, target)).backward()
    else:
        learner.loss((*conditions, target), "train").backward()
    assert all(parameter.grad is not None for parameter in learner.parameters())
    assert hyperparameters["bottleneck"] == 256


def test_bad_sizes_are_told(made: DataDir, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"synthesizer of kind hifigan: rates .* make 80 samples"):
        train(made, tmp_path / "x", options("hifigan", hifigan=HifiGan(16, [8, 5, 2], [16, 11, 4], [3], [1])))
    with pytest.raises(UsageError, match="reconstruction 'l2': expected mel or stft"):
        train(made, tmp_path / "x", options("hifigan", adversarial=Adversarial(reconstruction="l2")))
