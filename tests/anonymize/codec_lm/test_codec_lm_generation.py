"""Units to codes: seeded, whatever the batch; guards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pseudovox.anonymize.codec_lm import generation, worker
from pseudovox.anonymize.codec_lm.generation import Prompt, Source
from pseudovox.anonymize.codec_lm.options import Generation, Options
from pseudovox.core.errors import DataError
from pseudovox.models.codec_lm.coarse import AlignedCoarse, Coarse, WindowedCoarse
from pseudovox.models.codec_lm.fine import Fine

RATE = 16000


def small(layout: str) -> Coarse:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "units": 11, "codes": 8, "width": 16, "heads": 2, "layers": 2, "positions": 40, "history": 20, "window": 8,
        "frame_rate": 50.0,
    }  # fmt: skip
    if layout == "aligned":
        return AlignedCoarse(**sizes, reach=2, prompt_frames=5).eval()
    more = {"vocabulary": 40, "pad": 30, "infer": 31, "unit_window": 6, "unit_rate": 33.0}
    return WindowedCoarse(**sizes, **more).eval()


def small_fine(units: int = 0) -> Fine:
    torch.manual_seed(1)
    return Fine(
        codes=8, vocabulary=10, books=4, given=1, coarse=2, width=16, heads=2, layers=1, context=12, history=5,
        units=units,
    ).eval()  # fmt: skip


def sources() -> list[Source]:
    draw = np.random.default_rng(0)
    prompt = Prompt(draw.integers(11, size=9), draw.integers(8, size=(9, 4)))
    return [
        Source("one", draw.integers(11, size=17), 17, prompt, 3),
        Source("two", draw.integers(11, size=5), 5, None, 3),
        Source("three", draw.integers(11, size=30), 30, prompt, 3),
    ]


@pytest.mark.parametrize("layout", ["aligned", "windowed"])
def test_codes_do_not_depend_on_the_batch_or_the_cache(layout: str) -> None:
    model = small(layout)
    together = generation.coarse(model, sources(), 0.7)
    assert [found.shape for found in together] == [(17, 2), (5, 2), (30, 2)]
    for source, found in zip(sources(), together, strict=True):
        np.testing.assert_array_equal(generation.coarse(model, [source], 0.7)[0], found)
        np.testing.assert_array_equal(generation.coarse(model, [source], 0.7, cached=False)[0], found)
    assert all(0 <= found.min() and found.max() < 8 for found in together)


def test_draws_are_those_of_seed_utterance_and_attempt() -> None:
    model = small("aligned")
    units = np.arange(11)
    one = [Source("a", units, 11, None, 1), Source("b", units, 11, None, 1), Source("a", units, 11, None, 2)]
    found = generation.coarse(model, [*one, Source("a", units, 11, None, 1, attempt=1)], 1.0)
    assert len({each.tobytes() for each in found}) == 4
    np.testing.assert_array_equal(generation.coarse(model, one[:1], 1.0)[0], found[0])


def test_low_temperature_is_the_most_likely_code() -> None:
    model = small("aligned")
    found = [generation.coarse(model, [Source("a", np.arange(11), 11, None, seed)], 1e-4)[0] for seed in (1, 2)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("units", [0, 11])
@pytest.mark.parametrize("frames", [3, 12, 40])
def test_fine_keeps_the_coarse_codes_and_fills_all_others(frames: int, units: int) -> None:
    draw = np.random.default_rng(0)
    prompt = Prompt(draw.integers(11, size=9), draw.integers(8, size=(9, 4)))
    source = Source("one", draw.integers(11, size=frames), frames, prompt, 3)
    known = draw.integers(8, size=(frames, 2))
    (found,) = generation.fine(small_fine(units), [source], [known], 0.5)
    assert found.shape == (frames, 4)
    np.testing.assert_array_equal(found[:, :2], known)
    assert found.min() >= 0
    assert found.max() < 8


def noise(seconds: float, gain: float = 0.1) -> np.ndarray:
    return (gain * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_what_is_refused() -> None:
    original, options = noise(5), Generation()
    codes = np.random.default_rng(0).integers(8, size=(250, 4))
    assert not generation.problem(codes, original, original, 50.0, options)
    assert not generation.problem(codes, 0 * original, 0 * original, 50.0, options)
    assert "0.00 s of speech" in generation.problem(codes, 0 * original, original, 50.0, options)
    assert "NaN" in generation.problem(codes, original * np.nan, original, 50.0, options)
    codes[50:200] = codes[50]
    assert "repeated for 3." in generation.problem(codes, original, original, 50.0, options)
    pause = np.concatenate([noise(1), np.zeros(3 * RATE, np.float32), noise(1)])
    assert not generation.problem(codes, original, pause, 50.0, options)


def test_spoken() -> None:
    samples = np.concatenate([np.zeros(RATE, np.float32), noise(1), np.zeros(RATE, np.float32)])
    assert generation.spoken(samples) == (RATE, 2 * RATE)
    assert generation.longest_pause(samples) == 1.0


class Codec:
    """Gives noise for the utterances that may succeed, and silence at their first attempt."""

    rate, codes, codebooks = 50.0, 8, 4

    def __init__(self, silent: int) -> None:
        self.left = silent

    def decode(self, codes: np.ndarray, samples: int) -> np.ndarray:
        self.left -= 1
        return noise(samples / RATE) * (self.left < 0)


def models(silent: int) -> Any:
    made = worker.Models.__new__(worker.Models)
    made.options, made.codec = Options(), Codec(silent)  # type: ignore[assignment]
    made.coarse, made.fine = small("aligned"), small_fine()
    return made


def test_a_refused_draw_is_made_again_and_an_utterance_that_always_is_fails() -> None:
    rows = [Source("set/one", np.arange(11), 11, None, 0)]
    assert len(models(2).speak(rows, [noise(0.22)])[0]) == 3520
    with pytest.raises(DataError, match=r"set/one: nothing usable in 3 draws: 0.00 s of speech"):
        models(3).speak(rows, [noise(0.22)])
