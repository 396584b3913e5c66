"""Configuration: dataclass schemas of every section, and how the layers are merged.

    conf/default.yaml < named blocks (conf/<block>/<name>.yaml) < recipes/<name>/recipe.yaml
        < recipes/<name>/size/<size>.yaml < conf/system/<system>.yaml < --set key=value

The schema is this file; an unknown key is an error that offers the nearest valid one. A step's settings are one
section, and the digest that decides whether it must run again covers that section alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from pseudovox.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent  # the checkout: conf/ and recipes/ lie beside the package


@dataclass
class Training:
    """How a network is trained (every model section has one)."""

    updates: int = 1000  # optimiser steps in all
    round_updates: int = 100  # a checkpoint, a validation and a line in the log every so many updates
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup: int = 50  # updates of linearly rising learning rate
    gradient_clip: float = 5.0  # largest L2 norm of the gradient; 0 = off
    precision: str = "32-true"  # Lightning's: 32-true, bf16-mixed, 16-mixed
    threads: int = 2  # torch threads on CPU; part of the result, since sums round differently
    workers: int = 0  # processes that prepare batches
    devices: int = 1  # GPUs (DDP beyond one)


@dataclass
class Data:
    """Stage 0: where the speech comes from."""

    prepare: list[str] = field(default_factory=list)  # commands of local/; DATA stands for the data folder
    folder: str = ""  # a folder of recordings (recipes/own)
    corpora: str = "corpora"  # where corpora lie or are downloaded to


@dataclass
class Sets:
    """Names of data dirs below data/<recipe>, by what they are for."""

    train: list[str] = field(default_factory=list)  # every model is trained on these
    pool: list[str] = field(default_factory=list)  # the pseudo-speaker generator is fitted on these
    attacker: list[str] = field(default_factory=list)  # the evaluation ASV is trained on these
    recognizer: list[str] = field(default_factory=list)  # the evaluation ASR is trained on these
    anonymize: list[str] = field(default_factory=list)  # besides `attacker` and `trials`, if there are more
    trials: list[str] = field(default_factory=list)  # "<enrolment dir> <trial dir>" pairs to be scored


@dataclass
class System:
    """How a data dir becomes an anonymized one (conf/system/<name>.yaml)."""

    name: str = ""
    description: str = ""
    stages: list[str] = field(default_factory=list)  # which of stages 5-9 it uses, by name
    attacked: bool = True  # train the semi-informed attacker on it


@dataclass
class Levels:
    """Anonymization level by data dir: "spk", one pseudo-speaker a speaker, or "utt", one an utterance."""

    default: str = "spk"
    sets: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The level of a data dir."""
        return self.sets.get(name, self.default)


@dataclass
class SpeakerFeatures:
    """What a speaker embedding sees; frames without speech (energy VAD) are left out."""

    kind: str = "mfcc"  # mfcc or fbank (log-mel)
    coefficients: int = 30  # of mfcc
    bins: int = 30  # mel bands
    low: float = 20.0  # Hz, edges of the filterbank
    high: float = 7600.0
    window: int = 300  # frames of the sliding mean that is taken off; 100000 = the utterance's mean, 0 = none
    floor_decibels: float = 0.0  # features floored so far under the utterance's maximum; 0 = no floor, as in Kaldi


@dataclass
class SpeakerModel:
    """A speaker embedding: the x-vector extractor, or the attacker's (the evaluation ASV)."""

    kind: str = "xvector"  # xvector (Snyder 2018) or ecapa (Desplanques 2020)
    features: SpeakerFeatures = field(default_factory=SpeakerFeatures)
    channels: list[int] = field(default_factory=lambda: [512, 512, 512, 512, 1500])  # of the five frame layers
    embedding: int = 512  # dimension
    attention: int = 128  # ecapa: width of attention and squeeze-excitation
    loss: str = "softmax"  # softmax or aam (additive angular margin)
    margin: float = 0.2  # of aam, radians
    scale: float = 30.0  # of aam
    chunk_min: float = 2.0  # seconds of speech in a training input
    chunk_max: float = 4.0
    augmented: float = 0.5  # share of the inputs with noise and reverberation
    copies: int = 2  # augmented copies of each utterance to draw from; 0 = no augmentation
    held_out_every: int = 20  # one in so many utterances of each speaker validates
    cache_gigabytes: float = 8.0  # memory for features; beyond it they are computed again
    training: Training = field(default_factory=lambda: Training(updates=100_000, round_updates=2000, batch_size=64))
    continued: Training = field(  # when training goes on from another model (--initial)
        default_factory=lambda: Training(updates=20_000, round_updates=2000, batch_size=64, learning_rate=3e-4)
    )


