"""Training of the coarse and the fine transformer on the tokens of real speech.

Coarse: a training example is a stretch of an utterance, or, as often, one of another utterance of the same speaker
and then one of it, as a prompt and a source will be. The loss is the cross-entropy of both codebooks' codes.
Fine: one codebook a batch, told from those below it and, at the beginning of some examples, from all codes of frames
that were made before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.anonymize.codec_lm.worker import COARSE, CODES, FINE, FINE_KIND, UNITS
from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_parts
from pseudovox.models import store
from pseudovox.models.codec_lm.coarse import BOOKS, AlignedCoarse
from pseudovox.models.codec_lm.fine import Fine
from pseudovox.training.aligned import Key, split
from pseudovox.training.data import cut
from pseudovox.training.fit import Learner, finish, fit

if TYPE_CHECKING:
    from pseudovox.anonymize.codec_lm import options as own
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")

COARSE_KIND = "aligned_coarse_lm"
JOINED = 0.5  # share of the examples with another utterance of the speaker before them
PROMPT = (0.2, 0.6)  # of such an example, the other utterance's share, at least and at most
REMEMBERED = 0.5  # share of the fine examples that begin with frames that were made before
VALIDATION_ROWS = 16
IGNORED = -100


@dataclass(frozen=True)
class Tokens:
    """What training goes over.

    Attributes:
        data: data dirs.
        units: int64 (frames,) by utterance.
        codes: int64 (frames, codebooks) by utterance.
        train, held_out: utterances.
        speakers: of those to train on, by speaker.
    """

    data: list[DataDir]
    units: dict[Key, np.ndarray]
    codes: dict[Key, np.ndarray]
    train: list[Key]
    held_out: list[Key]
    speakers: dict[str, list[Key]]

    def speaker(self, key: Key) -> str:
        """Whose utterance it is."""
        return self.data[key[0]].utt2spk[key[1]]


def read(data: Sequence[DataDir], root: Path, held_out: float, seed: int) -> Tokens:
    """The tokens that TokenWorker made, <root>/<data dir>/{units,codes}.scp.

    Raises:
        DataError: an utterance's units are not as many as its frames.
    """
    units: dict[Key, np.ndarray] = {}
    codes: dict[Key, np.ndarray] = {}
    for number, part in enumerate(data):
        for name, found in ((UNITS, units), (CODES, codes)):
            for utterance, array in read_parts(root / part.name, name).items():
                found[number, utterance] = array.astype(np.int64)
    for key in units:
        if len(units[key]) != len(codes[key]):
            raise DataError(
                f"{key[1]}: {len(units[key])} units for {len(codes[key])} frames of codes; expected as many"
            )
    train, rest = split(data, sorted(units), held_out, seed)
    speakers: dict[str, list[Key]] = {}
    for key in train:
        speakers.setdefault(data[key[0]].utt2spk[key[1]], []).append(key)
    return Tokens(list(data), units, codes, train, rest, speakers)


class CoarseBatches:
    """Numbered batches (units (rows, segment), codes (rows, segment, 2)) for the coarse transformer."""

    def __init__(self, tokens: Tokens, options: own.Coarse, seed: int) -> None:
        self.tokens, self.options, self.seed = tokens, options, seed

    def _piece(self, key: Key, place: float, length: int) -> tuple[np.ndarray, np.ndarray]:
        """`length` frames from `place` on, 0 (the beginning) to 1."""
        units, codes = self.tokens.units[key], self.tokens.codes[key][:, :BOOKS]
        start = int(place * max(1, len(units) - length + 1))
        return cut(units[:, None], start, length)[:, 0], cut(codes, start, length)

    def _example(self, key: Key, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        length = self.options.segment
        others = self.tokens.speakers.get(self.tokens.speaker(key), [])
        pieces = []
        if draw.random() < JOINED and len(others) > 1:
            first = int(length * draw.uniform(*PROMPT))
            pieces.append(self._piece(others[int(draw.integers(len(others)))], draw.random(), first))
            length -= first
        pieces.append(self._piece(key, draw.random(), length))
        units, codes = zip(*pieces, strict=True)
        return np.concatenate(units), np.concatenate(codes)

    def batch(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The index-th batch: utterances by chance, the longer ones more often."""
        draw = seeds.generator(self.seed, "coarse-batch", str(index))
        return _stacked([self._example(key, draw) for key in _by_length(self.tokens, draw, self.options.training)])

    def validation(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The beginnings of held-out utterances."""
        keys = self.tokens.held_out[:: max(1, len(self.tokens.held_out) // VALIDATION_ROWS)]
        return [_stacked([self._piece(key, 0.0, self.options.segment) for key in keys])] if keys else []


def _by_length(tokens: Tokens, draw: np.random.Generator, training: Any) -> list[Key]:
    lengths = np.array([len(tokens.units[key]) for key in tokens.train], np.float64)
    return [tokens.train[n] for n in draw.choice(len(lengths), training.batch_size, p=lengths / lengths.sum())]


def _stacked(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[torch.Tensor, torch.Tensor]:
    units, codes = zip(*rows, strict=True)
    return torch.from_numpy(np.stack(units)), torch.from_numpy(np.stack(codes))


class CoarseLearner(Learner):
    """Cross-entropy of codes, natural logarithm, mean over both codebooks."""

    network: AlignedCoarse

    def losses(self, batch: Any) -> list[torch.Tensor]:
        """Of each codebook."""
        units, codes = batch
        logits = self.network(units, codes)
        return [
            functional.cross_entropy(logits[:, :, book].flatten(0, 1), codes[:, :, book].flatten())
            for book in range(BOOKS)
        ]

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        losses = self.losses(batch)
        for book, one in enumerate(losses, 1):
            self.log(f"{stage}/codebook_{book}", one, batch_size=1)
        return torch.stack(losses).mean()


class FineBatches:
    """Numbered batches (codes as they go in, units, targets, codebook) for the fine transformer."""

    def __init__(self, tokens: Tokens, network: Fine, options: own.Fine, seed: int) -> None:
        self.tokens, self.network, self.options, self.seed = tokens, network, options, seed

    def _batch(self, keys: Sequence[Key], places: Sequence[float], known: Sequence[int], book: int) -> Any:
        network, length = self.network, self.network.context
        unknown = network.codes
        inputs = np.full((len(keys), length, network.books), unknown, np.int64)
        units = np.full((len(keys), length), network.units, np.int64)
        targets = np.full((len(keys), length), IGNORED, np.int64)
        for row, (key, place, made) in enumerate(zip(keys, places, known, strict=True)):
            codes = self.tokens.codes[key]
            start = int(place * max(1, len(codes) - length + 1))
            codes = codes[start : start + length]
            inputs[row, : len(codes), :book] = codes[:, :book]
            inputs[row, :made][: len(codes)] = codes[:made]
            units[row, : len(codes)] = self.tokens.units[key][start : start + length]
            targets[row, made : len(codes)] = codes[made:, book]
        return torch.from_numpy(inputs), torch.from_numpy(units), torch.from_numpy(targets), book

    def batch(self, index: int) -> Any:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "fine-batch", str(index))
        keys = _by_length(self.tokens, draw, self.options.training)
        made = draw.integers(self.options.history + 1, size=len(keys)) * (draw.random(len(keys)) < REMEMBERED)
        shortest = [min(int(one), len(self.tokens.units[key]) // 2) for key, one in zip(keys, made, strict=True)]
        book = int(draw.integers(self.network.coarse, self.network.books))
        return self._batch(keys, draw.random(len(keys)).tolist(), shortest, book)

    def validation(self) -> list[Any]:
        """The beginnings of held-out utterances, each codebook in turn."""
        keys = self.tokens.held_out[:: max(1, len(self.tokens.held_out) // VALIDATION_ROWS)]
        books = range(self.network.coarse, self.network.books)
        return [self._batch(keys, [0.0] * len(keys), [0] * len(keys), book) for book in books] if keys else []


class FineLearner(Learner):
    """Cross-entropy of one codebook's codes, natural logarithm."""

    network: Fine

    def losses(self, batch: Any) -> list[torch.Tensor]:
        """Of the codebook at hand."""
        inputs, units, targets, book = batch
        logits = self.network(inputs, book, units)
        return [functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)]

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        return self.losses(batch)[0]


