"""The vocoder that kNN-VC's authors give away, taken over: prematch_g_02500000.pt, or g_02500000.pt.

A checkpoint of their HiFi-GAN generator, as torch.save writes it: {"generator": {name: tensor}}. Its names, L a level,
B a residual block (counted through all levels), D a dilation:

    lin_pre.weight, .bias       (512, 1024)       the linear layer before HiFi-GAN
    conv_pre                    (512, 512, 7)     the first convolution
    ups.L                       (in, out, kernel) transposed convolutions, as torch has them
    resblocks.B.convs1.D, convs2.D                the dilated and the plain convolutions of a block
    conv_post                   (1, 32, 7)        the last convolution

Each convolution has a bias, and its weight as it is, or as length and direction (weight_g and weight_v, or
parametrizations.weight.original0 and original1), which are multiplied out here. Nothing in the file is run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import DataError
from pseudovox.models import pretrained, store
from pseudovox.models.pretrained import check_weights

if TYPE_CHECKING:
    import torch

# In conf/downloads/models.yaml, by: was it trained on matched features?
NAMES = {True: "KNNVC_HIFIGAN_PREMATCHED", False: "KNNVC_HIFIGAN"}
FEATURES = {"kind": "wavlm", "layer": 6}  # what it was trained on
NEIGHBOURS = 4
DILATIONS = [1, 3, 5]  # leave no trace in the weights
FRAME = 320
MODULES = {"lin_pre": "reduce", "conv_pre": "first", "conv_post": "last"}
NORMS = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))


def file_of(given: str, *, prematched: bool = True, key: str = "") -> Path:
    """The checkpoint's file: `given`, or where local/download.py puts it; MissingModelError if it is not there.

    Args:
        given: a path; "" = torchaudio's cache.
        prematched: which of the two.
        key: of the configuration, that can name another file; for the message.
    """
    return pretrained.weights_file(NAMES[prematched], given, key)


def read(path: Path, *, prematched: bool = True) -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    """The network of a checkpoint.

    Args:
        path: the file (see `file_of`).
        prematched: what its model dir is to say: it was trained on matched features.

    Returns:
        (FeatureHifiGan in eval mode, its hyperparameters, facts of the model dir)

    Raises:
        DataError: it holds something else; says which name or shape is wrong.
    """
    weights = pretrained.tensors_of(path, NAMES[prematched], inside="generator")
    try:
        plain = multiplied_out(weights)
        hyperparameters = hyperparameters_of(plain)
        network = store.build("feature_hifigan", hyperparameters)
        expected = network.state_dict()
        own = {
            **{name: expected[name] for name in ("feature_mean", "feature_deviation")},
            **{_own_name(name, len(hyperparameters["block_kernels"])): tensor for name, tensor in plain.items()},
        }
        check_weights(own, expected)
    except ValueError as error:
        raise DataError(
            f"{path}: not a generator of kNN-VC's: {error}",
            f"{pretrained.fetch_command(NAMES[prematched])} (with internet) fetches the published one; give that",
        ) from None
    network.load_state_dict(own)
    facts = {
        "features": FEATURES, "prematched": prematched, "neighbours": NEIGHBOURS if prematched else 0,
        "dimension": hyperparameters["features"], "validation": {}, "source": path.name,
    }  # fmt: skip
    return network.eval(), hyperparameters, facts


def multiplied_out(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights with lengths and directions, g v / |v| with the norm over all but the first dimension, as one.

    Raises:
        ValueError: a length without its direction or the other way round, or of another shape.
    """
    import torch

    found = dict(weights)
    for length, direction in NORMS:
        for name in [name for name in weights if name.endswith((f".{length}", f".{direction}"))]:
            module = name.removesuffix(f".{length}").removesuffix(f".{direction}")
            if f"{module}.weight" in found:
                continue  # the other of the two
            for needed in (length, direction):
                if f"{module}.{needed}" not in found:
                    raise ValueError(f"{name} is there, and {module}.{needed} is missing")
            g, v = found.pop(f"{module}.{length}"), found.pop(f"{module}.{direction}")
            if g.shape != (len(v), *(1 for _ in v.shape[1:])):
                raise ValueError(f"{module}.{length} has shape {tuple(g.shape)}, and its direction {tuple(v.shape)}")
            norm = torch.linalg.vector_norm(v.double(), dim=tuple(range(1, v.ndim)), keepdim=True)
            found[f"{module}.weight"] = (g.double() * v.double() / norm).to(v.dtype)
    return found


