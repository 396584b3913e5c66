"""ECAPA-TDNN: a TDNN of squeeze-excited Res2 blocks with attentive statistics pooling.

Desplanques et al. 2020, "ECAPA-TDNN: emphasized channel attention, propagation and aggregation in TDNN based speaker
verification". The VPC's evaluation model is channels 512 x 4 and 1536, attention 128, embedding 192. What the paper
leaves open is as in SpeechBrain, which the challenges use, so that weights go there and back (models/speechbrain.py):
frames are mirrored at the ends of an utterance, the aggregating layer is normalised too, and variances are floored at
1e-12.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.xvector import frame_mask, make_head, masked_statistics

BLOCK_DILATIONS = (2, 3, 4)
LEAST_VARIANCE = 1e-12


def mirrored(frames: torch.Tensor, padding: int, mask: torch.Tensor | None) -> torch.Tensor:
    """Frames with `padding` more at either end, mirrored at the utterance's own ends.

    Args:
        frames: (batch, n, frames); each utterance is longer than `padding`.
        mask: (batch, 1, frames), 1 for frames that count; None = all.

    Returns:
        (batch, n, frames + 2 padding)
    """
    if not padding:
        return frames
    if mask is None:
        return functional.pad(frames, (padding, padding), mode="reflect")
    last = mask.sum(2).long() - 1
    index = torch.arange(-padding, frames.shape[2] + padding, device=frames.device).abs().expand(len(frames), -1)
    index = torch.where(index > last, 2 * last - index, index).clamp(min=0)
    return frames.gather(2, index[:, None].expand(-1, frames.shape[1], -1))


class MaskedConv(nn.Module):
    """Convolution that keeps the number of frames, ReLU, batch normalisation; see `mirrored` for the ends."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        self.padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(batch, inputs, frames) -> (batch, outputs, frames)."""
        return self.norm(torch.relu(self.conv(mirrored(frames, self.padding, mask))))


class Res2Conv(nn.Module):
    """Channels in `groups` groups, each convolved after the sum with the group before it (Gao et al. 2019)."""

    def __init__(self, channels: int, groups: int, dilation: int) -> None:
        super().__init__()
        width = channels // groups
        self.groups = groups
        self.convs = nn.ModuleList(MaskedConv(width, width, 3, dilation) for _ in range(groups - 1))

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(batch, channels, frames) -> the same shape."""
        parts = list(frames.chunk(self.groups, 1))
        for number, conv in enumerate(self.convs, 1):
            before = parts[number - 1] if number > 1 else torch.zeros_like(parts[0])
            parts[number] = conv(parts[number] + before, mask)
        return torch.cat(parts, 1)


class SqueezeExcitation(nn.Module):
    """Scale the channels by a gate computed from their means over time."""

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, bottleneck), nn.ReLU(), nn.Linear(bottleneck, channels), nn.Sigmoid()
        )

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(batch, channels, frames) -> the same shape."""
        mean = frames.mean(2) if mask is None else (frames * mask).sum(2) / mask.sum(2)
        return frames * self.gate(mean)[:, :, None]


class Block(nn.Module):
    """1x1 convolution, Res2 convolution, 1x1 convolution, squeeze-excitation, and the residual sum."""

    def __init__(self, channels: int, groups: int, bottleneck: int, dilation: int) -> None:
        super().__init__()
        self.before = MaskedConv(channels, channels, 1)
        self.res2 = Res2Conv(channels, groups, dilation)
        self.after = MaskedConv(channels, channels, 1)
        self.excitation = SqueezeExcitation(channels, bottleneck)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(batch, channels, frames) -> the same shape."""
        hidden = self.after(self.res2(self.before(frames, mask), mask), mask)
        return frames + self.excitation(hidden, mask)


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, weighted per channel by attention that sees the utterance's own statistics."""

    def __init__(self, channels: int, attention: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(3 * channels, attention, 1)
        self.norm = nn.BatchNorm1d(attention)
        self.score = nn.Conv1d(attention, channels, 1)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(batch, channels, frames) -> (batch, 2 channels)."""
        context = masked_statistics(frames, mask, least=LEAST_VARIANCE)[:, :, None].expand(-1, -1, frames.shape[2])
        hidden = torch.tanh(self.norm(torch.relu(self.hidden(torch.cat([frames, context.to(frames.dtype)], 1)))))
        score = self.score(hidden).float()
        if mask is not None:
            score = score.masked_fill(mask == 0, float("-inf"))
        return masked_statistics(frames, mask, score.softmax(2), LEAST_VARIANCE)


class EcapaNetwork(nn.Module):
    """ECAPA-TDNN and the classifier it is trained with; the same interface as XvectorNetwork.

    Args:
        features: dimension of the input frames.
        channels: width of the first convolution and of the three blocks (equal), and of the aggregating layer.
        embedding: dimension of the embedding.
        speakers, loss, margin, scale: the classifier, as for XvectorNetwork.
        attention: width of the attention's hidden layer, and of the squeeze-excitation's.
        groups: of the Res2 convolutions.
    """

    def __init__(
        self, features: int, channels: Sequence[int], embedding: int, speakers: int, loss: str = "aam",
        margin: float = 0.2, scale: float = 30.0, attention: int = 128, groups: int = 8,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(channels) != 5 or len(set(channels[:4])) != 1:
            raise ValueError(f"channels {list(channels)}: expected five widths, the first four of them equal")
        width = channels[0]
        self.first = MaskedConv(features, width, 5)
        self.blocks = nn.ModuleList(Block(width, groups, attention, dilation) for dilation in BLOCK_DILATIONS)
        self.aggregate = MaskedConv(len(BLOCK_DILATIONS) * width, channels[4], 1)
        self.pool = AttentiveStatistics(channels[4], attention)
        self.norm = nn.BatchNorm1d(2 * channels[4])
        self.embedding = nn.Linear(2 * channels[4], embedding)
        self.head = make_head(loss, embedding, speakers, margin, scale)

    def embed(self, frames: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embeddings (batch, embedding) of (batch, frames, features); `lengths` as for XvectorNetwork.embed."""
        mask = frame_mask(lengths, frames.shape[1])
        hidden = self.first(frames.transpose(1, 2), mask)
        outputs = []
        for block in self.blocks:
            hidden = block(hidden, mask)
            outputs.append(hidden)
        return self.embedding(self.norm(self.pool(self.aggregate(torch.cat(outputs, 1), mask), mask)))

    def forward(self, frames: torch.Tensor, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """(embeddings (batch, embedding), logits (batch, speakers)); the margin applies where labels are given."""
        embedding = self.embed(frames)
        return embedding, self.head(embedding, labels)
