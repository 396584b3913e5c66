"""The schema of the configuration: a dataclass for each section, with its defaults (conf/default.yaml explains)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from pseudovox.config import kinds
from pseudovox.config.kinds import Component, Slot

# A step that a recipe or a system may replace by a script of its own (section `steps`), by the key that it has there:
# the name of the stage whose main work it is, or else its own name. With the stages of run.sh in which it is replaced.
STEPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "xvector": ("train_xvector", ("xvector",)),
    "bottleneck": ("train_bottleneck", ("bottleneck",)),
    "synthesizer": ("train_synthesizer", ("synthesizer",)),
    "embed": ("extract_xvectors", ("embed", "synthesizer")),  # the synthesizer is trained on the same x-vectors
    "fit": ("fit_pseudo_speakers", ("fit",)),
    "sample": ("sample_pseudo_speakers", ("sample",)),
    "extract_f0": ("extract_f0", ("f0", "fit")),
    "f0": ("transform_f0", ("f0",)),
    "content": ("extract_bottleneck", ("content",)),
    "synthesize": ("synthesize_speech", ("synthesize",)),
    "attacker": ("train_xvector", ("attacker",)),
    "asv": ("score_trials", ("asv",)),
    "train_recognizer": ("train_recognizer", ("asr",)),
    "asr": ("decode_speech", ("asr",)),
    "score_wer": ("score_wer", ("asr",)),
    "utility": ("score_pitch", ("utility",)),
    "report": ("write_report", ("report",)),
}
# The steps whose work is a system's own; the others are the same for all systems of a run.
STEPS_OF_SYSTEMS = ("fit", "sample", "f0", "synthesize")
# The stages in which run.sh runs what the systems list (own_steps).
STAGES_OF_SYSTEMS = ("synthesizer", "fit", "sample", "f0", "synthesize", "utility")
# Ways to train the semi-informed attacker on anonymized speech: from scratch, as the VPC 2024 does, or going on from
# the attacker that was trained on original speech.
ATTACKER_TRAININGS = ("continued", "scratch")
ANONYMIZED = "anonymized"  # SystemStep.data: the data dirs that a system anonymizes,
SPOKEN = "spoken"  # and those whose utterances are the test speech of trials
UNPROCESSED = "original"  # the rows of the tables that are no system's


@dataclass
class Training:
    """How a network is trained (every model section has one)."""

    updates: int = 1000  # optimiser steps in all
    round_updates: int = 100  # a checkpoint, a validation and a line in the log every so many updates
    batch_size: int = 32
    epochs: int = 0  # passes over the training chunks, in place of `updates`; a round is one (speaker models alone)
    learning_rate: float = 1e-3
    schedule: str = "cosine"  # cosine (to a hundredth), linear (by round, to base_rate), cyclic (triangles) or constant
    base_rate: float = 1e-8  # lowest rate of a cyclic schedule, last of a linear one
    step_size: int = 65_000  # of cyclic: updates from base_rate to learning_rate, and as many back
    optimizer: str = "adamw"  # adamw, or adam, which adds weight decay to the gradient
    weight_decay: float = 1e-4
    warmup: int = 50  # updates of linearly rising learning rate; not of a cyclic schedule
    keep: str = "last"  # last weights, or best: those of the round with the lowest validation figure
    patience: int = 0  # training stops after so many rounds without a lower validation figure; 0 = all updates
    gradient_clip: float = 5.0  # largest L2 norm of the gradient; 0 = off
    precision: str = "32-true"  # Lightning's: 32-true, bf16-mixed (32-true on a CPU without bf16), 16-mixed
    threads: int = 2  # torch threads on CPU; part of the result, since sums round differently
    workers: int = 0  # processes that prepare batches
    devices: int = 1  # GPUs (DDP beyond one)


@dataclass
class Data:
    """Stage 0: where the speech comes from."""

    prepare: list[str] = field(default_factory=list)  # commands of local/; DATA stands for the data folder
    folder: str = ""  # a folder of recordings (recipes/own)
    corpora: str = "corpora"  # where corpora lie or are downloaded to
    roots: dict[str, str] = field(default_factory=dict)  # folders of single corpora, by their names in locations.py
    optional: dict[str, str] = field(default_factory=dict)  # data dirs left out where their corpus is not there
    lists: str = ""  # a folder of the organisers' lists of enrolment and trials (local/prepare_vpc.py)


@dataclass
class Sets:
    """Names of data dirs below data/<recipe>, by what they are for."""

    train: list[str] = field(default_factory=list)  # every model is trained on these,
    xvector: list[str] = field(default_factory=list)  # unless it has sets of its own
    bottleneck: list[str] = field(default_factory=list)
    synthesizer: list[str] = field(default_factory=list)
    pool: list[str] = field(default_factory=list)  # the pseudo-speaker generator is fitted on these
    attacker: list[str] = field(default_factory=list)  # the evaluation ASV is trained on these
    recognizer: list[str] = field(default_factory=list)  # the evaluation ASR is trained on these
    anonymize: list[str] = field(default_factory=list)  # besides `attacker` and `trials`, if there are more
    trials: list[str] = field(default_factory=list)  # "<enrolment dir> <trial dir>" pairs to be scored
    judge: list[str] = field(default_factory=list)  # enrolment and trial dirs for the independent judges
    emotion: list[str] = field(default_factory=list)  # data dirs with utt2emo, for emotion recognition
    publish: list[str] = field(default_factory=list)  # of those anonymized, laid out as recordings (section publish)


@dataclass
class SystemStep:
    """A step that a system runs in one of run.sh's stages, on its own."""

    stage: str = ""  # by name
    step: str = ""  # x for steps/x.py, or the path of a script below recipes/
    options: dict[str, str] = field(default_factory=dict)  # --name value; one without a value is left out
    data: str = ""  # the data dirs that it goes over: "anonymized" (what the system anonymizes), keys of `sets`
    out: str = ""  # the output
    when: str = ""  # a key of section `system`: the step runs only where it is set

    @property
    def script(self) -> str:
        """The script's path in the checkout."""
        return self.step if "/" in self.step else f"steps/{self.step}.py"


