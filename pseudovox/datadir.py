"""Kaldi data dirs: reading with checks, and writing whole or not at all.

A data dir is a folder of text tables, one record a line, `key value...`, sorted bytewise by key:

    wav.scp      <utterance> <audio file>       (or <recording> <audio file> when there is a `segments`)
    utt2spk      <utterance> <speaker>          spk2utt is derived from it
    text         <utterance> <WORD WORD ...>    spk2gender   <speaker> f|m
    segments     <utterance> <recording> <start> <end>       utt2dur  <utterance> <seconds>
    enrolls      <utterance>                    trials       <speaker> <utterance> target|nontarget
    phones.ctm   <utterance> 1 <start> <duration> <phone>    (times in seconds)

Paths in wav.scp are relative to the working directory, as in Kaldi, or absolute. A data dir is never modified
in place: `DataDir.write` makes it aside and renames it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pseudovox.errors import DataError

BY_UTTERANCE = ("utt2spk", "text", "segments", "utt2dur", "utt2emo", "utt2num_frames", "utt2lang")
BY_SPEAKER = ("spk2utt", "spk2gender", "spk2fold")
KEYLESS = ("trials", "enrolls", "phones.ctm")  # their first column is not a unique key of the dir

# An id becomes a file name and a key in archives, so it may not leave the output dir or split a line.
_BAD_ID = re.compile(r"[\s\x00-\x20\x7f/\\]")
MAX_ID_BYTES = 200
_BLANKS = re.compile(r"[ \t]+")


def bytewise(keys: Iterable[str]) -> list[str]:
    """Keys in Kaldi's order: by their UTF-8 bytes, whatever the locale."""
    return sorted(keys, key=lambda key: key.encode("utf-8"))


def check_id(identity: str, where: str) -> str:
    """Return `identity` if it can name a file and a table record; raise DataError naming `where` otherwise."""
    if not identity or identity in (".", "..") or _BAD_ID.search(identity):
        raise DataError(f"{where}: id {identity!r} is empty or holds a space, slash or control character")
    if len(identity.encode("utf-8")) > MAX_ID_BYTES:
        raise DataError(f"{where}: id {identity[:40]!r}... is longer than {MAX_ID_BYTES} bytes")
    return identity


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


def read_table(path: Path, *, allow_empty: bool = False) -> dict[str, str]:
    """Read `key value...` lines (blanks or tabs between) into a dict in file order.

    Args:
        path: the file.
        allow_empty: a key may stand alone (a recogniser's output may hold no word).

    Raises:
        DataError: the file is missing, not UTF-8, or a line is blank, lacks a value or repeats a key.
    """
    table: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), 1):
        key, value = (*_BLANKS.split(line.rstrip(" \t"), maxsplit=1), "")[:2]
        check_id(key, f"{path}:{number}")
        if not value and not allow_empty:
            raise DataError(f"{path}:{number}: {key} has no value; expected `key value`")
        if key in table:
            raise DataError(
                f"{path}:{number}: {key} stands twice; each key may stand once", f"sort -u {path}, or drop a line"
            )
        table[key] = value
    return table


