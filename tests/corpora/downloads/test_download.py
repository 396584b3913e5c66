"""local/download.py and what it brings to its place."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from web_site import HASTY, Answer, Site

from pseudovox import stage
from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.corpora import downloads
from pseudovox.corpora.downloads import catalogue, download, is_there
from pseudovox.corpora.downloads.catalogue import Entry
from pseudovox.models import pretrained

Program = Callable[..., subprocess.CompletedProcess[str]]
FILES = {"Corpus/SPEAKERS.TXT": b"of all parts", "Corpus/part-a/1/1.wav": b"one", "Corpus/part-a/2/2.wav": b"two"}

KINDS = ("corpora", "models")


def tar_of(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def entry(site: Site, **changed: Any) -> Entry:
    site.body = site.body or tar_of(FILES)
    given = {
        "folder": "Corpus/part-a", "address": site.address, "file": "corpus.tar.gz", "size": len(site.body),
        "sha256": hashlib.sha256(site.body).hexdigest(), "unpacked": 0.001,
    }  # fmt: skip
    return Entry("corpus-a", "a corpus", "https://example.org", "CC BY 4.0", **{**given, **changed})


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_corpus_comes_to_its_place_once(site: Site, tmp_path: Path) -> None:
    one = entry(site)
    assert download(one, tmp_path, HASTY)
    found = tree(tmp_path)
    marker = json.loads(found.pop("Corpus/.downloads/corpus-a.json"))
    assert marker["sha256"] == one.sha256 and marker["address"] == site.address
    assert found == FILES
    assert not download(one, tmp_path, HASTY)
    assert len(site.asked) == 1


def test_what_is_there_stays(site: Site, tmp_path: Path) -> None:
    (tmp_path / "Corpus").mkdir()
    (tmp_path / "Corpus/SPEAKERS.TXT").write_bytes(b"mine")
    download(entry(site), tmp_path, HASTY)
    assert (tmp_path / "Corpus/SPEAKERS.TXT").read_bytes() == b"mine"
    (tmp_path / "Corpus/part-b").mkdir()
    (tmp_path / "Corpus/part-b/mine.wav").write_bytes(b"mine")
    assert not download(entry(site, folder="Corpus/part-b"), tmp_path, HASTY)
    assert tree(tmp_path / "Corpus/part-b") == {"mine.wav": b"mine"}


def test_an_empty_folder_is_no_corpus(site: Site, tmp_path: Path) -> None:
    (tmp_path / "Corpus/part-a").mkdir(parents=True)
    assert download(entry(site), tmp_path, HASTY)
    assert is_there(tmp_path / "Corpus/part-a")


def test_a_corpus_may_lie_behind_a_link(site: Site, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora/Corpus").symlink_to("../elsewhere")
    download(entry(site), tmp_path / "corpora", HASTY)
    assert (tmp_path / "elsewhere/part-a/1/1.wav").read_bytes() == b"one"


def test_an_archive_without_a_folder_of_its_own(site: Site, tmp_path: Path) -> None:
    site.body = tar_of({"Actor_01/a.wav": b"a"})
    download(entry(site, folder="RAVDESS", into="RAVDESS"), tmp_path, HASTY)
    assert (tmp_path / "RAVDESS/Actor_01/a.wav").exists()


@pytest.mark.parametrize("moment", ["unpack", "_move", "write_json"])
def test_interrupted_anywhere_it_is_whole_or_absent(
    site: Site, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, work = entry(site), getattr(downloads, moment)

    def interrupted(*arguments: Any) -> None:
        if moment == "unpack":
            work(*arguments)  # done, but nobody was told
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(downloads, moment, interrupted)
        with pytest.raises(KeyboardInterrupt):
            download(one, tmp_path, HASTY)
    assert not is_there(one.place(tmp_path))
    assert download(one, tmp_path, HASTY)
    assert tree(tmp_path / "Corpus/part-a") == {"1/1.wav": b"one", "2/2.wav": b"two"}
    assert len(site.asked) == 1, "the archive was here"


def test_a_hostile_archive_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    site.body = tar_of({**FILES, "../../../outside": b"x"})
    with pytest.raises(DataError, match="would be written elsewhere"):
        download(entry(site), tmp_path / "corpora", HASTY)
    assert not is_there(tmp_path / "corpora/Corpus/part-a") and not list(tmp_path.rglob("outside"))


def test_an_archive_of_another_layout(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no folder Corpus/part-z\n.*layout changed; see https://example.org"):
        download(entry(site, folder="Corpus/part-z"), tmp_path, HASTY)


def test_too_little_disk_is_said_before_anything_is_fetched(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"corpus-a needs 1000000.0 GB there .* GB are free\n.*--to a folder"):
        download(entry(site, unpacked=1e6), tmp_path, HASTY)
    assert not site.asked


def test_two_runs_at_once(site: Site, tmp_path: Path) -> None:
    aside = tmp_path / "Corpus/.downloads/corpus-a"
    with stage.lock(aside), pytest.raises(DataError, match="corpus-a: another run is writing it"):
        download(entry(site), tmp_path, HASTY)
    assert download(entry(site), tmp_path, HASTY)


def test_gated_corpora_say_whom_to_ask(tmp_path: Path) -> None:
    one = catalogue.read()["iemocap"]
    with pytest.raises(MissingModelError, match=r"iemocap may not be downloaded\n.*sail.usc.edu/iemocap") as raised:
        download(one, tmp_path)
    assert raised.value.exit_code == 4
    place = one.place(tmp_path) / "Session1"
    place.mkdir(parents=True)
    assert not download(one, tmp_path)


def test_weights_go_where_torchaudio_keeps_them(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    site.body = b"weights"
    one = Entry("WAVLM_LARGE", "weights", "https://example.org", "MIT", address=site.address, file="wavlm_large.pth")
    assert download(one, None, HASTY)
    assert pretrained.weights_file("WAVLM_LARGE").read_bytes() == b"weights"
    assert one.place(tmp_path / "mine") == tmp_path / "mine/wavlm_large.pth"


# ---------------------------------------------------------------------- the catalogue
def test_the_catalogue_holds_what_the_readers_and_models_need() -> None:
    entries = catalogue.read()
    corpora, models = (set(yaml.safe_load((catalogue.FOLDER / f"{name}.yaml").read_text())) for name in KINDS)
    files = {**pretrained.FILES, **pretrained.OTHERS}
    assert models == set(files) and set(entries) == corpora | models
    for name in models:
        assert entries[name].file == Path(files[name]).name and not entries[name].folder
    for name in corpora:
        one = entries[name]
        assert one.ask or (one.file.endswith(catalogue.ARCHIVES) and one.size < one.unpacked * 1e9)
        assert one.ask or one.md5 or name == "speechocean762"  # whose publisher lists none
    assert [one.name for one in catalogue.choose(entries, ["ravdess"])] == ["ravdess"]
    parts = catalogue.choose(entries, ["librispeech"])
    assert len(parts) == 7 and all(part.folder.startswith("LibriSpeech/") for part in parts)
    assert {"librispeech-test-clean", "iemocap"} <= {one.name for one in catalogue.choose(entries, ["vpc2024"])}
    with pytest.raises(UsageError, match=r"no corpus, weights or recipe .* 'libri'\n.*--list"):
        catalogue.choose(entries, ["libri"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"url": "https://example.org"}, "x.yaml:1: x: no key 'url' is known"),
        ({"licence": ""}, "x: lacks 'licence'"),
        ({"address": ""}, "one of `address` and `ask`"),
        ({"address": "http://example.org/x.tar"}, "begins with https://"),
        ({"address": "file:///etc/passwd"}, "begins with https://"),
        ({"folder": "../x"}, "leads out of its folder"),
        ({"file": "/etc/x"}, "leads out of its folder"),
        ({"md5": "abc"}, "checksum is not of its length"),
        ({"size": 0}, "an archive needs `folder`, `size` and `unpacked`"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    whole = {
        "about": "x", "home": "https://example.org", "licence": "x", "address": "https://example.org/x.tar",
        "folder": "x", "size": 1, "unpacked": 1,
    }  # fmt: skip
    (tmp_path / "x.yaml").write_text(json.dumps({"x": whole}))
    assert catalogue.read(tmp_path)["x"].file == "x.tar"
    (tmp_path / "x.yaml").write_text(json.dumps({"x": {**whole, **changed}}))
    with pytest.raises(UsageError, match=message):
        catalogue.read(tmp_path)


# ---------------------------------------------------------------------- the program
def test_the_program_lists_and_refuses(program: Program, tmp_path: Path) -> None:
    (tmp_path / "RAVDESS/Actor_01").mkdir(parents=True)
    shown = program("local/download.py", "--list", "--to", tmp_path, "ravdess", "iemocap")
    assert shown.returncode == 0, shown.stderr
    assert " there " in shown.stdout.splitlines()[1] and "  ask for it  " in shown.stdout.splitlines()[2]
    assert "to be downloaded, where known: none" in shown.stdout
    assert program("local/download.py").returncode == 2
    asked = program("local/download.py", "--to", tmp_path, "ravdess", "iemocap")
    assert asked.returncode == 4 and "is there already and left as it is" in asked.stderr
    assert "fill in the release form at https://sail.usc.edu" in asked.stderr


def test_no_address_leads_anywhere_but_to_the_publishers() -> None:
    hosts = {one.address.split("/")[2] for one in catalogue.read().values() if one.address}
    assert hosts == {"www.openslr.org", "datashare.ed.ac.uk", "zenodo.org", "download.pytorch.org"} | {
        "github.com", "huggingface.co",
    }  # fmt: skip


def test_the_server_breaking_off_is_no_matter(site: Site, tmp_path: Path) -> None:
    one = entry(site)
    site.answers = [Answer(only=20), Answer(status=503), Answer(only=30)]
    assert download(one, tmp_path, HASTY)
    assert tree(tmp_path / "Corpus/part-a") == {"1/1.wav": b"one", "2/2.wav": b"two"}
