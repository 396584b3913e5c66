"""NISQA by torchmetrics with random weights in the layout of the released file, through the same code."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.evaluation import judgements, judges
from pseudovox.evaluation.judges import Asked, nisqa
from pseudovox.models import pretrained

torchmetrics = pytest.importorskip("torchmetrics.functional.audio.nisqa")
pytest.importorskip("librosa")

# The `args` of nisqa.tar that decide shapes and features.
ARGUMENTS = {
    "cnn_c_out_1": 16, "cnn_c_out_2": 32, "cnn_c_out_3": 64, "cnn_kernel_size": [3, 3], "cnn_dropout": 0.2,
    "cnn_pool_1": [24, 7], "cnn_pool_2": [12, 5], "cnn_pool_3": [6, 3],
    "td_sa_d_model": 64, "td_sa_nhead": 1, "td_sa_h": 64, "td_sa_num_layers": 2, "td_sa_dropout": 0.1,
    "pool_att_h": 128, "pool_att_dropout": 0.1,
    "ms_hop_length": 0.01, "ms_win_length": 0.02, "ms_n_fft": 4096, "ms_n_mels": 48, "ms_fmax": 20000,
    "ms_seg_length": 15, "ms_seg_hop_length": 4, "ms_max_segments": 1300,
}  # fmt: skip


def released() -> dict[str, torch.Tensor]:
    """Random weights under the names and in the shapes of nisqa.tar, written down here."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (into, out) in enumerate([(1, 16), (16, 32), (32, 64), (64, 64), (64, 64), (64, 64)], 1):
        shapes[f"cnn.model.conv{number}.weight"] = (out, into, 3, 3)
        for name in ("conv{}.bias", "bn{}.weight", "bn{}.bias", "bn{}.running_mean", "bn{}.running_var"):
            shapes[f"cnn.model.{name.format(number)}"] = (out,)
        shapes[f"cnn.model.bn{number}.num_batches_tracked"] = ()
    time = "time_dependency.model"
    shapes |= {f"{time}.norm1.weight": (64,), f"{time}.norm1.bias": (64,)}
    shapes |= {f"{time}.linear.weight": (64, 384), f"{time}.linear.bias": (64,)}
    for layer in (f"{time}.layers.{number}" for number in range(2)):
        shapes |= {f"{layer}.self_attn.in_proj_weight": (192, 64), f"{layer}.self_attn.in_proj_bias": (192,)}
        for name in ("self_attn.out_proj", "linear1", "linear2"):
            shapes |= {f"{layer}.{name}.weight": (64, 64), f"{layer}.{name}.bias": (64,)}
        for name in ("norm1", "norm2"):
            shapes |= {f"{layer}.{name}.weight": (64,), f"{layer}.{name}.bias": (64,)}
    for pool in (f"pool_layers.{number}.model" for number in range(5)):
        shapes |= {f"{pool}.linear1.weight": (128, 64), f"{pool}.linear1.bias": (128,)}
        shapes |= {f"{pool}.linear2.weight": (1, 128), f"{pool}.linear2.bias": (1,)}
        shapes |= {f"{pool}.linear3.weight": (1, 64), f"{pool}.linear3.bias": (1,)}
    generator = torch.Generator().manual_seed(0)
    made = {name: torch.randn(shape, generator=generator) / 8 for name, shape in shapes.items()}
    for name in made:
        if name.endswith("running_var"):
            made[name] = made[name].abs() + 1
        elif name.endswith("num_batches_tracked"):
            made[name] = torch.tensor(7)
    return made


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the weights are looked for, below an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    torchmetrics._load_nisqa_model.cache_clear()
    path = pretrained.cache_file("NISQA")
    path.parent.mkdir(parents=True)
    yield path
    torchmetrics._load_nisqa_model.cache_clear()


def save(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({"args": ARGUMENTS, "epoch": 1, "model_state_dict": state}, path)


def test_scores_come_in_the_order_of_their_names(weights: Path) -> None:
    state = released()
    for number in range(5):  # what is heard weighs nothing, so the scores are the biases
        state[f"pool_layers.{number}.model.linear3.weight"].zero_()
        state[f"pool_layers.{number}.model.linear3.bias"].fill_(number + 1)
    save(weights, state)
    found = judges.JudgeWorker(Asked("nisqa")).judge(0.1 * np.ones(20000, np.float32))
    assert found.dtype == np.float32 and found.tolist() == [1, 2, 3, 4, 5]
    assert [name.removeprefix("nisqa_") for name in judgements.METRICS["nisqa"]] == [
        "mos", "noisiness", "discontinuity", "coloration", "loudness",
    ]  # fmt: skip


def test_speech_silence_the_very_short_and_the_long(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nisqa, "WINDOW", 2 * 16000)
    save(weights, released())
    judge = nisqa.Judge()
    noise = (0.1 * np.random.default_rng(0).standard_normal(3 * 16000)).astype(np.float32)
    speech = noise[:30000]
    found = [judge(one) for one in (speech, speech[:300], np.zeros(9000, np.float32), noise, speech)]
    assert all(one.shape == (5,) and np.isfinite(one).all() for one in found)
    assert np.array_equal(found[0], found[4]) and not np.array_equal(found[0], found[3])
    assert np.array_equal(found[1], judge(np.tile(speech[:300], 54))), "the very short is repeated up to a second"
    halves = np.mean([judge(noise[:24000]), judge(noise[24000:])], axis=0)
    np.testing.assert_allclose(found[3], halves, rtol=1e-6)


def test_weights_that_are_missing_or_of_another_network(weights: Path) -> None:
    asked = Asked("nisqa")
    assert judges.missing(asked) == ["weights of NISQA"] and judges.hint(asked) == "local/download.py NISQA"
    with pytest.raises(MissingModelError, match=r"nisqa.tar: the weights of NISQA are not there"):
        nisqa.Judge()
    assert not list(weights.parent.iterdir()), "nothing was downloaded"
    state = released()
    state["pool_layers.0.model.linear3.weight"] = torch.zeros(1, 32)
    save(weights, state)
    with pytest.raises(DataError, match=r"no weights of NISQA 2.0: .*size mismatch.*\n.*rm .*download.py NISQA"):
        nisqa.Judge()
    weights.write_bytes(b"no weights")
    with pytest.raises(DataError, match=r"no weights of NISQA"):
        nisqa.Judge()