def _attacker() -> SpeakerModel:
    """The VPC 2024's evaluation ASV: ECAPA-TDNN on 80 log-mel bands, trained without augmentation."""
    return SpeakerModel(
        kind="ecapa",
        features=SpeakerFeatures(kind="fbank", bins=80, high=8000.0, window=100_000),
        channels=[512, 512, 512, 512, 1536],
        embedding=192,
        loss="aam",
        chunk_min=3.0,
        chunk_max=3.0,
        augmented=0.0,
        copies=0,
    )


@dataclass
class PseudoSpeakers:
    """How pseudo-speakers are made (stages fit and sample); PCA+GMM is Turner et al. 2020."""

    strategy: str = "pca_gmm"  # pca_gmm, or own (the source's own x-vector: the control)
    pca_size: float = 20.0  # a whole number of components, or below 1 the share of variance they must explain
    gmm_size: int = 3  # mixture components, diagonal covariances
    combine_genders: bool = False  # one model for both
    cross_gender: bool = False  # pseudo-speakers of the other gender
    threshold: float = 1.01  # largest cosine to the source's x-vector, else drawn anew; above 1 = never
    pitch_spread: float = 1.0  # of what the x-vector leaves open of the pitch, how much is drawn; 0 = nothing


@dataclass
class Scoring:
    """How trials are scored."""

    interval_rounds: int = 200  # resamples of the speakers for the confidence interval; 0 = none


@dataclass
class F0:
    """Fundamental frequency (stage f0)."""

    method: str = "dio"  # dio (refined by stonemask), harvest (20 times slower, finds more) or praat
    floor: float = 60.0  # Hz
    ceiling: float = 600.0
    allowed_range: float = 0.2  # of dio: relative jump between frames that still counts as voiced
    transform: str = "shift"  # shift (to the pseudo-speaker's mean and deviation of log F0) or none


@dataclass
class Bottleneck:
    """The content extractor: phones in, a bottleneck out."""

    bins: int = 80  # log-mel bands
    floor_decibels: float = 45.0  # features are floored so far under the utterance's maximum
    channels: int = 1024
    factor: int = 128  # narrow factor of the layers; 0 = plain convolutions
    dilations: list[int] = field(default_factory=lambda: [1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3])  # one a layer
    stride: int = 2  # 10 ms input frames per output frame, 1 or 2
    dimension: int = 256
    codes: int = 48  # of the vector quantiser; 0 = none
    tail: int = 2  # layers after the bottleneck
    dropout: float = 0.1
    decay: float = 0.99  # of the codebook's moving averages
    restart_below: float = 0.03  # a code used less than this share of even usage is put elsewhere
    commitment: float = 0.25  # weight of the commitment loss
    quantizer_start: int = 20000  # update at which the quantiser comes in, by k-means
    frame_weight: float = 1.0  # of the frame cross-entropy, where phones.ctm gives labels
    ctc_weight: float = 0.3  # of CTC
    chunk_seconds: float = 2.0  # utterances with phone times are cut to chunks; the others come whole
    longest_seconds: float = 16.0  # of an utterance that comes whole; longer ones are left out
    augmented: float = 0.5  # share of the inputs with noise, reverberation and gain
    variants: int = 2  # augmented versions of an utterance that are drawn from
    validation: int = 64  # utterances held out of training
    cache_gigabytes: float = 8.0  # memory for features; beyond it they are computed again
    training: Training = field(default_factory=lambda: Training(updates=60000, round_updates=1000, batch_size=64))


@dataclass
class Synthesizer:
    """Content, F0 and x-vector to WORLD frames."""

    coefficients: int = 60  # of the coded spectral envelope
    channels: int = 384
    kernel: int = 5
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 1, 2, 4, 8])  # one a block
    speaker: int = 128  # dimensions the x-vector is reduced to
    dropout: float = 0.05
    chunk_seconds: float = 2.0
    augmented: float = 0.5  # share of chunks whose content was extracted from augmented speech
    speaker_level: float = 0.5  # share of chunks conditioned on the speaker's mean x-vector, not the utterance's
    validation: int = 64
    cache_gigabytes: float = 8.0  # memory for frames; beyond it they are read again
    training: Training = field(default_factory=lambda: Training(updates=100000, round_updates=1000, batch_size=64))


