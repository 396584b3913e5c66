"""Decoding of CTC posteriors: greedy, or the best sentence of known words under a bigram language model.

The lexicon decoder is an exact Viterbi search. Every word is its CTC state sequence: the word boundary, then its
units, each followed by an optional blank. The states of all words lie side by side in one array, so a frame is a
handful of array operations. Words are entered from all words' ends: by the unigram with the back-off weight (one
maximum over all words), and by the bigrams that were seen (grouped by their second word). That is exact where no
explicit bigram is less probable than its back-off, as in our language_model.

The score of a sentence is that of its best path,
    sum of log posteriors + lm_weight * log p(sentence) - word_penalty * words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.components.recognition.language_model import END, START
from pseudovox.core.errors import UsageError

if TYPE_CHECKING:
    from pseudovox.components.recognition.language_model import BigramModel

BLANK = 0  # index of the CTC blank in every unit inventory
LANGUAGE_MODELS = ("bigram", "unigram", "none")


def decode_greedy(log_posteriors: np.ndarray) -> list[int]:
    """The unit sequence of the best unit at each frame, repetitions joined and blanks removed.

    Args:
        log_posteriors: (frames, units), unit 0 the blank.
    """
    best = np.argmax(log_posteriors, axis=1)
    kept = np.r_[True, best[1:] != best[:-1]] & (best != BLANK) if len(best) else np.zeros(0, bool)
    return [int(unit) for unit in best[kept]]


class LexiconDecoder:
    """The best sentence of a lexicon's words for the log posteriors of an utterance.

    Args:
        lexicon: unit indices of each word, beginning with the word boundary (which occurs nowhere else).
        model: the language model; needed unless `language_model` is "none". Words without a unigram are left out.
        language_model: "bigram", "unigram", or "none" (words are free).
        lm_weight: factor of the log-probabilities of the language model.
        word_penalty: subtracted for each word; negative values make for more words.

    Raises:
        UsageError: an unknown `language_model`, or no words.
    """

    def __init__(
        self,
        lexicon: Mapping[str, Sequence[int]],
        model: BigramModel | None = None,
        *,
        language_model: str = "bigram",
        lm_weight: float = 1.0,
        word_penalty: float = 0.0,
    ) -> None:
        if language_model not in LANGUAGE_MODELS or (model is None and language_model != "none"):
            raise UsageError(f"language model {language_model!r}, expected one of {', '.join(LANGUAGE_MODELS)}")
        if language_model == "none":
            model = None
        self.words = sorted(word for word in lexicon if model is None or word in model.unigrams)
        if not self.words:
            raise UsageError("the lexicon and the language model have no word in common")
        self._lay_out([list(lexicon[word]) for word in self.words])
        self._weigh(model if language_model != "none" else None, language_model == "bigram", lm_weight, word_penalty)

    def _lay_out(self, spellings: list[list[int]]) -> None:
        """States of all words: unit, blank, unit, blank, ..."""
        lengths = np.array([2 * len(spelling) for spelling in spellings])
        self.last = np.cumsum(lengths) - 1  # the final blank of each word; the final unit lies before it
        self.first = self.last - lengths + 1
        self.unit = np.full(int(lengths.sum()), BLANK)
        self.step = np.zeros(len(self.unit), np.float32)  # 0 or -inf: from the state before
        self.skip = np.full(len(self.unit), -np.inf, np.float32)  # 0 or -inf: from two states before
        for first, spelling in zip(self.first, spellings, strict=True):
            self.unit[first : first + 2 * len(spelling) : 2] = spelling
            for place in range(1, len(spelling)):
                # Equal neighbours need a blank between them, or CTC would join them.
                if spelling[place] != spelling[place - 1]:
                    self.skip[first + 2 * place] = 0.0
        self.step[self.first] = -np.inf

    def _weigh(self, model: BigramModel | None, bigram: bool, weight: float, penalty: float) -> None:
        """Weighted scores of entering a word, by the unigram and by each bigram seen, and of ending."""
        count = len(self.words)
        index = {word: number for number, word in enumerate(self.words)}
        self.enter = np.full(count, -float(penalty))
        self.leave = np.zeros(count)  # back-off weight of each word
        self.begin = self.enter.copy()  # as first word
        self.end = np.zeros(count)  # END after each word
        self.end_empty = 0.0
        pairs: list[tuple[int, int, float]] = []
        if model is not None:
            self.enter += weight * np.array([model.unigrams[word] for word in self.words])
            if bigram:
                self.leave = weight * np.array([model.backoffs.get(word, 0.0) for word in self.words])
                self.begin += weight * np.array([model.log_probability(word, START) for word in self.words])
                self.end = weight * np.array([model.log_probability(END, word) for word in self.words])
                self.end_empty = weight * model.log_probability(END, START)
                pairs = sorted(
                    (index[w], index[v], weight * value - penalty)
                    for (v, w), value in model.bigrams.items()
                    if v in index and w in index
                )
            else:
                self.begin = self.enter
                self.end = np.full(count, weight * model.unigrams[END])
                self.end_empty = weight * model.unigrams[END]
        self.pair_from = np.array([pair[1] for pair in pairs], dtype=int)
        self.pair_score = np.array([pair[2] for pair in pairs])
        targets = np.array([pair[0] for pair in pairs], dtype=int)
        self.pair_target, self.pair_start = np.unique(targets, return_index=True)
        self.pair_stop = np.r_[self.pair_start[1:], len(pairs)] if pairs else self.pair_start

    def decode(self, log_posteriors: np.ndarray) -> tuple[list[str], float]:
        """The best sentence and its score.

        Args:
            log_posteriors: (frames, units), natural logarithms, unit 0 the blank.

        Returns:
            (words, score); no words, and possibly a score of -inf, where silence is the best or only reading.
        """
        frames = len(log_posteriors)
        log_posteriors = np.asarray(log_posteriors, dtype=np.float32)
        silence = np.cumsum(log_posteriors[:, BLANK], dtype=np.float64)
        exits = np.full((frames, len(self.words)), -np.inf)  # best score of each word's end, at each frame
        entries = np.zeros((frames, len(self.words)), np.int32)  # frame at which that path entered the word
        score = np.full(len(self.unit), -np.inf, np.float32)
        entered = np.zeros(len(self.unit), np.int32)
        # Scores are kept relative to an offset, so that float32 is exact enough for long utterances.
        offset = 0.0
        for frame in range(frames):
            stepped = score[:-1] + self.step[1:]
            skipped = score[:-2] + self.skip[2:]
            new, origin = score.copy(), entered.copy()
            better = stepped > new[1:]
            np.copyto(new[1:], stepped, where=better)
            np.copyto(origin[1:], entered[:-1], where=better)
            better = skipped > new[2:]
            np.copyto(new[2:], skipped, where=better)
            np.copyto(origin[2:], entered[:-2], where=better)
            start = self.begin + ((silence[frame - 1] if frame else 0.0) - offset)
            if frame:
                start = np.maximum(start, self._into(exits[frame - 1]) - offset)
            fresh = start > new[self.first]
            new[self.first[fresh]] = start[fresh]
            origin[self.first[fresh]] = frame
            new += log_posteriors[frame, self.unit]
            score, entered = new, origin
            by_unit = score[self.last - 1] > score[self.last]
            at = self.last - by_unit
            exits[frame] = score[at] + offset
            entries[frame] = entered[at]
            top = float(score.max())
            if math.isfinite(top):
                score -= np.float32(top)
                offset += float(np.float32(top))
        return self._trace_back(exits, entries, silence)

    def _into(self, exits: np.ndarray) -> np.ndarray:
        """Best score of entering each word after any word."""
        best = self.enter + (exits + self.leave).max()
        if len(self.pair_from):
            seen = np.maximum.reduceat(exits[self.pair_from] + self.pair_score, self.pair_start)
            best[self.pair_target] = np.maximum(best[self.pair_target], seen)
        return best

    def _before(self, word: int, exits: np.ndarray) -> tuple[float, int]:
        """Best score of entering `word` after any word, and that word."""
        left = exits + self.leave
        previous = int(np.argmax(left))
        best = float(left[previous] + self.enter[word])
        group = int(np.searchsorted(self.pair_target, word))
        if group < len(self.pair_target) and self.pair_target[group] == word:
            pairs = slice(int(self.pair_start[group]), int(self.pair_stop[group]))
            seen = exits[self.pair_from[pairs]] + self.pair_score[pairs]
            if seen.max() >= best:
                best, previous = float(seen.max()), int(self.pair_from[pairs][np.argmax(seen)])
        return best, previous

    def _trace_back(self, exits: np.ndarray, entries: np.ndarray, silence: np.ndarray) -> tuple[list[str], float]:
        empty = (float(silence[-1]) if len(silence) else 0.0) + self.end_empty
        if not len(exits):
            return [], empty
        final = exits[-1] + self.end
        word = int(np.argmax(final))
        if not final[word] > empty:
            return [], empty
        total, frame, words = float(final[word]), len(exits) - 1, []
        while True:
            words.append(self.words[word])
            entry = int(entries[frame, word])
            first = self.begin[word] + (silence[entry - 1] if entry else 0.0)
            if entry == 0:
                break
            score, previous = self._before(word, exits[entry - 1])
            if first >= score:
                break
            word, frame = previous, entry - 1
        return words[::-1], total
