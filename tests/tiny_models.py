"""Models of random weights in the layout of exp/<recipe>, and recordings: to try a system in a second."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pseudovox import config as configuration
from pseudovox.anonymize import pseudo_pitch, pseudo_speakers
from pseudovox.anonymize.strategy import Pool
from pseudovox.core.npz import write_npz
from pseudovox.models import store

XVECTOR, CONTENT, SPEAKERS = 16, 8, 12
BOTTLENECK: dict[str, Any] = {
    "bins": 40, "phones": 5, "channels": 16, "factor": 0, "dilations": [1, 1], "stride": 2, "dimension": CONTENT,
    "codes": 6,
}  # fmt: skip


def make(exp: Path) -> Path:
    """exp/models/{xvector,bottleneck,synthesizer,pseudo/{pca_gmm,pool}}, config.yaml and markers; gives `exp`."""
    config = configuration.compose("own", overrides=["bottleneck.codes=6", "pseudo.pca_size=3", "pseudo.gmm_size=1"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        _save(
            exp / "models/xvector", "xvector",
            {"features": 30, "channels": [8, 8, 8, 8, 16], "embedding": XVECTOR, "speakers": SPEAKERS, "loss": "aam"},
            {
                "features": asdict(config.xvector.features), "speakers": [f"s{number}" for number in range(SPEAKERS)],
                "validation": {"eer": 12.5},
            },
        )  # fmt: skip
        _save(
            exp / "models/bottleneck", "bottleneck",
            BOTTLENECK,
            {"dimension": CONTENT, "floor_decibels": 45.0, "frame_shift_seconds": 0.02,
             "phones": ["a", "b", "c", "d", "e"], "validation": {"frame_accuracy": 0.5}},
        )  # fmt: skip
        _save(
            exp / "models/synthesizer", "synthesizer",
            {"bottleneck": CONTENT, "xvector": XVECTOR, "envelope": 50, "aperiodicity": 1, "channels": 16, "kernel": 3,
             "dilations": [1, 2], "speaker": 4, "stride": 2, "dropout": 0.0},
            {"bottleneck": CONTENT, "xvector": XVECTOR, "stride": 2, "validation": {"mel_cepstral_distortion": 9.9}},
        )  # fmt: skip
    generator = np.random.default_rng(2)
    genders = tuple("fm"[row % 2] for row in range(SPEAKERS))
    vectors = generator.standard_normal((SPEAKERS, XVECTOR)).astype(np.float32)
    pool = Pool(vectors, genders, vectors, np.arange(SPEAKERS))
    contours = [[generator.uniform(*((160, 240) if gender == "f" else (90, 140)), 50)] for gender in genders]
    pitch, facts = pseudo_pitch.fit(pool, contours)
    for name, sizes in (
        ("pca_gmm", ("pca_size=3", "gmm_size=1")),
        ("pool", ("strategy=pool", "candidates=3", "averaged=2")),
    ):
        folder = exp / "models/pseudo" / name
        folder.mkdir(parents=True)
        options = configuration.load(None, [f"pseudo.{key}" for key in sizes]).pseudo
        pseudo_speakers.save(folder, options.load().fit(pool, options, 1), {"pitch": facts})
        write_npz(folder / pseudo_pitch.FILE, vars(pitch))
        _mark(folder, "fit_pseudo_speakers")
    (exp / "config.yaml").write_text(configuration.to_yaml(config))
    return exp


def _save(folder: Path, kind: str, hyperparameters: dict[str, Any], facts: dict[str, Any]) -> None:
    store.save(folder, store.build(kind, hyperparameters), kind=kind, hyperparameters=hyperparameters, facts=facts)
    _mark(folder, f"train_{kind}")


def _mark(folder: Path, step: str) -> None:
    """What a step leaves besides its model."""
    (folder / "log").mkdir()
    command = f"command: steps/{step}.py --config exp/tiny/config.yaml /somewhere/data/train {folder}"
    (folder / "log" / f"{step}.log").write_text(f"2026-01-01 00:00:00,000 INFO {command}\n")
    (folder / "tensorboard").mkdir()
    (folder / "tensorboard/events.out.tfevents.1").write_bytes(b"x")
    marker = {
        "step": step, "settings": {}, "inputs": {"0:train": "1", "1:bottleneck": "2", "2:train": "3"}, "seed": 1,
        "digest": "d", "counts": {"utterances": 12}, "versions": {"pseudovox": "0.1.0", "commit": "0123456789ab"},
    }  # fmt: skip
    (folder / ".done.json").write_text(json.dumps(marker))


def knnvc_generator() -> dict[str, torch.Tensor]:
    """Random weights in the layout of kNN-VC's generator, for 12 features; weight norm multiplied out."""
    generator = torch.Generator().manual_seed(3)
    shapes: dict[str, tuple[int, ...]] = {"lin_pre": (8, 12), "conv_pre": (32, 8, 7)}
    channels, block = 32, 0
    for level, kernel in enumerate((20, 16, 4, 4)):
        shapes[f"ups.{level}"] = (channels, channels // 2, kernel)
        channels //= 2
        for size in (3, 7, 11):
            for kind in ("convs1", "convs2"):
                for number in range(3):
                    shapes[f"resblocks.{block}.{kind}.{number}"] = (channels, channels, size)
            block += 1
    shapes["conv_post"] = (1, channels, 7)
    found = {}
    for name, shape in shapes.items():
        found[f"{name}.weight"] = 0.15 * torch.randn(shape, generator=generator)
        outputs = shape[1] if name.startswith("ups") else shape[0]
        found[f"{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    return found