@dataclass
class System:
    """How a data dir becomes an anonymized one (conf/system/<name>.yaml)."""

    name: str = ""
    description: str = ""
    base: str = ""  # the family (conf/family/<base>.yaml) whose steps it shares
    stages: list[str] = field(default_factory=list)  # which of the family's stages it goes through
    steps: list[SystemStep] = field(default_factory=list)  # what it does in which stage: the family's, or its own
    given: dict[str, str] = field(default_factory=dict)  # words of steps, given only if <option>=<value>
    also: list[SystemStep] = field(default_factory=list)  # steps of its own besides its family's
    step: str = ""  # or else the one step that it is, in stage synthesize: x for steps/x.py, or a script below recipes/
    options: dict[str, Any] = field(default_factory=dict)  # keys of its own, which its steps know (stage.own_options)
    anonymizer: str = ""  # "<module>:<class>" of pseudovox that does the same in Python (anonymizer.System)
    attacked: bool = True  # train the semi-informed attacker on it
    draws_vectors: bool = True  # its stage sample draws vectors, which an informed attacker knows
    synthesizer: str = ""  # its own synthesizer, trained by its own configuration: models/synthesizer_<this>

    @property
    def synthesizer_dir(self) -> str:
        """The folder of the synthesizer that it speaks with, below that of the models."""
        return f"synthesizer_{self.synthesizer}" if self.synthesizer else "synthesizer"


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
    """What a speaker embedding sees."""

    kind: str = "mfcc"  # mfcc, fbank (log-mel) or speechbrain (its log-mel, in decibels)
    coefficients: int = 30  # of mfcc
    bins: int = 30  # mel bands
    low: float = 20.0  # Hz, edges of the filterbank
    high: float = 7600.0
    window: int = 300  # frames of the sliding mean that is taken off; 100000 = the utterance's mean, 0 = none
    floor_decibels: float = 0.0  # features floored so far under the utterance's maximum; 0 = no floor, as in Kaldi
    speech_only: bool = True  # frames without speech (Kaldi's energy VAD) are left out


@dataclass
class TargetClassifier:
    """A second classifier on the embedding, of pseudo-speakers, behind gradient reversal (training/targets.py)."""

    labels: str = ""  # "" = none, table (utt2target of the data dirs) or clusters (of the pseudo x-vectors)
    clusters: int = 100  # of the pseudo x-vectors, where more of them differ
    n_epochs_zero: int = 10  # rounds without reversal: the classifier only watches
    n_epochs_max: int = 0  # last rounds at the full weight
    max_weight: float = 0.0  # of the reversed gradient; 0 = a probe to the end


