"""Durations, F0 and energy of phones, and what they are multiplied by."""

from __future__ import annotations

import numpy as np
import torch

from pseudovox.anonymize.sttts import symbols
from pseudovox.anonymize.sttts.options import Transforms
from pseudovox.anonymize.sttts.prosody import Prosody, frame_energy, measure
from pseudovox.anonymize.sttts.transforms import transform
from pseudovox.components.f0 import frame_count

AA, S = symbols.code("AA"), symbols.code("S")


def test_energy_is_that_of_the_spectrum() -> None:
    samples = np.random.default_rng(0).standard_normal(7777).astype(np.float32)
    window = torch.hann_window(1024, periodic=True)
    padded = torch.nn.functional.pad(torch.from_numpy(samples), (512, 512 + 160))
    spectrum = torch.stft(padded, 1024, 160, window=window, center=False, return_complex=True)
    expected = spectrum.abs().square().sum(0).sqrt().numpy()[: frame_count(7777)]
    found = frame_energy(samples)
    assert len(found) == frame_count(7777)
    np.testing.assert_allclose(found, expected, rtol=0.01)
    assert not frame_energy(np.zeros(100)).any()


def test_prosody_is_relative_to_the_utterance() -> None:
    phones, durations = np.array([0, AA, S, AA, 0]), np.array([3, 4, 2, 4, 1])
    contour = np.array([0, 0, 0, 100, 100, 0, 100, 90, 0, 200, 200, 200, 200, 0.0])
    energy = np.array([9, 9, 9, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 9.0])
    found = measure(phones, durations, contour, energy, symbols.is_voiced(phones), phones == 0)
    np.testing.assert_allclose(found.pitch, [0, 100 / 150, 0, 200 / 150, 0], rtol=1e-6)
    np.testing.assert_allclose(found.energy, [0, 0.5, 1, 1.5, 0], rtol=1e-6)
    louder = measure(phones, durations, 2 * contour, 7 * energy, symbols.is_voiced(phones), phones == 0)
    np.testing.assert_allclose(louder.array(), found.array(), rtol=1e-6)
    again = Prosody.of(found.array())
    assert again.phones.tolist() == phones.tolist() and again.durations.tolist() == durations.tolist()


def test_nothing_voiced_is_no_error() -> None:
    found = measure(np.array([0]), np.array([5]), np.zeros(5), np.zeros(5), np.array([False]), np.array([True]))
    assert not found.pitch.any() and not found.energy.any()


def long(count: int = 4000) -> Prosody:
    phones = np.where(np.arange(count) % 10 == 0, 0, AA)
    ones = np.ones(count, np.float32) * (phones > 0)
    return Prosody(phones, np.full(count, 8), ones, ones)


def test_factors_are_whole_percents_of_their_range() -> None:
    given = long()
    moved = transform(given, Transforms(), 1, "a/b")
    for values in (moved.pitch[given.pitch > 0], moved.energy[given.energy > 0]):
        assert values.min() >= 0.6 - 1e-6 and values.max() < 1.4 - 0.005
        np.testing.assert_allclose(values * 100, np.rint(values * 100), atol=1e-3)
        assert abs(values.mean() - 0.995) < 0.02 and len(np.unique(values)) == 80
    assert (moved.durations == given.durations).all() and (moved.pitch[given.phones == 0] == 0).all()
    assert np.corrcoef(moved.pitch[given.pitch > 0], moved.energy[given.pitch > 0])[0, 1] < 0.1


def test_draws_are_an_utterances_own() -> None:
    given = long(50)
    one, again, other, seed = (transform(given, Transforms(), *key) for key in ((1, "x"), (1, "x"), (1, "y"), (2, "x")))
    assert (one.array() == again.array()).all()
    assert (one.pitch != other.pitch).any() and (one.pitch != seed.pitch).any()
    alone = transform(given, Transforms(energy=[], duration=[0.5, 2.0]), 1, "x")
    assert (alone.pitch == one.pitch).all() and (alone.energy == given.energy).all()


def test_no_range_changes_nothing_and_no_phone_is_lost() -> None:
    given = long(200)
    assert (transform(given, Transforms([], [], []), 1, "x").array() == given.array()).all()
    short = transform(
        Prosody(given.phones, np.ones(200, np.int64), given.pitch, given.energy),
        Transforms(duration=[0.1, 0.2]),
        1,
        "x",
    )
    assert (short.durations == 1).all()
    moved = transform(given, Transforms(duration=[2.0, 2.0]), 1, "x")
    assert (moved.durations == np.where(given.phones == 0, 8, 16)).all()
