"""One file over HTTP, from a server that breaks off, lies, changes its mind and is not there."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest
from web_site import HASTY, Answer, Site

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora.downloads import transfer
from pseudovox.corpora.downloads.transfer import fetch

BODY = bytes(range(256)) * 400
SHA = hashlib.sha256(BODY).hexdigest()


def get(site: Site, target: Path, size: int = len(BODY), **checksums: str) -> dict[str, Any]:
    return fetch(site.address, target, size, checksums, HASTY)


def test_a_broken_download_goes_on_where_it_broke(site: Site, target: Path) -> None:
    site.body = BODY
    site.answers = [Answer(only=1000), Answer(only=500), Answer(only=0)]
    found = get(site, target, sha256=SHA)
    assert target.read_bytes() == BODY
    assert found == {"size": len(BODY), "sha256": SHA}
    assert site.ranges() == ["", "bytes=1000-", "bytes=1500-", "bytes=1500-"]
    assert site.asked[1]["If-Range"] == '"first"'
    assert not target.with_name("corpus.tar.gz.partial").exists()


def test_another_run_goes_on_where_the_last_one_gave_up(site: Site, target: Path) -> None:
    site.body = BODY
    site.answers = [Answer(only=100)] * HASTY.attempts
    with pytest.raises(MissingModelError, match=r"given up after 4 attempts, 0.0 MB are here\n.*goes on from there"):
        get(site, target)
    assert not target.exists()
    asked = len(site.asked)
    assert get(site, target)["sha256"] == SHA
    assert site.ranges()[asked:] == ["bytes=400-"]


def test_a_silent_server_counts_as_broken(site: Site, target: Path) -> None:
    site.body = BODY
    site.answers = [Answer(only=10, stall=True)]
    assert get(site, target)["sha256"] == SHA


def test_a_file_that_changed_meanwhile_is_fetched_anew(site: Site, target: Path) -> None:
    site.body, site.answers = BODY[::-1], [Answer(only=5000)]
    site.change = (BODY, '"second"')
    assert get(site, target)["sha256"] == SHA
    assert site.ranges() == ["", "bytes=5000-"]


def test_a_changed_file_from_a_server_that_knows_no_if_range(site: Site, target: Path) -> None:
    # It sends the part of the other file; the ETag betrays it.
    site.body = BODY
    site.answers = [Answer(only=5000), Answer(headers={"ETag": '"second"'}), Answer(headers={"ETag": '"second"'})]
    assert get(site, target)["sha256"] == SHA
    assert site.ranges() == ["", "bytes=5000-", ""]


@pytest.mark.parametrize("fault", [Answer(ranges=False), Answer(wrong_part=True)], ids=["ignored", "another part"])
def test_a_server_that_does_not_send_the_part_asked_for(site: Site, target: Path, fault: Answer) -> None:
    site.body, site.answers = BODY, [Answer(only=5000), fault]
    assert get(site, target)["sha256"] == SHA


def test_nothing_is_joined_that_nobody_can_tell_to_be_of_one_file(site: Site, target: Path) -> None:
    site.body, site.etag = BODY, 'W/"weak"'
    site.answers = [Answer(only=5000)]
    assert get(site, target)["sha256"] == SHA
    assert site.ranges() == ["", ""]
    target.unlink()
    site.asked, site.answers = [], [Answer(only=5000)]
    get(site, target, sha256=SHA)  # here the checksum tells
    assert site.ranges() == ["", "bytes=5000-"]


def test_of_unknown_length_it_goes_by_what_the_server_says(site: Site, target: Path) -> None:
    site.body, site.answers = BODY, [Answer(only=5000)]
    assert get(site, target, size=0)["size"] == len(BODY)
    target.unlink()
    site.answers = [Answer(announce=len(BODY) + 10)]  # then all is here, and the server says so: 416
    assert get(site, target, size=0)["size"] == len(BODY)
    target.unlink()
    site.answers = [Answer(announce=-1)]
    with pytest.raises(DataError, match="does not say how long"):
        get(site, target, size=0)


def test_another_length_than_expected_is_refused_at_once(site: Site, target: Path) -> None:
    site.body = b"<html>moved</html>"
    with pytest.raises(DataError, match=rf"announces 18 bytes, expected {len(BODY)}\n.*open the address in a browser"):
        get(site, target)
    assert len(site.asked) == 1


def test_a_length_that_is_too_small_for_what_comes(site: Site, target: Path) -> None:
    site.body, site.answers = BODY, [Answer(announce=-1)]
    with pytest.raises(MissingModelError, match="more than the 1000 bytes"):
        fetch(site.address, target, 1000, {}, transfer.Patience(attempts=1, pause=0))


def test_wrong_content_is_thrown_away(site: Site, target: Path) -> None:
    site.body = BODY[:-1] + b"x"
    with pytest.raises(DataError, match=rf"sha256 of what came is \w+, expected {SHA}; it was thrown away"):
        get(site, target, sha256=SHA)
    assert not [path for path in target.parent.iterdir() if path.suffix != ".json"]
    site.body = BODY
    assert get(site, target, sha256=SHA)["sha256"] == SHA


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_is_not_there_is_said_at_once(site: Site, target: Path, status: int) -> None:
    site.answers = [Answer(status=status)]
    with pytest.raises(MissingModelError, match=rf"the server answers {status} .*\n.*address may have changed"):
        get(site, target)
    assert len(site.asked) == 1


def test_a_busy_server_is_asked_again_when_it_says(site: Site, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", pauses.append)
    site.body = BODY
    site.answers = [Answer(status=503), Answer(status=503), Answer(status=429, headers={"Retry-After": "7"})]
    assert get(site, target)["sha256"] == SHA
    assert pauses == [HASTY.pause, 2 * HASTY.pause, 7.0]
    target.unlink()
    site.answers = [Answer(status=503)] * HASTY.attempts
    with pytest.raises(MissingModelError, match="the server answers 503; given up"):
        get(site, target)


def test_no_server_at_all(target: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(MissingModelError, match=r"the connection broke: .*refused.*; given up after 4"):
        fetch(f"http://127.0.0.1:{port}/x", target, 0, {}, HASTY)


def test_a_redirection_to_plain_http_is_not_followed() -> None:
    handler = transfer._NoDowngrade()
    request = transfer.urllib.request.Request("https://example.org/x")
    with pytest.raises(MissingModelError, match="which is not https"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://example.org/x")
    assert handler.redirect_request(request, None, 302, "Found", {}, "https://example.net/x").full_url.endswith("net/x")
