"""Forced alignment: spelling, and, where pocketsphinx is installed, the phones of speech whose times are known."""

from __future__ import annotations

import numpy as np
import pytest

from pseudovox.components import alignment


def test_words_are_spelt_in_arpabet() -> None:
    for word in ("pseudovox", "car", "bear", "little", "zygote", "hour"):
        phones = alignment.spelling(word).split()
        assert phones and set(phones) <= set(alignment.PHONES), word
    assert alignment.spelling("car").split()[-2:] == ["AA", "R"]


def test_phones_lie_where_they_are_spoken() -> None:
    pytest.importorskip("pocketsphinx")
    from scipy.signal import resample_poly

    from pseudovox.components.espeak import Espeak

    with Espeak() as voice:
        spoken = voice.say("the ship has seven fish")
    samples = resample_poly(spoken.samples, 320, 441).astype(np.float32)
    labels = alignment.Aligner()(samples, "the ship has seven fish")
    known = labels >= 0
    assert known.mean() > 0.9
    # Hissing is easy to tell: where espeak says s or sh, the alignment has S or SH, most of the time.
    hissing = {alignment.PHONES.index("S"), alignment.PHONES.index("SH")}
    right = [
        np.isin(labels[round(phone.start * 100) : round(phone.end * 100)], list(hissing)).mean()
        for phone in spoken.phones
        if phone.label in ("s", "sh")
    ]
    assert np.mean(right) > 0.6


def test_words_that_do_not_fit_stay_unaligned() -> None:
    pytest.importorskip("pocketsphinx")
    align = alignment.Aligner()
    noise = 0.01 * np.random.default_rng(0).standard_normal(1600).astype(np.float32)
    labels = align(noise, "a very long sentence that cannot be said in a tenth of a second by anybody")
    assert len(labels) == 11 and (labels == alignment.UNALIGNED).all()
    assert (align(noise, "") == alignment.UNALIGNED).all()
