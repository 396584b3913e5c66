"""One file over HTTP, whole and verified: broken connections are taken up where they broke (RFC 9110, section 14)."""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any

from pseudovox import __version__
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.data.datadir import write_json

log = logging.getLogger("pseudovox")
_BLOCK = 2**20
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # statuses that may be others a little later
_CONNECTION = (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException)
_LONGEST_PAUSE = 300.0  # seconds


@dataclass(frozen=True)
class Patience:
    """How broken connections are borne.

    Attributes:
        attempts: in a row without a megabyte of progress, before it is given up.
        pause: before the second attempt, seconds; doubled each time, unless the server says how long (Retry-After).
        silence: of the server, after which a connection counts as broken, seconds.
    """

    attempts: int = 6
    pause: float = 2.0
    silence: float = 60.0


class _Broken(Exception):
    """This attempt failed, another one may not."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def fetch(address: str, file: Path, size: int, checksums: Mapping[str, str], patience: Patience) -> dict[str, Any]:
    """Bring a file here; it is there afterwards, and is what it should be.

    What has come so far lies in `<file>.partial`; it is gone on with if the server still has the same file (If-Range
    with its ETag or date), or if checksums tell in the end.

    Args:
        address: https or http.
        file: where to; its folder exists. If it is there, it was fetched before, and is checked again.
        size: bytes that it must have; 0 = unknown.
        checksums: that it must have, by algorithm of hashlib.
        patience: with broken connections.

    Returns:
        its size and its checksums (sha256, and the algorithms given).

    Raises:
        MissingModelError: the server does not have it, or could not be reached.
        DataError: what came has another size or checksum.
    """
    partial = file.with_name(f"{file.name}.partial")
    failures = 0
    while not file.exists():
        before = _length(partial)
        try:
            _one_connection(address, partial, size, checksums, patience)
            os.replace(partial, file)
        except _Broken as broken:
            after = _length(partial)
            failures = 1 if after - before >= _BLOCK else failures + 1
            if failures >= patience.attempts:
                raise MissingModelError(
                    f"{address}: {broken}; given up after {failures} attempts, {_megabytes(after)} are here",
                    "run the same command later: it goes on from there",
                ) from None
            pause = min(broken.pause or patience.pause * 2 ** (failures - 1), _LONGEST_PAUSE)
            log.info("%s: %s; %s are here, trying again in %.0f s", address, broken, _megabytes(after), pause)
            time.sleep(pause)
    found = {"size": _length(file), **digests(file, {*checksums, "sha256"})}
    for name, expected in {"size": size, **checksums}.items():
        if expected and found[name] != expected:
            file.unlink()
            raise DataError(
                f"{address}: {name} of what came is {found[name]}, expected {expected}; it was thrown away",
                "run the same command again; if that does not help, the file at the address is another one by now",
            )
    return found


def digests(file: Path, algorithms: set[str]) -> dict[str, str]:
    """Checksums of a file in hexadecimal, by algorithm of hashlib."""
    from tqdm import tqdm

    made = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with open(file, "rb") as data, tqdm(total=_length(file), desc="checksum", **_BAR) as bar:
        while block := data.read(_BLOCK):
            for digest in made.values():
                digest.update(block)
            bar.update(len(block))
    return {name: digest.hexdigest() for name, digest in sorted(made.items())}


_BAR: dict[str, Any] = {"unit": "B", "unit_scale": True, "dynamic_ncols": True, "disable": None, "leave": False}


def _one_connection(address: str, partial: Path, size: int, checksums: Mapping[str, str], patience: Patience) -> None:
    """Ask once for what is missing; the partial file is complete afterwards, or _Broken says why not."""
    seen = partial.with_name(f"{partial.name}.json")
    known = json.loads(seen.read_text()) if seen.exists() else {}
    validator = known.get("validator", "") if known.get("address") == address else ""
    held = _length(partial) if validator or (checksums and known.get("address") == address) else 0
    if size and held == size:
        return
    headers = {"User-Agent": f"pseudovox/{__version__}", "Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
        if validator:
            headers["If-Range"] = validator
    try:
        with _opener().open(urllib.request.Request(address, headers=headers), timeout=patience.silence) as answer:
            begin, total = _extent(answer, held)
            if size and total and total != size:
                raise DataError(
                    f"{address}: the server announces {total} bytes, expected {size}",
                    "the file has changed, or something else came in its place: open the address in a browser",
                )
            total = total or size
            if not total and not checksums:
                raise DataError(
                    f"{address}: the server does not say how long it is, nobody can tell whether it is whole"
                )
            now = _validator(answer.headers)
            if begin and validator and now and now != validator:
                partial.unlink()
                raise _Broken("the file has changed meanwhile, beginning anew")
            write_json(seen, {"address": address, "validator": now or validator})
            with open(partial, "ab" if begin else "wb") as file:
                _copy(answer, file, begin, total)
    except urllib.error.HTTPError as error:
        _refused(error, address, partial, held)
    except _CONNECTION as error:
        reason = getattr(error, "reason", "") or error or type(error).__name__
        raise _Broken(f"the connection broke: {reason}") from None


def _extent(answer: Any, held: int) -> tuple[int, int]:
    """Where what the server sends begins, and the length of the whole (0: not said)."""
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        declared = answer.headers.get("Content-Length", "")
        return 0, int(declared) if declared.isdecimal() else 0
    part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if not part or int(part[1]) != held:
        raise _Broken("the server sent another part than asked for")
    return held, int(part[2]) if part[2] != "*" else 0


def _copy(answer: Any, file: IO[bytes], held: int, total: int) -> None:
    from tqdm import tqdm

    with tqdm(total=total or None, initial=held, desc="download", **_BAR) as bar:
        while block := answer.read(_BLOCK):
            held += len(block)
            if total and held > total:
                file.truncate(0)
                raise _Broken(f"more than the {total} bytes that it has came")
            file.write(block)
            bar.update(len(block))
    if total and held < total:
        raise _Broken(f"the connection ended after {held} of {total} bytes")


def _refused(error: urllib.error.HTTPError, address: str, partial: Path, held: int) -> None:
    """Answers of 400 and above: complete after all, try again, or nothing to be had."""
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        if error.headers.get("Content-Range", "") == f"bytes */{held}":
            return  # all of it is here; the server alone knew the length
        partial.unlink(missing_ok=True)
        raise _Broken("the file there is shorter than what is here, beginning anew") from None
    if error.code in _PASSING:
        asked = error.headers.get("Retry-After", "")
        raise _Broken(f"the server answers {error.code}", float(asked) if asked.isdecimal() else 0.0) from None
    raise MissingModelError(
        f"{address}: the server answers {error.code} ({error.reason})",
        "the address may have changed: local/download.py --list names the page about it, where it is offered",
    ) from None


def _validator(headers: Message) -> str:
    """What tells this version of the file from others: a strong ETag, or its date."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _megabytes(length: int) -> str:
    return f"{length / 1e6:.1f} MB"


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but not from https to plain http: anybody on the way could send another file."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise MissingModelError(f"{req.full_url}: leads to {newurl}, which is not https", "see the page about it")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoDowngrade)
