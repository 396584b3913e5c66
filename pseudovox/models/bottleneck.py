"""Content extractor: a convolutional factorised TDNN (Povey et al. 2018) with a linear or quantised bottleneck.

Log-mel frames go through factorised layers to a narrow linear layer, the bottleneck, optionally through a vector
quantiser, and then through a shallow tail to two heads: phones of frames, and phones with a blank for CTC. The
bottleneck is what a synthesizer gets to know of the words. Instead of log-mel frames the layers may take the outputs of
a wav2vec 2.0 model, which comes before them and takes the samples (as in the VPC 2024's B5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.buffers import known, set_known
from pseudovox.models.frames import places
from pseudovox.models.quantizers import SEVERAL, Quantized, build
from pseudovox.models.speaker_factors import SpeakerFactors

FRAME_SAMPLES = 160  # of 10 ms


class FactorizedLayer(nn.Module):
    """TDNN-F layer: convolution to a narrow linear factor (kept semi-orthogonal), affine, ReLU, batch normalisation.

    Args:
        inputs, outputs: channels.
        factor: channels of the narrow factor; 0 = one plain convolution.
        context: width of the convolution in frames (odd).
        dilation: distance of those frames.
        bypass: the input times this is added to the output, where the shapes agree.
        dropout: probability.
    """

    def __init__(
        self, inputs: int, outputs: int, factor: int, context: int = 3, dilation: int = 1,
        bypass: float = 0.66, dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.bypass = bypass if inputs == outputs else 0.0
        padding = dilation * (context // 2)
        width = factor or outputs
        self.linear = nn.Conv1d(inputs, width, context, dilation=dilation, padding=padding, bias=not factor)
        self.affine = nn.Conv1d(factor, outputs, 1) if factor else None
        self.norm = nn.BatchNorm1d(outputs, affine=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(batch, inputs, frames) -> (batch, outputs, frames)"""
        out = self.linear(frames)
        if self.affine is not None:
            out = self.affine(out)
        out = self.dropout(self.norm(functional.relu(out)))
        return out + self.bypass * frames if self.bypass else out

    @torch.no_grad()
    def constrain(self) -> None:
        """One step towards rows of the factor that are orthogonal and equally long, at their present scale.

        Povey et al. 2018, section 2.2-2.3 ("floating scale"): with P = M M^T and s^2 = tr(P P^T) / tr(P),
        M <- M - (4 v / s^2) (P - s^2 I) M, v = 1/8, lessened while M is far from the constraint.
        """
        if self.affine is None:
            return
        matrix = self.linear.weight.flatten(1)
        if matrix.shape[0] > matrix.shape[1]:
            return
        product = matrix @ matrix.t()
        trace = product.diagonal().sum()
        scale = product.square().sum() / trace
        ratio = scale * len(product) / trace  # 1 when the constraint holds
        speed = torch.where(ratio > 1.1, 0.25, torch.where(ratio > 1.02, 0.5, 1.0)) * 0.125
        error = product - scale * torch.eye(len(product), device=matrix.device)
        matrix -= 4 * speed / scale * error @ matrix


