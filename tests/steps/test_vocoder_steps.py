"""Speech as one of the training speakers, through the steps of sampling, F0 and synthesis, run in this process."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir, read_table
from pseudovox.models import store

ROOT = Path(__file__).resolve().parent.parent.parent
Step = Callable[..., int]
EXTRACTOR = {
    "bins": 10, "phones": 3, "channels": 8, "factor": 0, "dilations": [1], "stride": 2, "dimension": 6, "codes": 3,
}  # fmt: skip
SHARED = "chunk_seconds=0.3 validation=1 training.updates=2 training.batch_size=3 training.threads=1"
FRAMES = "channels=8 kernel=3 dilations=[1] speaker=4"
SIZES = {
    "world": f"{SHARED} {FRAMES}",
    "harmonic_noise": f"{SHARED} {FRAMES}",
    "hifigan": f"{SHARED} hifigan.channels=32 hifigan.block_kernels=[3] hifigan.block_dilations=[1] "
    "adversarial.periods=[2] adversarial.scales=0 adversarial.width=0.03",
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the steps say; the log is left as it was."""
    log, told = logging.getLogger("pseudovox"), io.StringIO()
    for name, value in (("handlers", [logging.StreamHandler(told)]), ("propagate", False), ("level", logging.INFO)):
        monkeypatch.setattr(log, name, value)
    return told


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch, told: io.StringIO) -> Step:
    """Run a step as its command line would: `step("train_synthesizer", "data/tiny", "out")` gives the exit code."""

    def call(name: str, *arguments: object) -> int:
        path = ROOT / f"steps/{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, "argv", [str(path)])
        return int(module.main(["--nj", "1", "--device", "cpu", *map(str, arguments)]))

    return call


@pytest.fixture
def prepared(tiny_data: DataDir) -> DataDir:
    """tiny_data with a content extractor, content, and F0 with voice in it."""
    torch.manual_seed(0)
    facts = {"floor_decibels": 45.0, "phones": ["a", "b", "sil"]}
    network = store.build("bottleneck", EXTRACTOR)
    store.save(Path("extractor"), network, kind="bottleneck", hyperparameters=EXTRACTOR, facts=facts)
    contours, content = {}, {}
    for utterance in tiny_data.utterances:
        frames = np.arange(len(load(tiny_data, utterance)) // 160 + 1)
        contours[utterance] = np.where(frames % 10 < 8, 120 + 20 * np.sin(frames / 5), 0)
        content[utterance] = np.random.default_rng(len(frames)).standard_normal((-(-len(frames) // 2), 6))
    for name, arrays in (("f0", contours), ("bottleneck", content)):
        (Path(name) / "tiny").mkdir(parents=True)
        write_arrays(Path(name) / "tiny", name, arrays)
    return tiny_data


@pytest.mark.parametrize("kind", ["harmonic_noise", "hifigan", "world"])
def test_spoken_as_a_training_speaker(prepared: DataDir, step: Step, kind: str, told: io.StringIO) -> None:
    sizes = f"{SIZES[kind]} kind={kind} speaker_input=one-hot" + (" coefficients=20" if kind == "world" else "")
    options = [word for key in sizes.split() for word in ("--set", f"synthesizer.{key}")]
    assert step("train_synthesizer", *options, "--bottleneck", "extractor", "data/tiny", "synthesizer") == 0
    assert not Path("synthesizer/frames").exists()
    counts = json.loads(Path("synthesizer/.done.json").read_text())["counts"]
    figure = {"harmonic_noise": "stft_loss", "hifigan": "mel_loss", "world": "mel_cepstral_distortion"}[kind]
    assert counts[figure] > 0

    sample = ("sample_pseudo_speakers", "--set", "pseudo.strategy=target", "--synthesizer", "synthesizer", "data/tiny")
    assert step(*sample, "by_speaker") == 0
    assert list(read_table(Path("by_speaker/tiny/spk2target"))) == ["f1", "m1", "m2"]
    assert step(*sample, "--set", "levels.default=utt", "targets") == 0
    drawn = read_table(Path("targets/tiny/utt2target"))
    assert list(drawn) == prepared.utterances and not Path("targets/tiny/spk2target").exists()
    assert set(drawn.values()) <= set(prepared.speakers)
    assert all(target != prepared.utt2spk[utterance] for utterance, target in drawn.items())

    moved = ("--set", "f0.source=utterance", "--f0", "f0", "--pseudo", "targets")
    assert step("transform_f0", *moved, "data/tiny", "f0_moved") == 0
    pitches = read_scp("targets/tiny/pseudo_f0.scp")
    for utterance, contour in read_scp("f0_moved/tiny/f0.scp").items():
        assert np.log(contour[contour > 0]).mean() == pytest.approx(pitches[utterance][0], abs=0.1)

    roots = ("--model", "synthesizer", "--bottleneck", "bottleneck", "--f0", "f0_moved", "--xvectors")
    synthesize = ("synthesize_speech", "--suffix", "anon", *roots)
    assert step(*synthesize, "targets", "data/tiny", "data") == 0
    anonymized = DataDir.load("data/tiny_anon")
    assert Path("data/tiny_anon/utt2target").read_bytes() == Path("targets/tiny/utt2target").read_bytes()
    assert anonymized.tables["utt2target"] == drawn
    for utterance in prepared.utterances:
        assert len(load(anonymized, utterance)) == len(load(prepared, utterance))

    # The noise is the utterance's own, whatever comes before it.
    prepared.subset(["m1-2", "m2-3"], "data/some/tiny").write()
    assert step(*synthesize, "targets", "data/some/tiny", "again") == 0
    for utterance in ("m1-2", "m2-3"):
        name = f"tiny_anon/wav/{utterance}.wav"
        assert (Path("data") / name).read_bytes() == (Path("again") / name).read_bytes()

    Path("xvectors/tiny").mkdir(parents=True)
    write_arrays(Path("xvectors/tiny"), "xvector", dict.fromkeys(prepared.utterances, np.ones(3)))
    assert step(*synthesize, "xvectors", "data/tiny", "other") == 3
    assert "has no utt2target" in told.getvalue() and not Path("other").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "synthesizer.kind=wavenet"], 2, "expected one of harmonic_noise, hifigan, nsf_hifigan, world"),
        ([], 2, "--xvectors is needed"),
    ],
)
def test_bad_settings_are_told(
    prepared: DataDir, step: Step, arguments: list[str], code: int, message: str, told: io.StringIO
) -> None:
    assert step("train_synthesizer", *arguments, "--bottleneck", "extractor", "data/tiny", "out") == code
    assert message in told.getvalue()


def test_targets_need_a_synthesizer(prepared: DataDir, step: Step, told: io.StringIO) -> None:
    assert step("sample_pseudo_speakers", "--set", "pseudo.strategy=target", "data/tiny", "out") == 2
    assert "(--synthesizer)" in told.getvalue()
    assert step("sample_pseudo_speakers", "data/tiny", "out") == 2
    assert "strategy pca_gmm needs --xvectors" in told.getvalue()
