"""Which pseudo-speaker spoke an anonymized training utterance: labels for the second classifier of an attacker.

SpAnE (Franzreb et al., arXiv 2508.09803) puts a classifier of the target speakers on the embedding, behind gradient
reversal: an attacker that looks at the target instead of the source is driven away from it. That framework draws
targets from a list of speakers. Here there are two kinds of labels:

    table      utt2target of the data dirs: a target by utterance, for systems that convert to real speakers
    clusters   pseudo x-vectors by utterance; the different ones are the targets, or, where there are more than
               `clusters` of them (systems that draw a new one each time), their k-means clusters
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.seeds import seed_for
from pseudovox.data.archive import read_scp

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.config import TargetClassifier
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
TABLE = "utt2target"
VECTORS = "pseudo_xvector.scp"


def target_labels(
    data: Sequence[DataDir], options: TargetClassifier, pseudo: Path | None, seed: int
) -> list[dict[str, int]] | None:
    """The pseudo-speaker's number by utterance, of each data dir; None if there are none to classify.

    Args:
        data: the training speech.
        options: `labels` says where they come from.
        pseudo: root of the pseudo x-vectors, <pseudo>/<source>/pseudo_xvector.scp (see DataDir.origin).
        seed: of k-means.

    Raises:
        UsageError: `labels` is not known, or clusters of fewer than two.
        DataError: some data dirs or utterances have a target and others have not.
    """
    if not options.labels:
        return None
    if options.labels == "table":
        names = [part.tables.get(TABLE) for part in data]
        if not any(names):
            log.info("no %s in %s: original speech, no classifier of targets", TABLE, data[0].path)
            return None
        _complete(data, names, TABLE)
        known = sorted({target for table in names if table for target in table.values()})
        number = {target: place for place, target in enumerate(known)}
        return [{utterance: number[target] for utterance, target in table.items()} for table in names if table]
    if options.labels != "clusters":
        raise UsageError(f"targets.labels: {options.labels!r}: expected table or clusters")
    if pseudo is None:
        log.info("no pseudo x-vectors are given: original speech, no classifier of targets")
        return None
    if options.clusters < 2:
        raise UsageError(f"targets.clusters: {options.clusters}: expected 2 or more")
    import numpy as np

    found = [read_scp(vectors_of(part, pseudo)) for part in data]
    _complete(data, found, VECTORS)
    flat = [vectors[utterance] for part, vectors in zip(data, found, strict=True) for utterance in part.utterances]
    labels = iter(_clusters(np.stack(flat).astype(np.float64), options.clusters, seed))
    return [{utterance: int(next(labels)) for utterance in part.utterances} for part in data]


def vectors_of(part: DataDir, pseudo: Path) -> Path:
    """The pseudo x-vectors that an anonymized data dir speaks with: those of the data dir that it was made of."""
    path = pseudo / part.origin.source / VECTORS
    if path.is_file():
        return path
    raise DataError(
        f"{pseudo}: no {part.origin.source}/{VECTORS} for {part.path}",
        f"give the root that steps/sample_pseudo_speakers.py wrote; of speech that another program anonymized, say in "
        f"{part.path}/origin what it was made of (docs/data_dirs.md)",
    )


def _clusters(vectors: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Labels (n,) of vectors (n, dimension): equal ones share one; k-means of the directions where more than `most`."""
    import numpy as np

    distinct, labels = np.unique(vectors, axis=0, return_inverse=True)
    if len(distinct) <= most:
        return np.asarray(labels).reshape(-1)
    from sklearn.cluster import KMeans

    unit = distinct / np.maximum(np.linalg.norm(distinct, axis=1, keepdims=True), 1e-30)
    clustered = KMeans(most, n_init=1, random_state=seed_for(seed, "targets") % 2**32).fit_predict(unit)
    return np.asarray(clustered)[np.asarray(labels).reshape(-1)]


def _complete(data: Sequence[DataDir], tables: Sequence[object], name: str) -> None:
    """Raise DataError unless every utterance is in the table of its data dir."""
    for part, table in zip(data, tables, strict=True):
        keys = set(table) if table else set()  # type: ignore[call-overload]
        missing = [utterance for utterance in part.utterances if utterance not in keys]
        if missing:
            raise DataError(
                f"{part.path}: {len(missing)} of {len(part.utterances)} utterances have no target in {name}, e.g. "
                f"{missing[0]}",
                "leave the data dir out, or --set attacker.targets.labels=",
            )
