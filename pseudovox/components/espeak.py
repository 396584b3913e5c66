"""Speech with phone times, and the phones of a text, from libespeak-ng through ctypes.

The library and its data come with the package espeakng-loader; nothing has to be installed on the system.

espeak-ng keeps its whole state in global variables, so a process may hold one open `Espeak` at a time (a second
one raises RuntimeError). The state outlives an utterance and even a restart of the library (flutter, echo and noise
run on): the same text comes out a little different the second time. Output repeats bit for bit only as the n-th
utterance of a fresh process; `pseudovox.corpora.synthetic.corpus` therefore gives every speaker a process of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import PseudovoxError, UsageError

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 22050  # Hz; espeak-ng has no other

SILENCE = "sil"

# Accent -> file below lang/ in espeak's data. (The voice called "en" is British; "en-gb" is not a voice.)
ACCENTS: dict[str, str] = {
    "en": "gmw/en",
    "en-us": "gmw/en-US",
    "en-us-nyc": "gmw/en-US-nyc",
    "en-gb-scotland": "gmw/en-GB-scotland",
    "en-gb-x-rp": "gmw/en-GB-x-rp",
    "en-gb-x-gbclan": "gmw/en-GB-x-gbclan",
    "en-gb-x-gbcwmd": "gmw/en-GB-x-gbcwmd",
    "en-029": "gmw/en-029",
}

# espeak's mnemonics (stress marks removed) -> one inventory of 47 phones, lower case after ARPABET. Accents share it:
# `oh` is the vowel of "dog" however it is spoken; `ar`, `or`, `air`, `ear` and `axr` ("-er") keep or lose their r.
PHONE_OF: dict[str, str] = {
    # consonants; t# is the American flap, x the end of "loch"
    "p": "p", "b": "b", "t": "t", "t#": "t", "t[": "t", "?": "t", "d": "d", "k": "k", "x": "k", "g": "g",
    "tS": "ch", "dZ": "jh", "f": "f", "v": "v", "T": "th", "D": "dh", "s": "s", "z": "z", "S": "sh", "Z": "zh",
    "h": "h", "m": "m", "n": "n", "N": "ng", "l": "l", "r": "r", "r-": "r", "w": "w", "w#": "w", "j": "y",
    # vowels
    "A:": "aa", "A~": "aa", "a": "ae", "aa": "ae", "A@": "ar", "0": "oh", "O": "oh", "O2": "oh", "O:": "ao",
    "O@": "or", "o@": "or", "U@": "or", "OI": "oy", "oU": "ow", "aU": "aw", "aI": "ay", "aI2": "ay", "aI3": "ay",
    "aI@": "ay", "eI": "ey", "e": "eh", "E": "eh", "E2": "eh", "e@": "air", "I": "ih", "I2": "ih", "I#": "ih",
    "i": "iy", "i:": "iy", "i@": "ear", "i@3": "ear", "U": "uh", "u": "uw", "u:": "uw", "V": "ah", "3:": "er",
    "IR": "er", "VR": "er", "3": "axr", "@": "ax", "@2": "ax", "@5": "ax", "@-": "ax", "a#": "ax", "a2": "ax",
    "@L": "el",
}  # fmt: skip
PHONES: tuple[str, ...] = tuple(sorted(set(PHONE_OF.values())))

_STRESS = "',%=|"
_LANGUAGE_SWITCH = re.compile(r"\([a-z0-9-]+\)")  # "(fr)" before a word that espeak reads in another language


def phone_of(mnemonic: str) -> str:
    """The phone for one of espeak's mnemonics; "" for marks that are no sound of their own, "sil" for pauses.

    A mnemonic that the table lacks (a loan from another language) takes the phone of its longest known prefix.
    """
    mnemonic = mnemonic.strip(_STRESS)
    if mnemonic.startswith("_"):
        return SILENCE
    for length in range(len(mnemonic), 0, -1):
        if mnemonic[:length] in PHONE_OF:
            return PHONE_OF[mnemonic[:length]]
    return ""


@dataclass(frozen=True)
class TimedPhone:
    """A phone and where it lies: seconds from the utterance's first sample."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Speech:
    """One synthesized utterance.

    Attributes:
        samples: float32 (samples,), mono, 22050 Hz, in [-1, 1].
        phones: without gaps from 0 to the end, labels from PHONES and "sil", no two "sil" in a row.
    """

    samples: np.ndarray
    phones: list[TimedPhone]


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_SYNCHRONOUS, _PHONEME_EVENTS, _DO_NOT_EXIT = 2, 0x0001, 0x8000  # of espeak_Initialize
_LIST_TERMINATED, _PHONEME = 0, 7  # espeak_EVENT_TYPE
_UTF8, _BY_CHARACTER = 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER

