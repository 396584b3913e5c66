"""The synthetic corpus of recipes/mini: speakers that do not exist, reading sentences from a small vocabulary.

A speaker is an accent, a random espeak-ng voice (F0, formants, glottal tone, breath, stress), a speaking rate and
a mild warp of the whole spectrum; an utterance varies F0, its range and the rate around that. Training speech is
clean; half of the dev and test utterances pass through a mild channel (noise, small room). Frame labels are
espeak's own phone times.

Every draw comes from (seed, purpose, speaker or utterance id), and every speaker is spoken in a fresh process
(`pseudovox.components.espeak` says why), so a speaker's speech depends on nothing but the seed and its id.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.core.seeds import generator, seed_for
from pseudovox.data.datadir import DataDir, scp_path

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.components.espeak import Espeak, TimedPhone

SAMPLE_RATE = 16000
GENDERS = ("f", "m")
LOWEST_F0 = 75.0  # Hz; trackers often look no further
_ACCENTS = ("en", "en-us", "en-us-nyc", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan")
# By part: the number of its first speaker, so that one more speaker renames nobody else, and the most speakers.
_SPEAKERS = {"train": (1, 198), "attacker": (101, 800), "dev": (501, 198), "test": (601, 198)}
_RESAMPLE_UP, _RESAMPLE_DOWN = 320, 441  # 22050 Hz -> 16000 Hz; another divisor warps the spectrum
_PRELOAD = ["numpy", "scipy.signal", "scipy.fft", "soundfile", "espeakng_loader", "pseudovox.stage", __name__]


@dataclass(frozen=True)
class Sizes:
    """How many speakers (half of them f, half m) and utterances a speaker; `attacker`: further training speakers."""

    train_speakers: int
    train_utterances: int
    dev_speakers: int
    test_speakers: int
    enroll_utterances: int
    trial_utterances: int
    attacker_speakers: int = 0
    attacker_utterances: int = 0


SIZES: dict[str, Sizes] = {
    "mini": Sizes(110, 24, 20, 40, 4, 9),
    "attack": Sizes(110, 24, 20, 40, 4, 9, 800, 8),
    "smoke": Sizes(12, 3, 4, 6, 1, 2),
}


@dataclass(frozen=True)
class SetPlan:
    """One data dir of the corpus.

    Attributes:
        name: of the data dir.
        part: train, dev or test.
        role: train, enrolls or trials.
        speakers: their ids.
        first, last: numbers of the utterances of each speaker, both included.
    """

    name: str
    part: str
    role: str
    speakers: tuple[str, ...]
    first: int
    last: int


def plan_sets(sizes: Sizes) -> list[SetPlan]:
    """The data dirs train, attacker (if it has speakers), {dev,test}_enrolls, {dev,test}_trials_f and ..._m.

    Speakers are f001.. and m001.. in train, 101.. in attacker, 501.. in dev, 601.. in test; enrolment takes the first
    utterances of each, trials those that follow. One more speaker or utterance changes no other.

    Raises:
        ValueError: a number of speakers that is odd or leaves no non-target trials.
    """
    plans = []
    for part, (first, most) in _SPEAKERS.items():
        count = getattr(sizes, f"{part}_speakers")
        if part == "attacker" and not count:
            continue
        if count % 2 or not 4 <= count <= most:
            raise ValueError(f"{part}_speakers={count}: expected an even number from 4 to {most}, half f and half m")
        speakers = {gender: tuple(f"{gender}{first + index:03d}" for index in range(count // 2)) for gender in GENDERS}
        everybody = speakers["f"] + speakers["m"]
        enroll = sizes.enroll_utterances
        if part in ("train", "attacker"):
            plans.append(SetPlan(part, "train", "train", everybody, 1, getattr(sizes, f"{part}_utterances")))
            continue
        plans.append(SetPlan(f"{part}_enrolls", part, "enrolls", everybody, 1, enroll))
        for gender in GENDERS:
            name = f"{part}_trials_{gender}"
            plans.append(SetPlan(name, part, "trials", speakers[gender], enroll + 1, enroll + sizes.trial_utterances))
    return plans


@dataclass(frozen=True)
class Speaker:
    """A voice.

    Attributes:
        identity: gender and three digits, e.g. f001.
        gender: f or m.
        accent: one of pseudovox.components.espeak.ACCENTS.
        variant: lines of an espeak-ng voice file.
        rate: words per minute.
        divisor: of the resampling ratio 320 / divisor; all frequencies are multiplied by divisor / 441.
    """

    identity: str
    gender: str
    accent: str
    variant: str
    rate: float
    divisor: int

    @property
    def warp(self) -> float:
        """Factor on all frequencies, about 0.92 to 1.12."""
        return self.divisor / _RESAMPLE_DOWN


@dataclass(frozen=True)
class Utterance:
    """What was spoken; `phones` are (label, start, end) without gaps, seconds."""

    identity: str
    speaker: str
    text: str
    duration: float
    phones: list[tuple[str, float, float]]

    def ctm(self) -> list[str]:
        """The phones as lines of `phones.ctm`."""
        return [f"{self.identity} 1 {start:.4f} {end - start:.4f} {label}" for label, start, end in self.phones]


def draw_speaker(seed: int, identity: str) -> Speaker:
    """The voice of the speaker `identity`, whose first letter is the gender.

    F0 means are log-normal about 205 Hz (f) and 115 Hz (m), vocal-tract factors on the formants normal about 1.14
    and 0.98: apart as in adults (Peterson and Barney 1952), with some overlap in each.
    """
    import numpy as np

    draw = generator(seed, "speaker", identity)
    gender = identity[0]
    if gender == "f":
        f0 = float(np.clip(np.exp(draw.normal(np.log(205.0), 0.15)), 155.0, 285.0))
        tract = float(np.clip(draw.normal(1.14, 0.05), 1.03, 1.26))
    else:
        f0 = float(np.clip(np.exp(draw.normal(np.log(115.0), 0.17)), 92.0, 170.0))
        tract = float(np.clip(draw.normal(0.98, 0.05), 0.88, 1.09))
    # A part of the tract's length goes into the resampling, which also reaches the recorded consonants.
    warp = float(np.clip(1.0 + 0.4 * (tract - 1.06) + draw.normal(0.0, 0.03), 0.92, 1.12))
    divisor = round(_RESAMPLE_DOWN * warp)
    warp = divisor / _RESAMPLE_DOWN

    # Lively intonation: over flat contours, errors at the edges of voicing would decide a pitch correlation.
    pitch_range = float(draw.uniform(0.5, 0.95))
    low, high = max(f0 * (1.0 - 0.55 * pitch_range), LOWEST_F0), f0 * (1.0 + 0.4 * pitch_range)
    lines = [f"pitch {low / warp:.0f} {high / warp:.0f}"]
    for formant in range(9):
        frequency = 100.0 * tract / warp * np.exp(draw.normal(0.0, 0.045))
        # Formant 0 carries the fundamental; where it is weak, F0 trackers jump an octave up.
        strength = 100.0 * np.exp(draw.normal(0.3, 0.1) if formant == 0 else draw.normal(0.0, 0.25))
        width = 100.0 * np.exp(draw.normal(0.0, 0.15))
        lines.append(f"formant {formant} {frequency:.0f} {strength:.0f} {width:.0f}")
    tone = [amplitude * np.exp(draw.normal(0.0, 0.25)) for amplitude in (170.0, 135.0, 110.0, 100.0)]
    points = zip((600, 1200, 2000, 3000), tone, strict=True)
    lines.append("tone " + " ".join(f"{hertz} {min(amplitude, 255):.0f}" for hertz, amplitude in points))
    breath = draw.uniform(0.0, 4.0 if gender == "f" else 2.5)
    lines.append("breath 0 " + " ".join(f"{breath * draw.uniform(0.5, 1.5):.0f}" for _ in range(7)))
    stress = [draw.normal(0.0, 12.0) for _ in range(4)]
    lines.append("stressAdd " + " ".join(f"{stress[index // 2]:.0f}" for index in range(8)))
    lines += [
        f"flutter {draw.integers(0, 3)}",
        f"roughness {draw.integers(0, 2)}",
        f"voicing {draw.integers(80, 126)}",
        f"consonants {draw.integers(80, 121)} {draw.integers(80, 121)}",
        f"intonation {draw.integers(1, 4)}",
    ]
    accent = _ACCENTS[int(draw.integers(len(_ACCENTS)))]
    rate = float(draw.uniform(150.0, 195.0))
    return Speaker(identity, gender, accent, "\n".join(lines), rate, divisor)


def speak(espeak: Espeak, speaker: Speaker, utterance: str, part: str, seed: int) -> tuple[np.ndarray, Utterance]:
    """Draw the sentence of one utterance and speak it with the current voice of `espeak`, the speaker's.

    Returns:
        float32 (samples,) at 16 kHz, and what was spoken, with 40 to 150 ms of silence at either end.
    """
    import numpy as np
    from scipy.signal import resample_poly

    from pseudovox.corpora.synthetic.sentences import draw_sentence
    from pseudovox.data.augment import MILD, add_noise, augment, set_level

    text = draw_sentence(part, generator(seed, "sentence", utterance))
    draw = generator(seed, "prosody", utterance)
    question = text.split()[0] in ("did", "where", "why", "how")
    speech = espeak.say(
        text + ("?" if question else "."),
        rate=round(speaker.rate / speaker.warp * np.exp(draw.normal(0.0, 0.06))),
        pitch=round(float(np.clip(draw.normal(50.0, 4.0), 40.0, 60.0))),
        pitch_range=round(float(np.clip(draw.normal(50.0, 10.0), 25.0, 75.0))),
    )
    # espeak's clock runs at 22050 Hz before the warp: 320 samples out for `divisor` samples in.
    scale = _RESAMPLE_UP * 22050 / speaker.divisor / SAMPLE_RATE
    samples = resample_poly(speech.samples, _RESAMPLE_UP, speaker.divisor).astype(np.float32)
    samples, phones = _trim(samples, speech.phones, scale, draw.uniform(0.04, 0.15, size=2))
    samples = add_noise(samples, 60.0, "pink", draw)  # a studio's own noise: no digital silence
    channel = generator(seed, "channel", utterance)
    if part != "train" and channel.random() < 0.5:
        samples = augment(samples, channel, MILD)
    else:
        samples = set_level(samples, float(channel.uniform(*MILD.rms_db)))
    return samples, Utterance(utterance, speaker.identity, text, len(samples) / SAMPLE_RATE, phones)


def _trim(
    samples: np.ndarray, phones: list[TimedPhone], scale: float, pauses: np.ndarray
) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Cut to the first and last spoken phone and put silences of `pauses` (2,) seconds around."""
    import numpy as np

    spoken = [index for index, phone in enumerate(phones) if phone.label != "sil"]
    inner = phones[spoken[0] : spoken[-1] + 1]
    begin = round(inner[0].start * scale * SAMPLE_RATE)
    end = min(round(inner[-1].end * scale * SAMPLE_RATE), len(samples))
    before, after = (round(pause * SAMPLE_RATE) for pause in pauses)
    result = np.zeros(before + end - begin + after, dtype=np.float32)
    tail = samples[end : end + after]  # what still sounds after the last phone's end
    result[before : before + end - begin] = samples[begin:end]
    result[before + end - begin : before + end - begin + len(tail)] = tail
    shift = (before - begin) / SAMPLE_RATE
    timed = [(phone.label, phone.start * scale + shift, phone.end * scale + shift) for phone in inner]
    timed[0] = (timed[0][0], before / SAMPLE_RATE, timed[0][2])
    total = len(result) / SAMPLE_RATE
    return result, [("sil", 0.0, timed[0][1]), *timed, ("sil", timed[-1][2], total)]


