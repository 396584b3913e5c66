"""Whisper's encoder read from a CTranslate2 file: against the equations written out, and what is wrong with a file."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.models import whisper

WIDTH, BINS, HEADS, POSITIONS = 8, 6, 2, 50


def variables(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights under CTranslate2's names: two layers, and a decoder's variable that is passed over."""

    def draw(*shape: int) -> np.ndarray:
        return (0.3 * generator.standard_normal(shape)).astype(np.float16)

    found = {
        "decoder/num_heads": np.array(2, np.int16), "encoder/num_heads": np.array(HEADS, np.int16),
        "encoder/conv1/weight": draw(WIDTH, BINS, 3), "encoder/conv1/bias": draw(WIDTH),
        "encoder/conv2/weight": draw(WIDTH, WIDTH, 3), "encoder/conv2/bias": draw(WIDTH),
        "encoder/layer_norm/gamma": draw(WIDTH), "encoder/layer_norm/beta": draw(WIDTH),
        "encoder/position_encodings/encodings": draw(POSITIONS, WIDTH),
    }  # fmt: skip
    for layer in ("encoder/layer_0", "encoder/layer_1"):
        for norm in ("self_attention/layer_norm", "ffn/layer_norm"):
            found |= {f"{layer}/{norm}/gamma": draw(WIDTH), f"{layer}/{norm}/beta": draw(WIDTH)}
        for name, (outputs, inputs) in {
            "self_attention/linear_0": (3 * WIDTH, WIDTH), "self_attention/linear_1": (WIDTH, WIDTH),
            "ffn/linear_0": (4 * WIDTH, WIDTH), "ffn/linear_1": (WIDTH, 4 * WIDTH),
        }.items():  # fmt: skip
            found |= {f"{layer}/{name}/weight": draw(outputs, inputs), f"{layer}/{name}/bias": draw(outputs)}
    return found


def write(path: Path, values: dict[str, np.ndarray], version: int = 6) -> None:
    def text(word: str) -> bytes:
        return struct.pack("<H", len(word) + 1) + word.encode() + b"\0"

    kinds = {np.dtype(np.int16): 2, np.dtype(np.float16): 4}
    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(values))
    for name, array in values.items():
        head = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        data += text(name) + head + struct.pack("<BI", kinds[array.dtype], array.nbytes) + array.tobytes()
    path.write_bytes(data + struct.pack("<I", 0))


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    values = variables(np.random.default_rng(0))
    write(tmp_path / "model.bin", values)
    return tmp_path, {name: array.astype(np.float64) for name, array in values.items()}


def reference(weights: dict[str, np.ndarray], mel: np.ndarray) -> np.ndarray:
    """The encoder over a log-mel (bins, frames), equation by equation."""

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    def convolve(x: np.ndarray, name: str, stride: int) -> np.ndarray:
        kernel, padded = weights[f"encoder/{name}/weight"], np.pad(x, ((0, 0), (1, 1)))
        columns = [
            np.tensordot(kernel, padded[:, start : start + 3], ([1, 2], [0, 1]))
            for start in range(0, x.shape[1], stride)
        ]
        return gelu(np.stack(columns, 1) + weights[f"encoder/{name}/bias"][:, None])

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt(centred.__pow__(2).mean(-1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}/weight"].T + weights[f"{name}/bias"]

    x = convolve(convolve(mel, "conv1", 1), "conv2", 2).T
    x = x + weights["encoder/position_encodings/encodings"][: len(x)]
    for layer in ("encoder/layer_0", "encoder/layer_1"):
        query, key, value = np.split(
            linear(norm(x, f"{layer}/self_attention/layer_norm"), f"{layer}/self_attention/linear_0"), 3, axis=1
        )
        heads = []
        for part in np.split(np.arange(WIDTH), HEADS):
            weight = np.exp(query[:, part] @ key[:, part].T / math.sqrt(len(part)))
            heads.append(weight / weight.sum(1, keepdims=True) @ value[:, part])
        x = x + linear(np.concatenate(heads, 1), f"{layer}/self_attention/linear_1")
        wide = gelu(linear(norm(x, f"{layer}/ffn/layer_norm"), f"{layer}/ffn/linear_0"))
        x = x + linear(wide, f"{layer}/ffn/linear_1")
    return norm(x, "encoder/layer_norm")


def test_the_encoder_computes_its_equations(model: tuple[Path, dict[str, np.ndarray]]) -> None:
    folder, weights = model
    encoder = whisper.load(folder)
    samples = torch.from_numpy(np.random.default_rng(1).standard_normal(3300).astype(np.float32) * 0.1)
    found = encoder(samples.unsqueeze(0))[0]
    padded = torch.nn.functional.pad(samples, (0, -3300 % whisper.FRAME_SHIFT))
    mel = encoder.log_mel(padded.unsqueeze(0))[0].double().numpy()
    assert found.shape == (11, WIDTH) and mel.shape == (BINS, 22)
    np.testing.assert_allclose(found.numpy(), reference(weights, mel), rtol=1e-4, atol=1e-4)


def test_log_mel_is_floored_and_scaled(model: tuple[Path, dict[str, np.ndarray]]) -> None:
    encoder = whisper.load(model[0])
    tone = torch.sin(torch.arange(16000) * 2 * math.pi * 1000 / 16000)
    mel = encoder.log_mel(tone.unsqueeze(0))[0]
    assert float(mel.max() - mel.min()) == pytest.approx(2.0, abs=1e-5)  # 8 of log10 power, over 4


def test_what_is_no_model_is_named(model: tuple[Path, dict[str, np.ndarray]], tmp_path: Path) -> None:
    path = model[0] / "model.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cut off"):
        whisper.load(model[0])
    write(path, variables(np.random.default_rng(0)), version=3)
    with pytest.raises(DataError, match="version 3"):
        whisper.load(model[0])
    values = variables(np.random.default_rng(0))
    values.pop("encoder/conv2/bias")
    write(path, values)
    with pytest.raises(DataError, match="not the float weights"):
        whisper.load(model[0])


def test_a_name_that_is_nowhere_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingModelError, match="no-such-model") as caught:
        whisper.find("no-such-model")
    assert "download_model" in str(caught.value.hint)
