"""FACodec's weights as its authors give them away (Amphion, hub amphion/naturalspeech3_facodec), taken over.

Three files as torch.save writes them, {name: tensor}. Their names, with B a block, U a residual unit, L a level, T a
layer:

    ns3_facodec_encoder.bin
        block.0, block.B.block.U.block.N (N: 0 and 2 activations, 1 and 3 convolutions), block.B.block.3 (activation),
        block.B.block.4 (strided convolution), and behind the blocks an activation and the last convolution
    ns3_facodec_decoder.bin
        quantizer.P.layers.L.in_proj, out_proj, codebook         P: 0 prosody, 1 content, 2 detail
        timbre_encoder.layers.T.ln_1, self_attn, ln_2, ffn.ffn_1, ffn.ffn_2; timbre_encoder.last_ln; timbre_linear
        model.0, model.B.block.0 (activation), 1 (transposed convolution), 2 to 4 (residual units), behind the blocks an
        activation and the last convolution; <something>_predictor.: what supervised the training, not needed
    ns3_facodec_redecoder.bin
        prosody_embs.L, content_embs.L, residual_embs.L; a transformer whose layer norms have a linear layer `style`;
        timbre_linear; model as in the decoder

Activations are act.alpha and act.beta, with the filters around them, which are compared with ours. Convolutions, and
the quantisers' linear layers, are length and direction (weight_g, weight_v), which are multiplied out. Nothing in the
files is run. What leaves no trace in the weights is taken to be as published: dilations 1, 3, 9, four attention
heads, and positions of the transformers that are the same for all frames (their table is indexed by the row of the
batch, not by time).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import DataError
from pseudovox.models import pretrained, store
from pseudovox.models.facodec.layers import low_pass
from pseudovox.models.facodec.transformer import sinusoids
from pseudovox.models.knnvc_published import multiplied_out
from pseudovox.models.pretrained import check_weights

if TYPE_CHECKING:
    import torch

# In conf/downloads/models.yaml, with the files' names.
FILES = {
    "FACODEC_ENCODER": "ns3_facodec_encoder.bin",
    "FACODEC_DECODER": "ns3_facodec_decoder.bin",
    "FACODEC_REDECODER": "ns3_facodec_redecoder.bin",
}
ATTENTION_HEADS = 4
DROPOUT = 0.1
FACTS: dict[str, Any] = {
    "sample_rate": 16000,
    "level": None,
    "speakers": 0,
    "phones": [],
    "validation": {},
    "source": "published",
}
_UNITS = {"0.act": "before.snake", "1": "wide", "2.act": "between.snake", "3": "point"}
_SUBLAYERS = {
    "self_attn": "attention",
    "ffn.ffn_1": "wide",
    "ffn.ffn_2": "narrow",
    "self_attn.out_proj": "attention.out_proj",
}
_NORMS = {"ln_1": "first", "ln_2": "second"}


def files_of(folder: str = "", *, redecoder: bool = False, key: str = "") -> list[Path]:
    """The files of encoder and decoder, and of the redecoder if asked for.

    Args:
        folder: where they are; "" = where local/download.py puts them.
        key: of the configuration, that can name another folder; for the message.

    Raises:
        MissingModelError: one is not there.
    """
    names = [name for name in FILES if redecoder or name != "FACODEC_REDECODER"]
    return [
        pretrained.weights_file(name, str(Path(folder) / FILES[name]) if folder else "", key if not folder else "")
        for name in names
    ]


def read(encoder: Path, decoder: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The codec of two files.

    Returns:
        (FaCodec in eval mode, its hyperparameters, facts of the model dir)

    Raises:
        DataError: they hold something else; says which name or shape is wrong.
    """
    first, second = (_plain(path, name) for path, name in ((encoder, "FACODEC_ENCODER"), (decoder, "FACODEC_DECODER")))
    with _told(encoder, "FACODEC_ENCODER"):
        heard = {_of_encoder(name, _levels(first, r"block\.(\d+)\.block\.4\.weight")): first[name] for name in first}
        shape = _encoder_shape(first)
    with _told(decoder, "FACODEC_DECODER"):
        blocks = _levels(second, r"model\.(\d+)\.block\.1\.weight")
        own = {_of_decoder(name, blocks): _flat(name, second[name]) for name in second}
        hyperparameters = {**shape, **_decoder_shape(second)}
        network: Any = store.build("facodec", hyperparameters)
        state = network.state_dict()
        kept = {name: value for name, value in state.items() if _is_ours(name)}
        for name in kept:
            if name.endswith("started"):
                kept[name] = kept[name].new_ones(())
        check_weights(
            {**kept, **own}, {name: value for name, value in state.items() if not name.startswith("encoder.")}
        )
    with _told(encoder, "FACODEC_ENCODER"):
        check_weights(heard, {name: value for name, value in state.items() if name.startswith("encoder.")})
    network.load_state_dict({**kept, **heard, **own})
    return network.eval(), hyperparameters, dict(FACTS)


