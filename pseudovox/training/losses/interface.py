"""What a perception-informed loss is, and how it sees and hears spectra."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch

from pseudovox.anonymize.hle_vqvae.options import Spectra
from pseudovox.anonymize.hle_vqvae.spectra import Ears
from pseudovox.config import kinds
from pseudovox.training.losses.sound import Sound

if TYPE_CHECKING:
    from pseudovox.anonymize.hle_vqvae.options import Losses, Term

# The module of each loss, under the name of its options.
LOSSES = {
    "content": "content", "formants": "formants", "f0": "crepe", "f0_consistency": "formants", "mos": "mos",
    "wavlm": "wavlm", "vgg": "vgg", "mel_diversification": "diversification", "f0_diversification": "formants",
}  # fmt: skip
Made = TypeVar("Made", bound=type["Loss"])


class View:
    """Spectra, and the same as others see and hear them, each made when first asked for and kept.

    Attributes:
        spectra: scaled, (B, T, bands).
    """

    def __init__(self, spectra: torch.Tensor, ears: Ears, hear: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.spectra, self._ears, self._hear = spectra, ears, hear
        self._kept: dict[Any, Any] = {}

    @cached_property
    def natural(self) -> torch.Tensor:
        """Natural logarithms (B, T, bands)."""
        return self._ears.natural(self.spectra)

    @cached_property
    def fbank(self) -> torch.Tensor:
        """Kaldi's log-mel frames (B, T at 100 a second, 80)."""
        return self._ears.fbank(self.spectra)

    @cached_property
    def wave(self) -> torch.Tensor:
        """Samples at 16 kHz (B, N)."""
        return self._hear(self.spectra)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for all losses that ask by this key (e.g. a tracker they share)."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


@dataclass
class Pair:
    """What a loss compares.

    Attributes:
        found: the reconstruction, with gradient.
        source: the speech itself, without.
        converted: the same speech in another voice, with gradient; of the losses that `compare` it.
    """

    found: View
    source: View
    converted: View | None = None


@dataclass
class Context:
    """What losses may need besides their options.

    Attributes:
        spectra: of the network.
        bottleneck: model dir of the content extractor.
        formants: model dir of the tracker of formants and F0.
        vocoder: model dir of a vocoder that speaks from the spectra; None = the source's samples are filtered.
        shared: networks that several losses look through, by model dir.
    """

    spectra: Spectra
    bottleneck: Path | None = None
    formants: Path | None = None
    vocoder: Path | None = None
    shared: dict[Any, Any] = field(default_factory=dict)


class Loss(torch.nn.Module):
    """Base of the losses: frozen networks and a distance.

    Args:
        options: its own section.
        context: see Context.

    Raises:
        UsageError: what it needs was not given. MissingModelError: weights that are not there.
    """

    hears: ClassVar[bool] = False  # needs samples
    compares: ClassVar[str] = "found"  # or "converted", which needs a conversion

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__()
        self.options, self.context = options, context

    def frozen(self, network: torch.nn.Module) -> torch.nn.Module:
        """A network in eval mode whose weights get no gradient."""
        return network.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Loss:
        return super().train(False)  # dropout, and batch norm's statistics, stay out of it

    def forward(self, pair: Pair) -> torch.Tensor:
        """A number with gradient to the reconstruction's (or the conversion's) spectra."""
        raise NotImplementedError


REGISTERED: dict[str, type[Loss]] = {}


def register(name: str) -> Callable[[Made], Made]:
    """Class decorator: offer a loss under the name of its options."""

    def offered(loss: Made) -> Made:
        REGISTERED[name] = loss
        return loss

    return offered


def find(name: str) -> type[Loss]:
    """The loss of a name; its module is imported only now."""
    kinds.imported(f"pseudovox.training.losses.{LOSSES[name]}")
    return REGISTERED[name]


class Terms:
    """The losses of a training with their weights. (No module: what they look through is in no checkpoint.)

    Args:
        options: section `system.options.losses`.
        context: see Context.
    """

    def __init__(self, options: Losses, context: Context) -> None:
        self.ears = Ears(context.spectra)
        self.sound = Sound(context.spectra, context.vocoder)
        self.options: dict[str, Term] = options.active()
        self.losses: dict[str, Loss] = {}
        for name, own in self.options.items():
            self.losses[name] = find(name)(own, context)
        self._device = torch.device("cpu")

    @property
    def hear(self) -> bool:
        """Does any need samples?"""
        return any(loss.hears for loss in self.losses.values())

    def compare(self, epoch: int) -> bool:
        """Does any need a conversion in this pass over the data?"""
        return any(loss.compares == "converted" for name, loss in self.losses.items() if self._begun(name, epoch))

    def _begun(self, name: str, epoch: int) -> bool:
        return epoch >= self.options[name].start

    def __call__(
        self, found: torch.Tensor, source: torch.Tensor, wave: torch.Tensor | None, epoch: int,
        converted: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:  # fmt: skip
        """The terms of a batch by name, each times its weight.

        Args:
            found, source, converted: scaled spectra (B, T, bands).
            wave: the source's samples at the spectra's rate (B, T * hop), if any loss needs samples.
            epoch: passes over the training data that are done; a loss counts from its own start on.
        """
        self._to(found.device)

        def view(spectra: torch.Tensor) -> View:
            return View(spectra, self.ears, lambda given: self.sound(given, source, wave))

        pair = Pair(view(found), view(source.detach()), None if converted is None else view(converted))
        return {
            name: self.options[name].weight * loss(pair)
            for name, loss in self.losses.items()
            if self._begun(name, epoch)
        }

    def _to(self, device: torch.device) -> None:
        if device != self._device:
            for loss in self.losses.values():
                loss.to(device)
            self.sound.to(device)
            self._device = device


def build(options: Losses, context: Context) -> Terms | None:
    """The terms that count; None if there are none."""
    return Terms(options, context) if options.active() else None
