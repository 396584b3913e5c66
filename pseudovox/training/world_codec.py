"""Training of the small codec of WORLD frames: what it decodes, from two codebooks or more, is what it was given.

The error is the mean square of normalised numbers; that of the envelope's coefficients counts by a power of their
deviation, and that of F0 at voiced frames alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize.codec_lm import codecs
from pseudovox.core import seeds
from pseudovox.data.archive import read_parts
from pseudovox.models import store
from pseudovox.models.codec_lm.coarse import BOOKS
from pseudovox.training.data import cut, emphasis
from pseudovox.training.fit import Learner, finish, fit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pseudovox.anonymize.codec_lm.options import Codec
    from pseudovox.config import F0
    from pseudovox.data.datadir import DataDir
    from pseudovox.models.codec_lm.world_codec import WorldCodec
    from pseudovox.stage.parallel import Utterance

log = logging.getLogger("pseudovox")
ARRAY = "frames"
WEIGHTS = {"log_f0": 2.0, "voicing": 2.0, "aperiodicity": 0.5}  # of squared errors; 1 = a coefficient's on average
ALL_BOOKS = 0.5  # share of the batches that are decoded from all codebooks


class FrameWorker:
    """What the codec codes, of utterances; gives {"frames": (frames, numbers)}."""

    def __init__(self, f0: F0, options: Codec, *, device: str = "cpu") -> None:
        self.f0, self.options = f0, options

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            samples = utterance.audio()
            yield utterance, {ARRAY: codecs.frames_of(samples, self.f0, self.options.coefficients, self.options.stack)}


def drawn(data: Sequence[DataDir], count: int, seed: int) -> list[DataDir]:
    """Data dirs with `count` utterances of theirs together, whichever the seed says."""
    keys = [(number, utterance) for number, part in enumerate(data) for utterance in part.utterances]
    keys.sort(key=lambda key: seeds.seed_for(seed, "codec-utterance", f"{data[key[0]].name}/{key[1]}"))
    chosen: dict[int, list[str]] = {}
    for number, utterance in keys[:count]:
        chosen.setdefault(number, []).append(utterance)
    return [data[number].subset(sorted(own)) for number, own in sorted(chosen.items())]


class Segments:
    """Numbered batches of segments of utterances.

    Args:
        frames: float32 (n, numbers) by utterance.
        options: of the codec.
        seed: of every draw.
    """

    def __init__(self, frames: dict[str, np.ndarray], options: Codec, seed: int) -> None:
        self.frames, self.options, self.seed = frames, options, seed
        order = sorted(frames, key=lambda name: seeds.seed_for(seed, "codec-held-out", name))
        held_out = min(options.held_out, len(order) - 1)
        self.held_out, self.names = sorted(order[:held_out]), sorted(order[held_out:])

    def statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation (numbers,), the same for all WORLD frames that are stacked in a frame."""
        width = next(iter(self.frames.values())).shape[1] // self.options.stack
        everything = np.concatenate([self.frames[name].reshape(-1, width) for name in self.names])
        found = (everything.mean(0), np.maximum(everything.std(0), 1e-3))
        mean, deviation = (torch.from_numpy(np.tile(own, self.options.stack)) for own in found)
        return mean, deviation

    def batch(self, index: int) -> tuple[torch.Tensor, int]:
        """The index-th batch, (rows, segment, numbers), and from how many codebooks it is decoded."""
        draw = seeds.generator(self.seed, "codec-batch", str(index))
        rows = []
        for number in draw.integers(len(self.names), size=self.options.training.batch_size):
            frames = self.frames[self.names[number]]
            start = int(draw.random() * max(1, len(frames) - self.options.segment + 1))
            rows.append(cut(frames, start, self.options.segment))
        books = self.options.codebooks
        if draw.random() >= ALL_BOOKS:
            books = int(draw.integers(BOOKS, books)) if books > BOOKS else books
        return torch.from_numpy(np.stack(rows)), books

    def validation(self) -> list[tuple[torch.Tensor, int]]:
        """The middles of the held-out utterances, from all codebooks."""
        length = self.options.segment
        rows = [cut(own, max(0, (len(own) - length) // 2), length) for own in map(self.frames.get, self.held_out)]  # type: ignore[arg-type]
        return [(torch.from_numpy(np.stack(rows)), self.options.codebooks)] if rows else []


class CodecLearner(Learner):
    """Mean squared error, and the quantiser's commitment."""

    network: WorldCodec

    def __init__(self, network: WorldCodec, options: Codec, seed: int) -> None:
        super().__init__(network, options.training, seed)
        self.options = options
        width = len(network.mean) // options.stack
        weights = np.ones(width)
        weights[:3] = WEIGHTS["log_f0"], WEIGHTS["voicing"], WEIGHTS["aperiodicity"]
        weights[3:] = np.square(emphasis(network.deviation.numpy()[3:width], options.emphasis))
        self.register_buffer("weights", torch.from_numpy(np.tile(weights, options.stack)).float(), persistent=False)

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        frames, books = batch
        found = self.network(frames, books)
        weights = self.weights.expand_as(frames).clone()
        width = frames.shape[2] // self.options.stack
        weights[:, :, 0::width] *= frames[:, :, 1::width]  # log F0 where there is voice
        error = (weights * (found.frames - self.network.normalised(frames)).square()).mean()
        self.log(f"{stage}/error", error, batch_size=1)
        self.log(f"{stage}/perplexity", found.perplexity, batch_size=1)
        return error + self.options.commitment * found.commitment


def train(
    data: Sequence[DataDir], frames: Path, options: Codec, f0: dict[str, Any], seed: int, folder: Path, *, device: str
) -> dict[str, Any]:
    """Train a codec and write its model dir.

    Args:
        data: whose frames there are.
        frames: root of <data dir>/frames.scp.
        options: of the codec.
        f0: how F0 is extracted (config.F0.extraction), which its users must do likewise.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".

    Returns:
        the model's facts.
    """
    found = {
        f"{part.name}/{name}": own for part in data for name, own in read_parts(frames / part.name, ARRAY).items()
    }
    batches = Segments(found, options, seed)
    hyperparameters = {
        "inputs": options.stack * (3 + options.coefficients), "width": options.width, "layers": options.layers,
        "kernel": options.kernel, "latent": options.latent, "codes": options.codes, "codebooks": options.codebooks,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "codec-weights"))
        network: Any = store.build(codecs.WORLD, hyperparameters)
    mean, deviation = batches.statistics()
    network.mean.copy_(mean)
    network.deviation.copy_(deviation)
    log.info(
        "codec: %d parameters, %d utterances, %d of them held out",
        sum(parameter.numel() for parameter in network.parameters()), len(found), len(batches.held_out),
    )  # fmt: skip
    learner = CodecLearner(network, options, seed)
    fit(learner, batches, folder, device=device)
    learner.cpu().eval()
    validation = {}
    for held_out, _ in batches.validation():
        for books in sorted({BOOKS, options.codebooks}):
            with torch.no_grad():
                error = (network(held_out, books).frames - network.normalised(held_out)).square().mean()
            validation[f"error_{books}"] = round(float(error), 4)
    facts = {"stack": options.stack, "coefficients": options.coefficients, "f0": f0, "validation": validation}
    finish(folder, network, kind=codecs.WORLD, hyperparameters=hyperparameters, facts=facts)
    return facts
