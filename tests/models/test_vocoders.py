"""Neural vocoders: excitation in closed form, filters, lengths, what they depend on, discriminators."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from pseudovox.models import store
from pseudovox.models.discriminators import Discriminators
from pseudovox.models.harmonic_noise import HarmonicNoise, interpolation, minimum_phase
from pseudovox.models.hifigan import HifiGan
from pseudovox.models.vocoder import HOP, Conditions, phase_of, pulses, sines, to_samples

SHARED: dict[str, Any] = {"bottleneck": 6, "stride": 2, "xvector": 10}
HARMONIC = {
    **SHARED, "harmonic_bands": 12, "noise_bands": 6, "fft": 1024, "channels": 16, "kernel": 3, "dilations": [1, 2],
    "speaker": 5, "dropout": 0.0,
}  # fmt: skip
GAN = {
    **SHARED, "channels": 16, "rates": [8, 5, 4, 2], "kernels": [16, 11, 8, 4], "block_kernels": [3],
    "block_dilations": [1, 3], "pitch": "absolute", "harmonics": 0,
}  # fmt: skip
NETWORKS = {
    "harmonic_noise": ("harmonic_noise", HARMONIC),
    "hifigan": ("hifigan", GAN),
    "hifigan, rate of F0, odd kernels": ("hifigan", {**GAN, "rates": [5, 4, 4, 2], "kernels": [10, 7, 8, 4]}),
    "nsf_hifigan": ("hifigan", {**GAN, "harmonics": 8, "pitch": "normalised"}),
}


def conditions(frames: int, content: int = 0, batch: int = 2) -> Conditions:
    torch.manual_seed(frames)
    voiced = (torch.arange(frames) % 10 < 7).float().expand(batch, -1).contiguous()
    return Conditions(
        torch.randn(batch, content or -(-frames // 2), 6), 5.0 + 0.1 * torch.randn(batch, frames), voiced,
        torch.randn(batch, 10), torch.tensor([[150.0, 20.0]] * batch),
    )  # fmt: skip


def made(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    network = store.build(*NETWORKS[name])
    for parameter in network.parameters():  # away from the small numbers and zeros they start as
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    return network.eval()


# ---------------------------------------------------------------------- excitation
def test_frames_are_joined_by_lines() -> None:
    joined = to_samples(torch.tensor([[0.0, 160.0, 0.0]]))
    assert joined.shape == (1, 3 * HOP)
    assert torch.allclose(joined[0, :321], torch.cat([torch.arange(161.0), torch.arange(159.0, -1.0, -1.0)]), atol=1e-3)
    assert (joined[0, 320:] == 0).all()


@pytest.mark.parametrize("pitch", [60.0, 123.4, 400.0, 1000.0, 3999.0, 4000.0])
def test_pulses_are_the_sum_of_all_harmonics(pitch: float) -> None:
    f0 = torch.full((1, 4000), pitch)
    phase = 2 * math.pi * phase_of(f0)
    room = 8000.0 / pitch
    wanted = torch.zeros_like(phase)
    for number in range(1, math.floor(room) + 1):
        wanted += min(1.0, room - number) * torch.cos(number * phase)
    assert torch.allclose(pulses(f0).double(), wanted * math.sqrt(2 / room), atol=1e-3)


def test_pulses_have_power_one_and_no_click_where_a_harmonic_comes_or_goes() -> None:
    glide = torch.linspace(80, 300, 64000).unsqueeze(0)
    train = pulses(glide)
    assert float(train.square().mean()) == pytest.approx(1.0, abs=0.03)
    # A sum of cosines of slowly changing weights cannot move faster than its highest harmonic does.
    assert train.diff().abs().max() < 2.1 * train.abs().max()


def test_no_pulse_is_lost_in_a_minute() -> None:
    f0 = torch.full((1, 60 * 16000), 100.0)
    assert float(phase_of(f0)[0, -1]) == pytest.approx(0.0, abs=1e-6)  # 6000 periods, the last one just done


def test_sines_start_where_told_and_none_is_above_nyquist() -> None:
    f0 = torch.full((1, 160), 3000.0)
    found = sines(f0, torch.tensor([[0.25, 0.0, 0.0]]))
    first = torch.sin(2 * math.pi * (0.25 + 3000 / 16000 * torch.arange(1, 161)))
    assert torch.allclose(found[0, :, 0], first, atol=1e-3)
    assert found[0, :, 1].abs().max() > 0.5 and (found[0, :, 2] == 0).all()


# ---------------------------------------------------------------------- filters
def test_bands_are_joined_by_lines_and_sum_to_one() -> None:
    weights = interpolation(20, 1024)
    assert weights.shape == (20, 513) and torch.allclose(weights.sum(0), torch.ones(513))
    assert weights[0, 0] == 1 and weights[-1, -1] == pytest.approx(1.0, abs=1e-5)


def test_minimum_phase_keeps_magnitudes_and_is_causal() -> None:
    bins = torch.linspace(0, math.pi, 513)
    wanted = torch.log(1 / (1 - 0.9 * torch.exp(-1j * bins)).abs())  # one pole: 0.9^n
    response = minimum_phase(wanted)
    assert torch.allclose(response.abs().log(), wanted, atol=1e-4)
    impulse = torch.fft.irfft(response)
    assert torch.allclose(impulse[:100], 0.9 ** torch.arange(100.0), atol=1e-3)


def test_flat_filters_give_back_the_excitation() -> None:
    network = made("harmonic_noise")
    assert isinstance(network, HarmonicNoise)
    noise = torch.randn(2, 40 * HOP)
    responses = torch.cat([torch.full((2, 40, 12), -20.0), torch.zeros(2, 40, 6)], dim=2)
    found = network._filtered(torch.zeros_like(noise), noise, responses)
    assert torch.allclose(found, noise, atol=1e-4)


def test_long_speech_is_filtered_in_blocks_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    network, told = made("harmonic_noise"), conditions(50)
    noise = torch.randn(2, 50 * HOP)
    whole = network(told, noise)
    monkeypatch.setattr("pseudovox.models.harmonic_noise.BLOCK", 7)
    assert torch.allclose(network(told, noise), whole, atol=1e-5)


# ---------------------------------------------------------------------- networks
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("frames", "content"), [(20, 10), (21, 10), (19, 10), (1, 1)])
def test_160_samples_a_frame(name: str, frames: int, content: int) -> None:
    wave = made(name)(conditions(frames, content), torch.randn(2, frames * HOP))
    assert wave.shape == (2, frames * HOP) and wave.dtype == torch.float32 and wave.isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_speech_follows_every_input_but_not_the_length_of_the_voice(name: str) -> None:
    network, told = made(name), conditions(20)
    noise = torch.randn(2, 20 * HOP)
    reference = network(told, noise)
    ignored = {"utterance_f0"} if name != "nsf_hifigan" else set()
    for field in Conditions._fields:
        value = getattr(told, field)
        changed = network(told._replace(**{field: 1.1 * value.roll(1, dims=-1)}), noise)
        assert torch.allclose(changed, reference) == (field in ignored), field
    assert torch.allclose(network(told._replace(voice=3 * told.voice), noise), reference, atol=1e-5)
    heard = not torch.allclose(network(told, 2 * noise), reference)
    assert heard == (name in ("harmonic_noise", "nsf_hifigan"))


@pytest.mark.parametrize("name", NETWORKS)
def test_an_utterance_does_not_depend_on_its_batch(name: str) -> None:
    network, told = made(name), conditions(24)
    noise = torch.randn(2, 24 * HOP)
    alone = network(Conditions(*(value[:1] for value in told)), noise[:1])
    assert torch.allclose(network(told, noise)[:1], alone, atol=1e-5)


def test_normalised_pitch_hides_its_level() -> None:
    torch.manual_seed(0)
    network = HifiGan(**{**GAN, "pitch": "normalised"})
    told = conditions(20)
    higher = told._replace(log_f0=told.log_f0 + math.log(1.5), utterance_f0=1.5 * told.utterance_f0)
    assert torch.allclose(network._inputs(told), network._inputs(higher), atol=1e-3)
    pitch = network._inputs(told)[:, 6]
    assert (pitch[told.voiced[:, ::2] == 0] == 0).all() and (pitch[told.voiced[:, ::2] > 0] != 0).all()


def test_folded_weights_speak_the_same() -> None:
    torch.manual_seed(0)
    network = HifiGan(**GAN, weight_norm=True).eval()
    told, noise = conditions(8), torch.randn(2, 8 * HOP)
    before = network(told, noise)
    network.fold()
    assert torch.allclose(network(told, noise), before, atol=1e-6)
    assert network.state_dict().keys() == HifiGan(**GAN).state_dict().keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rates": [8, 5, 4, 3]}, "480 samples of a frame, expected 160 or 320"),
        ({"kernels": [16, 11, 8]}, "expected one for each of the rates"),
        ({"channels": 24}, "multiple of 16"),
        ({"pitch": "none"}, "expected absolute or normalised"),
    ],
)
def test_sizes_that_do_not_belong_together(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HifiGan(**{**GAN, **change})


# ---------------------------------------------------------------------- discriminators
def test_discriminators_judge_every_period_and_scale() -> None:
    torch.manual_seed(0)
    judges = Discriminators([2, 3], 2, width=0.125)
    judgements = judges(torch.randn(3, 4001))
    assert len(judgements) == 4
    assert [len(layers) for _, layers in judgements] == [6, 6, 8, 8]
    assert all(score.shape[0] == 3 and score.shape[1] > 1 for score, _ in judgements)


def test_discriminators_have_the_published_size() -> None:
    with torch.device("meta"):
        judges = Discriminators([2, 3, 5, 7, 11], 3)
    millions = sum(parameter.numel() for parameter in judges.parameters()) / 1e6
    assert millions == pytest.approx(70.7, abs=0.5)  # 41.1 of periods, 29.6 of scales
