"""Phones as codes, and how they are articulated."""

from __future__ import annotations

import numpy as np
import pytest

from pseudovox.anonymize.sttts import symbols
from pseudovox.components import espeak
from pseudovox.components.alignment import PHONES
from pseudovox.core.errors import DataError


def test_labels_and_codes_are_of_each_other() -> None:
    for label in ("tʃ", "aɪ", "ɑː", "ɛ̃", "ɔ˞", "ç", "l̩", "p"):
        code = symbols.of_ipa(label)
        assert symbols.of_ipa(symbols.label_of(code)) == code < 2**24
    assert symbols.label_of(symbols.SILENCE) == "sil"
    assert symbols.of_ipa("ˈoʊ") == symbols.of_ipa("oʊ") == symbols.code("OW1")
    assert symbols.of_ipa("t͡ʃ") == symbols.of_ipa("ʧ") == symbols.code("CH") != symbols.code("T")
    assert symbols.label_of(symbols.of_ipa("ɛ̃")) == "ɛ̃"


def test_inventories_are_known_and_told_apart() -> None:
    for names in (PHONES, ("sil", *espeak.PHONES)):
        codes = symbols.codes_of(names)
        assert codes[0] == symbols.SILENCE and len(set(codes.tolist())) >= len(names) - 1
        rows = symbols.features(codes)
        assert rows.shape == (len(names), len(symbols.FEATURES)) and len(np.unique(rows, axis=0)) >= len(names) - 1


def test_what_is_no_phone() -> None:
    for label in ("", "7", "kβ€", "AA BB"):
        with pytest.raises(DataError, match="expected a phone in ARPABET"):
            symbols.code(label)


def test_features_say_how_phones_are_articulated() -> None:
    names = [*symbols.FEATURES]
    s, z, vowel, nasal = symbols.features([symbols.code(name) for name in ("S", "Z", "IY", "M")])
    assert [names[place] for place in np.flatnonzero(s != z)] == ["voiced"]
    assert vowel[names.index("long")] == vowel[names.index("front")] == nasal[names.index("bilabial")] == 1
    assert symbols.is_voiced(np.array([symbols.code("S"), symbols.code("Z"), symbols.SILENCE])).tolist() == [
        False, True, False,
    ]  # fmt: skip


def test_nearest_phones() -> None:
    known = symbols.codes_of(PHONES)
    found = symbols.nearest(np.array([symbols.of_ipa(label) for label in ("ɾ", "y", "ɛ̃", "β", "x")]), known)
    assert [PHONES[place] for place in found][1:3] == ["IY", "EH"]
    assert symbols.nearest(known, known).tolist() == list(range(len(known)))
    assert 0 not in found
