"""Batches as a GPU works on them: padded, what is behind an utterance's end does not show but for rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox.anonymize.knnvc.vocoder import Vocoder
from pseudovox.components.content import Extractor
from pseudovox.components.synthesis import Synthesizer
from pseudovox.config import Synthesis
from pseudovox.core import blocks
from pseudovox.models import store


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the batches are worked on; on a GPU in single precision, as a CPU does."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return str(request.param)


LENGTHS = (1.03, 0.4, 1.6, 0.777)  # seconds; of odd and even numbers of frames


def noise(seconds: float) -> np.ndarray:
    draw = np.random.default_rng(round(1000 * seconds))
    return (0.1 * draw.standard_normal(round(16000 * seconds))).astype(np.float32)


def settled(network: torch.nn.Module) -> torch.nn.Module:
    """With statistics as of training, so that frames of zeros do not stay zero, and weights that do something."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.uniform_(-0.5, 0.5)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    for parameter in network.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, 0.0, 0.3)
    return network


@pytest.mark.parametrize(
    ("changes", "warps"),
    [
        ({}, ()),
        ({"stride": 1, "codes": 0}, ()),
        ({"factor": 6, "adapted": True, "codes": 0}, ()),
        ({"codes": 0}, (0.9, 1.0, 1.1)),
        ({"codes": 0, "speaker_factors": 2}, ()),
    ],
)
def test_content_together_is_that_of_each_alone(
    changes: dict[str, Any], warps: tuple[float, ...], device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "bins": 20, "phones": 5, "channels": 12, "factor": 0, "dilations": [1, 3], "stride": 2, "dimension": 6,
        "codes": 8, **changes,
    }  # fmt: skip
    network = settled(store.build("bottleneck", sizes))
    network.quantizing.fill_(bool(sizes["codes"]))
    facts = {
        "dimension": 6,
        "floor_decibels": 45.0,
        "frame_shift_seconds": 0.01 * sizes["stride"],
        "warps": list(warps),
    }
    store.save(tmp_path / "m", network, kind="bottleneck", hyperparameters=sizes, facts=facts)
    signals = [noise(seconds) for seconds in LENGTHS]
    alone = Extractor(tmp_path / "m")
    expected_all = [alone(signal) for signal in signals]
    together = [made() for made in Extractor(tmp_path / "m", device, padded=True).later(signals)]
    monkeypatch.setattr(blocks, "SECONDS", 1.2)  # the longest one does not go with the others
    apart = [made() for made in Extractor(tmp_path / "m", device, padded=True).later(signals)]
    close = {"rtol": 1e-4, "atol": 1e-5} if device == "cpu" else {"rtol": 1e-3, "atol": 1e-3}
    for found, other, expected in zip(together, apart, expected_all, strict=True):
        np.testing.assert_allclose(found, expected, **close)
        np.testing.assert_allclose(other, expected, **close)


VOCODERS: dict[str, dict[str, Any]] = {
    "harmonic_noise": {
        "harmonic_bands": 9, "noise_bands": 5, "fft": 1024, "channels": 8, "kernel": 3, "dilations": [1, 2],
        "speaker": 3, "dropout": 0.0,
    },
    "hifigan": {
        "channels": 16, "rates": [10, 8, 2], "kernels": [20, 16, 4], "block_kernels": [3, 5], "block_dilations": [1, 3],
        "pitch": "absolute", "harmonics": 0,
    },
    "nsf_hifigan": {
        "channels": 16, "rates": [10, 8, 2], "kernels": [20, 16, 4], "block_kernels": [3], "block_dilations": [1, 3],
        "pitch": "normalised", "harmonics": 4,
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", list(VOCODERS))
def test_speech_together_is_that_of_each_alone(kind: str, device: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    name = "hifigan" if kind == "nsf_hifigan" else kind
    sizes = {"bottleneck": 4, "stride": 2, "xvector": 5, **VOCODERS[kind]}
    network = settled(store.build(name, sizes))
    store.save(
        tmp_path / "m", network, kind=name, hyperparameters=sizes, facts={"bottleneck": 4, "xvector": 5, "stride": 2}
    )
    draw = np.random.default_rng(1)
    options = Synthesis()
    alone, padded = (
        Synthesizer(tmp_path / "m", options, 1, where, own) for where, own in (("cpu", False), (device, True))
    )
    asked = []
    for number, seconds in enumerate(LENGTHS):
        samples = round(16000 * seconds)
        frames = samples // 160 + 1
        contour = np.where(draw.random(frames) < 0.7, draw.uniform(90, 220, frames), 0.0).astype(np.float32)
        content = draw.standard_normal((-(-frames // 2), 4)).astype(np.float32)
        voice = draw.standard_normal(5).astype(np.float32)
        asked.append(padded.asked(content, contour, voice, samples, f"u{number}", noise(seconds)))
    assert padded.padded and not alone.padded
    for one, other in zip(padded.later(asked), alone.later(asked), strict=True):
        found, expected = one(), other()
        assert len(found) == len(expected) and np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 if device == "cpu" else 1e-4)


@pytest.mark.parametrize("fft", [0, 16])
def test_vocoder_of_features_together_is_that_of_each_alone(fft: int, device: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {
        "features": 6, "width": 8, "channels": 16, "rates": [10, 8] if fft else [10, 8, 4],
        "kernels": [20, 16] if fft else [20, 16, 8], "block_kernels": [3], "block_dilations": [1, 3], "fft": fft,
    }  # fmt: skip
    network = settled(store.build("feature_hifigan", sizes))
    facts = {"features": {"kind": "wavlm", "layer": 6}}
    store.save(tmp_path / "m", network, kind="feature_hifigan", hyperparameters=sizes, facts=facts)
    draw = np.random.default_rng(1)
    features = [torch.from_numpy(draw.standard_normal((frames, 6)).astype(np.float32)) for frames in (20, 33, 7)]
    originals, samples = [noise(0.5)] * 3, [320 * len(own) - 40 for own in features]
    alone = Vocoder(tmp_path / "m").later(features, originals, samples)
    together = Vocoder(tmp_path / "m", device=device, padded=True).later(features, originals, samples)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one(), other(), rtol=1e-3, atol=1e-5 if device == "cpu" else 1e-4)
