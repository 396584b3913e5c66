"""A start for a small FACodec of frames: the best linear codec, from which a training goes on.

Two frames of log-mel become coordinates by linear regression: eight that tell F0, voicing, aperiodicity and level of
both frames, for prosody, and those that tell the envelopes best (reduced-rank regression), for content, in the order of
its levels; detail quantises what is left of them. The decoder regresses the frames on these coordinates. What is
learned later, residual units, curved activations and the timbre's influence, begins at nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pseudovox.core.errors import UsageError
from pseudovox.models.facodec.codec import FaCodec

PAIR = 2  # frames of a code
LARGE = 12.0  # of the constant dimensions, beside which a layer norm leaves the others as they are
RIDGE = 1e-3


def fits(network: FaCodec) -> bool:
    """Can the network be such a codec? It is of frames, two to a code, with room for its numbers."""
    inner: Any = network.quantizers[0].parts[0]  # type: ignore[index]
    size = inner.quantizer.dimension
    coordinates = size * sum(network.levels[:2])
    bands, outputs = len(network.input_mean), len(network.output_mean)
    return (
        not network.is_wave and network.encoder.ratios == [PAIR] and network.levels[0] == 1
        and network.encoder.first.out_channels >= bands and network.decoder.last.in_channels >= outputs
        and network.encoder.last.in_channels >= PAIR * bands and network.dimension > 2 * coordinates
        and network.decoder.first.out_channels >= coordinates
    )  # fmt: skip


@torch.no_grad()
def start(network: FaCodec, signal: torch.Tensor, target: torch.Tensor) -> None:
    """Set the weights of a network.

    Args:
        network: with its statistics set.
        signal: log-mel frames (n, bands), n even.
        target: what they should become, (n, outputs).

    Raises:
        UsageError: a network that cannot be such a codec.
    """
    if not fits(network):
        raise UsageError(
            "system.options.codec.linear_start: of codecs of frames alone, with ratios [2] and wide enough for it",
            "--set system.options.codec.linear_start=false",
        )
    inner: Any = network.quantizers[0].parts[0]  # type: ignore[index]
    size, levels, dimension = inner.quantizer.dimension, network.levels, network.dimension
    bands, outputs = signal.shape[1], target.shape[1]
    heard = ((signal - network.input_mean) / network.input_deviation).double().reshape(-1, PAIR * bands)
    spoken = ((target - network.output_mean) / network.output_deviation).double().reshape(-1, PAIR, outputs)
    spoken[..., -1] = 6 * (target[..., -1].reshape(-1, PAIR) - 0.5)  # the logit of voicing
    melody = torch.cat([spoken[..., :1], spoken[..., -3:]], 2).flatten(1)
    first = _basis(heard, melody, size)
    rest = heard - _told(heard @ first.T, heard)
    second = _basis(rest, spoken[..., 1:-3].flatten(1), size * levels[1])
    # The second basis is of what the first leaves, so it is taken back to what is heard.
    second = second @ (torch.eye(PAIR * bands, dtype=torch.float64) - _weights(heard @ first.T, heard) @ first)
    basis = torch.cat([first, second])
    basis /= (heard @ basis.T).std(0)[:, None]
    coordinates = heard @ basis.T
    count = len(basis)
    decode = _weights(coordinates, spoken.flatten(1)).reshape(PAIR, outputs, count)

    for layer in (network.encoder.first, network.encoder.last, network.decoder.first, network.decoder.last):
        _clear(layer)
    down: Any = network.encoder.blocks[0].change
    up: Any = network.decoder.blocks[0].change
    _clear(down)
    _clear(up)
    network.encoder.first.weight[range(bands), range(bands), 3] = 1.0
    for frame in range(PAIR):
        down.weight[range(frame * bands, (frame + 1) * bands), range(bands), 1 + frame] = 1.0
    network.encoder.last.weight[:count, : PAIR * bands, 1] = basis.float()
    constant = torch.zeros(dimension)
    constant[count:] = LARGE * (1 - 2 * (torch.arange(dimension - count) % 2).float())
    shrunk = 1 / (constant.var(unbiased=False) + 1).sqrt()  # what the layer norm multiplies coordinates by
    network.decoder.first.weight[range(count), range(count), 3] = 1 / shrunk
    for frame in range(PAIR):
        up.weight[:count, :outputs, 1 + frame] = decode[frame].T.float()
    network.decoder.last.weight[range(outputs), range(outputs), 3] = 1.0
    nn.init.zeros_(network.style.weight)
    starts = [[0], [size * (1 + level) for level in range(levels[1])]]
    starts.append([(size * level) % count for level in range(levels[2])])
    for part, (own, places) in enumerate(zip(network.quantizers, starts, strict=True)):
        for level, place in zip(own.parts, places, strict=True):  # type: ignore[arg-type]
            _clear(level.inner)
            _clear(level.outer)
            level.inner.weight[range(size), range(place, place + size)] = 1.0
            level.outer.weight[range(place, place + size), range(size)] = 1.0
            if part == 0:
                level.outer.bias.copy_(constant)


def _basis(heard: torch.Tensor, told: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` directions of what is heard (n, inputs) from which what is told (n, outputs) is told best."""
    weights = _weights(heard, told)
    _, _, axes = torch.linalg.svd(heard @ weights.T, full_matrices=False)
    return axes[:count] @ weights


def _weights(heard: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """Ridge regression, (outputs, inputs)."""
    square = heard.T @ heard
    ridge = RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    return torch.linalg.solve(square + ridge, heard.T @ told).T


def _told(coordinates: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
    return coordinates @ _weights(coordinates, heard).T


def _clear(layer: Any) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
