"""HiFi-GAN's generator (Kong et al. 2020) on content, F0 and a voice, with or without a harmonic-plus-noise source.

Transposed convolutions raise the frame rate to the sample rate; after each, parallel residual blocks of several kernels
and dilations are averaged. With `harmonics`, sines at multiples of F0 and noise are merged to one excitation (as in the
neural source-filter models of Wang et al. 2019), which a strided convolution adds at the rate of every level, so that
the pitch need not be learned.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

from pseudovox.models.frames import centred, places
from pseudovox.models.vocoder import HOP, Before, Conditions, match_length, sines, to_samples

SLOPE = 0.1  # of the leaky rectifiers
SINE = 0.1  # amplitude of each sine
VOICED_NOISE, UNVOICED_NOISE = 0.003, 0.1 / 3  # standard deviation of the source's noise
LOUDEST = math.log(100.0)  # of the magnitudes of an inverse transform
PITCHES = ("absolute", "normalised")


class ResidualBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair with a bypass (HiFi-GAN's type 1)."""

    def __init__(self, channels: int, kernel: int, dilations: list[int]) -> None:
        super().__init__()
        self.wide = nn.ModuleList(_conv(channels, channels, kernel, dilation) for dilation in dilations)
        self.plain = nn.ModuleList(_conv(channels, channels, kernel) for _ in dilations)
        for layer in [*self.wide, *self.plain]:
            nn.init.normal_(layer.weight, 0.0, 0.01)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, channels, N), mask (B, 1, N), 0 at padding -> (B, channels, N)"""
        for wide, plain in zip(self.wide, self.plain, strict=True):
            inner = wide(functional.leaky_relu(_masked(x, mask), SLOPE))
            x = x + plain(functional.leaky_relu(_masked(inner, mask), SLOPE))
        return x


class Generator(nn.Module):
    """What every HiFi-GAN generator is made of: vectors at a frame rate in, the waveform out.

    With `fft`, the last levels are replaced by an inverse short-time Fourier transform (iSTFTNet, Kaneko et al. 2022):
    the last convolution gives log magnitudes and phases, and what the rates leave of a frame is the transform's hop.

    Args:
        inputs: dimension of the vectors.
        frame: samples of a frame.
        channels: after the first convolution; each level has half of those before it.
        rates: of the levels. Their product is `frame`, or with `fft` divides it.
        kernels: of the transposed convolutions.
        block_kernels: one residual block each, at every level.
        block_dilations: of each block's convolutions.
        fft: length of the inverse transform in samples, a multiple of its hop; 0 = the last convolution gives samples.
        harmonics: sines of an excitation that is added at every level (see HifiGan); 0 = none.
        weight_norm: weights as length and direction, for training; see `fold`.

    Raises:
        ValueError: sizes that do not belong together.
    """

    window: torch.Tensor

    def __init__(
        self, *, inputs: int, frame: int, channels: int, rates: list[int], kernels: list[int],
        block_kernels: list[int], block_dilations: list[int], fft: int = 0, harmonics: int = 0,
        weight_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        _check(frame, channels, rates, kernels, fft)
        self.frame, self.fft, self.hop = frame, fft, frame // math.prod(rates)
        self.first = nn.Conv1d(inputs, channels, 7, padding=3)
        self.rise, self.inject, self.blocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        left = frame
        for rate, kernel in zip(rates, kernels, strict=True):
            channels, left = channels // 2, left // rate
            odd = (kernel - rate) % 2
            rise = nn.ConvTranspose1d(
                2 * channels, channels, kernel, rate, padding=(kernel - rate + odd) // 2, output_padding=odd
            )
            nn.init.normal_(rise.weight, 0.0, 0.01)
            self.rise.append(rise)
            if harmonics:
                shape = {"kernel_size": 2 * left, "stride": left, "padding": (left + 1) // 2} if left > 1 else {
                    "kernel_size": 1
                }  # fmt: skip
                self.inject.append(nn.Conv1d(1, channels, **shape))  # type: ignore[arg-type]
            self.blocks.append(
                nn.ModuleList(ResidualBlock(channels, size, list(block_dilations)) for size in block_kernels)
            )
        self.merge = nn.Linear(harmonics, 1) if harmonics else None
        self.last = nn.Conv1d(channels, fft + 2 if fft else 1, 7, padding=3)
        nn.init.normal_(self.last.weight, 0.0, 0.01)
        if fft:
            self.register_buffer("window", torch.hann_window(fft), persistent=False)
        if weight_norm:
            for layer in self._convolutions():
                parametrizations.weight_norm(layer)

    def _convolutions(self) -> list[nn.Module]:
        return [layer for layer in self.modules() if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d))]

    @property
    def reach(self) -> int:
        """Samples before and behind a place on which the waveform there depends, and not on what lies further."""
        left = self.frame  # samples of a place in a layer
        reach = 3 * left
        rises: Any = self.rise
        levels: Any = self.blocks
        for rise, blocks in zip(rises, levels, strict=True):
            reach += left  # of a transposed convolution, and of what is injected
            left //= rise.stride[0]
            widest = max(sum(layer.padding[0] for layer in [*block.wide, *block.plain]) for block in blocks)
            reach += left * (widest + 2)
        return reach + 3 * left + self.fft

    def fold(self) -> None:
        """Turn weights kept as length and direction into plain ones, as a network without `weight_norm` has them."""
        for layer in self._convolutions():
            if parametrize.is_parametrized(layer):
                parametrize.remove_parametrizations(layer, "weight")

    def speak(
        self, vectors: torch.Tensor, source: torch.Tensor | None = None, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Vectors (B, inputs, T), and an excitation (B, 1, frame * T) -> float32 (B, frame * T) in [-1, 1].

        `lengths`: vectors of each (B,), where the rest is padding that is not to show in what comes before.
        """
        mask = None if lengths is None else places(lengths, vectors.shape[2])
        x = self.first(_masked(vectors, mask))
        for level, (rise, blocks) in enumerate(zip(self.rise, self.blocks, strict=True)):
            x = rise(functional.leaky_relu(_masked(x, mask), SLOPE))
            if lengths is not None:
                lengths = lengths * rise.stride[0]  # type: ignore[operator,index]
                mask = places(lengths, x.shape[2])
            if source is not None:
                x = x + match_length(self.inject[level](source), x.shape[2])
            x = torch.stack([block(x, mask) for block in blocks]).mean(0)  # type: ignore[attr-defined]
        x = self.last(functional.leaky_relu(_masked(x, mask))).float()
        return self._inverse(x, mask) if self.fft else torch.tanh(x)[:, 0]

    def _inverse(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Log magnitudes and phases (B, fft + 2, T) -> (B, hop * T): windowed frames, overlapped and added.

        Frame t is centred on the hop t; a hop near the ends, which fewer frames reach, is weighed up.
        """
        with torch.autocast(x.device.type, enabled=False):
            log_magnitude, phase = x.chunk(2, dim=1)
            magnitude = log_magnitude.clamp(max=LOUDEST).exp()
            spectrum = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
            frames = torch.fft.irfft(spectrum, dim=1) * self.window.unsqueeze(1)
            weights = self.window.square().unsqueeze(1).expand(-1, x.shape[2]).unsqueeze(0)
            if mask is not None:  # (beyond an utterance's end there is nothing, and nothing to weigh it by)
                frames, weights = frames * mask, torch.where(mask > 0, weights, 0.0)
            margin = (self.fft - self.hop) // 2
            wave, weight = (
                _added(one, self.hop)[:, margin : margin + self.hop * x.shape[2]] for one in (frames, weights)
            )
            if mask is not None:
                weight = torch.where(weight > 0, weight, 1.0)
            return (wave / weight).clamp(-1.0, 1.0)


class HifiGan(Generator):
    """The generator on content, F0 and a voice.

    Args:
        bottleneck: dimension of the content vectors.
        stride: frames of 10 ms per content vector.
        xvector: dimension of the voices.
        channels, kernels, block_kernels, block_dilations, weight_norm: see Generator.
        rates: of the levels. Their product is the samples of an input frame: 160, or 160 `stride`, the content's own
            rate, where F0 and voicing are taken at the beginning of each frame.
        pitch: "absolute", log F0 by the mean and deviation of the training speech, or "normalised", F0 in Hz by those
            of the utterance's voiced frames and 0 where unvoiced, which leaves nothing of the speaker's pitch.
        harmonics: sines of the source; 0 = no source.

    Raises:
        ValueError: sizes that do not belong together.
    """

    xvector_mean: torch.Tensor
    f0_statistics: torch.Tensor

    def __init__(
        self, *, bottleneck: int, stride: int, xvector: int, channels: int, rates: list[int], kernels: list[int],
        block_kernels: list[int], block_dilations: list[int], pitch: str, harmonics: int, weight_norm: bool = False,
    ) -> None:  # fmt: skip
        samples = math.prod(rates)
        if samples not in (HOP, HOP * stride):
            raise ValueError(f"rates {rates} make {samples} samples of a frame, expected {HOP} or {HOP * stride}")
        if pitch not in PITCHES:
            raise ValueError(f"pitch {pitch!r}: expected {' or '.join(PITCHES)}")
        super().__init__(
            inputs=bottleneck + 2 + xvector, frame=samples, channels=channels, rates=rates, kernels=kernels,
            block_kernels=block_kernels, block_dilations=block_dilations, harmonics=harmonics,
            weight_norm=weight_norm,
        )  # fmt: skip
        self.stride, self.pitch, self.harmonics = stride, pitch, harmonics
        self.step = samples // HOP  # frames of 10 ms per input frame
        self.register_buffer("xvector_mean", torch.zeros(xvector))
        self.register_buffer("f0_statistics", torch.tensor([5.0, 0.4]))

    @property
    def context(self) -> int:
        """Frames of 10 ms before and behind a place on which the waveform there depends."""
        return -(-self.reach // HOP) + self.step

    def forward(
        self, conditions: Conditions, noise: torch.Tensor, before: Before | None = None,
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """The waveform.

        Args:
            conditions: T frames.
            noise: (B, HOP * T), white, of variance 1; used by the source alone.
            before: where the frames do not begin with the utterance.
            lengths: frames of each (B,); behind them F0 and voicing hold their last values, and nothing else counts.
                Only where an input frame is one of 10 ms (`step` is 1).

        Returns:
            float32 (B, HOP * T) in [-1, 1].
        """
        source = self._source(conditions, noise, before).unsqueeze(1) if self.harmonics else None
        if lengths is not None and source is not None:
            source = source * places(HOP * lengths, source.shape[2])
        wave = self.speak(self._inputs(conditions), source, lengths)
        return match_length(wave.unsqueeze(1), noise.shape[1])[:, 0]

    def _inputs(self, conditions: Conditions) -> torch.Tensor:
        """Content, pitch, voicing and voice of every input frame (B, n, T / step)."""
        content, log_f0, voiced, voice, utterance_f0 = conditions
        count = -(-log_f0.shape[1] // self.step)
        content = content.transpose(1, 2)
        if self.step < self.stride:
            content = content.repeat_interleave(self.stride, dim=2)
        if self.pitch == "normalised":
            mean, deviation = utterance_f0.unsqueeze(2).unbind(1)
            pitch = (log_f0.exp() - mean) / deviation * voiced
        else:
            pitch = (log_f0 - self.f0_statistics[0]) / self.f0_statistics[1]
        melody = torch.stack([pitch, voiced], dim=1)[:, :, :: self.step]
        speaker = centred(voice, self.xvector_mean).unsqueeze(2).expand(-1, -1, count)
        return torch.cat([match_length(content, count), melody, speaker], dim=1)

    def _source(self, conditions: Conditions, noise: torch.Tensor, before: Before | None) -> torch.Tensor:
        """Sines where there is voice, noise everywhere, merged to one signal (B, HOP * T).

        The fundamental begins at phase 0, its multiples at phases that come from the noise.
        """
        assert self.merge is not None
        voiced = to_samples(conditions.voiced.float()).unsqueeze(2)
        opening = before.opening if before else noise
        start = torch.special.ndtr(opening[:, : self.harmonics].float())  # normal numbers -> uniform in [0, 1]
        start = functional.pad(start[:, 1:], (1, 0))
        with torch.no_grad():
            pitch = to_samples(conditions.log_f0.float()).exp()
            tone = SINE * voiced * sines(pitch, start, before.phase if before else None)
            level = voiced * VOICED_NOISE + (1 - voiced) * UNVOICED_NOISE
            tone = tone + level * noise.float().unsqueeze(2)
        return torch.tanh(self.merge(tone).squeeze(2))


def _masked(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return x if mask is None else x * mask


def _conv(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)


def _added(frames: torch.Tensor, hop: int) -> torch.Tensor:
    """Frames (B, n, T), n a multiple of `hop`, each `hop` behind the one before, summed: (B, hop * (T - 1) + n)."""
    batch, length, count = frames.shape
    pieces = frames.unflatten(1, (-1, hop))
    total = frames.new_zeros(batch, count + length // hop - 1, hop)
    for number, piece in enumerate(pieces.unbind(1)):
        total = total + functional.pad(piece.transpose(1, 2), (0, 0, number, length // hop - 1 - number))
    return total.flatten(1)


def _check(frame: int, channels: int, rates: list[int], kernels: list[int], fft: int) -> None:
    samples = math.prod(rates)
    if len(kernels) != len(rates) or any(kernel < rate for kernel, rate in zip(kernels, rates, strict=True)):
        raise ValueError(f"kernels {kernels}: expected one for each of the rates {rates}, none smaller than its rate")
    if channels % 2 ** len(rates):
        raise ValueError(f"channels {channels}: expected a multiple of {2 ** len(rates)}, to be halved at every level")
    if not fft and samples != frame:
        raise ValueError(f"rates {rates} make {samples} samples of a frame, expected {frame}")
    hop, rest = divmod(frame, samples)
    if fft and (rest or fft % hop or fft < 2 * hop or (fft - hop) % 2):
        raise ValueError(
            f"fft {fft} after the rates {rates}: expected a multiple of its hop, {frame} samples by {samples}, at "
            "least twice as long, and from it an even number of samples"
        )
