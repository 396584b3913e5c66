"""The bigram language model against values worked out by hand."""

import math
from pathlib import Path

import pytest

from pseudovox.components.recognition import language_model as lm
from pseudovox.core.errors import DataError

TEXT = [["A", "B"], ["A", "B"], ["A", "C"]]


def test_witten_bell_by_hand() -> None:
    model = lm.estimate(TEXT)
    # 9 tokens (3 ends), 4 types: p(A) = (3 + 1) / (9 + 4).
    assert math.exp(model.unigrams["A"]) == pytest.approx(4 / 13)
    assert math.exp(model.unigrams["C"]) == pytest.approx(2 / 13)
    # After A: B twice, C once, two types.
    assert math.exp(model.log_probability("B", "A")) == pytest.approx((2 + 2 * 3 / 13) / 5)
    assert math.exp(model.log_probability("A", "A")) == pytest.approx(2 / 5 * 4 / 13)
    assert math.exp(model.log_probability("A", lm.START)) == pytest.approx((3 + 4 / 13) / 4)


@pytest.mark.parametrize("previous", [lm.START, "A", "B", "C", "D"])
def test_probabilities_sum_to_one_and_bigrams_beat_their_backoff(previous: str) -> None:
    model = lm.estimate(TEXT, vocabulary=["D"])
    assert sum(math.exp(model.log_probability(word, previous)) for word in model.unigrams) == pytest.approx(1.0)
    assert all(value >= model.backoffs[v] + model.unigrams[w] for (v, w), value in model.bigrams.items())


def test_perplexity() -> None:
    model = lm.estimate(TEXT)
    expected = [("A", lm.START), ("C", "A"), (lm.END, "C")]
    score = sum(model.log_probability(word, previous) for word, previous in expected)
    assert lm.perplexity(model, [["A", "C"]]).perplexity == pytest.approx(math.exp(-score / 3))
    result = lm.perplexity(model, [["A", "X", "C"]])
    assert (result.words, result.unknown) == (3, 1)
    uniform = lm.estimate([], vocabulary=["A", "B", "C"])
    assert lm.perplexity(uniform, TEXT).perplexity == pytest.approx(4.0)  # three words and the end
    assert math.isnan(lm.perplexity(model, []).perplexity)


def test_arpa_there_and_back(tmp_path: Path) -> None:
    model = lm.estimate(TEXT, vocabulary=["D"])
    lm.write_arpa(model, tmp_path / "lm.arpa")
    back = lm.read_arpa(tmp_path / "lm.arpa")
    for previous in (lm.START, "A", "D"):
        for word in model.unigrams:
            assert back.log_probability(word, previous) == pytest.approx(model.log_probability(word, previous))
    assert back.words == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\\data\\\n\n\\1-grams:\nx\tA\n", ":4: not a line"),
        ("\\data\\\n\n\\3-grams:\n", ":3: section"),
        ("words\n", ":1: not a line"),
        ("\\data\\\n\n\\1-grams:\n-1\tA\n", "no unigram of </s>"),
    ],
)
def test_malformed_arpa(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "lm.arpa").write_text(content)
    with pytest.raises(DataError, match=message):
        lm.read_arpa(tmp_path / "lm.arpa")
