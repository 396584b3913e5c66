"""CTC (Graves et al. 2006) on padded batches, whose lengths stay on the host.

PyTorch's CTC wants the lengths there, and on a GPU it would wait for everything that was begun to get them. Learners
keep tensors with these names on the host (`fit.Learner.transfer_batch_to_device`), beside a copy on the device. (It
then copies the lengths of the targets back itself, which waits once: a search over all frames in Python takes longer.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.nn import functional

HOST = "host"  # key of a batch: its LENGTHS as they are on the host
LENGTHS = ("lengths", "target_lengths")


def on_host(batch: Mapping[str, Any], name: str) -> torch.Tensor:
    """A tensor of lengths of a batch, on the host if it was kept there."""
    found: torch.Tensor = batch.get(HOST, batch)[name]
    return found


def kept_on_host(batch: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The lengths of a batch that has targets of CTC; of another batch nothing."""
    return {name: batch[name] for name in LENGTHS if name in batch} if LENGTHS[1] in batch else {}


def ctc_loss(
    log_posteriors: torch.Tensor, batch: Mapping[str, Any], lengths: torch.Tensor, *, blank: int = 0
) -> torch.Tensor:
    """The mean CTC loss; utterances whose targets do not fit count 0.

    Args:
        log_posteriors: (B, T, units).
        batch: `targets`, all in one row, and `target_lengths` (B,).
        lengths: frames of each (B,), best on the host; those of the batch itself are taken from there.
        blank: number of the blank.
    """
    for name in LENGTHS:
        if HOST in batch and lengths is batch.get(name):
            lengths = batch[HOST][name]
    with _unwatched():
        return functional.ctc_loss(
            log_posteriors.transpose(0, 1), batch["targets"], lengths, on_host(batch, "target_lengths"), blank=blank,
            zero_infinity=True,
        )  # fmt: skip


@contextlib.contextmanager
def _unwatched() -> Iterator[None]:
    """Whoever looks for what waits for a GPU (torch.cuda.set_sync_debug_mode) need not be told of PyTorch's own."""
    before = torch.cuda.get_sync_debug_mode() if torch.cuda.is_available() else 0
    if not before:
        yield
        return
    torch.cuda.set_sync_debug_mode(0)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
