"""Buffers that hold one whole number, whose value is not asked of the device again and again.

What a network does may depend on such a number: whether its quantiser is on, say. Asking a GPU for it waits until all
that was begun has ended, in every step of a training. The value last seen holds as long as the tensor has not changed,
which its version tells.
"""

from __future__ import annotations

import torch
from torch import nn

_NAME = "_known_numbers"


def known(module: nn.Module, name: str) -> int:
    """The value of a buffer of a module, a whole number."""
    buffer = module.get_buffer(name)
    remembered = module.__dict__.setdefault(_NAME, {})
    tensor, version, value = remembered.get(name, (None, None, 0))
    if tensor is not buffer or version != _version(buffer) or version is None:
        value = int(buffer)
        remembered[name] = (buffer, _version(buffer), value)
    return int(value)


def set_known(module: nn.Module, name: str, value: int) -> None:
    """Change the value of a buffer."""
    buffer = module.get_buffer(name)
    with torch.no_grad():
        buffer.fill_(value)
    module.__dict__.setdefault(_NAME, {})[name] = (buffer, _version(buffer), value)


def _version(buffer: torch.Tensor) -> int | None:
    """How often a tensor was changed; None where torch does not count it."""
    return None if buffer.is_inference() else buffer._version
