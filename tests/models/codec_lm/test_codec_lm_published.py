"""Bark's weights in our networks give what transformers' BarkModel gives (random weights, small sizes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pseudovox.core.errors import DataError
from pseudovox.models import store
from pseudovox.models.codec_lm import bark
from pseudovox.models.codec_lm.coarse import Row

transformers = pytest.importorskip("transformers")
ENCODEC = {
    "num_filters": 4, "hidden_size": 8, "codebook_size": 16, "codebook_dim": 8, "num_lstm_layers": 1,
    "target_bandwidths": [2.4],
}  # fmt: skip
LAYOUT = bark.Layout(
    units=20, pad=60, infer=61, codes=16, head=8, unit_window=6, history=12, window=4, fine_history=8, encodec=ENCODEC,
)  # fmt: skip


def model() -> Any:
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_size": 16, "dropout": 0.0, "bias": False, "block_size": 64}
    torch.manual_seed(0)
    config = transformers.BarkConfig(
        semantic_config={**sizes, "input_vocab_size": 70, "output_vocab_size": 70},
        coarse_acoustics_config={**sizes, "input_vocab_size": 64, "output_vocab_size": 64},
        fine_acoustics_config={**sizes, "block_size": 32, "input_vocab_size": 18, "output_vocab_size": 18},
        codec_config=ENCODEC,
    )
    whole = transformers.BarkModel(config).eval()
    for layer in whole.codec_model.quantizer.layers:
        layer.codebook.embed.normal_()  # they begin as zeros
    return whole


@pytest.fixture(scope="module")
def whole() -> Any:
    return model()


def test_coarse_logits(whole: Any) -> None:
    network: Any = bark.coarse(whole.state_dict(), "bark.bin", LAYOUT)[0]
    row = Row(torch.arange(7), torch.tensor([3, 5, 1, 15]), 2, 4)
    numbers = torch.tensor([[0, 1, 2, 3, 4, 5, 61, 23, 41, 21, 51]])
    with torch.no_grad():
        expected = whole.coarse_acoustics(numbers).logits[0, -1]
        found = network.transformer(network.context(row)[None])[0, -1]
    torch.testing.assert_close(network.logits(found, 0), expected[20:36], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.logits(found, 1), expected[36:52], rtol=1e-4, atol=1e-5)


def test_fine_logits(whole: Any) -> None:
    network = bark.fine(whole.state_dict(), "bark.bin", LAYOUT)[0]
    codes = torch.randint(16, (1, 32, 8))
    with torch.no_grad():
        for book in (2, 5, 7):
            expected = whole.fine_acoustics(book, codes).logits[:, :, :16]
            torch.testing.assert_close(network(codes, book), expected, rtol=1e-4, atol=1e-5)


def test_encodec(whole: Any, tmp_path: Path) -> None:
    network, kind, hyperparameters = bark.encodec(whole.state_dict(), "bark.bin", 8, LAYOUT)
    store.save(tmp_path, network, kind=kind, hyperparameters=hyperparameters, facts={})
    loaded, _ = store.load(tmp_path, "encodec")
    samples = 0.1 * torch.randn(3200)
    codes = loaded.encode(samples)
    assert codes.shape == (15, 8)
    from torchaudio.functional import resample

    with torch.no_grad():
        signal = resample(samples, 16000, 24000)[None, None]
        expected = whole.codec_model.encode(signal, bandwidth=loaded.bandwidth).audio_codes[0, 0].T
        speech = whole.codec_model.decode(expected.T[None, None], [None]).audio_values[0, 0]
    assert torch.equal(codes, expected)
    torch.testing.assert_close(loaded.decode(codes), resample(speech, 24000, 16000), rtol=1e-4, atol=1e-5)


def test_published_sizes_are_told_from_shapes(whole: Any) -> None:
    found = bark.coarse(whole.state_dict(), "bark.bin", LAYOUT)[2]
    assert (found["layers"], found["heads"], found["width"], found["vocabulary"]) == (2, 2, 16, 64)
    found = bark.fine(whole.state_dict(), "bark.bin", LAYOUT)[2]
    assert (found["books"], found["given"], found["context"], found["norm_bias"]) == (8, 1, 32, True)


def test_units_file() -> None:
    torch.manual_seed(0)
    from pseudovox.models.codec_lm.units import RecurrentUnits

    own = RecurrentUnits(inputs=5, hidden=4, layers=2, units=9)
    network, _, hyperparameters = bark.units(own.state_dict(), "units.pth")
    assert hyperparameters == {"inputs": 5, "hidden": 4, "layers": 2, "units": 9}
    frames = torch.randn(7, 5)
    assert torch.equal(network(frames), own(frames))


def test_other_files_are_refused(whole: Any) -> None:
    with pytest.raises(DataError, match="no weights of Bark"):
        bark.coarse({"x": torch.zeros(1)}, "x.bin")
    with pytest.raises(DataError, match="not the LSTM"):
        bark.units({"x": torch.zeros(1)}, "x.pth")
    with pytest.raises(DataError, match=r"coarse_acoustics.lm_head.weight is missing"):
        bark.coarse({"coarse_acoustics.input_embeds_layer.weight": torch.zeros(4, 4)}, "x.bin")
    weights = dict(whole.state_dict())
    weights["coarse_acoustics.surplus"] = torch.zeros(1)
    with pytest.raises(DataError, match="not those of the network"):
        bark.coarse(weights, "x.bin", LAYOUT)
