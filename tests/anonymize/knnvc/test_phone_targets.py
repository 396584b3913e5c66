"""Targets of private kNN-VC on disk: read back as written, in half precision; what is none is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pseudovox.anonymize.knnvc.clusters import ByPhone, by_phone
from pseudovox.anonymize.knnvc.phone_targets import Targets, mean_voice, read, save, size_of, write_card
from pseudovox.core.errors import DataError

LABELS = np.array([0, 2, 2, 0, 2, 2])


def target(values: bool, clusters: int = 2) -> ByPhone:
    keys = torch.randn(6, 4, generator=torch.Generator().manual_seed(1)).half().float()
    own = torch.arange(18.0).view(6, 3) if values else None
    return by_phone(keys, own, LABELS, phones=3, clusters=clusters, seed=1, name="p1")


@pytest.mark.parametrize("values", [True, False])
def test_read_back(tmp_path: Path, values: bool) -> None:
    made = target(values, 0)
    save(tmp_path / "p1.safetensors", made)
    found = read(tmp_path / "p1.safetensors")
    assert torch.equal(found.keys, made.keys) and torch.equal(found.offsets, made.offsets)
    assert torch.equal(found.values, made.values if values else found.keys)
    head = int.from_bytes((tmp_path / "p1.safetensors").read_bytes()[:8], "little") + 8
    assert (tmp_path / "p1.safetensors").stat().st_size - head == size_of(6, 4, 3 if values else 0, 3)


def test_targets_by_name(tmp_path: Path) -> None:
    save(tmp_path / "p1.safetensors", target(True))
    write_card(tmp_path, [{"id": "p1", "gender": "f", "log_f0": [5.0, 0.1]}], ["sil", "a", "b"], 2)
    found = Targets(tmp_path)
    assert list(found) == ["p1"] and found["p1"] is found["p1"] and found["p1"].counts.sum() == 6
    with pytest.raises(KeyError):
        found["p2"]


def test_the_mean_voice_weighs_phones_alike() -> None:
    # Phone 0: rows 0 and 3 (values 0 1 2 and 9 10 11); phone 2: rows 1, 2, 4, 5 (3, 6, 12, 15 and on).
    np.testing.assert_allclose(mean_voice(target(True, 0)), np.array([4.5, 5.5, 6.5]) / 2 + np.array([9, 10, 11]) / 2)


@pytest.mark.parametrize(
    "arrays",
    [
        {"keys": torch.ones(2, 3)},
        {"keys": torch.ones(2, 3), "counts": torch.ones(2), "offsets": torch.tensor([0, 3])},
        {"keys": torch.full((2, 3), torch.nan), "counts": torch.ones(2), "offsets": torch.tensor([0, 2])},
        {"keys": torch.ones(2, 3), "counts": torch.ones(2), "offsets": torch.tensor([0, 3, 2])},
    ],
)
def test_what_is_no_target(tmp_path: Path, arrays: dict[str, torch.Tensor]) -> None:
    save_file(arrays, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match=r"no target of private kNN-VC|NaN, infinite values or rows"):
        read(tmp_path / "x.safetensors")
