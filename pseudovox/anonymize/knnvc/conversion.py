"""Private kNN-VC of utterances: their phones, the durations these get, and the frames of targets that take their place.

    sources = [source(keys, labels) ...]
    stretched = prolong(sources, predictors, weight=0.7)
    values = convert(stretched, [("p225",), ("p226", "p225")], targets)

Utterances with the same target are matched together, phone by phone; nothing is done frame by frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pseudovox.anonymize.knnvc import phones
from pseudovox.anonymize.knnvc.clusters import ByPhone


@dataclass(frozen=True)
class Stretched:
    """An utterance in its new durations.

    Attributes:
        frames: float32 (n, dimension), what is matched.
        labels: int64 (n,), the phone of each.
        places: int64 (n,), which frame of the utterance as it was each is.
    """

    frames: torch.Tensor
    labels: np.ndarray
    places: np.ndarray


def stretch(
    keys: Sequence[torch.Tensor], labels: Sequence[np.ndarray], predictors: phones.Predictors, weight: float
) -> list[Stretched]:
    """Utterances with durations that are mixed of the predicted and the actual ones (phones.new_durations).

    Args:
        keys: float32 (frames, dimension) of each utterance, what is matched.
        labels: int64 (frames,), the phones, as `predictors.labels` tells them.
        predictors: with a duration predictor, unless the weight is 0.
        weight: of the predicted durations, 0 to 1.
    """
    runs = [phones.runs(own) for own in labels]
    expected = predictors.durations([found for found, _ in runs]) if weight else [actual for _, actual in runs]
    made = []
    for frames, own, (_, actual), predicted in zip(keys, labels, runs, expected, strict=True):
        places = phones.source_frames(actual, phones.new_durations(predicted, actual, weight))
        made.append(Stretched(frames[torch.from_numpy(places).to(frames.device)], own[places], places))
    return made


def convert(
    utterances: Sequence[Stretched], chains: Sequence[Sequence[str]], targets: Mapping[str, ByPhone]
) -> list[torch.Tensor]:
    """What each utterance's frames become.

    Args:
        utterances: in their new durations.
        chains: of each the targets it goes through, one after the other: the frames that one target gives are matched
            with the next one's.
        targets: by name.

    Returns:
        float32 (n, values' dimension) of each: the last target's values.
    """
    frames = [utterance.frames for utterance in utterances]
    for step in range(max(map(len, chains), default=0)):
        by_target: dict[str, list[int]] = {}
        for number, chain in enumerate(chains):
            if step < len(chain):
                by_target.setdefault(chain[step], []).append(number)
        for name, numbers in by_target.items():
            target = targets[name]
            labels = np.concatenate([utterances[number].labels for number in numbers])
            rows = target.nearest(torch.cat([frames[number] for number in numbers]), labels)
            for number, own in zip(numbers, rows.split([len(frames[number]) for number in numbers]), strict=True):
                last = step == len(chains[number]) - 1
                frames[number] = (target.values if last else target.keys)[own].float()
    return frames
