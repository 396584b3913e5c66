"""The spectra of hle_vqvae, how the toolkit's networks would hear them, and speech of them by WORLD."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchaudio

from pseudovox.anonymize.hle_vqvae import spectra
from pseudovox.anonymize.hle_vqvae.options import Options, Spectra
from pseudovox.anonymize.hle_vqvae.speech import by_world
from pseudovox.components import content, f0
from pseudovox.core.errors import UsageError

FBANK = Spectra(
    kind="fbank", sample_rate=16000, hop=160, window=400, fft=512, low=20.0, high=8000.0, offset=-5.0, scale=3.0
)


def vowel(rate: int, seconds: float = 1.0, pitch: float = 120.0) -> np.ndarray:
    time = np.arange(int(rate * seconds)) / rate
    numbers = np.arange(1, int(7000 / pitch))
    level = sum(np.exp(-(((numbers * pitch - centre) / 300.0) ** 2)) for centre in (700.0, 1200.0, 2600.0)) + 0.003
    return (0.05 * (np.sin(2 * np.pi * pitch * numbers[:, None] * time) * level[:, None]).sum(0)).astype(np.float32)


def test_kind_mel_is_torchaudios() -> None:
    samples = vowel(24000)
    own = torchaudio.transforms.MelSpectrogram(24000, 2048, 1200, 300, n_mels=80)
    expected = ((1e-5 + own(torch.from_numpy(samples / np.abs(samples).max()))).log() + 4) / 4
    found = spectra.of_samples(samples, Spectra())
    assert found.shape == (81, 80)
    assert torch.allclose(found, expected.T, atol=1e-4)


def test_kind_fbank_is_what_the_content_extractor_sees() -> None:
    samples = vowel(16000)
    found = spectra.of_samples(samples, FBANK)
    natural = content.log_mel(samples, 80, 45.0)
    assert torch.allclose(found * 3 - 5, natural, atol=1e-5)
    assert torch.allclose(spectra.Ears(FBANK).fbank(found[None])[0], natural, atol=1e-5)


def test_kind_mel_is_heard_nearly_as_kaldi_would() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(48000).astype(np.float32)
    heard = spectra.Ears(Spectra()).fbank(spectra.of_samples(noise, Spectra())[None])[0]
    wanted = content.log_mel(torchaudio.functional.resample(torch.from_numpy(noise), 24000, 16000).numpy(), 80, 45.0)
    assert heard.shape[1] == 80 and abs(len(heard) - len(wanted)) <= 2
    heard, wanted = heard - heard.mean(), wanted - wanted.mean()
    # By band: the shape of pre-emphasis and of the filters' widths, but for the edge where resampling ends.
    assert torch.allclose(heard.mean(0)[3:76], wanted.mean(0)[3:76], atol=0.35)


@pytest.mark.parametrize("pitch", [90.0, 200.0])
def test_world_speaks_a_vowel_again_at_another_pitch(pitch: float) -> None:
    samples = vowel(16000)
    options = Options(spectra=FBANK, spoken="world")
    contour = np.full(f0.frame_count(len(samples)), pitch, np.float32)
    found = by_world(spectra.of_samples(samples, FBANK).numpy(), contour, -20.0, len(samples), options)
    assert found.shape == samples.shape and np.isfinite(found).all()
    ours, theirs = (content.log_mel(one, 80, 45.0)[20:-20].mean(0).numpy() for one in (found, samples))
    smooth = np.ones(9) / 9
    ours, theirs = np.convolve(ours, smooth, "valid"), np.convolve(theirs, smooth, "valid")
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9
    spectrum = np.abs(np.fft.rfft(found[4000:12000] * np.hanning(8000)))
    peak = spectrum[int(60 / 2) : int(250 / 2)].argmax() * 2 + 60
    assert min(abs(peak / pitch - number) for number in (1, 2)) < 0.05


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "mfcc"}, "kind 'mfcc': expected mel or fbank"),
        ({"kind": "fbank"}, "kind fbank has 16000 and 160"),
        ({"high": 13000.0}, "high 13000"),
        ({"scale": 0.0}, "scale 0"),
    ],
)
def test_spectra_that_cannot_be(changed: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Options(spectra=Spectra(**changed)).check()


def test_options_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="expected vocoder or world"):
        Options(spoken="griffin").check()
    with pytest.raises(UsageError, match="spoken=vocoder"):
        Options(spoken="world").check()
    with pytest.raises(UsageError, match="a multiple of 8"):
        Options(segment_frames=60).check()
