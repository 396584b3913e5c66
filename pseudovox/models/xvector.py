"""The x-vector network: a TDNN, statistics pooling, an affine embedding, and a speaker classifier for training.

Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition", table 1; the additive angular margin
is Deng et al. 2019, "ArcFace".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

# Kernel size and dilation of the five frame layers: contexts {-2..2}, {-2,0,2}, {-3,0,3}, {0}, {0}.
CONTEXTS = ((5, 1), (3, 2), (3, 3), (1, 1), (1, 1))
RECEPTIVE_FIELD = 15  # frames


class TdnnLayer(nn.Sequential):
    """Dilated convolution without padding, ReLU, batch normalisation: (batch, n, frames) -> (batch, m, fewer)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int) -> None:
        super().__init__(nn.Conv1d(inputs, outputs, kernel, dilation=dilation), nn.ReLU(), nn.BatchNorm1d(outputs))


class SoftmaxHead(nn.Module):
    """The remaining segment layer and the softmax layer of Snyder 2018, on the embedding."""

    def __init__(self, embedding: int, speakers: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(), nn.BatchNorm1d(embedding), nn.Linear(embedding, embedding), nn.ReLU(),
            nn.BatchNorm1d(embedding), nn.Linear(embedding, speakers),
        )  # fmt: skip

    def forward(self, embedding: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (batch, speakers) of embeddings (batch, n)."""
        return self.layers(embedding)


class AngularMarginHead(nn.Module):
    """Scaled cosines to one direction per speaker; the labels' angles are widened by `margin` (radians)."""

    def __init__(self, embedding: int, speakers: int, margin: float, scale: float) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.empty(speakers, embedding))
        nn.init.xavier_normal_(self.directions)
        self.margin, self.scale = margin, scale

    def forward(self, embedding: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (batch, speakers) of embeddings (batch, n); with labels (batch,), the margin is applied."""
        # float32 also under autocast: bf16 has 2-3 digits, too few for the angle's sine.
        with torch.autocast(embedding.device.type, enabled=False):
            cosine = functional.normalize(embedding.float()) @ functional.normalize(self.directions).T
            if labels is None or self.margin == 0:
                return self.scale * cosine
            own = cosine.gather(1, labels[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
            sine = (1 - own.square()).sqrt()
            widened = own * math.cos(self.margin) - sine * math.sin(self.margin)
            # Past pi - margin the widened cosine would rise again; go on falling in a straight line.
            straight = own - self.margin * math.sin(self.margin)
            widened = torch.where(own > -math.cos(self.margin), widened, straight)
            return self.scale * cosine.scatter(1, labels[:, None], widened)


def make_head(loss: str, embedding: int, speakers: int, margin: float, scale: float) -> nn.Module:
    """The classifier for a loss, "softmax" or "aam"; ValueError for another."""
    if loss == "softmax":
        return SoftmaxHead(embedding, speakers)
    if loss == "aam":
        return AngularMarginHead(embedding, speakers, margin, scale)
    raise ValueError(f"loss {loss!r}: expected softmax or aam")


def masked_statistics(
    frames: torch.Tensor, mask: torch.Tensor | None, weights: torch.Tensor | None = None, least: float = 1e-5
) -> torch.Tensor:
    """Mean and standard deviation over time, in float32.

    Args:
        frames: (batch, n, frames).
        mask: (batch, 1, frames), 1 for frames that count; None = all.
        weights: (batch, n, frames), summing to 1 over the frames that count; None = equal.
        least: floor of the variance.

    Returns:
        (batch, 2 n)
    """
    frames = frames.float()
    if weights is None and mask is not None:
        weights = mask / mask.sum(2, keepdim=True)
    if weights is None:
        variance, mean = torch.var_mean(frames, 2, correction=0)
    else:
        mean = (weights * frames).sum(2)
        variance = (weights * (frames - mean[:, :, None]).square()).sum(2)
    return torch.cat([mean, variance.clamp(min=least).sqrt()], 1)


def frame_mask(lengths: torch.Tensor | None, frames: int) -> torch.Tensor | None:
    """(batch, 1, frames) float mask of the first `lengths` (batch,) frames."""
    if lengths is None:
        return None
    return (torch.arange(frames, device=lengths.device) < lengths[:, None])[:, None].float()


class XvectorNetwork(nn.Module):
    """x-vector extractor and the classifier it is trained with.

    Args:
        features: dimension of the input frames.
        channels: widths of the five frame layers; the real size is 512, 512, 512, 512, 1500.
        embedding: dimension of the x-vector, the affine output of the first segment layer.
        speakers: classes.
        loss: "softmax" or "aam"; margin (radians) and scale are aam's.
    """

    def __init__(
        self, features: int, channels: Sequence[int], embedding: int, speakers: int, loss: str = "softmax",
        margin: float = 0.2, scale: float = 30.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(channels) != len(CONTEXTS):
            raise ValueError(f"{len(channels)} channels: expected the widths of {len(CONTEXTS)} frame layers")
        widths = [features, *channels]
        self.frame_layers = nn.Sequential(
            *(TdnnLayer(widths[i], widths[i + 1], *context) for i, context in enumerate(CONTEXTS))
        )
        self.embedding = nn.Linear(2 * channels[-1], embedding)
        self.head = make_head(loss, embedding, speakers, margin, scale)

    def embed(self, frames: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """x-vectors.

        Args:
            frames: (batch, frames, features); the frames must span the receptive field of 15.
            lengths: (batch,) frames that count in each, where the batch is padded at its end.

        Returns:
            (batch, embedding)
        """
        hidden = self.frame_layers(frames.transpose(1, 2))
        if lengths is not None:
            lengths = lengths - (RECEPTIVE_FIELD - 1)
        return self.embedding(masked_statistics(hidden, frame_mask(lengths, hidden.shape[2])))

    def forward(self, frames: torch.Tensor, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """(x-vectors (batch, embedding), logits (batch, speakers)); the margin applies where labels are given."""
        embedding = self.embed(frames)
        return embedding, self.head(embedding, labels)
