"""Corpora as they are distributed, read into data dirs; one module a corpus.

A reader walks the corpus's published layout and returns recordings, or raises a DataError that names the file and
line at fault: nothing is left out silently. `data_dir` makes the tables. Only headers of audio files are read
(`prepare_folder`, whose files come from anywhere, decodes them).
"""

from __future__ import annotations

import logging
import unicodedata
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pseudovox import stage
from pseudovox.core.errors import DataError, SomeUtterancesFailed, recode
from pseudovox.data.audio import file_duration
from pseudovox.data.datadir import DataDir, check_id, read_table, scp_path, write_atomic
from pseudovox.stage.audio_digests import audio_digests
from pseudovox.stage.digests import digest_of

log = logging.getLogger("pseudovox")
AUDIO = (".flac", ".wav", ".ogg", ".opus", ".mp3")  # containers that people re-encode corpora into
FAILED = "failed.tsv"  # in a data dir: files that could not be read, and why


@dataclass(frozen=True)
class Recording:
    """One utterance of a corpus.

    Attributes:
        utterance: its id, which begins with the speaker's (so that both orders agree, as Kaldi demands).
        speaker: id; holds no character that sorts before `-`, which follows it in `utterance`.
        audio: the file.
        gender: f, m, or empty where the corpus does not say.
        text: the words spoken, or empty where the corpus does not say.
        tables: further values by table, e.g. {"utt2emo": "sad"}.
        speaker_tables: the same for tables by speaker, e.g. {"spk2fold": "1"}.
    """

    utterance: str
    speaker: str
    audio: Path
    gender: str = ""
    text: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    speaker_tables: Mapping[str, str] = field(default_factory=dict)


def prepare(
    args: Namespace,
    name: str,
    recordings: Sequence[Recording],
    *,
    duration: Callable[[Path], float] = file_duration,
    finish: Callable[[DataDir], None] | None = None,
    protocol: Sequence[str] = (),
    unreadable: Mapping[str, DataError] | None = None,
) -> None:
    """The work of a preparation step for one set: <args.out_dir>/<name>, made, or left as it is if it is current.

    Args:
        args: the step's arguments; `args.nj` threads read the files.
        name: of the set.
        recordings: what it holds.
        duration: see `data_dir`.
        finish: adds the lists (trials, enrolls) to the finished data dir.
        protocol: what decides them besides the recordings, so that a changed list is noticed.
        unreadable: files that are no recordings, and why. If given (even empty), what turns out to be unreadable joins
            them instead of stopping the step, and all are named in `failed.tsv` in the data dir.

    Raises:
        SomeUtterancesFailed: after everything else was done: some files are in failed.tsv.
        DataError: no recording can be read, or, without `unreadable`, some cannot.
    """
    final = args.out_dir / check_id(name, "name of the data dir")
    if not recordings and unreadable is None:
        raise DataError(f"{final}: the corpus has no recordings for it", "leave out the option that asks for it")
    lost = None if unreadable is None else dict(unreadable)
    with stage.output(
        args,
        final,
        settings={},
        inputs=[
            ("recordings", digest(recordings, name)),
            *([("protocol", digest_of(list(protocol)))] if protocol else []),
            *([("unreadable", digest_of(sorted(lost)))] if lost else []),
        ],
        seeded=False,
        torch_device=False,
        repair=_audio_is_there,  # the corpus may have been moved
    ) as out:
        if out is None:
            if lost is not None:
                _report_lost(final)
            return
        data = data_dir(recordings, final, jobs=args.nj, duration=duration, unreadable=lost)
        if lost:
            rows = [f"{file}\t{' '.join(str(error).split())}\n" for file, error in lost.items()]
            write_atomic(out.path / FAILED, "".join(sorted(rows)))
        if finish:
            finish(data)
        data.check()
        data.write(out.path)
        out.counts = {"utterances": len(data.utterances), "speakers": len(data.speakers)}
        log.info("%s: %d utterances, %d speakers", final, len(data.utterances), len(data.speakers))
    if lost is not None:
        _report_lost(final)


