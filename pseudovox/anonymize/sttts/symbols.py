"""Phones and how they are articulated: the International Phonetic Alphabet, and ARPABET as a part of it.

A phone is kept as one whole number, its code, which every language shares: which one or two letters of the IPA it is
(two of a diphthong or an affricate) and what is added to them (length, nasality, r-colour, palatalisation). A network
is not told the number, but the features below (tongue, lips, voice), so that it has an idea of phones that its training
speech lacks.

    code = letter + 128 * second letter + 16384 * additions        letters counted from 1; 0 = silence

Codes stay below 2^24 and are exact in archives of float32.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence

import numpy as np

from pseudovox.components import espeak
from pseudovox.core.errors import DataError

SILENCE = 0
_SECOND, _ADDED = 128, 16384
ADDITIONS = ("long", "nasalised", "rhotic", "palatalised", "aspirated", "syllabic")
_MARKS = {"ː": "long", ":": "long", "\u0303": "nasalised", "˞": "rhotic", "ʲ": "palatalised", "ʰ": "aspirated",
          "\u0329": "syllabic"}  # fmt: skip

# What each letter stands for, in the words of the IPA's chart.
CONSONANTS: dict[str, str] = {
    "p": "voiceless bilabial plosive", "b": "voiced bilabial plosive", "t": "voiceless alveolar plosive",
    "d": "voiced alveolar plosive", "ʈ": "voiceless retroflex plosive", "ɖ": "voiced retroflex plosive",
    "c": "voiceless palatal plosive", "ɟ": "voiced palatal plosive", "k": "voiceless velar plosive",
    "ɡ": "voiced velar plosive", "q": "voiceless uvular plosive", "ɢ": "voiced uvular plosive",
    "ʔ": "voiceless glottal plosive", "m": "voiced bilabial nasal", "ɱ": "voiced labiodental nasal",
    "n": "voiced alveolar nasal", "ɳ": "voiced retroflex nasal", "ɲ": "voiced palatal nasal",
    "ŋ": "voiced velar nasal", "ɴ": "voiced uvular nasal", "r": "voiced alveolar trill", "ʀ": "voiced uvular trill",
    "ɾ": "voiced alveolar tap", "ɽ": "voiced retroflex tap", "ɸ": "voiceless bilabial fricative",
    "β": "voiced bilabial fricative", "f": "voiceless labiodental fricative", "v": "voiced labiodental fricative",
    "θ": "voiceless dental fricative", "ð": "voiced dental fricative", "s": "voiceless alveolar fricative",
    "z": "voiced alveolar fricative", "ʃ": "voiceless postalveolar fricative",
    "ʒ": "voiced postalveolar fricative", "ʂ": "voiceless retroflex fricative", "ʐ": "voiced retroflex fricative",
    "ɕ": "voiceless palatal fricative", "ʑ": "voiced palatal fricative", "ç": "voiceless palatal fricative",
    "ʝ": "voiced palatal fricative", "x": "voiceless velar fricative", "ɣ": "voiced velar fricative",
    "χ": "voiceless uvular fricative", "ʁ": "voiced uvular fricative", "ħ": "voiceless pharyngeal fricative",
    "ʕ": "voiced pharyngeal fricative", "h": "voiceless glottal fricative", "ɦ": "voiced glottal fricative",
    "ɬ": "voiceless alveolar lateral fricative", "ɮ": "voiced alveolar lateral fricative",
    "ʋ": "voiced labiodental approximant", "ɹ": "voiced alveolar approximant", "ɻ": "voiced retroflex approximant",
    "j": "voiced palatal approximant", "ɥ": "voiced palatal bilabial approximant",
    "ɰ": "voiced velar approximant", "w": "voiced velar bilabial approximant",
    "ʍ": "voiceless velar bilabial fricative", "l": "voiced alveolar lateral approximant",
    "ɫ": "voiced alveolar velar lateral approximant", "ɭ": "voiced retroflex lateral approximant",
    "ʎ": "voiced palatal lateral approximant", "ʟ": "voiced velar lateral approximant",
}  # fmt: skip
VOWELS: dict[str, str] = {
    "i": "close front", "y": "close front rounded", "ɨ": "close central", "ʉ": "close central rounded",
    "ɯ": "close back", "u": "close back rounded", "ɪ": "near-close front", "ʏ": "near-close front rounded",
    "ʊ": "near-close back rounded", "e": "close-mid front", "ø": "close-mid front rounded",
    "ɘ": "close-mid central", "ɵ": "close-mid central rounded", "ɤ": "close-mid back", "o": "close-mid back rounded",
    "ə": "mid central", "ɚ": "mid central rhotic", "ɛ": "open-mid front", "œ": "open-mid front rounded",
    "ɜ": "open-mid central", "ɝ": "open-mid central rhotic", "ɞ": "open-mid central rounded",
    "ʌ": "open-mid back", "ɔ": "open-mid back rounded", "æ": "near-open front", "ɐ": "near-open central",
    "a": "open front", "ɶ": "open front rounded", "ɑ": "open back", "ɒ": "open back rounded",
    "ᵻ": "near-close central",
}  # fmt: skip
_LETTERS = ("", *CONSONANTS, *VOWELS)  # "": silence
_PLACE_OF_LETTER = {letter: number for number, letter in enumerate(_LETTERS)}
_SAME = {"g": "ɡ", "ʧ": "tʃ", "ʤ": "dʒ", "ɺ": "ɾ", "ⱱ": "v", "ɓ": "b", "ɗ": "d", "ɠ": "ɡ"}
_IGNORED = frozenset("ˈˌ.'‿͡\u0361\u035c-ˑ\u032a\u0325\u030a\u031a\u033a\u02e4")

# ARPABET (of CMUdict, without stress) in the IPA, and what pseudovox.components.espeak adds to it.
ARPABET: dict[str, str] = {
    "AA": "ɑː", "AE": "æ", "AH": "ʌ", "AO": "ɔː", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "iː", "JH": "dʒ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "UH": "ʊ", "UW": "uː", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
    "AX": "ə", "AXR": "ɚ", "OH": "ɒ", "AR": "ɑ˞", "OR": "ɔ˞", "AIR": "ɛ˞", "EAR": "ɪ˞", "EL": "l̩", "H": "h",
}  # fmt: skip

_PLACES = ("bilabial", "labiodental", "dental", "alveolar", "postalveolar", "retroflex", "palatal", "velar", "uvular",
           "pharyngeal", "glottal")  # fmt: skip
_MANNERS = ("plosive", "nasal", "trill", "tap", "fricative", "lateral", "approximant", "affricate")
_HEIGHTS = ("close", "near-close", "close-mid", "mid", "open-mid", "near-open", "open")
_DEPTHS = ("front", "central", "back")
# The features of a phone: 1 where it has them, else 0; a vowel's height is a number from 0 (open) to 1 (close), its
# place one from 0 (front) to 1 (back), likewise where a diphthong ends.
FEATURES: tuple[str, ...] = (
    "silence", "consonant", "vowel", "voiced", *_PLACES, *_MANNERS, *_HEIGHTS, *_DEPTHS, "rounded", "diphthong",
    "end height", "end depth", "end rounded", *ADDITIONS,
)  # fmt: skip


@functools.cache
def code(label: str) -> int:
    """The code of a phone, from ARPABET (with or without stress) or the IPA.

    Raises:
        DataError: neither.
    """
    plain = label.rstrip("012")
    if plain.upper() in ARPABET and (plain.isupper() or len(plain) > 1 or plain in "bdfklmnpstvwz"):
        label = ARPABET[plain.upper()]
    return of_ipa(label)


@functools.cache
def of_ipa(label: str) -> int:
    """The code of a phone in the IPA: "tʃ", "ɑː", "ɛ̃"; stress is left out.

    Raises:
        DataError: a letter that is not one of the IPA, or none.
    """
    letters: list[int] = []
    added = 0
    text = "".join(_SAME.get(sign, sign) for sign in unicodedata.normalize("NFD", label.replace("ç", "\ue000")))
    for sign in text.replace("\ue000", "ç"):
        if sign in _MARKS:
            added |= 1 << ADDITIONS.index(_MARKS[sign])
        elif sign in _PLACE_OF_LETTER:
            letters.append(_PLACE_OF_LETTER[sign])
        elif sign not in _IGNORED and not unicodedata.combining(sign):
            letters.clear()
            break
    if not letters:
        raise DataError(
            f"{label!r}: expected a phone in ARPABET (as CMUdict has it) or in the IPA (as espeak-ng --ipa gives it)"
        )
    second = letters[1] if len(letters) > 1 else 0
    return letters[0] + _SECOND * second + _ADDED * added


def codes_of(labels: Sequence[str]) -> np.ndarray:
    """The codes of the phones of a corpus, int64 (labels,): ARPABET, espeak-ng's inventory of ours, or the IPA.

    Raises:
        DataError: a label that is none of these.
    """
    ours = {label.lower() for label in labels} <= {*espeak.PHONES, espeak.SILENCE}
    names = [label.upper() if ours else label for label in labels]
    return np.array(
        [SILENCE if name.lower() == espeak.SILENCE else code(name) for name in names], np.int64
    )  # fmt: skip


def label_of(number: int) -> str:
    """A code in the IPA; "sil" of silence."""
    if number == SILENCE:
        return "sil"
    added, rest = divmod(number, _ADDED)
    second, first = divmod(rest, _SECOND)
    signs = {name: sign for sign, name in _MARKS.items() if sign != ":"}
    marks = "".join(signs[name] for bit, name in enumerate(ADDITIONS) if added >> bit & 1)
    return unicodedata.normalize("NFC", _LETTERS[first] + _LETTERS[second] + marks)


def features(codes: Sequence[int] | np.ndarray) -> np.ndarray:
    """The articulatory features of phones: codes (phones,) -> float32 (phones, len(FEATURES)), from 0 to 1."""
    found = np.zeros((len(codes), len(FEATURES)), np.float32)
    unique, places = np.unique(np.asarray(codes, np.int64), return_inverse=True)
    if len(unique):
        found = np.stack([_features(int(one)) for one in unique])[places]
    return found


def is_voiced(codes: np.ndarray) -> np.ndarray:
    """Which phones are spoken with a voice: codes (phones,) -> bool (phones,)."""
    return np.asarray(features(codes)[:, FEATURES.index("voiced")] > 0)


@functools.cache
def _features(number: int) -> np.ndarray:
    found = dict.fromkeys(FEATURES, 0.0)
    if number == SILENCE:
        found["silence"] = 1.0
        return np.array(list(found.values()), np.float32)
    added, rest = divmod(number, _ADDED)
    first, second = (_LETTERS[place] for place in (rest % _SECOND, rest // _SECOND))
    for bit, name in enumerate(ADDITIONS):
        found[name] = float(added >> bit & 1)
    if first in CONSONANTS:
        found["consonant"] = 1.0
        words = CONSONANTS[first].split()
        if second in CONSONANTS:  # an affricate, where its fricative is
            words = ["affricate", *(word for word in CONSONANTS[second].split() if word != "fricative")]
        for word in words:
            if word != "voiceless":
                found[word] = 1.0
    else:
        found["vowel"] = found["voiced"] = 1.0
        words = VOWELS[first].split()
        for word in words:
            found[word] = 1.0
        end = VOWELS.get(second, VOWELS[first]).split()
        found["diphthong"] = float(second in VOWELS)
        found["end height"] = 1.0 - _HEIGHTS.index(end[0]) / (len(_HEIGHTS) - 1)
        found["end depth"] = _DEPTHS.index(end[1]) / (len(_DEPTHS) - 1)
        found["end rounded"] = float("rounded" in end)
    return np.array(list(found.values()), np.float32)


def nearest(codes: np.ndarray, known: Sequence[int] | np.ndarray) -> np.ndarray:
    """The most similarly articulated of known phones for each phone.

    Args:
        codes: (phones,).
        known: codes, with or without silence; silence is like silence alone.

    Returns:
        int64 (phones,), places in `known`; of those equally far the first.
    """
    own, others = features(codes), features(known)
    distance = np.abs(own[:, None] - others[None]).sum(2)
    return np.asarray(distance.argmin(1), np.int64)
