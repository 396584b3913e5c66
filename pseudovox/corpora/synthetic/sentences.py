"""Sentences for the synthetic corpus: a closed vocabulary of some 300 words in a small grammar.

Words were chosen to differ in sound (no homophones, few pairs one phone apart), so that a small recogniser can
tell them apart. Every sentence belongs to exactly one part (train, dev or test), decided by a hash of its text:
sets of different parts share no sentence, whatever is drawn and in whatever order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

PARTS = ("train", "dev", "test")

_WORDS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "being": "farmer teacher doctor soldier painter sailor singer captain driver neighbor boy actress uncle "
        "grandmother cousin hunter student lawyer princess dog rabbit horse monkey elephant tiger chicken dolphin "
        "pigeon spider turtle donkey merchant pirate nephew squirrel",
        "thing": "table basket bottle window hammer ladder blanket candle pencil mirror bucket carpet clock crown "
        "drum envelope feather guitar helmet jacket kettle lamp letter needle newspaper photograph piano pillow "
        "plate ribbon saddle shirt shovel spoon stone suitcase telephone ticket trumpet umbrella violin wagon "
        "apple banana cabbage cheese chocolate honey lemon mushroom onion orange pepper potato pumpkin sandwich "
        "soup sugar tomato compass diamond magnet notebook cushion",
        "place": "garden bridge kitchen forest village river mountain market station church castle island hospital "
        "library museum office school street factory harbor valley beach airport theater desert balcony pyramid",
        "quality": "little heavy yellow green purple broken golden silver quiet hungry angry clever lazy friendly "
        "famous gentle young tired dirty empty round wooden ancient beautiful expensive narrow frozen strange "
        "huge favorite curious modern polite",
        "did": "carried painted collected opened dropped found sold bought fixed watched followed noticed pushed "
        "lifted touched remembered forgot discovered covered delivered finished ignored admired kicked borrowed "
        "measured ordered repaired stole described polished rescued",
        "do": "bring choose keep hide return examine protect replace show sell",
        "went": "slept laughed waited walked danced arrived disappeared whispered shouted climbed swam rested "
        "stayed smiled traveled jumped listened wandered",
        "manner": "quickly slowly suddenly carefully happily often never always together",
        "when": "yesterday today tonight",
        "period": "morning evening summer winter monday friday weekend",
        "each": "last every",
        "det": "the the the my your her this another that",
        "where": "in under behind near across from above",
        "number": "three five seven nine ten eleven twelve twenty",
        "room": "room bus page seat",
        "will": "will can should must",
        "who": "we they she you",
        "why": "because while when before",
        "ask": "where when how",
    }.items()
}

# A pattern is words (lower case) and classes (in braces); "?" after a class or a group name marks an option.
_PATTERNS: tuple[tuple[float, str], ...] = (
    (5, "{det} {quality}? {being} {did} {det} {quality}? {thing} (place)?"),
    (3, "{who} {did} {det} {quality}? {thing} (time)"),
    (3, "(time) {det} {quality}? {being} {went} (place)"),
    (2, "{det} {quality}? {being} {manner} {went} (place)"),
    (2, "please {do} {det} {quality}? {thing} {manner}?"),
    (2, "{who} {will} {do} {det} {quality}? {thing} (place)?"),
    (2, "did {det} {being} {do} {det} {thing} (time)?"),
    (2, "{ask} did {det} {quality}? {being} {do} {det} {thing}"),
    (2, "{det} {quality}? {thing} is {quality} and {quality}"),
    (2, "{det} {thing} (place) was very {quality}"),
    (2, "there is {det} {quality}? {thing} (place)"),
    (2, "{det} {being} {went} {why} {det} {thing} was {quality}"),
    (1, "{room} number {number} is (place)"),
    (2, "{who} {did} {number} of them (place)"),
    (2, "{det} {being} and {det} {being} {went} (place)?"),
    (1, "i would like {det} {quality} {thing} with some {thing}"),
)
_GROUPS: dict[str, tuple[str, ...]] = {
    "place": ("{where} the {place}", "{where} the {quality} {place}"),
    "time": ("{when}", "{each} {period}"),
}

_SHORTEST, _LONGEST = 22, 46  # letters; about 1.5 and 4 seconds of speech


def vocabulary() -> list[str]:
    """Every word that a sentence can hold, lower case, sorted."""
    words = {word for members in _WORDS.values() for word in members}
    for pattern in (*(pattern for _, pattern in _PATTERNS), *(form for forms in _GROUPS.values() for form in forms)):
        words.update(token for token in pattern.split() if token.isalpha())
    return sorted(words)


def part_of(sentence: str) -> str:
    """The part ("train", "dev" or "test"; 6 : 1 : 3) that a sentence belongs to, by a hash of its text."""
    digit = hashlib.sha256(sentence.encode("utf-8")).digest()[0] % 10
    return PARTS[0] if digit < 6 else PARTS[1] if digit < 7 else PARTS[2]


def draw_sentence(part: str, generator: np.random.Generator) -> str:
    """A sentence of `part`: 4 to 11 lower-case words, 22 to 46 letters (about 1.5 to 4 seconds when spoken)."""
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r}, expected one of {', '.join(PARTS)}")
    weights = [weight for weight, _ in _PATTERNS]
    while True:
        pattern = _PATTERNS[_weighted(weights, generator)][1]
        words = _expand(pattern.split(), generator)
        sentence = " ".join(words)
        letters = sum(len(word) for word in words)
        repeats = len({word for word in words if len(word) > 3}) < sum(len(word) > 3 for word in words)
        if _SHORTEST <= letters <= _LONGEST and not repeats and part_of(sentence) == part:
            return sentence


def _weighted(weights: Sequence[float], generator: np.random.Generator) -> int:
    total = sum(weights)
    point = generator.random() * total
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    return len(weights) - 1


def _expand(tokens: Sequence[str], generator: np.random.Generator) -> list[str]:
    words: list[str] = []
    for token in tokens:
        if token.endswith("?"):
            if generator.random() < 0.5:
                continue
            token = token[:-1]
        if token.startswith("{"):
            members = _WORDS[token[1:-1]]
            words.append(members[generator.integers(len(members))])
        elif token.startswith("("):
            forms = _GROUPS[token[1:-1]]
            words += _expand(forms[generator.integers(len(forms))].split(), generator)
        else:
            words.append(token)
    return words
