"""Hints of the vocoder of kNN voice conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny_models
import torch
from obeying import command_in, obeyed, settings_in

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.anonymize.knnvc.options import Features, Options
from pseudovox.anonymize.knnvc.vocoder import Vocoder
from pseudovox.models import knnvc_published, pretrained, store

KNNVC, MODELS = "pseudovox/anonymize/knnvc/", "pseudovox/models/"
OTHER = ["system.options.features.kind=whisper", "system.options.features.layer=4"]


def options(*settings: str) -> Options:
    return stage.own_options(configuration.load(None, list(settings)), Options)


def alternatives(hint: str) -> tuple[str, str]:
    first, _, second = hint.partition(", or ")
    return first, second


@obeyed(KNNVC + "vocoder.py", "a vocoder for features of")
def vocoder_for_other_features(tmp_path: Path) -> Any:
    sizes = {
        "features": 6, "width": 8, "channels": 8, "rates": [10], "kernels": [20], "block_kernels": [3],
        "block_dilations": [1], "fft": 128,
    }  # fmt: skip
    facts = {"features": {"kind": "bottleneck", "layer": 3}}
    network = store.build("feature_hifigan", sizes)
    store.save(tmp_path / "v", network, kind="feature_hifigan", hyperparameters=sizes, facts=facts)
    hint = yield lambda: Vocoder(tmp_path / "v", Features("whisper", 4))
    settings, other = alternatives(hint)
    assert other == "train one on yours: steps/train_knnvc_vocoder.py"
    yield lambda: Vocoder(tmp_path / "v", options(*OTHER, *settings_in(settings)).features)


@obeyed(KNNVC + "options.py", "no vocoder was given (--vocoder)")
def vocoder_that_is_not_given() -> Any:
    hint = yield lambda: options("system.options.spoken=vocoder").check_vocoder(None)
    given, settings = alternatives(hint)
    assert given == "--vocoder MODEL, of steps/train_knnvc_vocoder.py"
    options("system.options.spoken=vocoder").check_vocoder(Path("MODEL"))
    yield lambda: options(*settings_in(settings)).check_vocoder(None)


@obeyed(KNNVC + "options.py", "source published: that vocoder is for layer")
def published_vocoder_for_other_features() -> Any:
    hint = yield lambda: options(*OTHER).check_published(knnvc_published.FEATURES)
    settings, other = alternatives(hint)
    assert options(*OTHER, *settings_in(other)).vocoder.source == "train"
    yield lambda: options(*OTHER, *settings_in(settings)).check_published(knnvc_published.FEATURES)


@obeyed(MODELS + "knnvc_published.py", "not a generator of kNN-VC's")
def weights_of_something_else(tmp_path: Path) -> Any:
    torch.save({"generator": {"encoder.weight": torch.ones(2)}}, tmp_path / "x.pt")
    hint = yield lambda: knnvc_published.read(tmp_path / "x.pt")
    assert command_in(hint) == pretrained.fetch_command("KNNVC_HIFIGAN_PREMATCHED")
    torch.save({"generator": tiny_models.knnvc_generator()}, tmp_path / "x.pt")  # (what it fetches has this layout)