def hyperparameters_of(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of FeatureHifiGan for plain weights, from their shapes.

    Raises:
        ValueError: they are of something else. What the shapes do not tell is taken to be as published: kernels of the
        transposed convolutions twice as long as their rates, and dilations 1, 3, 5.
    """
    for name, dimensions in (("lin_pre.weight", 2), ("conv_pre.weight", 3), ("conv_post.weight", 3)):
        if name not in weights:
            raise ValueError(f"{name} is missing")
        if weights[name].ndim != dimensions:
            raise ValueError(f"{name} has {weights[name].ndim} dimensions, expected {dimensions}")
    levels = _numbers(weights, r"ups\.(\d+)\.weight")
    numbers = _numbers(weights, r"resblocks\.(\d+)\.convs1\.0\.weight")
    dilations = _numbers(weights, r"resblocks\.0\.convs1\.(\d+)\.weight")
    if not levels or not numbers or numbers % levels:
        raise ValueError(f"{levels} levels (ups.0, ups.1, ...) and {numbers} residual blocks: expected some for each")
    if dilations != len(DILATIONS):
        raise ValueError(f"{dilations} dilations (resblocks.0.convs1.0, ...), expected {len(DILATIONS)}")
    kernels = [int(weights[f"ups.{level}.weight"].shape[-1]) for level in range(levels)]
    rates = [kernel // 2 for kernel in kernels]
    if math.prod(rates) != FRAME or any(kernel % 2 for kernel in kernels):
        raise ValueError(
            f"kernels {kernels} of ups.0, ups.1, ...: expected twice as long as rates whose product is {FRAME}, e.g. "
            "[20, 16, 4, 4]"
        )
    channels, width, _ = weights["conv_pre.weight"].shape
    return {
        "features": int(weights["lin_pre.weight"].shape[1]),
        "width": int(width),
        "channels": int(channels),
        "rates": rates,
        "kernels": kernels,
        "block_kernels": [
            int(weights[f"resblocks.{number}.convs1.0.weight"].shape[-1]) for number in range(numbers // levels)
        ],
        "block_dilations": DILATIONS,
        "fft": 0,
    }


def _numbers(weights: Mapping[str, torch.Tensor], pattern: str) -> int:
    """How many names match, their numbers counted from 0 without a gap; ValueError if there is one."""
    found = sorted(int(match[1]) for name in weights if (match := re.fullmatch(pattern, name)))
    if found != list(range(len(found))):
        raise ValueError(f"{pattern.replace(chr(92), '')}: numbers {found}, expected 0 to {len(found) - 1}")
    return len(found)


def _own_name(name: str, blocks: int) -> str:
    """The name in FeatureHifiGan's state for one of theirs; any other stays as it is (check_weights names it)."""
    module, _, parameter = name.rpartition(".")
    if module in MODULES:
        return f"{MODULES[module]}.{parameter}"
    if match := re.fullmatch(r"ups\.(\d+)", module):
        return f"rise.{match[1]}.{parameter}"
    if match := re.fullmatch(r"resblocks\.(\d+)\.convs([12])\.(\d+)", module):
        level, block = divmod(int(match[1]), blocks)
        return f"blocks.{level}.{block}.{'wide' if match[2] == '1' else 'plain'}.{match[3]}.{parameter}"
    return name