def _report_lost(folder: Path) -> None:
    """Raise SomeUtterancesFailed, naming every file, if the data dir has a list of what could not be read."""
    try:
        rows = (folder / FAILED).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    lines = ["  " + row.partition("\t")[2].replace(" hint: ", "\n    hint: ") for row in rows]
    raise SomeUtterancesFailed(
        "\n".join([f"{len(rows)} files cannot be read, all others are done (list: {folder / FAILED}):", *lines]),
        "correct or remove them, then run the same command with --force",
    )


def _audio_is_there(folder: Path) -> bool:
    return all(Path(entry).is_file() for entry in read_table(folder / "wav.scp").values())


def digest(recordings: Sequence[Recording], name: str = "") -> str:
    """What a data dir of these recordings is made from: ids, tables and the files' content, not where they lie.

    Args:
        recordings: what it holds.
        name: of the data dir.
    """
    for one in recordings:
        _size(one.audio)  # a message of its own for what is not there
    content = audio_digests([str(one.audio) for one in recordings], name)
    return digest_of(
        [
            [one.utterance, one.speaker, one.gender, one.text, {**one.tables, **one.speaker_tables}, own]
            for one, own in zip(recordings, content, strict=True)
        ]
    )


def _size(audio: Path) -> int:
    try:
        return audio.stat().st_size
    except OSError as error:
        raise DataError(f"{audio}: cannot be read: {error.strerror}") from None


def data_dir(
    recordings: Sequence[Recording],
    path: Path | str,
    *,
    jobs: int = 1,
    duration: Callable[[Path], float] = file_duration,
    unreadable: dict[str, DataError] | None = None,
) -> DataDir:
    """A data dir with wav.scp, utt2spk, utt2dur and, where every recording has them, text and spk2gender.

    Args:
        recordings: in any order.
        path: the name of the data dir in messages; nothing is written.
        jobs: threads that read the files (libsndfile runs outside Python's lock).
        duration: length of a file in seconds.
        unreadable: gets the files that cannot be read, and why, which are then left out; None: the first one stops.

    Raises:
        DataError: an id that stands twice, a speaker of two genders, text or gender for some only, or a file that
            cannot be read or holds nothing (with `unreadable`: if that is true of all).
    """
    lengths, recordings = _lengths(recordings, jobs, duration, unreadable)
    tables: dict[str, dict[str, str]] = {"wav.scp": {}, "utt2spk": {}}
    first: dict[str, Path] = {}
    for one in recordings:
        check_id(one.utterance, str(one.audio))
        if one.utterance in first:
            raise DataError(f"{one.audio}: has the id {one.utterance}, as {first[one.utterance]} has")
        first[one.utterance] = one.audio
        for name, value in {"spk2gender": one.gender, **one.speaker_tables}.items():
            other = tables.setdefault(name, {}).setdefault(one.speaker, value)
            if other != value:
                raise DataError(f"{one.audio}: {name}: speaker {one.speaker} is {value!r} here and {other!r} elsewhere")
        by_utterance = {"wav.scp": scp_path(one.audio), "utt2spk": one.speaker, "text": one.text, **one.tables}
        for name, value in by_utterance.items():
            tables.setdefault(name, {})[one.utterance] = value
    for name in ("text", "spk2gender"):
        known = [key for key, value in tables.get(name, {}).items() if value]
        if not known:
            tables.pop(name, None)
        elif len(known) < len(tables[name]):
            lacking = next(key for key, value in tables[name].items() if not value)
            raise DataError(f"{path}: {len(known)} of {len(tables[name])} have an entry for {name}; {lacking} has none")

    tables["utt2dur"] = {one.utterance: length for one, length in zip(recordings, lengths, strict=True)}
    return DataDir(path, tables)