def _built(kind: str, hyperparameters: dict[str, Any], seed: int, purpose: str) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, purpose))
        network = store.build(kind, hyperparameters)
        for name, weight in network.named_parameters():
            if "embed" in name or "positions" in name:
                torch.nn.init.normal_(weight, std=0.02)
    log.info("%s: %d parameters", kind, sum(parameter.numel() for parameter in network.parameters()))
    return network


def train(
    data: Sequence[DataDir], root: Path, options: own.Options, sizes: dict[str, Any], seed: int, folder: Path, *,
    device: str,
) -> dict[str, Any]:  # fmt: skip
    """Train both transformers and write their model dirs, <folder>/coarse and <folder>/fine.

    Args:
        data, root: see `read`.
        options: of the system.
        sizes: units, codes, codebooks and frame_rate of what the tokens were made with.
        seed: of every draw.
        folder: checkpoints in it are gone on from, and removed in the end; a network that is there is not trained
        again.
        device: "cpu" or "cuda".

    Returns:
        the validation losses: coarse and fine, natural logarithm, of held-out speakers.
    """
    tokens = read(data, root, options.held_out, seed)
    frames = sum(len(tokens.units[key]) for key in tokens.train)
    log.info(
        "%d utterances, %d frames, of %d speakers to train on; %d held out",
        len(tokens.train), frames, len(tokens.speakers), len(tokens.held_out),
    )  # fmt: skip
    found = {}
    coarse, fine = options.coarse, options.fine
    made: list[tuple[str, str, dict[str, Any]]] = [
        (COARSE, COARSE_KIND, {
            "units": sizes["units"], "codes": sizes["codes"], "frame_rate": sizes["frame_rate"], "width": coarse.width,
            "heads": coarse.heads, "layers": coarse.layers, "dropout": coarse.dropout, "reach": coarse.reach,
            "positions": max(1 + coarse.history + coarse.window, BOOKS * coarse.segment), "history": coarse.history,
            "window": coarse.window, "prompt_frames": coarse.prompt_frames,
        }),
        (FINE, FINE_KIND, {
            "codes": sizes["codes"], "vocabulary": sizes["codes"] + 1, "books": sizes["codebooks"], "given": BOOKS,
            "coarse": BOOKS, "width": fine.width, "heads": fine.heads, "layers": fine.layers, "dropout": fine.dropout,
            "context": fine.context, "history": fine.history, "units": sizes["units"],
        }),
    ]  # fmt: skip
    for name, kind, hyperparameters in made:
        if (folder / name / "model.json").exists():
            found[name] = float(store.read_card(folder / name, kind)["facts"]["validation"])
            continue
        network = _built(kind, hyperparameters, seed, f"{name}-weights")
        learner: CoarseLearner | FineLearner
        batches: Any
        if name == COARSE:
            batches = CoarseBatches(tokens, coarse, seed)
            learner = CoarseLearner(network, coarse.training, seed)
        else:
            batches = FineBatches(tokens, network, fine, seed)
            learner = FineLearner(network, fine.training, seed)
        fit(learner, batches, folder / name, device=device)
        learner.cpu().eval()
        with torch.no_grad():
            losses = [float(value) for one in batches.validation() for value in learner.losses(one)]
        found[name] = round(sum(losses) / len(losses), 4) if losses else 0.0
        facts = {"validation": found[name], "speakers": len(tokens.speakers), "frames": frames}
        finish(folder / name, network, kind=kind, hyperparameters=hyperparameters, facts=facts)
    return found
