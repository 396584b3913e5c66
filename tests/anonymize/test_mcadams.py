"""McAdams anonymization: held against a plain loop over frames, poles of known place, hard inputs."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from pseudovox.anonymize import mcadams
from pseudovox.config import McAdams, compose
from pseudovox.core.errors import UsageError
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.stage.parallel import Utterance

ROOT = Path(__file__).resolve().parents[2]
GUARDED = 10 ** (9 / 20)  # the default of mcadams.largest_gain


def plain_loop() -> Callable[[np.ndarray, float, int], np.ndarray]:
    """The loop that the benchmark compares with."""
    spec = importlib.util.spec_from_file_location("benchmark_of_mcadams", ROOT / "benchmarks/mcadams.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.plain_loop  # type: ignore[no-any-return]


def speech_like(samples: int, seed: int = 0) -> np.ndarray:
    """Pulses and noise through resonances that change every 50 ms; float32."""
    draw = np.random.default_rng(seed)
    source = 0.05 * draw.standard_normal(samples) + (np.arange(samples) % 120 == 0)
    pieces = []
    for start in range(0, samples, 800):
        poles = 0.95 * np.exp(2j * np.pi * draw.uniform([0.02, 0.07, 0.15], [0.06, 0.14, 0.3]))
        pieces.append(lfilter([1.0], np.real(np.poly([*poles, *poles.conj()])), source[start : start + 800]))
    joined = np.concatenate(pieces)
    return (0.5 * joined / np.abs(joined).max()).astype(np.float32)


@pytest.mark.parametrize("variant", list(mcadams.VARIANTS))
@pytest.mark.parametrize("coefficient", [0.5, 0.8, 1.1])
@pytest.mark.parametrize("samples", [320, 6000, 8001])
def test_as_the_plain_loop_over_frames(variant: int, coefficient: float, samples: int) -> None:
    sound = speech_like(samples)
    expected = plain_loop()(sound, coefficient, variant)
    if not expected.any():  # one frame, which these variants leave out
        return
    [got] = mcadams.warp([sound], [coefficient], mcadams.VARIANTS[variant])
    assert got.shape == sound.shape
    assert np.abs(got - expected).max() < 1e-7 * np.abs(expected).max()
    published = mcadams.published_scale(got, variant)
    if variant == 2020:
        assert np.abs(published).max() == 1.0
    else:
        pcm = np.trunc(expected / np.abs(expected).max() * 32766)
        assert np.abs(published * 32768 - pcm).max() <= 1 and (published * 32768 == pcm).mean() > 0.999
        assert np.abs(published).max() * 32768 in (32765, 32766)


@pytest.mark.parametrize("variant", list(mcadams.VARIANTS))
def test_coefficient_1_gives_the_input_back(variant: int) -> None:
    sound = speech_like(8000)
    [got] = mcadams.warp([sound], [1.0], mcadams.VARIANTS[variant], largest_gain=GUARDED)
    gain = np.zeros(len(sound))
    for start in range(160 if variant != 2024 else 0, len(sound) - 319, 160):
        gain[start : start + 320] += mcadams.window() ** 2
    assert np.abs(got - gain * sound).max() < 1e-6
    inner = slice(320, -320)
    assert np.abs(gain[inner] - 1).max() < 0.004
    assert np.abs(got[inner] - sound[inner]).max() < 0.005 * np.abs(sound).max()


@pytest.mark.parametrize("coefficient", [0.5, 0.8, 1.0])
def test_pole_pair_moves_to_its_angles_power(coefficient: float) -> None:
    angle = torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64)
    pairs = torch.polar(torch.full((3,), 0.9, dtype=torch.float64), angle)
    roots = torch.stack([pairs, pairs.conj(), torch.full_like(pairs, -0.5)], dim=1)
    got = mcadams.moved(roots, torch.full((3,), coefficient, dtype=torch.float64), clip=False)
    assert torch.allclose(got.abs()[:, :2], torch.tensor(0.9, dtype=torch.float64))
    assert torch.allclose(got[:, 0].angle(), angle**coefficient)
    assert torch.allclose(got[:, 1].angle(), -(angle**coefficient))
    assert torch.equal(got[:, 2], roots[:, 2]), "real poles stay"


def test_clip_keeps_angles_within_pi() -> None:
    root = torch.polar(torch.tensor([[0.9]], dtype=torch.float64), torch.tensor([[3.0]], dtype=torch.float64))
    power = torch.tensor([1.5], dtype=torch.float64)
    assert mcadams.moved(root, power, clip=True).angle().item() == pytest.approx(math.pi)
    assert mcadams.moved(root, power, clip=False).angle().item() == pytest.approx(3.0**1.5 - 2 * math.pi)


def test_burg_finds_the_filter_of_an_autoregression() -> None:
    true = np.real(np.poly([0.9 * np.exp(0.5j), 0.9 * np.exp(-0.5j)]))
    sound = lfilter([1.0], true, np.random.default_rng(0).standard_normal(20000))
    got = mcadams.burg(torch.from_numpy(sound).unsqueeze(0), order=2)[0].numpy()
    assert np.allclose(got, true, atol=0.02) and got[0] == 1


def test_filters_and_their_roots_go_round() -> None:
    frames = torch.from_numpy(speech_like(3200).reshape(10, 320).astype(np.float64))
    prediction = mcadams.burg(frames)
    roots = mcadams.companion_roots(prediction)
    assert roots.abs().max() < 1
    assert torch.allclose(mcadams.polynomials_of(roots), prediction, atol=1e-9)
    again = mcadams.resonate(mcadams.residual(frames, prediction), prediction)
    assert torch.allclose(again, frames, atol=1e-9)


def test_roots_as_a_gpu_finds_them_are_the_same() -> None:
    frames = torch.from_numpy(speech_like(9600).reshape(30, 320).astype(np.float64))
    prediction = mcadams.burg(frames * torch.from_numpy(mcadams.window()) + mcadams.EPSILON)
    power = torch.full((30,), 0.7, dtype=torch.float64)
    together, step = mcadams.simultaneous_roots(prediction)
    assert step.max() < 1e-10
    one, other = (
        mcadams.polynomials_of(mcadams.moved(roots, power, clip=False))
        for roots in (together, mcadams.companion_roots(prediction))
    )
    assert torch.allclose(one, other, atol=1e-8)


@pytest.mark.gpu
def test_gpu_computes_the_same() -> None:
    sounds = [speech_like(8000), speech_like(5000, seed=1)]
    here, there = (
        mcadams.warp(sounds, [0.6, 0.8], mcadams.VARIANTS[2024], largest_gain=GUARDED, device=device)
        for device in ("cpu", "cuda")
    )
    assert all(np.abs(a - b).max() < 1e-6 for a, b in zip(here, there, strict=True))


def test_batch_and_chunk_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = [speech_like(4000), speech_like(7777, seed=1), speech_like(100, seed=2)]
    variant, every = mcadams.VARIANTS[2024], [0.6, 0.8, 0.7]
    warp = functools.partial(mcadams.warp, variant=variant, largest_gain=GUARDED)
    together = warp(sounds, every)
    alone = [warp([sound], [power])[0] for sound, power in zip(sounds, every, strict=True)]
    monkeypatch.setitem(mcadams.CHUNK, "cpu", 7)
    small = warp(sounds, every)
    for found in (alone, small):
        assert all(np.allclose(a, b, atol=1e-7) for a, b in zip(together, found, strict=True))


@pytest.mark.parametrize("variant", list(mcadams.VARIANTS))
@pytest.mark.parametrize(
    "sound",
    [
        0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000),
        np.sin(2 * np.pi * 1000 * np.arange(8000) / 16000),
        np.zeros(8000),
        np.full(8000, 0.3),
        np.ones(1),
        speech_like(319),
        np.eye(1, 4000)[0],
    ],
    ids=["tone", "full tone", "silence", "offset", "one sample", "less than a frame", "impulse"],
)
def test_nothing_ends_in_nan_or_bursts(variant: int, sound: np.ndarray) -> None:
    [got] = mcadams.warp([sound.astype(np.float32)], [0.5], mcadams.VARIANTS[variant], largest_gain=GUARDED)
    assert got.shape == sound.shape and np.isfinite(got).all()
    assert np.abs(got).max() < 15 * np.abs(sound).max() + 1e-5
    published = mcadams.published_scale(got, variant)
    assert np.isfinite(published).all() and np.abs(published).max() <= 1


def test_limit_holds_frames_down_and_nothing_else() -> None:
    """A frame that would grow by more comes out at the limit; the others are as without it."""
    frames = torch.from_numpy(speech_like(9600).reshape(30, 320) * mcadams.window())
    power = torch.linspace(0.5, 1.0, 30, dtype=torch.float64)
    free = mcadams.warped(frames, power)
    limited = mcadams.warped(frames, power, largest_gain=GUARDED)
    before, after = ((out.square().mean(1) / frames.square().mean(1)).sqrt() for out in (free, limited))
    over = before > GUARDED
    assert over.any() and not over.all()
    assert torch.equal(limited[~over], free[~over])
    assert torch.allclose(after[over], torch.tensor(GUARDED, dtype=torch.float64))


@pytest.mark.parametrize("system", ["mcadams_2020", "mcadams_2022", "mcadams_vpc2024"])
def test_systems_of_the_challenges_are_theirs_to_the_sample(system: str, tmp_path: Path) -> None:
    """What a data dir becomes is the plain loop's output at the published scale."""
    config = compose("own", system)
    options = mcadams.resolved(config.mcadams)
    sound = speech_like(8000)
    write_wav(tmp_path / "s-0.wav", sound)
    part = DataDir(tmp_path / "a", {"utt2spk": {"s-0": "s"}, "wav.scp": {"s-0": str(tmp_path / "s-0.wav")}})
    worker = mcadams.McAdamsWorker(options, "utt", seed=1, decibels=config.synthesis.level)
    [(_, made)] = worker.process([Utterance(part, "s-0")])
    got = made()
    coefficient = mcadams.coefficients(part, options, "utt", 1)["s-0"]
    expected = plain_loop()(np.round(sound * 32768) / 32768, coefficient, options.variant)
    if options.variant == 2020:
        assert np.abs(got - expected / np.abs(expected).max()).max() < 1e-7
    else:
        pcm = np.trunc(expected / np.abs(expected).max() * 32766)
        assert np.abs(got * 32768 - pcm).max() <= 1 and (got * 32768 == pcm).mean() > 0.999


