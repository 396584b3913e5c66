"""Phone times of transcribed speech by forced alignment with pocketsphinx, whose English models lie in its wheel.

An utterance's alignment is one number for every 10 ms: which of `PHONES` is spoken there. Words that pocketsphinx's
dictionary lacks are spelt by espeak-ng. What does not fit its text under the beam is left unaligned and counted: a
network learns more from fewer frames that are labelled rightly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.components import espeak, f0
from pseudovox.core.errors import MissingModelError
from pseudovox.data.utterance import read_audio

if TYPE_CHECKING:
    from pseudovox.stage.parallel import Utterance

SILENCE = "sil"
# ARPABET as in pocketsphinx's dictionary (CMUdict without stress).
PHONES: tuple[str, ...] = (
    SILENCE, "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
UNALIGNED = -1  # where no phone is known
ARRAY = "alignment"  # name of the archive
# Of the phones of pseudovox.components.espeak, those that are more than themselves in upper case.
SPELT = {
    "ar": "AA R", "or": "AO R", "air": "EH R", "ear": "IH R", "axr": "ER", "ax": "AH", "oh": "AA", "el": "AH L",
    "h": "HH",
}  # fmt: skip
_LOOSE = {"beam": 1e-64, "pbeam": 1e-64, "wbeam": 1e-48}


def spelling(word: str) -> str:
    """A word's phones in ARPABET, separated by blanks, as espeak-ng would say it; may be empty."""
    return " ".join(SPELT.get(phone, phone.upper()) for phone in espeak.phonemes(word.lower(), "en-us"))


class Aligner:
    """Forced alignment of English.

    Raises:
        MissingModelError: pocketsphinx is not installed.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError:
            raise MissingModelError(
                "forced alignment needs the package pocketsphinx", "utils/install.sh judges"
            ) from None
        self.decoder: Any = Decoder(samprate=16000, bestpath=False, loglevel="FATAL", lm=None, **_LOOSE)

    def __call__(self, samples: np.ndarray, text: str) -> np.ndarray:
        """The phone of every 10 ms.

        Args:
            samples: (samples,) at 16 kHz in [-1, 1].
            text: the words spoken.

        Returns:
            int64 (frames,), indices into PHONES; all UNALIGNED where the words do not fit the speech.
        """
        labels = np.full(f0.frame_count(len(samples)), UNALIGNED)
        words = text.lower().split()
        if not words or not all(self._knows(word) for word in words):
            return labels
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
        with contextlib.suppress(RuntimeError):  # pocketsphinx's word for "no path"
            self.decoder.set_align_text(" ".join(words))
            self._decode(pcm)
            self.decoder.set_alignment()
            self._decode(pcm)
            for start, length, name in self._phones():
                labels[start : start + length] = PHONES.index(name) if name in PHONES else 0
        return labels

    def _knows(self, word: str) -> bool:
        if self.decoder.lookup_word(word) is None:
            phones = spelling(word)
            if not phones:
                return False
            self.decoder.add_word(word, phones, True)
        return True

    def _decode(self, pcm: bytes) -> None:
        self.decoder.start_utt()
        self.decoder.process_raw(pcm, full_utt=True)
        self.decoder.end_utt()

    def _phones(self) -> Iterator[tuple[int, int, str]]:
        """(first frame, frames, phone) of the alignment; silence and noises have names that are no phones."""
        for word in self.decoder.get_alignment() or ():
            for phone in word:
                yield phone.start, phone.duration, phone.name


class AlignWorker:
    """Aligns utterances in a worker process; gives `alignment`, float32 (frames,)."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.align = Aligner()

    read = staticmethod(read_audio)

    def process(self, batch: Sequence[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            labels = self.align(utterance.given(self.read), utterance.data.text[utterance.id])
            yield utterance, {ARRAY: labels.astype(np.float32)}
