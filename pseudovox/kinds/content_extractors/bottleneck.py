"""Content extractor bottleneck: a TDNN-F from log-mel frames to phones with a narrow layer (Champion 2023)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pseudovox.config.kinds import Network
from pseudovox.config.schema import Alteration, ContentExtractor


@dataclass
class Wav2vec2Front:
    """Front end of kind wav2vec2: a model of torchaudio's that others trained."""

    bundle: str = "WAV2VEC2_LARGE_LV60K"
    weights: str = ""  # file of its weights; '' = in torchaudio's cache
    trained: bool = False  # its weights are trained as well


@dataclass
class Refinement:
    """A second training of the content extractor, from where the first one ended, with a rate that falls once more."""

    updates: int = 0  # 0 = none
    learning_rate: float = 0.002
    consistency_weight: float = 0.0  # as in the first
    alter: Alteration = field(default_factory=lambda: Alteration.none())


@dataclass
class Quantizer:
    """The vector quantiser of the bottleneck."""

    kind: str = "vq"  # of pseudovox/models/quantizers
    bits: int = 0  # 2 to the power of this are the codes; 0 = as bottleneck.codes says


@dataclass
class Options(ContentExtractor):
    """Section `bottleneck` with kind bottleneck."""

    implementation: ClassVar[str] = "pseudovox.training.bottleneck"
    network: ClassVar[Network] = Network(
        "bottleneck",
        "pseudovox.models.bottleneck:BottleneckNetwork",
        "Content extractor: what is said, as {dimension} numbers every {frame_shift_seconds} s",
        "pseudovox.components.content:Extractor",
    )

    kind: str = "bottleneck"
    front_end: str = "conv"  # conv (log-mel frames) or wav2vec2
    wav2vec2: Wav2vec2Front = field(default_factory=Wav2vec2Front)
    teacher_weight: float = 1.0  # of their squared error, each number scaled to variance 1
    bins: int = 80  # log-mel bands
    floor_decibels: float = 45.0  # features are floored so far under the utterance's maximum
    adapted: bool = False  # to the utterance: its mean and deviation per band normalise the input and are told as well
    warps: list[float] = field(default_factory=list)  # stretches of the mel axis; the one of the surest phones is taken
    channels: int = 1024
    factor: int = 128  # narrow factor of the layers; 0 = plain convolutions
    dilations: list[int] = field(default_factory=lambda: [1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3])  # one a layer
    stride: int = 2  # 10 ms input frames per output frame, 1 or 2
    dimension: int = 256
    codes: int = 48  # of the vector quantiser; 0 = none, unless it has bits
    quantizer: Quantizer = field(default_factory=Quantizer)
    tail: int = 2  # layers after the bottleneck
    dropout: float = 0.1
    decay: float = 0.99  # of the codebook's moving averages
    restart_below: float = 0.03  # a code used less than this share of even usage is put elsewhere
    commitment: float = 0.25  # weight of the commitment loss
    quantizer_start: int = 20000  # update at which the quantiser comes in, by k-means
    frame_weight: float = 1.0  # of the frame cross-entropy, where phones.ctm gives labels
    ctc_weight: float = 0.3  # of CTC
    spectrum_weight: float = 0.0  # of the squared error of the unaltered spectrum, told by the bottleneck and the voice
    spectrum_coefficients: int = 24  # of that spectrum's cepstrum
    spectrum_emphasis: float = 0.0  # power of its natural deviation that each of them counts by; 0 = all the same
    consistency_weight: float = 0.0  # of the squared distance of the bottlenecks of two alterations of a chunk
    speaker_factors: int = 0  # numbers that tell what is left of a speaker in the bottleneck, which is then removed
    chunk_seconds: float = 2.0  # utterances with phone times are cut to chunks; the others come whole
    longest_seconds: float = 16.0  # of an utterance that comes whole; longer ones are left out
    augmented: float = 0.5  # share of the inputs with noise, reverberation and gain; with voices, of those without
    variants: int = 2  # augmented versions of an utterance that are drawn from
    revoiced: float = 0.5  # share of the inputs in another voice, if there are `voices`
    voices: int = 0  # versions of an utterance that are drawn from, formants and pitch moved by Praat
    alter: Alteration = field(default_factory=lambda: Alteration.none())  # of each chunk with labels, drawn anew
    refine: Refinement = field(default_factory=lambda: Refinement())

    def pretrained(self) -> tuple[Any, str] | None:
        """The weights of a wav2vec 2.0 front end."""
        return (self.wav2vec2, "bottleneck.wav2vec2.weights") if self.front_end == "wav2vec2" else None