@dataclass
class SpeakerModel(Component):
    """A speaker embedding, the x-vector extractor's or the attacker's: keys of all kinds (kinds/speaker_networks)."""

    SLOT: ClassVar[Slot] = Slot("kind", "speaker_networks")

    kind: str = "xvector"
    features: SpeakerFeatures = field(default_factory=SpeakerFeatures)
    channels: list[int] = field(default_factory=lambda: [512, 512, 512, 512, 1500])  # of the five frame layers
    embedding: int = 512  # dimension
    loss: str = "softmax"  # softmax or aam (additive angular margin)
    margin: float = 0.2  # of aam, radians
    scale: float = 30.0  # of aam
    chunk_min: float = 2.0  # seconds of speech in a training input
    chunk_max: float = 4.0
    augmented: float = 0.5  # share of the inputs with noise and reverberation
    copies: int = 2  # augmented copies of each utterance to draw from; 0 = no augmentation
    read: str = "utterances"  # features of whole utterances, kept in memory; or chunks: read from their file when drawn
    balance: str = "speakers"  # speakers: each as often as any other; chunks: each chunk once in a pass over the data;
    # places: the same, each from its own place in its utterance
    quietest: float = 0.0  # chunks whose mean magnitude is lower do not count; 0 = all do, none is read to find out
    validation: str = "utterances"  # utterances (classification error) or speakers (EER of pairs) held out of training
    held_out_every: int = 20  # utterances: one in so many of each speaker
    held_out_speakers: float = 0.05  # speakers: this share of those of each gender
    held_out_most: int = 500  # utterances that validate, at most; 0 = all that are held out
    cache_gigabytes: float = 8.0  # memory for features; beyond it they are computed again
    targets: TargetClassifier = field(default_factory=TargetClassifier)
    training: Training = field(default_factory=lambda: Training(updates=100_000, round_updates=2000, batch_size=64))
    continued: Training = field(  # when training goes on from another model (--initial)
        default_factory=lambda: Training(updates=20_000, round_updates=2000, batch_size=64, learning_rate=3e-4)
    )

    def hyperparameters(self) -> dict[str, Any]:
        """The keywords of the network that these options decide: all but the number of speakers."""
        return {
            "features": self.features.coefficients if self.features.kind == "mfcc" else self.features.bins,
            "channels": list(self.channels),
            **{key: getattr(self, key) for key in ("embedding", "loss", "margin", "scale")},
        }


def _attacker() -> Any:
    """The VPC 2024's evaluation ASV: ECAPA-TDNN on 80 log-mel bands, trained without augmentation."""
    return kinds.options_of(SpeakerModel, "ecapa")(
        features=SpeakerFeatures(kind="fbank", bins=80, high=8000.0, window=100_000),
        channels=[512, 512, 512, 512, 1536],
        embedding=192,
        loss="aam",
        chunk_min=3.0,
        chunk_max=3.0,
        augmented=0.0,
        copies=0,
        validation="speakers",
        training=Training(updates=100_000, round_updates=2000, batch_size=64, keep="best", patience=5),
        continued=Training(
            updates=20_000, round_updates=2000, batch_size=64, learning_rate=3e-4, keep="best", patience=5
        ),
    )


@dataclass
class Attacks:
    """Who attacks (stages attacker and asv)."""

    semi_informed: list[str] = field(default_factory=lambda: list(ATTACKER_TRAININGS))  # each way is trained and scored
    informed: bool = True  # also the one that knows the pseudo x-vectors, of systems that have such
    seed_informed: bool = False  # also the one that knows the seed and undoes McAdams's move of the formants


@dataclass
class PseudoSpeakers(Component):
    """How pseudo-speakers are made (stages fit and sample): the keys of all strategies (pseudovox/kinds/strategies)."""

    SLOT: ClassVar[Slot] = Slot("strategy", "strategies")
    # What it gives: x-vectors, or targets, which are training speakers of the synthesizer.
    gives: ClassVar[str] = "x-vectors"

    strategy: str = "pca_gmm"
    combine_genders: bool = False  # pca_gmm: one model for both; pool: speakers of any gender
    cross_gender: bool = False  # pseudo-speakers of the other gender
    pitch_spread: float = 1.0  # of what the x-vector leaves open of the pitch, how much is drawn; 0 = nothing


