"""Features for kNN voice conversion: the same for every batch, layers as the networks have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch

from pseudovox.anonymize.knnvc import features
from pseudovox.anonymize.knnvc.options import Features
from pseudovox.core.errors import MissingModelError, UsageError
from pseudovox.models.wav2vec2 import Wav2vec2Network
from pseudovox.models.whisper import WhisperEncoder

SMALL_WAVLM: dict[str, Any] = {
    "extractor_mode": "layer_norm",
    "extractor_conv_layer_config": [(8, 10, 5), *[(8, 3, 2)] * 4, *[(8, 2, 2)] * 2],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 16,
    "encoder_projection_dropout": 0.0,
    "encoder_pos_conv_kernel": 16,
    "encoder_pos_conv_groups": 4,
    "encoder_num_layers": 4,
    "encoder_num_heads": 4,
    "encoder_num_buckets": 32,
    "encoder_max_distance": 80,
    "encoder_attention_dropout": 0.0,
    "encoder_ff_interm_features": 32,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.0,
    "encoder_layer_norm_first": True,
    "encoder_layer_drop": 0.0,
    "aux_num_out": None,
}  # as of WAVLM_LARGE, but for the sizes


def speech(seconds: float, seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * 16000))).astype(np.float32)


@pytest.fixture(scope="module")
def wavlm() -> Wav2vec2Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = Wav2vec2Network("WavLM", SMALL_WAVLM, False)
        for parameter in network.parameters():  # fresh norms and biases would hide what they do
            torch.nn.init.normal_(parameter, std=0.3)
    return network


def test_utterances_of_wavlm_do_not_depend_on_their_batch(wavlm: Wav2vec2Network) -> None:
    extract = features.TransformerLayers(wavlm, (0, 1, 4))
    signals = [torch.from_numpy(speech(seconds, n)) for n, seconds in enumerate((0.4, 1.0, 0.025, 0.73))]
    lengths = torch.tensor([len(signal) for signal in signals])
    padded = torch.nn.utils.rnn.pad_sequence(signals, batch_first=True)
    with torch.inference_mode():
        together, frames = extract.network.hidden(padded, lengths, extract.layers)
    for row, signal in enumerate(signals):
        (alone,) = extract([signal.numpy()])
        for layer, expected in zip(together, alone, strict=True):
            assert layer[row, : frames[row]].numpy() == pytest.approx(expected, abs=1e-5)
        assert len(alone[0]) == (len(signal) - 400) // 320 + 1


def test_layers_of_wavlm_are_torchaudios(wavlm: Wav2vec2Network) -> None:
    signal = speech(0.5, 1)
    extract = features.TransformerLayers(wavlm, (2, 0))
    with torch.inference_mode():
        layers, _ = wavlm.model.extract_features(torch.from_numpy(signal)[None])
        last, _ = wavlm.model(torch.from_numpy(signal)[None])
    ((second, output),) = extract([signal])
    assert second == pytest.approx(layers[1][0].numpy(), abs=1e-6)
    assert output == pytest.approx(last[0].numpy(), abs=1e-6)
    assert extract.dimensions == (16, 16)


def test_long_speech_of_wavlm_goes_through_in_windows(wavlm: Wav2vec2Network, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = speech(3.0, 2)
    extract = features.TransformerLayers(wavlm, (1,))
    ((whole,),) = extract([signal])
    monkeypatch.setattr(features.wav2vec2, "WHOLE_SECONDS", 2.0)
    monkeypatch.setattr(features.wav2vec2, "CONTEXT_SECONDS", 0.5)
    ((parts,),) = extract([signal])
    assert parts.shape == whole.shape
    likeness = (parts * whole).sum(1) / np.linalg.norm(parts, axis=1) / np.linalg.norm(whole, axis=1)
    assert likeness.mean() > 0.9


def test_padding_is_refused_where_it_shows() -> None:
    parameters = {**SMALL_WAVLM, "extractor_mode": "group_norm"}
    network = Wav2vec2Network("WavLM", parameters, False).eval()
    with pytest.raises(ValueError, match="one at a time"):
        network.hidden(torch.zeros(2, 1600), torch.tensor([1600, 800]), (1,))


def test_layers_of_whisper() -> None:
    torch.manual_seed(0)
    encoder = WhisperEncoder(bins=80, width=16, layers=3, heads=2, positions=50)
    extract = features.WhisperLayers(encoder, (0, 2))
    signal = speech(1.5, 3)  # longer than its positions: two windows
    ((output, second),) = extract([signal])
    assert output.shape == second.shape == (75, 16)
    with torch.inference_mode():
        assert output[:50] == pytest.approx(encoder(torch.from_numpy(signal)[None, :16000])[0].numpy(), abs=1e-6)
        assert encoder.norm(encoder.layers[2](torch.from_numpy(second)[None, :50]))[0].numpy() == pytest.approx(
            output[:50], abs=1e-5
        )


def test_layers_of_the_content_extractor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_models.make(tmp_path) / "models/bottleneck"
    options = Features("bottleneck", 0)
    extract = features.load(options, layers=(3, 0, 1), bottleneck=model)
    assert extract.dimensions == (16, 8, 16) and extract.frame_shift == 0.02
    signal = speech(2.0, 4)
    ((last, bottleneck, first),) = extract([signal])
    assert last.shape == (100, 16) and bottleneck.shape == (100, 8) and first.shape == (100, 16)
    assert (bottleneck == features.content.Extractor(model)(signal)).all()
    monkeypatch.setattr("pseudovox.core.blocks.SECONDS", 0.5)
    for whole, parts in zip((last, first), extract([signal])[0][::2], strict=True):
        assert parts == pytest.approx(whole, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Features("hubertt", 6), "features.kind 'hubertt': expected one of wavlm"),
        (Features("bottleneck", -1), "features.layer -1"),
        (Features("bottleneck", 4), "features.layer 4: the content extractor has layers 1 to 3"),
    ],
)
def test_options_that_nothing_can_be(options: Features, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        features.load(options, bottleneck=tiny_models.make(tmp_path) / "models/bottleneck")


def test_where_weights_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingModelError, match=r"local/download\.py WAVLM_LARGE"):
        features.source_of(Features("wavlm", 6))
    with pytest.raises(UsageError, match="--bottleneck"):
        features.source_of(Features("bottleneck", 6))
    assert features.source_of(Features("bottleneck", 6, str(tmp_path))) == tmp_path
