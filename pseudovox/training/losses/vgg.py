"""Layers of VGG16 (Simonyan and Zisserman 2015), trained on photographs, on spectra as pictures in grey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from pseudovox.core.errors import MissingModelError
from pseudovox.models import pretrained, store
from pseudovox.training.losses.interface import Context, Loss, Pair, View, register

SIDE = 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours
# Channels of the convolutions, 3 x 3 each; 0 = the largest of 2 x 2. The layers that count end its four blocks.
SHAPE = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)
FILE = "checkpoints/vgg16-397923af.pth"  # below torch.hub.get_dir(), as torchvision keeps it


def layers() -> nn.Sequential:
    """VGG16 up to the last layer that counts; names of weights as torchvision's below `features`."""
    made: list[nn.Module] = []
    channels = 3
    for width in SHAPE:
        if not width:
            made.append(nn.MaxPool2d(2))
            continue
        made += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        channels = width
    return nn.Sequential(*made)


def weights(given: str) -> dict[str, torch.Tensor]:
    """torchvision's, of a file (safetensors or what torch.save wrote) or of torchvision's cache.

    Raises:
        MissingModelError: it is not there. DataError: it is not a file of weights.
    """
    path = Path(given).expanduser() if given else Path(torch.hub.get_dir()) / FILE
    if not path.is_file():
        raise MissingModelError(
            f"{path}: the weights of torchvision's VGG16 are not there, and nothing is downloaded here",
            "python -c \"import torchvision; torchvision.models.vgg16(weights='IMAGENET1K_V1')\" (with internet), or "
            "--set system.options.losses.vgg.weights=FILE",
        )
    found = store.read_weights(path) if path.suffix == ".safetensors" else pretrained.tensors_of(path, "VGG16")
    return {name.removeprefix("features."): value for name, value in found.items() if name.startswith("features.")}


@register("vgg")
class VggLoss(Loss):
    """Sum of the mean squared differences behind relu1_2, relu2_2, relu3_3 and relu4_3; with `gram` also of the Gram
    matrices of their channels."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        network = layers()
        found = weights(options.weights)
        own = {name: value for name, value in found.items() if name in network.state_dict()}
        pretrained.load_into(network, own, options.weights or FILE)
        self.network = self.frozen(network)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def blocks(self, view: View) -> list[torch.Tensor]:
        """What the four layers put out, (B, channels, height, width) each."""
        picture = view.spectra.transpose(1, 2)[:, None] * 0.5 + 0.5  # about 0 to 1
        picture = functional.interpolate(picture, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        inner = (picture.expand(-1, 3, -1, -1) - self.mean) / self.deviation
        found = []
        network: Any = self.network
        for layer in network:
            if isinstance(layer, nn.MaxPool2d):
                found.append(inner)
            inner = layer(inner)
        return [*found, inner]

    def forward(self, pair: Pair) -> torch.Tensor:
        with torch.no_grad():
            wanted = self.blocks(pair.source)
        total = pair.found.spectra.new_zeros(())
        for ours, theirs in zip(self.blocks(pair.found), wanted, strict=True):
            total = total + functional.mse_loss(ours, theirs)
            if self.options.gram:
                total = total + self.options.gram * functional.mse_loss(_gram(ours), _gram(theirs))
        return total


def _gram(frames: torch.Tensor) -> torch.Tensor:
    flat = frames.flatten(2)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])
