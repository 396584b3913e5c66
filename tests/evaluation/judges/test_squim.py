"""The judges of torchaudio with small random networks in the place of the published ones, through the same code."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
from torchaudio.models.squim import subjective

from pseudovox.core.errors import MissingModelError
from pseudovox.data.audio import write_wav
from pseudovox.evaluation import judges
from pseudovox.evaluation.judges import Asked
from pseudovox.models import pretrained


def objective() -> torch.nn.Module:
    return torchaudio.models.squim_objective_model(
        feat_dim=8, win_len=64, d_model=8, nhead=2, hidden_dim=8, num_blocks=1, rnn_type="LSTM", chunk_size=20
    )


def opinion() -> torch.nn.Module:
    ssl = torchaudio.models.wav2vec2_model(
        extractor_mode="group_norm", extractor_conv_layer_config=[(8, 10, 5), (8, 8, 8), (8, 8, 8)],
        extractor_conv_bias=False, encoder_embed_dim=8, encoder_projection_dropout=0.1, encoder_pos_conv_kernel=8,
        encoder_pos_conv_groups=2, encoder_num_layers=1, encoder_num_heads=2, encoder_attention_dropout=0.1,
        encoder_ff_interm_features=16, encoder_ff_interm_dropout=0.1, encoder_dropout=0.1,
        encoder_layer_norm_first=False, encoder_layer_drop=0.1, aux_num_out=None,
    )  # fmt: skip
    return torchaudio.models.SquimSubjective(ssl, torch.nn.Linear(8, 4), subjective.Predictor(8, 5))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torchaudio's cache with weights of small networks, and these in the place of the published ones."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    for name, make in (("SQUIM_OBJECTIVE", objective), ("SQUIM_SUBJECTIVE", opinion)):
        monkeypatch.setattr(torchaudio.models, f"{name.lower()}_base", make)
        path = pretrained.cache_file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(make().state_dict(), path)
    write_wav(tmp_path / "clean.wav", 0.1 * np.random.default_rng(1).standard_normal(20000))
    return tmp_path


def test_scores_of_speech_silence_and_the_very_short(cache: Path) -> None:
    generator = np.random.default_rng(0)
    sounds = [0.1 * generator.standard_normal(size) for size in (30000, 300, 30000)] + [np.zeros(9000)]
    for name, size in (("squim_objective", 3), ("squim_subjective", 1)):
        hear = judges.JudgeWorker(Asked(name, str(cache / "clean.wav"))).judge
        found = [hear(sound.astype(np.float32)) for sound in sounds]
        assert all(one.shape == (size,) and one.dtype == np.float32 and np.isfinite(one).all() for one in found)
        assert np.array_equal(found[0], hear(sounds[0].astype(np.float32))), "what came before does not matter"
        assert not np.array_equal(found[0], found[2])
        if name == "squim_objective":
            assert all(0 <= stoi <= 1 and 1 <= pesq <= 4.7 for stoi, pesq, _ in found)
        else:
            assert all(1 <= mos[0] <= 5 for mos in found)


def test_what_is_missing_is_named_with_its_hint(cache: Path) -> None:
    objective, subjective = Asked("squim_objective"), Asked("squim_subjective")
    assert judges.missing(objective) == []
    assert judges.missing(subjective) == ["recording to compare with"]
    assert judges.hint(subjective) == "--set judges.reference=FILE"
    assert judges.missing(Asked("squim_subjective", "clean.wav")) == []
    for name in ("SQUIM_OBJECTIVE", "SQUIM_SUBJECTIVE"):
        pretrained.cache_file(name).unlink()
    assert judges.missing(objective) == ["weights of SQUIM_OBJECTIVE"]
    assert judges.hint(subjective) == "local/download.py SQUIM_SUBJECTIVE; --set judges.reference=FILE"
    with pytest.raises(MissingModelError, match="nothing is downloaded"):
        judges.JudgeWorker(objective)
    assert judges.installed([objective]) == {"squim_objective": None}
