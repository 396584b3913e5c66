"""Model dirs that are damaged or of others: file and key are named, with a hint; nothing in them is executed."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pseudovox.core.errors import DataError, MissingModelError, PseudovoxError
from pseudovox.models import store

HYPERPARAMETERS = {"features": 8, "channels": [16, 16, 16, 16, 24], "embedding": 12, "speakers": 5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = store.build("xvector", HYPERPARAMETERS)
    store.save(tmp_path / "m", network, kind="xvector", hyperparameters=HYPERPARAMETERS, facts={"speakers": 5})
    return tmp_path / "m"


def change_card(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        card = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps({**card, **changes}))

    return change


def change_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        weights = {name: weight.clone() for name, weight in load_file(folder / "weights.safetensors").items()}
        change(weights)
        save_file(weights, folder / "weights.safetensors")

    return apply


def weights_of(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "weights.safetensors"
        path.write_bytes(content(path.read_bytes()))

    return apply


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def put_checkpoint(folder: Path) -> None:
    torch.save({"weights": _Bomb()}, folder / "weights.safetensors")


def test_whole(folder: Path) -> None:
    network, facts = store.load(folder, "xvector")
    assert facts == {"speakers": 5} and not network.training


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.json").write_text("{"), r"model\.json: not a model card: Expecting"),
        (lambda folder: (folder / "model.json").write_text("[1]"), r"model\.json: not a model card: kind is missing"),
        (change_card(facts=None), r"model\.json: not a model card: facts is missing or of the wrong type"),
        (
            change_card(hyperparameters=[1]),
            r"model\.json: not a model card: hyperparameters is missing or of the wrong",
        ),
        (change_card(kind="ecapa"), r"model\.json: a model of kind 'ecapa', expected xvector"),
        (change_card(hyperparameters={**HYPERPARAMETERS, "layers": 3}), r"no network has these hyper.*'layers'"),
        (change_card(hyperparameters={**HYPERPARAMETERS, "channels": [8]}), "no network has these hyperparameters"),
        (change_card(hyperparameters={**HYPERPARAMETERS, "embedding": -1}), "no network has these hyperparameters"),
        (
            change_card(hyperparameters={**HYPERPARAMETERS, "embedding": 13}),
            r"weights\.safetensors: does not hold the weights that model\.json describes: .* has shape \(\d+.*, exp",
        ),
        (
            change_weights(lambda weights: weights.pop("embedding.weight")),
            "1 missing, 0 unknown, e.g. embedding.weight is",
        ),
        (
            change_weights(lambda weights: weights.update(extra=torch.ones(1))),
            "0 missing, 1 unknown, e.g. extra is unkn",
        ),
        (change_weights(lambda weights: weights["embedding.bias"].fill_(torch.nan)), "embedding.bias holds NaN or inf"),
        (
            change_weights(lambda weights: weights.update({"embedding.bias": torch.zeros(12, dtype=torch.int32)})),
            r"embedding\.bias holds torch\.int32, expected torch\.float32",
        ),
        (weights_of(lambda content: content[:-5]), r"weights\.safetensors: cannot be read as safetensors: \S"),
        (weights_of(lambda content: b""), r"weights\.safetensors: cannot be read as safetensors: \S"),
        (weights_of(lambda content: b"\xff" * 100), r"weights\.safetensors: cannot be read as safetensors: \S"),
        (weights_of(lambda content: pickle.dumps(_Bomb())), r"weights\.safetensors: a pickle .*is not opened"),
        (put_checkpoint, r"weights\.safetensors: a pickle .*is not opened"),
    ],
)
def test_what_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        store.load(folder, "xvector")
    assert caught.value.hint and not Path("exploded").exists()


def test_what_is_missing(folder: Path, tmp_path: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(MissingModelError, match=r"weights\.safetensors: no such file, but there is a model\.json"):
        store.load(folder, "xvector")
    with pytest.raises(PseudovoxError, match=r"no model here \(model\.json is missing\)"):
        store.load(tmp_path, "xvector")
