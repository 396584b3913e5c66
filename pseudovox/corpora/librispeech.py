"""LibriSpeech (Panayotov et al., ICASSP 2015; openslr.org/12), and mini LibriSpeech (openslr.org/31), as published.

    <root>/SPEAKERS.TXT                                        reader | sex | subset | minutes | name
    <root>/<subset>/<reader>/<chapter>/<reader>-<chapter>-<n>.flac
    <root>/<subset>/<reader>/<chapter>/<reader>-<chapter>.trans.txt     <utterance> <WORDS>

The files may also be .wav, .ogg, .opus or .mp3, into which people re-encode the corpus to save room; one of each name.
Speakers are the readers (Kaldi's own recipe takes reader-chapter; the VoicePrivacy Challenges take the reader).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import AUDIO, Recording, audio_by_stem, entries, only_one, read_text_lines

HINT = "download the subset from openslr.org/12, or give another --subset"


def find_root(folder: Path, *names: str) -> Path:
    """The folder that holds the subsets: `folder`, or what the archives unpack to in it (LibriSpeech, or `names`)."""
    nested = (folder / name for name in names or ("LibriSpeech",))
    return next((path for path in nested if path.is_dir()), folder)


def subsets(root: Path, *, transcripts: str = "*.trans.txt", hint: str = HINT) -> list[str]:
    """Names of the subsets that are there (folders with <reader>/<chapter>/<transcripts>)."""
    if not root.is_dir():
        raise MissingModelError(f"{root}: no such folder; expected the corpus's root", hint)
    found = [path.name for path in entries(root) if path.is_dir() and any(path.glob(f"*/*/{transcripts}"))]
    if not found:
        raise MissingModelError(f"{root}: no subset there (<subset>/<reader>/<chapter>/{transcripts})", hint)
    return found


def read_genders(path: Path) -> dict[str, str]:
    """Gender (f or m) by reader from SPEAKERS.TXT."""
    genders: dict[str, str] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        if not line.strip() or line.startswith(";"):
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) < 2 or not fields[0].isdecimal() or fields[1] not in ("F", "M"):
            raise DataError(f"{path}:{number}: expected `reader | F or M | subset | ...`, found {line[:60]!r}")
        if genders.setdefault(fields[0], fields[1].lower()) != fields[1].lower():
            raise DataError(f"{path}:{number}: reader {fields[0]} stands twice, with two genders")
    return genders


def read_subset(root: Path, subset: str) -> list[Recording]:
    """All utterances of one subset.

    Raises:
        MissingModelError: the subset is not there.
        DataError: transcript without audio, audio without transcript, an utterance in two containers, a reader that
            SPEAKERS.TXT lacks, or names that do not fit their folders.
    """
    recordings: list[Recording] = []
    for chapter, reader, gender in chapters(root, subset):
        recordings += _read_chapter(chapter, reader, gender)
    return recordings


def chapters(
    root: Path, subset: str, *, speakers: str = "SPEAKERS.TXT", hint: str = HINT
) -> Iterator[tuple[Path, str, str]]:
    """(folder, reader, gender) of every chapter of a subset; the table of readers may lie beside or above it."""
    folder = root / subset
    if not folder.is_dir():
        there = ", ".join(path.name for path in entries(root) if path.is_dir()) if root.is_dir() else "nothing"
        raise MissingModelError(f"{folder}: no such subset; found {there}", hint)
    table = next((path / speakers for path in (folder, root, root.parent) if (path / speakers).is_file()), None)
    if table is None:
        raise DataError(f"{root}/{speakers}: no such file; it says which reader is female or male")
    genders = read_genders(table)
    for reader in (path for path in entries(folder) if path.is_dir()):
        if reader.name not in genders:
            raise DataError(f"{reader}: reader {reader.name} is not in {table}")
        for chapter in (path for path in entries(reader) if path.is_dir()):
            yield chapter, reader.name, genders[reader.name]


def _read_chapter(chapter: Path, reader: str, gender: str) -> list[Recording]:
    prefix = f"{reader}-{chapter.name}"
    transcript = chapter / f"{prefix}.trans.txt"
    audio = {stem: only_one(paths) for stem, paths in audio_by_stem(chapter).items()}
    recordings: dict[str, Recording] = {}
    for number, line in enumerate(read_text_lines(transcript), 1):
        if not line.strip():
            continue
        utterance, _, words = line.strip().partition(" ")
        if not utterance.startswith(f"{prefix}-") or not words.strip():
            raise DataError(f"{transcript}:{number}: expected `{prefix}-<n> <WORDS>`, found {line[:60]!r}")
        if utterance in recordings:
            raise DataError(f"{transcript}:{number}: {utterance} stands twice")
        if utterance not in audio:
            others = ", ".join(AUDIO[1:])
            raise DataError(
                f"{transcript}:{number}: {utterance} has no audio: {chapter / utterance}.flac is missing (nor {others})"
            )
        recordings[utterance] = Recording(utterance, reader, audio[utterance], gender, " ".join(words.split()))
    for utterance, path in audio.items():
        if utterance not in recordings:
            raise DataError(f"{path}: no transcript: {transcript} has no line for {utterance}")
    return list(recordings.values())
