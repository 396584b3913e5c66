"""Hints of kNN voice conversion."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import tiny_models
from obeying import obeyed, options_in, program, settings_in

from pseudovox.anonymize.knnvc import target_store
from pseudovox.anonymize.knnvc.options import Features, Options
from pseudovox.data.datadir import DataDir

STORE = "pseudovox/anonymize/knnvc/target_store.py"
MODEL = "exp/models/bottleneck"
OPTIONS = [
    word
    for setting in (
        "features.kind=bottleneck", "features.layer=1", "spoken=world", "targets.shortest=1", "targets.seconds=2",
    )
    for word in ("--set", f"system.options.{setting}")
]  # fmt: skip


def prepared() -> Path:
    """Targets of the speakers of data/tiny."""
    tiny_models.make(Path("exp"))
    fit("data/tiny", "targets")
    return Path("targets")


def fit(*words: object) -> None:
    program("steps/fit_knnvc_targets.py", "--nj", 1, "--device", "cpu", *OPTIONS, "--bottleneck", MODEL, *words)


@obeyed("steps/fit_knnvc_targets.py", "whose voices the speech is to have was not said")
def targets_that_were_not_said(tiny_data: DataDir) -> Any:
    tiny_models.make(Path("exp"))
    hint = yield lambda: fit("out")
    (key,) = settings_in(hint)
    Path("FOLDER/anna").mkdir(parents=True)
    shutil.copy("wav/f1-3.wav", "FOLDER/anna")
    shutil.copy("wav/f1-2.wav", "FOLDER/anna")
    yield lambda: fit("--set", key.rstrip(":"), "out")


@obeyed(STORE, "as a target must")
def speakers_with_little_speech(tiny_data: DataDir) -> Any:
    hint = yield lambda: target_store.speakers_of([tiny_data], 90.0, 60.0)
    assert settings_in(hint) == ["system.options.targets.shortest=SECONDS"]
    yield lambda: target_store.speakers_of([tiny_data], 90.0, 1.0)


@obeyed(STORE, "speaker {} is also one of {}")
def speaker_of_two_data_dirs(tiny_data: DataDir) -> Any:
    yield lambda: target_store.speakers_of([tiny_data, tiny_data], 2.0, 1.0)
    yield lambda: target_store.speakers_of([tiny_data], 2.0, 1.0)


@obeyed(STORE, "the configuration says {}")
def targets_of_other_features(tiny_data: DataDir) -> Any:
    fitted = prepared()
    store = target_store.Store(fitted)
    hint = yield lambda: store.check(Options(Features("bottleneck", 2), spoken="world"))
    assert options_in(hint) == ["--stage", "fit", "--stop-stage", "fit", "--force"]
    fit("--set", "system.options.features.layer=2", "--force", "data/tiny", "targets")
    yield lambda: target_store.Store(fitted).check(Options(Features("bottleneck", 2), spoken="world"))


@obeyed(STORE, "{}/model.json: facts: {}")
def targets_of_a_malformed_card(tiny_data: DataDir) -> Any:
    fitted = prepared()
    card = json.loads((fitted / "model.json").read_text())
    (fitted / "model.json").write_text(json.dumps({**card, "facts": {}}))
    hint = yield lambda: target_store.Store(fitted)
    assert "--force" in hint
    fit("--force", "data/tiny", "targets")


@obeyed(STORE, "holds no target of kNN voice conversion")
def target_without_spectra(tiny_data: DataDir) -> Any:
    fitted = prepared()
    from safetensors.numpy import load_file, save_file

    save_file({"keys": load_file(fitted / "m1.safetensors")["keys"]}, fitted / "m1.safetensors")
    hint = yield lambda: target_store.Store(fitted).voice("m1")
    assert "--force" in hint
    fit("--force", "data/tiny", "targets")


@obeyed(STORE, "holds NaN or infinite values")
def target_with_nan(tiny_data: DataDir) -> Any:
    fitted = prepared()
    from safetensors.numpy import load_file, save_file

    arrays = load_file(fitted / "m1.safetensors")
    arrays["keys"][0, 0] = float("nan")
    save_file(arrays, fitted / "m1.safetensors")
    hint = yield lambda: target_store.Store(fitted).voice("m1")
    assert "--force" in hint
    fit("--force", "data/tiny", "targets")


@obeyed("steps/convert_knnvc.py", "WORLD needs F0")
def world_without_f0(tiny_data: DataDir) -> Any:
    fitted = prepared()
    program(
        "steps/sample_knnvc_targets.py", "--set", "pseudo.strategy=target", "--targets", fitted, "data/tiny", "pseudo"
    )
    program("steps/extract_f0.py", "--nj", 1, "data/tiny", "f0")
    words = ("--nj", 1, "--device", "cpu", *OPTIONS, "--targets", fitted, "--pseudo", "pseudo", "--bottleneck", MODEL)
    last = ("--suffix", "x", "data/tiny", "data")
    hint = yield lambda: program("steps/convert_knnvc.py", *words, *last)
    assert "./run.sh --system knnvc" in hint
    yield lambda: program("steps/convert_knnvc.py", *words, "--f0", "f0", "--source-f0", "f0", *last)
