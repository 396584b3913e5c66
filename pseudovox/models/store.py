"""Model dirs: `model.json` (kind, hyperparameters, facts) beside `weights.safetensors`. No pickle anywhere.

save(folder, network, kind="xvector", hyperparameters={"channels": 256, ...}, facts={"speakers": 110})
network, facts = load(folder, "xvector", device="cpu")     # rebuilt, weights in, eval mode
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.config import kinds
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.data.datadir import write_atomic, write_json

if TYPE_CHECKING:
    import torch

REDO = "train or import it again: the step that made this folder, with --force"

# The networks that no slot of the configuration offers: the evaluation's recognisers.
RECOGNIZERS = {
    "recognizer": "pseudovox.models.recognizer:RecognizerNetwork",
    "wav2vec2": "pseudovox.models.wav2vec2:Wav2vec2Network",
}
# And those of systems that have steps of their own.
OTHERS = {
    "feature_hifigan": "pseudovox.models.feature_hifigan:FeatureHifiGan",
    "phone_predictor": "pseudovox.models.conv_decoder:PhonePredictor",
    "duration_predictor": "pseudovox.models.conv_decoder:DurationPredictor",
    "semantic_units": "pseudovox.models.codec_lm.units:CentroidUnits",
    "semantic_recurrent": "pseudovox.models.codec_lm.units:RecurrentUnits",
    "world_codec": "pseudovox.models.codec_lm.world_codec:WorldCodec",
    "encodec": "pseudovox.models.codec_lm.encodec:Encodec",
    "coarse_lm": "pseudovox.models.codec_lm.coarse:WindowedCoarse",
    "aligned_coarse_lm": "pseudovox.models.codec_lm.coarse:AlignedCoarse",
    "fine_lm": "pseudovox.models.codec_lm.fine:Fine",
    "facodec": "pseudovox.models.facodec.codec:FaCodec",
    "facodec_redecoder": "pseudovox.models.facodec.redecoder:Redecoder",
    "emotion_embedding": "pseudovox.models.emotion_embedding:EmotionEmbedding",
    "text_to_speech": "pseudovox.models.text_to_speech:TextToSpeech",
    "hle_vqvae": "pseudovox.models.hle_vqvae:HierarchicalVqVae",
    "spectrum_tracker": "pseudovox.models.spectrum_tracker:SpectrumTracker",
    "mel_hifigan": "pseudovox.models.mel_hifigan:MelHifiGan",
}


# Those of them that speak as one of their training speakers (facts.speakers), as a synthesizer of one-hot voices does.
ONE_HOT = ("hle_vqvae",)


def speaker_networks() -> tuple[str, ...]:
    """The kinds of speaker embeddings."""
    return tuple(kinds.networks("speaker_networks"))


def content_extractors() -> tuple[str, ...]:
    """The kinds of content extractors."""
    return tuple(kinds.networks("content_extractors"))


def synthesizers() -> tuple[str, ...]:
    """The kinds that speak (stage synthesize): acoustic models with WORLD behind them, and neural vocoders."""
    return tuple(kinds.networks("synthesizers"))


def _implementation(kind: str) -> str:
    apart = {**RECOGNIZERS, **OTHERS}
    if kind in apart:
        return apart[kind]
    folders = ("speaker_networks", "content_extractors", "synthesizers")
    return next(found[kind].implementation for folder in folders if kind in (found := kinds.networks(folder)))


def build(kind: str, hyperparameters: dict[str, Any]) -> torch.nn.Module:
    """A freshly initialised network of a kind."""
    return kinds.imported(_implementation(kind))(**hyperparameters)  # type: ignore[no-any-return]


def save(
    folder: Path, network: torch.nn.Module, *, kind: str, hyperparameters: dict[str, Any], facts: dict[str, Any],
    weights: Mapping[str, torch.Tensor] | None = None,
) -> None:  # fmt: skip
    """Write a model dir.

    Args:
        facts: what users of the model must know (labels, frame shift, statistics).
        weights: to be stored in place of the network's own, e.g. in half precision (packing.halved).
    """
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    own = weights or network.state_dict()
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in own.items()}
    write_atomic(folder / "weights.safetensors", to_bytes(stored))
    card = {"kind": kind, "hyperparameters": hyperparameters, "facts": facts}
    write_json(folder / "model.json", card, sort_keys=True)


def read_card(folder: Path, *kinds: str) -> dict[str, Any]:
    """The parsed model.json, checked to be of one of `kinds`; fast, loads no weights.

    Raises:
        MissingModelError: no model there (exit code 4).
        DataError: another kind of model, or a damaged card.
    """
    path = Path(folder) / "model.json"
    if not path.is_file():
        raise MissingModelError(
            f"{folder}: no model here (model.json is missing)",
            f"give the folder of a model of kind {' or '.join(kinds)}; ./run.sh trains it",
        )
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not a model card: {error}", REDO) from None
    for name, kind in (("kind", str), ("hyperparameters", dict), ("facts", dict)):
        if not isinstance(card, dict) or not isinstance(card.get(name), kind):
            raise DataError(f"{path}: not a model card: {name} is missing or of the wrong type", REDO)
    if card["kind"] not in kinds:
        raise DataError(
            f"{path}: a model of kind {card['kind']!r}, expected {' or '.join(kinds)}",
            "give the folder of such a model",
        )
    return dict(card)


def load(folder: Path | str, *kinds: str, device: Any = "cpu") -> tuple[Any, dict[str, Any]]:
    """Rebuild a network from its model dir, in eval mode on `device`, in single precision however it is stored.

    Returns:
        (network, facts)

    Raises:
        MissingModelError, DataError: as `read_card`; DataError too when the weights do not fit the card, are no
            safetensors, or hold NaN.
    """
    card = read_card(Path(folder), *kinds)
    try:
        network = build(card["kind"], card["hyperparameters"])
    except (TypeError, ValueError, RuntimeError, ArithmeticError, IndexError, MemoryError) as error:
        raise DataError(f"{folder}/model.json: no network has these hyperparameters: {_line(error)}", REDO) from None
    path = Path(folder) / "weights.safetensors"
    weights = read_weights(path)
    _check_weights(path, weights, network.state_dict())
    network.load_state_dict(weights)
    return network.eval().to(device), card["facts"]


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file.

    Raises:
        MissingModelError: it is not there. DataError: it is a pickle, or no safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            head = file.read(2)
        if head in (b"PK", b"\x80\x02", b"\x80\x04"):
            raise DataError(
                f"{path}: a pickle (a checkpoint of PyTorch), which could run code and is not opened",
                "convert it where you trust it: safetensors.torch.save_file(weights, file)",
            )
        return dict(load_file(path))
    except FileNotFoundError:
        raise MissingModelError(f"{path}: no such file, but there is a model.json", REDO) from None
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as safetensors: {_line(error)}", REDO) from None


def _check_weights(path: Path, found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """Raise DataError unless the weights are those of the network: names, shapes, float or whole, finite."""
    misfit = f"{path}: does not hold the weights that model.json describes"
    missing, unknown = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or unknown:
        example = f"{missing[0]} is missing" if missing else f"{unknown[0]} is unknown"
        raise DataError(f"{misfit}: {len(missing)} missing, {len(unknown)} unknown, e.g. {example}", REDO)
    for name, wanted in expected.items():
        weight = found[name]
        if weight.shape != wanted.shape:
            raise DataError(f"{misfit}: {name} has shape {tuple(weight.shape)}, expected {tuple(wanted.shape)}", REDO)
        if weight.is_floating_point() != wanted.is_floating_point() or weight.is_complex():
            raise DataError(f"{misfit}: {name} holds {weight.dtype}, expected {wanted.dtype}", REDO)
        if not weight.isfinite().all():
            raise DataError(f"{path}: {name} holds NaN or infinite values", REDO)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
