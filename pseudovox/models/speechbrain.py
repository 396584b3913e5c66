"""ECAPA-TDNNs in SpeechBrain's layout, there and back: the same numbers under its names, in its folder of files.

    embedding_model.ckpt    weights of its ECAPA_TDNN, as torch.save writes them
    classifier.ckpt         its Classifier: one direction for each speaker
    label_encoder.ckpt      the speakers' names, one `'name' => number` a line (published models: label_encoder.txt)
    hyperparams.yaml        what its EncoderClassifier.from_hparams builds; written, never read: it can name any code

EcapaNetwork computes what SpeechBrain's does, so on the same weights and features (kind `speechbrain`) both give the
same embeddings. Nothing in a file that is read is run.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.config import SpeakerFeatures
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.data.datadir import write_atomic

if TYPE_CHECKING:
    import torch

KIND = "speechbrain"  # of the features
EMBEDDING, CLASSIFIER, HYPERPARAMETERS = "embedding_model.ckpt", "classifier.ckpt", "hyperparams.yaml"
LABELS = ("label_encoder.ckpt", "label_encoder.txt")  # the first is found by itself
SEPARATOR = "=" * 16  # after the names
DIRECTIONS = "head.directions"  # here; there `weight` of the classifier
# Names of modules, ours and theirs. N, M, K: numbers; M = N + 1, since our `first` is their block 0. What follows the
# name of a module, e.g. weight or running_mean, is the same.
MODULES = (
    ("first.conv", "blocks.0.conv.conv"),
    ("first.norm", "blocks.0.norm.norm"),
    ("blocks.N.before.conv", "blocks.M.tdnn1.conv.conv"),
    ("blocks.N.before.norm", "blocks.M.tdnn1.norm.norm"),
    ("blocks.N.res2.convs.K.conv", "blocks.M.res2net_block.blocks.K.conv.conv"),
    ("blocks.N.res2.convs.K.norm", "blocks.M.res2net_block.blocks.K.norm.norm"),
    ("blocks.N.after.conv", "blocks.M.tdnn2.conv.conv"),
    ("blocks.N.after.norm", "blocks.M.tdnn2.norm.norm"),
    ("blocks.N.excitation.gate.0", "blocks.M.se_block.conv1.conv"),
    ("blocks.N.excitation.gate.2", "blocks.M.se_block.conv2.conv"),
    ("aggregate.conv", "mfa.conv.conv"),
    ("aggregate.norm", "mfa.norm.norm"),
    ("pool.hidden", "asp.tdnn.conv.conv"),
    ("pool.norm", "asp.tdnn.norm.norm"),
    ("pool.score", "asp.conv.conv"),
    ("norm", "asp_bn.norm"),
    ("embedding", "fc.conv"),
)
LINEAR = re.compile(r"(embedding|.*\.gate\.\d)\.weight")  # matrices here, convolutions over one frame there


def their_name(name: str) -> str:
    """SpeechBrain's name of a weight of EcapaNetwork; KeyError for one that its ECAPA_TDNN has not."""
    module, _, parameter = name.rpartition(".")
    block = re.match(r"blocks\.(\d+)\.", module)
    inner = re.search(r"\.convs\.(\d+)\.", module)
    plain = re.sub(r"^blocks\.\d+\.", "blocks.N.", module)
    theirs = dict(MODULES)[re.sub(r"\.convs\.\d+\.", ".convs.K.", plain)]
    theirs = theirs.replace(".M.", f".{int(block[1]) + 1}." if block else "")
    return f"{theirs.replace('.K.', f'.{inner[1]}.' if inner else '')}.{parameter}"


