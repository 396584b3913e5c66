"""Targets of private kNN-VC on disk, made once: a safetensors file each, and model.json that says who they are.

save(folder / "p225.safetensors", ByPhone(...))
found = Targets(folder)           # found["p225"]: ByPhone, read when asked for
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pseudovox.anonymize.knnvc import phones
from pseudovox.anonymize.knnvc.clusters import ByPhone, by_phone
from pseudovox.anonymize.knnvc.private import TARGETS_KIND
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import write_atomic, write_json
from pseudovox.models import store

ARRAYS = ("keys", "values", "counts", "offsets")


def save(path: Path, target: ByPhone) -> None:
    """Write a target: keys and values in half precision, counts and offsets; values only where they are no keys."""
    from safetensors.torch import save as to_bytes

    half = {"keys": target.keys, "values": target.values} if target.values is not target.keys else {"keys": target.keys}
    arrays = {name: one.clamp(-65504, 65504).half().cpu().contiguous() for name, one in half.items()}
    write_atomic(path, to_bytes({**arrays, "counts": target.counts, "offsets": target.offsets}))


def size_of(rows: int, dimension: int, values: int, phones: int) -> int:
    """Bytes of a target's file, but for its head of about 300.

    Args:
        rows: frames or centroids, of all phones.
        dimension: of the keys; values: of the values, 0 where they are the keys.
    """
    return rows * (2 * (dimension + values) + 8) + 8 * (phones + 1)


def read(path: Path, device: str = "cpu") -> ByPhone:
    """A target's file.

    Raises:
        MissingModelError, DataError: as store.read_weights; DataError too where the arrays do not belong together.
    """
    arrays = store.read_weights(path)
    keys, counts, offsets = (arrays.get(name, torch.zeros(0)) for name in ("keys", "counts", "offsets"))
    values = arrays.get("values", keys)
    fitting = keys.ndim == 2 == values.ndim and len(keys) == len(values) == len(counts) and offsets.ndim == 1
    if not (fitting and set(arrays) <= set(ARRAYS) and len(offsets) > 1 and int(offsets[-1]) == len(keys)):
        raise DataError(f"{path}: holds no target of private kNN-VC", store.REDO)
    if not (bool(keys.isfinite().all()) and bool(values.isfinite().all()) and bool((offsets.diff() >= 0).all())):
        raise DataError(f"{path}: holds NaN, infinite values or rows out of order", store.REDO)
    keys = keys.to(device, torch.float32)
    return ByPhone(keys, values.to(device, torch.float32) if "values" in arrays else keys, counts, offsets)


class Targets(Mapping[str, ByPhone]):
    """The targets of a folder, by name; the last ones that were asked for stay in memory.

    Args:
        folder: with model.json.
        device: where keys and values are to lie.
        kept: targets in memory.

    Attributes:
        facts: of model.json: `speakers` (id, gender, log_f0, seconds), `phones`, `clusters`.
    """

    def __init__(self, folder: Path, device: str = "cpu", kept: int = 128) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = store.read_card(folder, TARGETS_KIND)["facts"]
        self.names = [str(speaker["id"]) for speaker in self.facts["speakers"]]
        self._read = functools.lru_cache(maxsize=kept)(lambda name: read(self.folder / f"{name}.safetensors", device))

    def __getitem__(self, name: str) -> ByPhone:
        if name not in self.names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def write_card(folder: Path, speakers: list[dict[str, Any]], names: list[str], clusters: int) -> None:
    """Write model.json.

    Args:
        speakers: of each target id, gender ("" if not known), log_f0 (mean, deviation) and seconds of speech.
        names: the phones.
        clusters: of each phone; 0 = none.
    """
    facts = {"speakers": speakers, "phones": names, "clusters": clusters}
    write_json(folder / "model.json", {"kind": TARGETS_KIND, "hyperparameters": {}, "facts": facts}, sort_keys=True)


def mean_voice(target: ByPhone) -> np.ndarray:
    """What a target's voice is on the whole: the mean over its phones of the mean of their rows, float32 (dimension,).

    It is what the informed attacker knows of an utterance's target: all phones count the same, whatever was said.
    """
    offsets = target.offsets.tolist()
    means = [target.values[first:end].mean(0) for first, end in itertools.pairwise(offsets) if end > first]
    return np.asarray(torch.stack(means).mean(0).cpu().numpy(), np.float32)


def prepare(
    keys: torch.Tensor, values: torch.Tensor | None, features: np.ndarray, predictors: phones.Predictors, *,
    clusters: int, seed: int, name: str,
) -> ByPhone:  # fmt: skip
    """A target's frames by phone.

    Args:
        keys, values: of all its utterances (see by_phone).
        features: (frames, dimension), what phones are told from.
        predictors: which tells them.
        clusters, seed, name: see by_phone.
    """
    labels = predictors.labels(features)
    return by_phone(keys, values, labels, phones=len(predictors.phones), clusters=clusters, seed=seed, name=name)
