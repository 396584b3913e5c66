"""The devices that a step computes on, and copies to and from them that do not block."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch


def resolve_device(asked: str) -> str:
    """The device that `--device` means here; UsageError if it was asked for and does not work."""
    if asked == "cpu":
        return asked
    # Read when the first matrices are multiplied on a GPU; without it, cuBLAS may add up in another order each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    elif asked.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"--device {asked}: no CUDA device works here", "--device cpu")
    try:
        torch.device(asked)
    except RuntimeError:
        raise UsageError(f"--device {asked}: expected auto, cpu, cuda or cuda:<n>") from None
    return asked


def job_devices(device: str, nj: int) -> list[str]:
    """The device of each job on this machine: every GPU works for one, or `nj` share the processor.

    Args:
        device: as `resolve_device` gives it; of `cuda` all are taken.
        nj: jobs on a CPU, and at most so many GPUs.
    """
    if not is_cuda(device):
        return [device] * nj
    if ":" in device:
        return [device]
    import torch

    count = min(torch.cuda.device_count(), nj)
    return [device] if count <= 1 else [f"{device}:{number}" for number in range(count)]


def is_cuda(device: str) -> bool:
    """Whether work on the device goes on while the program does."""
    return device.startswith("cuda")


def to_device(array: np.ndarray | torch.Tensor, device: str) -> torch.Tensor:
    """An array on a device; to a GPU out of pinned memory, and the copy is not waited for."""
    import torch

    tensor = torch.as_tensor(array)
    if not is_cuda(device) or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Fetched:
    """Tensors that are on their way from a GPU to the host; those of the host are there.

    Args:
        tensors: any number of them; what they are of is not to be changed meanwhile.
    """

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        import torch

        self.event: Any = None
        self.tensors = list(tensors)
        if any(tensor.is_cuda for tensor in tensors):
            self.tensors = []
            for tensor in tensors:
                if tensor.is_cuda:
                    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
                    host.copy_(tensor.detach(), non_blocking=True)
                    self.tensors.append(host)
                else:
                    self.tensors.append(tensor)
            device = next(tensor.device for tensor in tensors if tensor.is_cuda)
            self.event = torch.cuda.Event(blocking=True)
            self.event.record(torch.cuda.current_stream(device))

    def arrays(self) -> list[np.ndarray]:
        """The tensors as arrays, once they are there; any thread may ask."""
        if self.event is not None:
            self.event.synchronize()
        return [tensor.numpy() for tensor in self.tensors]