def read_redecoder(path: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The redecoder of a file: as `read`."""
    weights = _plain(path, "FACODEC_REDECODER")
    with _told(path, "FACODEC_REDECODER"):
        blocks = _levels(weights, r"model\.(\d+)\.block\.1\.weight")
        stem = _transformer(weights)
        own = {_of_redecoder(name, blocks, stem): value for name, value in weights.items()}
        levels = [
            _levels(weights, rf"{part}_embs\.(\d+)\.weight", first=0) for part in ("prosody", "content", "residual")
        ]
        codes, dimension = _of(weights, "prosody_embs.0.weight").shape
        transformer = _transformer_shape(weights, stem)
        hyperparameters = {
            "ratios": _rates(weights, blocks, "model")[::-1], "dimension": dimension,
            "decoder_width": len(_of(weights, "model.0.weight")), "levels": levels, "codes": codes,
            **{f"prosody_{name}": value for name, value in transformer.items()}, "dropout": DROPOUT,
            "positions": "constant", "antialias": True,
        }  # fmt: skip
        network: Any = store.build("facodec_redecoder", hyperparameters)
        check_weights(own, network.state_dict())
    network.load_state_dict(own)
    return network.eval(), hyperparameters, dict(FACTS)


# ---------------------------------------------------------------------- names
def _unit(rest: str) -> str:
    """`block.N[.act].p` of a residual unit."""
    module, _, parameter = rest.rpartition(".")
    return f"{_UNITS.get(module.removeprefix('block.'), module)}.{parameter}"


def _of_encoder(name: str, blocks: int) -> str:
    """The name in FaCodec's state for one of the encoder's; any other stays as it is (check_weights names it)."""
    match = re.fullmatch(r"block\.(\d+)\.(.+)", name)
    if not match:
        return name
    number, rest = int(match[1]), match[2]
    if number == 0:
        return f"encoder.first.{rest}"
    if number == blocks + 1:
        return f"encoder.activation.{rest.replace('act.', 'snake.', 1)}"
    if number == blocks + 2:
        return f"encoder.last.{rest}"
    if inner := re.fullmatch(r"block\.([012])\.(.+)", rest):
        return f"encoder.blocks.{number - 1}.units.{inner[1]}.{_unit(inner[2])}"
    rest = rest.replace("block.3.act.", "activation.snake.", 1).replace("block.4.", "change.", 1)
    return f"encoder.blocks.{number - 1}.{rest}"


def _of_model(name: str, blocks: int) -> str:
    """Likewise of `model`, the decoder of waveforms."""
    match = re.fullmatch(r"model\.(\d+)\.(.+)", name)
    if not match:
        return name
    number, rest = int(match[1]), match[2]
    if number == 0:
        return f"decoder.first.{rest}"
    if number == blocks + 1:
        return f"decoder.activation.{rest.replace('act.', 'snake.', 1)}"
    if number == blocks + 2:
        return f"decoder.last.{rest}"
    if inner := re.fullmatch(r"block\.([234])\.(.+)", rest):
        return f"decoder.blocks.{number - 1}.units.{int(inner[1]) - 2}.{_unit(inner[2])}"
    rest = rest.replace("block.0.act.", "activation.snake.", 1).replace("block.1.", "change.", 1)
    return f"decoder.blocks.{number - 1}.{rest}"


def _of_transformer(rest: str, target: str) -> str:
    """Likewise of a transformer, of whose name `rest` is what follows its own; `target` is ours."""
    module, _, parameter = rest.rpartition(".")
    if module.startswith("last_ln"):
        inner = module.removeprefix("last_ln").lstrip(".") or "norm"
        return f"{target}.last.{inner}.{parameter}"
    match = re.fullmatch(r"layers\.(\d+)\.(.+)", module)
    if not match:
        return f"{target}.{rest}"
    layer, sub = match[1], match[2]
    head, _, inner = sub.partition(".")
    if head in _NORMS:
        return f"{target}.layers.{layer}.{_NORMS[head]}.{inner or 'norm'}.{parameter}"
    return f"{target}.layers.{layer}.{_SUBLAYERS.get(sub, sub)}.{parameter}"


def _of_decoder(name: str, blocks: int) -> str:
    if match := re.fullmatch(r"quantizer\.(\d+)\.layers\.(\d+)\.(in_proj|out_proj)\.(weight|bias)", name):
        own = "inner" if match[3] == "in_proj" else "outer"
        return f"quantizers.{match[1]}.parts.{match[2]}.{own}.{match[4]}"
    if match := re.fullmatch(r"quantizer\.(\d+)\.layers\.(\d+)\._?codebook\.weight", name):
        return f"quantizers.{match[1]}.parts.{match[2]}.quantizer.codebook"
    if name.startswith("timbre_encoder."):
        return _of_transformer(name.removeprefix("timbre_encoder."), "timbre")
    return _shared(name, blocks)


def _of_redecoder(name: str, blocks: int, stem: str) -> str:
    for number, part in enumerate(("prosody", "content", "residual")):
        if match := re.fullmatch(rf"{part}_embs\.(\d+)\.weight", name):
            return f"embeddings.{number}.{match[1]}.weight"
    if name.startswith(f"{stem}."):
        return _of_transformer(name.removeprefix(f"{stem}."), "prosody")
    return _shared(name, blocks)


def _shared(name: str, blocks: int) -> str:
    if name.startswith("timbre_linear."):
        return name.replace("timbre_linear", "style", 1)
    return _of_model(name, blocks)


# ---------------------------------------------------------------------- shapes
def _encoder_shape(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    blocks = _levels(weights, r"block\.(\d+)\.block\.4\.weight")
    rates = [int(_of(weights, f"block.{number}.block.4.weight").shape[-1]) // 2 for number in range(1, blocks + 1)]
    return {
        "signal": "wave", "bands": 0, "envelope": 0, "width": len(_of(weights, "block.0.weight")), "ratios": rates,
        "dimension": len(_of(weights, f"block.{blocks + 2}.weight")),
    }  # fmt: skip


def _decoder_shape(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    levels = [_levels(weights, rf"quantizer\.{part}\.layers\.(\d+)\.in_proj\.weight", first=0) for part in range(3)]
    names = ("quantizer.0.layers.0._codebook.weight", "quantizer.0.layers.0.codebook.weight")
    book = weights.get(names[0], weights.get(names[1]))
    if book is None or book.ndim != 2:
        raise ValueError(f"{names[0]} is missing, or no table")
    timbre = _transformer_shape(weights, "timbre_encoder")
    return {
        "decoder_width": len(_of(weights, "model.0.weight")), "levels": levels, "codes": len(book),
        "code_dimension": book.shape[1], "cosine": True, "decay": 0.99,
        "restart_below": 0.03, **{f"timbre_{name}": value for name, value in timbre.items()},
        "dropout": DROPOUT, "positions": "constant", "antialias": True,
    }  # fmt: skip


def _transformer_shape(weights: Mapping[str, torch.Tensor], stem: str) -> dict[str, int]:
    wide = _of(weights, f"{stem}.layers.0.ffn.ffn_1.weight")
    if wide.ndim != 3:
        raise ValueError(
            f"{stem}.layers.0.ffn.ffn_1.weight has {wide.ndim} dimensions, expected those of a convolution"
        )
    return {
        "layers": _levels(weights, rf"{re.escape(stem)}\.layers\.(\d+)\.ffn\.ffn_1\.weight", first=0),
        "heads": ATTENTION_HEADS, "hidden": len(wide), "kernel": int(wide.shape[2]),
    }  # fmt: skip


def _transformer(weights: Mapping[str, torch.Tensor]) -> str:
    """What the transformer of the redecoder is called; ValueError unless there is one."""
    last = ".layers.0.self_attn.in_proj_weight"
    found = [name.removesuffix(last) for name in weights if name.endswith(last)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} transformers (<name>{last}), expected 1")
    return found[0]


def _rates(weights: Mapping[str, torch.Tensor], blocks: int, stem: str) -> list[int]:
    return [int(_of(weights, f"{stem}.{number}.block.1.weight").shape[-1]) // 2 for number in range(1, blocks + 1)]


def _levels(weights: Mapping[str, torch.Tensor], pattern: str, first: int = 1) -> int:
    """How many names match, their numbers counted from `first` without a gap, at least one; else ValueError."""
    found = sorted(int(match[1]) for name in weights if (match := re.fullmatch(pattern, name)))
    if not found or found != list(range(first, first + len(found))):
        raise ValueError(f"{pattern.replace(chr(92), '')}: numbers {found}, expected {first} and those behind it")
    return len(found)


def _of(weights: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
    if name not in weights:
        raise ValueError(f"{name} is missing")
    return weights[name]


def _flat(name: str, weight: torch.Tensor) -> torch.Tensor:
    """A convolution over one frame in the place of a linear layer, as that layer."""
    is_linear = name.startswith("quantizer.") and name.endswith("proj.weight") and weight.ndim == 3
    return weight[..., 0] if is_linear and weight.shape[2] == 1 else weight


# ---------------------------------------------------------------------- checks
def _plain(path: Path, name: str) -> dict[str, torch.Tensor]:
    """The weights of a file that count, multiplied out; what can be compared with our own constants is."""
    import torch

    found = pretrained.tensors_of(path, name)
    with _told(path, name):
        own = low_pass()
        kept = {}
        for key, value in found.items():
            if key.endswith(("upsample.filter", "downsample.lowpass.filter")):
                if value.numel() != len(own) or not torch.allclose(value.flatten().float(), own, atol=1e-4):
                    raise ValueError(f"{key} is another filter than that of FACodec")
            elif key.endswith("position_emb.pe"):
                first = value.reshape(-1, value.shape[-1])[0].float()
                if not torch.allclose(first, sinusoids(1, len(first))[0], atol=1e-4):
                    raise ValueError(f"{key} does not begin with the sinusoids of position 0")
            elif not re.match(r"\w*_predictor\.", key):
                kept[key] = value
        return multiplied_out(kept)


class _told:
    """A ValueError within becomes a DataError that names the file."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, ValueError):
            raise DataError(
                f"{self.path}: not {FILES[self.name]} of FACodec's authors: {error}",
                f"{pretrained.fetch_command(self.name)} (with internet) fetches the published one; give that",
            ) from None


def _is_ours(name: str) -> bool:
    """Of FaCodec's state: is it nothing that the published files have?"""
    return name.startswith(("input_", "output_")) or name.endswith(("counts", "sums", "started"))
