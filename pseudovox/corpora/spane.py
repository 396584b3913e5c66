"""SpAnE's data files and lists (github.com/carlosfranzreb/spane): read into data dirs, and written from them.

A data file has a JSON object a line:

    {"path": "{root}/test-clean/1089/134686/1089-134686-0000.flac", "duration": 10.43, "label": "1089",
     "text": "HE HOPED ...", "gender": "M", "utt_emotion": "neutral"}

`path` (in older files `audio_filepath`) has the word {root} for the folder of the corpora; `label` is the speaker;
`text` is there where words are scored. All other keys are attributes that results are broken down by: of the speaker,
or, where the key begins with `utt_`, of the utterance. In files that an experiment leaves, `target` is the speaker
whose voice an utterance was given; it differs from one utterance to the next.

    key in a data file      table of a data dir
    path, duration          wav.scp, utt2dur (measured again)
    label                   utt2spk
    text                    text
    gender (M, F)           spk2gender (m, f)
    target                  utt2target
    utt_emotion             utt2emo
    <key>, utt_<key>        spk2<key>, utt2<key>

A list of trials or enrolments has a file's name without folder and ending on each line.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import DataError
from pseudovox.corpora import Recording, gender_of, read_text_lines
from pseudovox.data.datadir import check_id

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir

ROOT = "{root}"
PATHS = ("path", "audio_filepath")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Keys with a table of another name than theirs, and tables that have no key.
_TABLES = {"target": "utt2target", "utt_emotion": "utt2emo"}
_KEYS = {table: key for key, table in _TABLES.items()}
_OTHERWISE = ("spk2gender", "utt2spk", "utt2dur", "utt2num_frames", "spk2utt", "spk2target")


@dataclass(frozen=True)
class Row:
    """One line of a data file.

    Attributes:
        where: file and line.
        path: as it stands there, with {root}.
        speaker: `label`.
        text: "" where there is none.
        attributes: the other keys.
    """

    where: str
    path: str
    speaker: str
    text: str
    attributes: dict[str, str]


def rows(file: Path) -> Iterator[Row]:
    """The lines of a data file, empty ones passed over.

    Raises:
        DataError: naming file and line: no JSON object, a key that is missing or twice there, or a value that is none.
    """
    keys: set[str] | None = None
    for number, line in enumerate(read_text_lines(file), 1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            found = json.loads(line, object_pairs_hook=functools.partial(_object, where=where))
        except json.JSONDecodeError as error:
            raise DataError(
                f"{where}: no JSON object: {error.msg} at character {error.pos + 1}",
                'expected {"path": "{root}/a.wav", "duration": 2.5, "label": "speaker"}, one a line',
            ) from None
        if not isinstance(found, dict):
            raise DataError(f"{where}: a JSON {type(found).__name__}, expected an object (path, duration, label, ...)")
        row = _row(found, where)
        own = {*row.attributes, *(["text"] if "text" in found else [])}
        keys = own if keys is None else keys
        if own != keys:
            key = sorted(own ^ keys)[0]
            state, other = ("lacks", "have") if key in keys else ("has", "lack")
            raise DataError(
                f"{where}: {state} {key!r}, which the lines before it {other}",
                f"give every line {key!r}, or none",
            )
        yield row
    if keys is None:
        raise DataError(f"{file}: has no lines")


def _object(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DataError(f"{where}: the key {key!r} stands twice")
        found[key] = value
    return found


def _row(found: dict[str, Any], where: str) -> Row:
    named = [key for key in PATHS if key in found]
    missing = [key for key in ("duration", "label") if key not in found]
    if len(named) != 1 or missing:
        wanted = missing[0] if missing else "path"
        raise DataError(f"{where}: {'lacks' if missing or not named else 'has two of'} {wanted!r}")
    path, duration = found[named[0]], found["duration"]
    if not isinstance(path, str) or not path.strip() or path != path.strip():
        raise DataError(f"{where}: {named[0]} {path!r}: expected the name of a file")
    if isinstance(duration, bool) or not isinstance(duration, (int, float)) or not 0 < duration < float("inf"):
        raise DataError(f"{where}: duration {duration!r}: expected seconds, above 0")
    text = found.get("text", "")
    if not isinstance(text, str):
        raise DataError(f"{where}: text {text!r}: expected a string")
    label = check_id(_value(found["label"], f"{where}: label"), where)
    attributes = {}
    for key, value in found.items():
        if key in (*PATHS, "duration", "label", "text"):
            continue
        if not _KEY.fullmatch(key):
            raise DataError(f"{where}: key {key!r}: expected letters, digits and _, as it names a table")
        attributes[key] = _value(value, f"{where}: {key}")
    return Row(where, path, label, " ".join(text.split()), attributes)


def _value(value: Any, where: str) -> str:
    """A string, number or truth value as a word of a table."""
    if isinstance(value, (dict, list)) or value is None or not str(value).split():
        raise DataError(f"{where} {value!r}: expected a string or a number, not empty")
    return " ".join(str(value).split())


def read(file: Path, root: Path | None) -> list[Recording]:
    """The recordings of a data file.

    An utterance is called as its file without folder and ending, which is what SpAnE's lists name, with the speaker and
    `-` before it where it does not begin so.

    Args:
        file: the data file.
        root: what {root} stands for; None if no path has it.

    Raises:
        DataError: as `rows`; a file that is not there, two lines of one file name, or a speaker with two genders.
    """
    found: dict[str, Recording] = {}
    first: dict[str, str] = {}
    of_speaker: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows(file):
        audio = _audio(row, root)
        stem = audio.stem
        utterance = check_id(stem if stem.startswith(f"{row.speaker}-") else f"{row.speaker}-{stem}", row.where)
        if utterance in found:
            raise DataError(
                f"{row.where}: {utterance} stands in line {first[utterance].rpartition(':')[2]}, too "
                f"({found[utterance].audio})",
                "take one of them out, or rename one of the files",
            )
        tables, speaker_tables = {}, {}
        for key, value in row.attributes.items():
            if key in _TABLES:
                tables[_TABLES[key]] = value
            elif key.startswith("utt_"):
                tables[f"utt2{key.removeprefix('utt_')}"] = value
            elif key != "gender":
                speaker_tables[f"spk2{key}"] = value
        gender = gender_of(row.attributes["gender"], row.where) if "gender" in row.attributes else ""
        for key, value in {"gender": gender, **speaker_tables}.items():
            before, line = of_speaker.setdefault((row.speaker, key), (value, row.where))
            if before != value:
                name = key.removeprefix("spk2")
                raise DataError(
                    f"{row.where}: {name} of speaker {row.speaker} is {value!r} here and {before!r} in line "
                    f"{line.rpartition(':')[2]}",
                    f"correct one of them, or call the key utt_{name}, if it changes from utterance to utterance",
                )
        first[utterance] = row.where
        found[utterance] = Recording(utterance, row.speaker, audio, gender, row.text, tables, speaker_tables)
    return list(found.values())


def _audio(row: Row, root: Path | None) -> Path:
    if ROOT in row.path and root is None:
        raise DataError(f"{row.where}: {row.path}: what does {ROOT} stand for?", "--root FOLDER, that of the corpora")
    audio = Path(row.path.replace(ROOT, str(root)) if root is not None else row.path)
    if audio.is_file():
        return audio
    if ROOT in row.path:
        raise DataError(
            f"{row.where}: {audio}: no such file", f"--root FOLDER: the one in which {row.path.replace(ROOT, '.')} lies"
        )
    raise DataError(f"{row.where}: {audio}: no such file")


def lines(data: DataDir, root: Path | None) -> list[str]:
    """The lines of a data file of what a data dir holds, as `read` understands them.

    Args:
        data: without segments; every entry of wav.scp is a file.
        root: files below it are written with {root}; None = as wav.scp has them.

    Raises:
        DataError: a part of a recording, or a command in the place of a file.
    """
    if "segments" in data.tables:
        raise DataError(
            f"{data.path}: its utterances are parts of recordings; a data file names whole files",
            f"utils/materialize_data_dir.py {data.path} NEW",
        )
    made = []
    tables = [name for name in sorted(data.tables) if name[:4] in ("utt2", "spk2") and name not in _OTHERWISE]
    for utterance in data.utterances:
        entry, speaker = data.tables["wav.scp"][utterance], data.utt2spk[utterance]
        if entry.endswith("|"):
            raise DataError(
                f"{data.where('wav.scp', utterance)}: a command, and a data file names files",
                f"utils/materialize_data_dir.py --allow-pipes {data.path} NEW",
            )
        path, found = Path(entry), {}
        if root is not None and path.absolute().is_relative_to(root.absolute()):
            path = Path(ROOT) / path.absolute().relative_to(root.absolute())
        found = {"path": str(path), "duration": round(data.duration(utterance), 3), "label": speaker}
        if "text" in data.tables:
            found["text"] = data.text[utterance]
        if "spk2gender" in data.tables:
            found["gender"] = data.spk2gender[speaker].upper()
        for name in tables:
            value = data.tables[name].get(utterance if name.startswith("utt2") else speaker)
            if value is not None:
                found[key_of(name)] = value
        made.append(json.dumps(found, ensure_ascii=False))
    return made


def key_of(table: str) -> str:
    """The key of a data file for a table: gender of spk2gender, utt_style of utt2style, target of utt2target."""
    return _KEYS.get(table, ("utt_" if table.startswith("utt2") else "") + table[4:])


def stems(data: DataDir, utterances: Sequence[str]) -> list[str]:
    """The names that SpAnE's lists have for utterances: those of their files without folder and ending."""
    return [Path(data.tables["wav.scp"][utterance]).stem for utterance in utterances]


