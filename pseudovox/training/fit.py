"""The one training loop: Lightning, fed by numbered batches, resumable to the bit.

A `BatchSource` gives the i-th batch as a function of i alone (its draws are seeded by i), and every update seeds
torch by its number, so a run that was killed and continued from its last checkpoint ends with the very same weights
as an unbroken one (on the same machine and number of threads). What decides which weights are kept and when training
stops is part of that checkpoint, too.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader, Dataset

from pseudovox.core import machine
from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.seeds import seed_for
from pseudovox.models import store
from pseudovox.stage import jobs
from pseudovox.stage.device import is_cuda
from pseudovox.training import ctc
from pseudovox.training.schedules import rate_factor

if TYPE_CHECKING:
    from pseudovox.config import Training

log = logging.getLogger("pseudovox")
MOST_LOADERS = 12  # processes


class BatchSource(Protocol):
    """Where batches come from; any object with these two methods."""

    def batch(self, index: int) -> Any:
        """The index-th training batch (tensors, or a tuple or dict of them); depends on `index` alone."""

    def validation(self) -> Sequence[Any]:
        """The validation batches, always the same; may be empty."""


class Learner(lightning.LightningModule):
    """Base of the Lightning modules: optimiser and schedule from the configuration.

    Subclasses define `loss(batch, stage) -> tensor` and log what they like with `self.log`.

    Attributes:
        figure: what the validation is judged by, the name of something logged; lower = better.
    """

    figure = "valid/loss"

    def __init__(self, network: torch.nn.Module, training: Training, seed: int) -> None:
        super().__init__()
        self.network = network
        self.training_options = training
        self.seed = seed

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        """The loss of a batch; `stage` is "train" or "valid"."""
        raise NotImplementedError

    @property
    def update(self) -> int:
        """Number of updates done. (Lightning counts the steps of all optimisers, where a subclass has several.)"""
        return self.global_step

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Each process of several has noise and dropout of its own.
        rank = f"/{self.global_rank}" if self.global_rank else ""
        torch.manual_seed(seed_for(self.seed, "update", f"{self.update}{rank}"))

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        moved = super().transfer_batch_to_device(batch, device, dataloader_idx)
        if isinstance(batch, dict) and (kept := ctc.kept_on_host(batch)):
            moved = {**moved, ctc.HOST: kept}
        return moved

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """The loss. Nothing in it may wait for a GPU: what is logged is a tensor until the round is at its end."""
        value = self.loss(batch, "train")
        self.log("train/loss", value)
        return value

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("valid/loss", self.loss(batch, "valid"), batch_size=1)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        if self.training_options.precision == "16-mixed":  # whose gradients are scaled
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_val:  # (with bf16-mixed Lightning refuses fused optimisers, though nothing is scaled there)
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, gradient_clip_val)

    def configure_optimizers(self) -> Any:
        options = self.training_options
        kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
        optimizer = kinds[options.optimizer](
            [parameter for parameter in self.parameters() if parameter.requires_grad],
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
            **fused(self, options),
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: rate_factor(options, update))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fused(module: torch.nn.Module, options: Training) -> dict[str, bool]:
    """The argument of an optimiser by which all its arithmetic is one kernel, where the weights are on a GPU.

    Not with 16-mixed: Lightning cannot clip the gradients of an optimiser that takes the scale off them itself.
    """
    on_gpu = all(parameter.is_cuda for parameter in module.parameters())
    return {"fused": True} if on_gpu and options.precision != "16-mixed" else {}


class _Numbered(Dataset):
    def __init__(self, source: BatchSource, first: int, count: int) -> None:
        self.source, self.first, self.count = source, first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        if index >= self.count:
            raise IndexError
        return self.source.batch(self.first + index)


class _Batches(lightning.LightningDataModule):
    """One "epoch" is `round_updates` numbered batches; a checkpoint falls at the end of each."""

    def __init__(self, source: BatchSource, training: Training) -> None:
        super().__init__()
        self.source, self.options = source, training

    def setup(self, stage: str) -> None:
        trainer: Any = self.trainer
        if trainer.world_size > 1:  # a process of its own, which inherits neither the log nor what was computed ahead
            if trainer.is_global_zero:
                jobs.log_to(sys.stderr)
            if self.options.threads and not torch.cuda.is_available():
                torch.set_num_threads(self.options.threads)
            getattr(self.source, "warm", lambda: None)()

    def train_dataloader(self) -> DataLoader:
        trainer: Any = self.trainer
        per_round = self.options.round_updates
        first = trainer.current_epoch * per_round
        count = min(per_round, self.options.updates - first)
        ranks, rank = trainer.world_size, trainer.global_rank
        data = _Numbered(self.source, first * ranks + rank * count, max(count, 1))
        workers = _loaders(self.options.workers, self.source, on_gpu=trainer.strategy.root_device.type == "cuda")
        return DataLoader(
            data, batch_size=None, num_workers=workers, pin_memory=torch.cuda.is_available(),
            multiprocessing_context="fork" if workers else None, prefetch_factor=4 if workers else None,
        )  # fmt: skip

    def val_dataloader(self) -> DataLoader:
        # All processes validate on everything: it is short, and then nothing has to be put together.
        batches = self.source.validation()
        return DataLoader(batches, batch_size=None, num_workers=self.options.workers)  # type: ignore[arg-type]


def _loaders(asked: int, source: BatchSource, *, on_gpu: bool) -> int:
    """Processes that prepare batches: those asked for; with a GPU, which would wait for one alone, as many as the cores
    it has, but for a source that works on it itself."""
    if asked or not on_gpu or getattr(source, "on_device", False):
        return asked
    return min(MOST_LOADERS, max(1, machine.cores() // max(1, torch.cuda.device_count()) - 1))


class _Report(Callback):
    """One line a round in the log: updates, loss, and what was validated."""

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        values = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        shown = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        log.info("update %d of %d  %s", module.update, module.training_options.updates, shown)


class _Keep(Callback):
    """One checkpoint, replaced at the end of every round; in it the lowest validation figure so far and its weights."""

    def __init__(self, path: Path, options: Training) -> None:
        self.path, self.options = path, options
        self.best: dict[str, Any] = {
            "update": 0, "figure": math.inf, "rounds_ago": 0, "judged": 0, "weights": {}, "updates": 0,
        }  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        return self.best

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self._stop_if_in_vain(trainer)  # a run that was killed after its last round

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self._judge(trainer, module)
        self.best["updates"] = module.update
        aside = self.path.with_suffix(".partial")
        trainer.save_checkpoint(aside)
        if trainer.is_global_zero:
            os.replace(aside, self.path)
        self._stop_if_in_vain(trainer)

    def _judge(self, trainer: Any, module: Any) -> None:
        if module.update == self.best["judged"]:
            return  # gone on from this round's checkpoint, Lightning ends the round again, without a validation
        found = trainer.callback_metrics.get(module.figure)
        if found is None:
            if self.options.keep == "best" or self.options.patience:
                raise DataError(
                    f"training.keep {self.options.keep}, training.patience {self.options.patience}: there is nothing "
                    f"held out to validate on ({module.figure} is missing)",
                    "hold out more, or --set <training>.keep=last --set <training>.patience=0 (e.g. xvector.training)",
                )
            return
        # The first process decides for all: they must stop together.
        figure = float(trainer.strategy.broadcast(float(found)))
        if figure < self.best["figure"]:
            weights = {}
            if self.options.keep == "best":
                weights = {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
            self.best |= {"update": module.update, "figure": figure, "rounds_ago": 0, "weights": weights}
        else:
            self.best["rounds_ago"] += 1
        self.best["judged"] = module.update

    def _stop_if_in_vain(self, trainer: Any) -> None:
        if self.options.patience and self.best["rounds_ago"] >= self.options.patience:
            trainer.should_stop = True


@dataclass(frozen=True)
class Fitted:
    """How a training ended.

    Attributes:
        updates: that were made.
        kept: the update whose weights were kept.
        best: the update of the lowest validation figure, 0 if nothing was validated.
    """

    updates: int
    kept: int
    best: int


def with_epochs(options: Training, batches: int) -> Training:
    """A training whose `epochs`, if any, are turned into updates and rounds.

    Args:
        options: the section.
        batches: in one pass over the training data.
    """
    if not options.epochs:
        return options
    by_round = max(1, batches // options.devices)  # each of the devices takes a batch of its own
    return replace(options, updates=options.epochs * by_round, round_updates=by_round, epochs=0)


def _check(options: Training) -> None:
    """Raise UsageError for words that a training does not know."""
    for name, value, known in (
        ("optimizer", options.optimizer, ("adamw", "adam")),
        ("keep", options.keep, ("last", "best")),
    ):
        if value not in known:
            raise UsageError(f"training.{name}: {value!r}: expected {' or '.join(known)}")
    if options.epochs:
        raise UsageError(
            f"training.epochs: {options.epochs}: of speaker models alone",
            "--set <section>.training.epochs=0, and give training.updates",
        )
    rate_factor(options, 0)


def _devices(device: str, count: int) -> int | list[int]:
    """What Lightning is to take: so many devices, or the one GPU that is named."""
    _, colon, index = device.partition(":")
    if not colon:
        return count
    if count > 1:
        raise UsageError(f"training.devices {count}, and --device {device} names one", "give --device cuda")
    return [int(index)]


def _precision(asked: str, device: str) -> str:
    """The precision to train in: in the place of bf16-mixed, for which a CPU without instructions for it takes ten
    times as long, 32-true there."""
    if asked == "bf16-mixed" and device == "cpu" and not _cpu_has_bf16():
        log.info("precision 32-true: this CPU has no instructions for bf16-mixed, and would take ten times as long")
        return "32-true"
    return asked


def _cpu_has_bf16() -> bool:
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _is_on(variable: str, default: bool) -> bool:
    """A switch in the environment: 0 or 1."""
    value = os.environ.get(variable, "")
    if value not in ("", "0", "1"):
        raise UsageError(f"{variable} is {value!r}; expected 0 or 1")
    return value == "1" if value else default


def set_determinism(device: str) -> None:
    """Whether the same training gives the same weights to the bit, and with what rounding matrices are multiplied.

    It does unless PSEUDOVOX_DETERMINISTIC=0, by which algorithms are chosen for speed alone; on a CPU that is no
    difference. (CTC's gradient has no such algorithm on a GPU, and a warning tells it.) On a GPU float32 matrices are
    multiplied in TF32. PSEUDOVOX_COMPILE=1 has torch.compile make kernels of the network for a GPU.
    """
    on = _is_on("PSEUDOVOX_DETERMINISTIC", True)
    if on:
        # Read when the first matrices are multiplied on a GPU; without it cuBLAS may add up in another order each time.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(on, warn_only=True)
    torch.backends.cudnn.benchmark = False  # chunks differ in length, and each length would be measured
    # Filling takes a sixth of the time, and nothing here reads what was not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if is_cuda(device):
        torch.set_float32_matmul_precision("high")


def fit(learner: Learner, source: BatchSource, folder: Path, *, device: str) -> Fitted:
    """Train `learner` in place for `training.updates` updates, or until `training.patience` is at its end.

    With several `training.devices` (GPUs; on a CPU processes) each takes batches of its own, so that an update sees as
    many of them.

    Args:
        learner: the Lightning module.
        source: numbered batches.
        folder: for checkpoints and TensorBoard events; if it holds a checkpoint, training goes on from there.
        device: "cpu", "cuda", or "cuda:<n>", which several `training.devices` cannot be.

    Raises:
        UsageError: a word in the configuration of the training that is not known; several devices, and one is named.
        DataError: the best weights are to be kept, but nothing is held out.
    """
    options = learner.training_options
    _check(options)
    if device == "cpu" and options.threads:
        torch.set_num_threads(options.threads)
    set_determinism(device)
    if is_cuda(device) and _is_on("PSEUDOVOX_COMPILE", False):
        learner.network.compile()
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    last = folder / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True, exist_ok=True)
    trainer = lightning.Trainer(
        accelerator="gpu" if device.startswith("cuda") else "cpu",
        devices=_devices(device, options.devices),
        # Spawned, since a step cannot be started twice: the second one would find the output dir locked.
        # (Of a generator and its discriminators each step has gradients for one of the two.)
        strategy=(
            "auto"
            if options.devices == 1
            else "ddp_spawn"
            if learner.automatic_optimization
            else "ddp_spawn_find_unused_parameters_true"
        ),
        use_distributed_sampler=False,  # batches are numbered: each process takes its own
        precision=_precision(options.precision, device),  # type: ignore[arg-type]
        # Where a learner steps its optimisers itself, their steps are not the updates, and it clips as it likes.
        max_steps=options.updates if learner.automatic_optimization else -1,
        max_epochs=-1 if learner.automatic_optimization else -(-options.updates // options.round_updates),
        gradient_clip_val=(options.gradient_clip or None) if learner.automatic_optimization else None,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=sys.stderr.isatty(),  # its lines would fill a log file
        enable_model_summary=False,
        log_every_n_steps=options.round_updates,  # TensorBoard wants numbers, for which a GPU is waited for
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        callbacks=[
            _Report(),
            _Keep(last, options),
        ],
        default_root_dir=folder,
        plugins=[LightningEnvironment()],  # also in a Slurm job, which jobs.py requeues: one task starts all processes
        enable_checkpointing=False,  # ours is written aside and renamed: a kill leaves the old one or the new one
    )
    # Of no use to a reader of the log: Lightning's own deprecations, and that there may be no validation.
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=r".*(LeafSpec|Total length of `DataLoader`|does not have many workers).*")
    if last.exists():
        log.info("going on from %s", last)
    trainer.fit(
        learner, datamodule=_Batches(source, options), ckpt_path=str(last) if last.exists() else None, weights_only=True
    )
    # From the file, not from the callback: that one may have been in another process.
    saved = torch.load(last, map_location="cpu", weights_only=True)
    best = saved["callbacks"][_Keep.__qualname__]
    updates = best["updates"]
    if best["weights"]:
        learner.load_state_dict(best["weights"])
        log.info("kept update %d of %d: %s %.4f", best["update"], updates, learner.figure, best["figure"])
    return Fitted(updates, best["update"] if best["weights"] else updates, best["update"])


def finish(folder: Path, network: torch.nn.Module, **card: Any) -> None:
    """Save a trained network (see models.store.save); its checkpoints, no longer needed, are removed."""
    store.save(folder, network, **card)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