# ---------------------------------------------------------------------- coefficients
def data(name: str, speakers: dict[str, int]) -> DataDir:
    utt2spk = {f"{speaker}-{number}": speaker for speaker, count in speakers.items() for number in range(count)}
    return DataDir(f"data/{name}", {"utt2spk": utt2spk, "wav.scp": {utt: f"{utt}.wav" for utt in utt2spk}})


def drawn(part: DataDir, level: str, seed: int = 1, **options: object) -> dict[str, float]:
    return mcadams.coefficients(part, mcadams.resolved(McAdams(**options)), level, seed)  # type: ignore[arg-type]


def test_coefficients_by_level_and_id() -> None:
    part, more = data("a", {"s": 3, "t": 2}), data("a", {"r": 1, "s": 4, "t": 2})
    spk, utt = drawn(part, "spk"), drawn(part, "utt")
    assert len(set(spk.values())) == 2 and spk["s-0"] == spk["s-2"]
    assert len(set(utt.values())) == 5
    assert all(0.5 <= value <= 0.9 for value in (*spk.values(), *utt.values()))
    for level, found in (("spk", spk), ("utt", utt)):
        assert found.items() <= drawn(more, level).items(), "others in the data dir change nothing"
        assert not found.items() & drawn(part, level, seed=2).items()
        assert not found.items() & drawn(data("b", {"s": 3, "t": 2}), level).items()


