"""The tables that a data dir may hold: their keys, the form of their lines, and which of them describe the audio."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pseudovox.core.files import words

UTT2TARGET, SPK2TARGET = "utt2target", "spk2target"  # whose voice the anonymized speech has, of training speakers
Valid = Callable[[str], bool]
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def number(value: str) -> float | None:
    """A finite decimal number, or None: what Kaldi and awk read as one (Python also takes 1_000, inf and ²)."""
    if not _NUMBER.fullmatch(value):
        return None
    found = float(value)
    return found if found < float("inf") else None


def _positive(value: str) -> bool:
    found = number(value)
    return found is not None and found > 0


def _whole(value: str) -> bool:
    found = number(value)
    return found is not None and found > 0 and found == int(found)


def _warp(value: str) -> bool:
    found = number(value)
    return found is not None and 0.5 < found < 1.5


def segment_of(value: str) -> tuple[str, float, float] | None:
    """(recording, start, end) of a line of `segments`, times in seconds; None if malformed or the times are not
    0 <= start < end."""
    fields = words(value)
    if len(fields) != 3:
        return None
    start, end = number(fields[1]), number(fields[2])
    return (fields[0], start, end) if start is not None and end is not None and 0 <= start < end else None


def trial_of(line: str) -> tuple[str, str, bool] | None:
    """(speaker, utterance, is it a target) of a line of `trials`; None if malformed."""
    fields = words(line)
    if len(fields) != 3 or fields[2] not in ("target", "nontarget"):
        return None
    return fields[0], fields[1], fields[2] == "target"


def phone_of(line: str) -> tuple[str, float, float, str] | None:
    """(utterance, start, duration, phone) of a line of phones.ctm, times in seconds; None if malformed."""
    fields = words(line)
    if len(fields) != 5:
        return None
    start, duration = number(fields[2]), number(fields[3])
    if start is None or duration is None or start < 0 or duration < 0:
        return None
    return fields[0], start, duration, fields[4]


def _file_and_channel(value: str) -> bool:
    fields = words(value)
    return len(fields) == 2 and fields[1] in ("A", "B", "1")  # Kaldi takes 1, with a warning


@dataclass(frozen=True)
class Table:
    """A table that the library knows.

    Attributes:
        name: of the file.
        key: utterance, speaker or recording; the table has a line for each of the dir.
        value: what stands after the key.
        valid: whether a value is well-formed; None: anything is.
        audio: it describes the audio, so it does not hold for other audio of the same utterances.
        filled: a program can fill it in again, so `fix` drops it rather than utterances it lacks.
    """

    name: str
    key: str
    value: str
    valid: Valid | None = None
    audio: bool = False
    filled: bool = False


TABLES = {
    table.name: table
    for table in (
        Table("wav.scp", "recording", "audio file", audio=True),
        Table("utt2spk", "utterance", "speaker"),
        Table("segments", "utterance", "recording start end", lambda value: bool(segment_of(value)), audio=True),
        Table("text", "utterance", "WORD WORD ..."),
        Table("feats.scp", "utterance", "archive:offset", audio=True),
        Table("vad.scp", "utterance", "archive:offset", audio=True),
        Table("utt2dur", "utterance", "seconds", _positive, audio=True, filled=True),
        Table("utt2num_frames", "utterance", "frames", _whole, audio=True, filled=True),
        Table("utt2lang", "utterance", "language"),
        Table("utt2uniq", "utterance", "original utterance"),
        Table("utt2warp", "utterance", "factor of vocal tract length", _warp, audio=True),
        Table("utt2emo", "utterance", "emotion"),
        Table("utt2path", "utterance", "file it was read from", audio=True),  # may name the speaker: never published
        Table("cmvn.scp", "speaker", "archive:offset", audio=True),
        Table("spk2gender", "speaker", "f|m", lambda value: value in ("f", "m")),
        Table("spk2warp", "speaker", "factor of vocal tract length", _warp, audio=True),
        Table("spk2fold", "speaker", "fold"),
        Table("spk2age", "speaker", "years, or a word"),
        Table("reco2dur", "recording", "seconds", _positive, audio=True, filled=True),
        Table("reco2channel", "recording", "channel to be taken, from 0", str.isdecimal, audio=True),
        Table("reco2file_and_channel", "recording", "file A|B", _file_and_channel, audio=True),
    )
}
SPK2UTT = "spk2utt"  # <speaker> <utterance> <utterance> ...: derived from utt2spk, never kept

# Tables without unique keys; the first column is an utterance (in trials the second, after the enrolled speaker).
LISTS = {
    "enrolls": "<utterance>",
    "trials": "<speaker> <utterance> target|nontarget",
    "phones.ctm": "<utterance> 1 <start> <duration> <phone>",
}
_BY_NAME = (("utt2", "utterance"), ("spk2", "speaker"), ("reco2", "recording"))
_NO_TABLE = (
    ".log",
    ".json",
    ".tsv",
    ".md",
    ".txt",
    ".ark",
    ".gz",
    ".zip",
    ".wav",
    ".flac",
    ".npz",
    ".pdf",
    ".py",
    ".sh",
)


def list_kind(name: str) -> str | None:
    """enrolls, trials or phones.ctm if a file of that name is such a list (the challenges also have trials_f, ...)."""
    for kind in ("enrolls", "trials"):
        if name == kind or name.startswith(f"{kind}_"):
            return kind
    return name if name in LISTS else None


def is_named_as_table(name: str) -> bool:
    """Does the name alone say that a file is a table of a data dir?"""
    return name in TABLES or name == SPK2UTT or bool(list_kind(name)) or bool(key_by_name(name))


def key_by_name(name: str) -> str | None:
    """utterance, speaker or recording, where the name of a table (known or not) says what its key is."""
    if name in TABLES:
        return TABLES[name].key
    if name.endswith(_NO_TABLE):
        return None
    return next((key for start, key in _BY_NAME if name.startswith(start)), None)


def cannot_be_table(name: str) -> bool:
    """Hidden files are markers and what a killed write left aside; logs, archives and notes are no tables either."""
    return name.startswith(".") or name.endswith(_NO_TABLE)


def first_bad(table: Table, rows: Mapping[str, str]) -> tuple[str, str] | None:
    """The first (key, value) whose value is malformed."""
    if table.valid is None or (table.valid in (_positive, _whole) and _are_plain(rows, table.valid is _whole)):
        return None
    valid = table.valid
    return next(((key, value) for key, value in rows.items() if not valid(value)), None)


def _are_plain(rows: Mapping[str, str], whole: bool) -> bool:
    """Are all values plain decimals above 0? In one go, since such tables have a line for every utterance."""
    joined = "".join(rows.values())
    if not joined.isascii() or joined.encode().translate(None, b"0123456789" + (b"" if whole else b".")):
        return False
    try:
        return 0 < min(map(float, rows.values()), default=1) and max(map(len, rows.values()), default=0) < 300
    except ValueError:
        return False