def make_set(
    plan: SetPlan,
    folder: Path | str,
    final: Path | str | None = None,
    *,
    seed: int = 0,
    nj: int = 1,
    progress: Callable[[Sequence[Utterance]], None] | None = None,
) -> DataDir:
    """Speak one set and write its data dir, audio included (<folder>/wav/<utterance>.wav, 16 kHz, 16 bit).

    Args:
        plan: what to make.
        folder: where to write.
        final: where the folder will lie in the end, which is what wav.scp names (default: `folder`).
        seed: of voices, sentences, prosody and channels.
        nj: processes; the result does not depend on it.
        progress: called with the utterances of each speaker as they are made.
    """
    folder = Path(folder)
    final = Path(final or folder)
    (folder / "wav").mkdir(parents=True, exist_ok=True)
    # Forked from a server that has the imports but has never touched espeak: each speaker finds fresh global state.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    spoken: list[Utterance] = []
    with context.Pool(max(min(nj, len(plan.speakers)), 1), maxtasksperchild=1) as pool:
        tasks = [(plan, speaker, seed, folder / "wav") for speaker in plan.speakers]
        for utterances in pool.imap(_speak_all, tasks, chunksize=1):
            spoken += utterances
            if progress is not None:
                progress(utterances)
    data = _data_dir(plan, spoken, final)
    data.check(("text", "spk2gender", "utt2dur"))
    data.write(folder)
    return data


