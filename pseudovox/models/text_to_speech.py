"""Phones, their durations, F0 and energy, and a voice to acoustic frames: text to speech in the manner of FastSpeech 2.

The network of baseline B3 of the VoicePrivacy Challenges 2022 and 2024 (FastSpeech 2, Ren et al. 2021, with Conformers,
Gulati et al. 2020, and articulatory features, Lux and Vu 2022), in two sizes: blocks `conformer` as published, and
blocks `conv`, residual convolutions that a CPU trains. An encoder reads the phones; predictors tell from it and from
the voice what prosody is to be expected; the prosody that is to be spoken, the phones' own or the expected one, is
added; every phone is repeated for its frames, which the decoder makes into acoustic frames.

Which frames these are, `target` says: `world`, WORLD's coded envelope and aperiodicity, with F0 and voicing, or `mel`,
log-mel energies for a vocoder. Unlike the published network the decoder is also told where in its phone a frame lies
(the convolutions are too short to count long phones), and, for WORLD, predicts F0 frame by frame, about the mean of the
utterance.

Beside the voice the network may hear an embedding of the emotion (after Kuzmin et al. 2024), in one of three ways
(`fusion`): `add`, both are projected and added; `concat`, both are projected together; `condnorm`, the emotion scales
and shifts the normalised input of the decoder.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.frames import Block, centred

BLOCKS = ("conv", "conformer")
FUSIONS = ("add", "concat", "condnorm")
TARGETS = ("world", "mel")
PLACES = 3  # numbers that say where in its phone a frame lies
LONGEST_PHONE = 500  # frames that a predicted phone lasts at most


class Expected(NamedTuple):
    """What prosody the network expects, (B, L) each."""

    log_duration: torch.Tensor  # natural logarithm of frames
    pitch: torch.Tensor  # F0, as a share of the utterance's mean
    energy: torch.Tensor


class ConvStack(nn.Module):
    """Residual convolutions over a sequence: (B, L, channels), mask (B, L) -> (B, L, channels)."""

    def __init__(self, channels: int, kernel: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding=kernel // 2) for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequence: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            inner = (norm(sequence) * mask[:, :, None]).transpose(1, 2)
            sequence = sequence + self.dropout(functional.relu(convolution(inner))).transpose(1, 2)
        return sequence * mask[:, :, None]


class Conformers(nn.Module):
    """Conformer blocks (macaron, without relative positions, but with sinusoidal ones): as ConvStack.

    No attention falls on padding, but torchaudio's convolutions see that of a batch, in training; in use utterances
    come one by one.
    """

    def __init__(self, channels: int, kernel: int, layers: int, dropout: float, heads: int, hidden: int) -> None:
        super().__init__()
        from torchaudio.models import Conformer

        self.blocks = Conformer(
            input_dim=channels, num_heads=heads, ffn_dim=hidden, num_layers=layers,
            depthwise_conv_kernel_size=kernel, dropout=dropout,
        )  # fmt: skip

    def forward(self, sequence: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        lengths, whole = mask.sum(1), sequence.shape[1]
        longest = int(lengths.max())  # torchaudio expects no more
        sequence, mask = sequence[:, :longest], mask[:, :longest]
        positions = sinusoids(longest, sequence.shape[2]).to(sequence)
        found: torch.Tensor = self.blocks((sequence + positions) * mask[:, :, None], lengths)[0]
        return functional.pad(found * mask[:, :, None], (0, 0, 0, whole - longest))


def sinusoids(length: int, channels: int) -> torch.Tensor:
    """The positions of Vaswani et al. 2017, section 3.5: (length, channels)."""
    place = torch.arange(length)[:, None]
    rate = torch.exp(torch.arange(0, channels, 2) * (-9.210340371976184 / channels))
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], 2).flatten(1)[:, :channels]


class Predictor(nn.Module):
    """A number for each phone (Ren et al. 2021): (B, L, channels) -> (B, L)."""

    def __init__(self, channels: int, hidden: int, kernel: int, layers: int, dropout: float) -> None:
        super().__init__()
        widths = [channels, *[hidden] * layers]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(one, other, kernel, padding=kernel // 2) for one, other in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, 1)

    def forward(self, sequence: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            sequence = convolution((sequence * mask[:, :, None]).transpose(1, 2)).transpose(1, 2)
            sequence = self.dropout(norm(functional.relu(sequence)))
        found: torch.Tensor = self.last(sequence)
        return found[:, :, 0]


class PostNet(nn.Module):
    """Convolutions over the finished frames, whose output is added to them (Shen et al. 2018)."""

    def __init__(self, outputs: int, hidden: int, kernel: int, layers: int, dropout: float) -> None:
        super().__init__()
        widths = [outputs, *[hidden] * (layers - 1), outputs]
        parts: list[nn.Module] = []
        for number in range(layers):
            parts += [
                nn.Conv1d(widths[number], widths[number + 1], kernel, padding=kernel // 2),
                nn.BatchNorm1d(widths[number + 1]),
                *([nn.Tanh()] if number < layers - 1 else []),
                nn.Dropout(dropout),
            ]
        self.layers = nn.Sequential(*parts)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, outputs) -> the same."""
        found: torch.Tensor = self.layers(frames.transpose(1, 2))
        return frames + found.transpose(1, 2)


