"""The grammar: a closed vocabulary of words that sound different, and parts that share no sentence."""

import math
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from pseudovox.components.espeak import Espeak
from pseudovox.corpora.synthetic.sentences import PARTS, draw_sentence, part_of, vocabulary


def drawn(part: str, count: int) -> list[str]:
    generator = np.random.default_rng(0)
    return [draw_sentence(part, generator) for _ in range(count)]


def test_sentences_stay_in_the_vocabulary_and_in_their_part() -> None:
    words = set(vocabulary())
    assert 280 <= len(words) <= 320 and all(word.isalpha() and word.islower() for word in words)
    seen: set[str] = set()
    for part in PARTS:
        sentences = drawn(part, 300)
        assert {part_of(sentence) for sentence in sentences} == {part}
        assert len(set(sentences)) > 290
        assert not seen & set(sentences)
        seen |= set(sentences)
        for sentence in sentences:
            assert set(sentence.split()) <= words
            assert 4 <= len(sentence.split()) <= 12 and 22 <= len(sentence.replace(" ", "")) <= 46
    assert {word for sentence in drawn("train", 2500) for word in sentence.split()} == words
    with pytest.raises(ValueError, match="unknown part 'eval', expected one of train, dev, test"):
        draw_sentence("eval", np.random.default_rng(0))


def test_no_homophones() -> None:
    with Espeak() as espeak:
        spelled = defaultdict(list)
        for word in vocabulary():
            spelled[tuple(espeak.phonemes(word))].append(word)
    assert not [words for words in spelled.values() if len(words) > 1]


def test_bigrams_of_the_training_text_predict_test_text() -> None:
    """Perplexity with Witten-Bell smoothing: useful to a decoder, yet no giveaway."""

    def pairs(sentences: list[str]) -> list[tuple[str, str]]:
        words = [["<s>", *sentence.split(), "</s>"] for sentence in sentences]
        return [pair for line in words for pair in pairwise(line)]

    counted = Counter(pairs(drawn("train", 2500)))
    single, context, followers = Counter[str](), Counter[str](), Counter[str]()
    for (first, second), count in counted.items():
        single[second] += count
        context[first] += count
        followers[first] += 1
    total = sum(single.values())
    test = pairs(drawn("test", 400))
    surprise = -sum(
        math.log(
            (counted[first, second] + followers[first] * single[second] / total) / (context[first] + followers[first])
        )
        for first, second in test
    )
    assert 25 < math.exp(surprise / len(test)) < 60
