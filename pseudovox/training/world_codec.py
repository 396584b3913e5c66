"""Training of the small codec of WORLD frames.

First the transform (principal components) and the codebooks (k-means of what those before left) are fitted to frames
that are drawn; then the convolutions learn to correct what is decoded from two codebooks or more. The error is the
mean square of normalised numbers, in which the envelope's coefficients count by a power of their deviation, and F0,
in training, at voiced frames alone.
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
from pseudovox.core.errors import DataError
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
SMALLEST_DEVIATION = 1e-3
K_MEANS_BATCH = 4096  # frames of an update
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

    def drawn(self, count: int) -> np.ndarray:
        """So many frames of the utterances to train on, or all, drawn: float32 (frames, numbers)."""
        everything = np.concatenate([self.frames[name] for name in self.names])
        draw = seeds.generator(self.seed, "codec-frames")
        return everything[np.sort(draw.permutation(len(everything))[:count])]

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


def fitted(network: Any, frames: np.ndarray, options: Codec, seed: int) -> None:
    """Set statistics, weights, transform and codebooks of a codec.

    Args:
        network: the codec.
        frames: float32 (n, numbers) to fit to.
        options: of the codec.
        seed: of k-means.

    Raises:
        DataError: fewer frames than codes.
    """
    from sklearn.cluster import MiniBatchKMeans

    if len(frames) < options.codes:
        raise DataError(
            f"{len(frames)} frames of training speech for codebooks of {options.codes} (system.options.codec.codes)"
        )
    width = frames.shape[1] // options.stack
    single = frames.reshape(-1, width)
    mean, deviation = single.mean(0), np.maximum(single.std(0), SMALLEST_DEVIATION)
    weight = np.ones(width)
    weight[:3] = np.sqrt([WEIGHTS["log_f0"], WEIGHTS["voicing"], WEIGHTS["aperiodicity"]])
    weight[3:] = emphasis(deviation[3:], options.emphasis)
    for name, value in (("mean", mean), ("deviation", deviation), ("weight", weight)):
        getattr(network, name).copy_(torch.from_numpy(np.tile(value, options.stack)))
    network.transform.copy_(torch.eye(frames.shape[1])[:, : options.latent])
    weighted = ((torch.from_numpy(frames) - network.mean) / network.deviation * network.weight).double()
    _, vectors = torch.linalg.eigh(weighted.T @ weighted)
    network.transform.copy_(vectors.flip(1)[:, : options.latent])
    left = network.latent(torch.from_numpy(frames)).numpy()
    for number, part in enumerate(network.quantizer.parts):
        means = MiniBatchKMeans(
            options.codes, batch_size=K_MEANS_BATCH, n_init=1, max_iter=60,
            random_state=seeds.seed_for(seed, "codec-codebook", str(number)) % 2**32,
        ).fit(left)  # fmt: skip
        part.codebook.copy_(torch.from_numpy(means.cluster_centers_.astype(np.float32)))
        left = left - part.codebook[torch.from_numpy(means.predict(left)).long()].numpy()


class CodecLearner(Learner):
    """Mean squared error of what is decoded."""

    network: WorldCodec

    def __init__(self, network: WorldCodec, options: Codec, seed: int) -> None:
        super().__init__(network, options.training, seed)
        self.options = options

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        frames, books = batch
        found = self.network(self.network.encode(frames)[:, :, :books])
        wanted = (frames - self.network.mean) / self.network.deviation
        weights = self.network.weight.square().expand_as(frames).clone()
        width = frames.shape[2] // self.options.stack
        weights[:, :, 0::width] *= frames[:, :, 1::width]  # log F0 where there is voice
        return (weights * (found - wanted).square()).mean()


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
    found = {f"{part.name}/{name}": own for part in data for name, own in read_parts(frames / part.name, ARRAY).items()}
    batches = Segments(found, options, seed)
    hyperparameters = {
        "inputs": options.stack * (3 + options.coefficients), "latent": options.latent, "codes": options.codes,
        "codebooks": options.codebooks, "width": options.width, "layers": options.layers, "kernel": options.kernel,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "codec-weights"))
        network: Any = store.build(codecs.WORLD, hyperparameters)
    fitted(network, batches.drawn(options.frames), options, seed)
    log.info(
        "codec: %d parameters, %d utterances, %d of them held out",
        sum(parameter.numel() for parameter in network.parameters()), len(found), len(batches.held_out),
    )  # fmt: skip
    learner = CodecLearner(network, options, seed)
    if options.layers:
        fit(learner, batches, folder, device=device)
    learner.cpu().eval()
    validation = {}
    for held_out, _ in batches.validation():
        for books in sorted({BOOKS, options.codebooks}):
            with torch.no_grad():
                validation[f"error_{books}"] = round(float(learner.loss((held_out, books), "valid")), 4)
    facts = {"stack": options.stack, "coefficients": options.coefficients, "f0": f0, "validation": validation}
    finish(folder, network, kind=codecs.WORLD, hyperparameters=hyperparameters, facts=facts)
    return facts
