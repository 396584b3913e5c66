"""The smallest data a step can be tried on: a made corpus of seconds, random models, random features.

`make(folder, arguments)` puts below `folder` what a command of run.sh reads, and no more: data/<set>, and of
exp/ the models and features among its arguments. Every sound and number comes from an id, so two benches are equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.config import Config
from pseudovox.core.seeds import generator
from pseudovox.data.archive import write_ark, write_scp
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir, bytewise, scp_path, write_atomic

SYSTEM = "pca_gmm"
WHOLE_SYSTEM = "mcadams"  # one of a single step
SETS = ("train", "test_enrolls", "test_trials_f")
OVERRIDES = (  # of recipes/mini: the sets, and training that is over at once
    "size=smoke", "sets.trials=[test_enrolls test_trials_f]", "f0.method=dio",
    *(f"{section}.training={{updates: 2, round_updates: 1, batch_size: 4, threads: 1, precision: 32-true}}"
      for section in ("xvector", "attacker", "bottleneck", "synthesizer", "recognizer")),
    "bottleneck.quantizer_start=1",
)  # fmt: skip
_SPEAKERS = {"train": 8, "test_enrolls": 3, "test_trials_f": 3}
_UTTERANCES = 3
_WORDS = ("one", "two", "three")
_RATE = 16000


def make(folder: Path, arguments: Sequence[str], config: Config, *, anonymized: bool = False) -> list[str]:
    """Make a bench.

    Args:
        folder: an empty folder; the working directory that the command will have.
        arguments: of the command, its output last; those that are known below exp/ are made.
        config: the resolved configuration.
        anonymized: also make data/<set>_pca_gmm.

    Returns:
        the arguments that were made beside the data dirs, e.g. ["exp/models/xvector"].
    """
    data = {name: _data_dir(folder, name) for name in SETS}
    for part in data.values():
        part.write(folder / "data" / part.name)
        if anonymized:
            part.write(folder / "data" / f"{part.name}_{SYSTEM}")
    makers: dict[str, Callable[[Path], None]] = {
        "exp/models/xvector": lambda path: _speaker_model(path, config),
        "exp/models/bottleneck": lambda path: _bottleneck_model(path, config),
        "exp/models/synthesizer": lambda path: _synthesizer_model(path, config),
        "exp/models/recognizer": lambda path: _recognizer_model(path, config),
        "exp/attacker/original": lambda path: _speaker_model(path, config),
        f"exp/models/pseudo/{SYSTEM}": lambda path: _generator(path, config),
        "exp/original/asr": lambda path: _hypotheses(path, data),
    }
    features: dict[str, tuple[tuple[str, Callable[[DataDir, str], np.ndarray]], ...]] = {
        "exp/xvectors": (("xvector", _vector(config.xvector.embedding)),),
        "exp/asv/original": (("xvector", _vector(config.attacker.embedding)),),
        "exp/f0": (("f0", _contour),),
        f"exp/{SYSTEM}/f0": (("f0", _contour),),
        "exp/bottleneck": (("bottleneck", _content(config)),),
        f"exp/{SYSTEM}/pseudo": (
            ("pseudo_xvector", _vector(config.xvector.embedding)),
            ("pseudo_f0", lambda part, utterance: np.array([5.2, 0.15])),
        ),
    }
    made = []
    for argument in arguments[:-1]:
        if argument in makers:
            (folder / argument).mkdir(parents=True)
            makers[argument](folder / argument)
        elif argument in features:
            for part in data.values():
                for name, array in features[argument]:
                    arrays = {utterance: array(part, utterance) for utterance in part.utterances}
                    _write(folder, f"{argument}/{part.name}", name, arrays)
                    if name == "xvector":
                        means = {spk: np.mean([arrays[utt] for utt in utts], 0) for spk, utts in part.spk2utt.items()}
                        _write(folder, f"{argument}/{part.name}", "spk_xvector", means)
        else:
            continue
        made.append(argument)
    return made


# ---------------------------------------------------------------------- data dirs
def _data_dir(folder: Path, name: str) -> DataDir:
    tables: dict[str, dict[str, str]] = {
        table: {} for table in ("wav.scp", "utt2spk", "utt2dur", "text", "spk2gender", "spk2fold")
    }
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    phones = []
    for number in range(_SPEAKERS[name]):
        gender = "f" if name == "test_trials_f" or number % 2 else "m"
        speaker = f"{'tr' if name == 'train' else 'te'}{number}"
        tables["spk2gender"][speaker], tables["spk2fold"][speaker] = gender, "1"
        for take in range(_UTTERANCES):
            utterance = f"{speaker}-{name}-{take}"
            samples = _voice(speaker, gender, utterance)
            write_wav(folder / "audio" / f"{utterance}.wav", samples)
            tables["wav.scp"][utterance] = f"audio/{utterance}.wav"
            tables["utt2spk"][utterance] = speaker
            tables["utt2dur"][utterance] = f"{len(samples) / _RATE:.4f}"
            tables["text"][utterance] = " ".join(_WORDS[take:] + _WORDS[: number % 2])
            half = len(samples) / _RATE / 2
            phones += [f"{utterance} 1 0.00 {half:.2f} aa", f"{utterance} 1 {half:.2f} {half:.2f} n"]
    lists = {"phones.ctm": phones} if name == "train" else {}
    utterances = bytewise(tables["utt2spk"])
    if name == "test_enrolls":
        lists["enrolls"] = [utterance for utterance in utterances if not utterance.endswith("2")]
    if name == "test_trials_f":
        lists["trials"] = [
            f"{speaker} {utterance} {'target' if utterance.startswith(speaker) else 'nontarget'}"
            for speaker in bytewise(tables["spk2gender"])
            for utterance in utterances
        ]
    return DataDir(Path("data") / name, tables, lists)


def _voice(speaker: str, gender: str, utterance: str) -> np.ndarray:
    """Some 0.7 s of a buzz with the speaker's pitch and tilt, silence at both ends; float64 (samples,)."""
    own, draw = generator(0, "voice", speaker), generator(0, "bench", utterance)
    pitch = (200 if gender == "f" else 120) * (1 + 0.1 * own.standard_normal())
    tilt = 0.7 + 0.4 * own.random()
    length = 8000 + int(draw.integers(0, 4000))
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(np.arange(length) / 2500))) / _RATE
    buzz = np.sum([np.sin(order * phase) / order**tilt for order in range(1, 15)], axis=0)
    samples = np.concatenate([np.zeros(1600), 0.06 * buzz, np.zeros(1600)])
    return samples + 0.001 * draw.standard_normal(len(samples))


