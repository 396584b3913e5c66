"""Hints of system hle_vqvae and of its losses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from obeying import obeyed, options_in, settings_in

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.anonymize.hle_vqvae.options import Content, Crepe, Losses, Mos, Options, Spectra, Term, Vgg
from pseudovox.anonymize.hle_vqvae.speech import Vocoder
from pseudovox.anonymize.hle_vqvae.worker import Converter
from pseudovox.models import store
from pseudovox.training import hle_vqvae
from pseudovox.training.losses import Context, build, vgg

FOLDER, LOSSES, STEP = "pseudovox/anonymize/hle_vqvae/", "pseudovox/training/losses/", "steps/convert_hle_vqvae.py"
FBANK = [
    f"system.options.spectra.{word}"
    for word in ("kind=fbank", "sample_rate=16000", "hop=160", "window=400", "fft=512", "low=20", "high=8000")
]


def options(*words: str) -> Options:
    found = stage.own_options(configuration.load(None, list(words)), Options)
    found.check()
    return found


def saved(folder: Path, kind: str, sizes: dict[str, Any], facts: dict[str, Any]) -> Path:
    store.save(folder, store.build(kind, sizes), kind=kind, hyperparameters=sizes, facts=facts)
    return folder


def network(folder: Path, spectra: Spectra) -> Path:
    sizes = {
        "bands": spectra.bands, "speakers": 2, "channels": 8, "latent": 4, "repeats": 1, "dilations": [1],
        "codes": [4, 4, 4],
    }  # fmt: skip
    speakers = [{"id": name, "gender": "f", "log_f0": [5.0, 0.2], "aperiodicity": -5.0} for name in ("a", "b")]
    return saved(folder, "hle_vqvae", sizes, {"spectra": vars(spectra), "speakers": speakers})


@obeyed(FOLDER + "options.py", "WORLD speaks from spectra of kind fbank")
def world_of_other_spectra() -> Any:
    hint = yield lambda: options("system.options.spoken=world")
    yield lambda: options("system.options.spoken=world", *settings_in(hint))


@obeyed(FOLDER + "worker.py", "trained with another system.options.spectra")
def network_of_other_spectra(tmp_path: Path) -> Any:
    given = Options()
    network(tmp_path / "m", Spectra(offset=-3.0))
    hint = yield lambda: Converter(tmp_path / "m", given)
    assert "steps/train_hle_vqvae.py --force" in hint
    network(tmp_path / "m", given.spectra)


@obeyed(FOLDER + "worker.py", "is none of the network's {} speakers")
def target_that_is_no_speaker(tmp_path: Path) -> Any:
    import numpy as np

    convert = Converter(network(tmp_path / "m", Spectra()), Options())
    noise = np.random.default_rng(1).standard_normal(12000).astype(np.float32)
    hint = yield lambda: convert(noise, "c")
    assert options_in(hint) == ["--stage", "sample", "--force"]
    yield lambda: convert(noise, "b")


@obeyed(FOLDER + "speech.py", "a vocoder for other spectra than the system's")
def vocoder_of_other_spectra(tmp_path: Path) -> Any:
    sizes = {
        "bands": 80, "hop": 300, "sample_rate": 24000, "channels": 16, "rates": [5, 5, 4, 3], "kernels": [10, 10, 8, 6],
        "block_kernels": [3], "block_dilations": [1],
    }  # fmt: skip
    saved(tmp_path / "v", "mel_hifigan", sizes, {"spectra": vars(Spectra(offset=-3.0))})
    hint = yield lambda: Vocoder(tmp_path / "v", Spectra())
    assert hint == "train one on yours: steps/train_hle_vocoder.py"
    saved(tmp_path / "v", "mel_hifigan", sizes, {"spectra": vars(Spectra())})


def convert(*words: str) -> Any:
    import importlib.util

    spec = importlib.util.spec_from_file_location("convert", Path(__file__).parents[2] / STEP)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    parser = stage.parser("", data_dirs="x")
    for name in ("--model", "--pseudo", "--f0", "--vocoder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--suffix", default="x")
    args = parser.parse_args([*words, "--model", "m", "--pseudo", "p", "nowhere", "out"])
    args.step, args.seed, args.nj = "convert", 1, 1
    return module.run(args, configuration.load(None, args.set))


@obeyed(STEP, "WORLD needs F0 (--f0)")
def hle_vqvae_without_f0() -> Any:
    given = [word for setting in ("system.options.spoken=world", *FBANK) for word in ("--set", setting)]
    hint = yield lambda: convert(*given)
    assert hint == "./run.sh --system hle_vqvae gives it"
    yield lambda: convert(*given, "--f0", "f0")


@obeyed(STEP, "no vocoder was given (--vocoder)")
def hle_vqvae_without_vocoder() -> Any:
    hint = yield lambda: convert()
    yield lambda: convert(*options_in(hint))


@obeyed("pseudovox/training/hle_vqvae.py", "one speaker: speech is spoken by another one")
def training_speech_of_one_speaker(tiny_data: Any) -> Any:
    hint = yield lambda: hle_vqvae.check_data([tiny_data.subset(tiny_data.spk2utt["f1"])])
    assert hint == "give data dirs of several speakers"
    yield lambda: hle_vqvae.check_data([tiny_data])


@obeyed(LOSSES + "formants.py", "look through a tracker")
def losses_without_a_tracker(tmp_path: Path) -> Any:
    hint = yield lambda: build(Losses(formants=Term(1.0)), Context(Spectra()))
    assert options_in(hint) == ["--formants", "MODEL"] and "steps/train_formants.py" in hint
    tracker = saved(tmp_path / "t", "spectrum_tracker", {"channels": 8, "layers": 1, "heads": 1}, {})
    yield lambda: build(Losses(formants=Term(1.0)), Context(Spectra(), formants=tracker))


@obeyed(LOSSES + "content.py", "takes samples, and not spectra")
def content_extractor_of_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    sizes = {
        "bins": 80, "phones": 5, "channels": 8, "factor": 0, "dilations": [1], "stride": 2, "dimension": 4, "codes": 0,
    }  # fmt: skip
    model = saved(tmp_path / "b", "bottleneck", sizes, {})
    loaded = store.load(model, "bottleneck")
    loaded[0].front = torch.nn.Identity()
    monkeypatch.setattr(store, "load", lambda *_, **__: loaded)
    key = "system.options.losses.content.weight=1"
    hint = yield lambda: build(options(key).losses, Context(Spectra(), bottleneck=model))
    yield lambda: build(options(key, *settings_in(hint)).losses, Context(Spectra(), bottleneck=model))


@obeyed(LOSSES + "content.py", "which content extractor was not said")
def content_extractor_that_is_not_given() -> Any:
    from pseudovox.config.systems import needed_by, steps_of

    hint = yield lambda: build(Losses(content=Content(weight=1.0)), Context(Spectra()))
    given = configuration.compose("openspeech", "hle_vqvae", settings_in(hint))
    assert "bottleneck" in needed_by(given)
    assert "bottleneck" not in needed_by(configuration.compose("openspeech", "hle_vqvae"))
    assert any(step.options.get("bottleneck") for step in steps_of(given))
    yield lambda: None


@obeyed(LOSSES + "content.py", "sees {} bands")
def content_extractor_of_other_bands(tmp_path: Path) -> Any:
    sizes = {
        "bins": 40, "phones": 5, "channels": 8, "factor": 0, "dilations": [1], "stride": 2, "dimension": 4, "codes": 0,
    }  # fmt: skip
    saved(tmp_path / "b", "bottleneck", sizes, {})
    wanted = Losses(content=Content(weight=1.0, layers=[1]))
    hint = yield lambda: build(wanted, Context(Spectra(), bottleneck=tmp_path / "b"))
    assert settings_in(hint) == ["bottleneck.bins=80"]
    saved(tmp_path / "b", "bottleneck", {**sizes, "bins": 80}, {})


def without(package: str, loss: Losses, monkeypatch: pytest.MonkeyPatch) -> Any:
    real = sys.modules.get(package)
    monkeypatch.setitem(sys.modules, package, None)
    hint = yield lambda: build(loss, Context(Spectra()))
    assert hint == "utils/install.sh perception"
    extras = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'"{package}>=' in extras.partition("perception = [")[2].partition("]")[0]
    if real is None:
        monkeypatch.delitem(sys.modules, package)
        pytest.importorskip(package)
    else:
        monkeypatch.setitem(sys.modules, package, real)


@obeyed(LOSSES + "crepe.py", "the package torchcrepe is not installed")
def no_torchcrepe(monkeypatch: pytest.MonkeyPatch) -> Any:
    yield from without("torchcrepe", Losses(f0=Crepe(weight=1.0)), monkeypatch)


@obeyed(LOSSES + "mos.py", "the package distillmos is not installed")
def no_distillmos(monkeypatch: pytest.MonkeyPatch) -> Any:
    yield from without("distillmos", Losses(mos=Mos(weight=1.0)), monkeypatch)


@obeyed(LOSSES + "vgg.py", "the weights of torchvision's VGG16 are not there")
def no_vgg16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    hint = yield lambda: build(Losses(vgg=Vgg(weight=1.0)), Context(Spectra()))
    (setting,) = settings_in(hint)
    key, _, file = setting.partition("=")
    assert key == "system.options.losses.vgg.weights" and file == "FILE"
    state = {f"features.{name}": value for name, value in vgg.layers().state_dict().items()}
    torch.save(state, tmp_path / "FILE")
    given = options(f"{key}={tmp_path}/FILE", "system.options.losses.vgg.weight=1")
    yield lambda: build(given.losses, Context(Spectra()))
