"""Measurements of speech (stage utility): the step that makes each, of which systems, and how its figures are shown.

A metric of speech is a pure function in pseudovox.metrics, a step that applies it to what a system made of its data
dirs, and an entry here: run.sh runs the step, and tables, page and LaTeX have a column for each figure. That of a
recipe is a module recipes/<recipe>/kinds/measurements/<name>.py with STEP, the script, and MEASUREMENT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pseudovox.config import kinds
from pseudovox.config.schema import Config, SystemStep
from pseudovox.config.systems import steps_of, template_of

__path__ = kinds.search_path(__path__, "measurements")
STAGE = "utility"


@dataclass(frozen=True)
class Figure:
    """A figure of speech, by whose name records have it, and its columns.

    Attributes:
        column: over its column in the tables of a run.
        decimals: that are shown.
        table: in which of them: "utility", "voices" (RESULTS.md alone), or "" = one that the report makes for it.
        page: over its column in the table that the page begins with; "" = it has none there.
        meaning: in plain words, for the page's legend.
        better: "high", "low", or "zero" (nearest to 0).
        latex: over its column in results.tex; "" = as `column`, in table "utility", else none.
        absent: what is told not to have been measured where there is no such figure, and why.
    """

    column: str = ""
    decimals: int = 2
    table: str = "utility"
    page: str = ""
    meaning: str = ""
    better: str = "high"
    latex: str = ""
    absent: tuple[str, str] | None = None


@dataclass(frozen=True)
class Measurement:
    """A step that measures speech. It is given `--system`, original data dirs, and the output.

    Attributes:
        data: the sets whose data dirs it is given, see `config.systems.sets_of`; without any it does not run.
        out: its output, in the words of `config.systems.words_of`.
        figures: by metric.
        options: further options of a system's step, in the same words.
        asked: does the configuration ask for it?
        refused: why it cannot measure a system; "" = it can.
    """

    data: str
    out: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    options: Callable[[Config], dict[str, str]] = lambda config: {}
    asked: Callable[[Config], bool] = lambda config: True
    refused: Callable[[Config], str] = lambda config: ""


def _voices_asked(config: Config) -> bool:
    return config.scoring.voices and bool(config.sets.attacker and config.sets.trials)


def _is_of_models(config: Config) -> bool:
    return config.system.base == "xvector" and "synthesize" in config.system.stages


def _single_step(config: Config) -> SystemStep | None:
    """The step of a system that consists of one that makes speech, and goes through no stages of a family."""
    own = [step for step in steps_of(config) if step.stage == "synthesize"]
    return own[0] if own and not config.system.stages else None


def _speed_options(config: Config) -> dict[str, str]:
    if _is_of_models(config):
        models = {name: f"MODELS/{name}" for name in ("xvector", "bottleneck")}
        return {**models, "synthesizer": "SYNTHESIZER"}
    step = _single_step(config)
    return {"command": " ".join(template_of(config, step))} if step else {}


def _speed_refused(config: Config) -> str:
    if _is_of_models(config) or _single_step(config):
        return ""
    return "its speed is not measured: neither an x-vector system nor one step"


_RATED = "A model's guess at how listeners would rate the speech, from 1 (bad) to 5 (excellent)."
_SIMILAR = (
    "Similarity of the emotion before and after: mean cosine of what a model of arousal, dominance and valence makes "
    "of the utterances ({}); 1 = the same."
)

MEASUREMENTS = {
    "score_pitch": Measurement("spoken anonymize", "EXP/SYSTEM/utility", {
        "pitch_correlation_voiced": Figure("pitch, voiced frames", latex="pitch, voiced"),
        "pitch_correlation_vpc2022": Figure(
            "pitch, as VPC 2022", page="ρF0", latex="pitch, 2022", meaning="Pitch correlation: 1 where the melody of "
            "the speech is kept exactly, 0 where nothing of it is left. Measured as in the VoicePrivacy Challenge "
            "2022.",
        ),
    }),
    "score_voices": Measurement("spoken", "EXP/SYSTEM/voices", {
        "voice_distinctiveness_gain": Figure(
            "G_VD, dB", 2, "voices", "GVD dB", latex="$G_{VD}$", better="zero", meaning="Gain of voice "
            "distinctiveness: 0 where the anonymized voices differ from one another as much as the original ones; "
            "below 0, they sound more alike.", absent=(
                "voice distinctiveness (GVD)",
                "the recipe does not ask for it (scoring.voices), or has no attacker",
            ),
        ),
        "deid": Figure("DeID", table="voices"),
    }, options=lambda _: {"xvectors": "EXP/asv/original", "plda": "EXP/asv/original/plda"}, asked=_voices_asked),
    "score_emotion": Measurement("emotion", "EXP/emotion", {
        "uar": Figure(
            "UAR", 1, "", "UAR %", latex="UAR", meaning="Unweighted average recall: how much of the emotion a "
            "classifier of original speech still hears. Higher keeps more of it.",
            absent=("emotion (UAR)", "the recipe names no data dirs with emotions (sets.emotion)"),
        ),
        "emotion_wav2vec2_similarity": Figure(
            table="", page="emotion wav2vec2", meaning=_SIMILAR.format("audeering's wav2vec 2.0"),
        ),
        "emotion_regression_similarity": Figure(
            table="", page="emotion regression", meaning=_SIMILAR.format("an approximation by a regression"),
        ),
    }, options=lambda _: {"model": "MODELS/xvector"}),
    "judge": Measurement("judge", "EXP/judges", {
        "dnsmos_ovrl": Figure(table="", page="DNSMOS", meaning=_RATED),
        "distillmos": Figure(
            table="", page="DistillMOS", meaning="Another model's guess at the same, which hears the artefacts of "
            "synthesis better.",
        ),
        "nisqa_mos": Figure(
            table="", page="NISQA", meaning="A third model's guess at the quality of the speech, from 1 (bad) to 5 "
            "(excellent).",
        ),
    }),
    "measure_speed": Measurement("spoken anonymize", "EXP/SYSTEM/speed", {
        "real_time_factor": Figure(
            "", 3, "", "RTF", better="low", meaning="Real-time factor: seconds of work for one second of speech. Below "
            "1 is faster than speaking.",
        ),
    }, options=_speed_options, asked=lambda config: bool(config.speed.durations), refused=_speed_refused),
}  # fmt: skip


def measurements() -> dict[str, Measurement]:
    """All measurements by step, those of recipes last."""
    slot = kinds.Slot("measurement", "measurements")
    modules = (kinds.module_of(slot, name) for name in kinds.names(slot))
    return {**MEASUREMENTS, **{module.STEP: module.MEASUREMENT for module in modules}}


def figures() -> dict[str, Figure]:
    """All figures by metric, in the order of the measurements."""
    return {metric: figure for measurement in measurements().values() for metric, figure in measurement.figures.items()}


def measuring_steps(config: Config) -> list[SystemStep]:
    """The steps that measure a system."""
    return [
        SystemStep(STAGE, name, {"system": "SYSTEM", **one.options(config)}, one.data, one.out)
        for name, one in measurements().items()
        if one.asked(config) and not one.refused(config)
    ]


def not_measured(config: Config) -> str:
    """Why what the configuration asks for cannot be measured of a system; "" = all can."""
    asked = (one.refused(config) for one in measurements().values() if one.asked(config))
    return "; ".join(why for why in asked if why)
