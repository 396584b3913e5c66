"""Training of speaker embeddings: the Lightning module, its validation, and the model dir that comes of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.config import SpeakerFeatures
from pseudovox.core import seeds
from pseudovox.data import features
from pseudovox.data.datadir import write_atomic
from pseudovox.metrics.eer import eer
from pseudovox.models import store
from pseudovox.models.reversal import reverse_gradient
from pseudovox.models.xvector import make_head
from pseudovox.training.chunks import Augment, SpeakerChunks
from pseudovox.training.fit import Learner, finish, fit, with_epochs
from pseudovox.training.schedules import adversary_weight, rounds_of
from pseudovox.training.targets import target_labels

if TYPE_CHECKING:
    from pseudovox.config import SpeakerModel, Training
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
LOG = "train_log.txt"  # in a model dir: a line a round
MOST_COMPARED = 2000  # embeddings in the pairs of one validation: two million pairs, in a second


class SpeakerLearner(Learner):
    """Cross-entropy over speakers; with pseudo-speakers, the mean of it and theirs behind gradient reversal.

    Validated, and judged, by the EER of `pairwise_eer` where speakers are held out, else by the classification error
    (percent), as the VPC does; the EER is logged then, too.

    Args:
        network: XvectorNetwork or EcapaNetwork.
        training: the part of the configuration that is in use.
        seed: of the updates.
        options: the section.
        targets: number of pseudo-speakers; 0 = no classifier of them.
    """

    def __init__(
        self, network: torch.nn.Module, training: Training, seed: int, options: SpeakerModel, targets: int = 0
    ) -> None:
        super().__init__(network, training, seed)
        self.options = options
        self.figure = "valid/eer" if options.validation == "speakers" else "valid/error"
        self.target_head = None
        if targets:
            self.target_head = make_head(options.loss, options.embedding, targets, options.margin, options.scale)
        self.seen: list[dict[str, torch.Tensor]] = []
        self.rounds: list[dict[str, float]] = []  # what train_log.txt tells of each, also after a killed run
        self.losses = torch.zeros(2)  # sum and number of those of the present round

    def adversary_weight(self) -> float:
        """Of the reversed gradient in the present round."""
        own = self.options.targets
        return adversary_weight(
            self.current_epoch, rounds_of(self.training_options), zero=own.n_epochs_zero, full=own.n_epochs_max,
            largest=own.max_weight,
        )  # fmt: skip

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        inputs, labels, *targets = batch
        embedding, logits = self.network(self.frames(inputs), labels)
        found = functional.cross_entropy(logits.float(), labels)
        if self.target_head is None:
            return found
        weight = self.adversary_weight()
        guessed = self.target_head(reverse_gradient(embedding, weight), targets[0])
        of_targets = functional.cross_entropy(guessed.float(), targets[0])
        self.log("train/target_loss", of_targets)
        self.log("train/target_weight", torch.full((), weight, device=embedding.device))
        return (found + of_targets) / 2

    def frames(self, inputs: torch.Tensor) -> torch.Tensor:
        """Input frames (batch, length, n); features of samples (batch, samples) are computed here, in float32."""
        if inputs.ndim == 3:
            return inputs
        options = self.options.features
        with torch.no_grad(), torch.autocast(inputs.device.type, enabled=False):
            if not options.speech_only:
                return features.speaker_features(inputs, options)
            # (Frames of speech, repeated to the length of all; nobody waits to hear how many they are.)
            return torch.stack([features.padded_speaker_features(samples, options)[0] for samples in inputs])

    def judge(self, batch: Any) -> dict[str, torch.Tensor]:
        """What a validation batch comes to: embeddings, and which speakers and pseudo-speakers are told right."""
        inputs, labels, is_female, *targets = batch
        embedding, logits = self.network(self.frames(inputs))
        found = {"embedding": embedding.float(), "labels": labels, "is_female": is_female}
        if self.options.validation == "utterances":  # held-out speakers are no classes
            found["right"] = logits.argmax(1) == labels
            found["loss"] = functional.cross_entropy(logits.float(), labels, reduction="none")
        if self.target_head is not None:
            found["target_right"] = self.target_head(embedding).argmax(1) == targets[0]
        return found

    def on_train_epoch_start(self) -> None:
        self.losses = torch.zeros(2, device=self.device)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.losses += torch.stack([outputs["loss"].detach().float(), torch.ones((), device=self.device)])
        if self.trainer.is_last_batch:
            self.rounds.append({
                "epoch": len(self.rounds) + 1,
                "lr": float(self.trainer.optimizers[0].param_groups[0]["lr"]),
                "tgt_weight": self.adversary_weight(),
                "train_loss": float(self.losses[0] / self.losses[1]),
            })  # fmt: skip

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rounds"] = self.rounds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.rounds = checkpoint.get("rounds", [])

    def on_validation_epoch_start(self) -> None:
        self.seen = []

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.seen.append(self.judge(batch))

    def on_validation_epoch_end(self) -> None:
        found = figures(self.seen)
        for name, value in found.items():
            self.log(f"valid/{name}", value)
        self.seen = []
        named = {
            "valid_loss": ("loss", 1.0),
            "error_rate_src": ("error", 0.01),
            "error_rate_tgt": ("target_error", 0.01),
        }
        told = {name: found[key] * scale for name, (key, scale) in named.items() if key in found}
        self.rounds[-1] |= told
        log.info(log_line(self.rounds[-1]))


def log_line(told: Mapping[str, float]) -> str:
    """A round in the form of SpeechBrain's train_log.txt, with SpAnE's columns; those that are not known are left out.

    Args:
        told: epoch (from 1), lr (at the round's end), tgt_weight (of the reversed gradient), train_loss (mean),
            valid_loss, error_rate_src and error_rate_tgt (shares of the held-out chunks).
    """

    def shown(*names: str, prefix: str = "", of: str = "") -> str:
        there = [name for name in names if name in told]
        return ", ".join(f"{prefix}{name.removeprefix(of)}: {told[name]:.2e}" for name in there)

    parts = [
        f"epoch: {told['epoch']:.0f}, {shown('lr', 'tgt_weight')}",
        shown("train_loss", prefix="train ", of="train_"),
        ", ".join(filter(None, [
            shown("valid_loss", prefix="valid ", of="valid_"),
            shown("error_rate_src", "error_rate_tgt", prefix="valid "),
        ])),
    ]  # fmt: skip
    return " - ".join(filter(None, parts))


def figures(seen: Sequence[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Of what `SpeakerLearner.judge` found: eer, error and target_error (percent), loss; what can be said of them."""
    if not seen:
        return {}
    whole = {name: torch.cat([part[name] for part in seen]).cpu() for name in seen[0]}
    kept = np.unique(np.linspace(0, len(whole["labels"]) - 1, MOST_COMPARED).round().astype(int))
    found = {"eer": pairwise_eer(*(whole[name][kept] for name in ("embedding", "labels", "is_female")))}
    for name, right in (("error", "right"), ("target_error", "target_right")):
        if right in whole:
            found[name] = 100.0 * (1.0 - float(whole[right].float().mean()))
    if "loss" in whole:
        found["loss"] = float(whole["loss"].mean())
    return found


def pairwise_eer(embedding: torch.Tensor, labels: torch.Tensor, is_female: torch.Tensor) -> float:
    """EER (percent) of the cosines of all pairs of one gender, as in the VPC's trials; 50 if it is undefined.

    Args:
        embedding: (n, dimension).
        labels: (n,), speakers.
        is_female: bool (n,).
    """
    unit = functional.normalize(embedding.float()).cpu().numpy()  # out of torch: autocast would round the product
    row, column = np.triu_indices(len(unit), 1)
    names, female = labels.cpu().numpy(), is_female.cpu().numpy()
    scores, same = (unit @ unit.T)[row, column], names[row] == names[column]
    other = (female[row] == female[column]) & ~same
    return eer(scores[same], scores[other]) if same.any() and other.any() else 50.0


def train(
    data: Sequence[DataDir],
    options: SpeakerModel,
    folder: Path,
    *,
    seed: int,
    device: str,
    augment: Augment | None,
    initial: Path | None = None,
    pseudo: Path | None = None,
) -> dict[str, Any]:
    """Train a speaker embedding and write its model dir.

    Args:
        data: training data dirs.
        options: section of the configuration; `training` is used, or `continued` with `initial`.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        seed: of initialisation and all draws.
        device: "cpu" or "cuda".
        augment: see SpeakerChunks.
        initial: a model dir whose network and features are taken over and trained further; its classifier too
            where it is of the same speakers.
        pseudo: root of pseudo x-vectors, see targets.target_labels.

    Returns:
        facts for the record: speakers, utterances, updates, the last validation.
    """
    training = options.continued if initial else options.training
    if initial:
        card = store.read_card(initial, *store.speaker_networks())
        kind = card["kind"]
        own = {"loss": options.loss, "margin": options.margin, "scale": options.scale}
        hyperparameters = {**card["hyperparameters"], **own}
        # The network must go on seeing what it was trained on.
        known = SpeakerFeatures(**card["facts"]["features"])
        options = replace(options, features=known, embedding=hyperparameters["embedding"])
    else:
        kind, hyperparameters = options.kind, options.hyperparameters()
    targets = target_labels(data, options.targets, pseudo, seed)
    classes = 1 + max(max(labels.values()) for labels in targets) if targets else 0
    source = SpeakerChunks(data, options, training.batch_size, seed, augment, targets)
    if training.epochs:
        training = with_epochs(training, source.batches)
        log.info("%d chunks, %d updates in each of the rounds", len(source.rows), training.round_updates)
    source.warm()
    hyperparameters["speakers"] = len(source.speakers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "initialise"))
        network = store.build(kind, hyperparameters)
        learner = SpeakerLearner(network, training, seed, options, classes)
    if initial:
        _take_over(network, initial, source.speakers)
    fitted = fit(learner, source, folder, device=device)
    validation = _validate(learner, source.validation(), device)
    facts: dict[str, Any] = {
        "speakers": source.speakers,
        "features": asdict(options.features),
        "validation": {"on": options.validation, "utterances": len(source.held_out), **validation},
        "training": asdict(fitted),
    }
    if targets:
        facts["targets"] = {"labels": options.targets.labels, "classes": classes}
    write_atomic(folder / LOG, "".join(f"{log_line(told)}\n" for told in learner.rounds))
    finish(folder, network, kind=kind, hyperparameters=hyperparameters, facts=facts)
    utterances = sum(map(len, source.train))
    return {"speakers": len(source.speakers), "utterances": utterances, "updates": fitted.updates, **validation}


def _validate(learner: SpeakerLearner, batches: Iterable[Any], device: str) -> dict[str, float]:
    """Figures (percent) of the finished network on what was held out; accuracy is a share."""
    learner.to(device).eval()
    with torch.inference_mode():
        found = figures([learner.judge([tensor.to(device) for tensor in batch]) for batch in batches])
    named = {"eer": round(found["eer"], 3)} if found else {}
    if "error" in found:
        named["accuracy"] = round(1.0 - found["error"] / 100.0, 4)
    if "target_error" in found:
        named["target_error"] = round(found["target_error"], 2)
    return named


def _take_over(network: torch.nn.Module, initial: Path, speakers: list[str]) -> None:
    trained, facts = store.load(initial, *store.speaker_networks())
    weights = trained.state_dict()
    if facts["speakers"] != speakers or type(trained.head) is not type(network.head):
        log.info("%s was trained on other speakers or another loss: a new classifier is put on it", initial)
        weights = {name: value for name, value in weights.items() if not name.startswith("head.")}
    network.load_state_dict(weights, strict=False)
