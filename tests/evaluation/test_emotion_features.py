"""What an emotion classifier sees: prosody of tunes, of silence and of next to nothing; outputs of a wav2vec 2.0."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.config import Emotion, Pitch
from pseudovox.data.datadir import DataDir
from pseudovox.evaluation.emotion_features import NAMES, Wav2vec2Worker, prosody_statistics
from pseudovox.models import pretrained
from pseudovox.stage.parallel import Utterance

pytest.importorskip("parselmouth")


def tune(start: float, stop: float, seconds: float = 1.0) -> np.ndarray:
    pitch = np.linspace(start, stop, round(16000 * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    return (0.1 * sum(np.sin(order * phase) / order for order in range(1, 9))).astype(np.float32)


def statistics(samples: np.ndarray) -> dict[str, float]:
    found = prosody_statistics(samples, Pitch())
    assert found.shape == (len(NAMES),) and found.dtype == np.float32 and np.isfinite(found).all()
    return dict(zip(NAMES, found.tolist(), strict=True))


def test_pitch_of_a_tune() -> None:
    rising, falling, level = statistics(tune(150, 300)), statistics(tune(300, 150)), statistics(tune(200, 200))
    assert rising["pitch_slope"] > 8 and falling["pitch_slope"] < -8 and abs(level["pitch_slope"]) < 0.5
    assert level["pitch_mean"] == pytest.approx(12, abs=0.2) and level["pitch_deviation"] < 0.5, "200 Hz: an octave up"
    assert 8 < rising["pitch_range"] < 12 and rising["pitch_voiced_share"] > 0.8
    pauses = np.concatenate([tune(200, 200, 0.4), np.zeros(6400, np.float32), tune(200, 200, 0.4)])
    assert statistics(pauses)["energy_speech_share"] == pytest.approx(2 / 3, abs=0.05)
    assert statistics(pauses)["pitch_voiced_runs_per_second"] == pytest.approx(2 / 1.2, abs=0.1)


def test_level_does_not_count() -> None:
    noise = 0.001 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    loud, quiet = statistics(tune(150, 300) + noise), statistics(0.1 * (tune(150, 300) + noise))
    assert loud == pytest.approx(quiet, abs=0.05)


@pytest.mark.parametrize("samples", [1, 100, 500, 8000])
def test_silence_and_next_to_nothing(samples: int) -> None:
    statistics(np.zeros(samples, np.float32))
    noise = statistics(0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32))
    assert abs(noise["pitch_slope"]) < 1000


def test_outputs_of_a_network(tiny_data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import torchaudio

    sizes = {
        "extractor_mode": "group_norm", "extractor_conv_layer_config": [(8, 10, 5), (8, 8, 8), (8, 8, 8)],
        "extractor_conv_bias": False, "encoder_embed_dim": 8, "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": 8, "encoder_pos_conv_groups": 2, "encoder_num_layers": 2, "encoder_num_heads": 2,
        "encoder_attention_dropout": 0.1, "encoder_ff_interm_features": 16, "encoder_ff_interm_dropout": 0.1,
        "encoder_dropout": 0.1, "encoder_layer_norm_first": False, "encoder_layer_drop": 0.1, "aux_num_out": None,
    }  # fmt: skip
    bundle = type(torchaudio.pipelines.WAV2VEC2_BASE)("tiny.pth", sizes, 16000, False, "Wav2Vec2")
    monkeypatch.setattr(torchaudio.pipelines, "WAV2VEC2_BASE", bundle)
    torch.save(torchaudio.models.wav2vec2_model(**sizes).state_dict(), "tiny.pth")
    worker = Wav2vec2Worker(Emotion(weights="tiny.pth", layer=1))
    [(utterance, found)] = worker.process([Utterance(tiny_data, "f1-0")])
    assert utterance.id == "f1-0" and found["features"].shape == (16,) and np.isfinite(found["features"]).all()
    [(_, again)] = worker.process([Utterance(tiny_data, "f1-0")])
    assert np.array_equal(found["features"], again["features"])
    monkeypatch.setenv("TORCH_HOME", str(Path("empty")))
    with pytest.raises(pretrained.MissingModelError, match=r"emotion\.weights=FILE"):
        Wav2vec2Worker(Emotion())
