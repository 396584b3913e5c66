"""wav2vec 2.0 as torchaudio has it, small and random: windows of long speech, padding, published weights."""

from typing import Any

import numpy as np
import pytest
import torch

from pseudovox.core.errors import DataError
from pseudovox.models import store, wav2vec2

PARAMETERS: dict[str, Any] = {
    "extractor_mode": "layer_norm",
    "extractor_conv_layer_config": [
        [16, 10, 5],
        [16, 3, 2],
        [16, 3, 2],
        [16, 3, 2],
        [16, 3, 2],
        [16, 2, 2],
        [16, 2, 2],
    ],
    "extractor_conv_bias": True,
    "encoder_embed_dim": 16,
    "encoder_projection_dropout": 0.0,
    "encoder_pos_conv_kernel": 8,
    "encoder_pos_conv_groups": 2,
    "encoder_num_layers": 2,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.0,
    "encoder_ff_interm_features": 32,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.0,
    "encoder_layer_norm_first": True,
    "encoder_layer_drop": 0.0,
    "aux_num_out": 29,
}


def network(**changes: Any) -> wav2vec2.Wav2vec2Network:
    torch.manual_seed(0)
    made = store.build("wav2vec2", {"family": "Wav2Vec2", "parameters": {**PARAMETERS, **changes}, "normalise": True})
    assert isinstance(made, wav2vec2.Wav2vec2Network)
    return made.eval()


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).standard_normal(samples).astype(np.float32)


def test_the_frames_are_those_of_wav2vec2() -> None:
    model = network()
    assert (model.hop, model.field) == (320, 400)
    for samples, frames in ((16000, 49), (720, 2), (719, 1), (1, 1)):
        [found] = model.log_posteriors([noise(samples)], "cpu")
        assert found.shape == (frames, 29) and np.allclose(np.exp(found).sum(1), 1, atol=1e-5)


def test_level_does_not_matter_and_silence_is_no_error() -> None:
    model = network()
    loud, quiet, silent = model.log_posteriors([noise(4000), 0.01 * noise(4000), np.zeros(4000, np.float32)], "cpu")
    assert np.allclose(loud, quiet, atol=0.05) and np.isfinite(silent).all()


def test_padding_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    signals = [noise(9000), noise(5000), noise(16000)]
    alone = [model.log_posteriors([samples], "cpu")[0] for samples in signals]
    prepared = [model.prepared(samples) for samples in signals]
    with torch.inference_mode():
        lengths = torch.tensor([len(samples) for samples in prepared])
        outputs, counts = model(torch.nn.utils.rnn.pad_sequence(prepared, batch_first=True), lengths)
    for row, count, expected in zip(outputs, counts.tolist(), alone, strict=True):
        assert count == len(expected) and np.allclose(row[:count].numpy(), expected, atol=1e-4)
    assert not network(extractor_mode="group_norm").can_be_padded


@pytest.mark.parametrize("samples", [400, 16000, 48000, 48080, 160000, 333333])
def test_windows_keep_every_frame_once(samples: int) -> None:
    kept = []
    for start, stop, frames in wav2vec2.windows(samples, 320, 400, whole=3.0, context=0.5):
        assert stop - start <= 3.0 * 16000 + 400 or start == 0
        assert (stop - start - 400) // 320 + 1 >= frames.stop and start % 320 == 0 and stop <= samples
        kept += [start // 320 + place for place in range(frames.start, frames.stop)]
    assert kept == list(range((samples - 400) // 320 + 1))


def test_long_speech_in_windows_is_nearly_the_whole() -> None:
    model, signal = network(), noise(160000)
    [whole] = model.log_posteriors([signal], "cpu")
    [parts] = model.log_posteriors([signal], "cpu", whole=4.0, context=1.0)
    assert parts.shape == whole.shape
    assert np.abs(np.exp(parts) - np.exp(whole)).max() < 0.02


def test_rows_of_the_published_output_layer_are_left_out() -> None:
    class Bundle:
        _params = PARAMETERS
        _remove_aux_axis = (1, 2, 3)

    published = {"aux.weight": torch.arange(32.0)[:, None].expand(32, 16), "aux.bias": torch.arange(32.0)}
    found = wav2vec2.own_weights(Bundle, published)
    assert found["model.aux.bias"].tolist() == [0.0, *range(4, 32)] and found["model.aux.weight"].shape == (29, 16)
    assert wav2vec2.own_weights(Bundle, {"aux.bias": torch.zeros(29)})["model.aux.bias"].shape == (29,)


def test_weights_of_another_model_are_refused() -> None:
    from pseudovox.models import pretrained

    weights = {f"model.{name}": tensor for name, tensor in network(aux_num_out=5).model.state_dict().items()}
    with pytest.raises(DataError, match=r"x.pth: the weights are not those of the model.*aux"):
        pretrained.load_into(network(), weights, "x.pth")


def test_statistics_of_a_layer() -> None:
    model = network()
    first, last = model.statistics(noise(8000), "cpu", 1), model.statistics(noise(8000), "cpu")
    assert first.shape == last.shape == (32,) and first.dtype == np.float32 and not np.allclose(first, last)