_BLENDED = SAMPLE_RATE * 7 // 100  # samples, at most, of an l or r that espeak blends into the vowel before it

_open: Espeak | None = None


class Espeak:
    """The process's espeak-ng: open it, choose a voice, let it speak, close it (or use `with`).

    Raises:
        RuntimeError: another one is open in this process.
        PseudovoxError: the library does not start.
    """

    spare = False  # opened by `phonemes`: gives way to any other
    accent = "en"

    def __init__(self) -> None:
        global _open
        if _open is not None and not _open.spare:
            raise RuntimeError("espeak-ng keeps global state: one open Espeak per process")
        if _open is not None:
            _open.close()
        import espeakng_loader

        self._data = Path(espeakng_loader.get_data_path())
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        options = _PHONEME_EVENTS | _DO_NOT_EXIT
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(self._data).encode(), options)
        if rate != SAMPLE_RATE:
            raise PseudovoxError(
                f"espeak-ng does not start with the data in {self._data} (answer: {rate})",
                "rm -r .venv, and run again (in a folder whose path is not very long)",
            )
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._chunks: list[np.ndarray] = []
        self._events: list[tuple[int, str]] = []
        self._callback = _CALLBACK(self._receive)  # held: the library keeps only the pointer
        self._library.espeak_SetSynthCallback(self._callback)
        _open = self
        self.set_voice("en")

    def __enter__(self) -> Espeak:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the library's memory; a second call does nothing."""
        global _open
        if _open is self:
            self._library.espeak_Terminate()
            _open = None

    def set_voice(self, accent: str, variant: str = "", seed: int = 0) -> None:
        """Choose the voice of all that follows.

        Args:
            accent: one of ACCENTS.
            variant: lines of an espeak voice file (`pitch 82 118`, `formant 1 105 100 100`, ...) that override the
                accent's own; see espeak-ng's docs/voices.md.
            seed: of espeak's own random numbers.

        Raises:
            ValueError: unknown accent.
            PseudovoxError: espeak refuses the voice.
        """
        if accent not in ACCENTS:
            raise ValueError(f"unknown accent {accent!r}, expected one of {', '.join(ACCENTS)}")
        definition = (self._data / "lang" / ACCENTS[accent]).read_text(encoding="utf-8")
        # A voice given by file needs no place in espeak's data folder, which also warns above 349 voices.
        with tempfile.TemporaryDirectory(prefix="pseudovox-espeak-") as folder:
            file = Path(folder) / "voice"
            file.write_text(f"{definition}\n{variant}\n", encoding="utf-8")
            if self._library.espeak_SetVoiceByFile(str(file).encode()) != 0:
                raise PseudovoxError(f"espeak-ng refuses the voice {accent} with the variant:\n{variant}")
        self.accent = accent
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed & 0x7FFFFFFF))

    def say(self, text: str, *, rate: int = 175, pitch: int = 50, pitch_range: int = 50) -> Speech:
        """Speak a text.

        Args:
            text: one or more sentences.
            rate: words per minute, 80 to 450.
            pitch: 0 to 99; 50 leaves the voice's own base, each step is about 1.4 % in F0.
            pitch_range: 0 (monotone) to 99; 50 leaves the voice's own range.

        Raises:
            PseudovoxError: espeak returned no sound.
        """
        import numpy as np

        self._chunks.clear()
        self._events.clear()
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        data = text.encode("utf-8")
        self._library.espeak_Synth(data, len(data) + 1, 0, _BY_CHARACTER, 0, _UTF8, None, None)
        if not self._chunks:
            raise PseudovoxError(f"espeak-ng made no sound for the text {text!r}")
        samples = np.concatenate(self._chunks).astype(np.float32) / 32768.0
        return Speech(samples, _timed_phones(self._events, len(samples)))

    def phonemes(self, text: str) -> list[str]:
        """The phones of a text in the current accent, from PHONES; pauses are left out."""
        words = self._words(text)
        return [phone for word in words for phone in map(phone_of, word) if phone and phone != SILENCE]

    def set_language(self, language: str) -> None:
        """Let what follows be read in any of espeak-ng's languages (`phonemes` and `say` expect one of ACCENTS).

        Raises:
            UsageError: espeak-ng does not know it.
        """
        if self._library.espeak_SetVoiceByName(language.encode()) != 0:
            raise UsageError(f"espeak-ng has no language {language!r}; expected a code such as en-us, de, fr, es or nl")
        self.accent = language

    def words(self, text: str, *, ipa: bool) -> list[list[str]]:
        """The phones of each word as it is spoken in its sentence; small words may be one with the next.

        Args:
            text: one or more sentences.
            ipa: in the International Phonetic Alphabet, as the language has them; else of English, from PHONES.
        """
        words = self._words(text, 2 if ipa else 0)
        if not ipa:
            words = [[phone for phone in map(phone_of, word) if phone and phone != SILENCE] for word in words]
        return [word for word in words if word]

    def _words(self, text: str, mode: int = 0) -> list[list[str]]:
        """espeak's names of the phones of each word, of `mode` as of espeak_TextToPhonemes."""
        buffer = ctypes.create_string_buffer(text.encode("utf-8"))
        position = ctypes.c_void_p(ctypes.addressof(buffer))
        words: list[list[str]] = []
        while position.value:  # one clause a call
            answer = self._library.espeak_TextToPhonemes(ctypes.byref(position), _UTF8, ord("_") << 8 | mode)
            clause = _LANGUAGE_SWITCH.sub("", answer.decode("utf-8"))
            words += [[name for name in word.split("_") if name] for word in clause.split()]
        return words

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        import numpy as np

        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _LIST_TERMINATED:
            if events[index].type == _PHONEME:
                self._events.append((events[index].sample, events[index].id.string.decode("utf-8", "replace")))
            index += 1
        return 0


