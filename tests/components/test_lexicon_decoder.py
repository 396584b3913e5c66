"""The lexicon decoder against the enumeration of every path, and greedy decoding by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudovox.components.recognition import language_model as lm
from pseudovox.components.recognition.lexicon_decoder import LexiconDecoder, decode_greedy
from pseudovox.core.errors import UsageError

BOUNDARY = 1
# Units 2 and 3; a doubled unit, a word that begins another, and one of a single unit.
LEXICON = {"AA": [BOUNDARY, 2, 2], "A": [BOUNDARY, 2], "AB": [BOUNDARY, 2, 3], "B": [BOUNDARY, 3]}
MODEL = lm.estimate([["A", "B"], ["AA", "B", "A"], ["AB"], ["A", "B", "AB"]])


def posteriors(frames: int, seed: int, sharpness: float = 2.0) -> np.ndarray:
    logits = sharpness * np.random.default_rng(seed).standard_normal((frames, 4))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def brute_force(
    log_posteriors: np.ndarray, language_model: str, weight: float, penalty: float
) -> tuple[list[str], float]:
    """Every unit path of that length, collapsed, read as words, and scored."""
    spelled = {tuple(units): word for word, units in LEXICON.items()}
    best: tuple[list[str], float] = ([], -math.inf)
    for path in itertools.product(range(4), repeat=len(log_posteriors)):
        units = [unit for unit, _ in itertools.groupby(path) if unit != 0]
        starts = [place for place, unit in enumerate(units) if unit == BOUNDARY]
        if units and units[0] != BOUNDARY:
            continue
        pieces = [tuple(units[a:b]) for a, b in itertools.pairwise([*starts, len(units)])]
        if any(piece not in spelled for piece in pieces):
            continue
        words = [spelled[piece] for piece in pieces]
        score = sum(float(log_posteriors[frame, unit]) for frame, unit in enumerate(path)) - penalty * len(words)
        if language_model == "bigram":
            pairs = zip([lm.START, *words], [*words, lm.END], strict=True)
            score += weight * sum(MODEL.log_probability(w, v) for v, w in pairs)
        elif language_model == "unigram":
            score += weight * sum(MODEL.unigrams[w] for w in [*words, lm.END])
        if score > best[1]:
            best = (words, score)
    return best


@pytest.mark.parametrize("language_model", ["bigram", "unigram", "none"])
@pytest.mark.parametrize(("weight", "penalty"), [(1.0, 0.0), (0.3, -1.5)])
def test_exact_against_brute_force(language_model: str, weight: float, penalty: float) -> None:
    decoder = LexiconDecoder(LEXICON, MODEL, language_model=language_model, lm_weight=weight, word_penalty=penalty)
    lengths = set()
    for seed in range(12):
        frames = 4 + seed % 4
        expected = brute_force(posteriors(frames, seed), language_model, weight, penalty)
        words, score = decoder.decode(posteriors(frames, seed))
        assert score == pytest.approx(expected[1], abs=1e-4)
        assert words == expected[0]
        lengths.add(len(words))
    assert len(lengths) > 1 or penalty == 0


def path_of(words: list[str], stay: int = 2) -> list[int]:
    path = [0]
    for word in words:
        for unit in LEXICON[word]:
            path += [unit] * stay + [0]
    return path


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(sorted(LEXICON)), max_size=12))
def test_clean_posteriors_give_the_sentence(words: list[str]) -> None:
    path = path_of(words)
    clean = np.full((len(path), 4), math.log(1e-4))
    clean[np.arange(len(path)), path] = math.log(1 - 3e-4)
    decoder = LexiconDecoder(LEXICON, MODEL, lm_weight=0.1)
    assert decoder.decode(clean)[0] == words
    if words:
        assert decode_greedy(clean) == [unit for word in words for unit in LEXICON[word]]


def test_long_utterances_keep_their_precision() -> None:
    words = ["A", "B", "AB", "AA"] * 150
    path = path_of(words, stay=4)
    noisy = posteriors(len(path), 5, sharpness=1.0)
    noisy[np.arange(len(path)), path] += 6.0
    noisy -= np.log(np.exp(noisy).sum(axis=1, keepdims=True))
    decoded, score = LexiconDecoder(LEXICON, MODEL, lm_weight=0.5).decode(noisy)
    # The score of the true path is a lower bound.
    pairs = list(zip([lm.START, *words], [*words, lm.END], strict=True))
    truth = noisy[np.arange(len(path)), path].sum() + 0.5 * sum(MODEL.log_probability(w, v) for v, w in pairs)
    assert score >= truth - 1e-2
    assert decoded == words


def test_language_model_decides_between_like_words() -> None:
    model = lm.estimate([["A", "B"]] * 5 + [["A", "A"]])
    uncertain = np.log(np.array([[0.01, 0.97, 0.01, 0.01], [0.01, 0.01, 0.97, 0.01], [0.01, 0.97, 0.01, 0.01],
                                 [0.01, 0.01, 0.50, 0.48]]))  # fmt: skip
    assert LexiconDecoder(LEXICON, model, lm_weight=1.0).decode(uncertain)[0] == ["A", "B"]
    assert LexiconDecoder(LEXICON, language_model="none").decode(uncertain)[0] == ["A", "A"]


def test_word_penalty() -> None:
    flat = posteriors(7, 2, sharpness=0.5)
    few = LexiconDecoder(LEXICON, language_model="none", word_penalty=20.0).decode(flat)[0]
    many = LexiconDecoder(LEXICON, language_model="none", word_penalty=-20.0).decode(flat)[0]
    assert few == [] and len(many) == 3


def test_no_frames_and_no_words() -> None:
    decoder = LexiconDecoder(LEXICON, MODEL)
    assert decoder.decode(np.zeros((0, 4)))[0] == []
    assert decode_greedy(np.zeros((0, 4))) == []
    with pytest.raises(UsageError, match="no word in common"):
        LexiconDecoder({"Z": [1, 2]}, MODEL)
    with pytest.raises(UsageError, match="trigram"):
        LexiconDecoder(LEXICON, MODEL, language_model="trigram")
