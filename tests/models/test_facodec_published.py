"""FACodec's released weights: encode to decode as the equations say, on random ones; what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import facodec_layout as layout
import pytest
import torch

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.models.facodec import published

NAMES = ("encoder", "decoder", "redecoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layout.write(tmp_path_factory.mktemp("facodec"))


def weights_of(folder: Path, name: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / f"ns3_facodec_{name}.bin", weights_only=True)
    return found


def test_encode_and_decode_as_the_equations_say(folder: Path) -> None:
    encoder, decoder, redecoder = (weights_of(folder, name) for name in NAMES)
    network, hyperparameters, facts = published.read(*published.files_of(str(folder)))
    assert hyperparameters["ratios"] == layout.RATIOS and facts["level"] is None
    wave = 0.3 * torch.randn(30 * layout.HOP)
    vectors = layout.encode(encoder, wave)
    with torch.no_grad():
        found = network.factorise(wave[None, :, None])
        torch.testing.assert_close(network.encode(wave[None, :, None])[0], vectors, atol=1e-4, rtol=1e-4)
    prosody, first = layout.levels(decoder, 0, 1, vectors)
    content, second = layout.levels(decoder, 1, 2, vectors)
    detail, third = layout.levels(decoder, 2, 3, vectors - prosody - content)
    codes = torch.stack([*first, *second, *third], 1)
    assert torch.equal(found.codes[0], codes)
    timbre = layout.transform(decoder, "timbre_encoder", vectors).mean(0)
    torch.testing.assert_close(found.timbre[0], timbre, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        spoken = network.decode(found.prosody + found.content + found.detail, found.timbre)[0, :, 0]
    expected = layout.decode(decoder, prosody + content + detail, timbre)
    torch.testing.assert_close(spoken, expected, atol=1e-3, rtol=1e-3)
    assert 0.01 < float(expected.std()) and float(expected.abs().max()) < 1

    again, _, _ = published.read_redecoder(folder / "ns3_facodec_redecoder.bin")
    voice = torch.randn(layout.DIMENSION)
    told = layout.transform(redecoder, "timbre_cond_prosody_enc", redecoder["prosody_embs.0.weight"][first[0]], voice)
    told = told + sum(redecoder[f"content_embs.{level}.weight"][second[level]] for level in range(2))
    with torch.no_grad():
        vectors = again.vectors(found.codes, voice[None])
        spoken = again.decode(vectors, voice[None])[0, :, 0]
    torch.testing.assert_close(vectors[0], told, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(spoken, layout.decode(redecoder, told, voice), atol=1e-3, rtol=1e-3)


def test_projections_may_be_convolutions_over_one_frame(folder: Path, tmp_path: Path) -> None:
    decoder = weights_of(folder, "decoder")
    changed = {
        name: value[..., None] if re.search(r"(in|out)_proj\.weight_[gv]$", name) and "quantizer" in name else value
        for name, value in decoder.items()
    }
    torch.save(changed, tmp_path / "decoder.bin")
    encoder = folder / "ns3_facodec_encoder.bin"
    one, other = (
        published.read(encoder, path)[0].state_dict()
        for path in (folder / "ns3_facodec_decoder.bin", tmp_path / "decoder.bin")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def _without(weights: dict[str, torch.Tensor], name: str) -> None:
    del weights[name]


CHANGES: dict[str, tuple[str, Callable[[dict[str, torch.Tensor]], Any], str]] = {
    "a missing weight": ("decoder", lambda weights: _without(weights, "timbre_linear.bias"), "style.bias"),
    "an unknown one": ("decoder", lambda weights: weights.update(tail=torch.zeros(1)), "unknown, e.g. that of tail"),
    "another shape": (
        "decoder", lambda weights: weights.update({"timbre_linear.bias": torch.zeros(3)}), "expected \\(32,\\)",
    ),
    "no number": (
        "encoder", lambda weights: weights["block.0.bias"].fill_(float("nan")), "encoder.first.bias holds NaN",
    ),
    "another filter": (
        "encoder", lambda weights: weights["block.3.upsample.filter"].fill_(1.0), "another filter",
    ),
    "other positions": (
        "decoder", lambda weights: weights["timbre_encoder.position_emb.pe"].fill_(1.0), "position 0",
    ),
    "half of a weight": (
        "encoder", lambda weights: _without(weights, "block.0.weight_g"), "block.0.weight_g is missing",
    ),
    "no encoder": ("encoder", lambda weights: weights.clear(), "expected 1 and those behind"),
    "a redecoder without a transformer": (
        "redecoder",
        lambda weights: [weights.pop(name) for name in list(weights) if name.startswith("timbre_cond")],
        "0 transformers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_is_named(name: str, folder: Path, tmp_path: Path) -> None:
    which, change, told = CHANGES[name]
    for own in NAMES:
        weights = weights_of(folder, own)
        if own == which:
            change(weights)
        torch.save(weights, tmp_path / f"ns3_facodec_{own}.bin")
    with pytest.raises(DataError, match=told) as error:
        published.read(*published.files_of(str(tmp_path)))
        published.read_redecoder(tmp_path / "ns3_facodec_redecoder.bin")
    assert f"ns3_facodec_{which}.bin" in error.value.message and "local/download.py FACODEC_" in error.value.hint


def test_files_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingModelError, match=r"ns3_facodec_encoder\.bin"):
        published.files_of()
