"""The networks of private kNN-VC: shapes, and nothing from beyond the end of an utterance."""

from __future__ import annotations

import torch

from pseudovox.models.conv_decoder import DurationPredictor, PhonePredictor


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    network = PhonePredictor(inputs=5, phones=3, hidden=8).eval()
    network.set_statistics(torch.full((5,), 2.0), torch.full((5,), 0.5))
    frames = torch.randn(2, 7, 5)
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    found = network(frames, mask)
    assert found.shape == (2, 7, 4)
    torch.testing.assert_close(found[1, :4], network(frames[1:, :4])[0])


def test_the_blank_is_never_the_most_likely_phone() -> None:
    network = PhonePredictor(inputs=2, phones=3, hidden=4).eval()
    torch.nn.init.constant_(network.decoder.last.bias[3:], 100.0)
    assert network.most_likely(torch.randn(20, 2)).max() < 3


def test_durations_of_padded_sequences() -> None:
    torch.manual_seed(0)
    network = DurationPredictor(phones=3, hidden=8).eval()
    both = network(torch.tensor([[0, 1, 2, 0], [2, 1, 3, 3]]))
    torch.testing.assert_close(both[1:, :2], network(torch.tensor([[2, 1]])))