@dataclass
class RecognizerAugment:
    """Alteration of the recogniser's training inputs; each is drawn anew for every input. 0 switches a part off."""

    speed: float = 0.12  # speed changes by up to this share, either way
    warp: float = 0.12  # the mel axis is stretched by up to this share, either way (vocal tract length)
    blur_mel: float = 1.5  # blur along frequency, up to this many bins (half of the inputs)
    blur_time: float = 2.0  # blur along time, up to this many frames of 10 ms (half of the inputs)
    filter: float = 0.5  # random smooth filter, nepers of power per cosine
    noise: float = 3.0  # noise floor raised by up to so many nepers of power (half of the inputs)
    mel_masks: int = 2  # bands blanked out
    mel_mask: int = 12  # bins in each, at most
    time_masks: int = 2  # stretches blanked out
    time_mask: int = 15  # frames of 10 ms in each, at most


@dataclass
class Recognizer:
    """The recogniser that measures intelligibility (trained on original speech)."""

    mel_bins: int = 80
    floor_decibels: float = 45.0  # spectra are floored this far under the utterance's maximum
    channels: int = 512  # width of the network
    blocks: int = 12  # residual convolutions
    kernel: int = 5  # their length, in subsampled frames
    subsampling: int = 3  # frames of 10 ms per output frame
    dropout: float = 0.1
    phone_weight: float = 0.3  # of the frame-wise phone loss that helps where a data dir has phones.ctm
    copies: int = 1  # copies of each utterance with another channel (noise, room, tilt)
    augmented: float = 0.5  # share of inputs taken from the copies
    held_out: float = 0.03  # share of the training utterances kept for validation
    cache_gigabytes: float = 4.0  # features kept in memory
    augment: RecognizerAugment = field(default_factory=RecognizerAugment)
    training: Training = field(
        default_factory=lambda: Training(updates=40000, round_updates=1000, batch_size=32, warmup=1000)
    )


@dataclass
class Decoder:
    """How the recogniser's posteriors become words."""

    kind: str = "lexicon"  # lexicon: the words of the training text alone; greedy: any words
    language_model: str = "bigram"  # bigram, unigram or none (with the lexicon)
    lm_weight: float = 1.0
    word_penalty: float = 0.0  # subtracted from the score for each word


@dataclass
class Wer:
    """Word error rate."""

    normalisation: str = "none"  # none, case or words: what is done to both texts before they are compared
    interval_rounds: int = 1000  # resamples of the speakers for the confidence interval; 0 = none


@dataclass
class Pitch:
    """F0 for the pitch correlation, apart from the F0 that the systems use."""

    method: str = "praat"  # praat (autocorrelation, what the challenge measures by), dio or harvest
    floor: float = 75.0  # Hz; the range of the VoicePrivacy Challenge 2022
    ceiling: float = 500.0


@dataclass
class Synthesis:
    """How the trained synthesizer speaks (stage synthesize)."""

    sharpen: float = 0.5  # how far the envelope's spread over time is brought to the natural one
    level: float = -26.0  # of the speech, decibels re full scale; the input's own level is not kept


@dataclass
class Config:
    """The whole configuration."""

    seed: int = 1
    size: str = ""  # a size the recipe comes in: recipes/<recipe>/size/<size>.yaml is merged over it
    models: str = ""  # where the models lie, if not in exp/<recipe>/models (a recipe that trains none)
    systems: list[str] = field(default_factory=list)
    use: dict[str, str] = field(default_factory=dict)  # named blocks: {block: name} reads conf/<block>/<name>.yaml
    data: Data = field(default_factory=Data)
    sets: Sets = field(default_factory=Sets)
    levels: Levels = field(default_factory=Levels)
    system: System = field(default_factory=System)
    recognizer: Recognizer = field(default_factory=Recognizer)
    decoder: Decoder = field(default_factory=Decoder)
    wer: Wer = field(default_factory=Wer)
    pitch: Pitch = field(default_factory=Pitch)
    xvector: SpeakerModel = field(default_factory=SpeakerModel)
    attacker: SpeakerModel = field(default_factory=_attacker)
    pseudo: PseudoSpeakers = field(default_factory=PseudoSpeakers)
    scoring: Scoring = field(default_factory=Scoring)
    f0: F0 = field(default_factory=F0)
    bottleneck: Bottleneck = field(default_factory=Bottleneck)
    synthesizer: Synthesizer = field(default_factory=Synthesizer)
    synthesis: Synthesis = field(default_factory=Synthesis)


