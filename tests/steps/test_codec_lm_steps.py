"""The codec language model as users run it: trained here, and with published weights (random ones in their layout)."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import torch

from pseudovox.anonymize.knnvc import features
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir, read_table

STEPS = Path(__file__).resolve().parents[2] / "steps"
SMALL = [
    "source=train", "features.kind=bottleneck", "features.layer=0", "units.count=8", "codec.codes=8",
    "codec.codebooks=3", "codec.latent=4", "codec.width=8", "codec.coefficients=8", "codec.held_out=2",
    "codec.utterances=10", "codec.segment=10", "codec.training.updates=2", "codec.training.round_updates=1",
    "codec.training.batch_size=2", "coarse.width=8", "coarse.heads=2", "coarse.layers=1", "coarse.segment=20",
    "coarse.history=30", "coarse.window=10", "coarse.prompt_frames=10", "coarse.training.updates=2",
    "coarse.training.round_updates=1", "coarse.training.batch_size=2", "fine.width=8", "fine.heads=2",
    "fine.layers=1", "fine.context=20", "fine.history=10", "fine.training.updates=2",
    "fine.training.round_updates=1", "fine.training.batch_size=2", "prompts.seconds=0.4",
    "generation.least_speech=0.01", "generation.longest_repeat=5", "held_out=0.34",
]  # fmt: skip


def settings(*values: str) -> list[str]:
    return [word for value in values for word in ("--set", f"system.options.{value}")]


def run(step: str, *arguments: object) -> int:
    """The exit code of a step, in this process: torch is imported once."""
    spec = importlib.util.spec_from_file_location(step, STEPS / f"{step}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return int(module.main(["--nj", "1", "--device", "cpu", *map(str, arguments)]))


def samples_of(folder: str) -> dict[str, np.ndarray]:
    made = DataDir.load(folder)
    return {utterance: load(made, utterance) for utterance in made.utterances}


def test_from_training_to_converted_speech(tiny_data: DataDir) -> None:
    content = ("--bottleneck", tiny_models.make(Path("exp")) / "models/bottleneck")
    shared = ("--set", "f0.method=dio", "--set", "pseudo.strategy=target", *settings(*SMALL))
    units, codec = ("--units", "units"), ("--codec", "codec")
    assert run("train_codec", *shared, "data/tiny", "codec") == 0
    assert sorted(path.name for path in Path("codec").iterdir() if path.is_file()) == [
        ".done.json", "model.json", "weights.safetensors",
    ]  # fmt: skip
    facts = json.loads(Path("codec/model.json").read_text())["facts"]
    assert facts["stack"] == 2
    assert facts["validation"].keys() == {"error_2", "error_3"}
    assert run("train_semantic_units", *shared, *content, "data/tiny", "units") == 0
    assert run("train_codec_lm", *shared, *content, *units, *codec, "data/tiny", "lm") == 0
    assert sorted(path.name for path in Path("lm").iterdir() if not path.name.startswith(".")) == [
        "coarse", "fine", "log",
    ] or not Path("lm/tokens").exists()  # fmt: skip
    card = json.loads(Path("lm/coarse/model.json").read_text())
    assert (card["kind"], card["hyperparameters"]["units"]) == ("aligned_coarse_lm", 8)
    assert run("fit_codec_prompts", *shared, *content, *units, *codec, "data/tiny", "prompts") == 0
    assert [one["id"] for one in json.loads(Path("prompts/voices.json").read_text())] == ["f1", "m1", "m2"]
    drawn = ("sample_codec_prompts", *shared, "--set", "pseudo.target_gender=any", "--prompts", "prompts", "data/tiny")
    assert run(*drawn, "pseudo") == 0
    table = read_table(Path("pseudo/tiny/utt2target"))
    assert all(target != utterance.split("-")[0] for utterance, target in table.items())
    convert = ("convert_codec_lm", *shared, *content, *units, *codec, "--lm", "lm", "--suffix", "x", "data/tiny")
    assert run(*convert, "--prompts", "prompts", "--pseudo", "pseudo", "made") == 0
    found, originals = samples_of("made/tiny_x"), samples_of("data/tiny")
    assert {name: len(own) for name, own in found.items()} == {name: len(own) for name, own in originals.items()}
    assert read_table(Path("made/tiny_x/utt2target")) == table
    assert run(*convert, "none") == 0
    other = samples_of("none/tiny_x")
    assert not any(np.array_equal(found[name], other[name]) for name in found)
    # an utterance by itself is what it is among others
    assert run(*convert, "--limit", "1", "--prompts", "prompts", "--pseudo", "pseudo", "alone") == 0
    ((name, alone),) = samples_of("alone/tiny_x").items()
    np.testing.assert_array_equal(alone, found[name])


class Features:
    """In HuBERT's place: 6 numbers a frame of 20 ms."""

    frame_shift, offset, layers, dimensions = 0.02, 0.0125, (9,), (6,)

    def __call__(self, signals: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
        return [
            (np.stack([signal[: len(signal) // 320 * 320].reshape(-1, 320)[:, k] for k in range(6)], 1),)
            for signal in signals
        ]


def test_published_weights(
    tiny_data: DataDir, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From files to speech, without prompts and with voices of a folder: random weights in the layout of Bark's."""
    transformers = pytest.importorskip("transformers")
    sizes = {"num_layers": 1, "num_heads": 1, "hidden_size": 64, "dropout": 0.0, "bias": False, "block_size": 1024}
    torch.manual_seed(0)
    whole = transformers.BarkModel(
        transformers.BarkConfig(
            semantic_config={**sizes, "input_vocab_size": 8, "output_vocab_size": 8},
            coarse_acoustics_config={**sizes, "input_vocab_size": 12096, "output_vocab_size": 12096},
            fine_acoustics_config={**sizes, "input_vocab_size": 1056, "output_vocab_size": 1056},
        )
    )
    whole.coarse_acoustics.lm_head.weight.data.mul_(100)  # so that what came before decides
    for layer in whole.codec_model.quantizer.layers:
        layer.codebook.embed.normal_()  # they begin as zeros
    torch.save(whole.state_dict(), "bark.bin")
    from pseudovox.models.codec_lm.units import RecurrentUnits

    torch.save(RecurrentUnits(inputs=6, hidden=4).state_dict(), "units.pth")
    Path("hubert.pth").write_text("not read here")
    monkeypatch.setattr(features, "load", lambda *_, **__: Features())
    shared = settings(
        "features.weights=hubert.pth", "published.bark=bark.bin", "published.units=units.pth", "published.size=small",
        "generation.least_speech=0.01", "generation.longest_repeat=5",
    )  # fmt: skip
    monkeypatch.setenv("TORCH_HOME", "empty")
    assert run("import_codec_lm", *shared[4:6], "models") == 4
    assert "local/download.py BARK" in caplog.text
    assert run("import_codec_lm", *shared, "models") == 0
    given = ("--units", "models/units", "--codec", "models/codec", "--set", "f0.method=dio")
    convert = ("convert_codec_lm", *shared, *given, "--lm", "models/lm", "--suffix", "x", "--limit", 3, "data/tiny")
    assert run(*convert, *settings("prompts.source=none"), "none") == 0
    found = samples_of("none/tiny_x")
    assert len(found) == 3
    assert [len(own) for own in found.values()] == [8000, 9600, 11200]
    draw = np.random.default_rng(0)
    Path("voices").mkdir()
    for name in ("one", "two"):
        fine = draw.integers(1024, size=(8, 90))
        np.savez(
            f"voices/{name}.npz",
            semantic_prompt=draw.integers(10000, size=60),
            coarse_prompt=fine[:2],
            fine_prompt=fine,
        )
    folder = settings("prompts.source=folder", "prompts.folder=voices")
    assert run("fit_codec_prompts", *shared, *given, *folder, "prompts") == 0
    drawn = ("--set", "pseudo.strategy=target", "--set", "pseudo.target_gender=any", "--set", "levels.default=utt")
    assert run("sample_codec_prompts", *shared, *folder, *drawn, "--prompts", "prompts", "data/tiny", "pseudo") == 0
    assert set(read_table(Path("pseudo/tiny/utt2target")).values()) == {"one", "two"}
    assert run(*convert, *folder, "--prompts", "prompts", "--pseudo", "pseudo", "voiced") == 0
    assert all(not np.array_equal(own, found[name]) for name, own in samples_of("voiced/tiny_x").items())


def test_what_does_not_go_together_is_said(tiny_data: DataDir, caplog: pytest.LogCaptureFixture) -> None:
    content = ("--bottleneck", tiny_models.make(Path("exp")) / "models/bottleneck")
    convert = ("convert_codec_lm", *settings(*SMALL), *content, "--units", "u", "--codec", "c", "--lm", "l")
    assert run(*convert, "--suffix", "x", "data/tiny", "made") == 4
    assert "u: no model here" in caplog.text
    assert run(*convert, "--suffix", "x", "--prompts", "p", "data/tiny", "made") == 2
    assert "--prompts and --pseudo go together" in caplog.text
    assert run("import_codec_lm", *settings("features.layer=6"), "models") == 2
    assert "told from" in caplog.text
    assert run("train_codec", *settings("source=bark"), "data/tiny", "codec") == 2
    assert run("train_codec", *settings("units.count=0"), "data/tiny", "codec") == 2