def to_theirs(weights: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """(weights of SpeechBrain's ECAPA_TDNN, of its Classifier) of a state dict of EcapaNetwork with a margin head."""
    embedding = {
        their_name(name): weight.unsqueeze(-1) if LINEAR.fullmatch(name) else weight
        for name, weight in weights.items()
        if name != DIRECTIONS
    }
    return embedding, {"weight": weights[DIRECTIONS]}


def hyperparameters_of(theirs: Mapping[str, torch.Tensor], speakers: int) -> dict[str, Any]:
    """The keywords of EcapaNetwork for weights of SpeechBrain's ECAPA_TDNN, from their shapes.

    The dilations leave no trace in the weights: they are taken to be the published 1, 2, 3, 4. KeyError if the weights
    are of something else.
    """
    channels, features, _ = theirs["blocks.0.conv.conv.weight"].shape
    convolution = re.compile(r"blocks\.1\.res2net_block\.blocks\.\d+\.conv\.conv\.weight")
    return {
        "features": features,
        "channels": [channels] * 4 + [len(theirs["mfa.conv.conv.weight"])],
        "embedding": len(theirs["fc.conv.weight"]),
        "speakers": speakers,
        "loss": "aam",
        "attention": len(theirs["asp.tdnn.conv.conv.weight"]),
        "groups": 1 + sum(bool(convolution.fullmatch(name)) for name in theirs),
    }


# ---------------------------------------------------------------------- files
def check_folder(folder: Path) -> None:
    """Raise MissingModelError unless a folder holds a speaker model of SpeechBrain's."""
    if not (folder / EMBEDDING).is_file():
        raise MissingModelError(
            f"{folder}: no {EMBEDDING} here, SpeechBrain's file of an ECAPA-TDNN's weights",
            "give the folder that EncoderClassifier.from_hparams loads, e.g. of spkrec-ecapa-voxceleb",
        )


def read_folder(folder: Path) -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    """A speaker model of SpeechBrain's as ours.

    Args:
        folder: with embedding_model.ckpt and, if it is to tell speakers apart, classifier.ckpt and the speakers' names.

    Returns:
        (network, hyperparameters, facts), as models.store.save takes them.

    Raises:
        MissingModelError: as `check_folder`.
        DataError: a file is damaged, or of another network.
    """
    from pseudovox.models import store

    check_folder(folder)
    theirs = _read_weights(folder / EMBEDDING)
    classifier = _read_weights(folder / CLASSIFIER) if (folder / CLASSIFIER).is_file() else {}
    misfit = f"{folder / EMBEDDING}: not the weights of SpeechBrain's ECAPA_TDNN as it is published"
    try:
        hyperparameters = hyperparameters_of(theirs, len(classifier.get("weight", ())))
        network = store.build("ecapa", hyperparameters)
        expected = network.state_dict()
        if not classifier:
            classifier = {"weight": expected[DIRECTIONS]}
        names = {name: their_name(name) for name in expected if name != DIRECTIONS}
        unknown = sorted(theirs.keys() - set(names.values()))
        if unknown:
            raise KeyError(unknown[0])
        weights = {
            name: theirs[their].squeeze(-1) if LINEAR.fullmatch(name) else theirs[their]
            for name, their in names.items()
        }
        network.load_state_dict({**weights, DIRECTIONS: classifier["weight"]})
    except (KeyError, ValueError, RuntimeError) as error:
        raise DataError(f"{misfit}: {' '.join(str(error).split())[:200]}") from None
    features = SpeakerFeatures(
        kind=KIND, bins=hyperparameters["features"], low=0.0, high=8000.0, window=100_000, speech_only=False
    )
    labels = next((folder / name for name in LABELS if (folder / name).is_file()), None)
    speakers = _read_labels(labels, hyperparameters["speakers"])
    return network.eval(), hyperparameters, {"speakers": speakers, "features": asdict(features)}


def check_exportable(card: Mapping[str, Any], folder: Path) -> None:
    """Raise DataError unless SpeechBrain can be told to compute what a model computes; `card` as store.read_card."""
    features = SpeakerFeatures(**card["facts"]["features"])
    whole = features.window >= 100_000 and not features.speech_only
    if features.kind != KIND or features.low != 0 or features.high != 8000 or features.floor_decibels or not whole:
        raise DataError(
            f"{folder}: its features ({features.kind}, {features.low:g} to {features.high:g} Hz, "
            f"window {features.window}, speech_only {str(features.speech_only).lower()}) are not SpeechBrain's",
            "train it with the features of conf/attacker/vpc2024.yaml",
        )
    if card["hyperparameters"].get("loss", "aam") != "aam":
        raise DataError(
            f"{folder}: SpeechBrain's classifier is that of loss aam; this model has another", "train with aam"
        )


def write_folder(
    folder: Path, weights: Mapping[str, torch.Tensor], hyperparameters: Mapping[str, Any], speakers: list[str]
) -> None:
    """Write a state dict of EcapaNetwork as a folder that SpeechBrain's EncoderClassifier.from_hparams loads."""
    import torch

    for name, part in zip((EMBEDDING, CLASSIFIER), to_theirs(weights), strict=True):
        file = io.BytesIO()
        torch.save({key: value.detach().cpu().contiguous() for key, value in part.items()}, file)
        write_atomic(folder / name, file.getvalue())
    labels = "".join(f"{speaker!r} => {number}\n" for number, speaker in enumerate(speakers))
    write_atomic(folder / LABELS[0], f"{labels}{SEPARATOR}\n'starting_index' => 0\n")
    write_atomic(folder / HYPERPARAMETERS, _hyperparams(hyperparameters))


def _hyperparams(of: Mapping[str, Any]) -> str:
    new = "!new:speechbrain"
    attention, groups = of.get("attention", 128), of.get("groups", 8)
    return f"""# Speaker embedding by an ECAPA-TDNN, for speechbrain.inference.speaker.EncoderClassifier.from_hparams.
compute_features: {new}.lobes.features.Fbank
    n_mels: {of["features"]}
mean_var_norm: {new}.processing.features.InputNormalization
    norm_type: sentence
    std_norm: false
embedding_model: {new}.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: {of["features"]}
    channels: {list(of["channels"])}
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: {attention}
    se_channels: {attention}
    res2net_scale: {groups}
    lin_neurons: {of["embedding"]}
classifier: {new}.lobes.models.ECAPA_TDNN.Classifier
    input_size: {of["embedding"]}
    out_neurons: {of["speakers"]}
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    classifier: !ref <classifier>
label_encoder: {new}.dataio.encoder.CategoricalEncoder
pretrainer: {new}.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
"""


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on a damaged file
        raise DataError(f"{path}: cannot be read as weights: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise DataError(f"{path}: holds something else than weights by name")
    return found


def _read_labels(path: Path | None, count: int) -> list[str]:
    """The speakers' names in the order of their numbers; the numbers themselves where there is no file of names."""
    names = {number: str(number) for number in range(count)}
    lines = path.read_text(encoding="utf-8").split(f"{SEPARATOR}\n")[0].splitlines() if path and count else []
    for line, text in enumerate(lines, 1):
        name, _, number = text.rpartition(" => ")
        try:
            names[int(number)] = str(ast.literal_eval(name))
        except (ValueError, SyntaxError):
            raise DataError(f"{path}:{line}: expected `'name' => number`, found {text[:60]!r}") from None
    if sorted(names) != list(range(count)):
        raise DataError(f"{path}: names speakers up to number {max(names)}, but the classifier knows {count}")
    return [names[number] for number in range(count)]
