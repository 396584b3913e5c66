"""Which phone is spoken when: Viterbi's search, alignment of a known sequence, short pauses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from pseudovox.anonymize.sttts import recognition, symbols
from pseudovox.components.recognition.language_model import estimate
from pseudovox.core.errors import UsageError
from pseudovox.models.conv_decoder import PhonePredictor

AA, S = symbols.code("AA"), symbols.code("S")


def every_path(
    scores: np.ndarray, transitions: np.ndarray, first: np.ndarray, last: np.ndarray, shortest: int
) -> np.ndarray:
    """The best sequence by trying all."""
    frames, count = scores.shape
    best, found = -np.inf, np.zeros(frames, int)
    for path in itertools.product(range(count), repeat=frames):
        lengths = [len(list(run)) for _, run in itertools.groupby(path)]
        if min(lengths) < shortest:
            continue
        value = first[path[0]] + last[path[-1]] + sum(scores[frame, phone] for frame, phone in enumerate(path))
        value += sum(transitions[a, b] for a, b in itertools.pairwise(path) if a != b)
        if value > best:
            best, found = value, np.array(path)
    return found


@pytest.mark.parametrize("shortest", [1, 2, 3])
def test_search_is_exact(shortest: int) -> None:
    for seed in range(6):
        draw = np.random.default_rng(seed)
        scores, transitions = draw.standard_normal((7, 3)), draw.standard_normal((3, 3))
        first, last = draw.standard_normal((2, 3))
        np.fill_diagonal(transitions, recognition._IMPOSSIBLE)
        found = recognition.search(scores, transitions, first, last, shortest)
        assert found.tolist() == every_path(scores, transitions, first, last, shortest).tolist()


def test_search_of_less_than_the_shortest() -> None:
    assert recognition.search(np.zeros((1, 2)), np.zeros((2, 2)), np.array([0, 1.0]), np.zeros(2), 4).tolist() == [1]


def test_bigram_weights() -> None:
    model = estimate([["sil", "A", "sil"], ["sil", "B", "A", "sil"]], ["sil", "A", "B"])
    transitions, first, last = recognition.bigram_weights(model, ["sil", "A", "B"], 2.0, -1.0)
    assert first.argmax() == 0 and last.argmax() == 0 and transitions[2].argmax() == 1
    assert transitions[1, 0] == pytest.approx(2 * model.log_probability("sil", "A") - 1)


def posteriors(labels: list[int], phones: int = 4) -> torch.Tensor:
    """Which are sure of these labels."""
    return torch.nn.functional.one_hot(torch.tensor(labels), phones).float().mul(9).log_softmax(1)


def test_alignment_with_pauses_anywhere() -> None:
    labels = [0, 0, 1, 1, 2, 2, 0, 0, 3, 1, 1, 0]
    assert recognition.align(posteriors(labels), [1, 2, 3, 1], 0).tolist() == [  # type: ignore[union-attr]
        -1, -1, 0, 0, 1, 1, -1, -1, 2, 3, 3, -1,
    ]  # fmt: skip
    twice = recognition.align(posteriors([1, 1, 1, 1]), [1, 1], 0)
    assert twice is not None and {0, 1} <= set(twice.tolist())
    assert recognition.align(posteriors([1, 2, 1]), [1, 1, 1], 0) is None
    assert recognition.align(posteriors([0, 0]), [], 0).tolist() == [-1, -1]  # type: ignore[union-attr]


def test_short_pauses_count_to_the_phone_before() -> None:
    phones, durations = np.array([0, AA, 0, S, 0, AA, 0]), np.array([2, 4, 3, 5, 6, 1, 2])
    found, lengths = recognition.without_short_pauses(phones, durations, 6)
    assert found.tolist() == [0, AA, S, 0, AA, 0] and lengths.tolist() == [2, 7, 5, 6, 1, 2]
    only, length = recognition.without_short_pauses(np.array([0]), np.array([3]), 6)
    assert only.tolist() == [0] and length.tolist() == [3]


def test_phones_of_texts() -> None:
    cat = [[symbols.code(name) for name in word] for word in (["DH", "AH"], ["K", "AE", "T"])]
    assert recognition.spoken_phones("The cat!", "en") == cat
    french = recognition.spoken_phones("un chien", "fr")
    assert symbols.label_of(french[0][0]) == "œ̃" and len(french) == 2
    assert recognition.spoken_phones("... !", "en") == []
    with pytest.raises(UsageError, match="espeak-ng has no language 'xx'"):
        recognition.spoken_phones("so", "xx")


def test_tuning_makes_the_utterances_phones_likelier_and_leaves_the_network() -> None:
    torch.manual_seed(1)
    network = PhonePredictor(inputs=4, phones=3, hidden=8, dropout=0.5).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    features = torch.randn(1, 12, 4)

    def loss(one: torch.nn.Module) -> float:
        with torch.no_grad():
            scores = one(features)[0].log_softmax(1)[:, None]
        return float(torch.nn.functional.ctc_loss(scores, torch.tensor([[1, 2]]), [12], [2], blank=3))

    own = recognition.tuned(network, features, [1, 2], 3, 0.1)
    assert loss(own) < loss(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    again = recognition.tuned(network, features, [1, 2], 3, 0.1)
    assert loss(again) == loss(own)