@dataclass
class Scoring:
    """How trials are scored, and voices compared."""

    backend: str = "cosine"  # cosine (VPC 2024), cosine_centred (SpAnE) or plda (VPC 2020 and 2022), of the mean
    # enrolment embedding
    interval_rounds: int = 200  # resamples of the speakers for the confidence intervals; 0 = none
    by: list[str] = field(
        default_factory=list
    )  # further tables of data dirs to break the EER down by: spk2..., utt2...
    lda_dimension: int = 200  # of PLDA: dimensions that LDA leaves, at most (fewer than speakers); 0 = no LDA
    plda_smoothing: float = (
        0.001  # weight of an isotropic covariance within speakers against theirs; 0 = none, as Kaldi
    )
    voices: bool = True  # measure voice distinctiveness and de-identification, by a PLDA on original speech
    voices_utterances: int = 20  # of each speaker and data dir that are compared for it, at most; 0 = all


@dataclass
class Report:
    """How results are put together (stage report)."""

    weights: dict[str, float] = field(default_factory=dict)  # of trial dirs in averages over them; {} = plain means
    baselines: dict[str, list[float]] = field(default_factory=dict)  # published [EER, WER] in percent, by name
    conditions: str = "VPC 2024"  # the challenge whose privacy conditions the page draws
    max_audio: float = 20.0  # megabytes of speech in the page


@dataclass
class F0Transforms:
    """What the transforms of F0 are done with (see pseudovox/anonymize/f0_transforms.py)."""

    domain: str = "normalised"  # of revert, noise, quantise and smooth: hz, or normalised by utterance
    reversion: float = 0.75  # revert: how far to the mean, 0 to 1
    reversion_window: float = 0.64  # seconds over which the mean is taken; 0 = the utterance
    noise: str = "power"  # noise: its decibels are an absolute power, or an snr
    noise_decibels: float = 10.0
    quantise_steps: float = 16.0  # quantise: steps in one unit of the domain
    phone_range: list[float] = field(default_factory=lambda: [0.6, 1.4])  # phones: factors, drawn in whole percents
    smooth_window: float = 0.05  # smooth: seconds


@dataclass
class F0:
    """Fundamental frequency (stages fit and f0)."""

    method: str = "dio"  # dio (refined by stonemask), harvest (20 times slower, finds more) or praat
    floor: float = 60.0  # Hz
    ceiling: float = 600.0
    allowed_range: float = 0.2  # of dio: relative jump between frames that still counts as voiced
    transform: list[str] = field(default_factory=lambda: ["shift"])  # in this order; [] = none
    transforms: F0Transforms = field(default_factory=F0Transforms)
    source: str = "speaker"  # shift: from whose mean and deviation: the speaker's, or each utterance's

    def extraction(self) -> dict[str, Any]:
        """The keys that decide what is extracted, as opposed to what is done with it."""
        return {key: value for key, value in asdict(self).items() if key not in ("transform", "transforms", "source")}


@dataclass
class McAdams:
    """McAdams-coefficient anonymization (systems mcadams*); needs no model."""

    variant: int = 2024  # of the VoicePrivacy Challenge: 2020, 2022 or 2024
    coefficient: list[float] = field(default_factory=list)  # [fixed] or [lowest, highest]; [] = the variant's
    largest_gain: float = 9.0  # decibels by which a frame may grow; 0 = no limit
    scale: str = "speech"  # speech (synthesis.level) or published (peaks at full scale)
    like: str = ""  # vpc2024: the coefficients that were published, neither limit nor level


