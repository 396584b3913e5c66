"""The one training loop: Lightning, fed by numbered batches, resumable to the bit.

A `BatchSource` gives the i-th batch as a function of i alone (its draws are seeded by i), and every update seeds
torch by its number, so a run that was killed and continued from its last checkpoint ends with the very same weights
as an unbroken one (on the same machine and number of threads).
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader, Dataset

from pseudovox.models import store
from pseudovox.seeds import seed_for

if TYPE_CHECKING:
    from pseudovox.config import Training

log = logging.getLogger("pseudovox")


class BatchSource(Protocol):
    """Where batches come from; any object with these two methods."""

    def batch(self, index: int) -> Any:
        """The index-th training batch (tensors, or a tuple or dict of them); depends on `index` alone."""

    def validation(self) -> list[Any]:
        """The validation batches, always the same; may be empty."""


class Learner(lightning.LightningModule):
    """Base of the Lightning modules: optimiser and schedule from the configuration.

    Subclasses define `loss(batch, stage) -> tensor` and log what they like with `self.log`.
    The learning rate rises linearly over `warmup` updates and falls as a half cosine to a hundredth.
    """

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
        torch.manual_seed(seed_for(self.seed, "update", str(self.update)))

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        value = self.loss(batch, "train")
        self.log("train/loss", value, prog_bar=True)
        return value

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("valid/loss", self.loss(batch, "valid"), batch_size=1)

    def configure_optimizers(self) -> Any:
        options = self.training_options
        optimizer = torch.optim.AdamW(
            [parameter for parameter in self.network.parameters() if parameter.requires_grad],
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
        )

        def factor(step: int) -> float:
            if step < options.warmup:
                return (step + 1) / options.warmup
            progress = (step - options.warmup) / max(1, options.updates - options.warmup)
            return 0.01 + 0.99 * 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * min(1.0, progress)))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


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

    def train_dataloader(self) -> DataLoader:
        trainer: Any = self.trainer
        per_round = self.options.round_updates
        first = trainer.current_epoch * per_round
        count = min(per_round, self.options.updates - first)
        ranks, rank = trainer.world_size, trainer.global_rank
        data = _Numbered(self.source, first * ranks + rank * count, max(count, 1))
        workers = self.options.workers
        return DataLoader(data, batch_size=None, num_workers=workers, pin_memory=torch.cuda.is_available())

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.source.validation(), batch_size=None)  # type: ignore[arg-type]


class _Report(Callback):
    """One line a round in the log: updates, loss, and what was validated."""

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        values = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        shown = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        log.info("update %d of %d  %s", module.update, module.training_options.updates, shown)


class _Keep(Callback):
    """One checkpoint, replaced at the end of every round."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        aside = self.path.with_suffix(".partial")
        trainer.save_checkpoint(aside)
        if trainer.is_global_zero:
            os.replace(aside, self.path)


def fit(learner: Learner, source: BatchSource, folder: Path, *, device: str) -> None:
    """Train `learner.network` in place for `training.updates` updates.

    Args:
        learner: the Lightning module.
        source: numbered batches.
        folder: for checkpoints and TensorBoard events; if it holds a checkpoint, training goes on from there.
        device: "cpu" or "cuda".
    """
    options = learner.training_options
    if device == "cpu" and options.threads:
        torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling takes a sixth of the time, and nothing here reads what was not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    last = folder / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True, exist_ok=True)
    trainer = lightning.Trainer(
        accelerator="gpu" if device.startswith("cuda") else "cpu",
        devices=options.devices if device.startswith("cuda") else 1,
        precision=options.precision,  # type: ignore[arg-type]
        # Where a learner steps its optimisers itself, their steps are not the updates, and it clips as it likes.
        max_steps=options.updates if learner.automatic_optimization else -1,
        max_epochs=-1 if learner.automatic_optimization else -(-options.updates // options.round_updates),
        gradient_clip_val=(options.gradient_clip or None) if learner.automatic_optimization else None,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=sys.stderr.isatty(),  # its lines would fill a log file
        enable_model_summary=False,
        log_every_n_steps=10,
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        callbacks=[
            _Report(),
            _Keep(last),
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


def finish(folder: Path, network: torch.nn.Module, **card: Any) -> None:
    """Save a trained network (see models.store.save); its checkpoints, no longer needed, are removed."""
    store.save(folder, network, **card)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
