"""A word bigram language model with interpolated Witten-Bell smoothing, estimated, measured and kept as ARPA text.

    p(w)     = (c(w) + 1) / (N + V)                           V words and the end of the sentence, N tokens
    p(w | v) = (c(v w) + T(v) p(w)) / (c(v) + T(v))           T(v): distinct followers of v
             = backoff(v) p(w) where v w was never seen,      backoff(v) = T(v) / (c(v) + T(v))

(Witten and Bell 1991; interpolated as in Chen and Goodman 1998, section 2.4; the unigram is add-one, so that a word of
the vocabulary that the text lacks keeps a share.) An explicit bigram is never less probable than its back-off, which
lets a decoder take the maximum of the two: see lexicon_decoder.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pseudovox.core.errors import DataError
from pseudovox.data.datadir import write_atomic

START, END = "<s>", "</s>"
LANGUAGE_MODEL = "lm.arpa"  # in the model dir of a recogniser that has one


@dataclass(frozen=True)
class BigramModel:
    """Natural log-probabilities.

    Attributes:
        unigrams: of every word and END.
        bigrams: of the pairs that were seen, (START or word, word or END).
        backoffs: log weight of the unigram after START and every word; 0 where absent.
    """

    unigrams: dict[str, float]
    bigrams: dict[tuple[str, str], float]
    backoffs: dict[str, float]

    @property
    def words(self) -> list[str]:
        """The vocabulary, sorted, without START and END."""
        return sorted(word for word in self.unigrams if word != END)

    def log_probability(self, word: str, previous: str) -> float:
        """log p(word | previous); KeyError for a word outside the vocabulary."""
        seen = self.bigrams.get((previous, word))
        return seen if seen is not None else self.backoffs.get(previous, 0.0) + self.unigrams[word]


def estimate(sentences: Iterable[Sequence[str]], vocabulary: Iterable[str] = ()) -> BigramModel:
    """Estimate from sentences (lists of words); `vocabulary` adds words that they lack."""
    unigram: Counter[str] = Counter()
    bigram: Counter[tuple[str, str]] = Counter()
    for words in sentences:
        tokens = [START, *words, END]
        unigram.update(tokens[1:])
        bigram.update(itertools.pairwise(tokens))
    tokens = sorted({*unigram, *vocabulary, END})
    count = sum(unigram.values())
    unigrams = {word: math.log((unigram[word] + 1) / (count + len(tokens))) for word in tokens}
    context: Counter[str] = Counter()
    followers: Counter[str] = Counter()
    for (previous, _), number in bigram.items():
        context[previous] += number
        followers[previous] += 1
    backoffs = {v: math.log(followers[v] / (context[v] + followers[v])) for v in sorted(context)}
    bigrams = {
        (v, w): math.log((bigram[v, w] + followers[v] * math.exp(unigrams[w])) / (context[v] + followers[v]))
        for v, w in sorted(bigram)
    }
    return BigramModel(unigrams, bigrams, backoffs)


@dataclass(frozen=True)
class Perplexity:
    """How well a model foresees a text: exp of the mean negative log-probability of its words and sentence ends."""

    perplexity: float
    words: int
    unknown: int  # words outside the vocabulary; they are left out, and so is what follows each as its context


def perplexity(model: BigramModel, sentences: Iterable[Sequence[str]]) -> Perplexity:
    """Perplexity of a text; after an unknown word the next one is scored by its unigram."""
    score, events, words, unknown = 0.0, 0, 0, 0
    for sentence in sentences:
        previous = START
        for word in [*sentence, END]:
            words += word != END
            if word not in model.unigrams:
                unknown += 1
            else:
                score += model.log_probability(word, previous)
                events += 1
            previous = word
    return Perplexity(math.exp(-score / events) if events else float("nan"), words, unknown)


def write_arpa(model: BigramModel, path: Path) -> None:
    """Write the model in the ARPA format (log10), sorted."""
    ten = math.log(10)
    unigrams = {START: -99 * ten, **model.unigrams}
    lines = ["\\data\\", f"ngram 1={len(unigrams)}", f"ngram 2={len(model.bigrams)}", "", "\\1-grams:"]
    for word, value in sorted(unigrams.items()):
        backoff = model.backoffs.get(word)
        lines.append(f"{value / ten:.9g}\t{word}" + ("" if backoff is None else f"\t{backoff / ten:.9g}"))
    lines += ["", "\\2-grams:"]
    lines += [f"{value / ten:.9g}\t{v} {w}" for (v, w), value in sorted(model.bigrams.items())]
    write_atomic(path, "\n".join([*lines, "", "\\end\\", ""]))


def read_arpa(path: Path) -> BigramModel:
    """Read a unigram or bigram model in the ARPA format.

    Raises:
        DataError: with the line, where the file is malformed or holds longer n-grams.
    """
    ten = math.log(10)
    unigrams: dict[str, float] = {}
    bigrams: dict[tuple[str, str], float] = {}
    backoffs: dict[str, float] = {}
    order = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        fields = line.split()
        if not fields or line.startswith(("\\data\\", "ngram ", "\\end\\")):
            continue
        if line.startswith("\\"):
            order = {"\\1-grams:": 1, "\\2-grams:": 2}.get(line.strip(), 0)
            if not order:
                raise DataError(f"{path}:{number}: section {line.strip()}, expected unigrams and bigrams only")
            continue
        try:
            if order == 1:
                if fields[1] != START:
                    unigrams[fields[1]] = float(fields[0]) * ten
                if len(fields) == 3:
                    backoffs[fields[1]] = float(fields[2]) * ten
            elif order == 2:
                bigrams[fields[1], fields[2]] = float(fields[0]) * ten
            else:
                raise ValueError
        except (ValueError, IndexError):
            raise DataError(f"{path}:{number}: not a line of an ARPA language model: {line[:60]!r}") from None
    if END not in unigrams:
        raise DataError(f"{path}: no unigram of {END}: not a word language model in the ARPA format")
    return BigramModel(unigrams, bigrams, backoffs)
