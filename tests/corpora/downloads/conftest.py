"""A web server on the loopback that misbehaves as it is told to."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from web_site import Answer, Site


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(dict(self.headers))
            if served.change and len(served.asked) > 1:
                (served.body, served.etag), served.change = served.change, None
            answer = served.answers.pop(0) if served.answers else Answer()
            begin = 0
            given = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if given and answer.ranges and self.headers.get("If-Range", served.etag) == served.etag:
                begin = int(given[1])
            status = answer.status if answer.status != 200 else 206 if begin else 200
            headers = {"ETag": served.etag} if served.etag else {}
            if begin >= len(served.body) > 0 and begin:
                status, headers["Content-Range"] = 416, f"bytes */{len(served.body)}"
            self.send_response(status)
            part = served.body[begin:] if status in (200, 206) else b""
            if status == 206:
                begin -= answer.wrong_part
                headers["Content-Range"] = f"bytes {begin}-{len(served.body) - 1}/{len(served.body)}"
            if answer.announce != -1:
                headers["Content-Length"] = str(len(part) if answer.announce is None else answer.announce)
            for name, value in {**headers, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(part[: answer.only])
            if answer.stall:
                over.wait(5)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.address = f"http://127.0.0.1:{server.server_port}/corpus.tar.gz"
    yield served
    over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "corpus.tar.gz"