def _lengths(
    recordings: Sequence[Recording],
    jobs: int,
    duration: Callable[[Path], float],
    unreadable: dict[str, DataError] | None,
) -> tuple[list[str], list[Recording]]:
    """(seconds of each recording that can be read, as utt2dur has them; those recordings)"""

    def seconds(one: Recording) -> str | DataError:
        try:
            _check_path(one.audio)
            found = duration(one.audio)
            if found <= 0:
                raise DataError(f"{one.audio}: holds no samples")
        except DataError as error:
            if unreadable is None:
                raise
            return error
        return f"{found:.6f}".rstrip("0").rstrip(".")

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        found = list(pool.map(seconds, recordings))
    lengths = [length for length in found if isinstance(length, str)]
    for one, error in zip(recordings, found, strict=True):
        if unreadable is not None and isinstance(error, DataError):
            unreadable[printable(one.tables.get("utt2path", str(one.audio)))] = error
    if not lengths and unreadable:
        raise DataError("\n  ".join(["no file can be read:", *map(str, unreadable.values())]))
    return lengths, [one for one, length in zip(recordings, found, strict=True) if isinstance(length, str)]


def printable(name: str) -> str:
    """A file name for a line of text: control characters and what is not UTF-8 escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)


def _check_path(path: Path) -> None:
    """Raise DataError if a table of text lines cannot name this file."""
    name = str(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"{name!r}: the file name is not UTF-8", "rename it, e.g. with convmv") from None
    if any(ord(character) < 32 or ord(character) == 127 for character in name) or name != name.strip(" |"):
        raise DataError(f"{name!r}: a file name with a control character, or a blank or | at an end", "rename it")


def read_text_lines(path: Path) -> list[str]:
    """The lines of a corpus's text file, whatever their ends; DataError if it is missing or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")  # universal newlines
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8", recode(path)) from None


def words(line: str) -> str:
    """The words of a written sentence, upper case, punctuation but the apostrophe dropped; may come out empty.

    Letters and digits of any script stay, and the marks on them (vowel signs of Hindi or Thai, accents of their own).
    """
    line = line.replace("\u2019", "'").upper()
    kept = (one if one.isalnum() or one == "'" or unicodedata.category(one)[0] == "M" else " " for one in line)
    return " ".join("".join(kept).split())


def files(folder: Path, *kinds: str) -> list[Path]:
    """The files in a folder whose names end in one of `kinds`, e.g. ".wav"; hidden ones left out, sorted by name."""
    return [path for path in entries(folder) if path.name.endswith(kinds) and not path.is_dir()]


def audio_by_stem(folder: Path) -> dict[str, list[Path]]:
    """The audio files (`AUDIO`, in either case) in a folder, by name without its ending; none if there is no folder."""
    found: dict[str, list[Path]] = {}
    for path in entries(folder) if folder.is_dir() else ():
        if path.suffix.lower() in AUDIO:
            found.setdefault(path.stem, []).append(path)
    return found


def only_one(paths: Sequence[Path]) -> Path:
    """The one file of a name; DataError if there are several, which differ in their endings."""
    if len(paths) > 1:
        others = " and ".join(path.name for path in paths[1:])
        raise DataError(f"{paths[0]}: {others} lies there, too: which one?", "leave one of them there")
    return paths[0]


def as_named(named: Path, by_stem: Mapping[str, list[Path]], where: str) -> Path:
    """The file that a corpus's table names, or the same recording in another container beside it.

    Args:
        named: what the table says.
        by_stem: the files of its folder, as `audio_by_stem` gives them.
        where: file and line of the table.

    Raises:
        DataError: it is not there, or only in several other containers.
    """
    found = by_stem.get(named.stem, [])
    if named in found:
        return named
    if not found:
        endings = ", ".join(AUDIO)
        raise DataError(f"{where}: {named} is missing, and nothing of that name in another container ({endings})")
    return only_one(found)


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, hidden ones left out, sorted by name."""
    return [path for path in entries(folder) if path.is_dir()]


def gender_of(letter: str, where: str) -> str:
    """f or m for what a corpus's table says: F, f, Female, M ...; DataError naming `where` otherwise."""
    gender = {"f": "f", "female": "f", "m": "m", "male": "m"}.get(letter.strip().lower())
    if gender is None:
        raise DataError(f"{where}: gender {letter.strip()!r}, expected F or M")
    return gender


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, hidden files left out (also those that macOS adds), sorted by name."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
