"""kNN voice conversion as users run it: targets, draws, F0, conversion."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from safetensors.numpy import load_file

from pseudovox.data.archive import read_scp
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir, read_table

STEPS = Path(__file__).resolve().parents[2] / "steps"
OPTIONS = [
    word
    for setting in (
        "features.kind=bottleneck", "features.layer=1", "features.normalise=true", "neighbours=3", "spoken=world",
        "targets.shortest=1", "targets.seconds=2", "world.coefficients=20",
    )
    for word in ("--set", f"system.options.{setting}")
]  # fmt: skip


def run(step: str, *arguments: object) -> int:
    """The exit code of a step, in this process: torch is imported once."""
    spec = importlib.util.spec_from_file_location(step, STEPS / f"{step}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return int(module.main(["--nj", "1", *map(str, arguments)]))


@pytest.fixture
def models(tiny_data: DataDir) -> Path:
    return tiny_models.make(Path("exp")) / "models/bottleneck"


def test_from_targets_to_converted_speech(tiny_data: DataDir, models: Path) -> None:
    shared = ("--device", "cpu", *OPTIONS)
    fitted = ("fit_knnvc_targets", *shared, "--bottleneck", models, "data/tiny", "targets")
    assert run(*fitted) == 0
    speakers = json.loads(Path("targets/model.json").read_text())["facts"]["speakers"]
    assert [one["id"] for one in speakers] == ["f1", "m1", "m2"] and [one["gender"] for one in speakers] == [
        "f",
        "m",
        "m",
    ]
    assert sorted(path.name for path in Path("targets").glob("*.*")) == sorted(
        [".done.json", "f1.safetensors", "m1.safetensors", "m2.safetensors", "model.json"]
    )
    arrays = load_file("targets/f1.safetensors")
    frames = speakers[0]["frames"]
    assert arrays["keys"].shape == (frames, 16) and arrays["keys"].dtype == np.float16
    assert arrays["envelope"].shape == (frames, 2, 20) and arrays["aperiodicity"].shape == (frames, 2, 1)
    assert 1.5 < speakers[0]["seconds"] <= 2.0 + 1e-6
    made_at = Path("targets/f1.safetensors").stat().st_mtime_ns
    assert run(*fitted) == 0 and Path("targets/f1.safetensors").stat().st_mtime_ns == made_at

    drawn = (
        "sample_knnvc_targets",
        "--set",
        "pseudo.strategy=target",
        "--set",
        "pseudo.target_gender=any",
        "--targets",
        "targets",
        "data/tiny",
    )
    assert run(*drawn, "pseudo") == 0
    table = read_table(Path("pseudo/tiny/utt2target"))
    assert all(target != utterance.split("-")[0] for utterance, target in table.items())
    assert read_table(Path("pseudo/tiny/spk2target")).keys() == {"f1", "m1", "m2"}
    vectors = read_scp("pseudo/tiny/pseudo_xvector.scp")
    assert all(len(vectors[utterance]) == 20 + 3 for utterance in tiny_data.utterances)
    assert {tuple(vectors[utterance]) for utterance in table} == {
        tuple(vectors[f"{one}-0"]) for one in ("f1", "m1", "m2")
    }
    other = ("--set", "levels.default=utt", "--set", "pseudo.target_gender=opposite")
    assert run(*drawn, *other, "pseudo_utt") == 0
    assert {
        target for utterance, target in read_table(Path("pseudo_utt/tiny/utt2target")).items() if utterance[0] == "m"
    } == {"f1"}
    assert not Path("pseudo_utt/tiny/spk2target").exists()

    assert run("extract_f0", "data/tiny", "f0") == 0
    assert run("transform_f0", "--f0", "f0", "--pseudo", "pseudo", "data/tiny", "moved") == 0
    converted = (
        "convert_knnvc", *shared, "--targets", "targets", "--pseudo", "pseudo", "--bottleneck", models,
        "--f0", "moved", "--source-f0", "f0", "--suffix", "knnvc", "data/tiny",
    )  # fmt: skip
    assert run(*converted, "data") == 0
    made = DataDir.load("data/tiny_knnvc")
    assert made.utterances == tiny_data.utterances and read_table(made.path / "utt2target") == table
    for utterance in made.utterances:
        assert len(load(made, utterance)) == len(load(tiny_data, utterance))
    assert run(*converted, "again") == 0
    for utterance in made.utterances:
        own, other = (Path(folder) / f"tiny_knnvc/wav/{utterance}.wav" for folder in ("data", "again"))
        assert own.read_bytes() == other.read_bytes()

    assert run(*converted, "--set", "system.options.features.layer=2", "elsewhere") == 3
    assert not Path("elsewhere/tiny_knnvc").exists()


def test_what_a_user_is_told(
    tiny_data: DataDir, models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fitted = ("fit_knnvc_targets", "--device", "cpu", *OPTIONS, "--bottleneck", models)
    assert run(*fitted, "targets") == 2
    assert "--set system.options.targets.folder=FOLDER" in caplog.text
    longer = ("--set", "system.options.targets.shortest=90", "--set", "system.options.targets.seconds=99")
    assert run(*fitted, *longer, "data/tiny", "targets") == 3
    assert "no speaker has 90 s" in caplog.text
    for speaker in ("anna", "bert"):
        (tmp_path / "voices" / speaker).mkdir(parents=True)
    for utterance in tiny_data.utterances:
        if utterance[0] == "m":
            wav = Path("wav") / f"{utterance}.wav"
            wav.rename(tmp_path / "voices" / ("anna" if utterance[1] == "1" else "bert") / wav.name)
    Path("genders").write_text("anna f\nbert m\n")
    own = ("targets.folder=voices", "targets.genders=genders")
    assert run(*fitted, *(word for key in own for word in ("--set", f"system.options.{key}")), "own") == 0
    assert "2 targets, 5 s of speech, take up to 0.00 GB" in caplog.text
    facts = json.loads(Path("own/model.json").read_text())["facts"]
    assert [(one["id"], one["gender"]) for one in facts["speakers"]] == [("anna", "f"), ("bert", "m")]
