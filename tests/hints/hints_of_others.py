"""Hints that ask for what others made: corpora, packages, weights. The cases put a stand-in there."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hints_of_recordings import stand_in
from obeying import ROOT, command_in, dry_run, obeyed, options_in, program, settings_in, shell
from standins import put_audio, put_text

from pseudovox import config as configuration
from pseudovox import corpora
from pseudovox.components import alignment, f0
from pseudovox.config import packs
from pseudovox.corpora import commonvoice, downloads, iemocap, librispeech, mls, ravdess, speechocean762, vctk, voxceleb
from pseudovox.corpora.downloads.catalogue import Entry
from pseudovox.data import audio
from pseudovox.data.datadir import DataDir
from pseudovox.data.datadir.validate import validate
from pseudovox.evaluation.judges import asked
from pseudovox.models import speechbrain, whisper
from pseudovox.training import finetune

CORPORA = "pseudovox/corpora/"


# ---------------------------------------------------------------------- corpora
def _corpus(
    module: str, fragment: str, read: Callable[[], Any], wrong: Callable[[], Any], right: Callable[[], Any]
) -> None:
    """A corpus that is not there, or not whole, and comes."""

    def play(tmp_path: Path) -> Any:
        wrong()
        hint = yield read
        assert any(word in hint for word in ("download", "unpack", "ask ")), hint
        right()

    obeyed(CORPORA + module, fragment, f"{module} {fragment}")(play)


def _nothing() -> None:
    pass


def _folder() -> None:
    Path("corpus").mkdir()


ROOT_OF_CORPUS = Path("corpus")
_corpus(
    "commonvoice.py",
    "{}: no such folder",
    lambda: commonvoice.find_languages(ROOT_OF_CORPUS),
    _nothing,
    lambda: put_text(Path("corpus/en/validated.tsv"), "x"),
)
_corpus(
    "commonvoice.py",
    "no language there",
    lambda: commonvoice.find_languages(ROOT_OF_CORPUS),
    _folder,
    lambda: put_text(Path("corpus/en/validated.tsv"), "x"),
)
_corpus(
    "commonvoice.py",
    "no such file; languages there",
    lambda: commonvoice.read(ROOT_OF_CORPUS, "de"),
    lambda: put_text(Path("corpus/en/validated.tsv"), "x"),
    lambda: put_text(Path("corpus/de/validated.tsv"), "x"),
)
_corpus(
    "iemocap.py",
    "no such folder",
    lambda: iemocap.read(ROOT_OF_CORPUS),
    _folder,
    lambda: [
        Path(f"corpus/Session{number}", part).mkdir(parents=True)
        for number in range(1, 6)
        for part in ("sentences/wav", "dialog/EmoEvaluation", "dialog/transcriptions")
    ],
)
_corpus(
    "librispeech.py",
    "expected the corpus's root",
    lambda: librispeech.subsets(ROOT_OF_CORPUS),
    _nothing,
    lambda: put_text(Path("corpus/dev-clean/1/2/1-2.trans.txt"), "x"),
)
_corpus(
    "librispeech.py",
    "no subset there",
    lambda: librispeech.subsets(ROOT_OF_CORPUS),
    _folder,
    lambda: put_text(Path("corpus/dev-clean/1/2/1-2.trans.txt"), "x"),
)
_corpus(
    "mls.py",
    "no part of MLS there",
    lambda: mls.parts(ROOT_OF_CORPUS),
    _folder,
    lambda: put_text(Path("corpus/train/transcripts.txt"), "x"),
)
_corpus(
    "mls.py",
    "{}/audio: no such folder",
    lambda: mls.read_part(ROOT_OF_CORPUS, "train"),
    _folder,
    lambda: Path("corpus/train/audio").mkdir(parents=True),
)
_corpus(
    "ravdess.py",
    "expected RAVDESS's Actor_01",
    lambda: ravdess.read_actor(ROOT_OF_CORPUS, 1),
    _folder,
    lambda: Path("corpus/Actor_01").mkdir(),
)
_corpus(
    "speechocean762.py",
    "{}: no such folder",
    lambda: speechocean762.parts(ROOT_OF_CORPUS),
    _nothing,
    lambda: put_text(Path("corpus/train/wav.scp"), "x"),
)
_corpus(
    "speechocean762.py",
    "no part of speechocean762 there",
    lambda: speechocean762.parts(ROOT_OF_CORPUS),
    _folder,
    lambda: put_text(Path("corpus/train/wav.scp"), "x"),
)
_corpus(
    "vctk.py",
    "{}: no recordings",
    lambda: vctk.read(ROOT_OF_CORPUS, mic=1, with_text=False),
    lambda: [Path("corpus/wav48").mkdir(parents=True), put_text(Path("corpus/speaker-info.txt"), "ID GENDER")],
    lambda: [
        put_audio(Path("corpus/wav48/p225/p225_001.wav")),
        put_text(Path("corpus/speaker-info.txt"), "ID  AGE  GENDER", "225  23  F"),
    ],
)
_corpus(
    "vctk.py",
    "{}: no such folder",
    lambda: vctk.read(ROOT_OF_CORPUS, mic=1, with_text=False),
    _nothing,
    lambda: Path("corpus/wav48").mkdir(parents=True),
)
_corpus(
    "vctk.py",
    "neither wav48_silence_trimmed",
    lambda: vctk.read(ROOT_OF_CORPUS, mic=1, with_text=False),
    _folder,
    lambda: Path("corpus/wav48").mkdir(),
)
_corpus(
    "voxceleb.py",
    "{}: no such folder",
    lambda: voxceleb.find_parts(ROOT_OF_CORPUS),
    _nothing,
    lambda: Path("corpus/dev/wav").mkdir(parents=True),
)
_corpus(
    "voxceleb.py",
    "no part of VoxCeleb there",
    lambda: voxceleb.find_parts(ROOT_OF_CORPUS),
    _folder,
    lambda: Path("corpus/dev/wav").mkdir(parents=True),
)
_corpus(
    "voxceleb.py",
    "no folders of speakers",
    lambda: voxceleb.version_of(ROOT_OF_CORPUS),
    _folder,
    lambda: Path("corpus/id10001").mkdir(),
)


@obeyed(CORPORA + "librispeech.py", "no such subset; found")
def subset_that_is_not_there(tmp_path: Path) -> Any:
    put_text(Path("corpus/dev-clean/1/2/1-2.trans.txt"), "1-2-0001 WORDS")
    put_audio(Path("corpus/dev-clean/1/2/1-2-0001.flac"))
    put_text(Path("corpus/SPEAKERS.TXT"), "1 | F | dev-clean | 1 | Nobody")
    step = ("local/prepare_librispeech.py", "--nj", 1)
    hint = yield lambda: program(*step, "--subset", "test-clean", "corpus", "data")
    yield lambda: program(*step, options_in(hint)[0], "dev-clean", "corpus", "data")


@obeyed("local/prepare_voxceleb.py", "no part {}; found {}")
def part_of_voxceleb_that_is_not_there(vox: Path) -> Any:
    step = ("local/prepare_voxceleb.py", "--nj", 1)
    hint = yield lambda: program(*step, "--part", "test", vox, "data")
    yield lambda: program(*step, *options_in(hint), vox, "data")


@obeyed(CORPORA + "commonvoice.py", "as another client_id is")
def clients_of_one_name() -> Any:
    clients = ("a" * 64, "a" * 63 + "b")
    rows = [
        commonvoice.Row(f"x.tsv:{place}", client, f"{place}.mp3", "", "", "") for place, client in enumerate(clients)
    ]
    yield lambda: commonvoice._speakers(rows)
    rows.pop()


@obeyed(CORPORA + "__init__.py", "the corpus has no recordings for it")
def set_of_a_corpus_that_is_empty(tmp_path: Path) -> Any:
    args = argparse.Namespace(out_dir=Path("data"), nj=1, step="x", limit=0, force=False, device="cpu", verbose=False)
    names = ["adults"]  # those that the options ask for
    yield lambda: [corpora.prepare(args, name, []) for name in names]
    names.pop()


# ---------------------------------------------------------------------- downloads
@obeyed("pseudovox/corpora/downloads/__init__.py", "may not be downloaded")
def corpus_to_be_asked_for(tmp_path: Path) -> Any:
    entry = downloads_entry("iemocap")
    hint = yield lambda: downloads.download(entry, Path("corpora"))
    assert "http" in hint or "usc.edu" in hint or "." in hint
    place = entry.place(Path("corpora"))
    put_text(place / "Session1/readme.txt", "as it came")  # asked for, and put where the message says


@obeyed("pseudovox/corpora/downloads/__init__.py", "GB there (to unpack it, too)")
def disk_that_is_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def usage(path: Path) -> Any:
        return SimpleNamespace(free=10**15 if "large" in Path(path).absolute().parts else 0)

    def fetch(*arguments: object) -> Any:
        raise downloads.MissingModelError("there is no internet here")

    Path("large").mkdir()
    monkeypatch.setattr(downloads.shutil, "disk_usage", usage)
    monkeypatch.setattr(downloads, "fetch", fetch)
    entry = downloads_entry("ravdess")
    hint = yield lambda: downloads.download(entry, Path("corpora"))
    assert options_in(hint)[0] == "--to"
    yield lambda: downloads.download(entry, Path("large"))


def downloads_entry(name: str) -> Entry:
    """An entry of the catalogue."""
    from pseudovox.corpora.downloads import catalogue

    return catalogue.read()[name]


# ---------------------------------------------------------------------- packages
@obeyed("pseudovox/data/praat.py", "{} needs a package")
def praat_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    monkeypatch.setitem(sys.modules, "parselmouth.praat", None)
    noise = 0.1 * np.random.default_rng(0).standard_normal(8000)

    def extract(*settings: str) -> None:
        f0.extract(noise, configuration.load(None, ["f0.method=praat", *settings]).f0)

    hint = yield extract
    yield lambda: extract(settings_in(hint)[0])


@obeyed("pseudovox/components/alignment.py", "needs the package pocketsphinx")
def aligner_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    hint = yield alignment.Aligner
    installer, what = hint.split()
    assert (ROOT / installer).is_file() and f"{what} = [" in (ROOT / "pyproject.toml").read_text()
    package = ModuleType("pocketsphinx")
    package.Decoder = lambda **settings: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pocketsphinx", package)


# ---------------------------------------------------------------------- weights of others
@obeyed("pseudovox/models/speechbrain.py", "SpeechBrain's file of an ECAPA-TDNN's weights")
def folder_that_is_not_speechbrains(tmp_path: Path) -> Any:
    yield lambda: speechbrain.check_folder(Path("other"))
    put_text(Path("spkrec") / speechbrain.EMBEDDING)
    yield lambda: speechbrain.check_folder(Path("spkrec"))


def _whisper(package: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    hint = yield lambda: whisper.find("base")
    put_text(Path("folder") / hint.split()[-1])
    yield lambda: whisper.find("folder")


@obeyed("pseudovox/models/whisper.py", "and faster-whisper is not there")
def whisper_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    yield from _whisper(None, monkeypatch)


@obeyed("pseudovox/models/whisper.py", "neither a folder nor in the cache")
def whisper_without_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def download_model(model: str, local_files_only: bool) -> str:
        raise OSError("not in the cache")

    package = ModuleType("faster_whisper")
    package.download_model = download_model  # type: ignore[attr-defined]
    yield from _whisper(package, monkeypatch)


@obeyed("pseudovox/models/whisper.py", "{}: no such file")
def whisper_in_a_folder_that_is_none(tmp_path: Path) -> Any:
    hint = yield lambda: whisper.load(Path("folder"))
    put_text(Path("other") / hint.split()[-1])
    yield lambda: whisper.load(Path("other"))


@obeyed("steps/judge.py", "judges.reference: {}: no such file")
def reference_of_a_judge_that_is_not_there(tmp_path: Path) -> Any:
    from obeying import _loaded

    def worker() -> None:
        found = configuration.load(None, ["judges.reference=clean.wav"]).judges
        step = _loaded("steps/judge.py")
        [step._worker(judge) for judge in asked(found) if judge.kind.reference]

    yield worker
    put_audio(Path("clean.wav"))


@obeyed("pseudovox/config/packs.py", "has steps of its own, which only a recipe runs")
def pack_of_a_system_of_own_steps(exp: Path) -> Any:
    run = Path(shutil.copytree(exp, "exp/example_swap"))
    (run / "uniform").mkdir()
    text = configuration.to_yaml(configuration.compose("example_swap", "uniform"))
    (run / "uniform/config.yaml").write_text(text)
    hint = yield lambda: packs.config_of(run / "models", "uniform")
    assert "sample_uniform.py" in dry_run(command_in(hint).split()[1:])
    yield lambda: None  # (a recipe's run needs no pack)


# ---------------------------------------------------------------------- further recordings and tables
@obeyed("pseudovox/data/audio.py", "{}: NaN or infinite samples")
def array_with_nan() -> Any:
    samples = np.where(np.arange(8000) == 5, np.nan, 0.1)
    hint = yield lambda: audio.from_array(samples, 16000)
    assert "numpy.nan_to_num" in hint
    yield lambda: audio.from_array(np.nan_to_num(samples), 16000)


@obeyed("pseudovox/data/audio.py", "wave files inside archives")
def recording_inside_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    put_audio(Path("x.wav"))
    Path("x.wav").rename("x.ark")
    hint = yield lambda: audio.load_file("x.ark:0")
    stand_in("wav-copy", "import shutil; shutil.copy(a[0].partition(':')[0], a[1])")
    shell(f"./{command_in(hint, 'wav-copy')}")
    yield lambda: audio.load_file("FILE.wav")


@obeyed("pseudovox/data/audio.py", "{}: cannot be read: {}")
def recording_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    real = audio.open_regular

    def refused(path: Path | str) -> Any:
        if not Path(path).stat().st_mode & 0o400:  # (the superuser may read all)
            try:
                raise PermissionError(13, "Permission denied", str(path))
            except PermissionError:
                raise OSError("Permission denied") from None
        return real(path)

    monkeypatch.setattr(audio, "open_regular", refused)
    put_audio(Path("x.wav"))
    Path("x.wav").chmod(0)
    hint = yield lambda: audio.load_file("x.wav")
    shell(command_in(hint).partition(", as")[0])


@obeyed("pseudovox/data/datadir/validate.py", "{}")
def data_dir_without_features(tiny_data: DataDir) -> Any:
    hint = yield lambda: program("utils/validate_data_dir.py", "data/tiny")
    yield lambda: program("utils/validate_data_dir.py", options_in(hint)[0], "data/tiny")


@obeyed("pseudovox/data/datadir/validate.py", "sorted by speaker, {} would stand here")
def speakers_that_are_no_prefixes(tmp_path: Path) -> Any:
    _speakers({"1-x": "b", "2-y": "a"})
    check = ("utils/validate_data_dir.py", "--no-feats", "--no-text")
    hint = yield lambda: program(*check, "data/any")
    yield lambda: program(*check, options_in(hint)[0], "data/any")


@obeyed("pseudovox/data/datadir/validate.py", "sorted by speaker, {} would stand here")
def speakers_that_are_made_prefixes(tmp_path: Path) -> Any:
    _speakers({"1-x": "b", "2-y": "a"})
    yield lambda: validate("data/any", no_feats=True, no_text=True)
    shutil.rmtree("data")
    _speakers({"b-1-x": "b", "a-2-y": "a"})


def _speakers(utt2spk: dict[str, str]) -> None:
    put_audio(Path("x.wav"))
    DataDir("data/any", {"utt2spk": utt2spk, "wav.scp": dict.fromkeys(utt2spk, "x.wav")}).write()


@obeyed("pseudovox/training/finetune.py", "nothing to learn from")
def speech_in_another_language(tiny_data: DataDir) -> Any:
    tiny_data.tables["text"] = dict.fromkeys(tiny_data.utterances, "Ünïcödé")
    units = ["-", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    options = configuration.load(None, ["recognizer.kind=wav2vec2"]).recognizer
    yield lambda: finetune.WaveformBatches([tiny_data], units, options, 1, None)
    tiny_data.tables["text"] = dict.fromkeys(tiny_data.utterances, "words in English")
