"""Whisper's encoder (Radford et al. 2022), rebuilt from a CTranslate2 model dir: a teacher for content extractors.

Two convolutions, the second with stride 2, sinusoidal positions, and pre-norm transformer layers: one vector every
20 ms. Whisper itself always sees 30 s, padded with zeros; this takes what there is, which changes its outputs little
(cosine 0.98 on 15 s of read speech) and saves the time.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pseudovox.core.errors import DataError, MissingModelError

FRAME_SHIFT = 320  # samples at 16 kHz per output frame
LONGEST_SECONDS = 30.0  # as long as its positions reach
_FFT, _HOP = 400, 160


class WhisperEncoder(nn.Module):
    """The encoder.

    Args:
        bins: mel bands of the input, 80 (large-v3: 128).
        width: of the layers, 512 in Whisper base.
        layers, heads: 6 and 8 in Whisper base.
        positions: longest output, 1500 frames.
    """

    filters: torch.Tensor
    positions: torch.Tensor

    def __init__(self, *, bins: int, width: int, layers: int, heads: int, positions: int = 1500) -> None:
        super().__init__()
        from torchaudio.functional import melscale_fbanks

        self.register_buffer("filters", melscale_fbanks(_FFT // 2 + 1, 0.0, 8000.0, bins, 16000, "slaney", "slaney"))
        self.register_buffer("positions", torch.zeros(positions, width))
        self.conv1 = nn.Conv1d(bins, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def log_mel(self, samples: torch.Tensor) -> torch.Tensor:
        """Whisper's input: log10 mel power, floored 8 under its maximum, (value + 4) / 4.

        Args:
            samples: (batch, samples) at 16 kHz; the number of samples a multiple of FRAME_SHIFT.

        Returns:
            (batch, bins, samples / 160)
        """
        window = torch.hann_window(_FFT, device=samples.device)
        spectrum = torch.stft(samples, _FFT, _HOP, window=window, return_complex=True)[..., :-1].abs().square()
        log = torch.log10((spectrum.transpose(1, 2) @ self.filters).clamp(min=1e-10)).transpose(1, 2)
        floor = log.amax(dim=(1, 2), keepdim=True) - 8.0
        return (torch.maximum(log, floor) + 4.0) / 4.0

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """(batch, samples) at 16 kHz, at most 30 s -> (batch, ceil(samples / 320), width)"""
        return self.hidden(samples, (0,))[0]

    def hidden(self, samples: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """What chosen layers put out, counted from 1; 0 = the encoder's output, behind the last norm.

        Args:
            samples: (batch, samples) at 16 kHz, at most 30 s.
            layers: from 0 to the number of layers; those above the highest are not computed.

        Returns:
            (batch, ceil(samples / 320), width) of each, in the order of `layers`.
        """
        samples = functional.pad(samples, (0, -samples.shape[1] % FRAME_SHIFT))
        frames = functional.gelu(self.conv1(self.log_mel(samples)))
        frames = functional.gelu(self.conv2(frames)).transpose(1, 2)
        frames = frames + self.positions[: frames.shape[1]]
        last = len(self.layers) if 0 in layers else max(layers)
        found: dict[int, torch.Tensor] = {}
        for number, layer in enumerate(self.layers[:last], 1):
            frames = found[number] = layer(frames)
        if 0 in layers:
            found[0] = self.norm(frames)
        return [found[number] for number in layers]


class _Layer(nn.Module):
    """Self-attention and a feed-forward network of four times the width, each behind a layer norm and a bypass."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        batch, length, width = frames.shape
        parts = self.attend(self.attention_norm(frames)).view(batch, length, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        frames = frames + self.project(seen.transpose(1, 2).reshape(batch, length, width))
        return frames + self.narrow(functional.gelu(self.widen(self.feed_norm(frames))))


def find(model: str) -> Path:
    """The folder of a CTranslate2 Whisper model: a folder as it is, or a name that faster-whisper's cache has.

    Raises:
        MissingModelError: it is neither; nothing is downloaded.
    """
    if (Path(model) / "model.bin").is_file():
        return Path(model)
    hint = (
        f"utils/python.sh -c 'from faster_whisper import download_model; print(download_model(\"{model}\"))' "
        "(utils/install.sh judges installs it), or give a folder with a CTranslate2 model.bin"
    )
    try:
        from faster_whisper import download_model

        return Path(download_model(model, local_files_only=True))
    except ImportError:
        raise MissingModelError(
            f"Whisper model {model!r}: no such folder, and faster-whisper is not there", hint
        ) from None
    except Exception as error:  # a name it does not know, or nothing in its cache: many kinds
        reason = str(error).split("\n")[0]
        raise MissingModelError(f"Whisper model {model!r}: neither a folder nor in the cache: {reason}", hint) from None


def load(folder: Path, device: str = "cpu") -> WhisperEncoder:
    """The encoder of a CTranslate2 model dir (float weights, not int8), in eval mode.

    Raises:
        DataError: model.bin is no CTranslate2 Whisper model of float weights.
    """
    weights = read_variables(folder / "model.bin", "encoder/")
    where = folder / "model.bin"
    try:
        width, bins, _ = weights["conv1/weight"].shape
        layers = len({name.split("/")[0] for name in weights if name.startswith("layer_") and name[6].isdigit()})
        positions = weights["position_encodings/encodings"]
        encoder = WhisperEncoder(
            bins=bins, width=width, layers=layers, heads=int(weights["num_heads"]), positions=len(positions)
        )
        state = {"filters": encoder.filters, "positions": torch.from_numpy(positions)}
        for name, tensor in weights.items():
            if name in ("num_heads", "position_encodings/encodings"):
                continue
            state[_own_name(name)] = torch.from_numpy(tensor)
        encoder.load_state_dict(state)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{where}: not the float weights of a Whisper model: {reason}",
            "convert it again: ct2-transformers-converter ... --quantization float16",
        ) from None
    return encoder.eval().requires_grad_(False).to(device)


