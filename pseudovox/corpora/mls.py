"""Multilingual LibriSpeech (Pratap et al., Interspeech 2020; openslr.org/94) in its published layout, one language.

    <root>/metainfo.txt                     speaker | gender | partition | minutes | book | title | chapter
    <root>/<part>/transcripts.txt           <speaker>_<book>_<segment> TAB <words>
    <root>/<part>/audio/<speaker>/<book>/<speaker>_<book>_<segment>.flac      (.opus in the small archives)

<part> is train, dev or test; <root> is called mls_<language> or mls_<language>_opus, and utt2lang takes the language
from there. Utterance ids take `-` for `_`: speakers 84 and 840 would otherwise sort differently by speaker and by
utterance, which Kaldi refuses. The text stays as it is: normalised by the corpus, lower case.
"""

from __future__ import annotations

import re
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import Recording, files, folders, gender_of, read_text_lines

PARTS = ("train", "dev", "test")
KINDS = (".flac", ".opus", ".wav")
HINT = "download mls_<language>.tar.gz from openslr.org/94"


def parts(root: Path) -> list[str]:
    """The parts that are there, in the order train, dev, test."""
    found = [part for part in PARTS if (root / part / "transcripts.txt").is_file()]
    if not found:
        raise MissingModelError(f"{root}: no part of MLS there (<part>/transcripts.txt)", HINT)
    return found


def read_genders(path: Path) -> dict[str, str]:
    """Gender (f or m) by speaker from metainfo.txt."""
    genders: dict[str, str] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        fields = [field.strip() for field in line.split("|")]
        if not line.strip() or fields[0] == "SPEAKER":
            continue
        if len(fields) < 3 or not fields[0].isdecimal():
            raise DataError(f"{path}:{number}: expected `speaker | gender | partition | ...`, found {line[:60]!r}")
        gender = gender_of(fields[1], f"{path}:{number}")
        if genders.setdefault(fields[0], gender) != gender:
            raise DataError(f"{path}:{number}: speaker {fields[0]} stands twice, with two genders")
    return genders


def read_part(root: Path, part: str) -> list[Recording]:
    """All utterances of train, dev or test.

    Raises:
        MissingModelError: the part is not there.
        DataError: transcript without audio, audio without transcript, a speaker that metainfo.txt lacks, or names that
            do not fit their folders.
    """
    folder = root / part
    if not (folder / "audio").is_dir():
        raise MissingModelError(f"{folder}/audio: no such folder", HINT)
    table = root / "metainfo.txt"
    genders = read_genders(table)
    texts = _read_transcripts(folder / "transcripts.txt")
    language = re.match(r"mls_([a-z]+)", root.resolve().name)
    tables = {"utt2lang": language[1]} if language else {}
    recordings: dict[str, Recording] = {}
    for speaker in folders(folder / "audio"):
        if speaker.name not in genders:
            raise DataError(f"{speaker}: speaker {speaker.name} is not in {table}")
        for book in folders(speaker):
            for path in files(book, *KINDS):
                name = path.stem
                if not name.startswith(f"{speaker.name}_{book.name}_"):
                    raise DataError(f"{path}: expected a name {speaker.name}_{book.name}_<segment>")
                if name not in texts:
                    raise DataError(f"{path}: no transcript: {folder}/transcripts.txt has no line for {name}")
                utterance = name.replace("_", "-")
                recordings[name] = Recording(
                    utterance, speaker.name, path, genders[speaker.name], texts[name], tables
                )  # fmt: skip
    for name in texts:
        if name not in recordings:
            missing = folder / "audio" / "/".join(name.split("_")[:2]) / name
            raise DataError(f"{folder}/transcripts.txt: {name} has no audio: {missing}{KINDS[0]} is missing")
    return list(recordings.values())


def _read_transcripts(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        if not line.strip():
            continue
        name, _, text = line.partition("\t")
        if not re.fullmatch(r"\d+_\d+_\d+", name) or not text.strip():
            raise DataError(f"{path}:{number}: expected `speaker_book_segment TAB words`, found {line[:60]!r}")
        if name in texts:
            raise DataError(f"{path}:{number}: {name} stands twice")
        texts[name] = " ".join(text.split())
    return texts
