"""RAVDESS, acted emotional speech (Livingstone and Russo, PLoS ONE 2018; zenodo.org/records/1188976).

    <root>/Actor_<nn>/03-01-<emotion>-<intensity>-<statement>-<repetition>-<nn>.wav (or .flac)

24 actors (odd: male, even: female) of 60 recordings each: eight emotions, two intensities (neutral has the normal
one alone), two statements, two repetitions.

Trials must test the voice, not the sentence or the mood. The enrolment utterances are therefore all recordings of
the first statement and the trials all recordings of the second: no trial has the sentence of its enrolment, and
every speaker's enrolment holds the same emotions in the same numbers, so an emotion speaks for no speaker.
(Enrolling on neutral speech alone would test how well a voice is known under emotion: with a pretrained speaker
encoder that raised the EER on original speech from some 11 to 22 %, which leaves little room above it.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.corpora import Recording, entries
from pseudovox.data.datadir import DataDir

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
INTENSITIES = ("normal", "strong")
STATEMENTS = ("KIDS ARE TALKING BY THE DOOR", "DOGS ARE SITTING BY THE DOOR")
ACTORS = 24
ENROLMENT_STATEMENT = 1


@dataclass(frozen=True)
class Performance:
    """What a file name says; numbers count from 1, as in the name."""

    emotion: int
    intensity: int
    statement: int
    repetition: int
    actor: int

    @property
    def gender(self) -> str:
        return "m" if self.actor % 2 else "f"

    @property
    def name(self) -> str:
        """The file's stem: audio-only speech (03-01) and the five numbers."""
        return "03-01-" + "-".join(f"{number:02d}" for number in self._numbers())

    def _numbers(self) -> tuple[int, ...]:
        return self.emotion, self.intensity, self.statement, self.repetition, self.actor


def performances(actor: int) -> list[Performance]:
    """The 60 recordings of an actor, in the order of their names."""
    return [
        Performance(emotion, intensity, statement, repetition, actor)
        for emotion in range(1, len(EMOTIONS) + 1)
        for intensity in ((1,) if emotion == 1 else (1, 2))
        for statement in (1, 2)
        for repetition in (1, 2)
    ]


def read_actor(root: Path, actor: int) -> dict[Performance, Recording]:
    """The recordings of one actor.

    Raises:
        MissingModelError: the actor's folder is not there.
        DataError: a recording is missing, is there twice, or a file's name is not of the layout.
    """
    folder = root / f"Actor_{actor:02d}"
    if not folder.is_dir():
        raise MissingModelError(
            f"{folder}: no such folder; expected RAVDESS's Actor_01 ... Actor_{ACTORS}",
            "unpack Audio_Speech_Actors_01-24.zip from zenodo.org/records/1188976 there",
        )
    expected = {performance.name: performance for performance in performances(actor)}
    speaker = f"actor{actor:02d}"
    found: dict[Performance, Recording] = {}
    for path in entries(folder):
        if path.suffix not in (".wav", ".flac"):
            continue
        if path.stem not in expected:
            raise DataError(
                f"{path}: expected 03-01-<emotion>-<intensity>-<statement>-<repetition>-{actor:02d}",
                "keep only the speech recordings (03-01-...) of the audio archive in the folder",
            )
        performance = expected[path.stem]
        if performance in found:
            raise DataError(f"{path}: the same recording as {found[performance].audio}")
        emotion, intensity = EMOTIONS[performance.emotion - 1], INTENSITIES[performance.intensity - 1]
        found[performance] = Recording(
            f"{speaker}-{path.stem}", speaker, path, performance.gender, STATEMENTS[performance.statement - 1],
            {"utt2emo": emotion, "utt2intensity": intensity},
        )  # fmt: skip
    missing = [name for name, performance in expected.items() if performance not in found]
    if missing:
        raise DataError(f"{folder}: {len(missing)} of 60 recordings are missing, the first is {missing[0]}")
    return found


def split_actors(train: int, dev: int, test: int) -> dict[str, list[int]]:
    """Actors of each part, in the order of their numbers; even sizes give as many women as men.

    Raises:
        UsageError: an odd or negative size, dev or test under 4 (two speakers of a gender make a trial), or over 24.
    """
    sizes = {"train": train, "dev": dev, "test": test}
    for name, size in sizes.items():
        if size % 2 or size < (2 if name == "train" else 4):
            raise UsageError(f"{name}: {size} actors; expected an even number, train >= 2, dev and test >= 4")
    if sum(sizes.values()) > ACTORS:
        raise UsageError(f"train, dev and test take {sum(sizes.values())} actors; RAVDESS has {ACTORS}")
    actors = iter(range(1, ACTORS + 1))
    return {name: [next(actors) for _ in range(size)] for name, size in sizes.items()}


def read_sets(root: Path, parts: dict[str, list[int]]) -> dict[str, list[Recording]]:
    """Recordings by data set: train, and for dev and test <part>_enrolls, <part>_trials_f, <part>_trials_m."""
    sets: dict[str, list[Recording]] = {}
    for part, actors in parts.items():
        for actor in actors:
            for performance, recording in read_actor(root, actor).items():
                if part == "train":
                    name = part
                elif performance.statement == ENROLMENT_STATEMENT:
                    name = f"{part}_enrolls"
                else:
                    name = f"{part}_trials_{performance.gender}"
                sets.setdefault(name, []).append(recording)
    return sets


def add_protocol(data: DataDir) -> None:
    """Put the list `enrolls` (every utterance) into an enrolment set, `trials` into a trial set.

    Trials are the full cross of the set's speakers, who are of one gender, and its utterances.
    """
    if data.name.endswith("_enrolls"):
        data.lists["enrolls"] = list(data.utterances)
    elif "_trials_" in data.name:
        data.lists["trials"] = [
            f"{speaker} {utterance} {'target' if data.utt2spk[utterance] == speaker else 'nontarget'}"
            for speaker in data.speakers
            for utterance in data.utterances
        ]