@dataclass
class Alteration:
    """Alteration of log-mel training inputs; each is drawn anew for every input. 0 switches a part off."""

    speed: float = 0.12  # speed changes by up to this share, either way
    warp: float = 0.12  # the mel axis is stretched by up to this share, either way (vocal tract length)
    bend: float = 0.0  # and more or less so by up to this share for each of three cosines along it (single formants)
    blur_mel: float = 1.5  # blur along frequency, up to this many bins (half of the inputs)
    blur_time: float = 2.0  # blur along time, up to this many frames of 10 ms (half of the inputs)
    filter: float = 0.5  # random smooth filter, nepers of power per cosine
    noise: float = 3.0  # noise floor raised by up to so many nepers of power (half of the inputs)
    mel_masks: int = 2  # bands blanked out
    mel_mask: int = 12  # bins in each, at most
    time_masks: int = 2  # stretches blanked out
    time_mask: int = 15  # frames of 10 ms in each, at most

    @classmethod
    def none(cls) -> Alteration:
        """All parts switched off."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0)


@dataclass
class ContentExtractor(Component):
    """What is said, as a vector every 10 or 20 ms: the keys of all kinds (pseudovox/kinds/content_extractors).

    `load()` gives the module that trains it, with `check` and `train` as training/bottleneck.py has them.
    """

    SLOT: ClassVar[Slot] = Slot("kind", "content_extractors")

    kind: str = "bottleneck"
    alignment: str = ""  # what aligns phones where there is no phones.ctm: pocketsphinx, or '' = nothing
    teacher: str = ""  # a Whisper model whose encoder's outputs are learnt, too; '' = none
    validation: int = 64  # utterances held out of training
    cache_gigabytes: float = 8.0  # memory for features; beyond it they are computed again
    training: Training = field(default_factory=lambda: Training(updates=60000, round_updates=1000, batch_size=64))

    def pretrained(self) -> tuple[Any, str] | None:
        """What it needs of others' weights: their section (`bundle` of torchaudio, `weights`), the key of the file."""
        return None


@dataclass
class Synthesizer(Component):
    """Content, F0 and voice to speech: the keys of all kinds (pseudovox/kinds/synthesizers).

    `load()` gives the module that trains it, with `train` and `ARRAYS` as training/vocoder.py has them.
    """

    SLOT: ClassVar[Slot] = Slot("kind", "synthesizers")

    kind: str = "world"
    speaker_input: str = "xvector"  # xvector, or one-hot: the voices are those of the training speakers
    chunk_seconds: float = 2.0
    augmented: float = 0.5  # share of chunks whose content was extracted from augmented speech
    alter: Alteration = field(default_factory=lambda: Alteration.none())  # of that speech's frames; speed is 0
    speaker_level: float = 0.5  # share of chunks conditioned on the speaker's mean x-vector, not the utterance's
    most_of_speaker: int = 0  # utterances of each training speaker and data dir, at most; 0 = all
    validation: int = 64
    cache_gigabytes: float = 8.0  # memory for frames; beyond it they are read again
    training: Training = field(default_factory=lambda: Training(updates=100000, round_updates=1000, batch_size=64))


@dataclass
class Recognizer:
    """The recogniser that measures intelligibility."""

    kind: str = (
        "ctc"  # ctc (trained by the recipe) or wav2vec2 (one of torchaudio's bundles, fine-tuned where retrained)
    )
    retrained: bool = False  # also train one on what each system anonymized, and score its speech with it (VPC 2022)
    bundle: str = "WAV2VEC2_ASR_LARGE_LV60K_960H"  # of wav2vec2
    weights: str = ""  # file of the bundle's weights; '' = in torchaudio's cache
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
    augment: Alteration = field(default_factory=Alteration)
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
class Emotion:
    """Emotion recognition (stage utility) on `sets.emotion`, trained on original speech, speakers left out."""

    features: list[str] = field(default_factory=lambda: ["prosody"])  # of prosody, xvector, wav2vec2
    classes: dict[str, str] = field(default_factory=dict)  # class by label of utt2emo; {} = the labels, all
    folds: int = 5  # of speakers, where there is no spk2fold; 0 = every speaker is one
    penalty: float = 10.0  # of the squared weights of the logistic regression
    bundle: str = "WAV2VEC2_BASE"  # of wav2vec2, a name of torchaudio.pipelines
    weights: str = ""  # file of its weights; '' = in torchaudio's cache
    layer: int = 0  # of wav2vec2 whose outputs are used, from 1; 0 = the last
    dimensions: list[str] = field(default_factory=list)  # arousal, dominance, valence by wav2vec2, regression
    dimensions_weights: str = ""  # file of that wav2vec2's weights; '' = where local/download.py puts them
    interval_rounds: int = 1000  # resamples of the speakers for the confidence interval; 0 = none


