"""Codebooks as users train, normalise, score and use them: by the steps."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir
from pseudovox.models.quantizers import codebook
from pseudovox.models.quantizers.codebook import Name
from pseudovox.records import read_records
from pseudovox.stage import jobs

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    "--set", "system.options={kinds: [vq_plain, sfvq], bits: [2, 3], runs: 2, training: {updates: 200, epochs: 1}}",
)  # fmt: skip


def steps(name: str) -> ModuleType:
    """The module of a step."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "steps" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def speak(name: str, speakers: int, seed: int) -> None:
    """A data dir of which there are x-vectors alone: ten of each speaker, in 6 dimensions."""
    draw = np.random.default_rng(seed)
    utt2spk = {f"s{row:02d}-{take}": f"s{row:02d}" for row in range(speakers) for take in range(10)}
    genders = {speaker: "fm"[int(speaker[1:]) % 2] for speaker in set(utt2spk.values())}
    tables = {"wav.scp": {key: f"wav/{key}.wav" for key in utt2spk}, "utt2spk": utt2spk, "spk2gender": genders}
    DataDir(f"data/{name}", tables).write()
    means = {speaker: draw.standard_normal(6) for speaker in sorted(genders)}
    vectors = {key: (means[of] + 0.3 * draw.standard_normal(6)).astype(np.float32) for key, of in utt2spk.items()}
    folder = Path("exp/xvectors", name)
    folder.mkdir(parents=True)
    write_arrays(folder, "xvector", vectors, folder)
    own = {of: np.mean([vectors[key] for key in utt2spk if utt2spk[key] == of], axis=0) for of in means}
    write_arrays(folder, "spk_xvector", own, folder)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[..., str]:
    """Call a step in this process: `run("train_codebook", ...)`; what it says, if its exit code is `code`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("pseudovox"), "propagate", True)
    monkeypatch.setattr(jobs, "log_to", lambda *_, **__: None)
    Path("wav").mkdir()
    speak("pool", 30, 1)
    speak("test_trials_f", 12, 2)

    def called(step: str, *words: object, code: int = 0) -> str:
        caplog.clear()
        assert steps(step).main(["--nj", "1", *map(str, words)]) == code, caplog.text[-3000:]
        return caplog.text

    return called


def test_train_normalise_score_identify(run: Callable[..., str]) -> None:
    vectors = ("--xvectors", "exp/xvectors")
    half = ("--part", "1/2")
    run("train_codebook", *SETTINGS, *vectors, *half, "data/pool", "exp/trained")
    run("normalise_codebook", "--codebooks", "exp/trained", *vectors, *half, "data/pool", "exp/codebooks")
    run("score_codebook", "--codebooks", "exp/codebooks", *vectors, "data/test_trials_f", "exp/scores")
    run("identify_speakers", "--codebooks", "exp/codebooks", *vectors, "data/test_trials_f", "exp/identified")

    books = codebook.read(Path("exp/codebooks/codebooks.npz"))
    kinds = ("sfvq", "sfvq_normalised", "vq_plain")
    assert list(books) == [Name(kind, bits, number) for kind in kinds for bits in (2, 3) for number in (1, 2)]
    assert not np.array_equal(books[Name("sfvq", 3, 1)].vectors, books[Name("sfvq", 3, 2)].vectors)
    rows = [line.split("\t") for line in Path("exp/scores/disclosure.tsv").read_text().splitlines()]
    assert len(rows) == 1 + 3 * 2 * 6 and rows[0][:3] == ["kind", "bits", "codes"]
    assert all(len(line.split("\t")) == 5 for line in Path("exp/scores/histograms.tsv").read_text().splitlines())
    for picture in ("exp/scores/disclosure", "exp/identified/identification"):
        assert Path(f"{picture}.png").stat().st_size > 10_000 and Path(f"{picture}.svg").is_file()
    errors = [line.split("\t") for line in Path("exp/identified/identification.tsv").read_text().splitlines()]
    assert all(float(row[5]) >= float(row[8]) for row in errors[1:])


def test_what_a_systems_codes_disclose_is_a_result_of_the_run(run: Callable[..., str]) -> None:
    settings = ("--set", "pseudo.strategy=quantised", "--set", "pseudo.bits=3", "--set", "pseudo.updates=200")
    vectors = ("--xvectors", "exp/xvectors")
    run("fit_pseudo_speakers", *settings, *vectors, "data/pool", "exp/pseudo")
    of_system = ("--generator", "exp/pseudo", "--system", "quantised")
    run(
        "score_codebook", *settings, *of_system, *vectors, "data/pool", "data/test_trials_f", "exp/quantised/disclosure"
    )
    found = {record.metric: record for record in read_records(Path("exp/quantised/disclosure/results.json"))}
    assert sorted(found) == ["disclosure_average", "disclosure_worst"]
    average = found["disclosure_average"]
    assert (average.set, average.n, average.unit) == ("test", 120, "bit")  # the trials, not the pool
    assert average.value is not None and 2.5 < average.value <= 3.0


def test_histograms_and_content_features(run: Callable[..., str]) -> None:
    Path("counts.txt").write_text("10\n20\n10\n0\n")
    book = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)
    data = DataDir.load("data/test_trials_f")
    folder = Path("exp/bottleneck/test_trials_f")
    folder.mkdir(parents=True)
    draw = np.random.default_rng(2)
    write_arrays(folder, "bottleneck", {key: book[draw.integers(0, 4, 30)] for key in data.utterances}, folder)
    run("score_codebook", "--histogram", "counts.txt", "exp/counts")
    rows = [line.split("\t") for line in Path("exp/counts/disclosure.tsv").read_text().splitlines()]
    assert ["counts", "2", "4", "1", "40", "average", "1.5", "1.5", "1.5", "2"] in rows
    content = ("--bottleneck", "exp/bottleneck", "--codes", 48)
    run("score_codebook", *content, "data/test_trials_f", "exp/content")
    assert "bottleneck\t6\t48\t1\t3600\taverage" in Path("exp/content/disclosure.tsv").read_text()


def test_what_cannot_be_scored(run: Callable[..., str]) -> None:
    assert "nothing to score" in run("score_codebook", "exp/none", code=2)
    assert "give --xvectors" in run("score_codebook", "--codebooks", "exp/x", "data/pool", "exp/none", code=2)
    vectors = ("--xvectors", "exp/xvectors")
    assert "no data dirs" in run("score_codebook", "--codebooks", "exp/x", *vectors, "exp/none", code=2)
    system = ("--histogram", "counts.txt", "--system", "quantised")
    assert "--system names" in run("score_codebook", *system, "exp/none", code=2)
    settings = ("--set", "pseudo.strategy=own")
    run("train_codebook", *SETTINGS, "--set", "system.options.kinds=[vq]", *vectors, "data/pool", "exp/trained")
    assert "expected K/N" in run("train_codebook", *SETTINGS, *vectors, "--part", "3/2", "data/pool", "exp/p", code=2)
    told = run("normalise_codebook", "--codebooks", "exp/trained", *vectors, "data/pool", "exp/no_curve", code=3)
    assert "none of the codebooks is a curve" in told
    Path("exp/pseudo").mkdir()
    told = run("score_codebook", *settings, "--generator", "exp/pseudo", *vectors, "data/pool", "exp/no_codes", code=2)
    assert "of strategy own, which has no codes" in told
    np.savez("wide.npz", vq_1bit_r1=np.ones((2, 7), np.float32))
    told = run("score_codebook", "--codebooks", "wide.npz", *vectors, "data/pool", "exp/wide", code=3)
    assert "codebook vq_1bit_r1 is of dimension 7, the x-vectors are of 6" in told
