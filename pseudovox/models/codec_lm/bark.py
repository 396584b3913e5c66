"""Bark's published weights in our networks: transformers and EnCodec, all in one file, and the LSTM of units.

Layers, widths and vocabularies are told from the tensors' shapes; what shapes do not tell is `Layout`. Nothing of the
file is run (torch.load with weights_only). Names are those of transformers' BarkModel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pseudovox.core.errors import DataError
from pseudovox.models import store
from pseudovox.models.codec_lm.coarse import BOOKS

FILES = {"large": "BARK", "small": "BARK_SMALL"}  # of models.pretrained
UNITS = "HUBERT_UNITS"
FEATURES = {"kind": "hubert", "layer": 9}  # that the LSTM tells units from
_BLOCK = {
    "layernorm_1": "attention_norm", "attn.att_proj": "queries_keys_values", "attn.out_proj": "attention_out",
    "layernorm_2": "wide_norm", "mlp.in_proj": "widen", "mlp.out_proj": "narrow",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What shapes do not tell; the defaults are Bark's, large and small.

    Attributes:
        units: semantic tokens; codes of the first codebook come after them in the coarse vocabulary.
        pad, infer: signs of the coarse vocabulary.
        codes: of a codebook.
        head: dimensions of an attention head.
        unit_window, history, window: of coarse.WindowedCoarse.
        frame_rate, unit_rate: a second.
        fine_history: frames by which the fine transformer goes on.
        encodec: of EncodecConfig, what differs from its defaults.
    """

    units: int = 10000
    pad: int = 12048
    infer: int = 12050
    codes: int = 1024
    head: int = 64
    unit_window: int = 256
    history: int = 630
    window: int = 60
    frame_rate: float = 75.0
    unit_rate: float = 49.9
    fine_history: int = 512
    encodec: dict[str, Any] | None = None


Made = tuple[torch.nn.Module, str, dict[str, Any]]  # network, kind and hyperparameters of models.store


def part(weights: Mapping[str, torch.Tensor], name: str, where: str) -> dict[str, torch.Tensor]:
    """The tensors below a name, in single precision; DataError if there are none."""
    found = {
        key[len(name) + 1 :]: value.float() if value.is_floating_point() else value
        for key, value in weights.items()
        if key.startswith(f"{name}.")
    }
    if not found:
        raise DataError(f"{where}: no weights of Bark: there is no {name}.*")
    return found


def _transformer(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a transformer by our names, and what is none of it by its own."""
    found = {}
    for name, value in weights.items():
        matched = re.fullmatch(r"layers\.(\d+)\.(.+)\.(weight|bias)", name)
        if matched and matched[2] in _BLOCK:
            found[f"transformer.blocks.{matched[1]}.{_BLOCK[matched[2]]}.{matched[3]}"] = value
        elif name.startswith("layernorm_final."):
            found[f"transformer.norm.{name.rpartition('.')[2]}"] = value
        elif name == "position_embeds_layer.weight":
            found["positions.weight"] = value
        elif not name.endswith("attn.bias"):  # (the causal mask, which older files have)
            found[name] = value
    return found


def _layers(weights: Mapping[str, torch.Tensor]) -> int:
    return 1 + max((int(name.split(".")[2]) for name in weights if name.startswith("transformer.blocks.")), default=-1)


def _loaded(kind: str, hyperparameters: dict[str, Any], weights: Mapping[str, torch.Tensor], where: str) -> Made:
    try:
        network = store.build(kind, hyperparameters)
        network.load_state_dict(dict(weights))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{where}: the weights are not those of the network that their shapes tell: {reason}") from None
    return network.eval(), kind, hyperparameters


def coarse(weights: Mapping[str, torch.Tensor], where: str, layout: Layout | None = None) -> Made:
    """The coarse transformer of Bark's file (tensors by name).

    Raises:
        DataError: there is none, or its weights do not belong together.
    """
    layout = layout or Layout()
    found = _transformer(part(weights, "coarse_acoustics", where))
    for old, new in (("input_embeds_layer.weight", "embed.weight"), ("lm_head.weight", "head.weight")):
        if old not in found:
            raise DataError(f"{where}: coarse_acoustics.{old} is missing")
        found[new] = found.pop(old)
    vocabulary, width = found["embed.weight"].shape
    hyperparameters = {
        "vocabulary": vocabulary, "units": layout.units, "pad": layout.pad, "infer": layout.infer,
        "unit_window": layout.unit_window, "codes": layout.codes, "width": width, "heads": width // layout.head,
        "layers": _layers(found), "positions": len(found["positions.weight"]), "history": layout.history,
        "window": layout.window, "frame_rate": layout.frame_rate, "unit_rate": layout.unit_rate,
    }  # fmt: skip
    return _loaded("coarse_lm", hyperparameters, found, where)


def fine(weights: Mapping[str, torch.Tensor], where: str, layout: Layout | None = None) -> Made:
    """The fine transformer of Bark's file; as `coarse`."""
    layout = layout or Layout()
    found = _transformer(part(weights, "fine_acoustics", where))
    renamed = {
        re.sub(r"^input_embeds_layers\.", "embed.", re.sub(r"^lm_heads\.", "heads.", name)): value
        for name, value in found.items()
    }
    if "embed.0.weight" not in renamed or "heads.0.weight" not in renamed:
        raise DataError(f"{where}: fine_acoustics has no embeddings or no heads")
    vocabulary, width = renamed["embed.0.weight"].shape
    books = sum(name.startswith("embed.") for name in renamed)
    heads = sum(name.startswith("heads.") for name in renamed)
    hyperparameters = {
        "codes": layout.codes, "vocabulary": vocabulary, "books": books, "given": books - heads, "coarse": BOOKS,
        "width": width, "heads": width // layout.head, "layers": _layers(renamed),
        "context": len(renamed["positions.weight"]), "history": layout.fine_history,
        "bias": any(name.endswith("widen.bias") for name in renamed),
        "norm_bias": "transformer.norm.bias" in renamed,
    }  # fmt: skip
    return _loaded("fine_lm", hyperparameters, renamed, where)


def encodec(weights: Mapping[str, torch.Tensor], where: str, books: int, layout: Layout | None = None) -> Made:
    """EnCodec of Bark's file, for `books` codebooks; as `coarse`.

    Raises:
        MissingModelError: transformers is not installed.
    """
    layout = layout or Layout()
    found = {}
    for name, value in part(weights, "codec_model", where).items():
        stem, _, last = name.rpartition(".")
        renamed = {"weight_g": "original0", "weight_v": "original1"}.get(last)  # weight normalisation before torch 2
        found[f"model.{stem}.parametrizations.weight.{renamed}" if renamed else f"model.{name}"] = value
    return _loaded("encodec", {"codebooks": books, "config": layout.encodec}, found, where)


def units(weights: Mapping[str, torch.Tensor], where: str) -> Made:
    """The LSTM that tells units, from a file with lstm.* and fc.*.

    Raises:
        DataError: it holds something else.
    """
    try:
        hidden, inputs = weights["lstm.weight_ih_l0"].shape[0] // 4, weights["lstm.weight_ih_l0"].shape[1]
        count = len(weights["fc.weight"])
    except (KeyError, IndexError):
        raise DataError(f"{where}: not the LSTM that tells units: expected lstm.weight_ih_l0 and fc.weight") from None
    layers = sum(name.startswith("lstm.weight_ih_l") for name in weights)
    hyperparameters = {"inputs": inputs, "hidden": hidden, "layers": layers, "units": count}
    own = {name: value.float() for name, value in weights.items()}
    return _loaded("semantic_recurrent", hyperparameters, own, where)