@dataclass
class Speed:
    """How speed is measured (stage utility)."""

    durations: list[float] = field(default_factory=list)  # seconds of speech; [] = it is not measured
    warm_ups: int = 2  # runs that do not count
    repetitions: int = 5  # the median counts
    largest_batch: int = 64  # signals at once, at most, in search of the best batch
    threads: int = 1  # of torch; a job of the recipe has one


@dataclass
class Judges:
    """Independent judges, trained by others (stage utility); they hear the sets `sets.judge`."""

    resemblyzer: bool = True
    pocketsphinx: bool = True
    # Names or folders of models. Of its size base.en is the better one for English, which the normaliser is for.
    whisper: str | list[str] = "base.en"
    language: str = "en"  # spoken; Whisper's code of it
    dnsmos: bool = True
    distillmos: bool = True
    nisqa: bool = True  # where its weights are
    squim_objective: bool = True  # both squim: where torchaudio's cache has their weights
    squim_subjective: bool = True
    reference: str = ""  # a recording of clean speech that squim_subjective compares with
    utterances: int = 0  # of each data dir, taken from all speakers, for all but resemblyzer; 0 = all


@dataclass
class Synthesis:
    """How the trained synthesizer speaks (stage synthesize)."""

    sharpen: float = 0.5  # how far the envelope's spread over time is brought to the natural one
    level: float = -26.0  # of the speech, decibels re full scale; the input's own level is not kept


@dataclass
class Publish:
    """How the anonymized speech of `sets.publish` is laid out as recordings (stage publish)."""

    release: bool = False  # also for giving away (./run.sh --publish)
    format: str = "flac"  # of a release; original = each recording's own
    secret: str = ""  # file with the key of a release's names; '' = drawn and kept beside the release
    text: bool = False  # a release has the words, too
    public_seed: bool = False  # release speech whose voices anybody can draw again, too


def _default(base: type[Component]) -> Any:
    """The section with the kind that its base class names."""
    return kinds.options_of(base, base().kind_name)()


@dataclass
class Config:
    """The whole configuration."""

    seed: int = 1
    base: str = ""  # a recipe that this one builds on: its recipe.yaml and sizes lie below this one's
    size: str = ""  # conf/size/<size>.yaml and recipes/<recipe>/size/<size>.yaml are merged over the recipe
    models: str = ""  # where the models lie, if not in exp/<recipe>/models (a recipe that trains none)
    systems: list[str] = field(default_factory=list)
    steps: dict[str, str] = field(default_factory=dict)  # scripts that replace steps: {stage: recipes/mine/steps/x.py}
    extensions: list[str] = field(default_factory=list)  # folders of recipes/ that bring kinds of their own (kinds.py)
    use: dict[str, str] = field(default_factory=dict)  # named blocks: {block: name} reads conf/<block>/<name>.yaml
    data: Data = field(default_factory=Data)
    sets: Sets = field(default_factory=Sets)
    levels: Levels = field(default_factory=Levels)
    system: System = field(default_factory=System)
    recognizer: Recognizer = field(default_factory=Recognizer)
    decoder: Decoder = field(default_factory=Decoder)
    wer: Wer = field(default_factory=Wer)
    pitch: Pitch = field(default_factory=Pitch)
    emotion: Emotion = field(default_factory=Emotion)
    speed: Speed = field(default_factory=Speed)
    judges: Judges = field(default_factory=Judges)
    xvector: SpeakerModel = field(default_factory=lambda: _default(SpeakerModel))
    attacker: SpeakerModel = field(default_factory=_attacker)
    attacks: Attacks = field(default_factory=Attacks)
    pseudo: PseudoSpeakers = field(default_factory=lambda: _default(PseudoSpeakers))
    scoring: Scoring = field(default_factory=Scoring)
    report: Report = field(default_factory=Report)
    f0: F0 = field(default_factory=F0)
    mcadams: McAdams = field(default_factory=McAdams)
    bottleneck: ContentExtractor = field(default_factory=lambda: _default(ContentExtractor))
    synthesizer: Synthesizer = field(default_factory=lambda: _default(Synthesizer))
    synthesis: Synthesis = field(default_factory=Synthesis)
    publish: Publish = field(default_factory=Publish)