def test_who_knows_the_coefficient_moves_formants_back(tmp_path: Path) -> None:
    sound = speech_like(32000)
    write_wav(tmp_path / "a-0.wav", sound)
    original = DataDir(tmp_path / "a", {"wav.scp": {"a-0": str(tmp_path / "a-0.wav")}, "utt2spk": {"a-0": "a"}})
    options = mcadams.resolved(McAdams())
    [(_, made)] = mcadams.McAdamsWorker(options, "spk", 1, -26.0).process([Utterance(original, "a-0")])
    moved = made()
    write_wav(tmp_path / "a-1.wav", moved)
    again = DataDir(tmp_path / "b", {"wav.scp": {"a-0": str(tmp_path / "a-1.wav")}, "utt2spk": {"a-0": "a"}})

    def apart(drawn: dict[str, float]) -> float:
        """Mean distance of the envelopes' logarithms, without the level, of what the attacker gets."""
        [(_, undone)] = mcadams.UndoWorker(2024, drawn, -26.0).process([Utterance(again, "a-0")])
        assert undone.shape == sound.shape
        envelopes = []
        for signal in (sound, undone):
            frames = torch.from_numpy(np.asarray(signal, np.float64)).unfold(0, 320, 160) * torch.from_numpy(
                mcadams.window()
            )
            envelope = -torch.fft.rfft(mcadams.burg(frames + mcadams.EPSILON), 256).abs().log()
            envelopes.append(envelope - envelope.mean(1, keepdim=True))
        return float((envelopes[0] - envelopes[1]).abs().mean())

    drawn = mcadams.coefficients(original, options, "spk", 1)
    with_other_seed = mcadams.coefficients(original, options, "spk", 3)
    assert apart(drawn) < 0.7 * apart({"a-0": 1.0}) and apart(drawn) < apart(with_other_seed)


