"""What the tests' web server has, and how it misbehaves."""

from __future__ import annotations

from dataclasses import dataclass, field

from pseudovox.corpora.downloads.transfer import Patience

HASTY = Patience(attempts=4, pause=0.001, silence=1.0)


@dataclass
class Answer:
    """How one request is answered.

    Attributes:
        status: other than 200 and 206: that and nothing else.
        only: bytes of the body after which the connection is cut; None = all.
        stall: do not cut it there but say nothing more.
        ranges: honour Range (and If-Range).
        announce: Content-Length, in place of the true one; -1 = none.
        wrong_part: send a part from elsewhere as if it were the one asked for.
        headers: more of them.
    """

    status: int = 200
    only: int | None = None
    stall: bool = False
    ranges: bool = True
    announce: int | None = None
    wrong_part: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Site:
    """What the server has: one file, and how it answers the next requests (afterwards as it should)."""

    address: str = ""
    body: bytes = b""
    etag: str = '"first"'
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)  # headers of the requests that came
    change: tuple[bytes, str] | None = None  # body and ETag after the first request

    def ranges(self) -> list[str]:
        return [headers.get("Range", "") for headers in self.asked]
