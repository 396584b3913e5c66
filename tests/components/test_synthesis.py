"""Synthesis: exact lengths, what it refuses, which x-vectors it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.components import f0, world
from pseudovox.components.synthesis import Synthesizer, voice_table
from pseudovox.config import Synthesis
from pseudovox.core.errors import DataError
from pseudovox.models import store

HYPERPARAMETERS = {
    "bottleneck": 6, "stride": 2, "xvector": 5, "envelope": 20, "aperiodicity": 1, "channels": 8, "kernel": 3,
    "dilations": [1], "speaker": 4,
}  # fmt: skip


@pytest.fixture
def synthesizer(tmp_path: Path) -> Synthesizer:
    torch.manual_seed(0)
    network = store.build("synthesizer", HYPERPARAMETERS)
    network.target_mean[0], network.target_mean[20] = -10.0, -30.0  # level, and mostly periodic
    facts = {"bottleneck": 6, "stride": 2, "xvector": 5}
    store.save(tmp_path / "model", network, kind="synthesizer", hyperparameters=HYPERPARAMETERS, facts=facts)
    return Synthesizer(tmp_path / "model", Synthesis())


def inputs(samples: int, pitch: float = 120.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(samples)
    content = generator.normal(size=(-(-max(1, (samples + 80) // 160) // 2), 6)).astype(np.float32)
    contour = np.full(f0.frame_count(samples), pitch, np.float32)
    return content, contour, generator.normal(size=5).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 81, 160, 8000, 8079, 8081, 8161, 16000])
def test_speech_has_exactly_the_samples_asked_for(synthesizer: Synthesizer, samples: int) -> None:
    speech = synthesizer(*inputs(samples), samples)
    assert speech.shape == (samples,) and speech.dtype == np.float32
    assert np.isfinite(speech).all() and np.abs(speech).max() <= world.PEAK + 1e-6


def test_speech_has_the_level_and_the_pitch_asked_for(synthesizer: Synthesizer) -> None:
    speech = synthesizer(*inputs(16000, pitch=150.0), 16000)
    assert world.speech_level(speech) == pytest.approx(-26.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(speech[2000:14000] * np.hanning(12000)))
    autocorrelation = np.fft.irfft(spectrum**2)
    assert 16000 / (np.argmax(autocorrelation[60:200]) + 60) == pytest.approx(150.0, rel=0.02)


def test_unvoiced_speech_is_noise_and_deterministic(synthesizer: Synthesizer) -> None:
    content, contour, xvector = inputs(8000, pitch=0.0)
    first, second = (synthesizer(content, contour, xvector, 8000) for _ in range(2))
    assert np.array_equal(first, second) and first.std() > 0


def test_inputs_of_other_audio_or_models_are_refused(synthesizer: Synthesizer) -> None:
    content, contour, xvector = inputs(8000)
    with pytest.raises(DataError, match="dimensions 6 and 4"):
        synthesizer(content, contour, xvector[:4], 8000)
    with pytest.raises(DataError, match="other audio"):
        synthesizer(content, contour, xvector, 16000)
    with pytest.raises(DataError, match="other audio"):
        synthesizer(content[:10], contour, xvector, 8000)


def test_pseudo_speakers_come_before_the_speakers_themselves(tmp_path: Path) -> None:
    assert voice_table(tmp_path).name == "xvector.scp"
    (tmp_path / "pseudo_xvector.scp").touch()
    assert voice_table(tmp_path).name == "pseudo_xvector.scp"
