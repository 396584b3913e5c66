"""Stand-in corpora: synthetic speech in the exact published layouts, a few speakers each; and single files for tests.

    PYTHONPATH=. python tests/standins.py corpora/standins     LibriSpeech, LibriTTS, VCTK, IEMOCAP, VoxCeleb 1

Voices and sentences are those of the synthetic corpus (pseudovox.corpora.synthetic.corpus): espeak-ng's, drawn from a
seed. No two speakers of any corpus share a voice.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from pseudovox.corpora.synthetic import corpus
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir

RATE = 16000
# Women, men and utterances of each, by subset.
LIBRISPEECH = {
    "train-clean-100": (2, 2, 3), "train-other-500": (2, 2, 3), "train-clean-360": (4, 4, 4),
    "dev-clean": (3, 3, 4), "test-clean": (3, 3, 4),
}  # fmt: skip
LIBRITTS = {"train-clean-100": (2, 2, 4), "train-other-500": (5, 5, 2)}
VCTK = (4, 4, (1, 2, 25, 26, 27, 28))  # numbers of the sentences: up to 24, all speakers have the same
IEMOCAP = ("ang", "exc", "neu", "sad", "fru")  # of every speaker's utterances
VOXCELEB1 = (3, 3, 3)
_LONGEST = 6  # utterances of a voice


@dataclass(frozen=True)
class Utterance:
    """What a voice says: words in upper case, samples (n,) at 16 kHz."""

    text: str
    samples: np.ndarray


class Voices:
    """Voices that were not heard before, by gender."""

    def __init__(self, folder: Path, seed: int, women: int, men: int) -> None:
        counts = {"f": women, "m": men}
        names = {gender: [f"{gender}{n:03d}" for n in range(1, count + 1)] for gender, count in counts.items()}
        plan = corpus.SetPlan("standins", "train", "train", (*names["f"], *names["m"]), 1, _LONGEST)
        self.data: DataDir = corpus.make_set(plan, folder, seed=seed, nj=2)
        self.left = {gender: iter(own) for gender, own in names.items()}

    def take(self, gender: str, utterances: int) -> list[Utterance]:
        """The first utterances of the next voice."""
        spoken = self.data.spk2utt[next(self.left[gender])][:utterances]
        return [Utterance(self.data.text[one], load(self.data, one)) for one in spoken]


def make(folder: Path, seed: int = 1) -> Path:
    """All stand-in corpora below a folder, under the names that they are looked for by."""
    women = sum(sizes[0] for sizes in (*LIBRISPEECH.values(), *LIBRITTS.values(), VCTK, VOXCELEB1)) + 5
    men = sum(sizes[1] for sizes in (*LIBRISPEECH.values(), *LIBRITTS.values(), VCTK, VOXCELEB1)) + 5
    with tempfile.TemporaryDirectory(prefix="pseudovox-standins-") as scratch:
        voices = Voices(Path(scratch), seed, women, men)
        librispeech(folder / "LibriSpeech", voices)
        libritts(folder / "LibriTTS", voices)
        vctk(folder / "VCTK-Corpus-0.92", voices)
        iemocap(folder / "IEMOCAP_full_release", voices)
        voxceleb1(folder / "VoxCeleb1", voices)
    return folder


def readers(
    subsets: dict[str, tuple[int, int, int]], voices: Voices
) -> Iterator[tuple[str, str, str, list[Utterance]]]:
    """(subset, reader, gender, utterances) of the subsets of a corpus of audio books."""
    number = 19
    for subset, (women, men, utterances) in subsets.items():
        for gender in "f" * women + "m" * men:
            number += 137  # two to four digits: their order by bytes is not that by number
            yield subset, str(number), gender, voices.take(gender, utterances)


def librispeech(root: Path, voices: Voices) -> None:
    """Every reader in two chapters."""
    table = [";ID  |SEX| SUBSET           |MINUTES| NAME"]
    for subset, reader, gender, spoken in readers(LIBRISPEECH, voices):
        table.append(f"{reader} | {gender.upper()} | {subset} | 0.1 | Nobody")
        for chapter, own in ((f"{reader}1", spoken[::2]), (f"{reader}2", spoken[1::2])):
            folder, name = root / subset / reader / chapter, f"{reader}-{chapter}"
            for number, one in enumerate(own):
                put_speech(folder / f"{name}-{number:04d}.flac", one)
            put_text(
                folder / f"{name}.trans.txt", *(f"{name}-{number:04d} {one.text}" for number, one in enumerate(own))
            )
    put_text(root / "SPEAKERS.TXT", *table)


def libritts(root: Path, voices: Voices) -> None:
    """At 24 kHz, as sentences of one chapter."""
    table = [";ID  |SEX| SUBSET           |MINUTES| NAME"]
    for subset, reader, gender, spoken in readers(LIBRITTS, voices):
        table.append(f"{reader} | {gender.upper()} | {subset} | 0.1 | Nobody")
        for number, one in enumerate(spoken):
            path = root / subset / reader / f"{reader}1" / f"{reader}_{reader}1_{number:06d}_000000"
            put_speech(path.with_suffix(".wav"), one, 24000)
            for kind in ("normalized", "original"):
                put_text(path.with_suffix(f".{kind}.txt"), f"{one.text.capitalize()}.")
    put_text(root / "SPEAKERS.txt", *table)


def vctk(root: Path, voices: Voices) -> None:
    """Version 0.92: 48 kHz, two microphones, which hear the same here."""
    table = ["ID  AGE  GENDER  ACCENTS  REGION COMMENTS"]
    women, men, sentences = VCTK
    for number, gender in enumerate("f" * women + "m" * men):
        speaker = f"p{225 + number}"
        table.append(f"{speaker}  23  {gender.upper()}    English    Southern  England")
        for sentence, one in zip(sentences, voices.take(gender, len(sentences)), strict=True):
            name = f"{speaker}_{sentence:03d}"
            for mic in (1, 2):
                put_speech(root / "wav48_silence_trimmed" / speaker / f"{name}_mic{mic}.flac", one, 48000)
            put_text(root / "txt" / speaker / f"{name}.txt", f"{one.text.capitalize()}.")
    put_text(root / "speaker-info.txt", *table)


def iemocap(root: Path, voices: Voices) -> None:
    """One dialogue a session, of a woman and a man who take turns."""
    for session in range(1, 6):
        folder, dialog = root / f"Session{session}", f"Ses{session:02d}F_impro01"
        labels, texts, start = [], [], 0.0
        for letter in "FM":
            for number, one in enumerate(voices.take(letter.lower(), len(IEMOCAP))):
                name, end = f"{dialog}_{letter}{number:03d}", start + len(one.samples) / RATE
                put_speech(folder / "sentences" / "wav" / dialog / f"{name}.wav", one)
                labels.append(f"[{start:.4f} - {end:.4f}]\t{name}\t{IEMOCAP[number]}\t[2.5000, 2.5000, 2.5000]")
                texts.append(f"{name} [{start:08.4f}-{end:08.4f}]: {one.text.capitalize()}.")
                start = end
        put_text(
            folder / "dialog" / "EmoEvaluation" / f"{dialog}.txt", "% [START_TIME - END_TIME] TURN_NAME ...", *labels
        )
        put_text(folder / "dialog" / "transcriptions" / f"{dialog}.txt", *texts)


def voxceleb1(root: Path, voices: Voices) -> None:
    """The dev part, one video a speaker."""
    table = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
    women, men, utterances = VOXCELEB1
    for number, gender in enumerate("f" * women + "m" * men, 10001):
        table.append(f"id{number}\tNobody_{number}\t{gender}\tUK\tdev")
        for place, one in enumerate(voices.take(gender, utterances), 1):
            put_speech(root / "dev" / "wav" / f"id{number}" / f"video{number}" / f"{place:05d}.wav", one)
    put_text(root / "vox1_meta.csv", *table)


# ---------------------------------------------------------------------- single files
def put_speech(path: Path, utterance: Utterance, rate: int = RATE) -> None:
    """An utterance at another rate, in the format of the file's name; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = utterance.samples if rate == RATE else resample_poly(utterance.samples, rate // 8000, RATE // 8000)
    soundfile.write(path, np.clip(samples, -1.0, 1.0), rate)


def put_audio(*paths: Path, seconds: float = 0.1, rate: int = RATE) -> None:
    """A short tone in each file, in the format of its name; folders are made."""
    tone = (0.1 * np.sin(np.arange(round(seconds * rate)) / 10)).astype(np.float32)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone, rate, **({"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}))


def put_text(path: Path, *lines: str) -> None:
    """A text file of these lines; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
