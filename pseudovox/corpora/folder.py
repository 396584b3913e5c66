"""A folder of recordings in any format, rate and number of channels that libsndfile reads.

    <folder>/<speaker>/[...]/<name>.wav     the first folder level is the speaker
    <folder>/<name>.wav                     a file at the top is a speaker of its own (nothing says that two are one)
    .../<name>.txt                          the words of <name>.wav, if any file has one

Ids are made of the names: accents dropped, everything but letters, digits, `_` and `.` (and `-` after the speaker)
replaced by `_`. Where two names would give one id, each takes a digest of its own path, so the ids do not depend
on the order of the files. The table `utt2path` keeps the path below the folder as it was.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import Recording, entries, printable, read_text_lines, words

log = logging.getLogger("pseudovox")

READ = frozenset(
    (
        "wav",
        "wave",
        "flac",
        "ogg",
        "oga",
        "opus",
        "mp3",
        "aif",
        "aiff",
        "aifc",
        "au",
        "snd",
        "caf",
        "w64",
        "rf64",
        "sph",
    )
)
# Sound, but not to libsndfile: refused, since leaving it out would lose recordings.
NOT_READ = frozenset(
    ("m4a", "mp4", "aac", "wma", "amr", "ape", "wv", "webm", "mka", "mkv", "mov", "avi", "3gp", "ra", "dss")
)
MAX_SPEAKER, MAX_UTTERANCE = 50, 120  # bytes; longer names end in a digest


@dataclass(frozen=True)
class _File:
    """An audio file: where it is, its path below the folder, whose it is, and the names below the speaker's.

    `owner` ends in a slash if it is a folder, so that `anna/` and a file `anna` at the top stay two speakers.
    """

    path: Path
    relative: str
    owner: str
    within: tuple[str, ...]


def read_folder(
    folder: Path, *, one_speaker: bool = False, with_text: bool = True, genders: Path | None = None,
    unreadable: dict[str, DataError] | None = None,
) -> list[Recording]:  # fmt: skip
    """All recordings below a folder. Hidden files are left out; files that are not audio are named in the log.

    Args:
        folder: see the head of this module.
        one_speaker: all files are of one speaker, who is named for the folder.
        with_text: take the words from <name>.txt.
        genders: table `<speaker> f|m`; a speaker is named by the folder (or the file at the top), or by the id.
        unreadable: gets the files and folders that cannot be read, and why, by their paths below the folder; None: the
            first one stops.

    Raises:
        MissingModelError: no such folder, or no audio in it.
        DataError: a file of a kind that cannot be read, a link that leads back, words for some files only, a
            speaker without a gender or a gender without a speaker.
    """
    files = [_place(path, folder, one_speaker) for path in _audio_files(folder, unreadable)]
    labels = {file.owner: folder.resolve().name if file.owner == "./" else Path(file.owner).name for file in files}
    speakers = unique_ids(
        {owner: safe_name(label if owner.endswith("/") else Path(label).stem) for owner, label in labels.items()},
        MAX_SPEAKER,
    )
    plain = {}
    for file in files:
        speaker, name = speakers[file.owner], "-".join(safe_name(part, keep="-") or "_" for part in file.within)
        plain[file.relative] = name if name.startswith(f"{speaker}-") else f"{speaker}-{name}" if name else speaker
    utterances = unique_ids(plain, MAX_UTTERANCE)
    gender = _read_genders(genders, labels, speakers) if genders else {}
    texts = _read_texts(files) if with_text else {}
    return [
        Recording(
            utterances[file.relative], speakers[file.owner], file.path,
            gender.get(file.owner, ""), texts.get(file.path, ""), {"utt2path": file.relative},
        )
        for file in files
    ]  # fmt: skip


def safe_name(name: str, keep: str = "") -> str:
    """A name in the characters of ids: ASCII letters, digits, `_`, `.` and `keep`; may come out empty."""
    letters = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    return re.sub(rf"[^A-Za-z0-9_.{re.escape(keep)}]+", "_", letters).strip("_.")


def unique_ids(plain: Mapping[str, str], longest: int) -> dict[str, str]:
    """Ids for names, given what each would like to be called.

    A wish that is empty, too long, or also another's (in any case: some file systems do not tell) is completed by
    a digest of the name, for all who share it.
    """
    count = Counter(wish.casefold() for wish in plain.values())
    ids = {}
    for name, wish in plain.items():
        if not wish or len(wish) > longest or count[wish.casefold()] > 1:
            digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
            wish = f"{wish[: longest - 9] or 'x'}_{digest}"
        ids[name] = wish
    if len(set(ids.values())) < len(ids):
        raise DataError(f"two of {len(ids)} names give one id: {Counter(ids.values()).most_common(1)[0][0]}")
    return ids


def _place(path: Path, folder: Path, one_speaker: bool) -> _File:
    relative = path.relative_to(folder)
    *folders, _ = relative.parts
    within = (*folders, relative.stem)
    if one_speaker:
        return _File(path, str(relative), "./", within)
    if folders:
        return _File(path, str(relative), f"{folders[0]}/", within[1:])
    return _File(path, str(relative), str(relative), ())


def _audio_files(folder: Path, unreadable: dict[str, DataError] | None) -> list[Path]:
    if not folder.is_dir():
        raise MissingModelError(f"{folder}: no such folder", "give the folder that holds your recordings")
    audio: list[Path] = []
    other: list[Path] = []

    def lose(path: Path, reason: str, hint: str = "") -> None:
        error = DataError(f"{printable(str(path))}: {reason}", hint)
        if unreadable is None:
            raise error
        unreadable[printable(str(path.relative_to(folder)))] = error

    for path in _walk(folder, lose):
        kind = path.suffix.lower().lstrip(".")
        if kind in NOT_READ:
            lose(path, f"{kind} files cannot be read", f"ffmpeg -i {path.name!r} {path.stem + '.flac'!r}, for each")
        elif kind in READ and not path.is_file():
            lose(path, "not a regular file (a broken link?)", "put the recording itself there, or take it away")
        elif kind in READ:
            audio.append(path)
        elif kind != "txt":
            other.append(path)
    if other:
        log.info("%s: %d files are not audio and left out: %s", folder, len(other), _some(other))
    if not audio and unreadable:
        raise DataError("\n  ".join([f"{folder}: no file can be read:", *map(str, unreadable.values())]))
    if not audio:
        raise MissingModelError(
            f"{folder}: no audio files", f"give the folder of files of these kinds: {', '.join(sorted(READ))}"
        )
    return audio


def _walk(folder: Path, lose: Callable[[Path, str, str], None], above: tuple[Path, ...] = ()) -> Iterator[Path]:
    real = folder.resolve()
    if real in above:
        lose(folder, "a link that leads back to a folder above it", f"rm {folder}")
        return
    try:
        found = entries(folder)
    except OSError as error:
        if not above:
            raise
        lose(folder, f"a folder that cannot be read: {error.strerror}", f"chmod u+rx {folder}")
        return
    for path in found:
        if path.is_dir():
            yield from _walk(path, lose, (*above, real))
        else:
            yield path


def _read_texts(files: Sequence[_File]) -> dict[Path, str]:
    """Words by audio file: upper case, punctuation but the apostrophe dropped. All files have them, or none."""
    with_text = [file.path for file in files if file.path.with_suffix(".txt").is_file()]
    without = [file.path for file in files if not file.path.with_suffix(".txt").is_file()]
    if with_text and without:
        raise DataError(
            f"{without[0]}: no words in {without[0].stem}.txt, which {len(with_text)} other files have;"
            f" {len(without)} lack them",
            "write the missing files, or give --no-text",
        )
    texts = {}
    for path in with_text:
        texts[path] = words(" ".join(read_text_lines(path.with_suffix(".txt"))))
        if not texts[path]:
            raise DataError(f"{path.with_suffix('.txt')}: no words in it", "give --no-text to do without")
    return texts


def _read_genders(path: Path, labels: Mapping[str, str], speakers: Mapping[str, str]) -> dict[str, str]:
    owner_of = {name: owner for names in (speakers, labels) for owner, name in names.items()}
    genders: dict[str, str] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        if not line.strip():
            continue
        name, _, gender = line.strip().rpartition(" ")
        if gender not in ("f", "m"):
            raise DataError(f"{path}:{number}: expected `<speaker> f|m`, found {line[:60]!r}")
        if name.strip() not in owner_of:
            raise DataError(f"{path}:{number}: no speaker {name.strip()!r}; there are {_some(list(labels.values()))}")
        genders[owner_of[name.strip()]] = gender
    lacking = [label for owner, label in labels.items() if owner not in genders]
    if lacking:
        raise DataError(f"{path}: no line for {len(lacking)} of {len(labels)} speakers: {_some(lacking)}")
    return genders


def _some(names: Sequence[Path | str]) -> str:
    shown = ", ".join(str(name) for name in names[:3])
    return shown + (", ..." if len(names) > 3 else "")