# ---------------------------------------------------------------------- features
def _write(folder: Path, place: str, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    (folder / place).mkdir(parents=True, exist_ok=True)
    entries = write_ark(folder / place / f"{name}.ark", arrays)
    below = f"{scp_path(folder)}/"  # the command runs in `folder`
    write_scp(folder / place / f"{name}.scp", {key: entry.removeprefix(below) for key, entry in entries.items()})


def _samples(part: DataDir, utterance: str) -> int:
    return round(part.duration(utterance) * _RATE)


def _vector(dimension: int) -> Callable[[DataDir, str], np.ndarray]:
    def made(part: DataDir, utterance: str) -> np.ndarray:
        speaker = part.utt2spk[utterance]
        voice = generator(0, "bench-speaker", speaker).standard_normal(dimension)
        gender = 1.0 if part.spk2gender[speaker] == "f" else -1.0
        return gender + voice + 0.3 * generator(0, "bench-vector", utterance).standard_normal(dimension)

    return made


def _contour(part: DataDir, utterance: str) -> np.ndarray:
    frames = np.arange(_samples(part, utterance) // 160 + 1)
    level = 200.0 if part.spk2gender[part.utt2spk[utterance]] == "f" else 120.0
    voiced = (frames > 9) & (frames < len(frames) - 10)
    return np.where(voiced, level * (1 + 0.1 * np.sin(frames / 15)), 0.0)


def _content(config: Config) -> Callable[[DataDir, str], np.ndarray]:
    own: Any = config.bottleneck

    def made(part: DataDir, utterance: str) -> np.ndarray:
        frames = -(-_samples(part, utterance) // (160 * own.stride))
        return generator(0, "bench-content", utterance).standard_normal((frames, own.dimension))

    return made


def _hypotheses(path: Path, data: Mapping[str, DataDir]) -> None:
    for part in data.values():
        (path / part.name).mkdir()
        write_atomic(
            path / part.name / "hyp",
            "".join(f"{utterance} {part.text[utterance].split()[0]}\n" for utterance in part.utterances),
        )


# ---------------------------------------------------------------------- models
def _save(path: Path, kind: str, hyperparameters: dict[str, Any], facts: dict[str, Any]) -> None:
    import torch

    from pseudovox.models import store

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = store.build(kind, hyperparameters)
    store.save(path, network, kind=kind, hyperparameters=hyperparameters, facts=facts)


def _speaker_model(path: Path, config: Config) -> None:
    from dataclasses import asdict

    hyperparameters = {**config.xvector.hyperparameters(), "speakers": 8}
    facts = {"speakers": [f"tr{number}" for number in range(8)], "features": asdict(config.xvector.features)}
    _save(path, config.xvector.kind, hyperparameters, facts)


def _bottleneck_model(path: Path, config: Config) -> None:
    own: Any = config.bottleneck
    hyperparameters = {
        "bins": own.bins, "phones": 2, "channels": own.channels, "factor": own.factor,
        "dilations": list(own.dilations), "stride": own.stride, "dimension": own.dimension, "codes": own.codes,
        "tail": own.tail, "dropout": own.dropout,
    }  # fmt: skip
    facts = {
        "phones": ["aa", "n"], "floor_decibels": own.floor_decibels, "frame_shift_seconds": own.stride / 100,
        "dimension": own.dimension,
    }  # fmt: skip
    _save(path, "bottleneck", hyperparameters, facts)


def _synthesizer_model(path: Path, config: Config) -> None:
    from pseudovox.components import world

    own: Any = config.synthesizer
    content: Any = config.bottleneck
    hyperparameters = {
        "bottleneck": content.dimension, "stride": content.stride, "xvector": config.xvector.embedding,
        "envelope": own.coefficients, "aperiodicity": world.APERIODICITIES, "channels": own.channels,
        "kernel": own.kernel, "dilations": list(own.dilations), "speaker": own.speaker, "dropout": own.dropout,
    }  # fmt: skip
    _save(
        path, "synthesizer", hyperparameters, {key: hyperparameters[key] for key in ("bottleneck", "stride", "xvector")}
    )


def _recognizer_model(path: Path, config: Config) -> None:
    from pseudovox.components.recognition import language_model
    from pseudovox.training.recognizer import unit_inventory

    own = config.recognizer
    units = unit_inventory(_WORDS)
    hyperparameters = {
        "units": len(units), "mel_bins": own.mel_bins, "channels": own.channels, "blocks": own.blocks,
        "kernel": own.kernel, "subsampling": own.subsampling, "dropout": own.dropout, "phones": 2,
    }  # fmt: skip
    facts = {"units": units, "phones": ["aa", "n"], "floor_decibels": own.floor_decibels}
    _save(path, "recognizer", hyperparameters, facts)
    language_model.write_arpa(language_model.estimate([_WORDS, _WORDS[::-1]]), path / "lm.arpa")


def _generator(path: Path, config: Config) -> None:
    from pseudovox.anonymize import pseudo_pitch, pseudo_speakers
    from pseudovox.anonymize.pca_gmm import PcaGmm
    from pseudovox.anonymize.voice_model import VoiceModel
    from pseudovox.core.npz import write_npz

    dimension = config.xvector.embedding
    models = {
        gender: VoiceModel(
            mean=np.full(dimension, sign), components=np.eye(3, dimension), weights=np.ones(1),
            means=np.zeros((1, 3)), variances=np.ones((1, 3)),
        )
        for gender, sign in (("f", 1.0), ("m", -1.0))
    }  # fmt: skip
    pseudo_speakers.save(path, PcaGmm(models, threshold=1.01))
    pitch = pseudo_pitch.PitchModel(
        weight=np.zeros((dimension, 2)), bias=np.array([[5.3, 0.15], [4.8, 0.15]]), residual=0.01 * np.eye(2),
        lowest=np.array([4.0, 0.05]), highest=np.array([6.0, 0.4]),
    )  # fmt: skip
    write_npz(path / pseudo_pitch.FILE, vars(pitch))
    assert json.loads((path / pseudo_speakers.CARD).read_text())["strategy"] == config.pseudo.strategy
