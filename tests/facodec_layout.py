"""Random weights in the layout of FACodec's authors, and what the equations make of them, restated plainly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

Weights = dict[str, torch.Tensor]
DILATIONS = (1, 3, 9)
RATIOS = [2, 5]
DIMENSION, WIDTH, DECODER_WIDTH, CODES, INNER, HEADS, HIDDEN, KERNEL, LAYERS = 16, 4, 16, 8, 3, 4, 12, 5, 2
HOP = math.prod(RATIOS)


def sinc_filter() -> torch.Tensor:
    """12 taps, cut off at a quarter of the rate, under a Kaiser window for a transition of 0.6 of the rate in all."""
    attenuation = 2.285 * 5 * math.pi * 4 * 0.3 + 7.95
    beta = 0.1102 * (attenuation - 8.7)  # above 50 dB
    found = torch.kaiser_window(12, False, beta) * torch.sinc(0.5 * (torch.arange(12) - 5.5))
    return found / found.sum()


# ---------------------------------------------------------------------- weights
def _normed(weights: Weights, name: str, *shape: int, bias: int | None = None) -> None:
    weights[f"{name}.weight_g"] = torch.rand(shape[0], *(1 for _ in shape[1:])) + 0.5
    weights[f"{name}.weight_v"] = torch.randn(*shape)
    weights[f"{name}.bias"] = 0.1 * torch.randn(bias if bias is not None else shape[0])


def _plain(weights: Weights, name: str, *shape: int) -> None:
    weights[f"{name}.weight"] = torch.randn(*shape) / math.sqrt(math.prod(shape[1:]))
    weights[f"{name}.bias"] = 0.1 * torch.randn(shape[0])


def _activation(weights: Weights, name: str, channels: int) -> None:
    weights[f"{name}.act.alpha"], weights[f"{name}.act.beta"] = (0.3 * torch.randn(channels) for _ in range(2))
    weights[f"{name}.upsample.filter"] = sinc_filter()[None, None]
    weights[f"{name}.downsample.lowpass.filter"] = sinc_filter()[None, None]


def _unit(weights: Weights, name: str, channels: int) -> None:
    _activation(weights, f"{name}.block.0", channels)
    _normed(weights, f"{name}.block.1", channels, channels, 7)
    _activation(weights, f"{name}.block.2", channels)
    _normed(weights, f"{name}.block.3", channels, channels, 1)


def _transformer(weights: Weights, name: str, *, style: bool) -> None:
    weights[f"{name}.position_emb.pe"] = torch.zeros(50, 1, DIMENSION)
    weights[f"{name}.position_emb.pe"][0, 0, 1::2] = 1.0
    norms = [f"layers.{layer}.ln_{number}" for layer in range(LAYERS) for number in (1, 2)] + ["last_ln"]
    for norm in norms:
        if style:
            _plain(weights, f"{name}.{norm}.style", 2 * DIMENSION, DIMENSION)
        else:
            weights[f"{name}.{norm}.weight"] = torch.rand(DIMENSION) + 0.5
            weights[f"{name}.{norm}.bias"] = 0.1 * torch.randn(DIMENSION)
    for layer in range(LAYERS):
        stem = f"{name}.layers.{layer}"
        weights[f"{stem}.self_attn.in_proj_weight"] = torch.randn(3 * DIMENSION, DIMENSION) / 4
        weights[f"{stem}.self_attn.in_proj_bias"] = 0.1 * torch.randn(3 * DIMENSION)
        _plain(weights, f"{stem}.self_attn.out_proj", DIMENSION, DIMENSION)
        _plain(weights, f"{stem}.ffn.ffn_1", HIDDEN, DIMENSION, KERNEL)
        _plain(weights, f"{stem}.ffn.ffn_2", DIMENSION, HIDDEN)


def _decoder(weights: Weights, width: int) -> None:
    _normed(weights, "model.0", width, DIMENSION, 7)
    for number, ratio in enumerate(RATIOS[::-1], 1):
        stem = f"model.{number}.block"
        _activation(weights, f"{stem}.0", width)
        _normed(weights, f"{stem}.1", width, width // 2, 2 * ratio, bias=width // 2)
        width //= 2
        for unit in range(3):
            _unit(weights, f"{stem}.{unit + 2}", width)
    _activation(weights, f"model.{len(RATIOS) + 1}", width)
    _normed(weights, f"model.{len(RATIOS) + 2}", 1, width, 7)
    weights[f"model.{len(RATIOS) + 2}.weight_g"] *= 0.02  # else tanh is at its ends


def encoder_weights() -> Weights:
    weights: Weights = {}
    width = WIDTH
    _normed(weights, "block.0", width, 1, 7)
    for number, ratio in enumerate(RATIOS, 1):
        stem = f"block.{number}.block"
        for unit in range(3):
            _unit(weights, f"{stem}.{unit}", width)
        _activation(weights, f"{stem}.3", width)
        _normed(weights, f"{stem}.4", 2 * width, width, 2 * ratio)
        width *= 2
    _activation(weights, f"block.{len(RATIOS) + 1}", width)
    _normed(weights, f"block.{len(RATIOS) + 2}", DIMENSION, width, 3)
    return weights


def decoder_weights() -> Weights:
    weights: Weights = {}
    for part, levels in enumerate((1, 2, 3)):
        for level in range(levels):
            stem = f"quantizer.{part}.layers.{level}"
            _normed(weights, f"{stem}.in_proj", INNER, DIMENSION)
            _normed(weights, f"{stem}.out_proj", DIMENSION, INNER)
            weights[f"{stem}._codebook.weight"] = torch.randn(CODES, INNER)
    _transformer(weights, "timbre_encoder", style=False)
    _plain(weights, "timbre_linear", 2 * DIMENSION, DIMENSION)
    _decoder(weights, DECODER_WIDTH)
    _plain(weights, "f0_predictor.heads.0", 1, DIMENSION)
    _plain(weights, "x_timbre_predictor.1.heads.0", 7, DIMENSION)
    return weights


def redecoder_weights() -> Weights:
    weights: Weights = {}
    for part, levels in (("prosody", 1), ("content", 2), ("residual", 3)):
        for level in range(levels):
            weights[f"{part}_embs.{level}.weight"] = torch.randn(CODES, DIMENSION)
    _transformer(weights, "timbre_cond_prosody_enc", style=True)
    _plain(weights, "timbre_linear", 2 * DIMENSION, DIMENSION)
    _decoder(weights, 2 * DECODER_WIDTH)
    return weights


def write(folder: Path) -> Path:
    """The three files, of random weights that are always the same."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in (("encoder", encoder_weights), ("decoder", decoder_weights), ("redecoder", redecoder_weights)):
        torch.save(made(), folder / f"ns3_facodec_{name}.bin")
    return folder


