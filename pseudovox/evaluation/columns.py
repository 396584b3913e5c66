"""Columns of a text of many millions of lines, taken apart by numpy: names to numbers, and decimal numbers.

A text of another form than programs write it (tabs, several blanks, letters beyond ASCII) is not taken apart here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

LONGEST = 64  # bytes of a field; text with a longer one is not taken apart
_WORD = 8  # bytes
_MASKS = np.array([2 ** (8 * size) - 1 for size in range(_WORD + 1)], np.uint64)  # of the first bytes of a word
_SLOT_BITS = 20
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads neighbouring numbers (Knuth)
_EXACT_DIGITS = 15  # a whole number of so many digits is exact in float64, so that one division rounds it once
_POWERS = 10.0 ** np.arange(_EXACT_DIGITS + 1)


@dataclass(frozen=True)
class Column:
    """One field of each line of a text.

    Attributes:
        characters: uint8 (bytes,), of the whole text and some zeros.
        starts, lengths: int (lines,), of the field in bytes.
    """

    characters: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def words(self) -> list[np.ndarray]:
        """The fields' bytes, eight to a number and zeros behind: uint64 (lines,) each, as many as the longest needs."""
        every = np.ndarray(len(self.characters) - _WORD + 1, "<u8", self.characters, strides=(1,))
        longest, shortest = int(self.lengths.max()), int(self.lengths.min())
        found = []
        for place in range(0, longest, _WORD):
            word = every[self.starts + place]
            if shortest < place + _WORD:
                word &= _MASKS[np.clip(self.lengths - place, 0, _WORD)]
            found.append(word)
        return found

    def strings(self, rows: np.ndarray | slice = slice(None)) -> list[str]:
        """The fields of these rows as they stand."""
        raw = self.characters.tobytes()
        starts = self.starts[rows]
        ends = starts + self.lengths[rows]
        return [raw[start:end].decode() for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def equals(self, field: str) -> np.ndarray:
        """Which are this field, bool (lines,)."""
        raw = np.frombuffer(field.encode(), np.uint8)
        same = self.lengths == len(raw)
        for place, byte in enumerate(raw):
            same &= self.characters[self.starts + place] == byte
        return same

    def decimals(self) -> tuple[np.ndarray, np.ndarray]:
        """The fields as float64 (lines,), and which of them are plain: digits with a sign or point, 15 at most.

        Plain ones are rounded correctly, as float() does; others are 0.
        """
        value = np.zeros(len(self.starts), np.int64)
        digits, decimals = (np.zeros(len(self.starts), np.int8) for _ in range(2))
        negative = self.characters[self.starts] == ord("-")
        plain = np.ones(len(self.starts), bool)
        fractional = np.zeros(len(self.starts), bool)
        for place in range(min(int(self.lengths.max()), _EXACT_DIGITS + 2)):
            character = self.characters[self.starts + place]
            digit = character - np.uint8(ord("0"))
            inside = self.lengths > place
            is_digit, is_point = inside & (digit <= 9), inside & (character == ord("."))
            plain &= ~inside | is_digit | (is_point & ~fractional) | ((place == 0) & negative)
            value = np.where(is_digit, 10 * value + digit, value)
            digits += is_digit
            decimals += is_digit & fractional
            fractional |= is_point
        plain &= (digits > 0) & (digits <= _EXACT_DIGITS) & (self.lengths <= _EXACT_DIGITS + 2)
        found = np.where(plain, value, 0) / _POWERS[np.where(plain, decimals, 0)]
        return np.where(negative & plain, -found, found), plain


def plain_columns(text: str, count: int) -> list[Column] | None:
    """The columns of a text, (count,); None if a line is anything but `count` ASCII fields with one blank between.

    Args:
        text: lines without the last one's end.
        count: of the columns.
    """
    if not text.isascii():
        return None
    characters = np.frombuffer(text.encode() + b"\n" + bytes(LONGEST + _WORD), np.uint8)
    ends = np.flatnonzero(characters[: len(text) + 1] <= ord(" "))
    if len(ends) % count:
        return None
    expected = np.frombuffer(b" " * (count - 1) + b"\n", np.uint8)
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts
    if (characters[ends].reshape(-1, count) != expected).any() or lengths.min() == 0 or lengths.max() > LONGEST:
        return None
    return [Column(characters, starts[place::count].copy(), lengths[place::count].copy()) for place in range(count)]


@dataclass
class Names:
    """Names by number, in order of appearance."""

    numbers: dict[str, int] = field(default_factory=dict)
    _slots: np.ndarray = field(default_factory=lambda: np.full(2**_SLOT_BITS, -1, np.int32))
    _lengths: np.ndarray = field(default_factory=lambda: np.zeros(1024, np.int64))  # 0: not one that a slot leads to
    _words: np.ndarray = field(default_factory=lambda: np.zeros((LONGEST // _WORD, 1024), np.uint64))

    def of(self, names: Sequence[str]) -> np.ndarray:
        """The numbers of names, int64; new names get the next ones."""
        numbers = self.numbers
        try:
            return np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))
        except KeyError:
            for name in dict.fromkeys(names):
                numbers.setdefault(name, len(numbers))
        return np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))

    def of_column(self, column: Column) -> np.ndarray:
        """As `of`. A name is found in the slot that its hash says; only those that stand elsewhere are looked up."""
        words = column.words()
        mixed = column.lengths.astype(np.uint64)
        for word in words:
            mixed = (mixed ^ word) * _ODD
            mixed ^= mixed >> np.uint64(32)
        mixed *= _ODD
        slots = (mixed >> np.uint64(64 - _SLOT_BITS)).astype(np.int64)
        numbers = self._slots[slots].astype(np.int64)
        found = self._lengths[numbers] == column.lengths  # of an empty slot it is the last one, which is never in use
        for known, word in zip(self._words, words, strict=False):
            found &= known[numbers] == word
        rows = np.flatnonzero(~found)
        if len(rows):
            # Of those that fall into one slot and are alike, the first is asked for; so new names come in their order.
            _, first, back = np.unique(slots[rows], return_index=True, return_inverse=True)
            first = rows[first][back]
            alike = column.lengths[rows] == column.lengths[first]
            for word in words:
                alike &= word[rows] == word[first]
            asked = rows[(rows == first) | ~alike]
            numbers[asked] = self.of(column.strings(asked))
            numbers[rows[alike]] = numbers[first[alike]]
            self._remember(asked, numbers[asked], slots, column.lengths, words)
        return numbers

    def _remember(
        self, rows: np.ndarray, numbers: np.ndarray, slots: np.ndarray, lengths: np.ndarray, words: list[np.ndarray]
    ) -> None:
        """Have the slots of these rows lead to the numbers of their names."""
        missing = len(self.numbers) + 1 - len(self._lengths)
        if missing > 0:
            more = max(missing, len(self._lengths))
            self._lengths = np.pad(self._lengths, (0, more))
            self._words = np.pad(self._words, ((0, 0), (0, more)))
        self._slots[slots[rows]] = numbers
        self._lengths[numbers] = lengths[rows]
        for known, word in zip(self._words, words, strict=False):
            known[numbers] = word[rows]
