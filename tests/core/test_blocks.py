"""Blocks: what is cut and joined again is what it was, for all that long recordings go through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from pseudovox.anonymize import mcadams
from pseudovox.components import content, f0, world
from pseudovox.components.synthesis import Synthesizer
from pseudovox.config import F0, Synthesis
from pseudovox.core import blocks
from pseudovox.data import audio, features
from pseudovox.models import store
from pseudovox.models.vocoder import HOP

RATE = audio.SAMPLE_RATE
SIZES = (0.5, 1.3, 3.0)  # seconds of a block


def speech(seconds: float, rate: int = RATE) -> np.ndarray:
    """Buzzes of a gliding pitch with noise and pauses in between, as speech has them; float32."""
    draw = np.random.default_rng(1)
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.4 * time)) / rate
    voiced = np.clip(-4 * np.sin(2 * np.pi * 1.3 * time), 0, 1)
    buzz = sum(np.cos(k * phase) / k for k in range(1, 16))
    return (0.1 * voiced * buzz + 0.005 * draw.standard_normal(len(time))).astype(np.float32)


@given(st.integers(0, 200), st.integers(1, 50), st.integers(0, 30), st.integers(1, 7), st.lists(st.integers(1, 40)))
def test_blocks_cover_a_signal_once_and_a_stream_is_cut_alike(
    length: int, longest: int, context: int, multiple: int, sizes: list[int]
) -> None:
    found = blocks.cut(length, longest, context, multiple)
    assert [place for block in found for place in range(block.start, block.end)] == list(range(length))
    signal = np.arange(length)
    pieces = np.split(signal, [size for size in np.cumsum(sizes) if size < length])
    streamed = list(blocks.stream(pieces, longest, context, multiple))
    if length:
        assert [block for block, _ in streamed] == found
    for block, own in streamed:
        assert np.array_equal(own, signal[block.worked])
        assert np.array_equal(own[block.kept], signal[block.start : block.end])
        if length > longest:
            assert block.start % multiple == 0 and block.first % multiple == 0
            assert block.first == 0 or block.start - block.first >= context


def test_stretches_end_in_the_longest_pause() -> None:
    voiced = np.ones(1000, bool)
    voiced[150:153] = voiced[170:190] = voiced[350:352] = False
    assert blocks.pauses(voiced, 100, 200) == [0, 180, 351, 551, 751, 951]
    assert blocks.pauses(voiced[:200], 100, 200) == [0]


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_resampling(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = speech(4, rate)
    whole = audio.resample(signal, rate, RATE)
    for seconds in SIZES:
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        again = audio.resample(signal, rate, RATE)
        assert again.shape == whole.shape
        np.testing.assert_allclose(again, whole, atol=1e-6)


def test_reading_and_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = speech(60, 22050)
    soundfile.write(tmp_path / "a.wav", np.stack([signal, -signal], 1), 22050)
    whole = audio.load_file(tmp_path / "a.wav", channel=1)
    audio.write_wav(tmp_path / "whole.wav", whole)
    for seconds in (3.0, 20.0):
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        again = audio.load_file(tmp_path / "a.wav", channel=1)
        np.testing.assert_allclose(again, whole, atol=1e-6)
        audio.write_wav(tmp_path / "again.wav", whole)
        assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


@pytest.mark.parametrize("floor", [0.0, 45.0])
def test_features(floor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = speech(7)

    def found() -> list[torch.Tensor]:
        mel = features.mfcc(signal, floor_decibels=floor)
        return [mel, features.sliding_mean(mel), features.decibel_fbank(signal), features.log_energy(signal)]

    whole = found()
    for seconds in SIZES:
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        for one, other in zip(found(), whole, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("method", "extra"), [("dio", 0), ("dio", 77), ("praat", 0), ("praat", 77), ("harvest", 77)])
def test_f0(method: str, extra: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f0, "SETTLING", 2.0)
    samples = (8 if method == "harvest" else 16) * RATE + extra  # that one takes a second for a second
    signal = speech(17)[:samples] * np.linspace(0.01, 1, samples, dtype=np.float32)
    found = []
    for seconds in (60.0, 3.0) if method == "harvest" else (60.0, 3.0, 5.7):
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        found.append(f0.extract(signal, F0(method=method)))
    assert 0.2 < (found[0] > 0).mean() < 0.8
    if method == "praat":  # of a whole recording its frames lie up to 5 ms off ours, on whichever side
        whole = found.pop(0)
        assert ((whole > 0) == (found[0] > 0)).mean() > 0.95
        both = (whole > 0) & (found[0] > 0)
        np.testing.assert_allclose(found[0][both], whole[both], rtol=0.02)
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-4)


@pytest.mark.parametrize(("stride", "codes", "adapted"), [(1, 0, False), (2, 0, True), (2, 8, False)])
def test_content(stride: int, codes: int, adapted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = {
        "bins": 20, "phones": 5, "channels": 16, "factor": 0, "dilations": [1, 2, 3], "stride": stride, "dimension": 6,
        "codes": codes, "adapted": adapted,
    }  # fmt: skip
    torch.manual_seed(0)
    network = store.build("bottleneck", parameters)
    network.quantizing.fill_(bool(codes))
    store.save(
        tmp_path / "model", network, kind="bottleneck", hyperparameters=parameters, facts={"floor_decibels": 45.0}
    )
    extract = content.Extractor(tmp_path / "model")
    signal = speech(7)[:-333]
    whole = extract(signal)
    for seconds in SIZES:
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        np.testing.assert_allclose(extract(signal), whole, atol=1e-4)


@pytest.mark.parametrize("year", list(mcadams.VARIANTS))
def test_mcadams(year: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = speech(5)[:-77]
    [whole] = mcadams.warp([signal], [0.8], mcadams.VARIANTS[year], largest_gain=2.8)
    for seconds in SIZES:
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        [again] = mcadams.warp([signal], [0.8], mcadams.VARIANTS[year], largest_gain=2.8)
        np.testing.assert_allclose(again, whole, atol=1e-6)


FRAMES = {"bottleneck": 6, "stride": 2, "xvector": 5, "channels": 8, "kernel": 3, "dilations": [1, 4], "speaker": 4}
HIFIGAN = {
    "bottleneck": 6, "stride": 2, "xvector": 5, "channels": 32, "kernels": [16, 8, 8, 4], "block_kernels": [3, 7],
    "block_dilations": [1, 3],
}  # fmt: skip
SYNTHESIZERS = {
    "synthesizer": {**FRAMES, "envelope": 20, "aperiodicity": 1},
    "harmonic_noise": {**FRAMES, "harmonic_bands": 12, "noise_bands": 8, "fft": 1024, "dropout": 0.0},
    "hifigan": {**HIFIGAN, "rates": [8, 5, 4, 2], "kernels": [16, 11, 8, 4], "pitch": "normalised", "harmonics": 0},
    "nsf": {**HIFIGAN, "rates": [5, 4, 4, 2], "kernels": [11, 8, 8, 4], "pitch": "absolute", "harmonics": 3},
}


@pytest.mark.parametrize("name", list(SYNTHESIZERS))
def test_synthesizers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "hifigan" if name == "nsf" else name
    torch.manual_seed(0)
    network = store.build(kind, SYNTHESIZERS[name])
    for parameter in network.parameters():  # layers that start as nothing would hide what they see
        if parameter.dim() > 1 and float(parameter.detach().std()) < 0.02:
            torch.nn.init.normal_(parameter, std=1.5 * parameter[0].numel() ** -0.5)
        elif parameter.dim() == 1 and kind == "hifigan":
            torch.nn.init.zeros_(parameter)
    if kind == "synthesizer":
        network.target_mean[0], network.target_mean[20] = -10.0, -30.0
    facts = {"bottleneck": 6, "stride": 2, "xvector": 5}
    store.save(tmp_path / "model", network, kind=kind, hyperparameters=SYNTHESIZERS[name], facts=facts)
    synthesize = Synthesizer(tmp_path / "model", Synthesis())
    draw = np.random.default_rng(1)
    samples = 6 * RATE + 99
    frames = f0.frame_count(samples)
    told = (
        draw.normal(size=(-(-frames // 2), 6)).astype(np.float32),
        np.where(np.arange(frames) % 90 < 60, 120.0 + np.arange(frames) / 20, 0.0).astype(np.float32),
        draw.normal(size=5).astype(np.float32),
    )
    whole = synthesize(*told, samples, "one")
    assert len(whole) == samples and whole.std() > 0.01
    for seconds in SIZES:
        monkeypatch.setattr(blocks, "SECONDS", seconds)
        np.testing.assert_allclose(synthesize(*told, samples, "one"), whole, atol=1e-4)


def test_stretches_of_world_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = speech(12)
    contour = f0.extract(signal, F0())
    analysis = world.analyse(signal, contour, 40)
    whole = world.synthesize(analysis, contour, len(signal))
    monkeypatch.setattr(world, "LONGEST_WHOLE", 3.0)
    monkeypatch.setattr(world, "STRETCH", (1.0, 2.0))
    cuts = blocks.pauses(contour > 0, 100, 200)
    assert len(cuts) > 5 and not contour[cuts].any()
    joined = world.synthesize(analysis, contour, len(signal))
    assert joined.shape == whole.shape
    jumps, usual = np.abs(np.diff(joined)), np.abs(np.diff(whole))

    def power(samples: np.ndarray, place: int) -> float:
        return float(10 * np.log10(np.square(samples[place - 800 : place + 800]).mean()))

    for cut in cuts[1:]:
        place = cut * HOP
        assert jumps[place - 200 : place + 200].max() < 1.5 * usual[place - 1600 : place + 1600].max()
        assert abs(power(joined, place) - power(whole, place)) < 2
    for place in range(1600, len(signal) - 1600, 1600):
        assert abs(power(joined, place) - power(whole, place)) < 3


def test_nothing_is_made_louder_than_it_may() -> None:
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    made = world.as_loud(0.3 * noise, 1e-4 * noise, -26.0)
    assert world.speech_level(made) == pytest.approx(world.speech_level(1e-4 * noise) + world.LARGEST_RAISE, abs=0.1)
    assert world.speech_level(world.as_loud(0.3 * noise, 0.01 * noise, -26.0)) == pytest.approx(-26.0, abs=0.1)
    assert not world.as_loud(noise, np.zeros(RATE, np.float32), -26.0).any()


def test_a_long_recording_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SECONDS", 1.0)
    said: list[float] = []
    with blocks.watched(said.append):
        f0.extract(speech(4), F0())
    f0.extract(speech(4), F0())
    assert len(said) == 5 and said == sorted(said) and said[-1] == 1.0
