"""ECAPA-TDNN: a TDNN of squeeze-excited Res2 blocks with attentive statistics pooling.

Desplanques et al. 2020, "ECAPA-TDNN: emphasized channel attention, propagation and aggregation in TDNN based speaker
verification". The VPC's evaluation model is channels 512 x 4 and 1536, attention 128, embedding 192.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from pseudovox.models.xvector import frame_mask, make_head, masked_statistics

BLOCK_DILATIONS = (2, 3, 4)


class MaskedConv(nn.Module):
    """Convolution that keeps the number of frames, ReLU, batch normalisation; padded frames count as zeros."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation, padding=padding)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(batch, inputs, frames) -> (batch, outputs, frames)."""
        return self.norm(torch.relu(self.conv(frames if mask is None else frames * mask)))


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
        context = masked_statistics(frames, mask)[:, :, None].expand(-1, -1, frames.shape[2])
        hidden = torch.tanh(self.norm(torch.relu(self.hidden(torch.cat([frames, context.to(frames.dtype)], 1)))))
        score = self.score(hidden).float()
        if mask is not None:
            score = score.masked_fill(mask == 0, float("-inf"))
        return masked_statistics(frames, mask, score.softmax(2))


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
        self.aggregate = nn.Conv1d(len(BLOCK_DILATIONS) * width, channels[4], 1)
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
        hidden = torch.relu(self.aggregate(torch.cat(outputs, 1)))
        return self.embedding(self.norm(self.pool(hidden, mask)))

    def forward(self, frames: torch.Tensor, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """(embeddings (batch, embedding), logits (batch, speakers)); the margin applies where labels are given."""
        embedding = self.embed(frames)
        return embedding, self.head(embedding, labels)
