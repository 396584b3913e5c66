"""Pseudo-speakers as labels: from a table, from vectors that are equal, from clusters; what is incomplete."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.config import TargetClassifier
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir, Origin
from pseudovox.training.targets import target_labels

UTTERANCES = [f"a-{number}" for number in range(6)]


def data_dir(**tables: dict[str, str]) -> DataDir:
    origin = Origin("train", "train", "vq")
    return DataDir("data/any", {"utt2spk": dict.fromkeys(UTTERANCES, "a"), **tables}, origin=origin)


def vectors(folder: Path, values: np.ndarray) -> Path:
    (folder / "train").mkdir()
    write_arrays(folder / "train", "pseudo_xvector", dict(zip(UTTERANCES, values.astype(np.float32), strict=True)))
    return folder


def test_nothing_is_asked_or_known() -> None:
    assert target_labels([data_dir()], TargetClassifier(), None, 1) is None
    assert target_labels([data_dir()], TargetClassifier(labels="table"), None, 1) is None
    assert target_labels([data_dir()], TargetClassifier(labels="clusters"), None, 1) is None


def test_table() -> None:
    table = dict(zip(UTTERANCES, "yxyxyz", strict=True))
    assert target_labels([data_dir(utt2target=table)], TargetClassifier(labels="table"), None, 1) == [
        dict(zip(UTTERANCES, [1, 0, 1, 0, 1, 2], strict=True))
    ]
    with pytest.raises(DataError, match=r"any: 1 of 6 utterances have no target in utt2target, e.g. a-5"):
        target_labels([data_dir(utt2target=dict(list(table.items())[:5]))], TargetClassifier(labels="table"), None, 1)


def test_equal_vectors_are_one_target(tmp_path: Path) -> None:
    pseudo = vectors(tmp_path, np.array([[1, 0], [0, 1], [1, 0], [0, 1], [1, 1], [1, 1]]))
    [labels] = target_labels([data_dir()], TargetClassifier(labels="clusters"), pseudo, 1) or []
    assert labels["a-0"] == labels["a-2"] != labels["a-1"] and len(set(labels.values())) == 3


def test_more_vectors_than_clusters(tmp_path: Path) -> None:
    pseudo = vectors(tmp_path, np.array([[5, 0.1], [1, 0.01], [1, 0], [0.1, 3], [0, 1], [0.01, 1]]))
    options = TargetClassifier(labels="clusters", clusters=2)
    [labels] = target_labels([data_dir()], options, pseudo, 1) or []
    assert len({labels[name] for name in UTTERANCES[:3]}) == len({labels[name] for name in UTTERANCES[3:]}) == 1
    assert labels["a-0"] != labels["a-3"] and target_labels([data_dir()], options, pseudo, 1) == [labels]


def test_messages(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="labels: 'speakers': expected table or clusters"):
        target_labels([data_dir()], TargetClassifier(labels="speakers"), None, 1)
    with pytest.raises(UsageError, match="clusters: 1: expected 2 or more"):
        target_labels([data_dir()], TargetClassifier(labels="clusters", clusters=1), tmp_path, 1)
    with pytest.raises(DataError, match=r"no train/pseudo_xvector\.scp for data/any"):
        target_labels([data_dir()], TargetClassifier(labels="clusters"), tmp_path, 1)
