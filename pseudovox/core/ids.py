"""Ids of utterances, speakers and recordings: which are allowed, and their order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from pseudovox.core.errors import DataError

# An id becomes a file name and a key in archives, so it may not leave the output dir or split a line.
_BAD_ID = re.compile(r"[\s\x00-\x20\x7f/\\\ufeff\ud800-\udfff]")
_BAD_ASCII = bytes({*range(33), 127, *b"/\\"} - {10})
MAX_ID_BYTES = 200


def bytewise(keys: Iterable[str]) -> list[str]:
    """Keys in Kaldi's order: by their UTF-8 bytes, whatever the locale.

    UTF-8 keeps the order of code points, which is how Python compares strings, so nothing is encoded here.
    """
    return sorted(keys)


def check_id(identity: str, where: str) -> str:
    """Return `identity` if it can name a file and a table record; raise DataError naming `where` otherwise."""
    if not identity or identity in (".", "..") or _BAD_ID.search(identity):
        raise DataError(
            f"{where}: id {identity!r} is empty or holds a space, slash or control character",
            "rename it in every table, e.g. with - for / (ids become file names)",
        )
    if len(identity.encode("utf-8")) > MAX_ID_BYTES:
        raise DataError(
            f"{where}: id {identity[:40]!r}... is longer than {MAX_ID_BYTES} bytes",
            "shorten it in every table (ids become file names)",
        )
    return identity


def bad_id(ids: Collection[str]) -> str | None:
    """One id that `check_id` refuses, or None: fast for many."""
    if not ids:
        return None
    joined = "\n".join(ids)
    plain = (
        joined.isascii()
        and joined.count("\n") == len(ids) - 1
        and len(joined.encode().translate(None, _BAD_ASCII)) == len(joined)
        and max(map(len, ids)) <= MAX_ID_BYTES
        and not any(word in ids for word in ("", ".", ".."))
    )
    if plain:
        return None
    for identity in ids:
        try:
            check_id(identity, "")
        except DataError:
            return identity
    return None
