"""Files: text of one record a line, read strictly; writing that is whole or not at all; never a device."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO

from pseudovox.core.errors import DataError, recode
from pseudovox.core.ids import bad_id, check_id

_BLANKS = re.compile(r"[ \t]+")
_UNEVEN_BLANKS = ("\t", "  ", " \n")


def read_table(
    path: Path, *, allow_empty: bool = False, whole: bool = False, keys: Keys | None = None
) -> dict[str, str]:
    """Read `key value...` lines (blanks or tabs between) into a dict in file order.

    Args:
        path: the file.
        allow_empty: a key may stand alone (a recogniser's output may hold no word).
        whole: the last line must have its end, as programs write it; without it the file may be cut off.
        keys: the keys that it probably has, in this order; only makes reading quicker.

    Raises:
        DataError: the file is missing, not UTF-8, or a line is blank, lacks a value or repeats a key.
    """
    return parse_table(read_text(path, whole=whole), path, allow_empty=allow_empty, keys=keys)


class Keys:
    """Good ids, in the order in which they stand in one table and are to be expected in others."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = list(ids)
        self.starts = [f"{key} " for key in self.ids]
        self.characters = sum(map(len, self.starts))

    def table(self, lines: list[str]) -> dict[str, str] | None:
        """The table of these lines if its keys are these ids in this order, else None."""
        if len(lines) != len(self.ids):
            return None
        values = list(map(str.removeprefix, lines, self.starts))
        if sum(map(len, values)) + self.characters != sum(map(len, lines)) or not all(values):
            return None
        return dict(zip(self.ids, values, strict=True))


def parse_table(text: str, path: Path, *, allow_empty: bool = False, keys: Keys | None = None) -> dict[str, str]:
    """`read_table` of a text that was read already; `path` is for the messages."""
    lines = _lines(text)
    if not text.endswith(" ") and not any(uneven in text for uneven in _UNEVEN_BLANKS):
        # The quick way for what programs write; a key that is empty (a blank line or first blank) is a bad id.
        expected = keys.table(lines) if keys else None
        if expected is not None:
            return expected
        try:
            table = dict(map(str.split, lines, repeat(" "), repeat(1)))  # type: ignore[arg-type]
        except ValueError:  # a key that stands alone
            table = {}
        if len(table) == len(lines) and bad_id(table) is None:
            return table
    table = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise blank_line(path, number)
        key, value = (*_BLANKS.split(line.rstrip(" \t"), maxsplit=1), "")[:2]
        check_id(key, f"{path}:{number}")
        if not value and not allow_empty:
            raise DataError(f"{path}:{number}: {key} has no value; expected `key value`", "add it, or drop the line")
        if key in table:
            same = table[key] == value
            raise DataError(
                f"{path}:{number}: {key} stands twice; each key may stand once",
                f"LC_ALL=C sort -u -o {path} {path}" if same else "drop the line whose value is wrong",
            )
        table[key] = value
    return table


def words(line: str, most: int = 0) -> list[str]:
    """The fields of a line, between blanks and tabs alone (Python's split also takes white space of other kinds).

    Args:
        line: of a table.
        most: after this many fields the rest of the line is one more; 0: all are parted.
    """
    if line.isascii() and line.isprintable():  # its only white space is the blank
        return line.split(None, most or -1)
    return [word for word in _BLANKS.split(line.strip(" \t"), most) if word]


def read_lines(path: Path, *, whole: bool = False) -> list[str]:
    """The lines of a table without their ends; DataError (file and line) if it cannot be read as UTF-8 text."""
    lines = _lines(read_text(path, whole=whole))
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise blank_line(path, number)
    return lines


def read_text(path: Path, *, whole: bool = False) -> str:
    """A table's text, whose lines end in a line feed alone (see `read_table` for `whole` and what is refused)."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if raw.startswith(b"\xef\xbb\xbf"):
        raise DataError(f"{path}:1: the file starts with a byte order mark", f"sed -i '1s/^\\xef\\xbb\\xbf//' {path}")
    for byte, what, hint in (
        (b"\r", "carriage return (a Windows line end)", f"sed -i 's/\\r$//' {path}"),
        (b"\0", "a zero byte: this is no text, or a file that was being written when the disk failed", "make it again"),
    ):
        if byte in raw:
            raise DataError(f"{path}:{_line(raw, raw.index(byte))}: {what}", hint)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{_line(raw, error.start)}: not UTF-8", recode(path)) from None
    if whole and raw and not raw.endswith(b"\n"):
        raise DataError(
            f"{path}:{_line(raw, len(raw))}: the last line has no line end, so the file may be cut off",
            f"if the line is whole: echo >> {path}",
        )
    return text


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _line(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def blank_line(path: Path, number: int) -> DataError:
    """What to say of a blank line, and its hint."""
    return DataError(f"{path}:{number}: blank line", f"sed -i '/^[[:space:]]*$/d' {path}")


def line_of(path: Path, key: str) -> str:
    """`path:line` of a record, to show in a message; only `path` where there is no such file or record."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if words(line.rstrip("\n"), 1)[:1] == [key]:
                    return f"{path}:{number}"
    except OSError:
        pass
    return str(path)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never a part, even after a power cut."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(aside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def write_json(path: Path, value: Any, *, sort_keys: bool = False) -> None:
    """Write a value as JSON, as `write_atomic` does; NaN and infinity, which JSON does not know, become null."""
    text = json.dumps(finite(value), indent=1, sort_keys=sort_keys, allow_nan=False)
    write_atomic(path, text + "\n")


def finite(value: Any) -> Any:
    """A value of dicts, lists and scalars with None in the place of every NaN and infinity."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def scp_path(path: Path) -> str:
    """A path as it is written into an scp: relative to the working directory where it lies below it."""
    absolute = Path(os.path.abspath(path))
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(absolute)


class NotAFile(OSError):
    """What a path names is no regular file; reading it could hang or go on for ever."""


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading bytes; OSError (NotAFile for a folder, device or FIFO) whose str() says what is wrong."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise OSError(error.strerror) from None
    except ValueError as error:  # a null character
        raise OSError(str(error)) from None
    kinds = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "FIFO"), (stat.S_ISREG, ""))
    kind = next((name for is_kind, name in kinds if is_kind(mode)), "device")
    if kind:
        raise NotAFile(f"a {kind}, expected a file")
    try:
        return open(path, "rb")
    except OSError as error:
        raise OSError(error.strerror) from None
