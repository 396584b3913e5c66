"""A tiny learner and batch of every training, for tests of what one step does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from pseudovox import config
from pseudovox.anonymize.knnvc.private import PrivateOptions
from pseudovox.anonymize.knnvc.vocoder_options import Vocoder
from pseudovox.kinds.content_extractors.bottleneck import Options as Content
from pseudovox.kinds.synthesizers import harmonic_noise, hifigan
from pseudovox.kinds.synthesizers import world as world_kind
from pseudovox.models import store
from pseudovox.training import bottleneck, durations, knn_vocoder, phones, recognizer, speaker, synthesizer, vocoder
from pseudovox.training.fit import Learner

FEW = {"updates": 5, "round_updates": 5, "epochs": 0, "keep": "last", "patience": 0, "warmup": 0, "threads": 1}
CONTENT: dict[str, Any] = {
    "bins": 8, "phones": 4, "channels": 8, "factor": 4, "dilations": [1], "stride": 2, "dimension": 6, "codes": 4,
}  # fmt: skip


def few(options: Any, **changes: Any) -> Any:
    return replace(options, training=replace(options.training, **FEW), **changes)


def of_speakers(kind: str, inputs: torch.Tensor, *, targets: int = 0, **features: Any) -> tuple[Learner, Any]:
    size = {"xvector": {"channels": [8] * 5}, "ecapa": {"channels": [8, 8, 8, 8, 24], "attention": 4}}[kind]
    options = config.load(None, []).xvector
    options = few(options, features=replace(options.features, kind="fbank", bins=20, **features))
    heads = {"loss": "aam" if kind == "ecapa" else "softmax"}
    network = store.build(kind, {"features": 20, "embedding": 6, "speakers": 3, **size, **heads})
    batch = (inputs, torch.tensor([0, 1, 2, 0]), *([torch.tensor([0, 1, 0, 1])] if targets else []))
    return speaker.SpeakerLearner(network, options.training, 1, replace(options, embedding=6), targets), batch


def of_content(quantizer: str, *, chunks: bool) -> tuple[Learner, Any]:
    sizes = {**CONTENT, "quantizer": quantizer}
    options = few(config.load(None, []).bottleneck, quantizer_start=0)
    assert isinstance(options, Content)
    frames = torch.randn(4, 20, 8)
    labels = torch.randint(0, 4, (4, 10))
    labels[0, :3] = bottleneck.IGNORED
    lengths = torch.tensor([10, 8, 7, 9])
    batch = {"frames": frames, "labels": labels} if chunks else {
        "frames": frames, "mask": torch.arange(10) < lengths[:, None], "lengths": lengths,
        "targets": torch.randint(0, 4, (8,)), "target_lengths": torch.tensor([2, 2, 2, 2]),
    }  # fmt: skip
    return bottleneck.BottleneckLearner(store.build("bottleneck", sizes), options, 1), batch  # type: ignore[arg-type]


def of_recognizer() -> tuple[Learner, Any]:
    options = few(config.load(None, []).recognizer)
    network = store.build("recognizer", {"units": 5, "mel_bins": 8, "channels": 8, "blocks": 2, "phones": 4})
    learner = recognizer.RecognizerLearner(network, options.training, 1)
    learner.phone_weight = 0.5
    labels = torch.randint(0, 4, (2, 30))
    labels[1] = recognizer.NO_PHONE
    return learner, {
        "log_mel": torch.randn(2, 30, 8), "lengths": torch.tensor([30, 24]), "targets": torch.randint(1, 5, (5,)),
        "target_lengths": torch.tensor([3, 2]), "phones": labels,
    }  # fmt: skip


def of_phones() -> tuple[Learner, Any]:
    options = few(PrivateOptions().phones)
    network = store.build("phone_predictor", {"inputs": 6, "phones": 4, "hidden": 8, "dropout": 0.1})
    labels = torch.randint(0, 4, (2, 12))
    labels[1, 9:] = bottleneck.IGNORED
    return phones.PhoneLearner(network, options, 1), {  # type: ignore[arg-type]
        "frames": torch.randn(2, 12, 6), "lengths": torch.tensor([12, 9]), "labels": labels,
        "targets": torch.randint(0, 4, (5,)), "target_lengths": torch.tensor([3, 2]),
    }  # fmt: skip


def of_durations() -> tuple[Learner, Any]:
    options = few(PrivateOptions().durations)
    network = store.build("duration_predictor", {"phones": 4, "hidden": 8, "dropout": 0.1})
    learner = durations.DurationLearner(network, options.training, 1)
    return learner, {"phones": torch.tensor([[0, 1, 2, 3], [2, 1, 4, 4]]), "frames": torch.rand(2, 4)}


def of_acoustic_model() -> tuple[Learner, Any]:
    options = few(world_kind.Options())
    sizes = {
        "bottleneck": 6, "stride": 2, "xvector": 5, "envelope": 7, "aperiodicity": 1, "channels": 8, "kernel": 3,
        "dilations": [1], "speaker": 3,
    }  # fmt: skip
    learner = synthesizer.SynthesizerLearner(store.build("synthesizer", sizes), options.training, 1)
    melody = (torch.randn(2, 20), torch.ones(2, 20))
    return learner, (torch.randn(2, 10, 6), *melody, torch.randn(2, 5), torch.randn(2, 20, 8))


def of_vocoder(kind: str) -> tuple[Learner, Any]:
    frames = 30
    batch = (
        torch.randn(2, frames // 2, 6), 5 + 0.1 * torch.randn(2, frames), torch.ones(2, frames), torch.randn(2, 5),
        torch.tensor([[120.0, 20.0]] * 2), 0.1 * torch.randn(2, 160 * frames),
    )  # fmt: skip
    sizes: dict[str, Any] = {"bottleneck": 6, "stride": 2, "xvector": 5}
    if kind == "harmonic_noise":
        options: Any = few(harmonic_noise.Options(), resolutions=[[256, 64, 256]])
        sizes |= {
            "harmonic_bands": 9, "noise_bands": 5, "fft": 1024, "channels": 8, "kernel": 3, "dilations": [1],
            "speaker": 3, "dropout": 0.0,
        }  # fmt: skip
        return vocoder.VocoderLearner(store.build(kind, sizes), options, 1), batch
    options = few(hifigan.Options(), resolutions=[[256, 64, 256]])
    options = replace(options, adversarial=replace(options.adversarial, start=0, width=0.05, scales=1, periods=[2]))
    sizes |= {
        "channels": 16, "rates": [10, 8, 2], "kernels": [20, 16, 4], "block_kernels": [3], "block_dilations": [1],
        "pitch": "absolute", "harmonics": 2, "weight_norm": True,
    }  # fmt: skip
    return vocoder.AdversarialLearner(store.build("hifigan", sizes), options, 1), batch


def of_features() -> tuple[Learner, Any]:
    options = few(Vocoder(), resolutions=[[256, 64, 256]])
    options = replace(options, adversarial=replace(options.adversarial, start=0, width=0.05, scales=1, periods=[2]))
    sizes = {
        "features": 6, "width": 8, "channels": 16, "rates": [10, 8, 4], "kernels": [20, 16, 8], "block_kernels": [3],
        "block_dilations": [1], "weight_norm": True,
    }  # fmt: skip
    learner = knn_vocoder.FeatureVocoderLearner(store.build("feature_hifigan", sizes), options, 1, hop=options.mel_hop)
    return learner, (torch.randn(2, 20, 6), 0.1 * torch.randn(2, 6400))


LEARNERS: dict[str, Callable[[], tuple[Learner, Any]]] = {
    "xvector": lambda: of_speakers("xvector", torch.randn(4, 40, 20)),
    "ecapa": lambda: of_speakers("ecapa", torch.randn(4, 40, 20)),
    "ecapa, pseudo-speakers": lambda: of_speakers("ecapa", torch.randn(4, 40, 20), targets=2),
    "ecapa, samples": lambda: of_speakers("ecapa", 0.1 * torch.randn(4, 8000), speech_only=True),
    **{
        f"content, {kind}": lambda kind=kind: of_content(kind, chunks=True)  # type: ignore[misc]
        for kind in ("vq", "vq_plain", "nsvq", "sfvq", "residual", "grouped")
    },
    "content, texts": lambda: of_content("vq", chunks=False),
    "recognizer": of_recognizer,
    "phones": of_phones,
    "durations": of_durations,
    "world": of_acoustic_model,
    "harmonic_noise": lambda: of_vocoder("harmonic_noise"),
    "hifigan": lambda: of_vocoder("hifigan"),
    "feature_hifigan": of_features,
}


class Same:
    """A source whose batches are all the same."""

    def __init__(self, batch: Any) -> None:
        self.one = batch

    def batch(self, index: int) -> Any:
        return self.one

    def validation(self) -> list[Any]:
        return []
