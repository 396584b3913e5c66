"""A wav2vec 2.0 front end of the content extractor: frames, what is trained, weights of others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox import config
from pseudovox.components.content import Extractor, log_mel, sample_frames
from pseudovox.core.errors import MissingModelError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.content_extractors.bottleneck import Options, Wav2vec2Front
from pseudovox.models import pretrained
from pseudovox.models.bottleneck import BottleneckNetwork
from pseudovox.models.wav2vec2 import Wav2vec2Network
from pseudovox.training import bottleneck

PARAMETERS: dict[str, Any] = {
    "extractor_mode": "layer_norm", "extractor_conv_bias": True, "encoder_embed_dim": 12,
    "extractor_conv_layer_config": [(8, 10, 5), (8, 3, 2), (8, 3, 2), (8, 3, 2), (8, 3, 2), (8, 2, 2), (8, 2, 2)],
    "encoder_projection_dropout": 0.0, "encoder_pos_conv_kernel": 8, "encoder_pos_conv_groups": 2,
    "encoder_num_layers": 2, "encoder_num_heads": 2, "encoder_attention_dropout": 0.0,
    "encoder_ff_interm_features": 16, "encoder_ff_interm_dropout": 0.0, "encoder_dropout": 0.0,
    "encoder_layer_norm_first": True, "encoder_layer_drop": 0.0, "aux_num_out": None,
}  # fmt: skip
FRONT = {"family": "Wav2Vec2", "parameters": PARAMETERS, "normalise": True}
SMALL: dict[str, Any] = {
    "bins": 160, "phones": 5, "channels": 16, "factor": 4, "dilations": [1], "stride": 2, "dimension": 6, "codes": 0,
}  # fmt: skip
OPTIONS = Options(
    front_end="wav2vec2", channels=8, factor=4, dilations=[1], dimension=6, codes=3, tail=1, chunk_seconds=0.3,
    variants=0, validation=1, quantizer_start=1,
    training=config.Training(updates=2, round_updates=2, batch_size=2, warmup=1, threads=1),
)  # fmt: skip


@pytest.mark.parametrize("frames", [1, 2, 7, 30])
def test_a_frame_every_20_ms(frames: int) -> None:
    network = BottleneckNetwork(**SMALL, front=FRONT).eval()
    out = network(torch.randn(2, frames, 160))
    assert out.frame_logits.shape == (2, -(-frames // 2), 5)
    assert network.extract(torch.randn(1, frames, 160)).shape == (1, -(-frames // 2), 6)


def test_frames_are_as_many_as_of_log_mel() -> None:
    for samples in (80, 239, 240, 16000, 16079, 16080, 16159):
        signal = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
        found = sample_frames(signal)
        assert found.shape == (len(log_mel(signal, 10, 45.0)), 160)
        kept = min(samples, found.numel())
        assert np.array_equal(found.flatten()[:kept], signal[:kept])


@pytest.mark.parametrize("trained", [False, True])
def test_the_front_end_is_trained_if_asked_for(trained: bool) -> None:
    network = BottleneckNetwork(**SMALL, front=FRONT, front_trained=trained).train()
    assert network.front is not None and network.front.network.training == trained
    network(torch.randn(1, 20, 160)).frame_logits.sum().backward()
    front = [parameter for name, parameter in network.named_parameters() if name.startswith("front.")]
    assert front and all(parameter.requires_grad == trained for parameter in front)
    assert any(parameter.grad is not None for parameter in front) == trained
    assert network.bottleneck.weight.grad is not None


def test_other_strides_are_refused() -> None:
    with pytest.raises(ValueError, match="every 320 samples needs 2"):
        BottleneckNetwork(**{**SMALL, "stride": 1}, front=FRONT)


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A small model in the place of the bundle, and a file of weights for it."""
    made = SimpleNamespace(_model_type="Wav2Vec2", _params={**PARAMETERS, "aux_num_out": 7}, _normalize_waveform=True)
    monkeypatch.setattr(pretrained, "bundle_of", lambda name: made)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    torch.manual_seed(1)
    torch.save(Wav2vec2Network("Wav2Vec2", made._params, True).model.state_dict(), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_weights_of_others_stay_as_they_are_and_the_model_dir_holds_them(bundle: Path, tiny_data: DataDir) -> None:
    lines = [f"{utt} 1 0.0 0.2 sil\n{utt} 1 0.2 0.3 aa" for utt in tiny_data.utterances]
    data = DataDir(tiny_data.path, tiny_data.tables, {"phones.ctm": "\n".join(lines).split("\n")})
    own = Wav2vec2Front(weights=str(bundle))
    options = Options(**{**vars(OPTIONS), "wav2vec2": own})
    bottleneck.check(options)
    bottleneck.train([data], options, 1, Path("model"), device="cpu", augment=lambda samples, _: samples)
    extract = Extractor(Path("model"))
    weights = torch.load(bundle, weights_only=True)
    found = extract.network.front.network.model.state_dict()
    assert all(torch.equal(found[name], weights[name]) for name in found)
    content = extract(np.random.default_rng(0).standard_normal(16000).astype(np.float32))
    assert content.shape == (50, 6) and np.isfinite(content).all()


def test_missing_weights_are_told_with_the_command(bundle: Path) -> None:
    with pytest.raises(
        MissingModelError, match=r"WAV2VEC2_LARGE_LV60K.*\n.*local/download.py.*bottleneck.wav2vec2.weights=FILE"
    ):
        bottleneck.check(OPTIONS)
    with pytest.raises(UsageError, match="front_end 'hubert': expected conv or wav2vec2"):
        bottleneck.check(Options(front_end="hubert"))
