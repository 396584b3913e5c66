"""What can be set of system hle_vqvae: the keys of section `system.options`, read by stage.own_options."""

from __future__ import annotations

from dataclasses import dataclass, field

from pseudovox.config import Training
from pseudovox.core.errors import UsageError
from pseudovox.kinds.synthesizers.hifigan import Adversarial

SECTION = "system.options"
KINDS = ("mel", "fbank")
SPOKEN = ("vocoder", "world")
THROUGH = ("", "bottleneck")
TRACKED = ("formants", "f0_consistency", "f0_diversification")  # losses that look through the tracker of formants
HEARD = ("f0", "mos", "wavlm")  # losses that hear samples


@dataclass
class Spectra:
    """What the network sees and gives: log-mel spectra, scaled as (x - offset) / scale."""

    # mel: power spectra of fft and window at sample_rate, log(1e-5 + bands), peaks at 1; fbank: Kaldi's at 16 kHz,
    # 10 ms, floored so far under an utterance's maximum, as the content extractor sees speech.
    kind: str = "mel"
    sample_rate: int = 24000
    fft: int = 2048
    window: int = 1200
    hop: int = 300
    bands: int = 80
    low: float = 0.0
    high: float = 12000.0
    floor_decibels: float = 45.0
    offset: float = -4.0
    scale: float = 4.0

    def check(self) -> None:
        """UsageError for values that are none."""
        if self.kind not in KINDS:
            raise UsageError(f"{SECTION}.spectra.kind {self.kind!r}: expected {' or '.join(KINDS)}")
        if self.kind == "fbank" and (self.sample_rate, self.hop) != (16000, 160):
            raise UsageError(
                f"{SECTION}.spectra: sample_rate {self.sample_rate} and hop {self.hop}; kind fbank has 16000 and 160"
            )
        if not 0 <= self.low < self.high <= self.sample_rate / 2 or not 0 < self.window <= self.fft:
            raise UsageError(
                f"{SECTION}.spectra: low {self.low}, high {self.high}, window {self.window}, fft {self.fft}: expected "
                f"0 <= low < high <= {self.sample_rate // 2} and 0 < window <= fft"
            )
        if self.scale <= 0 or self.bands < 2:
            raise UsageError(f"{SECTION}.spectra: scale {self.scale}, bands {self.bands}: expected more than 0 and 1")


@dataclass
class Network:
    """Sizes (models/hle_vqvae.py); those here are the released ones, 24 million parameters."""

    channels: int = 128
    latent: int = 32
    repeats: int = 3
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4])
    voice: int = 16
    quantizer: str = "vq"
    codes: list[int] = field(default_factory=lambda: [64, 32, 16])
    codebooks: list[int] = field(default_factory=lambda: [1, 1, 1])
    restart_below: float = 0.03
    normalised: bool = False


@dataclass
class Term:
    """A term of the loss: how much it counts, and from which pass over the training data on."""

    weight: float = 0.0
    start: int = 0


@dataclass
class Content(Term):
    """Hidden layers of the content extractor."""

    layers: list[int] = field(default_factory=lambda: [2, 4, 7])


@dataclass
class Crepe(Term):
    """F0 by CREPE."""

    size: str = "tiny"  # tiny or full


@dataclass
class Mos(Term):
    """A network that predicts mean opinion scores."""

    score_weight: float = 0.1  # of the score's distance, beside that of the features


@dataclass
class WavLM(Term):
    """A hidden layer of WavLM."""

    layer: int = 6
    size: str = "WAVLM_BASE_PLUS"  # of torchaudio.pipelines
    weights: str = ""  # file; '' = torchaudio's cache


@dataclass
class Vgg(Term):
    """Layers of VGG16, trained on images."""

    gram: float = 0.0  # weight of the distance of Gram matrices, beside that of the layers
    weights: str = ""  # safetensors file of torchvision's; '' = torchvision's own cache


@dataclass
class Losses:
    """Beside the mean squared error and 0.25 times the commitment: the perception-informed terms."""

    content: Content = field(default_factory=Content)
    formants: Term = field(default_factory=Term)
    f0: Crepe = field(default_factory=Crepe)
    f0_consistency: Term = field(default_factory=Term)
    mos: Mos = field(default_factory=Mos)
    wavlm: WavLM = field(default_factory=WavLM)
    vgg: Vgg = field(default_factory=Vgg)
    mel_diversification: Term = field(default_factory=Term)
    f0_diversification: Term = field(default_factory=Term)

    def active(self) -> dict[str, Term]:
        """The terms that count, by name."""
        return {name: term for name, term in vars(self).items() if term.weight}

    def check(self) -> None:
        """UsageError for values that are none."""
        for name, term in vars(self).items():
            if term.weight < 0 or term.start < 0:
                raise UsageError(
                    f"{SECTION}.losses.{name}: weight {term.weight}, start {term.start}: expected 0 or more"
                )


