"""speechocean762 (Zhang et al., Interspeech 2021; openslr.org/101), English of people whose first language is Mandarin.

    <root>/<train|test>/wav.scp         <utterance> WAVE/SPEAKER<speaker>/<utterance>.WAV      below <root>
    <root>/<train|test>/utt2spk         <utterance> <speaker>
    <root>/<train|test>/text            <utterance> <WORDS>
    <root>/<train|test>/spk2gender      <speaker> <f|m>
    <root>/<train|test>/spk2age         <speaker> <years>

Blanks or tabs stand between the columns. 250 speakers of 20 sentences each, 125 a part; about half are children. A file
may lie there in another container (.flac, .ogg ...) than wav.scp says. The corpus's ids are bare numbers, as
LibriSpeech's are, so they are given names: speaker 0001 becomes so0001, utterance 000010011 so0001-000010011.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.corpora import Recording, as_named, audio_by_stem, gender_of, words
from pseudovox.data.datadir import bytewise, read_table

PARTS = ("train", "test")
ADULT = 18  # years
HINT = "download speechocean762.tar.gz from openslr.org/101 (local/download.py speechocean762)"


def find_root(folder: Path) -> Path:
    """The folder of `train` and `test`: `folder`, or what the archive unpacks to in it."""
    nested = folder / "speechocean762"
    return nested if nested.is_dir() else folder


def parts(root: Path) -> list[str]:
    """The parts that are there, in the order train, test."""
    if not root.is_dir():
        raise MissingModelError(f"{root}: no such folder", HINT)
    found = [part for part in PARTS if (root / part / "wav.scp").is_file()]
    if not found:
        raise MissingModelError(f"{root}: no part of speechocean762 there (<train|test>/wav.scp)", HINT)
    return found


def read_part(root: Path, part: str) -> list[Recording]:
    """All recordings of train or test, with spk2age.

    Raises:
        MissingModelError: the part is not there.
        DataError: a table is missing or malformed, an utterance that one of them lacks, a speaker without gender or
            age, an entry of wav.scp that is not a file below the corpus's folder.
    """
    folder = root / part
    if not folder.is_dir():
        raise MissingModelError(f"{folder}: no such folder", HINT)
    audio, speakers, texts = (read_table(folder / name) for name in ("wav.scp", "utt2spk", "text"))
    for name, table in (("utt2spk", speakers), ("text", texts)):
        _check_same(folder / "wav.scp", audio, folder / name, table)
        _check_same(folder / name, table, folder / "wav.scp", audio)
    genders = _genders(folder / "spk2gender")
    ages = _ages(folder / "spk2age")
    there: dict[Path, dict[str, list[Path]]] = {}
    recordings = []
    for number, (utterance, entry) in enumerate(audio.items(), 1):
        where = f"{folder / 'wav.scp'}:{number}"
        speaker = speakers[utterance]
        if not (utterance.isdecimal() and speaker.isdecimal()):
            raise DataError(f"{where}: expected ids of digits, found {utterance} of speaker {speaker}")
        for name, known in (("spk2gender", genders.keys()), ("spk2age", ages.keys())):
            if speaker not in known:
                raise DataError(f"{where}: speaker {speaker} is not in {folder / name}")
        named = root / _below(entry, where)
        if named.parent not in there:
            there[named.parent] = audio_by_stem(named.parent)
        text = words(texts[utterance])
        if not text:
            raise DataError(f"{folder / 'text'}:{_line(texts, utterance)}: no words in {texts[utterance]!r}")
        recordings.append(
            Recording(
                f"so{speaker}-{utterance}", f"so{speaker}", as_named(named, there[named.parent], where),
                genders[speaker], text, speaker_tables={"spk2age": str(ages[speaker])},
            )
        )  # fmt: skip
    return recordings


def adults(recordings: Sequence[Recording]) -> list[Recording]:
    """Those of speakers of 18 and more."""
    return [one for one in recordings if int(one.speaker_tables["spk2age"]) >= ADULT]


def held_out(recordings: Sequence[Recording], count: int) -> set[str]:
    """Adult speakers to hold out, `count` of each gender: evenly spaced over their sorted ids; nothing is drawn.

    Raises:
        UsageError: there are fewer.
    """
    found: set[str] = set()
    for gender in ("f", "m"):
        speakers = bytewise({one.speaker for one in adults(recordings) if one.gender == gender})
        if len(speakers) < count:
            raise UsageError(f"{count} adult speakers of gender {gender} wanted, and train has {len(speakers)}")
        found |= {speakers[(2 * place + 1) * len(speakers) // (2 * count)] for place in range(count)}
    return found


def _genders(path: Path) -> dict[str, str]:
    table = read_table(path).items()
    return {speaker: gender_of(value, f"{path}:{number}") for number, (speaker, value) in enumerate(table, 1)}


def _ages(path: Path) -> dict[str, int]:
    ages = {}
    for number, (speaker, value) in enumerate(read_table(path).items(), 1):
        if not (value.isascii() and value.isdecimal() and 0 < int(value) < 120):
            raise DataError(f"{path}:{number}: age {value!r}, expected years in whole numbers")
        ages[speaker] = int(value)
    return ages


def _check_same(path: Path, table: dict[str, str], other_path: Path, other: dict[str, str]) -> None:
    """Raise DataError for a key of the first table that the other one lacks."""
    for number, key in enumerate(table, 1):
        if key not in other:
            raise DataError(
                f"{path}:{number}: {key} has no line in {other_path}",
                f"complete {other_path}, or take the line out of {path}",
            )


def _line(table: dict[str, str], key: str) -> int:
    """The line of a key; tables are read in the order of the file, and blank lines are refused."""
    return list(table).index(key) + 1


def _below(entry: str, where: str) -> PurePosixPath:
    """An entry of wav.scp as a path below the corpus's folder."""
    path = PurePosixPath(entry)
    if path.is_absolute() or ".." in path.parts or entry.endswith("|"):
        raise DataError(f"{where}: expected a file below the corpus's folder, found {entry[:60]!r}")
    return path
