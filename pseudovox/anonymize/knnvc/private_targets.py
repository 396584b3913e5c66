"""Targets of private kNN-VC: those of kNN-VC (target_store), but sorted by phone, or clustered within each phone.

A file holds in the place of a target's frames its rows: frames, or centroids with the mean spectrum of their frames.

    keys, envelope, aperiodicity    as in target_store; keys as they are compared (features.normalise)
    counts                          int64 (rows,), frames behind each row
    offsets                         int64 (phones + 1,): the rows of phone p are offsets[p] to offsets[p + 1]
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.knnvc import features
from pseudovox.anonymize.knnvc.clusters import ByPhone, by_phone
from pseudovox.anonymize.knnvc.phones import Predictors
from pseudovox.anonymize.knnvc.target_store import Maker, Spoken, Store, half, normalised
from pseudovox.core.errors import DataError
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.private import PrivateOptions
    from pseudovox.anonymize.knnvc.target_store import Speaker
    from pseudovox.config import F0


ARRAYS = ("envelope", "aperiodicity")  # that WORLD speaks from


class PrivateMaker(Maker):
    """Makes targets' files, in worker processes.

    Args:
        options, f0_options, bottleneck, device: see Maker.
        phones: model dir of the phone predictor.
        seed: of the clusters.
    """

    def __init__(
        self, options: PrivateOptions, f0_options: F0, bottleneck: Path | None, phones: Path, seed: int, *,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.options, self.f0_options, self.own, self.seed, self.device = options, f0_options, options, seed, device
        self.predictors = Predictors(phones, device=device)
        layers = (options.features.layer, options.phones.layer)
        self.extract = features.load(options.features, layers=layers, bottleneck=bottleneck, device=device)

    def arrays(self, speaker: Speaker, spoken: Spoken) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """See Maker; what is told of the voice is the mean over its phones of the mean of their rows."""
        labels = self.predictors.labels(spoken.layers[1])
        keys = torch.from_numpy(spoken.layers[0]).to(self.device)
        if self.options.features.normalise:
            keys = normalised(keys)
        spectra = [part for part in (spoken.envelope, spoken.aperiodicity) if part is not None]
        width = [part[0].size for part in spectra]
        values = np.concatenate([part.reshape(len(part), -1) for part in spectra], 1) if spectra else None
        found = by_phone(
            keys, None if values is None else torch.from_numpy(values).to(self.device), labels,
            phones=len(self.predictors.phones), clusters=self.own.clusters, seed=self.seed, name=speaker.id,
        )  # fmt: skip
        arrays = {
            "keys": half(found.keys.cpu().numpy()),
            "counts": found.counts.numpy(),
            "offsets": found.offsets.numpy(),
        }
        rows = found.values.cpu().numpy()
        for name, part, place in zip(ARRAYS, spectra, itertools.accumulate(width, initial=0), strict=False):
            arrays[name] = rows[:, place : place + part[0].size].reshape(-1, *part.shape[1:])
        told = arrays["envelope"].mean(1) if spectra else rows
        return arrays, phone_mean(told, arrays["offsets"])


def phone_mean(rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The mean over phones of the mean of their rows (rows, width), phones without any left out: (width,)."""
    bounds = itertools.pairwise(offsets.tolist())
    return np.asarray(np.mean([rows[first:end].mean(0) for first, end in bounds if end > first], axis=0))


@dataclass
class PrivateVoice:
    """A target, to be converted to.

    Attributes:
        rows: what stands for it; values are the keys, or, where WORLD speaks, envelope and aperiodicity of the WORLD
            frames in one.
        inner, coefficients, spread: see target_store.Voice.
    """

    rows: ByPhone
    inner: int = 0
    coefficients: int = 0
    spread: np.ndarray | None = None


class PrivateStore(Store):
    """Targets that steps/fit_knnvc_targets.py has made for private kNN-VC; see Store."""

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        super().__init__(folder, device=device)
        self.private = functools.lru_cache(self.kept)(self._private)

    def _private(self, name: str) -> PrivateVoice:
        """A target's rows; DataError where the file does not hold them."""
        path = self.folder / f"{name}.safetensors"
        arrays = store.read_weights(path)
        expected = {"keys", "counts", "offsets", *(ARRAYS if self.spoken == "world" else ())}
        lengths = {len(array) for name, array in arrays.items() if name != "offsets"}
        offsets = arrays.get("offsets", torch.zeros(0))
        if arrays.keys() != expected or len(lengths) != 1 or not len(offsets) or not 0 < int(offsets[-1]) in lengths:
            raise DataError(f"{path}: holds no target of private kNN-VC", store.REDO)
        floats = {
            key: array.to(self.device, torch.float32) for key, array in arrays.items() if array.is_floating_point()
        }
        if not all(bool(array.isfinite().all()) for array in floats.values()) or bool((offsets.diff() < 0).any()):
            raise DataError(f"{path}: holds NaN, infinite values or rows out of order", store.REDO)
        keys = floats["keys"]
        if self.spoken != "world":
            return PrivateVoice(ByPhone(keys, keys, arrays["counts"], offsets))
        envelope, aperiodicity = floats["envelope"], floats["aperiodicity"]
        values = torch.cat([envelope.flatten(1), aperiodicity.flatten(1)], 1)
        spread = envelope.flatten(0, 1).std(0, correction=0).cpu().numpy()
        rows = ByPhone(keys, values, arrays["counts"], offsets)
        return PrivateVoice(rows, envelope.shape[1], envelope.shape[2], spread)
