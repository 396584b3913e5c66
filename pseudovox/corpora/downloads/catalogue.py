"""What can be downloaded, and whom to ask for the rest: conf/downloads/*.yaml, where the keys are explained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from pseudovox.config import strict_yaml
from pseudovox.core import checkout
from pseudovox.core.errors import UsageError
from pseudovox.models import pretrained

FOLDER = checkout.ROOT / "conf/downloads"
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
_HEX_DIGITS = {"md5": 32, "sha256": 64}


@dataclass(frozen=True)
class Entry:
    """A corpus (its archive is unpacked to `folder`) or the weights of a bundle of torchaudio (a file).

    Attributes: those of the yaml files, with absent ones empty, and
        name: what it is called on the command line.
    """

    name: str
    about: str
    home: str
    licence: str
    needed_by: Sequence[str] = ()
    folder: str = ""
    address: str = ""
    ask: str = ""
    file: str = ""
    into: str = ""
    size: int = 0
    md5: str = ""
    sha256: str = ""
    unpacked: float = 0.0

    @property
    def checksums(self) -> Mapping[str, str]:
        """The checksums that are known, by algorithm."""
        return {name: value for name in _HEX_DIGITS if (value := getattr(self, name))}

    def place(self, to: Path | None) -> Path:
        """Where it lies once it is there: below `to`, or in the usual folder."""
        if self.folder:
            return (to or Path("corpora")) / self.folder
        return to / self.file if to else pretrained.cache_file(self.name)


def read(folder: Path = FOLDER, names: Sequence[str] = ("*",)) -> dict[str, Entry]:
    """All entries by name, in the order of the files.

    Args:
        names: of the files to read, without their ending; "*" = all.

    Raises:
        UsageError: an entry that lacks something or has too much, naming file and line.
    """
    entries: dict[str, Entry] = {}
    for path in sorted(path for name in names for path in folder.glob(f"{name}.yaml")):
        values, lines = strict_yaml.read(path)
        for name, given in values.items():
            entries[name] = _entry(name, given, f"{path}:{lines[name]}")
    return entries


def choose(entries: Mapping[str, Entry], words: Sequence[str]) -> list[Entry]:
    """The entries that words stand for: one, all parts of a corpus (librispeech), or all that a recipe needs (vpc2024).

    Raises:
        UsageError: a word that is none of these.
    """
    chosen: dict[str, Entry] = {}
    for word in words:
        found = [
            one for one in entries.values() if word in (one.name, *one.needed_by) or one.name.startswith(f"{word}-")
        ]
        if not found:
            raise UsageError(f"no corpus, weights or recipe with needs called {word!r}", "local/download.py --list")
        chosen.update({one.name: one for one in found})
    return list(chosen.values())


def _entry(name: str, given: Any, where: str) -> Entry:
    given = given if isinstance(given, dict) else {}
    known = {field.name for field in fields(Entry)} - {"name"}
    wrong = sorted(set(given) - known)
    absent = [key for key in ("about", "home", "licence") if not given.get(key)]
    if wrong or absent:
        raise UsageError(f"{where}: {name}: {f'no key {wrong[0]!r} is known' if wrong else f'lacks {absent[0]!r}'}")
    made = Entry(name, **given)
    address = urlsplit(made.address)
    secure = address.scheme == "https" or address.hostname == "127.0.0.1"  # tests
    problems = {
        "expected one of `address` and `ask`": bool(made.address) == bool(made.ask),
        "an address begins with https://": bool(made.address) and not secure,
        "a path leads out of its folder": any(_leads_out(path) for path in (made.folder, made.into, made.file)),
        "a checksum is not of its length in hexadecimal digits": any(
            not re.fullmatch(rf"[0-9a-f]{{{_HEX_DIGITS[key]}}}", str(value)) for key, value in made.checksums.items()
        ),
        "an archive needs `folder`, `size` and `unpacked`": bool(made.address and made.folder)
        and not (made.size and made.unpacked),
    }
    for problem, found in problems.items():
        if found:
            raise UsageError(f"{where}: {name}: {problem}")
    return Entry(name, **{**given, "file": made.file or PurePosixPath(address.path).name})


def _leads_out(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts
