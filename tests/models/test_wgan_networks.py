"""The networks of WGAN-QC: shapes and sizes as published, and sides that cannot be."""

import pytest
import torch

from pseudovox.models.wgan import Block, Critic, Generator


def test_shapes_of_the_published_sizes() -> None:
    generator, critic = Generator(192), Critic(192)
    vectors = generator(torch.randn(5, 16))
    assert vectors.shape == (5, 192) and critic(vectors).shape == (5,)
    assert [tuple(layer.weight.shape) for layer in (generator.unfold[0], generator.vector)] == [(256, 16), (192, 192)]
    widths = [(block.residual[0].in_channels, block.residual[-2].out_channels)
              for block in generator.blocks if isinstance(block, Block)]  # fmt: skip
    assert widths == [(16, 16), (16, 8), (8, 8)]
    assert (generator.picture[0].in_channels, generator.picture[0].out_channels) == (8, 3)
    inner = [(block.residual[0].in_channels, block.residual[-1].out_channels)
             for block in critic.blocks if isinstance(block, Block)]  # fmt: skip
    assert inner == [(8, 8), (8, 16), (16, 16)]
    assert critic.potential.in_features == 256
    assert not [layer for layer in critic.modules() if "BatchNorm" in type(layer).__name__]


def test_a_block_adds_a_tenth() -> None:
    block = Block(2, 2, normalised=False)
    pictures = torch.rand(1, 2, 4, 4)
    for layer in block.residual:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.dirac_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    torch.testing.assert_close(block(pictures), 1.1 * pictures)


def test_each_vector_for_itself_once_trained() -> None:
    generator = Generator(10).eval()
    noise = torch.randn(6, 16)
    torch.testing.assert_close(generator(noise)[:2], generator(noise[:2]))


@pytest.mark.parametrize(("side", "fits"), [(4, True), (8, True), (16, True), (2, False), (12, False)])
def test_sides(side: int, fits: bool) -> None:
    if fits:
        assert Critic(7, side)(Generator(7, 3, side)(torch.randn(4, 3))).shape == (4,)
    else:
        with pytest.raises(ValueError, match=r"expected 4 times a power of two"):
            Generator(7, 3, side)
