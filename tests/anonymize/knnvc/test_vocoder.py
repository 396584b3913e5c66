"""Speech from features: lengths, level, silence, and vocoders that were made for something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.anonymize.knnvc.vocoder import Vocoder
from pseudovox.components import world
from pseudovox.core.errors import DataError
from pseudovox.models import store

SIZES = {
    "features": 6, "width": 8, "channels": 8, "rates": [10], "kernels": [20], "block_kernels": [3],
    "block_dilations": [1], "fft": 128,
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = store.build("feature_hifigan", SIZES)
    facts = {"features": {"kind": "whisper", "layer": 4}, "prematched": True, "neighbours": 4, "dimension": 6}
    store.save(tmp_path / "vocoder", network, kind="feature_hifigan", hyperparameters=SIZES, facts=facts)
    return tmp_path / "vocoder"


def test_speech_of_the_length_and_level_asked_for(model: Path) -> None:
    speak = Vocoder(model, Features("whisper", 4), level=-30.0)
    features = np.random.default_rng(0).standard_normal((100, 6), dtype=np.float32)
    speech = speak(features)
    assert speech.shape == (32000,) and speech.dtype == np.float32
    assert world.speech_level(speech) == pytest.approx(-30.0, abs=0.1)
    assert len(speak(features, 31111)) == 31111 and not speak(features, 32100)[32000:].any()
    assert np.array_equal(speak(torch.from_numpy(features)), speech)


def test_silence_stays_silence(model: Path) -> None:
    speak = Vocoder(model)
    features = np.ones((10, 6), np.float32)
    assert not speak(features, 3200, original=np.zeros(3200, np.float32)).any()
    # Where durations are moved, speech is of another length than the original.
    original = 0.1 * np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    [spoken] = speak.later([torch.from_numpy(features)], [original], [3200])
    made = spoken()
    assert len(made) == 3200 and made[2000:].any()


def test_a_vocoder_for_other_features_is_refused(model: Path) -> None:
    for features in (Features("whisper", 3), Features("wavlm", 4)):
        with pytest.raises(DataError, match="for features of whisper, layer 4"):
            Vocoder(model, features)
    with pytest.raises(DataError, match=r"features \(3, 5\): .* \(frames, 6\)"):
        Vocoder(model)(np.zeros((3, 5), np.float32))
    with pytest.raises(DataError, match=r"features \(0, 6\)"):
        Vocoder(model)(np.zeros((0, 6), np.float32))
