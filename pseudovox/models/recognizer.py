"""The evaluation recogniser: log-mel frames -> CTC log posteriors of characters (or other units).

A stack of one-dimensional convolutions with residual connections, as small as a closed vocabulary allows: a strided
convolution lowers the frame rate, the blocks that follow see about a second of context, by dilation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

BLANK = "<blank>"
BOUNDARY = "|"  # stands before every word


def input_features(samples: torch.Tensor | np.ndarray, bins: int, floor_decibels: float) -> torch.Tensor:
    """What the network reads: log-mel energies relative to the loudest, floored; (frames, bins) at 100 Hz.

    Args:
        samples: (samples,) in [-1, 1] at 16 kHz.
        bins: of the mel filterbank.
        floor_decibels: everything lower, relative to the utterance's maximum, is raised to it.
    """
    from pseudovox.data import features

    return features.floor_level(features.fbank(samples, bins=bins), floor_decibels)


def spell(word: str, units: Mapping[str, int]) -> list[int]:
    """Unit indices of a word, the boundary first; KeyError for a character that is not a unit."""
    return [units[BOUNDARY], *(units[character] for character in word)]


class RecognizerNetwork(nn.Module):
    """Convolutional CTC network.

    Args:
        units: size of the output inventory, the blank (index 0) included.
        mel_bins: of the input.
        channels: width.
        blocks: number of residual convolutions; dilations go 1, 1, 2, 2, 4, 4 and round again.
        kernel: their length in (subsampled) frames, odd.
        subsampling: input frames (10 ms) per output frame.
        dropout: share of channels blanked out after every block, in training.
        phones: size of a second, frame-wise output that helps training; 0 = none.
    """

    def __init__(
        self,
        units: int,
        mel_bins: int = 80,
        channels: int = 256,
        blocks: int = 8,
        kernel: int = 5,
        subsampling: int = 3,
        dropout: float = 0.1,
        phones: int = 0,
    ) -> None:
        super().__init__()
        self.subsampling = subsampling
        self.front = _Block(mel_bins, channels, 2 * subsampling + 3, dropout, stride=subsampling)
        self.blocks = nn.ModuleList(
            _Block(channels, channels, kernel, dropout, dilation=2 ** (number // 2 % 3)) for number in range(blocks)
        )
        # Convolutions of one frame, not linear layers: the gradient keeps the layout of the blocks, which is faster.
        self.out = nn.Conv1d(channels, units, 1)
        self.phones = nn.Conv1d(channels, phones, 1) if phones else None

    def output_lengths(self, lengths: torch.Tensor) -> torch.Tensor:
        """Output frames for input frames."""
        return (lengths - 1) // self.subsampling + 1

    def encode(self, log_mel: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Hidden frames (batch, channels, frames'); what lies beyond an utterance's length is of no meaning."""
        mask = _mask(lengths, log_mel.shape[1])
        hidden = self.front(_normalise(log_mel, mask).transpose(1, 2))
        mask = _mask(self.output_lengths(lengths), hidden.shape[2])[:, None]
        for block in self.blocks:
            # Padding is silenced anew for each block, so that a result does not depend on the rest of its batch.
            hidden = hidden + block(hidden * mask)
        return hidden

    def forward(self, log_mel: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log posteriors.

        Args:
            log_mel: (batch, frames, mel_bins), see `input_features`; padding of any value.
            lengths: (batch,) frames of each utterance.

        Returns:
            (float32 (batch, frames', units), (batch,) frames' of each utterance)
        """
        logits = self.out(self.encode(log_mel, lengths)).float().transpose(1, 2)
        return logits.log_softmax(-1), self.output_lengths(lengths)


class _Block(nn.Module):
    """Convolution, batch normalisation, ReLU, dropout."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dropout: float, *, dilation: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.convolution = nn.Conv1d(
            inputs, outputs, kernel, stride=stride, dilation=dilation, padding=padding, bias=False
        )
        self.norm = nn.BatchNorm1d(outputs)
        self.dropout = nn.Dropout1d(dropout)  # of whole channels: drawing a mask of all frames costs more than it gives

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.dropout(torch.relu(self.norm(self.convolution(hidden))))


def _mask(lengths: torch.Tensor, frames: int) -> torch.Tensor:
    """float (batch, frames): 1 within the utterance."""
    return (torch.arange(frames, device=lengths.device) < lengths[:, None]).float()


def _normalise(log_mel: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean 0 and deviation 1 in every bin over the frames of the utterance, which takes out a fixed channel."""
    mask = mask[..., None]
    count = mask.sum(1, keepdim=True)
    mean = (log_mel * mask).sum(1, keepdim=True) / count
    centred = (log_mel - mean) * mask
    # A bin that never leaves the floor stays 0; half a neper keeps its noise from being blown up.
    deviation = (centred.square().sum(1, keepdim=True) / count + 0.25).sqrt()
    return centred / deviation
