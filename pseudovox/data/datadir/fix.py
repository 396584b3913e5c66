"""Repairing a data dir: sorted, without what is malformed or not in every table, and with every loss said."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pseudovox.core.errors import DataError, recode
from pseudovox.core.files import words, write_atomic
from pseudovox.core.ids import bytewise, check_id
from pseudovox.data.datadir.checks import SEGMENT_SLACK
from pseudovox.data.datadir.directory import DataDir, read_unknown, table_files
from pseudovox.data.datadir.origin import read as read_origin
from pseudovox.data.datadir.tables import LISTS, SPK2UTT, TABLES, Table, list_kind, phone_of, segment_of, trial_of
from pseudovox.data.datadir.validate import check_content

BACKUP = ".backup"


@dataclass
class Fixed:
    """A repaired data dir and what was done to it.

    Attributes:
        data: the dir as it will be.
        changes: sentences, each beginning with the name of a file; empty if the dir was sound.
        utterances: how many there were in utt2spk.
    """

    data: DataDir
    changes: list[str] = field(default_factory=list)
    utterances: int = 0


def fix(path: Path | str, *, allow_pipes: bool = False, non_print: bool = False, no_spk_sort: bool = False) -> Fixed:
    """Read a data dir leniently and leave out what cannot stay; nothing is written (see `write_fixed`).

    Dropped are lines that are malformed or repeat a key (the first one counts), and then what is not in all tables:
    utterances, speakers, recordings. A table that lacks utterances and can be filled in again (utt2dur ...) is
    dropped itself.

    Args:
        path: the folder.
        allow_pipes, non_print, no_spk_sort: as in `validate`.

    Raises:
        DataError: what is wrong cannot be repaired without knowing more: a file that is not UTF-8, no utterances
            remain, the order by speaker, ...
    """
    path = Path(path)
    if not (path / "utt2spk").is_file():
        raise DataError(f"{path}: no data dir: it lacks the file utt2spk", f"restore it, e.g. from {path}/{BACKUP}")
    changes: list[str] = []
    tables, lists = {}, {}
    for name in [*TABLES, SPK2UTT]:
        if (path / name).is_file():
            lines = _clean_lines(path / name, changes)
            tables[name] = _table(path / name, lines, changes)
    files = table_files(path)
    for file in files:
        if list_kind(file.name):
            lists[file.name] = _clean_lines(file, changes)
    utterances = len(tables["utt2spk"])
    spk2utt = tables.pop(SPK2UTT, None)
    _make_agree(path, tables, changes)
    data = DataDir(
        path, tables, _lists(path, lists, tables, changes), allow_pipes=allow_pipes, origin=read_origin(path)
    )
    data.check(audio=False)
    check_content(data, non_print=non_print, no_spk_sort=no_spk_sort)
    ids = data.ids()
    for file in files:
        if file.name not in (*TABLES, SPK2UTT, *lists):
            read_unknown(file, ids)  # tables of other kinds stay as they are, so they must be sound
    for name in tables:
        if list(tables[name]) != bytewise(tables[name]):
            changes.append(f"{name}: sorted")
    if spk2utt is None or {key: words(value) for key, value in spk2utt.items()} != data.spk2utt:
        changes.append(f"{SPK2UTT}: derived from utt2spk")
    elif list(spk2utt) != bytewise(spk2utt):
        changes.append(f"{SPK2UTT}: sorted")
    return Fixed(data, changes, utterances)


def write_fixed(fixed: Fixed) -> None:
    """Copy the files as they are into .backup, then write the repaired tables; files of other kinds stay untouched."""
    folder = fixed.data.path
    backup = folder / BACKUP
    backup.mkdir(exist_ok=True)
    known = [file for file in sorted(folder.iterdir()) if file.name in {*TABLES, SPK2UTT} or list_kind(file.name)]
    for file in known:
        write_atomic(backup / file.name, file.read_bytes())
        shutil.copystat(file, backup / file.name)
    (folder / "utt2spk").unlink()  # a reader is told that the dir is being changed
    written = {*fixed.data.tables, *fixed.data.lists, SPK2UTT}
    for file in known:
        if file.name not in written:
            file.unlink(missing_ok=True)
    for name in bytewise(written - {"utt2spk"}):
        write_atomic(folder / name, fixed.data.content(name))
    write_atomic(folder / "utt2spk", fixed.data.content("utt2spk"))


def _clean_lines(path: Path, changes: list[str]) -> list[str]:
    """The lines of a file without what editors on other systems put there; DataError if it is not UTF-8."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        number = raw[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{number}: not UTF-8", recode(path)) from None
    if text.startswith("\ufeff"):
        text = text.lstrip("\ufeff")
        changes.append(f"{path.name}: took away the byte order mark")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        changes.append(f"{path.name}: made Windows line ends into plain ones")
    if text and not text.endswith("\n"):
        text += "\n"
        changes.append(
            f"{path.name}: ended the last line, which may have been cut off: {text.split(chr(10))[-2][:60]!r}"
        )
    lines = text.split("\n")[:-1]
    _drop(path.name, changes, "with a zero byte", lines, lambda line: "\0" not in line)
    stripped = [line.strip(" \t") for line in lines]
    if stripped != lines:
        changes.append(f"{path.name}: took away blanks at the ends of lines")
    _drop(path.name, changes, "blank", stripped, bool)
    return stripped