def _own_name(name: str) -> str:
    """The name in WhisperEncoder's state for one of CTranslate2's, e.g. layer_0/ffn/linear_0/weight."""
    parts = {
        "self_attention/layer_norm": "attention_norm", "self_attention/linear_0": "attend",
        "self_attention/linear_1": "project", "ffn/layer_norm": "feed_norm", "ffn/linear_0": "widen",
        "ffn/linear_1": "narrow",
    }  # fmt: skip
    head, _, last = name.rpartition("/")
    last = {"gamma": "weight", "beta": "bias"}.get(last, last)
    if head.startswith("layer_") and "/" in head:
        number, _, part = head.removeprefix("layer_").partition("/")
        return f"layers.{number}.{parts[part]}.{last}"
    return f"{'norm' if head == 'layer_norm' else head}.{last}"


_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_variables(path: Path, prefix: str) -> dict[str, np.ndarray]:
    """The variables of a CTranslate2 model.bin whose names begin with `prefix` (taken off), float ones as float32.

    The format, little-endian: version, name of the specification, its revision, number of variables; of each its name
    (two bytes of length, the terminating 0 counted), rank (one byte), dimensions, type (one byte), bytes, values.

    Raises:
        DataError: the file is none, is cut off, or is of a version other than 5 or 6.
    """
    try:
        with path.open("rb") as file:
            (version,) = _unpack(file, "<I")
            if version not in (5, 6):
                raise ValueError(f"version {version} of the format, expected 5 or 6")
            _name(file), _unpack(file, "<I")
            (count,) = _unpack(file, "<I")
            found = {}
            for _ in range(count):
                name = _name(file)
                (rank,) = _unpack(file, "<B")
                shape = _unpack(file, f"<{rank}I")
                kind, size = _unpack(file, "<BI")
                if name.startswith(prefix):
                    values = np.frombuffer(_exactly(file, size), dtype=_TYPES[kind]).reshape(shape)
                    floats = np.issubdtype(values.dtype, np.floating)
                    found[name.removeprefix(prefix)] = values.astype(np.float32) if floats else values.copy()
                else:
                    file.seek(size, 1)
            return found
    except FileNotFoundError:
        raise MissingModelError(f"{path}: no such file", "give a folder with a CTranslate2 model.bin") from None
    except (OSError, ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a CTranslate2 model: {error}", "give a folder with a CTranslate2 model.bin"
        ) from None


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("cut off")
    return data


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _exactly(file, struct.calcsize(layout)))


def _name(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<H")
    return _exactly(file, length).rstrip(b"\0").decode("utf-8")
