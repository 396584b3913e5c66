"""espeak-ng: its phones of text and of speech agree, times fit the sound, and a process holds one of it."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from pseudovox.components import espeak
from pseudovox.components.espeak import ACCENTS, PHONES, SAMPLE_RATE, SILENCE, Espeak, Speech, phone_of

SENTENCES = ("the old school was silver", "where did her young dolphin hide?", "twelve horses heard a quiet measure")


@pytest.fixture
def engine() -> Iterator[Espeak]:
    with Espeak() as opened:
        yield opened


def test_mnemonics() -> None:
    assert [phone_of(one) for one in ("'aI", ",oU", "D", "t#", "_:", "_", ";", "r-", "@L")] == [
        "ay", "ow", "dh", "t", SILENCE, SILENCE, "", "r", "el",
    ]  # fmt: skip
    assert phone_of("n^") == "n"  # unknown: the longest known prefix
    assert len(PHONES) == 47 and SILENCE not in PHONES and list(PHONES) == sorted(PHONES)


def test_blended_phones_get_a_share_of_the_vowel() -> None:
    events = [(2205, "s"), (4410, "'u:"), (11025, "l"), (11025, "_:"), (13230, "_")]
    phones = espeak._timed_phones(events, 22050)
    assert [phone.label for phone in phones] == [SILENCE, "s", "uw", "l", SILENCE]
    assert [phone.start for phone in phones] == pytest.approx([0.0, 0.1, 0.2, 0.43, 0.5], abs=1e-3)  # l: at most 70 ms
    assert [phone.end for phone in phones] == pytest.approx([0.1, 0.2, 0.43, 0.5, 1.0], abs=1e-3)


def test_phones_of_text(engine: Espeak) -> None:
    assert engine.phonemes("The bird can sing.") == ["dh", "ax", "b", "er", "d", "k", "ae", "n", "s", "ih", "ng"]
    engine.set_voice("en-gb-scotland")
    assert engine.phonemes("near") == ["n", "ear", "r"]
    assert engine.phonemes("") == []


@pytest.mark.parametrize("accent", ACCENTS)
def test_speech_and_text_have_the_same_phones(engine: Espeak, accent: str) -> None:
    engine.set_voice(accent, "pitch 120 160")
    for sentence in SENTENCES:
        speech = engine.say(sentence)
        spoken = [phone.label for phone in speech.phones if phone.label != SILENCE]
        assert spoken == engine.phonemes(sentence)
        assert set(spoken) <= set(PHONES)
        assert_gapless(speech)


def assert_gapless(speech: Speech) -> None:
    assert speech.samples.dtype == np.float32 and 0.1 < np.abs(speech.samples).max() <= 1.0
    assert speech.phones[0].start == 0.0
    assert speech.phones[-1].end == pytest.approx(len(speech.samples) / SAMPLE_RATE)
    for one, after in pairwise(speech.phones):
        assert one.start < one.end == after.start
        assert not one.label == after.label == SILENCE


def test_times_fit_the_sound(engine: Espeak) -> None:
    speech = engine.say("A small boy saw the farmer. She saw another one.")

    def power(labels: set[str]) -> float:
        kept = [
            speech.samples[int(one.start * SAMPLE_RATE) : int(one.end * SAMPLE_RATE)]
            for one in speech.phones[1:-1]
            if one.label in labels
        ]
        return float(np.mean(np.square(np.concatenate(kept))))

    assert power({"ao", "oy", "ar"}) > 100 * power({SILENCE})
    assert power({"ao", "oy", "ar"}) > 3 * power({"f", "s", "sh"})


def test_rate_and_pitch(engine: Espeak) -> None:
    import pyworld

    def f0(speech: Speech) -> float:
        values, _ = pyworld.dio(speech.samples.astype(np.float64), SAMPLE_RATE)
        return float(np.median(values[values > 0]))

    engine.set_voice("en", "pitch 100 130")
    low, quick = engine.say(SENTENCES[0]), engine.say(SENTENCES[0], rate=250)
    assert 1.2 < len(low.samples) / len(quick.samples) < 1.7
    engine.set_voice("en", "pitch 200 260")
    high = engine.say(SENTENCES[0])
    assert 1.8 < f0(high) / f0(low) < 2.2
    assert 1.1 < f0(engine.say(SENTENCES[0], pitch=65)) / f0(high) < 1.35


def test_one_per_process() -> None:
    assert espeak.phonemes("yes") == ["y", "eh", "s"]
    assert espeak.phonemes("boat", accent="en-us") == ["b", "ow", "t"]
    with Espeak() as first:  # what `phonemes` had opened gives way
        with pytest.raises(RuntimeError, match="one open Espeak per process"):
            Espeak()
        with pytest.raises(RuntimeError, match="one open Espeak per process"):
            espeak.phonemes("yes")
        assert first.phonemes("yes") == ["y", "eh", "s"]
    first.close()
    assert espeak.phonemes("yes") == ["y", "eh", "s"]


def test_what_is_refused(engine: Espeak) -> None:
    with pytest.raises(ValueError, match="unknown accent 'en-gb', expected one of en, en-us"):
        engine.set_voice("en-gb")