def test_fixed_coefficients() -> None:
    part = data("a", {"s": 2})
    assert drawn(part, "utt", variant=2020) == {"s-0": 0.8, "s-1": 0.8}
    assert set(drawn(part, "spk", coefficient=[0.7]).values()) == {0.7}
    wide = drawn(data("a", {"s": 50}), "utt", coefficient=[0.1, 0.2])
    assert 0.1 <= min(wide.values()) < 0.11 and 0.19 < max(wide.values()) <= 0.2


def test_published_coefficients() -> None:
    import hashlib

    part = data("a", {"s": 3, "t": 2})
    # A uniform draw is lowest + (highest - lowest) u, u the generator's next number in [0, 1).
    first = [int(hashlib.sha256(text).hexdigest()[:8], 16) for text in (b"VPC2024", b"s", b"t")]
    expected = 0.5 + (0.9 - 0.5) * np.random.default_rng(first[0]).random(5)
    assert list(drawn(part, "utt", like="vpc2024").values()) == pytest.approx(list(expected))
    assert list(drawn(data("b", {"x": 5}), "utt", like="vpc2024", seed=7).values()) == pytest.approx(list(expected))
    speakers = drawn(part, "spk", like="vpc2024")
    for number, name in ((1, "s-1"), (2, "t-0")):
        assert speakers[name] == pytest.approx(0.5 + 0.4 * np.random.default_rng(first[number]).random())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": 2021}, "mcadams.variant 2021: expected one of 2020, 2022, 2024"),
        ({"like": "vpc"}, "mcadams.like 'vpc': expected"),
        ({"coefficient": [0.0]}, "expected one number above 0"),
        ({"coefficient": [0.9, 0.5]}, "lowest and the highest"),
        ({"coefficient": [0.1, 0.2, 0.3]}, "lowest and the highest"),
        ({"like": "vpc2024", "variant": 2022}, "imitates variant 2024"),
        ({"like": "vpc2024", "coefficient": [0.8]}, "drawn from a range"),
        ({"scale": "loud"}, "mcadams.scale 'loud': expected speech or published"),
        ({"largest_gain": -1.0}, "mcadams.largest_gain -1.0: expected decibels, 0 for no limit"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mcadams.resolved(McAdams(**options))  # type: ignore[arg-type]
