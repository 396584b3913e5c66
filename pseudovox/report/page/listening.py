"""Speech to listen to: a seeded choice of utterances, each as it was and as every system made it.

FLAC, since it keeps what was made as it is and the same samples give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pseudovox.components import f0
from pseudovox.config import Config
from pseudovox.core.errors import PseudovoxError
from pseudovox.core.seeds import seed_for
from pseudovox.data import audio
from pseudovox.data.audio import SAMPLE_RATE
from pseudovox.data.datadir import DataDir, read_table, write_atomic
from pseudovox.metrics.wer import count_edits, normalise
from pseudovox.records import ORIGINAL
from pseudovox.report.page.experiment import GENDERS, Experiment

LONGEST = 60.0  # seconds of a sample
MEGABYTE = 1e6
HIGHEST = 8000.0  # Hz, of the spectrograms
BINS, WINDOW, HOP = 128, 400, 160  # of the spectrograms: rows, and samples of 16 kHz
RANGE = 60.0  # decibels from the loudest point to white
F0_RANGE = (60.0, 500.0)  # Hz, of the contours


@dataclass(frozen=True)
class Word:
    """A word of a transcript: `kind` is same, wrong, missing or added; `instead` what was said in the place of it."""

    text: str
    kind: str = "same"
    instead: str = ""


@dataclass(frozen=True)
class Version:
    """An utterance as one system made it.

    Attributes:
        system: or ORIGINAL.
        sound, picture: names of files in the page's folder.
        seconds: its length.
        words: what the recogniser understood, None where it was not run.
        errors: in words, e.g. "2 of 8 words wrong".
        contour: F0 as points of SVG polylines, in a box of 1000 by 100.
        pitch: its middle in words, "" if nothing is voiced.
    """

    system: str
    sound: str
    picture: str
    seconds: float
    words: list[Word] | None
    errors: str
    contour: list[str]
    pitch: str


@dataclass(frozen=True)
class Sample:
    """An utterance to listen to; `why` it was chosen, in words."""

    utterance: str
    speaker: str
    gender: str
    set: str
    why: str
    text: str
    versions: list[Version]


@dataclass(frozen=True)
class Candidate:
    """An utterance that may be chosen: its data dir, length, and mean word errors over the systems (None: unknown)."""

    data: DataDir
    utterance: str
    gender: str
    seconds: float
    errors: float | None


def gather(experiment: Experiment, folder: Path, *, max_audio: float) -> list[Sample]:
    """Choose utterances and write their sound and pictures.

    Args:
        experiment: the run.
        folder: gets audio/ and spectrograms/.
        max_audio: megabytes of sound, at most: utterances that do not fit in are left out.

    Returns:
        the samples; none where there is no speech to be found.
    """
    parts = _speech(experiment)
    made = {}
    for part in parts:
        others = {system: experiment.data_dir(f"{part.name}_{system}") for system in experiment.systems}
        made[part.name] = {system: other for system, other in others.items() if other is not None}
    parts = [part for part in parts if made[part.name]]
    understood = {part.name: _hypotheses(experiment, part.name) for part in parts}
    found = [c for part in parts for c in _candidates(experiment, part, made[part.name], understood[part.name])]
    samples: list[Sample] = []
    left = max_audio * MEGABYTE
    for number, (chosen, why) in enumerate(choose(found, experiment.seed), 1):
        part = chosen.data
        speech: dict[str, np.ndarray] = {}
        try:
            for system, source in {ORIGINAL: part, **made[part.name]}.items():
                # The beginning of a long recording: the page holds it several times over.
                span = (0.0, LONGEST) if source.duration(chosen.utterance) > LONGEST else None
                speech[system] = audio.load(source, chosen.utterance, span=span)
        except PseudovoxError:  # a command, or a file that is gone
            continue
        flacs = {system: _flac(own) for system, own in speech.items()}
        size = sum(map(len, flacs.values()))
        if size > left:
            continue
        left -= size
        versions = []
        for place, (system, own) in enumerate(speech.items()):
            stem = f"{number:02}-{place}"  # not the ids: those may be anything
            for sub, name, content in (
                ("audio", f"{stem}.flac", flacs[system]),
                ("spectrograms", f"{stem}.png", spectrogram_png(own)),
            ):
                (folder / sub).mkdir(exist_ok=True)
                write_atomic(folder / sub / name, content)
            heard = understood[part.name].get(system, {}).get(chosen.utterance)
            words, errors = marked(part.tables.get("text", {}).get(chosen.utterance), heard, experiment.config)
            contour = f0.extract(own, experiment.config.f0)
            versions.append(
                Version(
                    system, f"audio/{stem}.flac", f"spectrograms/{stem}.png", len(own) / SAMPLE_RATE, words, errors,
                    polylines(contour), _pitch(contour),
                )
            )  # fmt: skip
        text = part.tables.get("text", {}).get(chosen.utterance, "")
        speaker = part.utt2spk[chosen.utterance]
        gender = GENDERS.get(chosen.gender, "")
        samples.append(Sample(chosen.utterance, speaker, gender, part.origin.set, why, text, versions))
    return samples


def _speech(experiment: Experiment) -> list[DataDir]:
    """The original data dirs to choose from: trials of the first set that has some, or else all that was anonymized."""
    config = experiment.config
    tried = [pair.split()[1] for pair in config.sets.trials if len(pair.split()) == 2]
    first = [name for name in tried if experiment.sets and experiment.set_of(name) == experiment.sets[0]]
    for names in (first, tried, config.sets.anonymize, config.sets.emotion):
        found = [part for name in dict.fromkeys(names) if (part := experiment.data_dir(name))]
        if found:
            return found
    return []


def _hypotheses(experiment: Experiment, name: str) -> dict[str, Mapping[str, str]]:
    """What the recogniser understood, by system and utterance."""
    found: dict[str, Mapping[str, str]] = {}
    for system in [ORIGINAL, *experiment.systems]:
        path = experiment.folder / system / "asr" / (name if system == ORIGINAL else f"{name}_{system}") / "hyp"
        try:
            found[system] = read_table(path)
        except (PseudovoxError, OSError):
            continue
    return found


def _candidates(
    experiment: Experiment, part: DataDir, made: Mapping[str, DataDir], heard: Mapping[str, Mapping[str, str]]
) -> list[Candidate]:
    text, genders = part.tables.get("text", {}), part.tables.get("spk2gender", {})
    how = experiment.config.wer.normalisation
    found = []
    for utterance in part.utterances:
        if not all(utterance in other.utt2spk for other in made.values()):
            continue
        rates = [
            count_edits(text[utterance], own[utterance], how).rate
            for system, own in heard.items()
            if system != ORIGINAL and utterance in own and text.get(utterance, "").split()
        ]
        seconds = part.duration(utterance)
        mean = float(np.mean(rates)) if rates else None
        found.append(Candidate(part, utterance, genders.get(part.utt2spk[utterance], ""), seconds, mean))
    return found


def choose(found: Sequence[Candidate], seed: int) -> list[tuple[Candidate, str]]:
    """Utterances of every gender with the reason why: at random, short, long, recognised best and worst.

    No taste decides: ties are broken by (seed, id). Random ones come first, of each gender in turn, then the
    others, so that what must be left out for its size is an extreme one.
    """

    def draw(one: Candidate) -> int:
        return seed_for(seed, "listen", f"{one.data.name}/{one.utterance}")

    reasons = {
        "drawn at random": lambda one: (0.0, draw(one)),
        "short": lambda one: (one.seconds, draw(one)),
        "long": lambda one: (-one.seconds, draw(one)),
        "understood best": lambda one: (one.errors or 0.0, draw(one)),
        "understood worst": lambda one: (-(one.errors or 0.0), draw(one)),
    }
    genders = sorted({one.gender for one in found})
    chosen: dict[tuple[str, str], tuple[Candidate, str]] = {}
    speakers: set[str] = set()
    for why, order in reasons.items():
        for gender in genders:
            left = [
                one
                for one in found
                if one.gender == gender
                and (one.data.name, one.utterance) not in chosen
                and ("understood" not in why or one.errors is not None)
            ]
            # A new speaker each time, as long as there are some.
            fresh = [one for one in left if one.data.utt2spk[one.utterance] not in speakers] or left
            if fresh:
                best = min(fresh, key=order)
                chosen[best.data.name, best.utterance] = best, why
                speakers.add(best.data.utt2spk[best.utterance])
    return list(chosen.values())


def marked(reference: str | None, heard: str | None, config: Config) -> tuple[list[Word] | None, str]:
    """What was understood, word by word, with errors marked; and how many there are, in words."""
    if heard is None:
        return None, ""
    how = config.wer.normalisation
    if not (reference or "").split():
        return [Word(word) for word in heard.split()], ""
    import jiwer

    said, understood = normalise(reference or "", how), normalise(heard, how)
    output = jiwer.process_words(said, understood)
    words: list[Word] = []
    for chunk in output.alignments[0]:
        ours = output.references[0][chunk.ref_start_idx : chunk.ref_end_idx]
        theirs = output.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]
        if chunk.type == "substitute":
            words += [Word(b, "wrong", a) for a, b in zip(ours, theirs, strict=True)]
        elif chunk.type == "delete":
            words += [Word(a, "missing") for a in ours]
        else:
            words += [Word(b, "same" if chunk.type == "equal" else "added") for b in theirs]
    wrong = output.substitutions + output.deletions + output.insertions
    return words, f"{wrong} of {len(said.split())} words wrong" if wrong else "every word right"


def _flac(samples: np.ndarray) -> bytes:
    import soundfile

    file = io.BytesIO()
    pcm = np.clip(np.round(np.asarray(samples, np.float64) * 32768.0), -32768, 32767).astype(np.int16)
    soundfile.write(file, pcm, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Decibels below the loudest point, (BINS, frames), low frequencies first: windows of 25 ms every 10 ms."""
    padded = np.pad(np.asarray(samples, np.float64), (WINDOW // 2, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(samples) : HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), 2 * WINDOW)) ** 2
    edges = np.linspace(0, HIGHEST / (SAMPLE_RATE / 2) * WINDOW, BINS + 1).round().astype(int)
    bands = np.add.reduceat(power, edges[:-1], axis=1).T
    decibels = 10 * np.log10(np.maximum(bands, 1e-12))
    return np.asarray(decibels - decibels.max())


def spectrogram_png(samples: np.ndarray) -> bytes:
    """A spectrogram as a grey picture, loud = dark, high frequencies above."""
    from PIL import Image

    levels = np.clip(1 + spectrogram(samples) / RANGE, 0, 1)[::-1]
    file = io.BytesIO()
    Image.fromarray((255 - 255 * levels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return file.getvalue()


def polylines(contour: np.ndarray) -> list[str]:
    """The voiced stretches of an F0 contour (frames,), in Hz, as points in a box of 1000 by 100; logarithmic."""
    low, high = np.log(F0_RANGE)
    voiced = contour > 0
    heights = 100 - 100 * (np.log(np.clip(contour, *F0_RANGE)) - low) / (high - low)
    places = 1000 * np.arange(len(contour)) / max(1, len(contour) - 1)
    starts = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(int), [0]])))
    return [
        " ".join(f"{places[i]:.1f},{heights[i]:.1f}" for i in range(first, last))
        for first, last in zip(starts[::2], starts[1::2], strict=True)
        if last - first > 1
    ]


def _pitch(contour: np.ndarray) -> str:
    voiced = contour[contour > 0]
    return f"{np.median(voiced):.0f} Hz" if len(voiced) else ""
