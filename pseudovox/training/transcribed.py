"""Utterances with texts, as recognisers learn from them: targets, held-out utterances, epochs of like durations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from pseudovox.core import seeds
from pseudovox.models.recognizer import spell
from pseudovox.training.data import pooled

if TYPE_CHECKING:
    from pseudovox.config import Recognizer
    from pseudovox.data.datadir import DataDir

Key = tuple[int, str]  # number of the data dir, utterance id


class TranscribedUtterances:
    """Which utterances are in which batch; every one once an epoch, but for a last part batch.

    Args:
        data: data dirs with text.
        units: of the network, the word boundary among them.
        options: section `recognizer` of the configuration.
        seed: of every draw.
        read: a text as it is spelt.
        longest: seconds; utterances beyond are left out (`left_out`), as are those with characters that are no units.
        boundary_last: the word boundary follows a word, as in fairseq's recognisers, and does not go before it.
    """

    def __init__(
        self, data: Sequence[DataDir], units: Sequence[str], options: Recognizer, seed: int, *,
        read: Callable[[str], str] = str, longest: float = float("inf"), boundary_last: bool = False,
    ) -> None:  # fmt: skip
        self.data, self.units, self.options, self.seed = data, units, options, seed
        unit_index = {unit: number for number, unit in enumerate(units)}
        self.targets: dict[Key, list[int]] = {}
        self.train: list[Key] = []
        self.held_out: list[Key] = []
        self.left_out: list[Key] = []
        for number, part in enumerate(data):
            for utterance in part.utterances:
                words = read(part.text[utterance]).split()
                if part.duration(utterance) > longest or not all(unit_index.keys() >= set(word) for word in words):
                    self.left_out.append((number, utterance))
                    continue
                spelt = [unit for word in words for unit in spell(word, unit_index)]
                self.targets[number, utterance] = [*spelt[1:], *spelt[:1]] if boundary_last else spelt
                draw = seeds.generator(seed, "recognizer-held-out", utterance).random()
                (self.held_out if draw < options.held_out else self.train).append((number, utterance))
        self._order = functools.lru_cache(maxsize=2)(self._epoch)

    def _epoch(self, epoch: int) -> list[list[Key]]:
        """The batches of an epoch: utterances drawn, sorted by duration in pools, the batches drawn again."""
        draw = seeds.generator(self.seed, "recognizer-epoch", str(epoch))
        return pooled(self.train, self._duration, self.options.training.batch_size, draw)

    def _duration(self, key: Key) -> float:
        return self.data[key[0]].duration(key[1])

    def _by_duration(self, keys: Iterable[Key]) -> list[Key]:
        return sorted(keys, key=lambda key: (self._duration(key), key))

    def keys(self, index: int) -> list[Key]:
        """The utterances of the index-th batch."""
        count = max(1, len(self.train) // self.options.training.batch_size)
        return self._order(index // count)[index % count]

    def validation_keys(self) -> list[list[Key]]:
        """Batches of the held-out utterances."""
        keys = self._by_duration(self.held_out)
        size = self.options.training.batch_size
        return [keys[start : start + size] for start in range(0, len(keys), size)]

    def target_tensors(self, keys: Sequence[Key]) -> dict[str, torch.Tensor]:
        """`targets`, all units in one row, and `target_lengths`."""
        targets = [self.targets[key] for key in keys]
        return {
            "targets": torch.tensor([unit for target in targets for unit in target]),
            "target_lengths": torch.tensor([len(target) for target in targets]),
        }


def unit_error_rate(log_posteriors: torch.Tensor, lengths: torch.Tensor, batch: Mapping[str, Any]) -> float:
    """Edits of the greedy unit sequences per reference unit, in percent.

    Args:
        log_posteriors: (batch, frames, units).
        lengths: (batch,) frames of each.
        batch: with `targets` and `target_lengths`.
    """
    from rapidfuzz.distance import Levenshtein

    from pseudovox.components.recognition.lexicon_decoder import decode_greedy

    references = torch.split(batch["targets"], batch["target_lengths"].tolist())
    errors = 0
    for row, length, reference in zip(log_posteriors.cpu().numpy(), lengths.tolist(), references, strict=True):
        errors += Levenshtein.distance(decode_greedy(row[:length]), reference.tolist())
    return 100.0 * errors / max(1, len(batch["targets"]))