def _drop(name: str, changes: list[str], what: str, lines: list[str], keep: Callable[[str], bool]) -> None:
    """Leave out lines, in place, and say so."""
    dropped = [line for line in lines if not keep(line)]
    if dropped:
        lines[:] = [line for line in lines if keep(line)]
        _say(name, changes, dropped, what)


def _say(name: str, changes: list[str], dropped: list[str], what: str) -> None:
    noun = "line" if len(dropped) == 1 else "lines"
    changes.append(f"{name}: dropped {len(dropped)} {noun} {what}, the first: {dropped[0][:80]!r}")


def _table(path: Path, lines: list[str], changes: list[str]) -> dict[str, str]:
    """The rows of a keyed table that are well-formed and the first of their key."""
    found: dict[str, str] = {}
    again, malformed = [], []
    known = TABLES.get(path.name, Table(path.name, "speaker", ""))
    for line in lines:
        key, value = (*words(line, 1), "")[:2]
        if not _is_id(key) or not value or not _is_valid(known, value):
            malformed.append(line)
        elif key in found:
            again.append(line)
        else:
            found[key] = value
    if malformed:
        _say(path.name, changes, malformed, f"not of the form `<{known.key}> {known.value}`")
    if again:
        _say(path.name, changes, again, "with a key that stands before")
    return found


def _is_id(word: str) -> bool:
    try:
        check_id(word, "")
    except DataError:
        return False
    return True


def _is_valid(table: Table, value: str) -> bool:
    if table.name == "utt2spk":
        return _is_id(value)
    return table.valid is None or table.valid(value)


def _make_agree(path: Path, tables: dict[str, dict[str, str]], changes: list[str]) -> None:
    """Cut all tables to the utterances, speakers and recordings that they have in common."""
    utt2spk, segments = tables["utt2spk"], tables.get("segments")
    for name in [name for name, table in TABLES.items() if table.filled and name in tables]:
        keys: Iterable[str] = utt2spk
        if TABLES[name].key == "recording" and segments is not None:
            keys = {words(value)[0] for value in segments.values()}
        missing = bytewise(set(keys) - tables[name].keys())
        if missing:
            del tables[name]
            changes.append(
                f"{name}: dropped the table, which lacks {len(missing)} keys, e.g. {missing[0]}; make it anew"
            )
    before: tuple[int, ...] = ()
    kept = set(utt2spk)
    while before != (before := (len(kept), *map(len, tables.values()))):
        speakers = {utt2spk[utterance] for utterance in kept}
        for name, table in tables.items():
            if TABLES[name].key == "speaker":
                speakers &= table.keys()
            elif TABLES[name].key == "utterance" or segments is None:
                kept &= table.keys()
        kept = {utterance for utterance in kept if utt2spk[utterance] in speakers}
        if segments is not None:
            recordings = tables.get("wav.scp", {}).keys() & {words(segments[utterance])[0] for utterance in kept}
            lengths = tables.get("reco2dur", {})
            for utterance in bytewise(kept):
                found = segment_of(segments[utterance])
                if (
                    found is None
                    or found[0] not in recordings
                    or found[2] > float(lengths.get(found[0], "inf")) + SEGMENT_SLACK
                ):
                    kept.discard(utterance)
    if not kept:
        raise DataError(
            f"{path}: no utterances remain: none is in all of {' '.join(tables)}",
            "make the ids of these tables the same; nothing was changed",
        )
    used = {
        "utterance": kept,
        "speaker": {utt2spk[utterance] for utterance in kept},
        "recording": {words(segments[utterance])[0] for utterance in kept} if segments is not None else kept,
    }
    for name, table in list(tables.items()):
        rows = {key: value for key, value in table.items() if key in used[TABLES[name].key]}
        if len(rows) < len(table):
            dropped = [f"{key} {value}" for key, value in table.items() if key not in rows]
            _say(name, changes, dropped, "not in every table")
        tables[name] = rows


def _lists(
    path: Path, lists: dict[str, list[str]], tables: dict[str, dict[str, str]], changes: list[str]
) -> dict[str, list[str]]:
    """Lists without lines that are malformed or name utterances that are not there."""
    for name, lines in lists.items():
        kind = list_kind(name) or name
        column = 1 if kind == "trials" else 0

        parse = {"trials": trial_of, "phones.ctm": phone_of}.get(kind)
        if parse:
            _drop(name, changes, f"not of the form `{LISTS[kind]}`", lines, lambda line: parse(line) is not None)  # noqa: B023
        _drop(
            name, changes, "of utterances that are not there", lines,
            lambda line, column=column: words(line)[column] in tables["utt2spk"],  # type: ignore[misc]
        )  # fmt: skip
    return lists
