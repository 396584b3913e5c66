"""Neither the number of jobs nor the size of batches shows in what a step writes."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox.components.embeddings import EmbeddingWorker, write_speaker_vectors
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir
from pseudovox.models import store
from pseudovox.stage import parallel

KINDS: dict[str, dict[str, Any]] = {
    "xvector": {"features": 30, "channels": [8, 8, 8, 8, 8], "embedding": 6, "speakers": 2},
    "ecapa": {"features": 30, "channels": [8, 8, 8, 8, 24], "embedding": 6, "speakers": 2, "attention": 4},
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PIECE_UTTERANCES", 2)


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = store.build(request.param, KINDS[request.param])
    facts = {"features": {"kind": "mfcc"}, "speakers": ["a", "b"]}
    store.save(tmp_path / "model", network, kind=request.param, hyperparameters=KINDS[request.param], facts=facts)
    return tmp_path / "model"


def extract(
    data: DataDir, model: Path, out: str, *, nj: int, batch_seconds: float, padded: bool | None = None,
    device: str = "cpu",
) -> None:  # fmt: skip
    args = argparse.Namespace(
        step="test", limit=0, seed=1, force=False, device=device, nj=nj, batch_seconds=batch_seconds
    )
    parallel.map_utterances(
        args, [data], Path(out), settings={}, worker=lambda: functools.partial(EmbeddingWorker, model, padded=padded),
        arrays=("xvector",), finish=write_speaker_vectors,
    )  # fmt: skip


def contents(folder: str) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes().replace(folder.encode(), b"OUT")
        for path in Path(folder, "tiny").iterdir()
        if path.is_file() and path.name != ".done.json"
    }


@pytest.mark.parametrize("model", ["xvector"], indirect=True)
def test_same_bytes_for_any_number_of_jobs_and_batch_seconds(tiny_data: DataDir, model: Path) -> None:
    for nj, seconds in ((1, 120.0), (2, 1.0), (5, 3.0)):
        extract(tiny_data, model, f"nj{nj}", nj=nj, batch_seconds=seconds)
    one = contents("nj1")
    assert len(one) == 6 * 2 + 1 + 3  # pieces, xvector.scp, speakers
    assert contents("nj2") == one and contents("nj5") == one


@pytest.mark.parametrize("model", list(KINDS), indirect=True)
def test_padded_batches_as_on_a_gpu_give_the_same_vectors(
    tiny_data: DataDir, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(tiny_data, model, "alone", nj=1, batch_seconds=120)
    monkeypatch.setattr(parallel, "PIECE_UTTERANCES", 100)
    monkeypatch.setattr(parallel, "BATCHED", ("cpu", "cuda"))
    alone = read_scp("alone/tiny/xvector.scp")
    for seconds in (1.5, 120):
        extract(tiny_data, model, f"by{seconds}", nj=1, batch_seconds=seconds, padded=True)
        together = read_scp(f"by{seconds}/tiny/xvector.scp")
        for utterance in tiny_data.utterances:
            np.testing.assert_allclose(together[utterance], alone[utterance], rtol=1e-4, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("model", list(KINDS), indirect=True)
def test_a_gpu_gives_the_vectors_of_the_cpu(tiny_data: DataDir, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To 1e-3, whatever the batch; with TF32, as convolutions have it by default, the angle stays below 1 degree."""
    extract(tiny_data, model, "cpu", nj=1, batch_seconds=120)
    expected = read_scp("cpu/tiny/xvector.scp")
    for exact in (True, False):
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not exact)
        for seconds in (1.5, 120):
            out = f"gpu{exact}{seconds}"
            extract(tiny_data, model, out, nj=1, batch_seconds=seconds, device="cuda")
            found = read_scp(f"{out}/tiny/xvector.scp")
            for utterance in tiny_data.utterances:
                one, other = found[utterance], expected[utterance]
                if exact:
                    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
                assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > np.cos(np.pi / 180)
