"""audeering's network, small and random: against transformers, in windows, and its published layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.models import emotion_network, pretrained
from pseudovox.models.emotion_network import PUBLISHED, EmotionDimensions, own_weights

SMALL: dict[str, Any] = {
    **PUBLISHED,
    "extractor_conv_layer_config": [(16, 10, 5), *[(16, 3, 2)] * 4, *[(16, 2, 2)] * 2],
    "encoder_embed_dim": 16, "encoder_pos_conv_kernel": 8, "encoder_pos_conv_groups": 2, "encoder_num_layers": 2,
    "encoder_num_heads": 2, "encoder_ff_interm_features": 32,
}  # fmt: skip


def theirs(parameters: dict[str, Any]) -> Any:
    """The same network by transformers, which the published file was made with."""
    transformers = pytest.importorskip("transformers")
    layers = parameters["extractor_conv_layer_config"]
    return transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(
            hidden_size=parameters["encoder_embed_dim"], num_hidden_layers=parameters["encoder_num_layers"],
            num_attention_heads=parameters["encoder_num_heads"],
            intermediate_size=parameters["encoder_ff_interm_features"],
            conv_dim=[out for out, _, _ in layers], conv_kernel=[kernel for _, kernel, _ in layers],
            conv_stride=[stride for _, _, stride in layers], conv_bias=True, feat_extract_norm="layer",
            num_conv_pos_embeddings=parameters["encoder_pos_conv_kernel"],
            num_conv_pos_embedding_groups=parameters["encoder_pos_conv_groups"], do_stable_layer_norm=True,
        )
    ).eval()  # fmt: skip


def published_names(model: Any, width: int) -> dict[str, torch.Tensor]:
    """The state of the whole under the names of the published file, which older versions of torch wrote."""
    state = {f"wav2vec2.{name}": tensor for name, tensor in model.state_dict().items()}
    conv = "wav2vec2.encoder.pos_conv_embed.conv."
    state[f"{conv}weight_g"] = state.pop(f"{conv}parametrizations.weight.original0")
    state[f"{conv}weight_v"] = state.pop(f"{conv}parametrizations.weight.original1")
    for name, rows in (("dense", width), ("out_proj", 3)):
        state[f"classifier.{name}.weight"] = torch.randn(rows, width, device=model.device) / 4
        state[f"classifier.{name}.bias"] = torch.randn(rows, device=model.device)
    return state


def test_the_same_as_by_transformers() -> None:
    torch.manual_seed(0)
    model = theirs(SMALL)
    state = published_names(model, 16)
    network = EmotionDimensions(SMALL).eval()
    network.load_state_dict(own_weights(state))
    samples = (0.003 * np.random.default_rng(0).standard_normal(9000) + 0.01).astype(np.float32)
    values, embedding = network.rate(samples)
    normal = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    with torch.inference_mode():
        hidden = model(torch.from_numpy(normal)[None]).last_hidden_state[0].mean(0)
    head = torch.tanh(state["classifier.dense.weight"] @ hidden + state["classifier.dense.bias"])
    wanted = state["classifier.out_proj.weight"] @ head + state["classifier.out_proj.bias"]
    np.testing.assert_allclose(embedding, hidden.numpy(), atol=2e-5)
    np.testing.assert_allclose(values, wanted.numpy(), atol=2e-5)


def test_the_published_layout_fits() -> None:
    with torch.device("meta"):
        state = own_weights(published_names(theirs(PUBLISHED), 1024))
        wanted = EmotionDimensions().state_dict()
    assert {name: tensor.shape for name, tensor in state.items()} == {n: t.shape for n, t in wanted.items()}


def test_long_speech_silence_and_the_very_short() -> None:
    torch.manual_seed(0)
    network = EmotionDimensions(SMALL).eval()
    samples = np.random.default_rng(0).standard_normal(40000).astype(np.float32)
    whole, windowed = network.rate(samples)[1], network.rate(samples, whole=1.0, context=0.3)[1]
    assert np.abs(whole - windowed).max() < 0.2 * np.abs(whole).max() and not np.array_equal(whole, windowed)
    for other in (np.zeros(4000, np.float32), samples[:50]):
        assert all(np.isfinite(found).all() for found in network.rate(other))


def test_weights_that_are_missing_or_of_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        MissingModelError, match=r"download.py WAV2VEC2_EMOTION_DIMENSIONS .*emotion.dimensions_weights"
    ):
        emotion_network.load("", "emotion.dimensions_weights")
    monkeypatch.setattr(emotion_network, "EmotionDimensions", lambda: EmotionDimensions(SMALL))
    path = pretrained.cache_file(emotion_network.WEIGHTS)
    path.parent.mkdir(parents=True)
    torch.save({"wav2vec2.encoder.layer_norm.weight": torch.ones(16)}, path)
    with pytest.raises(DataError, match="the weights are not those of the model"):
        emotion_network.load()
