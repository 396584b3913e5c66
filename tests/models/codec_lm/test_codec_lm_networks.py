"""The networks of the codec language model: the cache, the layouts, the small codec."""

from __future__ import annotations

import pytest
import torch

from pseudovox.models.codec_lm.coarse import AlignedCoarse, Row, WindowedCoarse
from pseudovox.models.codec_lm.fine import Fine
from pseudovox.models.codec_lm.transformer import Transformer
from pseudovox.models.codec_lm.units import CentroidUnits, RecurrentUnits
from pseudovox.models.codec_lm.world_codec import WorldCodec

ALIGNED = {
    "units": 11, "codes": 8, "width": 16, "heads": 2, "layers": 2, "positions": 40, "history": 20, "window": 8,
    "frame_rate": 50.0, "reach": 2, "prompt_frames": 5,
}  # fmt: skip
WINDOWED = {
    "vocabulary": 40, "units": 11, "pad": 30, "infer": 31, "unit_window": 6, "codes": 8, "width": 16, "heads": 2,
    "layers": 2, "positions": 40, "history": 20, "window": 8, "frame_rate": 75.0, "unit_rate": 49.9,
}  # fmt: skip


@pytest.mark.parametrize("causal", [True, False])
def test_padding_on_the_left_changes_nothing(causal: bool) -> None:
    torch.manual_seed(0)
    network = Transformer(16, 2, 2, causal=causal).eval()
    row = torch.randn(1, 7, 16)
    padded = torch.cat([torch.randn(1, 3, 16), row], 1)
    found = network(padded, torch.tensor([3]))[:, 3:]
    torch.testing.assert_close(found, network(row), rtol=1e-5, atol=1e-5)


def test_cache_gives_what_a_whole_pass_gives() -> None:
    torch.manual_seed(0)
    network = Transformer(16, 4, 3, causal=True).eval()
    hidden = torch.randn(2, 9, 16)
    padding = torch.tensor([0, 2])
    cache = network.cache(2, 9)
    parts = [network(hidden[:, first:last], padding, cache) for first, last in ((0, 4), (4, 5), (5, 8), (8, 9))]
    whole = network(hidden, padding)
    torch.testing.assert_close(torch.cat(parts, 1)[0], whole[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(torch.cat(parts, 1)[1, 2:], whole[1, 2:], rtol=1e-5, atol=1e-5)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="3 heads do not divide"):
        Transformer(16, 3, 1, causal=True)


def test_aligned_training_pass_is_what_generation_sees() -> None:
    """Logits of a token by `forward` are those by `context`, `ahead` and `embedded`, one after the other."""
    torch.manual_seed(0)
    network = AlignedCoarse(**ALIGNED).eval()
    torch.nn.init.normal_(network.of_book)
    units, codes = torch.randint(11, (1, 6)), torch.randint(8, (1, 6, 2))
    whole = network(units, codes)[0].reshape(12, 8)
    tokens = codes.reshape(-1)
    row = Row(units[0], tokens[:4], 0, 0)
    context = network.context(row)[None]
    ahead = network.ahead([row], torch.tensor([context.shape[1]]))
    for step in range(8):
        hidden = network.transformer(context)[:, -1]
        logits = network.logits(hidden, step % 2)[0]
        torch.testing.assert_close(logits, whole[4 + step], rtol=1e-4, atol=1e-5)
        new = network.embedded(tokens[4 + step : 5 + step], step % 2) + ahead[:, step]
        context = torch.cat([context, new[:, None]], 1)


def test_no_token_sees_those_behind_it() -> None:
    torch.manual_seed(0)
    network = AlignedCoarse(**ALIGNED).eval()
    units, codes = torch.randint(11, (1, 6)), torch.randint(8, (1, 6, 2))
    other = codes.clone()
    other[0, 3, 1] = (other[0, 3, 1] + 1) % 8
    one, two = network(units, codes)[0], network(units, other)[0]
    torch.testing.assert_close(one[:4], two[:4])
    assert not torch.allclose(one[4], two[4])


def test_windowed_context_has_units_sign_and_past_tokens() -> None:
    network = WindowedCoarse(**WINDOWED).eval()
    assert network.ratio == pytest.approx(3.006, abs=1e-3)
    assert network.unit_history == 6
    tokens = torch.arange(8)
    row = Row(torch.arange(9), tokens, 2, 4)
    context = network.context(row)
    assert len(context) == 6 + 1 + 8
    # 4 tokens beyond the prompt are 1.33 units: the current one is number 3, and those from 0 on are shown
    numbers = [0, 1, 2, 3, 4, 5, 31, *(11 + (k if k % 2 == 0 else k + 8) for k in range(8))]
    torch.testing.assert_close(context, network.embed.weight[numbers] + network.positions.weight[:15])


def test_windowed_prompt_is_even_and_ends_before_the_last_frame() -> None:
    network = WindowedCoarse(**WINDOWED)
    units, tokens = network.prompt(torch.arange(9), torch.arange(28).reshape(14, 2))
    assert units.tolist() == [3, 4, 5, 6, 7, 8]
    assert tokens.tolist() == list(range(10, 26))  # 6 units are 18 tokens, without the last frame


@pytest.mark.parametrize(
    "change", [{"positions": 20}, {"pad": 26}, {"history": 3}, {"window": 0}], ids=lambda change: next(iter(change))
)
def test_sizes_that_do_not_go_together(change: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        WindowedCoarse(**{**WINDOWED, **change})


def test_fine_sees_no_codebook_above_its_own() -> None:
    torch.manual_seed(0)
    network = Fine(
        codes=8, vocabulary=9, books=4, given=1, coarse=2, width=16, heads=2, layers=1, context=10, history=5, units=11
    ).eval()  # fmt: skip
    codes, units = torch.randint(8, (1, 10, 4)), torch.randint(11, (1, 10))
    other = codes.clone()
    other[:, :, 3] = 8
    torch.testing.assert_close(network(codes, 2, units), network(other, 2, units))
    assert network(codes, 3, units).shape == (1, 10, 8)


def test_units() -> None:
    torch.manual_seed(0)
    network = CentroidUnits(inputs=3, units=5)
    network.mean.fill_(1.0)
    network.deviation.fill_(2.0)
    assert network(network.centroids * 2 + 1).tolist() == [0, 1, 2, 3, 4]
    assert RecurrentUnits(inputs=3, hidden=4, layers=2, units=7)(torch.randn(6, 3)).shape == (6,)


def test_codec_gives_back_its_codewords() -> None:
    torch.manual_seed(0)
    codec = WorldCodec(inputs=6, latent=6, codes=8, codebooks=3, width=4)
    codec.mean.normal_()
    codec.weight.uniform_(0.5, 2)
    codes = torch.randint(8, (5, 1))
    frames = codec.decode(codes)
    assert torch.equal(codec.encode(frames)[:, :1], codes)
    assert codec(torch.randint(8, (2, 5, 2))).shape == (2, 5, 6)
