"""The page without a browser: what is on it, that it is escaped, whole and the same again."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_run import SPEAKERS, TEXT, experiment, make_run

from pseudovox.records import Record
from pseudovox.report.page.listening import gather
from pseudovox.report.page.write import write_comparison, write_page


class Links(HTMLParser):
    """Everything that the page names, and its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "poster", "srcset", "data", "action", "xlink:href"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(tiny_page: Path) -> Links:
    return Links((tiny_page / "index.html").read_text(encoding="utf-8"))


def test_everything_it_names_is_in_its_folder(page: Links, tiny_page: Path) -> None:
    files = [link for link in page.links if not link.startswith(("#", "data:")) and link != "RESULTS.md"]
    assert len(files) > 20 and all((tiny_page / file).is_file() for file in files)
    targets = {link[1:] for link in page.links if link.startswith("#")}
    assert targets <= set(page.ids), "a link that leads nowhere"
    assert len(page.ids) == len(set(page.ids)), "an id stands twice"
    written = {str(path.relative_to(tiny_page)) for path in tiny_page.rglob("*") if path.is_file()}
    assert written == {*files, "index.html"}, "a file that the page does not use"


def test_ids_and_texts_are_shown_and_not_run(page: Links) -> None:
    assert page.tags.count("script") == 1 and "em" not in page.tags and "i" not in page.tags
    chosen = [name for name in (*SPEAKERS["f"], *SPEAKERS["m"]) if f"speaker {name}" in page.text]
    assert len(chosen) == 6, "speakers are shown as they are called"
    assert TEXT in page.text and "49" not in re.findall(r"m3\S*", page.text)[0]
    assert "the <em>one</em> & only" in page.text and "B<1>" in page.text
    assert "needs <pip> install" in page.text and "steps/score_trials.py --x '<i>' in out" in page.text


def test_written_again_the_same_bytes(tiny_run: tuple[Path, Path], tiny_page: Path, tmp_path: Path) -> None:
    write_page(tmp_path, experiment(*tiny_run), files=["RESULTS.md"])
    again = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    first = {path.relative_to(tiny_page): path.read_bytes() for path in tiny_page.rglob("*") if path.is_file()}
    assert again == first


def test_audio_that_does_not_fit_is_left_out(tiny_run: tuple[Path, Path], tmp_path: Path) -> None:
    samples = gather(experiment(*tiny_run), tmp_path, max_audio=0.08)
    size = sum(path.stat().st_size for path in (tmp_path / "audio").iterdir())
    assert samples and size <= 80_000
    assert gather(experiment(*tiny_run), tmp_path, max_audio=0.0) == []


def test_without_data_dirs_there_is_no_speech(tiny_run: tuple[Path, Path], tmp_path: Path) -> None:
    assert write_page(tmp_path, experiment(tiny_run[0], None)) == []
    page = Links((tmp_path / "index.html").read_text())
    assert "audio" not in page.tags and "Women and men" in page.text and "Privacy and utility" in page.text


def test_what_was_not_measured_is_not_explained(tiny_run: tuple[Path, Path], page: Links, tmp_path: Path) -> None:
    whole = experiment(*tiny_run)
    pitch = Record("pitch_correlation_vpc2022", 0.9, "", "one", set="test")
    assert write_page(tmp_path, replace(whole, folder=tmp_path / "none", records=[pitch]))
    bare = Links((tmp_path / "index.html").read_text())
    for told in ("An equal error rate (EER) says", "an EER is the mean", "what the speech recogniser understood"):
        assert told in page.text and told not in bare.text
    assert "Pitch correlation" in bare.text


def test_several_runs_on_one_page(tmp_path: Path) -> None:
    runs = {name: experiment(make_run(tmp_path, name)[0], None) for name in ("a", "b")}
    runs["b"].config.seed = 2
    write_comparison(tmp_path, runs)
    page = Links((tmp_path / "index.html").read_text())
    assert page.tags.count("script") == 1 and not [link for link in page.links if link[:1] not in ("#", "d")]
    assert "a: one" in page.text and "b: two" in page.text
    assert re.search(r"seed\s*1\s*2", page.text), "the key that differs"


def test_why_something_was_not_run(page: Links) -> None:
    assert "emotion (UAR)" in page.text and "informed attacker on one" in page.text
    assert "a small set: 3 speakers and 9 target trials" in page.text


def test_what_can_be_listened_to(tiny_run: tuple[Path, Path], tmp_path: Path) -> None:
    import soundfile

    samples = gather(experiment(*tiny_run), tmp_path, max_audio=9)
    assert {(sample.gender, sample.why) for sample in samples} >= {("female", "short"), ("male", "long")}
    assert [version.system for version in samples[0].versions] == ["original", "one", "two"]
    kinds = [(word.kind, word.text) for word in samples[0].versions[1].words or []]
    assert ("added", "EXTRA") in kinds or ("wrong", "EXTRA") in kinds
    for version in samples[0].versions:
        pcm, rate = soundfile.read(tmp_path / version.sound)
        assert rate == 16000 and len(pcm) / rate == pytest.approx(version.seconds) and np.abs(pcm).max() > 0.1
