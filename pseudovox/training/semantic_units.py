"""Training of semantic units: k-means on features of real speech."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.anonymize.codec_lm import semantic
from pseudovox.anonymize.knnvc import features
from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data import audio
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.codec_lm.options import Options
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
OF_UTTERANCE = 0.25  # share of an utterance's frames that is drawn
SMALLEST_DEVIATION = 1e-3
BATCH = 4096  # frames of an update of k-means


def sample(data: Sequence[DataDir], extract: features.Extractor, count: int, seed: int) -> np.ndarray:
    """Frames of utterances that are drawn until there are `count`: float32 (count or fewer, dimension)."""
    keys = [(part, utterance) for part in data for utterance in part.utterances]
    keys.sort(key=lambda key: seeds.seed_for(seed, "units-utterance", f"{key[0].name}/{key[1]}"))
    found, size = [], 0
    for part, utterance in keys:
        ((frames,),) = extract([audio.load(part, utterance)])
        draw = seeds.generator(seed, "units-frames", f"{part.name}/{utterance}")
        found.append(frames[draw.random(len(frames)) < OF_UTTERANCE])
        size += len(found[-1])
        if size >= count:
            break
    return np.concatenate(found)[:count]


def train(
    data: Sequence[DataDir], options: Options, seed: int, folder: Path, *, device: str, bottleneck: Path | None
) -> dict[str, Any]:
    """Find centroids and write their model dir.

    Args:
        data: training data dirs.
        options: of the system; `features` and `units` count.
        seed: of every draw.
        folder: the model dir.
        device: "cpu" or "cuda", of the features.
        bottleneck: model dir of the content extractor, for features of that kind.

    Returns:
        the model's facts.

    Raises:
        DataError: fewer frames than units.
    """
    from sklearn.cluster import MiniBatchKMeans

    extract = features.load(options.features, bottleneck=bottleneck, device=device)
    frames = sample(data, extract, options.units.frames, seed)
    if len(frames) < options.units.count:
        raise DataError(
            f"{len(frames)} frames of training speech for {options.units.count} units (system.options.units.count)"
        )
    mean, deviation = frames.mean(0), np.maximum(frames.std(0), SMALLEST_DEVIATION)
    log.info("semantic units: %d of %d frames of %d numbers", options.units.count, *frames.shape)
    means = MiniBatchKMeans(
        options.units.count, batch_size=BATCH, n_init=3, max_iter=100,
        random_state=seeds.seed_for(seed, "units") % 2**32,
    ).fit((frames - mean) / deviation)  # fmt: skip
    hyperparameters = {"inputs": frames.shape[1], "units": options.units.count}
    network: Any = store.build(semantic.CENTROIDS, hyperparameters)
    for name, value in (("mean", mean), ("deviation", deviation), ("centroids", means.cluster_centers_)):
        getattr(network, name).copy_(torch.from_numpy(np.asarray(value, np.float32)))
    share = np.bincount(network(torch.from_numpy(frames)).numpy(), minlength=options.units.count) / len(frames)
    share = share[share > 0]
    facts = {
        "features": {"kind": options.features.kind, "layer": options.features.layer},
        "frames": len(frames),
        "validation": {"perplexity": round(float(np.exp(-(share * np.log(share)).sum())), 1)},
    }
    store.save(folder, network, kind=semantic.CENTROIDS, hyperparameters=hyperparameters, facts=facts)
    return facts
