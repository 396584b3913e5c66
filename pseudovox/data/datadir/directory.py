"""The data dir in memory: its tables, what they say, and dirs made from dirs (subset, renamed, combined)."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pseudovox.core.errors import DataError
from pseudovox.core.files import Keys, line_of, parse_table, read_lines, read_table, read_text, words, write_atomic
from pseudovox.core.ids import bad_id, bytewise, check_id
from pseudovox.data.datadir import checks
from pseudovox.data.datadir import origin as origins
from pseudovox.data.datadir.origin import Origin
from pseudovox.data.datadir.tables import (
    SPK2UTT,
    TABLES,
    cannot_be_table,
    is_named_as_table,
    key_by_name,
    list_kind,
    number,
    segment_of,
)

Rename = Callable[[str], str]


@dataclass(frozen=True)
class Trial:
    """One line of `trials`: is `utterance` spoken by the enrolled `speaker`?"""

    speaker: str
    utterance: str
    target: bool


@dataclass(frozen=True)
class Phone:
    """One line of `phones.ctm`; times in seconds."""

    start: float
    duration: float
    label: str


class DataDir:
    """A data dir in memory: tables as dicts, checked against each other.

    Attributes:
        path: where it was read from (or will be written).
        tables: every keyed table by file name, as {key: value}.
        lists: the tables without unique keys (`trials`, `enrolls`, `phones.ctm`) as lists of lines.
        allow_pipes: wav.scp may hold commands.
        others: names of files in the dir that are no tables, and so are not in a dir made from this one.
        own_origin: what its file `origin` says; None = it has none. `origin` is that, or what its name says.
        system_by_name: the system whose `_<system>` its name ends with, if it has no such file; set by who loads it.
        channel: which channel of its audio `pseudovox.data.audio.load` takes; set by who loads it, not carried over.
        reads: the tables that decide what is made of it; None = all. Set by who loads it, not carried over.
    """

    channel: int | str = 0
    reads: frozenset[str] | None = None
    system_by_name: str = ""

    def __init__(
        self,
        path: Path | str,
        tables: Mapping[str, Mapping[str, str]],
        lists: Mapping[str, list[str]] | None = None,
        *,
        allow_pipes: bool = False,
        others: Sequence[str] = (),
        origin: Origin | None = None,
    ) -> None:
        self.path = Path(path)
        self.tables = {name: dict(table) for name, table in tables.items()}
        self.tables.pop(SPK2UTT, None)  # derived, never stored
        self.lists = {name: list(lines) for name, lines in (lists or {}).items()}
        self.allow_pipes = allow_pipes
        self.others = tuple(others)
        self.own_origin = origin

    # ------------------------------------------------------------------ reading
    @classmethod
    def load(
        cls, path: Path | str, *, need: Iterable[str] = (), allow_pipes: bool = False, audio: bool = True
    ) -> DataDir:
        """Read and check a data dir. Whether its files are sorted is not asked here but by `validate`.

        Args:
            path: the folder.
            need: tables that must be there besides wav.scp and utt2spk, e.g. ("text", "spk2gender").
            allow_pipes: accept commands (`... |`) in wav.scp; they run a shell command from the dir's author.
            audio: the dir must have a wav.scp.

        Raises:
            DataError: naming file, line, what was found and the hint.
        """
        path = Path(path)
        if not path.is_dir():
            raise DataError(
                f"{path}: no such data dir",
                "./run.sh --recipe <recipe> --stop-stage data makes those of a recipe, in data/<recipe>",
            )
        files = {file.name: file for file in table_files(path)}
        tables: dict[str, dict[str, str]] = {}
        lists: dict[str, list[str]] = {}
        others: list[str] = []
        keys = None
        if "utt2spk" in files:
            utt2spk = read_table(files["utt2spk"], whole=True)
            # A name that stands in many places is kept once: a dir of a million utterances fits into memory.
            tables["utt2spk"] = dict(zip(utt2spk, map(sys.intern, utt2spk.values()), strict=True))
            keys = Keys(utt2spk)
        for name, file in files.items():
            if name in TABLES and name != "utt2spk":
                tables[name] = read_table(file, whole=True, keys=keys)
            elif list_kind(name):
                lists[name] = read_lines(file, whole=True)
        del keys
        data = cls(path, tables, lists, allow_pipes=allow_pipes, origin=origins.read(path))
        data.check(need, audio=audio)
        if SPK2UTT in files:
            checks.check_spk2utt(data, read_text(files[SPK2UTT], whole=True))
        unread = [name for name in files if not (name in TABLES or name == SPK2UTT or list_kind(name))]
        ids = data.ids() if unread else set()
        for name in unread:
            file = files[name]
            unknown = read_unknown(file, ids)
            if unknown is None:
                others.append(name)
            elif isinstance(unknown, dict):
                data.tables[name] = unknown
            else:
                data.lists[name] = unknown
        data.others = tuple(others)
        return data

    def check(self, need: Iterable[str] = (), *, audio: bool = True) -> None:
        """Raise DataError unless the tables agree with each other and `need` is there (see `load`)."""
        checks.check(self, need, audio=audio)

    # ------------------------------------------------------------------ access
    @property
    def name(self) -> str:
        return self.path.name

    @property
    def origin(self) -> Origin:
        """Which data dir it was before anonymization, by which system, and of what set: as it says, or its name."""
        if self.own_origin is None:
            return origins.conventional(self.name, self.system_by_name)
        return self.own_origin if self.own_origin.system else replace(self.own_origin, source=self.name)

    def _origin_at(self, path: Path | str) -> Origin | None:
        """What a dir that is made of this one, and will be written at `path`, says of itself."""
        return self.origin.called(Path(path).name) if self.own_origin else None

    @cached_property
    def utterances(self) -> list[str]:
        return bytewise(self.tables["utt2spk"])

    @cached_property
    def speakers(self) -> list[str]:
        return bytewise(set(self.utt2spk.values()))

    @cached_property
    def recordings(self) -> list[str]:
        """The keys of wav.scp that the dir uses: the utterances, unless it has `segments`."""
        if "segments" not in self.tables:
            return self.utterances
        return bytewise({self.segment(utterance)[0] for utterance in self.tables["segments"]})

    @property
    def utt2spk(self) -> dict[str, str]:
        return self.tables["utt2spk"]

    @cached_property
    def spk2utt(self) -> dict[str, list[str]]:
        speakers: dict[str, list[str]] = {speaker: [] for speaker in self.speakers}
        utt2spk = self.utt2spk
        for speaker, utterances in itertools.groupby(self.utterances, utt2spk.__getitem__):
            speakers[speaker] += utterances  # a speaker's utterances may stand in several places
        return speakers

    @property
    def spk2gender(self) -> dict[str, str]:
        return self.table("spk2gender")

    @property
    def text(self) -> dict[str, str]:
        return self.table("text")

    def ids(self) -> set[str]:
        """All utterances, speakers and recordings."""
        return {*self.utterances, *self.speakers, *self.recordings}

    def table(self, name: str) -> dict[str, str]:
        """A keyed table; DataError if the dir has none of that name."""
        if name not in self.tables:
            raise checks.lacks(self, name)
        return self.tables[name]

    def where(self, name: str, key: str) -> str:
        """`path:line` of a record in the files that the dir was read from, for messages."""
        return line_of(self.path / name, key)

    def duration(self, utterance: str) -> float:
        """Length in seconds, from utt2dur, the segment, the audio file's header, or what a command prints."""
        if "utt2dur" in self.tables:
            value = self.tables["utt2dur"][utterance]
            seconds = number(value)
            if seconds is None or seconds <= 0:
                raise checks.malformed(self, TABLES["utt2dur"], utterance, value)
            return seconds
        if "segments" in self.tables:
            _, start, end = self.segment(utterance)
            return end - start
        from pseudovox.data.audio import SAMPLE_RATE, file_duration, load

        if self.tables["wav.scp"][utterance].endswith("|"):
            return len(load(self, utterance)) / SAMPLE_RATE
        return file_duration(self.tables["wav.scp"][utterance], f"{self.path}/wav.scp, {utterance}")

    def segment(self, utterance: str) -> tuple[str, float, float]:
        """(recording, start, end) of an utterance in `segments`; times in seconds."""
        value = self.tables["segments"][utterance]
        found = segment_of(value)
        if found is None:
            raise checks.malformed(self, TABLES["segments"], utterance, value)
        if found[0] not in self.tables.get("wav.scp", ()):
            raise checks.unknown_recording(self, utterance, found[0])
        return found

    @cached_property
    def trials(self) -> list[Trial]:
        """The lines of `trials`, in file order; DataError with the line if one is malformed."""
        return [Trial(*fields) for fields in checks.parse_trials(self, "trials")]

    @cached_property
    def enrolls(self) -> list[str]:
        """The enrolment utterances; all utterances where the dir has no `enrolls`."""
        if "enrolls" not in self.lists:
            return list(self.utterances)
        return [words(line)[0] for line in self.lists["enrolls"]]

    def check_trials(self, enrolment: DataDir) -> None:
        """Raise DataError unless `trials` has targets and non-targets and all its speakers enrol in `enrolment`."""
        checks.check_trials(self, enrolment)

    @cached_property
    def phones(self) -> dict[str, list[Phone]]:
        """The phone alignment by utterance from `phones.ctm` (utterances without lines are absent)."""
        phones: dict[str, list[Phone]] = {}
        for utterance, start, duration, label in checks.parse_phones(self):
            phones.setdefault(utterance, []).append(Phone(start, duration, label))
        return phones

    # ------------------------------------------------------------------ making
    def subset(self, utterances: Iterable[str], path: Path | str | None = None) -> DataDir:
        """The same dir with only these utterances, every table cut to fit."""
        kept = set(utterances)
        unknown = bytewise(kept - self.utt2spk.keys())
        if unknown or not kept:
            found = f"{unknown[0]} is not in utt2spk" if unknown else "no utterances asked for"
            raise DataError(f"{self.path}: cannot take a subset: {found}")
        by_key = {
            "utterance": kept,
            "speaker": {self.utt2spk[utterance] for utterance in kept},
            "recording": {self.segment(utterance)[0] for utterance in kept} if "segments" in self.tables else kept,
        }
        gone: set[str] = set()
        if self.tables.keys() - TABLES.keys() or not all(map(list_kind, self.lists)):
            gone = self.ids() - set().union(*by_key.values())
        in_order = {kind: bytewise(by_key[kind]) for kind in ("speaker", "recording") if by_key[kind] is not kept}
        in_order["utterance"] = [utterance for utterance in self.utterances if utterance in kept]
        in_order.setdefault("recording", in_order["utterance"])
        tables: dict[str, dict[str, str]] = {}
        for name, table in self.tables.items():
            if name in TABLES:
                tables[name] = {key: table[key] for key in in_order[TABLES[name].key] if key in table}
            else:  # rows of other things than this dir's utterances, speakers and recordings stay
                tables[name] = {key: value for key, value in table.items() if key not in gone}
        lists = {}
        for name, lines in self.lists.items():
            column = 1 if list_kind(name) == "trials" else 0
            if list_kind(name):
                lists[name] = [line for line in lines if words(line)[column] in kept]
            else:
                lists[name] = [line for line in lines if words(line)[0] not in gone]
        path = path or self.path
        made = DataDir(path, tables, lists, allow_pipes=self.allow_pipes, origin=self._origin_at(path))
        made.system_by_name = self.system_by_name
        return made

    def renamed(self, utterance: Rename, speaker: Rename, path: Path | str, recording: Rename | None = None) -> DataDir:
        """The same dir under other ids.

        Args:
            utterance, speaker: the new id of an old one; no two may become one.
            path: where the new dir will be written.
            recording: the same for recordings; None: they keep their ids where there is a `segments`.
        """
        if "segments" not in self.tables:
            recording = utterance
        by_key = {"utterance": utterance, "speaker": speaker, "recording": recording or (lambda name: name)}
        tables = {}
        for name, table in self.tables.items():
            rename = by_key.get(self._key_of(name, table) or "", lambda key: key)
            tables[name] = {rename(key): value for key, value in table.items()}
            if len(tables[name]) != len(table):
                raise DataError(f"{self.path}/{name}: two ids would become one")
        tables["utt2spk"] = {utterance(key): sys.intern(speaker(value)) for key, value in self.utt2spk.items()}
        if "segments" in tables and recording:
            for key, value in tables["segments"].items():
                old, rest = words(value, 1)
                tables["segments"][key] = f"{recording(old)} {rest}"
        lists = {}
        for name, lines in self.lists.items():
            columns: tuple[Rename, ...] = (utterance,)
            if list_kind(name) == "trials":
                columns = (speaker, utterance)
            elif not list_kind(name) and lines and words(lines[0])[0] not in self.utt2spk:
                columns = ()  # a table of other things
            lists[name] = [_rename_line(line, columns) for line in lines]
        return DataDir(path, tables, lists, allow_pipes=self.allow_pipes, origin=self._origin_at(path))

    def _key_of(self, name: str, table: Mapping[str, str]) -> str | None:
        """What a table is keyed by: by its name, or by its keys if the library does not know it."""
        if key_by_name(name) or not table:
            return key_by_name(name)
        sets = (("utterance", self.utterances), ("speaker", self.speakers), ("recording", self.recordings))
        return next((key for key, ids in sets if table.keys() <= set(ids)), None)

    def with_audio(self, files: Mapping[str, str], durations: Mapping[str, float], path: Path | str) -> DataDir:
        """The same utterances in other audio: tables that describe the old audio (features, segments) are left out.

        Args:
            files: wav.scp entries by utterance.
            durations: seconds by utterance.
            path: where the new dir will be written.
        """
        about_audio = {name for name, table in TABLES.items() if table.audio}
        tables = {
            name: table
            for name, table in self.tables.items()
            if name not in about_audio and not (name not in TABLES and key_by_name(name) == "recording")
        }
        tables["wav.scp"] = dict(files)
        tables["utt2dur"] = {utterance: f"{seconds:.4f}" for utterance, seconds in durations.items()}
        return DataDir(path, tables, self.lists, origin=self._origin_at(path))

    @classmethod
    def combine(cls, dirs: Sequence[DataDir], path: Path | str) -> tuple[DataDir, list[str]]:
        """One dir of all utterances of several.

        A record may stand in two of them if it is the same in both. A table that one of them lacks is left out, but
        for utt2uniq (an utterance is then its own original) and segments (then the whole recording).

        Returns:
            The dir, and the names of the tables that were left out.

        Raises:
            DataError: records of one key that differ.
        """
        dirs = [_completed(data, dirs) for data in dirs]
        everything = bytewise({name for data in dirs for name in (*data.tables, *data.lists)})
        left_out = [name for name in everything if not all(name in (*data.tables, *data.lists) for data in dirs)]
        tables: dict[str, dict[str, str]] = {}
        lists: dict[str, list[str]] = {}
        for name in everything:
            if name in left_out:
                continue
            if all(name in data.tables for data in dirs):
                tables[name] = _merged(name, dirs)
            else:
                rows = (line for data in dirs for line in (data.lists.get(name) or _as_lines(data.tables[name])))
                lists[name] = list(dict.fromkeys(rows))
        said = {data._origin_at(path) for data in dirs}
        origin = said.pop() if len(said) == 1 else None
        return cls(path, tables, lists, allow_pipes=any(data.allow_pipes for data in dirs), origin=origin), left_out

    def write(self, path: Path | str | None = None) -> None:
        """Write every table, sorted bytewise, each file aside and renamed; spk2utt is derived.

        A new dir appears whole. In a dir that was there, tables that this one does not have are removed, and utt2spk
        is away while the others change: a dir half written is never taken for one. `trials` and `enrolls` keep
        their order, which protocols define.

        Raises:
            DataError: an id or a value cannot stand in a line of text.
        """
        folder = Path(path or self.path)
        contents = {name: self.content(name) for name in (*self.tables, *self.lists, SPK2UTT)}
        if self.own_origin:
            contents[origins.FILE] = origins.text(self.own_origin)
        if not folder.exists():
            aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            for name, content in contents.items():
                write_atomic(aside / name, content)
            os.replace(aside, folder)
            return
        for file in _stale(folder, contents):
            file.unlink()
        if not self.own_origin and (folder / "utt2spk").is_file() and (folder / origins.FILE).is_file():
            (folder / origins.FILE).unlink()
        last = contents.pop("utt2spk")
        (folder / "utt2spk").unlink(missing_ok=True)
        for name, content in contents.items():
            write_atomic(folder / name, content)
        write_atomic(folder / "utt2spk", last)

    def content(self, name: str) -> str:
        """The text of a table's file (also of spk2utt) as `write` writes it."""
        if name == SPK2UTT:
            return checks.spk2utt_text(self.spk2utt)
        if name in self.lists:
            lines = self.lists[name]
            content = "".join(line + "\n" for line in lines)
        else:
            table = self.tables[name]
            wrong = bad_id(table)
            if wrong is not None:
                check_id(wrong, f"{self.path}/{name}")
            lines = bytewise(table)
            content = "".join([f"{key} {table[key]}\n" for key in lines])
            if name not in TABLES:
                content = content.replace(" \n", "\n")
            elif " \n" in content:
                key = next((key for key, value in table.items() if not value.strip(" ")), None)
                if key is not None:
                    raise DataError(f"{self.path}/{name}: {key} has no value, so it is not written")
        if content.count("\n") != len(lines) or "\r" in content or "\0" in content:
            raise DataError(f"{self.path}/{name}: a value holds a line end or a zero byte, so it is not written")
        return content