# ---------------------------------------------------------------------- equations
def _weight(weights: Weights, name: str) -> torch.Tensor:
    g, v = weights[f"{name}.weight_g"], weights[f"{name}.weight_v"]
    return g * v / v.flatten(1).norm(dim=1).reshape(g.shape)


def _conv(weights: Weights, name: str, x: torch.Tensor, **more: Any) -> torch.Tensor:
    return functional.conv1d(x, _weight(weights, name), weights[f"{name}.bias"], **more)


def _snake(weights: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    """Every channel by itself: zeros between the samples, a low pass, the curve, a low pass, every other sample."""
    taps = sinc_filter()
    rows = []
    for channel in range(x.shape[1]):
        a, b = (weights[f"{name}.act.{which}"][channel].exp() for which in ("alpha", "beta"))
        row = torch.cat([x[0, channel, :1].repeat(9), x[0, channel], x[0, channel, -1:].repeat(9)])
        wide = torch.zeros(2 * len(row))
        wide[::2] = row
        wide = 2 * functional.conv1d(functional.pad(wide, (6, 5))[None, None], taps[None, None])[0, 0]
        wide = wide[18 : 18 + 2 * x.shape[2]]
        bent = wide + torch.sin(a * wide) ** 2 / (b + 1e-9)
        bent = torch.cat([bent[:1].repeat(5), bent, bent[-1:].repeat(6)])
        rows.append(functional.conv1d(bent[None, None], taps[None, None])[0, 0][::2])
    return torch.stack(rows)[None]


def _residual(weights: Weights, name: str, x: torch.Tensor, dilation: int) -> torch.Tensor:
    y = _conv(
        weights, f"{name}.block.1", _snake(weights, f"{name}.block.0", x), dilation=dilation, padding=3 * dilation
    )
    return x + _conv(weights, f"{name}.block.3", _snake(weights, f"{name}.block.2", y))


def encode(weights: Weights, wave: torch.Tensor) -> torch.Tensor:
    """(N,) -> (T, dimension)"""
    x = _conv(weights, "block.0", wave[None, None], padding=3)
    for number, ratio in enumerate(RATIOS, 1):
        stem = f"block.{number}.block"
        for unit, dilation in enumerate(DILATIONS):
            x = _residual(weights, f"{stem}.{unit}", x, dilation)
        padding = ratio // 2 + ratio % 2
        x = _conv(weights, f"{stem}.4", _snake(weights, f"{stem}.3", x), stride=ratio, padding=padding)
    x = _snake(weights, f"block.{len(RATIOS) + 1}", x)
    return _conv(weights, f"block.{len(RATIOS) + 2}", x, padding=1)[0].T


def levels(weights: Weights, part: int, count: int, vectors: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Residual quantisation: (sum of the levels (T, dimension), codes (T,) of each)"""
    total, codes = torch.zeros_like(vectors), []
    for level in range(count):
        stem = f"quantizer.{part}.layers.{level}"
        inside = (vectors - total) @ _weight(weights, f"{stem}.in_proj").T + weights[f"{stem}.in_proj.bias"]
        book = weights[f"{stem}._codebook.weight"]
        cosines = (inside / inside.norm(dim=1, keepdim=True)) @ (book / book.norm(dim=1, keepdim=True)).T
        codes.append(cosines.argmax(1))
        total = total + book[codes[-1]] @ _weight(weights, f"{stem}.out_proj").T + weights[f"{stem}.out_proj.bias"]
    return total, codes


def _norm(weights: Weights, name: str, x: torch.Tensor, voice: torch.Tensor | None) -> torch.Tensor:
    centred = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    if voice is None:
        return centred * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    style = weights[f"{name}.style.weight"] @ voice + weights[f"{name}.style.bias"]
    return centred * style[:DIMENSION] + style[DIMENSION:]


def transform(weights: Weights, name: str, x: torch.Tensor, voice: torch.Tensor | None = None) -> torch.Tensor:
    """(T, dimension) -> (T, dimension)"""
    x = x + torch.tensor([0.0, 1.0]).repeat(DIMENSION // 2)
    for layer in range(LAYERS):
        stem = f"{name}.layers.{layer}"
        y = _norm(weights, f"{stem}.ln_1", x, voice)
        three = y @ weights[f"{stem}.self_attn.in_proj_weight"].T + weights[f"{stem}.self_attn.in_proj_bias"]
        queries, keys, values = (part.reshape(len(x), HEADS, -1).transpose(0, 1) for part in three.chunk(3, 1))
        attention = (queries @ keys.transpose(1, 2) / math.sqrt(DIMENSION / HEADS)).softmax(2) @ values
        y = attention.transpose(0, 1).reshape(len(x), DIMENSION)
        x = x + y @ weights[f"{stem}.self_attn.out_proj.weight"].T + weights[f"{stem}.self_attn.out_proj.bias"]
        y = _norm(weights, f"{stem}.ln_2", x, voice).T[None]
        y = functional.conv1d(y, weights[f"{stem}.ffn.ffn_1.weight"], weights[f"{stem}.ffn.ffn_1.bias"], padding=2)
        x = x + y[0].T.relu() @ weights[f"{stem}.ffn.ffn_2.weight"].T + weights[f"{stem}.ffn.ffn_2.bias"]
    return _norm(weights, f"{name}.last_ln", x, voice)


def decode(weights: Weights, vectors: torch.Tensor, timbre: torch.Tensor) -> torch.Tensor:
    """(T, dimension), (dimension,) -> (N,)"""
    style = weights["timbre_linear.weight"] @ timbre + weights["timbre_linear.bias"]
    centred = vectors - vectors.mean(1, keepdim=True)
    y = centred / (vectors.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    x = _conv(weights, "model.0", (y * style[:DIMENSION] + style[DIMENSION:]).T[None], padding=3)
    for number, ratio in enumerate(RATIOS[::-1], 1):
        stem = f"model.{number}.block"
        x = functional.conv_transpose1d(
            _snake(weights, f"{stem}.0", x), _weight(weights, f"{stem}.1"), weights[f"{stem}.1.bias"], stride=ratio,
            padding=ratio // 2 + ratio % 2, output_padding=ratio % 2,
        )  # fmt: skip
        for unit, dilation in enumerate(DILATIONS):
            x = _residual(weights, f"{stem}.{unit + 2}", x, dilation)
    x = _snake(weights, f"model.{len(RATIOS) + 1}", x)
    return torch.tanh(_conv(weights, f"model.{len(RATIOS) + 2}", x, padding=3))[0, 0]
