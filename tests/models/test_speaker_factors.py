"""Speaker factors: recovered from made-up speakers, taken off what they say; nothing of a phone that is not said."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pseudovox.components.content import Extractor
from pseudovox.core.errors import DataError
from pseudovox.models import store
from pseudovox.models.bottleneck import BottleneckNetwork
from pseudovox.models.speaker_factors import FRAME_WEIGHT, SpeakerFactors, posterior_means
from pseudovox.training import speaker_factors

PHONES, DIMENSION, FACTORS, SPEAKERS, FRAMES = 5, 12, 2, 80, 400


def made_up() -> tuple[list[tuple[str, torch.Tensor, torch.Tensor]], torch.Tensor, torch.Tensor]:
    """Utterances of speakers, one each, their true factors and the loadings of these."""
    draw = torch.Generator().manual_seed(1)
    means = torch.randn(PHONES, DIMENSION, generator=draw)
    loadings = 0.5 * torch.randn(PHONES, DIMENSION, FACTORS, generator=draw)
    true = torch.randn(SPEAKERS, FACTORS, generator=draw)
    utterances = []
    for number in range(SPEAKERS):
        phones = torch.randint(PHONES, (FRAMES,), generator=draw)
        centres = (means + loadings @ true[number])[phones]
        content = centres + 0.7 * torch.randn(FRAMES, DIMENSION, generator=draw)
        utterances.append((f"s{number}", content, torch.nn.functional.one_hot(phones, PHONES).float()))
    return utterances, true, loadings


def test_factors_of_made_up_speakers_are_found_and_removed() -> None:
    utterances, true, loadings = made_up()
    model = SpeakerFactors(PHONES, DIMENSION, FACTORS)
    figures = speaker_factors.fit(model, speaker_factors.gather(utterances), seed=1)
    assert figures["speaker_offsets"] > 0.3 and figures["speaker_offsets_left"] < 0.02
    # The same offsets, in some basis: both span the same space, and the prior has the same scale.
    expected, found = (one.reshape(-1, FACTORS).double() for one in (loadings, model.loadings))
    cosines = torch.linalg.svdvals(torch.linalg.qr(expected)[0].T @ torch.linalg.qr(found)[0])
    assert cosines.min() > 0.99
    spread = [torch.linalg.svdvals(one) for one in (expected, found)]
    assert torch.allclose(spread[0], spread[1], rtol=0.3)
    estimated = torch.stack([model.estimate(content, posteriors) for _, content, posteriors in utterances])
    fitted = torch.linalg.lstsq(estimated, true.double()).solution
    assert (estimated @ fitted - true).square().mean() < 0.05

    def offsets(frames: list[torch.Tensor]) -> float:
        sums = torch.stack([posteriors.T @ one for one, (_, _, posteriors) in zip(frames, utterances, strict=True)])
        counts = torch.stack([posteriors.sum(0) for _, _, posteriors in utterances])[:, :, None]
        return float((sums / counts).var(0).mean())

    norm = torch.nn.functional.layer_norm
    before = [norm(content, (DIMENSION,)) for _, content, _ in utterances]
    after = [model.remove(content, posteriors) for _, content, posteriors in utterances]
    assert offsets(after) < 0.15 * offsets(before)


def test_one_factor_by_hand() -> None:
    # One phone, one number, one factor: mean 1, variance 4, loading 2, and eight frames of 3. By Bayes' rule
    # precision 1 + 8 w 2^2 / 4 and mean precision^-1 w 8 (3 - 1) 2 / 4, where w is the weight of a frame.
    counts, sums = torch.tensor([[8.0]]) * FRAME_WEIGHT, torch.tensor([[[16.0]]]) * FRAME_WEIGHT
    found, covariance = posterior_means(counts, sums, torch.tensor([[[2.0]]]), torch.tensor([[4.0]]))
    precision = 1 + 8 * FRAME_WEIGHT
    assert math.isclose(float(found), 8 * FRAME_WEIGHT / precision, rel_tol=1e-6)
    assert math.isclose(float(covariance), 1 / precision, rel_tol=1e-6)
    model = SpeakerFactors(1, 1, 1)
    model.means.fill_(1.0), model.variances.fill_(4.0), model.loadings.fill_(2.0)
    assert torch.allclose(model.estimate(torch.full((8, 1), 3.0), torch.ones(8, 1)), found[0].double())
    assert model.estimate(torch.zeros(0, 1), torch.zeros(0, 1)).tolist() == [0.0]


def test_long_utterances_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    utterances, _, loadings = made_up()
    model = SpeakerFactors(PHONES, DIMENSION, FACTORS)
    model.loadings.copy_(loadings)
    _, content, posteriors = utterances[0]
    whole = model.remove(content, posteriors)
    monkeypatch.setattr("pseudovox.models.speaker_factors.FRAMES", 7)
    assert torch.allclose(model.remove(content, posteriors), whole, atol=1e-5)


def test_too_few_speakers_and_a_phone_that_nobody_says() -> None:
    utterances, _, _ = made_up()
    unsaid = [(name, content, torch.nn.functional.pad(posteriors, (0, 1))) for name, content, posteriors in utterances]
    model = SpeakerFactors(PHONES + 1, DIMENSION, FACTORS)
    speaker_factors.fit(model, speaker_factors.gather(unsaid), seed=1)
    assert all(bool(buffer.isfinite().all()) for buffer in model.buffers())
    assert model.loadings[-1].abs().max() < 1e-3
    with pytest.raises(DataError, match="2 training speakers: too few for 2 speaker factors"):
        speaker_factors.fit(model, speaker_factors.gather(unsaid[:2]), seed=1)


def test_what_the_extractor_gives(tmp_path) -> None:
    torch.manual_seed(1)
    shape = {
        "bins": 8, "phones": 5, "channels": 16, "factor": 0, "dilations": [1], "stride": 2, "dimension": 6, "codes": 0,
        "speaker_factors": 2,
    }  # fmt: skip
    network = BottleneckNetwork(**shape).eval()
    factors = network.speaker_factors
    assert factors is not None
    store.save(tmp_path / "none", network, kind="bottleneck", hyperparameters=shape, facts={"floor_decibels": 45.0})
    factors.loadings.normal_()
    store.save(tmp_path / "some", network, kind="bottleneck", hyperparameters=shape, facts={"floor_decibels": 45.0})
    samples = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    plain, freed = (Extractor(tmp_path / name)(samples) for name in ("none", "some"))
    assert plain.shape == freed.shape == (50, 6) and freed.dtype == np.float32
    assert not np.allclose(plain, freed, atol=0.1)
    assert np.allclose(freed.mean(1), 0, atol=1e-5) and np.allclose(freed.var(1), 1, atol=1e-3)