# ---------------------------------------------------------------------- files of a dir
def table_files(path: Path) -> list[Path]:
    """Files of a dir that may be tables, by name."""
    found = []
    for file in sorted(path.iterdir()):
        if cannot_be_table(file.name) or file.name == origins.FILE:
            continue
        if file.is_file():
            found.append(file)
        elif is_named_as_table(file.name):
            kind = "a link to nothing" if file.is_symlink() and not file.exists() else "no plain file"
            raise DataError(f"{file}: is {kind}; expected a table", "put the table there, or remove it")
    return found


def read_unknown(file: Path, ids: set[str]) -> dict[str, str] | list[str] | None:
    """A file that the library does not know: a table, a list of lines (a key stands twice), or None (no table).

    It is one if its name says so (utt2..., spk2..., reco2...) or if most of its first lines begin with an id.
    """
    if key_by_name(file.name) is None:
        with open(file, "rb") as opened:
            lines = opened.read(2**13).decode("utf-8", errors="replace").split("\n")
        firsts = [fields[0] for fields in (words(line, 1) for line in lines) if fields]
        if not firsts or 2 * sum(first in ids for first in firsts) < len(firsts):
            return None
    text = read_text(file, whole=True)
    firsts = [fields[0] for fields in (words(line, 1) for line in text.split("\n")) if fields]
    if len(set(firsts)) < len(firsts):
        return read_lines(file, whole=True)
    return parse_table(text, file, allow_empty=True)