def _speak_all(task: tuple[SetPlan, str, int, Path]) -> list[Utterance]:
    """The work of one process: a speaker's utterances of one set."""
    from pseudovox.components.espeak import Espeak
    from pseudovox.data.audio import write_wav

    plan, identity, seed, folder = task
    speaker = draw_speaker(seed, identity)
    spoken = []
    with Espeak() as espeak:
        espeak.set_voice(speaker.accent, speaker.variant, seed_for(seed, "espeak", f"{identity}/{plan.name}"))
        for number in range(plan.first, plan.last + 1):
            utterance = f"{identity}-{number:03d}"
            samples, record = speak(espeak, speaker, utterance, plan.part, seed)
            write_wav(folder / f"{utterance}.wav", samples, SAMPLE_RATE)
            spoken.append(record)
    return spoken


def _data_dir(plan: SetPlan, spoken: Sequence[Utterance], path: Path) -> DataDir:
    ordered = sorted(spoken, key=lambda utterance: utterance.identity)
    tables = {
        "wav.scp": {one.identity: scp_path(path / "wav" / f"{one.identity}.wav") for one in ordered},
        "utt2spk": {one.identity: one.speaker for one in ordered},
        "text": {one.identity: one.text.upper() for one in ordered},
        "spk2gender": {speaker: speaker[0] for speaker in plan.speakers},
        "utt2dur": {one.identity: f"{one.duration:.4f}" for one in ordered},
    }
    lists = {"phones.ctm": [line for one in ordered for line in one.ctm()]}
    if plan.role == "enrolls":
        lists["enrolls"] = [one.identity for one in ordered]
    elif plan.role == "trials":
        lists["trials"] = [
            f"{speaker} {one.identity} {'target' if one.speaker == speaker else 'nontarget'}"
            for speaker in plan.speakers
            for one in ordered
        ]
    return DataDir(path, tables, lists)
