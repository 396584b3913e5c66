"""Features against torchaudio's Kaldi port, and the rules on hand-worked cases."""

import math

import numpy as np
import pytest
import torch
import torchaudio.compliance.kaldi as reference

from pseudovox.config import SpeakerFeatures
from pseudovox.data import features

KALDI = {"sample_frequency": 16000.0, "dither": 0.0, "snip_edges": False, "low_freq": 20.0}


@pytest.fixture(scope="module")
def signal() -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(7))
    time = np.arange(23456) / 16000
    tone = 0.3 * np.sin(2 * np.pi * 220 * time * (1 + 0.2 * time)) * (np.sin(5 * time) > 0)
    return (tone + 0.01 * generator.standard_normal(len(time)) + 0.02).astype(np.float32)


@pytest.mark.parametrize("bins", [40, 80])
def test_fbank_equals_kaldi(signal: np.ndarray, bins: int) -> None:
    expected = reference.fbank(torch.from_numpy(signal)[None] * 32768, num_mel_bins=bins, **KALDI)
    torch.testing.assert_close(features.fbank(signal, bins=bins), expected, atol=1e-3, rtol=0)


def test_mfcc_equals_kaldi(signal: np.ndarray) -> None:
    expected = reference.mfcc(
        torch.from_numpy(signal)[None] * 32768, num_ceps=30, num_mel_bins=30, high_freq=7600.0, use_energy=True, **KALDI
    )
    found = features.mfcc(signal)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(features.log_energy(signal), found[:, 0])


def test_batch_equals_one_by_one(signal: np.ndarray) -> None:
    pair = np.stack([signal, signal[::-1]])
    batch = features.mfcc(pair)
    assert batch.shape == (2, features.frame_count(len(signal)), 30)
    torch.testing.assert_close(batch[1], features.mfcc(signal[::-1].copy()), atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples, frames", [(1, 1), (79, 1), (239, 1), (240, 2), (16000, 100)])
def test_frame_count_and_short_signals(samples: int, frames: int) -> None:
    assert features.frame_count(samples) == frames
    found = features.fbank(np.full(samples, 0.1, dtype=np.float32), bins=40)
    assert found.shape == (frames, 40) and bool(torch.isfinite(found).all())


def test_no_samples() -> None:
    with pytest.raises(ValueError, match="without samples"):
        features.fbank(np.zeros(0, dtype=np.float32))


def test_level_invariance(signal: np.ndarray) -> None:
    quiet = features.mfcc(0.1 * signal, floor_decibels=45.0)
    torch.testing.assert_close(quiet, features.mfcc(signal, floor_decibels=45.0), atol=1e-2, rtol=0)


def test_floor_level() -> None:
    found = features.floor_level(torch.tensor([[3.0, -100.0]]), 10.0)
    torch.testing.assert_close(found, torch.tensor([[0.0, -math.log(10.0)]]))


def test_energy_vad_by_hand() -> None:
    # Threshold 5.5 + 0.5 * 2 = 6.5: only frame 6 is loud, and it makes its neighbours within 2 frames speech.
    energy = torch.zeros(11)
    energy[6] = 22.0
    assert features.energy_vad(energy).nonzero().flatten().tolist() == [4, 5, 6, 7, 8]
    # With a proportion of 0.22, one loud frame of 5 no longer suffices, but one of 4 at the end does.
    energy = energy.roll(3)
    assert features.energy_vad(energy, proportion=0.22).nonzero().flatten().tolist() == [9, 10]


@pytest.mark.parametrize(("kind", "dimension"), [("mfcc", 30), ("fbank", 40)])
def test_speaker_features_leave_out_silence(signal: np.ndarray, kind: str, dimension: int) -> None:
    options = SpeakerFeatures(kind=kind, bins=dimension)
    padded = np.concatenate([signal, np.zeros(16000, np.float32)])
    found = features.speaker_features(padded, options)
    assert found.shape[1] == dimension
    assert len(found) <= features.frame_count(len(signal)) + 4 < features.frame_count(len(padded))


def test_speaker_features_of_unknown_kind(signal: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected mfcc, fbank or speechbrain"):
        features.speaker_features(signal, SpeakerFeatures(kind="plp"))


def test_speech_frames_of_silence() -> None:
    assert not features.energy_vad(torch.full((5,), 1.0)).any()
    assert features.speech_frames(torch.full((5,), 1.0)).all()


@pytest.mark.parametrize("frames", [1, 7, 300, 301, 1000])
def test_sliding_mean_equals_kaldi(frames: int) -> None:
    values = torch.randn(frames, 3, generator=torch.Generator().manual_seed(1)) + 100
    expected = torch.empty(frames, 3)
    for t in range(frames):  # Kaldi's rule, feature-functions.cc: SlidingWindowCmnInternal
        start = t - 150
        end = start + 300
        if start < 0:
            start, end = 0, end - start
        if end > frames:
            start, end = max(0, start - (end - frames)), frames
        expected[t] = values[t] - values[start:end].mean(0)
    torch.testing.assert_close(features.sliding_mean(values), expected, atol=1e-4, rtol=0)


def test_warp_moves_a_peak() -> None:
    peak = np.zeros((1, 40))
    peak[0, 20] = 1.0
    for factor, expected in ((1.0, 20.0), (0.8, 25.125), (1.25, 15.9)):
        moved = peak @ features.mel_warp(40, factor)
        assert float(moved[0] @ np.arange(40) / moved.sum()) == pytest.approx(expected, abs=0.3)