def _stale(folder: Path, written: Iterable[str]) -> list[Path]:
    """Tables of the data dir that is there already which the new one does not have."""
    if not (folder / "utt2spk").is_file():
        return []
    left = [file for file in table_files(folder) if file.name not in written]
    named = [file for file in left if is_named_as_table(file.name)]
    if len(named) < len(left):
        ids: set[str] = set()
        for line in (folder / "utt2spk").read_text(encoding="utf-8", errors="replace").split("\n"):
            ids.update(words(line))
        named += [file for file in left if file not in named and read_unknown(file, ids) is not None]
    return named


# ---------------------------------------------------------------------- helpers of renaming and combining
def _rename_line(line: str, columns: Sequence[Rename]) -> str:
    fields = words(line, len(columns))
    return " ".join([*(rename(field) for rename, field in zip(columns, fields, strict=False)), *fields[len(columns) :]])


def _as_lines(table: Mapping[str, str]) -> list[str]:
    return [f"{key} {table[key]}" for key in bytewise(table)]


def _completed(data: DataDir, dirs: Sequence[DataDir]) -> DataDir:
    """The dir with the tables that others have and that can be filled in for it."""
    tables = dict(data.tables)
    if "utt2uniq" not in tables and any("utt2uniq" in other.tables for other in dirs):
        tables["utt2uniq"] = {utterance: utterance for utterance in data.utterances}
    if "segments" not in tables and any("segments" in other.tables for other in dirs):
        tables["segments"] = {one: f"{one} 0 {data.duration(one):.4f}" for one in data.utterances}
    return DataDir(data.path, tables, data.lists, allow_pipes=data.allow_pipes, origin=data.own_origin)


def _merged(name: str, dirs: Sequence[DataDir]) -> dict[str, str]:
    """A table of several dirs, one after the other; DataError where they differ about a key."""
    merged: dict[str, str] = {}
    for data in dirs:
        table = data.tables[name]
        common = merged.keys() & table.keys()
        for key in bytewise(common):
            if merged[key] != table[key]:
                first = next(other for other in dirs if key in other.tables[name])
                raise DataError(
                    f"{data.where(name, key)}: {key} is {table[key]!r} here and {merged[key]!r} in {first.path}/{name}",
                    "give one dir's ids a prefix: utils/copy_data_dir.py --utt-prefix=x- --spk-prefix=x- DIR NEW",
                )
        merged.update(table)
    return merged
