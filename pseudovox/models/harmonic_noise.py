"""Harmonic-plus-noise vocoder for CPUs: a small network sets the filters of a pulse train and of white noise.

For every 10 ms the network gives two log magnitude responses. The pulse train, at F0 and silent where speech is
unvoiced, goes through the first one as a minimum-phase filter, the noise through the second one; both are applied to
short-time spectra and the frames overlap and add (the idea of DDSP, Engel et al. 2020). As the excitation is given, the
network need not learn waveforms, runs at 100 frames a second, and a spectral loss is enough to train it.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.frames import FrameNetwork, places
from pseudovox.models.vocoder import HOP, SAMPLE_RATE, Before, Conditions, pulses, to_samples

LOUDEST = 6.0  # nepers: no filter amplifies by more
START = -4.0  # nepers: the filters' magnitude before training, that of soft speech
BLOCK = 2048  # frames that are filtered at a time, which bounds the memory of a long utterance


class HarmonicNoise(FrameNetwork):
    """The vocoder.

    Args:
        bottleneck, stride, xvector, channels, kernel, dilations, speaker, dropout: see FrameNetwork.
        harmonic_bands, noise_bands: points, evenly spaced on the mel axis, at which the responses are given.
        fft: size of the short-time spectra; what exceeds two frames of 10 ms is room for the filters' tails.
    """

    harmonic_points: torch.Tensor
    noise_points: torch.Tensor
    window: torch.Tensor

    def __init__(
        self, *, bottleneck: int, stride: int, xvector: int, harmonic_bands: int, noise_bands: int, fft: int,
        channels: int, kernel: int, dilations: list[int], speaker: int, dropout: float,
    ) -> None:  # fmt: skip
        if fft < 4 * HOP or min(harmonic_bands, noise_bands) < 2:
            raise ValueError(f"fft {fft}, bands {harmonic_bands} and {noise_bands}: expected at least {4 * HOP}, 2, 2")
        super().__init__(
            bottleneck=bottleneck, stride=stride, xvector=xvector, outputs=harmonic_bands + noise_bands,
            channels=channels, kernel=kernel, dilations=dilations, speaker=speaker, dropout=dropout,
        )  # fmt: skip
        self.fft, self.harmonic_bands = fft, harmonic_bands
        nn.init.constant_(self.head.bias, START)  # type: ignore[arg-type]
        self.register_buffer("harmonic_points", interpolation(harmonic_bands, fft), persistent=False)
        self.register_buffer("noise_points", interpolation(noise_bands, fft), persistent=False)
        self.register_buffer("window", torch.hann_window(2 * HOP), persistent=False)

    @property
    def context(self) -> int:
        """Frames before and behind a place on which the waveform there depends."""
        return super().context + -(-self.fft // HOP) + 1

    def forward(
        self, conditions: Conditions, noise: torch.Tensor, before: Before | None = None,
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """The waveform.

        Args:
            conditions: T frames.
            noise: (B, HOP * T), white, of variance 1.
            before: where the frames do not begin with the utterance.
            lengths: frames of each (B,); behind them F0 and voicing hold their last values, and nothing else counts.

        Returns:
            float32 (B, HOP * T).
        """
        content, log_f0, voiced, voice, _ = conditions
        responses = self.frames(content, log_f0, voiced, voice, lengths)
        inside = None if lengths is None else places(HOP * lengths, noise.shape[1])[:, 0]
        with torch.autocast(responses.device.type, enabled=False):  # no Fourier transform in half precision
            with torch.no_grad():
                tone = pulses(to_samples(log_f0.float()).exp(), before.phase if before else None)
                tone = tone * to_samples(voiced.float())
            if inside is None:
                return self._filtered(tone, noise.float(), responses, lengths)
            return self._filtered(tone * inside, noise.float() * inside, responses, lengths)

    def _filtered(
        self, tone: torch.Tensor, noise: torch.Tensor, responses: torch.Tensor, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Both excitations (B, HOP * T) through the responses (B, T, bands), added."""
        # One more frame, a copy of the last, so that the end does not fade out.
        responses = torch.cat([responses, responses[:, -1:]], dim=1)
        if lengths is not None:
            frame = torch.arange(responses.shape[1], device=responses.device).expand(len(responses), -1)
            frame = torch.minimum(frame, lengths[:, None] - 1)
            responses = responses.gather(1, frame[:, :, None].expand(-1, -1, responses.shape[2]))
        count = responses.shape[1]
        padded = [functional.pad(signal, (HOP, HOP)) for signal in (tone, noise)]
        out = tone.new_zeros(len(tone), (count - 1) * HOP + self.fft)
        for start in range(0, count, BLOCK):
            own = responses[:, start : start + BLOCK].clamp(max=LOUDEST)
            filters = (
                minimum_phase(own[..., : self.harmonic_bands] @ self.harmonic_points),
                (own[..., self.harmonic_bands :] @ self.noise_points).exp(),
            )
            length = own.shape[1]
            spectrum = torch.zeros((), device=tone.device)
            for signal, response in zip(padded, filters, strict=True):
                pieces = signal[:, start * HOP : (start + length + 1) * HOP].unfold(1, 2 * HOP, HOP)
                spectrum = spectrum + torch.fft.rfft(pieces * self.window, self.fft) * response
            frames = torch.fft.irfft(spectrum, self.fft)
            end = (length - 1) * HOP + self.fft
            added = functional.fold(frames.transpose(1, 2), (1, end), (1, self.fft), stride=(1, HOP))[:, 0, 0]
            place = slice(start * HOP, start * HOP + end)
            out[:, place] = out[:, place] + added
        return out[:, HOP : HOP + tone.shape[1]]  # the first frame is centred on the first sample


def interpolation(points: int, fft: int) -> torch.Tensor:
    """Weights (points, fft / 2 + 1) that join values at points evenly spaced on the mel axis by straight lines."""
    bins = torch.arange(fft // 2 + 1) * SAMPLE_RATE / fft
    place = _mel(bins) / _mel(torch.tensor(SAMPLE_RATE / 2)) * (points - 1)
    return (1 - (place - torch.arange(points).unsqueeze(1)).abs()).clamp(min=0)


def _mel(hertz: torch.Tensor) -> torch.Tensor:
    return 2595 * torch.log10(1 + hertz / 700)


def minimum_phase(log_magnitude: torch.Tensor) -> torch.Tensor:
    """The minimum-phase response of a log magnitude (..., bins), complex: its cepstrum is folded to be causal."""
    size = 2 * (log_magnitude.shape[-1] - 1)
    cepstrum = torch.fft.irfft(log_magnitude, size)
    fold = torch.zeros(size, device=log_magnitude.device)
    fold[0] = fold[size // 2] = 1.0
    fold[1 : size // 2] = 2.0
    exponent = torch.fft.rfft(cepstrum * fold)
    return torch.polar(exponent.real.exp(), exponent.imag)
