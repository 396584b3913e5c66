"""Model dirs: `model.json` (kind, hyperparameters, facts) beside `weights.safetensors`. No pickle anywhere.

save(folder, network, kind="xvector", hyperparameters={"channels": 256, ...}, facts={"speakers": 110})
network, facts = load(folder, "xvector", device="cpu")     # rebuilt, weights in, eval mode
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.datadir import write_atomic
from pseudovox.errors import DataError, MissingModelError

if TYPE_CHECKING:
    import torch

# kind -> where its network class is; the class is called with the stored hyperparameters as keywords.
KINDS = {
    "xvector": "pseudovox.models.xvector:XvectorNetwork",
    "ecapa": "pseudovox.models.ecapa:EcapaNetwork",
    "bottleneck": "pseudovox.models.bottleneck:BottleneckNetwork",
    "synthesizer": "pseudovox.models.synthesizer:SynthesizerNetwork",
    "recognizer": "pseudovox.models.recognizer:RecognizerNetwork",
}


def build(kind: str, hyperparameters: dict[str, Any]) -> torch.nn.Module:
    """A freshly initialised network of a kind."""
    module, _, name = KINDS[kind].partition(":")
    return getattr(importlib.import_module(module), name)(**hyperparameters)


def save(
    folder: Path, network: torch.nn.Module, *, kind: str, hyperparameters: dict[str, Any], facts: dict[str, Any]
) -> None:
    """Write a model dir; `facts` is what users of the model must know (labels, frame shift, statistics)."""
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomic(folder / "weights.safetensors", to_bytes(weights))
    card = {"kind": kind, "hyperparameters": hyperparameters, "facts": facts}
    write_atomic(folder / "model.json", json.dumps(card, indent=1, sort_keys=True) + "\n")


def read_card(folder: Path, *kinds: str) -> dict[str, Any]:
    """The parsed model.json, checked to be of one of `kinds`; fast, loads no weights.

    Raises:
        MissingModelError: no model there (exit code 4).
        DataError: another kind of model, or a damaged card.
    """
    path = Path(folder) / "model.json"
    if not path.is_file():
        raise MissingModelError(f"{folder}: no model here (model.json is missing)", f"make a {kinds[0]} model first")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        found = card["kind"]
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: not a model card: {error}") from None
    if found not in kinds:
        raise DataError(f"{path}: a model of kind {found!r}, expected {' or '.join(kinds)}")
    return card


def load(folder: Path | str, *kinds: str, device: Any = "cpu") -> tuple[Any, dict[str, Any]]:
    """Rebuild a network from its model dir, in eval mode on `device`.

    Returns:
        (network, facts)

    Raises:
        MissingModelError, DataError: as `read_card`; DataError too when the weights do not fit the card.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = read_card(Path(folder), *kinds)
    network = build(card["kind"], card["hyperparameters"])
    weights = Path(folder) / "weights.safetensors"
    try:
        network.load_state_dict(load_file(weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(f"{weights}: does not hold the weights that model.json describes: {error}") from None
    return network.eval().to(device), card["facts"]