def read_lines(path: Path) -> list[str]:
    """The lines of a table without their ends; DataError (file and line) if it cannot be read as UTF-8 text."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if raw.startswith(b"\xef\xbb\xbf"):
        raise DataError(f"{path}:1: the file starts with a byte order mark", f"sed -i '1s/^\\xef\\xbb\\xbf//' {path}")
    if b"\r" in raw:
        number = raw[: raw.index(b"\r")].count(b"\n") + 1
        raise DataError(f"{path}:{number}: carriage return (a Windows line end)", f"sed -i 's/\\r$//' {path}")
    try:
        lines = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        number = raw[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{number}: not UTF-8", f"iconv -f latin1 -t utf8 {path}") from None
    if lines and lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise DataError(f"{path}:{number}: blank line", f"sed -i '/^[[:space:]]*$/d' {path}")
    return lines


class DataDir:
    """A data dir in memory: tables as dicts, checked against each other.

    Attributes:
        path: where it was read from (or will be written).
        tables: every keyed table by file name, as {key: value}.
        lists: the tables without unique keys (`trials`, `enrolls`, `phones.ctm`) as lists of lines.
    """

    def __init__(
        self,
        path: Path | str,
        tables: Mapping[str, Mapping[str, str]],
        lists: Mapping[str, list[str]] | None = None,
        *,
        allow_pipes: bool = False,
    ) -> None:
        self.path = Path(path)
        self.tables = {name: dict(table) for name, table in tables.items()}
        self.tables.pop("spk2utt", None)  # derived, never stored
        self.lists = {name: list(lines) for name, lines in (lists or {}).items()}
        self.allow_pipes = allow_pipes

    # ------------------------------------------------------------------ reading
    @classmethod
    def load(cls, path: Path | str, *, need: Iterable[str] = (), allow_pipes: bool = False) -> DataDir:
        """Read and check a data dir.

        Args:
            path: the folder.
            need: tables that must be there besides wav.scp and utt2spk, e.g. ("text", "spk2gender").
            allow_pipes: accept commands (`... |`) in wav.scp; they run a shell command from the dir's author.

        Raises:
            DataError: naming file, line, what was found and the mend.
        """
        path = Path(path)
        if not path.is_dir():
            raise DataError(f"{path}: no such data dir", "./run.sh --stage data makes the recipe's data dirs")
        tables: dict[str, dict[str, str]] = {}
        lists: dict[str, list[str]] = {}
        for file in sorted(path.iterdir()):
            # Hidden files are markers, and what a killed write left aside.
            if not file.is_file() or file.name.startswith(".") or file.suffix in (".log", ".json", ".tsv"):
                continue
            if file.name in KEYLESS:
                lists[file.name] = read_lines(file)
            else:
                tables[file.name] = read_table(file)
        data = cls(path, tables, lists, allow_pipes=allow_pipes)
        data.check(need)
        return data

    def check(self, need: Iterable[str] = ()) -> None:
        """Raise DataError unless the tables agree with each other and `need` is there."""
        for name in ("wav.scp", "utt2spk", *need):
            if name not in self.tables and name not in self.lists:
                raise DataError(f"{self.path}: the data dir lacks the file {name}")
        if not self.utterances:
            raise DataError(f"{self.path}/utt2spk: no utterances")
        utterances, speakers = set(self.utterances), set(self.utt2spk.values())
        for utterance, speaker in self.utt2spk.items():
            check_id(speaker, f"{self.path}/utt2spk, utterance {utterance}")
        segments = self.tables.get("segments")
        if segments is None:
            self._same_keys("wav.scp", utterances, "utt2spk")
        for name in BY_UTTERANCE:
            if name in self.tables:
                self._same_keys(name, utterances, "utt2spk")
        for name in ("spk2gender", "spk2fold"):
            if name in self.tables:
                self._same_keys(name, speakers, "utt2spk's speakers")
        for speaker, gender in self.tables.get("spk2gender", {}).items():
            if gender not in ("f", "m"):
                raise DataError(f"{self.path}/spk2gender: speaker {speaker} has gender {gender!r}, expected f or m")
        if not self.allow_pipes:
            for key, entry in self.tables["wav.scp"].items():
                if entry.endswith("|"):
                    raise DataError(
                        f"{self.path}/wav.scp: {key} is a shell command ({entry[:60]}), not run unless allowed",
                        "give --allow-pipes if you trust the author of this data dir",
                    )
        for number, line in enumerate(self.lists.get("enrolls", []), 1):
            if line.split()[0] not in utterances:
                raise DataError(f"{self.path}/enrolls:{number}: utterance {line.split()[0]} is not in utt2spk")
        for number, trial in enumerate(self.trials if "trials" in self.lists else [], 1):
            if trial.utterance not in utterances:
                raise DataError(f"{self.path}/trials:{number}: utterance {trial.utterance} is not in utt2spk")

    def _same_keys(self, name: str, expected: set[str], of: str) -> None:
        found = self.tables[name].keys()
        missing, extra = bytewise(expected - found), bytewise(found - expected)
        if missing or extra:
            example = f"{missing[0]} is only in {of}" if missing else f"{extra[0]} is only in {name}"
            raise DataError(
                f"{self.path}/{name}: {len(missing)} keys missing, {len(extra)} too many against {of}: {example}"
            )

    # ------------------------------------------------------------------ access
    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def utterances(self) -> list[str]:
        return bytewise(self.tables["utt2spk"])

    @cached_property
    def speakers(self) -> list[str]:
        return bytewise(set(self.utt2spk.values()))

    @property
    def utt2spk(self) -> dict[str, str]:
        return self.tables["utt2spk"]

    @cached_property
    def spk2utt(self) -> dict[str, list[str]]:
        speakers: dict[str, list[str]] = {speaker: [] for speaker in self.speakers}
        for utterance in self.utterances:
            speakers[self.utt2spk[utterance]].append(utterance)
        return speakers

    @property
    def spk2gender(self) -> dict[str, str]:
        return self.table("spk2gender")

    @property
    def text(self) -> dict[str, str]:
        return self.table("text")

    def table(self, name: str) -> dict[str, str]:
        """A keyed table; DataError if the dir has none of that name."""
        if name not in self.tables:
            raise DataError(f"{self.path}: the data dir lacks the file {name}")
        return self.tables[name]

    def duration(self, utterance: str) -> float:
        """Length in seconds, from utt2dur, the segment, or the audio file's header."""
        if "utt2dur" in self.tables:
            return self._seconds(utterance)
        if "segments" in self.tables:
            _, start, end = self.segment(utterance)
            return end - start
        from pseudovox.audio import file_duration

        return file_duration(self.tables["wav.scp"][utterance], f"{self.path}/wav.scp, {utterance}")

    def _seconds(self, utterance: str) -> float:
        value = self.tables["utt2dur"][utterance]
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < float("inf"):
            raise DataError(f"{self.path}/utt2dur: {utterance} lasts {value!r}, expected seconds above 0")
        return seconds

    def segment(self, utterance: str) -> tuple[str, float, float]:
        """(recording, start, end) of an utterance in `segments`; times in seconds."""
        fields = self.tables["segments"][utterance].split()
        try:
            recording, start, end = fields[0], float(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            raise DataError(
                f"{self.path}/segments: {utterance}: expected `recording start end`, found {' '.join(fields)!r}"
            ) from None
        if recording not in self.tables["wav.scp"] or not 0 <= start < end:
            raise DataError(f"{self.path}/segments: {utterance}: bad times or unknown recording: {' '.join(fields)}")
        return recording, start, end

    @cached_property
    def trials(self) -> list[Trial]:
        """The lines of `trials`, in file order; DataError with the line if one is malformed."""
        trials = []
        for number, line in enumerate(self.lists.get("trials", []), 1):
            fields = line.split()
            if len(fields) != 3 or fields[2] not in ("target", "nontarget"):
                raise DataError(
                    f"{self.path}/trials:{number}: expected `speaker utterance target|nontarget`, found {line!r}"
                )
            trials.append(Trial(fields[0], fields[1], fields[2] == "target"))
        return trials

    @cached_property
    def enrolls(self) -> list[str]:
        """The enrolment utterances; all utterances where the dir has no `enrolls`."""
        return [line.split()[0] for line in self.lists.get("enrolls", [])] or list(self.utterances)

    @cached_property
    def phones(self) -> dict[str, list[Phone]]:
        """The phone alignment by utterance from `phones.ctm` (utterances without lines are absent)."""
        phones: dict[str, list[Phone]] = {}
        for number, line in enumerate(self.lists.get("phones.ctm", []), 1):
            fields = line.split()
            try:
                phones.setdefault(fields[0], []).append(Phone(float(fields[2]), float(fields[3]), fields[4]))
            except (IndexError, ValueError):
                raise DataError(
                    f"{self.path}/phones.ctm:{number}: expected `utterance 1 start duration phone`, found {line!r}"
                ) from None
        return phones

    # ------------------------------------------------------------------ making
    def subset(self, utterances: Iterable[str], path: Path | str | None = None) -> DataDir:
        """The same dir with only these utterances, every table cut to fit."""
        kept = set(utterances)
        unknown = bytewise(kept - self.utt2spk.keys())
        if unknown or not kept:
            found = f"{unknown[0]} is not in utt2spk" if unknown else "no utterances asked for"
            raise DataError(f"{self.path}: cannot take a subset: {found}")
        speakers = {self.utt2spk[utterance] for utterance in kept}
        recordings = {self.segment(utterance)[0] for utterance in kept} if "segments" in self.tables else kept
        tables: dict[str, dict[str, str]] = {}
        for name, table in self.tables.items():
            if name == "wav.scp":
                keys = recordings
            elif name in BY_SPEAKER:
                keys = speakers
            elif name in BY_UTTERANCE or table.keys() <= self.utt2spk.keys():
                keys = kept
            else:
                keys = set(table)
            tables[name] = {key: value for key, value in table.items() if key in keys}
        lists = {
            name: [line for line in lines if line.split()[1 if name == "trials" else 0] in kept]
            for name, lines in self.lists.items()
        }
        return DataDir(path or self.path, tables, lists, allow_pipes=self.allow_pipes)

    def write(self, path: Path | str | None = None) -> None:
        """Write every table, sorted bytewise, each file aside and renamed; spk2utt is derived.

        `trials` and `enrolls` keep their order, which protocols define.
        """
        folder = Path(path or self.path)
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            write_atomic(folder / name, "".join(f"{key} {table[key]}\n" for key in bytewise(table)))
        spk2utt = "".join(f"{speaker} {' '.join(utts)}\n" for speaker, utts in self.spk2utt.items())
        write_atomic(folder / "spk2utt", spk2utt)
        for name, lines in self.lists.items():
            write_atomic(folder / name, "".join(line + "\n" for line in lines))


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never a part, even after a power cut."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(aside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def scp_path(path: Path) -> str:
    """A path as it is written into an scp: relative to the working directory where it lies below it."""
    absolute = Path(os.path.abspath(path))
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(absolute)
