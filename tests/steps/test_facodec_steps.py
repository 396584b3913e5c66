"""FACodec as users run it: import, training, pool, timbres, draws, conversion, the leak by branch."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import facodec_layout as layout
import numpy as np
import pytest
import torch

from pseudovox.anonymize.facodec.options import Options
from pseudovox.anonymize.facodec.speech import Codec
from pseudovox.core import blocks
from pseudovox.data.archive import read_scp
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir
from pseudovox.models import store

STEPS = Path(__file__).resolve().parents[2] / "steps"
POOL = [
    word
    for setting in ("of=utterances", "candidates=0.5", "averaged=0.5", "noise=0.01", "cross_gender=true")
    for word in ("--set", f"pseudo.{setting}")
] + ["--set", "pseudo.strategy=pool"]
FRAMES = {
    "codec.network.signal": "frames", "codec.network.bands": 12, "codec.network.envelope": 20,
    "codec.network.width": 8, "codec.network.ratios": "[2]", "codec.network.dimension": 16,
    "codec.network.codes": 8, "codec.network.decoder_width": 16, "codec.network.timbre_layers": 1,
    "codec.network.timbre_hidden": 8, "codec.network.antialias": "false", "codec.head_dilations": "[]",
    "codec.reversed_dilations": "[1]", "codec.segment_seconds": 0.3, "codec.losses.phones": 0,
    "codec.free_updates": 1, "codec.validation": 2, "codec.training.updates": 4, "codec.training.round_updates": 2,
    "codec.training.batch_size": 2,
}  # fmt: skip
WAVE = {
    "codec.network.width": 4, "codec.network.ratios": "[2, 5]", "codec.network.dimension": 16, "codec.network.codes": 8,
    "codec.network.decoder_width": 16, "codec.network.timbre_layers": 1, "codec.network.timbre_hidden": 8,
    "codec.head_dilations": "[1]", "codec.reversed_dilations": "[1]", "codec.segment_seconds": 0.2,
    "codec.losses.phones": 0, "codec.validation": 1, "codec.training.updates": 2, "codec.training.round_updates": 2,
    "codec.training.batch_size": 2, "codec.adversarial.width": 0.02, "codec.adversarial.periods": "[2]",
    "codec.adversarial.scales": 1, "codec.adversarial.start": 1,
}  # fmt: skip


def settings(values: dict[str, object]) -> list[str]:
    return [word for key, value in values.items() for word in ("--set", f"system.options.{key}={value}")]


def run(step: str, *arguments: object) -> int:
    """The exit code of a step, in this process: torch is imported once."""
    spec = importlib.util.spec_from_file_location(step, STEPS / f"{step}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return int(module.main(["--nj", "1", *map(str, arguments)]))


@pytest.fixture
def weights(tiny_data: DataDir, tmp_path: Path) -> Path:
    """Random weights in the layout of the published ones."""
    return layout.write(tmp_path / "weights")


def anonymized(*words: object, out: str = "made") -> None:
    """From pool to converted speech."""
    shared = ("--device", "cpu", *words, *POOL)
    assert run("fit_facodec_pool", *shared, "data/tiny", f"{out}/generator") == 0
    assert run("extract_timbre", *shared, "data/tiny", f"{out}/timbre") == 0
    drawn = ("--generator", f"{out}/generator", "--xvectors", f"{out}/timbre", "data/tiny", f"{out}/pseudo")
    assert run("sample_pseudo_speakers", *POOL, *drawn) == 0
    assert (
        run("convert_facodec", *shared, "--pseudo", f"{out}/pseudo", "--suffix", "x", "data/tiny", f"{out}/data") == 0
    )


def test_the_published_weights_speak(tiny_data: DataDir, weights: Path) -> None:
    words = settings({"codec.source": "published", "codec.weights": weights})
    anonymized(*words)
    made = DataDir.load("made/data/tiny_x")
    for utterance in tiny_data.utterances:
        samples = load(made, utterance)
        assert len(samples) == len(load(tiny_data, utterance)) and np.isfinite(samples).all() and samples.std() > 0
    timbres = read_scp("made/timbre/tiny/xvector.scp")
    assert timbres["f1-0"].shape == (16,) and read_scp("made/timbre/tiny/spk_xvector.scp")["f1"].shape == (16,)
    assert json.loads(Path("made/generator/pseudo.json").read_text())["facts"]["timbre_length"][0] > 0

    # A model dir does what the files do, and its redecoder speaks, too.
    assert run("import_facodec", "--weights", weights, "codec") == 0
    anonymized("--set", "system.options.codec.model=codec", out="again")
    same = DataDir.load("again/data/tiny_x")
    assert all(np.array_equal(load(made, name), load(same, name)) for name in tiny_data.utterances)
    redecoded = settings({"codec.model": "codec", "detail": "redecode"})
    words = ("--device", "cpu", *redecoded, "--pseudo", "made/pseudo", "--suffix", "r", "data/tiny", "made/data")
    assert run("convert_facodec", *words) == 0
    other = load(DataDir.load("made/data/tiny_r"), "f1-0")
    assert not np.allclose(other, load(made, "f1-0"), atol=1e-3)


def test_normalised_timbres_have_length_1(tiny_data: DataDir, weights: Path) -> None:
    anonymized(*settings({"codec.source": "published", "codec.weights": weights, "normalise": "true"}))
    timbres = read_scp("made/timbre/tiny/xvector.scp")
    assert all(np.linalg.norm(timbres[name]) == pytest.approx(1) for name in tiny_data.utterances)


def test_a_codec_of_frames_is_trained_and_speaks(tiny_data: DataDir) -> None:
    words = settings(FRAMES)
    assert run("train_facodec", "--device", "cpu", *words, "data/tiny", "codec") == 0
    facts = store.read_card(Path("codec"), "facodec")["facts"]
    assert facts["level"] == -26.0 and facts["speakers"] == 3
    assert {"distortion", "distortion_without_detail", "semitones"} <= facts["validation"].keys()
    anonymized(*words, "--codec", "codec")
    made = DataDir.load("made/data/tiny_x")
    assert all(len(load(made, name)) == len(load(tiny_data, name)) for name in tiny_data.utterances)
    dropped = (*words, *settings({"detail": "drop"}), "--codec", "codec", "--pseudo", "made/pseudo", "--suffix", "d")
    assert run("convert_facodec", "--device", "cpu", *dropped, "data/tiny", "made/data") == 0
    assert not np.array_equal(load(DataDir.load("made/data/tiny_d"), "f1-0"), load(made, "f1-0"))


def test_a_codec_of_waves_is_trained(tiny_data: DataDir) -> None:
    assert run("train_facodec", "--device", "cpu", *settings(WAVE), "data/tiny", "codec") == 0
    network, facts = store.load("codec", "facodec")
    assert network.is_wave and "mel_loss" in facts["validation"]
    assert network.factorise(torch.randn(1, 25, 1)).codes.shape == (1, 3, 6)


def test_long_recordings_in_blocks(tiny_data: DataDir, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options()
    options.codec.source, options.codec.weights = "published", str(weights)
    codec = Codec(options, None)
    samples = (0.1 * np.random.default_rng(0).standard_normal(9000)).astype(np.float32)
    whole = codec.analyse(samples)
    spoken = codec.speak(whole.codes, whole.timbre, len(samples))
    monkeypatch.setattr(blocks, "SECONDS", 0.1)
    parts = codec.analyse(samples)
    assert torch.equal(parts.codes, whole.codes)
    np.testing.assert_allclose(codec.speak(whole.codes, whole.timbre, len(samples)), spoken, atol=1e-4)


def test_the_leak_by_branch(tiny_data: DataDir, weights: Path) -> None:
    for part, speakers in (("learned", {"m1", "m2"}), ("tested", {"f1"})):
        own = {name: dict(table) for name, table in tiny_data.tables.items()}
        for name in ("wav.scp", "utt2spk", "utt2dur", "text"):
            own[name] = {key: value for key, value in own[name].items() if key.split("-")[0] in speakers}
        own["spk2gender"] = {key: value for key, value in own["spk2gender"].items() if key in speakers}
        DataDir(f"data/{part}", own).write()
    for name in ("wav.scp", "utt2spk", "utt2dur", "text"):  # another woman, who is the nontarget
        lines = Path(f"data/tested/{name}").read_text()
        others = lines.replace("f1-", "f2-").replace(" f1\n", " f2\n").replace("wav/f2", "wav/m2")
        Path(f"data/tested/{name}").write_text(lines + others)
    for name, text in (
        ("spk2utt", "f1 f1-0 f1-1 f1-2 f1-3\nf2 f2-0 f2-1 f2-2 f2-3\n"),
        ("spk2gender", "f1 f\nf2 f\n"),
        ("enrolls", "f1-0\nf2-0\n"),
        ("trials", "f1 f1-1 target\nf1 f2-1 nontarget\nf2 f2-2 target\nf2 f1-2 nontarget\n"),
    ):
        Path(f"data/tested/{name}").write_text(text)
    words = settings({"codec.source": "published", "codec.weights": weights})
    words += ["--device", "cpu", "--set", "scoring.plda_smoothing=0.1"]
    assert run("score_branches", *words, "--train", "data/learned", "data/tested", "data/tested", "out") == 0
    rows = [line.split("\t") for line in Path("out/summary/branches.tsv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["branch", "prosody", "content", "detail", "timbre"]
    assert all(0 <= float(row[3]) <= 100 and row[6] == "4" for row in rows[1:])
    assert read_scp("out/branches/tested/content.scp")["f1-0"].shape == (32,)
    assert run("score_branches", *words, "--train", "data/tested", "data/tested", "data/tested", "other") == 3