@dataclass
class Formants:
    """The tracker of formants and F0 that two of the losses look through, and its training (training/formants.py)."""

    channels: int = 512
    layers: int = 6
    heads: int = 8
    segment_frames: int = 192
    held_out: float = 0.2  # share of the speakers
    most_of_speaker: int = 0  # utterances of each, from the first on; 0 = all
    # Hz: the highest of five formants that Praat looks for, by gender; who has none is treated as f.
    highest: dict[str, float] = field(default_factory=lambda: {"f": 5500.0, "m": 5000.0})
    training: Training = field(
        default_factory=lambda: Training(updates=20000, round_updates=500, batch_size=32, schedule="constant")
    )

    def check(self) -> None:
        """UsageError for values that are none."""
        if self.heads < 1 or self.channels % self.heads:
            raise UsageError(f"{SECTION}.formants: {self.channels} channels do not divide among {self.heads} heads")
        if self.highest.keys() != {"f", "m"} or not all(2000 <= hertz <= 8000 for hertz in self.highest.values()):
            raise UsageError(f"{SECTION}.formants.highest {self.highest}: expected f and m, 2000 to 8000 Hz each")
        if not 16 <= self.segment_frames <= 10000:
            raise UsageError(f"{SECTION}.formants.segment_frames {self.segment_frames}: expected 16 to 10000")


@dataclass
class VocoderNetwork:
    """Sizes of HiFi-GAN's generator on mel spectra; the product of the rates is the hop."""

    channels: int = 512
    rates: list[int] = field(default_factory=lambda: [5, 5, 4, 3])
    kernels: list[int] = field(default_factory=lambda: [10, 10, 8, 6])
    block_kernels: list[int] = field(default_factory=lambda: [3, 7, 11])
    block_dilations: list[int] = field(default_factory=lambda: [1, 3, 5])
    fft: int = 0


@dataclass
class MelVocoder:
    """The vocoder on mel spectra and its training (spoken: vocoder)."""

    network: VocoderNetwork = field(default_factory=VocoderNetwork)
    segment_frames: int = 28
    adversarial: Adversarial = field(
        default_factory=lambda: Adversarial(reconstruction="mel", reconstruction_weight=45.0, feature_weight=2.0)
    )
    resolutions: list[list[int]] = field(default_factory=lambda: [[512, 80, 320], [128, 40, 80], [2048, 640, 1920]])
    validation: int = 64
    training: Training = field(
        default_factory=lambda: Training(
            updates=2_500_000, round_updates=2000, batch_size=16, learning_rate=2e-4, weight_decay=0.0
        )
    )


@dataclass
class Options:
    """The keys of the system."""

    spectra: Spectra = field(default_factory=Spectra)
    network: Network = field(default_factory=Network)
    commitment: float = 0.25
    losses: Losses = field(default_factory=Losses)
    # bottleneck: a loss looks through the recipe's content extractor, which ./run.sh then has trained; '' = none does.
    looks_through: str = ""
    segment_frames: int = 128
    validation: int = 64  # utterances held out
    cache_gigabytes: float = 2.0
    training: Training = field(
        default_factory=lambda: Training(
            updates=40000, round_updates=40, batch_size=64, learning_rate=5e-4, schedule="constant", optimizer="adam",
            weight_decay=0.0, warmup=0, keep="best", patience=100,
        )
    )  # fmt: skip
    # vocoder: HiFi-GAN speaks from the spectra; world: WORLD does, with F0 and voicing of the source, moved to the
    # target's.
    spoken: str = "vocoder"
    vocoder: MelVocoder = field(default_factory=MelVocoder)
    formants: Formants = field(default_factory=Formants)
    lifter: int = 30  # world: cepstra of the spectra that are kept, so that the harmonics of the source's F0 are not

    def check(self) -> None:
        """UsageError for values that are none."""
        self.spectra.check()
        self.losses.check()
        if self.looks_through not in THROUGH:
            raise UsageError(f"{SECTION}.looks_through {self.looks_through!r}: expected bottleneck, or nothing")
        if self.spoken not in SPOKEN:
            raise UsageError(f"{SECTION}.spoken {self.spoken!r}: expected {' or '.join(SPOKEN)}")
        if self.spoken == "world" and self.spectra.kind != "fbank":
            raise UsageError(
                f"{SECTION}.spoken world: WORLD speaks from spectra of kind fbank, and not {self.spectra.kind}",
                "--set system.options.spoken=vocoder",
            )
        if self.segment_frames < 16 or self.segment_frames % 8:
            raise UsageError(f"{SECTION}.segment_frames {self.segment_frames}: expected a multiple of 8, 16 or more")
