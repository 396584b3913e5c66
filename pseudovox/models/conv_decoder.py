"""Two small convolutional networks of private kNN-VC: which phone a frame is, and how long a phone lasts.

Both have the shape of FastSpeech 2's duration predictor (Ren et al. 2021, "FastSpeech 2: fast and high-quality
end-to-end text to speech"): twice a convolution over three frames, ReLU, layer norm and dropout, then a linear layer.
Behind the end of an utterance everything is 0, so that what it shares a batch with changes nothing.
"""

from __future__ import annotations

import torch
from torch import nn

KERNEL = 3


class ConvDecoder(nn.Module):
    """The shape that they share: (batch, frames, inputs) -> (batch, frames, outputs).

    Args:
        inputs: numbers of each frame.
        outputs: likewise.
        hidden: channels of the convolutions.
        dropout: share of the hidden numbers that is left out in training.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, hidden, KERNEL, padding=KERNEL // 2) for width in (inputs, hidden)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """`mask`: bool (batch, frames), True within the utterance; None = everywhere."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            if mask is not None:
                frames = frames * mask[:, :, None]
            frames = convolution(frames.transpose(1, 2)).transpose(1, 2)
            frames = self.dropout(norm(torch.relu(frames)))
        found: torch.Tensor = self.last(frames)
        return found


class ConformerDecoder(nn.Module):
    """Conformer blocks in the place of ConvDecoder's convolutions: (batch, frames, inputs) -> (batch, frames, outputs).

    Args:
        inputs, outputs: numbers of each frame.
        hidden: channels.
        dropout: probability.
        blocks, heads, feedforward, kernel: see text_to_speech.Conformers.
    """

    def __init__(
        self, inputs: int, outputs: int, *, hidden: int, dropout: float, blocks: int, heads: int, feedforward: int,
        kernel: int,
    ) -> None:  # fmt: skip
        super().__init__()
        from pseudovox.models.text_to_speech import Conformers

        self.first = nn.Linear(inputs, hidden)
        self.blocks = Conformers(hidden, kernel, blocks, dropout, heads, feedforward)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """`mask`: bool (batch, frames), True within the utterance; None = everywhere."""
        if mask is None:
            mask = torch.ones(frames.shape[:2], dtype=torch.bool, device=frames.device)
        found: torch.Tensor = self.last(self.blocks(self.first(frames), mask))
        return found


class PhonePredictor(nn.Module):
    """The phone of every frame, and a blank beside the phones: `phones` + 1 outputs, the blank last.

    Args:
        inputs: dimension of the features.
        phones: how many, silence among them.
        hidden, dropout: see ConvDecoder.
        conformers: 0, or Conformer blocks in the place of the convolutions, of `hidden` channels.
        heads, feedforward, kernel: sizes of these.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self, *, inputs: int, phones: int, hidden: int = 256, dropout: float = 0.5, conformers: int = 0, heads: int = 4,
        feedforward: int = 1024, kernel: int = 31,
    ) -> None:  # fmt: skip
        super().__init__()
        self.phones = phones
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        if conformers:
            self.decoder: nn.Module = ConformerDecoder(
                inputs, phones + 1, hidden=hidden, dropout=dropout, blocks=conformers, heads=heads,
                feedforward=feedforward, kernel=kernel,
            )  # fmt: skip
        else:
            self.decoder = ConvDecoder(inputs, phones + 1, hidden=hidden, dropout=dropout)

    def set_statistics(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """The features' mean and standard deviation (inputs,), which they are scaled by."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(batch, frames, inputs) -> logits (batch, frames, phones + 1)."""
        found: torch.Tensor = self.decoder((features - self.mean) / self.deviation, mask)
        return found

    @torch.inference_mode()
    def most_likely(self, features: torch.Tensor) -> torch.Tensor:
        """The most likely phone of each frame of an utterance, never the blank: (frames, inputs) -> int64 (frames,)."""
        logits: torch.Tensor = self(features[None])[0, :, : self.phones]
        return logits.argmax(1)


class DurationPredictor(nn.Module):
    """How many frames each phone of a sequence lasts.

    Args:
        phones: how many there are; the number after the last one stands behind the end of a sequence.
        hidden, dropout: see ConvDecoder; phones are embedded in `hidden` dimensions.
    """

    def __init__(self, *, phones: int, hidden: int = 256, dropout: float = 0.5) -> None:
        super().__init__()
        self.padding = phones
        self.embedding = nn.Embedding(phones + 1, hidden, padding_idx=phones)
        self.decoder = ConvDecoder(hidden, 1, hidden=hidden, dropout=dropout)

    def forward(self, phones: torch.Tensor) -> torch.Tensor:
        """int64 (batch, length), padded with `padding` -> frames (batch, length)."""
        found: torch.Tensor = self.decoder(self.embedding(phones), phones != self.padding)
        return found[:, :, 0]
