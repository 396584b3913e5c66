"""The tracker of formants: what Praat says of a vowel, the errors by hand, and that the tracker learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from pseudovox.anonymize.hle_vqvae.options import Formants
from pseudovox.config import F0, Training
from pseudovox.core.errors import UsageError
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.models import store
from pseudovox.models.spectrum_tracker import SpectrumTracker, Tracks
from pseudovox.training import formants

pytest.importorskip("parselmouth")
VOWELS = {"a": (750.0, 1250.0, 2600.0), "i": (300.0, 2250.0, 3000.0), "u": (320.0, 850.0, 2400.0)}


def vowel(resonances: tuple[float, ...], pitch: float, seconds: float = 0.6) -> np.ndarray:
    """Pulses through resonators of 80 Hz, (samples,) at 16 kHz."""
    count = int(seconds * 16000)
    signal = np.zeros(count)
    signal[:: round(16000 / pitch)] = 1.0
    signal = lfilter([1.0], [1.0, -0.95], signal)
    for centre in (*resonances, 3600.0, 4600.0):
        radius = np.exp(-np.pi * 80.0 / 16000)
        signal = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * centre / 16000), radius**2], signal)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(count)
    return (0.3 * signal / np.abs(signal).max() + noise).astype(np.float32)


@pytest.fixture
def vowels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """Four speakers of three vowels each, at pitches of their own."""
    monkeypatch.chdir(tmp_path)
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav.scp", "utt2spk", "utt2dur", "spk2gender")}
    for number in range(4):
        speaker = f"s{number}"
        tables["spk2gender"][speaker] = "fm"[number % 2]
        for name, resonances in VOWELS.items():
            write_wav(tmp_path / f"{speaker}-{name}.wav", vowel(resonances, 100.0 + 12 * number))
            tables["wav.scp"][f"{speaker}-{name}"] = f"{speaker}-{name}.wav"
            tables["utt2spk"][f"{speaker}-{name}"] = speaker
            tables["utt2dur"][f"{speaker}-{name}"] = "0.6"
    DataDir("data/vowels", tables).write()
    return DataDir.load("data/vowels")


@pytest.mark.parametrize("name", sorted(VOWELS))
def test_praat_finds_the_resonances(name: str) -> None:
    found = formants.praat_formants(vowel(VOWELS[name], 110.0), 60, 5000.0)
    assert found.shape == (60, 3)
    assert np.median(found[10:50], 0) == pytest.approx(VOWELS[name], rel=0.1)


def test_too_short_for_praat() -> None:
    assert not formants.praat_formants(np.zeros(100, np.float32), 1, 5000.0).any()


def test_errors_by_hand() -> None:
    class Constant(SpectrumTracker):
        def forward(self, frames: torch.Tensor) -> Tracks:
            ones = torch.ones(frames.shape[:2])
            return Tracks(torch.stack([500 * ones, 1500 * ones, 2500 * ones], 2), 200 * ones, ones)

    tracks = np.array([[600, 1500, 2400, 100], [400, 1600, 2500, 200], [0, 0, 0, 0], [500, 0, 2500, 200]], np.float32)
    found = formants.errors_of(
        Constant(channels=8, layers=1, heads=1), [(np.zeros((4, 80), np.float32), tracks)], np.array([500, 1500, 2400]),
        3,
    )  # fmt: skip
    assert found == {
        "f1": 100.0, "f2": 50.0, "f3": 50.0, "f1_of_mean": 100.0, "f2_of_mean": 50.0, "f3_of_mean": 50.0, "f0": 4.0,
        "voicing": 0.75,
    }  # fmt: skip


def test_it_learns_of_unseen_speakers(vowels: DataDir, tmp_path: Path) -> None:
    options = Formants(
        channels=16, layers=1, heads=2, segment_frames=32, held_out=0.25,
        training=Training(updates=120, round_updates=60, batch_size=4, learning_rate=5e-3, threads=1),
    )  # fmt: skip
    facts: dict[str, Any] = formants.train([vowels], options, F0(), 1, tmp_path / "m", device="cpu")
    errors = facts["validation"]
    assert errors["f2"] < 0.5 * errors["f2_of_mean"] and errors["f1"] < errors["f1_of_mean"]
    network, _ = store.load(tmp_path / "m", "spectrum_tracker")
    found = network(torch.zeros(1, 40, 80))
    assert found.formants.shape == (1, 40, 3) and found.f0.shape == found.voiced.shape == (1, 40)


def test_options_that_cannot_be() -> None:
    for options, message in (
        (Formants(heads=3), "do not divide among 3 heads"), (Formants(highest={"f": 5500.0}), "expected f and m"),
        (Formants(segment_frames=8), "expected 16 to 10000"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            options.check()