class TextToSpeech(nn.Module):
    """Phones with prosody, and a voice, to acoustic frames.

    Args:
        phones: numbers that describe a phone.
        voice: dimension of the voices (x-vectors).
        emotion: dimension of the embedding of the emotion; 0 = there is none.
        fusion: how the emotion comes in: one of FUSIONS.
        target: one of TARGETS.
        envelope: numbers of a frame that are its spectrum.
        aperiodicity: numbers behind them, for WORLD.
        encoder, decoder: {"blocks", "layers" (or "dilations" of a decoder of blocks `conv`), "channels", "kernel"} and,
            of blocks `conformer`, "heads", "hidden". The decoder has the encoder's channels if they are conformers.
        duration, pitch, energy: {"hidden", "kernel", "layers"} of the predictors.
        postnet: {"hidden", "kernel", "layers"}; no layers = none.
        speaker: dimensions that the voice is reduced to.
        dropout: probability.
    """

    voice_mean: torch.Tensor
    frame_mean: torch.Tensor
    frame_deviation: torch.Tensor
    f0_statistics: torch.Tensor
    spread: torch.Tensor

    def __init__(
        self, *, phones: int, voice: int, emotion: int, fusion: str, target: str, envelope: int, aperiodicity: int,
        encoder: dict[str, Any], decoder: dict[str, Any], duration: dict[str, int], pitch: dict[str, int],
        energy: dict[str, int], postnet: dict[str, int], speaker: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        for name, value, known in (("fusion", fusion, FUSIONS), ("target", target, TARGETS)):
            if value not in known:
                raise ValueError(f"{name} {value!r}: expected one of {', '.join(known)}")
        self.target, self.envelope, self.aperiodicity = target, envelope, aperiodicity
        self.emotion, self.fusion = emotion, fusion
        frames = envelope + aperiodicity
        self.register_buffer("voice_mean", torch.zeros(voice))
        self.register_buffer("frame_mean", torch.zeros(frames))
        self.register_buffer("frame_deviation", torch.ones(frames))
        self.register_buffer("f0_statistics", torch.tensor([5.0, 0.2]))  # of voices' means; within an utterance
        self.register_buffer("spread", torch.ones(envelope))
        if emotion:
            self.register_buffer("emotion_mean", torch.zeros(emotion))
            self.register_buffer("emotion_deviation", torch.ones(emotion))
        channels, wide = encoder["channels"], decoder["channels"]
        joined = voice + (emotion if fusion == "concat" else 0)
        self.reduce = nn.Linear(joined, speaker)
        if emotion and fusion == "add":
            self.reduce_emotion = nn.Linear(emotion, speaker)
        if emotion and fusion == "condnorm":
            self.scale = nn.Linear(emotion, 2 * wide)
            nn.init.zeros_(self.scale.weight)
            nn.init.zeros_(self.scale.bias)
        self.articulation = nn.Sequential(nn.Linear(phones, 100), nn.Tanh(), nn.Linear(100, channels))
        self.encoder = _sequence(encoder, dropout)
        self.voice = nn.Linear(speaker, channels)
        self.predict_duration = Predictor(channels, **duration, dropout=dropout)
        self.predict_pitch = Predictor(channels, **pitch, dropout=dropout)
        self.predict_energy = Predictor(channels, **energy, dropout=dropout)
        self.prosody = nn.Linear(3, channels)  # pitch, whether there is any, energy
        self.widen = nn.Linear(channels + PLACES, wide)
        self.convolutional = decoder["blocks"] == "conv"
        if self.convolutional:
            self.decoder: nn.Module = nn.ModuleList(
                Block(wide, decoder["kernel"], dilation, speaker, dropout) for dilation in decoder["dilations"]
            )
        else:
            self.decoder = _sequence(decoder, dropout)
        self.norm = nn.LayerNorm(wide)
        self.head = nn.Linear(wide, frames + (2 if target == "world" else 0))
        self.postnet = PostNet(frames, **postnet, dropout=dropout) if postnet["layers"] else None
        self.level = nn.Linear(speaker, 1)  # the mean of log F0 of a voice

    @property
    def context(self) -> int:
        """Frames beside a place on which the frames there depend; -1: all of them."""
        if not self.convolutional:
            return -1
        decoder: Any = self.decoder
        reach = sum(int(block.wide.padding[0]) for block in decoder)
        if self.postnet is not None:
            reach += sum(int(layer.padding[0]) for layer in self.postnet.layers if isinstance(layer, nn.Conv1d))
        return int(reach)

    def speaker(self, voice: torch.Tensor, emotion: torch.Tensor | None) -> torch.Tensor:
        """The voice, and the emotion where it is fused with it: (B, voice), (B, emotion) -> (B, speaker)."""
        own = centred(voice, self.voice_mean)
        if self.emotion and self.fusion == "concat":
            own = torch.cat([own, self.normal_emotion(emotion)], 1)
        found = self.reduce(own)
        if self.emotion and self.fusion == "add":
            found = found + self.reduce_emotion(self.normal_emotion(emotion))
        return torch.tanh(found)

    def normal_emotion(self, emotion: torch.Tensor | None) -> torch.Tensor:
        """The emotion, scaled by the training speech's mean and deviation."""
        if emotion is None:
            raise ValueError("a network of text to speech with an emotion was given none")
        normal: torch.Tensor = (emotion - self.emotion_mean) / self.emotion_deviation  # type: ignore[operator]
        return normal

    def encode(self, phones: torch.Tensor, mask: torch.Tensor, speaker: torch.Tensor) -> torch.Tensor:
        """The phones in the voice, (B, L, channels).

        Args:
            phones: (B, L, phones), as described.
            mask: bool (B, L), False behind the end of a sequence.
            speaker: of `speaker`.
        """
        hidden = self.encoder(self.articulation(phones) * mask[:, :, None], mask)
        return hidden + self.voice(speaker)[:, None]  # type: ignore[no-any-return]

    def expected(self, hidden: torch.Tensor, mask: torch.Tensor) -> Expected:
        """The prosody that is to be expected of encoded phones. The pitch sends no gradient into the encoder."""
        return Expected(
            self.predict_duration(hidden, mask), self.predict_pitch(hidden.detach(), mask),
            self.predict_energy(hidden, mask),
        )  # fmt: skip

    def decode(
        self, hidden: torch.Tensor, durations: torch.Tensor, pitch: torch.Tensor, energy: torch.Tensor,
        speaker: torch.Tensor, emotion: torch.Tensor | None, start: torch.Tensor, length: int,
    ) -> torch.Tensor:  # fmt: skip
        """Frames of a stretch of each utterance.

        Args:
            hidden: of `encode`, (B, L, channels).
            durations: frames of each phone, int64 (B, L), 0 behind the end.
            pitch, energy: (B, L), shares of the utterance's mean, 0 where there is none.
            speaker, emotion: of `speaker`; as there.
            start: the first frame of the stretch, int64 (B,).
            length: frames of all stretches; what lies behind an utterance's end continues its last phone.

        Returns:
            (B, length, envelope + aperiodicity (+ 2: log F0 about the mean, in deviations, and the logit of voicing)),
            each number normalised by `frame_mean` and `frame_deviation`.
        """
        there = (pitch > 0).to(hidden.dtype)
        logarithm = torch.log(pitch.clamp(min=0.05)) * there
        hidden = hidden + self.prosody(torch.stack([5.0 * logarithm, there, energy], 2))
        ends = durations.cumsum(1)
        place = start[:, None] + torch.arange(length, device=hidden.device)
        place = torch.minimum(place, ends[:, -1:] - 1).clamp(min=0)
        phone = torch.searchsorted(ends, place, right=True).clamp(max=durations.shape[1] - 1)
        own = durations.gather(1, phone).clamp(min=1)
        inside = place - (ends.gather(1, phone) - own)
        places = torch.stack([inside / own, torch.log(inside + 1.0), torch.log((own - inside).clamp(min=1.0))], 2)
        frames = self.widen(torch.cat([hidden.gather(1, phone[:, :, None].expand(-1, -1, hidden.shape[2])), places], 2))
        if self.emotion and self.fusion == "condnorm":
            scale, shift = self.scale(self.normal_emotion(emotion))[:, None].chunk(2, dim=2)
            frames = functional.layer_norm(frames, frames.shape[2:]) * (1 + scale) + shift
        if self.convolutional:
            frames = frames.transpose(1, 2)
            decoder: Any = self.decoder
            for block in decoder:
                frames = block(frames, speaker)
            frames = frames.transpose(1, 2)
        else:
            frames = self.decoder(frames, torch.ones(frames.shape[:2], dtype=torch.bool, device=frames.device))
        return self.head(self.norm(frames)).float()  # type: ignore[no-any-return]

    def refined(self, frames: torch.Tensor) -> torch.Tensor:
        """The frames of `decode` behind the postnet, if there is one."""
        if self.postnet is None:
            return frames
        own = self.envelope + self.aperiodicity
        return torch.cat([self.postnet(frames[..., :own]), frames[..., own:]], 2)


def _sequence(sizes: dict[str, Any], dropout: float) -> nn.Module:
    """The blocks that sizes describe."""
    if sizes["blocks"] == "conv":
        return ConvStack(sizes["channels"], sizes["kernel"], sizes["layers"], dropout)
    if sizes["blocks"] == "conformer":
        return Conformers(
            sizes["channels"], sizes["kernel"], sizes["layers"], dropout, sizes["heads"], sizes["hidden"]
        )  # fmt: skip
    raise ValueError(f"blocks {sizes['blocks']!r}: expected one of {', '.join(BLOCKS)}")