def chosen(data: DataDir, enrolls: Path | None = None, trials: Path | None = None) -> tuple[list[str], list[str]]:
    """The utterances that enrol and those that are tried, by SpAnE's rules for lists.

    Two lists: what neither names is left out. One: all others are on the other side.

    Args:
        data: the data dir.
        enrolls, trials: files of names, one a line: ids of utterances, or of files without folder and ending.

    Raises:
        DataError: a name that the data dir does not have, or that stands in both; a list that has none.
    """
    by_name = {stem: utterance for utterance, stem in zip(data.utterances, stems(data, data.utterances), strict=True)}
    by_name |= {utterance: utterance for utterance in data.utterances}
    sides: list[list[str] | None] = []
    place: dict[str, str] = {}
    for path in (enrolls, trials):
        if path is None:
            sides.append(None)
            continue
        own: list[str] = []
        for number, line in enumerate(read_text_lines(path), 1):
            name = line.strip()
            if not name:
                continue
            if name not in by_name:
                raise DataError(
                    f"{path}:{number}: {name}: no such utterance in {data.path}",
                    "take the line out, or give the data dir that has it",
                )
            if by_name[name] in place:
                raise DataError(
                    f"{path}:{number}: {name} stands in {place[by_name[name]]}, too", "take one of them out"
                )
            place[by_name[name]] = f"{path}:{number}"
            own.append(by_name[name])
        if not own:
            raise DataError(f"{path}: names no utterance")
        sides.append(own)
    listed = set(place)
    rest = [utterance for utterance in data.utterances if utterance not in listed]
    enrolling, tests = (rest if side is None else side for side in sides)
    return enrolling, tests