def _timed_phones(events: list[tuple[int, str]], length: int) -> list[TimedPhone]:
    """Phones from (first sample, mnemonic) events; each lasts until the next one begins."""
    labels, bounds = [SILENCE], [0]
    for sample, mnemonic in events:
        phone = phone_of(mnemonic)
        if phone and not (phone == SILENCE == labels[-1]):
            labels.append(phone)
            bounds.append(min(max(sample, bounds[-1]), length))
    bounds.append(length)
    for index in range(2, len(labels)):
        # espeak blends l and r after a vowel into the vowel's end and reports them without length there.
        if bounds[index] == bounds[index + 1] and labels[index] != SILENCE:
            before = bounds[index] - bounds[index - 1]
            bounds[index] -= min(before // 3, _BLENDED)
    return [
        TimedPhone(label, start / SAMPLE_RATE, end / SAMPLE_RATE)
        for label, start, end in zip(labels, bounds, bounds[1:], strict=False)
        if start < end
    ]


def phonemes(text: str, accent: str = "en") -> list[str]:
    """The phones of a text (from PHONES, without pauses), as `Espeak.say` speaks it in this accent.

    Opens espeak-ng on first use and keeps it until the process ends or opens an `Espeak` of its own.

    Raises:
        ValueError: unknown accent.
        RuntimeError: the process has an `Espeak` open; ask that one.
    """
    espeak = _spare()
    if espeak.accent != accent:
        espeak.set_voice(accent)
    return espeak.phonemes(text)


def words(text: str, language: str) -> list[list[str]]:
    """The phones of each word of a text in any language: of English those of PHONES, of others in the IPA.

    Raises:
        UsageError: espeak-ng does not know the language.
        RuntimeError: as `phonemes`.
    """
    espeak, english = _spare(), language.split("-")[0] == "en"
    if english:
        language = language if language in ACCENTS and language != "en" else "en-us"
        if espeak.accent != language:
            espeak.set_voice(language)
    elif espeak.accent != language:
        espeak.set_language(language)
    return espeak.words(text, ipa=not english)


def _spare() -> Espeak:
    """The process's espeak-ng for texts, opened on first use."""
    if _open is not None and _open.spare:
        return _open
    espeak = Espeak()
    espeak.spare = True
    atexit.register(espeak.close)
    return espeak