def section_dict(section: Any) -> Any:
    """A section as plain dicts, lists and scalars (for digests and json)."""
    return asdict(section) if is_dataclass(section) and not isinstance(section, type) else section


def load(path: Path | str | None = None, overrides: Iterable[str] = ()) -> Config:
    """A step's configuration: the defaults, or a resolved file, with `key=value` overrides on top.

    Raises:
        UsageError: missing file, unknown key (the nearest valid one is offered) or a value of the wrong type.
    """
    return to_config(merge([path] if path else [], overrides))


def compose(recipe: str, system: str | None = None, overrides: Iterable[str] = ()) -> Config:
    """The configuration of a recipe, or of one of its systems, from its layers (see the module's head)."""
    overrides = list(overrides)
    recipe_file = ROOT / "recipes" / recipe / "recipe.yaml"
    if not recipe_file.is_file():
        known = sorted(path.parent.name for path in (ROOT / "recipes").glob("*/recipe.yaml"))
        raise UsageError(
            f"no recipe {recipe!r} (recipes/{recipe}/recipe.yaml is missing); there are: {', '.join(known)}"
        )
    asked = to_config(merge([ROOT / "conf/default.yaml", recipe_file], overrides))
    blocks = [block_file(block, name) for block, name in asked.use.items()]
    layers = [ROOT / "conf/default.yaml", *blocks, recipe_file]
    size_file = recipe_file.parent / "size" / f"{asked.size}.yaml"
    if size_file.is_file():
        layers.append(size_file)
    elif asked.size:
        known = sorted(path.stem for path in size_file.parent.glob("*.yaml"))
        raise UsageError(f"recipe {recipe} has no size {asked.size!r}; there are: {', '.join(known) or 'none'}")
    if system:
        layers.append(block_file("system", system))
        overrides.append(f"system.name={system}")
    return to_config(merge(layers, overrides))


def block_file(block: str, name: str) -> Path:
    """conf/<block>/<name>.yaml; UsageError that lists the names there are."""
    path = ROOT / "conf" / block / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in (ROOT / "conf" / block).glob("*.yaml"))
        raise UsageError(f"no {block} called {name!r} (no {path.relative_to(ROOT)}); there are: {', '.join(known)}")
    return path


def merge(files: Iterable[Path | str], overrides: Iterable[str] = ()) -> Any:
    """Merge yaml files and overrides into the schema; the OmegaConf object."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    merged = OmegaConf.structured(Config)
    for file in files:
        try:
            layer = OmegaConf.load(file)
        except FileNotFoundError:
            raise UsageError(f"{file}: no such configuration file") from None
        except (YAMLError, OmegaConfBaseException, OSError, ValueError) as error:
            raise UsageError(f"{file}: not a configuration file: {error}") from None
        merged = _merged(merged, layer, str(file))
    for override in overrides:
        if "=" not in override:
            raise UsageError(f"--set {override}: expected key=value, e.g. --set xvector.training.updates=500")
        layer = OmegaConf.from_dotlist([override + "''" if override.endswith("=") else override])  # `key=` is empty
        merged = _merged(merged, layer, f"--set {override}")
    return merged


def to_config(merged: Any) -> Config:
    """The merged OmegaConf object as dataclasses, interpolations resolved."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_object(merged)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UsageError(f"configuration: {error}") from None


def to_yaml(config: Config) -> str:
    """The configuration as yaml text, ready for `load`."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _merged(merged: Any, layer: Any, where: str) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

    try:
        return OmegaConf.merge(merged, layer)
    except ConfigKeyError as error:
        key = error.full_key or str(error.key)
        near = difflib.get_close_matches(key, list(_keys(OmegaConf.to_container(merged))), n=1, cutoff=0.0)
        raise UsageError(f"{where}: unknown key {key!r}; the nearest valid key is {near[0]!r}") from None
    except OmegaConfBaseException as error:
        raise UsageError(f"{where}: {str(error).splitlines()[0]} (key {error.full_key})") from None


def _keys(container: Any, prefix: str = "") -> Iterable[str]:
    for key, value in container.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}.")
