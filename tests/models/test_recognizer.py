"""The recogniser's network: shapes, independence of the batch, normalisation."""

import numpy as np
import pytest
import torch

from pseudovox.models.recognizer import RecognizerNetwork, input_features, spell

SMALL = {"units": 6, "mel_bins": 10, "channels": 16, "blocks": 6, "kernel": 3}


@pytest.mark.parametrize("subsampling", [1, 2, 3, 4])
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 31])
def test_output_lengths_are_those_of_the_output(subsampling: int, frames: int) -> None:
    network = RecognizerNetwork(**SMALL, subsampling=subsampling).eval()
    output, lengths = network(torch.randn(1, frames, 10), torch.tensor([frames]))
    assert output.shape == (1, int(lengths[0]), 6)
    assert torch.allclose(output.exp().sum(-1), torch.ones(1), atol=1e-5)


def test_result_does_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    network = RecognizerNetwork(**SMALL).eval()
    short, long = torch.randn(20, 10), torch.randn(50, 10)
    padded = torch.stack([torch.cat([short, torch.full((30, 10), 7.0)]), long])
    with torch.inference_mode():
        together, lengths = network(padded, torch.tensor([20, 50]))
        for row, alone in enumerate((short, long)):
            expected, _ = network(alone[None], torch.tensor([len(alone)]))
            assert torch.allclose(together[row, : lengths[row]], expected[0], atol=1e-5)


def test_a_fixed_channel_changes_nothing() -> None:
    torch.manual_seed(0)
    network = RecognizerNetwork(**SMALL).eval()
    frames, channel = torch.randn(1, 40, 10), torch.randn(10)
    with torch.inference_mode():
        assert torch.allclose(
            network(frames, torch.tensor([40]))[0], network(frames + channel, torch.tensor([40]))[0], atol=1e-4
        )


def test_input_features_are_relative_to_the_loudest() -> None:
    samples = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    frames = input_features(samples, 40, 45.0)
    assert frames.shape == (50, 40)
    assert float(frames.max()) == 0.0 and float(frames.min()) >= -45 * np.log(10) / 10 - 1e-5
    assert torch.allclose(frames, input_features(3 * samples, 40, 45.0), atol=1e-4)


def test_spell() -> None:
    assert spell("AB", {"<blank>": 0, "|": 1, "A": 2, "B": 3}) == [1, 2, 3]
