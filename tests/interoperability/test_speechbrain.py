"""ECAPA-TDNNs go to SpeechBrain and come from it: the same recording has the same embedding on both sides."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.components.embeddings import Embedder
from pseudovox.data import features
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir
from pseudovox.models import speechbrain as layout
from pseudovox.models import store

Program = Callable[..., "subprocess.CompletedProcess[str]"]
SIZES = {"features": 80, "channels": [16, 16, 16, 16, 24], "embedding": 12, "speakers": 3, "attention": 4, "groups": 4}
FEATURES = {"kind": "speechbrain", "bins": 80, "low": 0.0, "high": 8000.0, "window": 100_000, "speech_only": False}


def our_model(folder: Path, **facts: object) -> torch.nn.Module:
    """A random ECAPA-TDNN of ours in a model dir, its normalisations as if it had been trained."""
    torch.manual_seed(3)
    network = store.build("ecapa", SIZES)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.3)
        elif name.endswith("running_var"):
            buffer.uniform_(0.2, 2.0)
    known = {"speakers": ["ann", "b'ob", "zoë"], "features": FEATURES, **facts}
    store.save(folder, network, kind="ecapa", hyperparameters=SIZES, facts=known)
    return network.eval()


def test_every_weight_has_its_name_there_and_back(tmp_path: Path) -> None:
    network = our_model(tmp_path / "model")
    layout.write_folder(tmp_path, network.state_dict(), SIZES, ["ann", "b'ob", "zoë"])
    back, hyperparameters, facts = layout.read_folder(tmp_path)
    assert hyperparameters == {**SIZES, "loss": "aam"} and facts["speakers"] == ["ann", "b'ob", "zoë"]
    assert {key: facts["features"][key] for key in FEATURES} == FEATURES
    for name, weight in network.state_dict().items():
        assert torch.equal(back.state_dict()[name], weight), name


def test_a_folder_that_is_none(tmp_path: Path, program: Program, tiny_data: DataDir) -> None:
    missing = program("steps/import_xvector.py", tmp_path, "out")
    assert missing.returncode == 4 and "no embedding_model.ckpt here" in missing.stderr
    torch.save({"weight": torch.zeros(3)}, tmp_path / layout.EMBEDDING)
    other = program("steps/import_xvector.py", tmp_path, "out")
    assert other.returncode == 3 and "not the weights of SpeechBrain's ECAPA_TDNN" in other.stderr
    (tmp_path / layout.EMBEDDING).write_bytes(b"hello")
    assert "cannot be read as weights" in program("steps/import_xvector.py", tmp_path, "out").stderr
    our_model(tmp_path / "kaldi", features={**FEATURES, "kind": "fbank"})
    refused = program("steps/export_xvector.py", "kaldi", "out")
    assert refused.returncode == 3 and "features (fbank" in refused.stderr and "Traceback" not in refused.stderr


def test_same_features_and_embeddings_in_both(tiny_data: DataDir, program: Program) -> None:
    """Exported, loaded by SpeechBrain from its folder, and imported again: what all three make of a signal is equal."""
    if importlib.util.find_spec("speechbrain") is None:
        pytest.skip("speechbrain is not installed: utils/install.sh interoperability")
    our_model(Path("model"))
    for step, *arguments in (("export", "model", "theirs"), ("import", "theirs", "back")):
        done = program(f"steps/{step}_xvector.py", *arguments)
        assert done.returncode == 0, done.stderr
    signals = {utterance: load(tiny_data, utterance) for utterance in tiny_data.utterances}
    draw = np.random.default_rng(1)
    for samples in (1, 159, 160, 16001):  # 0.1 s of noise and digital silence
        signals[f"{samples}"] = (0.1 * draw.standard_normal(samples) * (np.arange(samples) < 1600)).astype(np.float32)
    np.savez("signals.npz", **signals)
    client = [
        sys.executable,
        str(Path(__file__).with_name("speechbrain_client.py")),
        "theirs",
        "signals.npz",
        "out.npz",
    ]
    done = subprocess.run(client, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    names = {"0": "ann", "1": "b'ob", "2": "zoë"}
    assert json.loads(done.stdout.splitlines()[-1])["labels"] == names
    assert json.loads(Path("back/model.json").read_text())["facts"]["speakers"] == list(names.values())
    ours, back = Embedder(Path("model")), Embedder(Path("back"))
    with np.load("out.npz") as theirs:
        for name, samples in signals.items():
            np.testing.assert_allclose(features.decibel_fbank(samples), theirs[f"features/{name}"], atol=2e-3)
            if f"embedding/{name}" in theirs:
                [embedding], [again] = ours([samples]), back([samples])
                np.testing.assert_allclose(embedding, theirs[f"embedding/{name}"], rtol=1e-3, atol=1e-4)
                np.testing.assert_array_equal(embedding, again)
        assert len(theirs.files) == 2 * len(signals) - 3


def test_padded_batches_are_as_one_by_one() -> None:
    """Where SpeechBrain mirrors a batch's padded end, each utterance here is mirrored at its own."""
    torch.manual_seed(0)
    network = store.build("ecapa", SIZES).eval()
    frames = [torch.randn(length, 80) for length in (30, 47)]
    padded = torch.nn.utils.rnn.pad_sequence(frames, batch_first=True, padding_value=9.0)
    together = network.embed(padded, torch.tensor([30, 47]))
    for number, alone in enumerate(frames):
        torch.testing.assert_close(together[number], network.embed(alone[None])[0], atol=1e-5, rtol=1e-4)
