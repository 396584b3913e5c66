"""System hle_vqvae as users run it: training, draws, F0, conversion; with a vocoder; what does not fit."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.anonymize.hle_vqvae.options import Options
from pseudovox.config.systems import needed_by, steps_of
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir, read_table
from pseudovox.models import store

STEPS = Path(__file__).resolve().parents[2] / "steps"
TRAINING = ["updates=4", "round_updates=2", "batch_size=2", "threads=1"]


def settings(*words: str) -> list[str]:
    return [word for setting in words for word in ("--set", f"system.options.{setting}")]


SIZES = settings(
    "network.channels=8", "network.latent=4", "network.repeats=1", "network.dilations=[1]", "network.voice=4",
    "network.codes=[8, 4, 4]", "segment_frames=32", "validation=1", *(f"training.{word}" for word in TRAINING),
)  # fmt: skip
WORLD = settings(
    "spoken=world", "spectra.kind=fbank", "spectra.sample_rate=16000", "spectra.hop=160", "spectra.window=400",
    "spectra.fft=512", "spectra.low=20", "spectra.high=8000", "spectra.offset=-5", "spectra.scale=3",
)  # fmt: skip
VOCODER = settings(
    "vocoder.network.channels=16", "vocoder.network.block_kernels=[3]", "vocoder.network.block_dilations=[1]",
    "vocoder.segment_frames=16", "vocoder.validation=1", "vocoder.adversarial.periods=[2]",
    "vocoder.adversarial.scales=1", "vocoder.adversarial.width=0.0625", "vocoder.adversarial.start=2",
    *(f"vocoder.training.{word}" for word in TRAINING),
)  # fmt: skip


def run(step: str, *arguments: object) -> int:
    """The exit code of a step, in this process: torch is imported once."""
    spec = importlib.util.spec_from_file_location(step, STEPS / f"{step}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return int(module.main(["--nj", "1", "--device", "cpu", *map(str, arguments)]))


def drawn(*more: str) -> list[str]:
    return ["--set", "pseudo.strategy=target", *more, "--synthesizer", "model", "data/tiny", "pseudo"]


def test_from_training_to_converted_speech(tiny_data: DataDir) -> None:
    options = [*SIZES, *WORLD]
    assert run("train_formants", *options, "--unless", "unused", "data/tiny", "formants") == 0
    assert not Path("formants").exists()
    assert run("train_hle_vqvae", *options, "data/tiny", "model") == 0
    facts = json.loads(Path("model/model.json").read_text())["facts"]
    assert [(one["id"], one["gender"]) for one in facts["speakers"]] == [("f1", "f"), ("m1", "m"), ("m2", "m")]
    assert run("train_hle_vocoder", *options, "data/tiny", "vocoder") == 0 and not Path("vocoder").exists()
    assert run("sample_pseudo_speakers", *drawn("--set", "pseudo.target_gender=any")) == 0
    targets = read_table(Path("pseudo/tiny/utt2target"))
    assert all(target != utterance.split("-")[0] for utterance, target in targets.items())
    assert run("extract_f0", "data/tiny", "f0") == 0
    assert run("transform_f0", "--f0", "f0", "--pseudo", "pseudo", "data/tiny", "shifted") == 0
    convert = (
        "convert_hle_vqvae", *options, "--model", "model", "--pseudo", "pseudo", "--f0", "shifted", "--suffix", "x",
    )  # fmt: skip
    assert run(*convert, "data/tiny", "out") == 0
    made = DataDir.load("out/tiny_x")
    assert made.utterances == tiny_data.utterances and read_table(Path("out/tiny_x/utt2target")) == targets
    for utterance in made.utterances:
        samples = load(made, utterance)
        assert len(samples) == len(load(tiny_data, utterance)) and np.abs(samples).max() > 0
    assert run("convert_hle_vqvae", *convert[1:], "--limit", 5, "data/tiny", "few") == 0
    few = DataDir.load("few/tiny_x")
    for utterance in few.utterances:  # whatever it shares a run with
        assert np.array_equal(load(few, utterance), load(made, utterance))


def test_with_a_vocoder_at_24_khz(tiny_data: DataDir, caplog: pytest.LogCaptureFixture) -> None:
    options = [*SIZES, *VOCODER]
    assert run("train_hle_vqvae", *options, "data/tiny", "model") == 0
    assert run("train_hle_vocoder", *options, "data/tiny", "vocoder") == 0
    assert json.loads(Path("vocoder/model.json").read_text())["kind"] == "mel_hifigan"
    assert run("sample_pseudo_speakers", *drawn("--set", "pseudo.target=m2")) == 0
    assert set(read_table(Path("pseudo/tiny/utt2target")).values()) == {"m2"}
    convert = ("convert_hle_vqvae", "--model", "model", "--pseudo", "pseudo", "--suffix", "x")
    assert run(*convert, *options, "--vocoder", "vocoder", "data/tiny", "out") == 0
    made = DataDir.load("out/tiny_x")
    assert [len(load(made, one)) for one in made.utterances] == [len(load(tiny_data, one)) for one in made.utterances]
    assert run(*convert, *options, "data/tiny", "none") == 2
    assert "no vocoder was given" in caplog.text
    other = settings("spectra.offset=-3")
    assert run(*convert, *options, *other, "--vocoder", "vocoder", "data/tiny", "none") == 3
    assert "trained with another system.options.spectra (offset)" in caplog.text
    Path("pseudo/tiny/utt2target").write_text("".join(f"{utterance} who\n" for utterance in tiny_data.utterances))
    assert run(*convert, *options, "--vocoder", "vocoder", "data/tiny", "none") != 0
    assert "who is none of the network's 3 speakers" in caplog.text


def test_losses_need_what_they_look_through(tiny_data: DataDir, caplog: pytest.LogCaptureFixture) -> None:
    options = [*SIZES, *WORLD, *settings("losses.formants.weight=1", "losses.content.weight=1")]
    assert run("train_hle_vqvae", *options, "data/tiny", "model") == 2
    assert "--bottleneck" in caplog.text
    with_tracker = [*SIZES, *WORLD, *settings("losses.formants.weight=1")]
    sizes = {"channels": 8, "layers": 1, "heads": 1}
    tracker = store.build("spectrum_tracker", sizes)
    store.save(Path("tracker"), tracker, kind="spectrum_tracker", hyperparameters=sizes, facts={})
    assert run("train_hle_vqvae", *with_tracker, "--formants", "tracker", "data/tiny", "other") == 0
    assert json.loads(Path("other/model.json").read_text())["facts"]["losses"] == {
        "formants": {"start": 0, "weight": 1.0}
    }


@pytest.mark.parametrize("sizes", ["small", "vctk"])
@pytest.mark.parametrize("losses", ["vanilla", "handcrafted", "representation", "all"])
def test_configurations(sizes: str, losses: str) -> None:
    given = [f"use.hle_vqvae={sizes}", f"use.losses={losses}", "sets.train=[a]"]
    config = configuration.compose("own", "hle_vqvae", given)
    options = stage.own_options(config, Options)
    options.check()
    assert bool(options.losses.active()) == (losses != "vanilla")
    assert options.spoken == {"small": "world", "vctk": "vocoder"}[sizes]
    assert [step.step for step in steps_of(config)][-1] == "convert_hle_vqvae"
    content = losses in ("representation", "all")
    assert needed_by(config) == {*(["f0"] if sizes == "small" else []), *(["bottleneck"] if content else [])}
    assert ("content" in options.losses.active()) == content
    if losses == "all":
        assert options.losses.active().keys() == vars(options.losses).keys()