class WaveFront(nn.Module):
    """A wav2vec 2.0 model as front end: samples -> the outputs of its last layer, 20 ms each.

    Args:
        parameters: family, parameters, normalise (see wav2vec2.Wav2vec2Network).
        trained: its weights are trained, too; else it stays as it is.
    """

    def __init__(self, parameters: dict[str, Any], *, trained: bool) -> None:
        super().__init__()
        from pseudovox.models.wav2vec2 import Wav2vec2Network

        self.network = Wav2vec2Network(**parameters)
        self.trained = trained
        self.requires_grad_(trained)

    @property
    def width(self) -> int:
        """Numbers per output frame."""
        return int(self.network.model.encoder.feature_projection.projection.out_features)

    def train(self, mode: bool = True) -> WaveFront:
        # A front end that is not trained keeps out dropout as well.
        return super().train(mode and self.trained)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Samples (B, T, 160), T even -> (B, width, T / 2); beyond the end, the last frame sees zeros."""
        wave = frames.flatten(1)
        if self.network.normalise:
            wave = functional.layer_norm(wave, wave.shape[1:])
        wave = functional.pad(wave, (0, self.network.field - self.network.hop))
        with torch.set_grad_enabled(self.trained and torch.is_grad_enabled()):
            outputs, _ = self.network.model.extract_features(wave)
        return outputs[-1].transpose(1, 2)


class Content(NamedTuple):
    """What the network gives in training, for T output frames of B utterances.

    Attributes:
        frame_logits: (B, T, phones).
        ctc_logits: (B, T, phones + 1), the blank last.
        quantized: what the quantiser gave; None while it is off.
        taught: (B, T, teacher) a guess at a teacher's outputs, scaled to mean 0 and variance 1; None without one.
        spectrum: (B, T, stride * spectrum) a guess at the cepstra of the input frames before they were altered; None
            where no voice was given.
        narrow: (B, T, dimension) the bottleneck before quantisation.
    """

    frame_logits: torch.Tensor
    ctc_logits: torch.Tensor
    quantized: Quantized | None
    taught: torch.Tensor | None = None
    spectrum: torch.Tensor | None = None
    narrow: torch.Tensor | None = None


def speech_statistics(log_mel: torch.Tensor) -> torch.Tensor:
    """Mean and deviation of each band over the speech of utterances: the frames that are louder than their mean.

    Args:
        log_mel: (B, T, bins).

    Returns:
        (B, 2 * bins); of frames that are all alike, those of all.
    """
    level = log_mel.mean(2, keepdim=True)
    weight = (level >= level.mean(1, keepdim=True) - 1e-4).to(log_mel.dtype)
    weight = (weight / weight.sum(1, keepdim=True)).transpose(1, 2)
    mean = weight @ log_mel
    variance = weight @ log_mel.square() - mean.square()
    return torch.cat([mean, variance.clamp(min=1e-4).sqrt()], 2).squeeze(1)


class SpectrumHead(nn.Module):
    """Guesses the spectrum of speech from its bottleneck and its voice, so that the bottleneck need not tell the voice.

    Args:
        dimension: of the bottleneck.
        voice: numbers that describe the voice.
        channels: width.
        outputs: numbers per frame.
    """

    def __init__(self, dimension: int, voice: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.entry = nn.Conv1d(dimension, channels, 1)
        self.voice = nn.Linear(voice, channels)
        self.layer = nn.Conv1d(channels, channels, 3, padding=1)
        self.exit = nn.Conv1d(channels, outputs, 1)

    def forward(self, narrow: torch.Tensor, voice: torch.Tensor) -> torch.Tensor:
        """(B, T, dimension), (B, voice) -> (B, T, outputs)"""
        frames = functional.relu(self.entry(narrow.transpose(1, 2)) + self.voice(voice).unsqueeze(2))
        return self.exit(functional.relu(self.layer(frames))).transpose(1, 2).float()


class BottleneckNetwork(nn.Module):
    """The content extractor.

    Args:
        bins: log-mel bands of the input; with a front end, the 160 samples of a frame.
        phones: number of phone labels.
        channels, factor: width of the layers and of their factor (0: plain convolutions).
        dilations: one layer each, after a first layer of 5 frames' context.
        stride: input frames (10 ms) per output frame, 1 or 2; the second layer takes the step.
        dimension: of the bottleneck.
        codes: size of the quantiser's codebook; 0 = no quantiser. It acts once `quantizing` is set to 1.
        tail: factorised layers after the bottleneck.
        dropout: probability.
        quantizer: its kind (pseudovox/models/quantizers).
        decay, restart_below: of kinds that follow moving averages, see quantizers.vq.
        teacher: numbers per frame of a teacher's outputs that are guessed as well; 0 = none.
        spectrum: cepstral coefficients of each input frame that are guessed as well, given their mean and deviation
            over the utterance; 0 = none.
        adapted: normalise each band over the utterance's speech, and tell every frame these statistics.
        speaker_factors: numbers that describe what is left of a speaker in the bottleneck (see SpeakerFactors), to be
            removed from the content of a whole utterance; 0 = none.
        front: parameters of a WaveFront in the place of log-mel frames; it takes the stride, which is then 2.
        front_trained: the WaveFront's weights are trained.
    """

    mean: torch.Tensor
    scale: torch.Tensor
    quantizing: torch.Tensor

    def __init__(
        self, *, bins: int, phones: int, channels: int, factor: int, dilations: list[int], stride: int,
        dimension: int, codes: int, tail: int = 1, dropout: float = 0.1, decay: float = 0.99,
        restart_below: float = 0.03, teacher: int = 0, spectrum: int = 0, adapted: bool = False,
        speaker_factors: int = 0, front: dict[str, Any] | None = None, front_trained: bool = False,
        quantizer: str = "vq",
    ) -> None:  # fmt: skip
        super().__init__()
        if front and adapted:
            raise ValueError("adapted: a front end's samples have no bands to be normalised")
        self.front = WaveFront(front, trained=front_trained) if front else None
        if self.front and (stride * FRAME_SAMPLES != self.front.network.hop or bins != FRAME_SAMPLES):
            hop = self.front.network.hop
            needs = f"needs {hop // FRAME_SAMPLES}, and bins of {FRAME_SAMPLES} samples"
            raise ValueError(f"stride {stride}: a front end with a frame every {hop} samples {needs}")
        self.stride, self.dimension, self.phones = stride, dimension, phones
        self.register_buffer("mean", torch.zeros(bins))
        self.register_buffer("scale", torch.ones(bins))
        self.register_buffer("quantizing", torch.zeros((), dtype=torch.uint8))
        self.adaptation = nn.Linear(2 * bins, channels) if adapted else None
        inputs = self.front.width if self.front else bins
        self.entry = FactorizedLayer(inputs, channels, 0, context=5, bypass=0.0, dropout=dropout)
        steps = stride > 1 and not self.front
        self.step = nn.Conv1d(channels, channels, stride, stride=stride) if steps else nn.Identity()
        self.layers = nn.ModuleList(
            FactorizedLayer(channels, channels, factor, dilation=dilation, dropout=dropout) for dilation in dilations
        )
        self.bottleneck = nn.Conv1d(channels, dimension, 1, bias=False)
        averaged = {"decay": decay, "restart_below": restart_below} if quantizer in ("vq", *SEVERAL) else {}
        self.quantizer = build(quantizer, codes, dimension, **averaged) if codes else None
        self.widen = nn.Conv1d(dimension, channels, 1)
        self.tail = nn.ModuleList(FactorizedLayer(channels, channels, factor, dropout=dropout) for _ in range(tail))
        self.frame_head = nn.Conv1d(channels, phones, 1)
        self.ctc_head = nn.Conv1d(channels, phones + 1, 1)
        self.teacher_head = nn.Conv1d(channels, teacher, 1) if teacher else None
        self.spectrum_head = SpectrumHead(dimension, 2 * spectrum, channels, stride * spectrum) if spectrum else None
        self.speaker_factors = SpeakerFactors(phones, dimension, speaker_factors) if speaker_factors else None

    def set_statistics(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """Normalise inputs by a mean and standard deviation per band (bins,)."""
        self.mean.copy_(mean)
        self.scale.copy_(1.0 / deviation.clamp(min=1e-3))

    @property
    def context(self) -> int:
        """Input frames before and behind a place on which the bottleneck there depends; -1: on all of them."""
        if self.front is not None:
            return -1
        layers: Any = self.layers
        wide = sum(layer.linear.padding[0] for layer in layers)
        return int(self.entry.linear.padding[0]) + self.stride * (wide + 1)  # type: ignore[arg-type]

    def hidden(
        self, log_mel: torch.Tensor, statistics: torch.Tensor | None, layers: Sequence[int]
    ) -> list[torch.Tensor]:
        """What chosen layers put out: 1, 2, ... are those with `dilations`, the one above them is the last hidden one.

        Args:
            log_mel, statistics: as of `project`.
            layers: from 1 to the number of `dilations`, and one more.

        Returns:
            (B, ceil(T / stride), channels) of each, in the order of `layers`.
        """
        found = self._outputs(log_mel, statistics)
        top = len(self.layers) + 1
        if top in layers:
            narrow = self._narrow(found[-1])
            quantized = self._quantize(narrow)
            found[top - 1 :] = [self._widened(narrow if quantized is None else quantized.vectors)]
        return [found[number - 1].transpose(1, 2).float() for number in layers]

    def project(
        self, log_mel: torch.Tensor, statistics: torch.Tensor | None = None, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Log-mel frames, or samples, (B, T, bins) -> bottleneck before quantisation (B, ceil(T / stride), dimension).

        Each vector has mean 0 and variance 1, which keeps the codebook's scale in place during training.

        Args:
            log_mel: the frames.
            statistics: an adapted network's `speech_statistics` (B, 2 * bins); None: those of these frames.
            lengths: output frames of each (B,), where the rest is padding that is not to show; T is then a multiple of
                `stride`, as what counts of each is. Not with a front end.
        """
        return self._narrow(self._outputs(log_mel, statistics, lengths)[-1])

    def _narrow(self, frames: torch.Tensor) -> torch.Tensor:
        """The bottleneck before quantisation, (B, T', dimension), from the last layer before it (B, channels, T')."""
        narrow = self.bottleneck(frames).transpose(1, 2).float()
        return functional.layer_norm(narrow, narrow.shape[-1:])

    def _outputs(
        self, log_mel: torch.Tensor, statistics: torch.Tensor | None, lengths: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """What the layers with `dilations` put out, (B, channels, T') each; arguments as of `project`."""
        short = -log_mel.shape[1] % self.stride
        told: torch.Tensor | None = None
        if self.front is not None:
            frames = self.front(functional.pad(log_mel, (0, 0, 0, short)))
        else:
            frames = (log_mel - self.mean) * self.scale
            if self.adaptation is not None:
                if statistics is None:
                    statistics = speech_statistics(log_mel)
                mean, deviation = statistics.unsqueeze(1).chunk(2, 2)
                told = self.adaptation(torch.cat([(mean - self.mean) * self.scale, deviation * self.scale], 2))
                told = told.transpose(1, 2)
                frames = (log_mel - mean) / deviation.clamp(min=0.1)
            frames = frames.transpose(1, 2)
            if short:
                frames = functional.pad(frames, (0, short), mode="replicate")
        if lengths is not None:  # beyond an utterance's end a convolution is to find zeros, as it does alone
            frames = frames * places(self.stride * lengths, frames.shape[2])
        frames = self.entry(frames)
        if told is not None:
            frames = frames + told
        frames = self.step(frames)
        found = []
        for layer in self.layers:
            frames = layer(frames if lengths is None else frames * places(lengths, frames.shape[2]))
            found.append(frames)
        return found or [frames]

    def extract(
        self, log_mel: torch.Tensor, statistics: torch.Tensor | None = None, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The bottleneck as other networks get it, quantised if the quantiser is on: (B, T', dimension).

        Arguments as of `project`.
        """
        narrow = self.project(log_mel, statistics, lengths)
        quantized = self._quantize(narrow)
        return narrow if quantized is None else quantized.vectors

    def forward(
        self, log_mel: torch.Tensor, mask: torch.Tensor | None = None, voice: torch.Tensor | None = None
    ) -> Content:
        """(B, T, bins), mask bool (B, T') False at padding, voice (B, 2 * spectrum) -> Content"""
        projected = narrow = self.project(log_mel)
        quantized = self._quantize(narrow, mask)
        if quantized is not None:
            narrow = quantized.vectors
        spectrum = None
        if self.spectrum_head is not None and voice is not None:
            spectrum = self.spectrum_head(narrow, voice)
        frames = self._widened(narrow)
        return Content(
            self.frame_head(frames).transpose(1, 2).float(), self.ctc_head(frames).transpose(1, 2).float(), quantized,
            None if self.teacher_head is None else self.teacher_head(frames).transpose(1, 2).float(), spectrum,
            projected,
        )  # fmt: skip

    def extract_with_posteriors(
        self, log_mel: torch.Tensor, statistics: torch.Tensor | None = None, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The bottleneck as of `extract`, and behind it the phones' posteriors: (B, T', dimension + phones)."""
        narrow = self.extract(log_mel, statistics, lengths)
        posteriors = self.frame_head(self._widened(narrow, lengths)).float().softmax(1)
        return torch.cat([narrow, posteriors.transpose(1, 2)], 2)

    def _widened(self, narrow: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """The last hidden layer, (B, channels, T'), from the bottleneck (B, T', dimension)."""
        frames = self.widen(narrow.transpose(1, 2))
        for layer in self.tail:
            frames = layer(frames if lengths is None else frames * places(lengths, frames.shape[2]))
        return frames

    def _quantize(self, narrow: torch.Tensor, mask: torch.Tensor | None = None) -> Quantized | None:
        return self.quantizer(narrow, mask) if self.quantizer is not None and known(self, "quantizing") else None

    def start_quantizing(self) -> None:
        """Have the quantiser act from now on."""
        if not known(self, "quantizing"):
            set_known(self, "quantizing", 1)

    def constrain(self) -> None:
        """Take the semi-orthogonal step in every factorised layer."""
        for layer in [*self.layers, *self.tail]:
            layer.constrain()  # type: ignore[operator]
