"""F0 transforms: neutral ones bit for bit, closed forms, voicing kept, draws seeded."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from pseudovox.anonymize import f0_transforms
from pseudovox.anonymize.f0_transforms import Context, transform
from pseudovox.components import f0
from pseudovox.config import F0, F0Transforms
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir.directory import Phone


def options(*names: str, **transforms: Any) -> F0:
    return F0(floor=10.0, ceiling=2000.0, transform=list(names), transforms=F0Transforms(**transforms))


@pytest.fixture
def contour() -> np.ndarray:
    """10 s of F0 about 150 Hz with slow and fast movement, a third unvoiced; float32."""
    frames = np.arange(1000)
    draw = np.random.default_rng(3)
    values = 150 + 20 * np.sin(frames / 60) + 10 * np.sin(frames / 5) + draw.standard_normal(1000)
    values[(frames // 37) % 3 == 0] = 0
    return values.astype(np.float32)


PHONES = [Phone(number / 10, 0.1, "aa") for number in range(100)]
NEUTRAL: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((), {}),
    (("revert",), {"reversion": 0.0}),
    (("quantise",), {"quantise_steps": 0.0}),
    (("phones",), {"phone_range": [1.0, 1.0]}),
    (("smooth",), {"smooth_window": 0.01}),
    (("shift",), {}),
    (("revert", "quantise", "smooth"), {"reversion": 0.0, "quantise_steps": 0.0, "smooth_window": 0.0}),
]


@pytest.mark.parametrize("domain", f0_transforms.DOMAINS)
@pytest.mark.parametrize(("names", "settings"), NEUTRAL)
def test_neutral_transforms_are_the_identity_bit_for_bit(
    contour: np.ndarray, domain: str, names: tuple[str, ...], settings: dict[str, Any]
) -> None:
    narrow = dataclasses.replace(options(*names, domain=domain, **settings), floor=149.0, ceiling=151.0)
    got = transform(contour, narrow, Context(phones=PHONES))
    assert got.dtype == np.float32 and got.tobytes() == contour.tobytes()


@pytest.mark.parametrize("domain", f0_transforms.DOMAINS)
@pytest.mark.parametrize("noise", f0_transforms.NOISES)
def test_voicing_is_kept_whatever_is_done(contour: np.ndarray, domain: str, noise: str) -> None:
    every = options("revert", "noise", "quantise", "phones", "smooth", domain=domain, noise=noise, noise_decibels=40)
    context = Context("u", phones=PHONES)
    for sound in (contour, np.zeros(50, np.float32), contour[:1], np.eye(1, 30, 7, dtype=np.float32)[0] * 100):
        got = transform(sound, every, context)
        assert got.shape == sound.shape and np.array_equal(got > 0, sound > 0)
        assert np.isfinite(got).all() and (got[got > 0] >= 10).all() and (got <= 2000).all()


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("domain", f0_transforms.DOMAINS)
def test_reversion_shrinks_deviations_by_1_minus_alpha(contour: np.ndarray, alpha: float, domain: str) -> None:
    voiced = contour > 0
    whole = options("revert", reversion=alpha, reversion_window=0.0, domain=domain)
    got, given = transform(contour, whole, Context())[voiced], contour[voiced]
    assert got.mean() == pytest.approx(given.mean(), rel=1e-5)
    assert got.var() == pytest.approx((1 - alpha) ** 2 * given.var(), abs=1e-3)

    def detrended(values: np.ndarray) -> np.ndarray:
        """Less the mean of the voiced frames of 650 ms around, frame by frame."""
        means = [given_around[given_around > 0].mean() for at in np.flatnonzero(voiced)
                 if len(given_around := contour[max(0, at - 32) : at + 33])]  # fmt: skip
        return values[voiced] - means

    local = options("revert", reversion=alpha, reversion_window=0.64, domain=domain)
    ratio = detrended(transform(contour, local, Context())).var() / detrended(contour).var()
    assert ratio == pytest.approx((1 - alpha) ** 2, abs=1e-4)


@pytest.mark.parametrize(
    ("domain", "noise", "decibels"),
    [("normalised", "power", 2.0), ("hz", "power", 10.0), ("normalised", "snr", 10.0), ("hz", "snr", 20.0)],
)
def test_noise_has_the_power_that_either_reading_says(
    contour: np.ndarray, domain: str, noise: str, decibels: float
) -> None:
    made = options("noise", domain=domain, noise=noise, noise_decibels=decibels)
    voiced = contour > 0
    added = (transform(contour, made, Context("u")) - contour)[voiced]
    unit = contour[voiced].std() if domain == "normalised" else 1.0
    expected = unit**2 * 10 ** (decibels / 10)
    if noise == "snr":
        power = 1.0 if domain == "normalised" else float(np.square(contour[voiced].astype(np.float64)).mean())
        expected = unit**2 * power / 10 ** (decibels / 10)
    assert added.var() == pytest.approx(expected, rel=0.2)  # of some 650 draws
    assert abs(added.mean()) < 4 * np.sqrt(expected / len(added))


@pytest.mark.parametrize("name", ["noise", "phones"])
def test_draws_hang_on_seed_and_utterance_alone(contour: np.ndarray, name: str) -> None:
    made = options(name)

    def drawn(utterance: str, seed: int) -> bytes:
        return transform(contour, made, Context(utterance, seed, phones=PHONES)).tobytes()

    assert drawn("u", 1) == drawn("u", 1)
    assert len({drawn("u", 1), drawn("u", 2), drawn("v", 1)}) == 3


def test_quantised_values_lie_on_the_grid(contour: np.ndarray) -> None:
    got = transform(contour, options("quantise", domain="hz", quantise_steps=0.1), Context())
    assert set(got[got > 0].tolist()) <= {10.0 * step for step in range(1, 30)}
    assert np.abs(got - contour).max() <= 5
    normalised = transform(contour, options("quantise", quantise_steps=2), Context())
    voiced = contour > 0
    steps = (normalised[voiced] - contour[voiced].mean()) / contour[voiced].std() * 2
    assert np.allclose(steps, np.round(steps), atol=1e-3)


def test_phones_are_scaled_each_by_a_whole_percent_within_the_range() -> None:
    contour = np.full(1001, 100, np.float32)
    gap = [phone for phone in PHONES if phone.start != 5.0]
    got = transform(contour, options("phones"), Context("u", phones=gap))
    factors = got[:1000].reshape(100, 10)
    assert (factors == factors[:, :1]).all(), "one factor a phone"
    assert np.allclose(factors, np.round(factors)) and factors.min() >= 60 and factors.max() <= 139
    assert len(np.unique(factors)) > 40
    assert (factors[50] == 100).all() and got[1000] == 100, "frames of no phone stay"


def test_phones_without_an_alignment_are_an_error() -> None:
    with pytest.raises(DataError, match="u1: F0 cannot be scaled phone by phone"):
        transform(np.full(5, 100, np.float32), options("phones"), Context("u1"))


def test_smoothing_averages_voiced_neighbours_alone() -> None:
    contour = np.array([0, 100, 200, 0, 0, 0, 0, 300, 300, 300], np.float32)
    got = transform(contour, options("smooth", smooth_window=0.02), Context())  # three frames, weights 1/2 1 1/2
    assert got.tolist() == pytest.approx([0, 400 / 3, 500 / 3, 0, 0, 0, 0, 300, 300, 300])


def test_chain_in_its_order_with_shift(contour: np.ndarray) -> None:
    source, target = f0.statistics([contour]), f0.Statistics(np.log(250), 0.1)
    context = Context("u", 1, source, target)
    shifted = transform(contour, options("shift"), context)
    assert f0.statistics([shifted]).mean == pytest.approx(np.log(250), abs=1e-4)
    both = transform(contour, options("shift", "revert", reversion=1.0, reversion_window=0.0), context)
    assert np.allclose(both[both > 0], shifted[shifted > 0].mean(), rtol=1e-5)
    grid = options("quantise", "shift", domain="hz", quantise_steps=0.1)
    assert len(np.unique(transform(contour, grid, context))) < 12, "quantised first"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (options("shfit"), "f0.transform: 'shfit': expected some of shift, revert"),
        (options("revert", reversion=1.5), "reversion 1.5: expected 0 .* to 1"),
        (options(domain="log"), "domain 'log': expected one of normalised, hz"),
        (options(noise="db"), "noise 'db': expected one of power, snr"),
        (options(smooth_window=-1.0), "smooth_window -1.0: expected 0 or more"),
        (options(phone_range=[1.4, 0.6]), "phone_range"),
    ],
)
def test_options_of_transforms_that_make_no_sense(made: F0, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        f0_transforms.check(made)
