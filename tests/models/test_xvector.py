"""x-vector and ECAPA networks: sizes, pooling, margin, padding, and files."""

import math
from pathlib import Path

import pytest
import torch

from pseudovox.models import store, xvector

SMALL = {"features": 8, "channels": [16, 16, 16, 16, 24], "embedding": 12, "speakers": 5}
KINDS = [("xvector", "softmax"), ("xvector", "aam"), ("ecapa", "aam")]


def small(kind: str, loss: str) -> torch.nn.Module:
    torch.manual_seed(1)
    return store.build(kind, {**SMALL, "loss": loss})


def test_real_size_is_snyders() -> None:
    network = xvector.XvectorNetwork(30, [512, 512, 512, 512, 1500], 512, 7323)
    convolutions = sum(p.numel() for name, p in network.frame_layers.named_parameters() if name.endswith("0.weight"))
    assert convolutions == 5 * 30 * 512 + 2 * 3 * 512 * 512 + 512 * 512 + 512 * 1500
    assert network.embedding.weight.shape == (512, 3000)


def test_receptive_field() -> None:
    network = small("xvector", "aam").eval()
    assert network.frame_layers(torch.zeros(1, 8, 15)).shape == (1, 24, 1)
    # A change of frame 0 reaches just the first output.
    frames = torch.randn(1, 8, 40)
    changed = frames.clone()
    changed[..., 0] += 1
    difference = (network.frame_layers(frames) - network.frame_layers(changed)).abs().sum(1)[0]
    assert difference[0] > 0 and not difference[1:].any()


@pytest.mark.parametrize(("kind", "loss"), KINDS)
def test_shapes_and_gradients(kind: str, loss: str) -> None:
    network = small(kind, loss)
    embedding, logits = network(torch.randn(4, 40, 8), torch.tensor([0, 1, 2, 3]))
    assert embedding.shape == (4, 12) and logits.shape == (4, 5)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(("kind", "loss"), KINDS)
def test_padding_changes_nothing(kind: str, loss: str) -> None:
    network = small(kind, loss).eval()
    short, long = torch.randn(30, 8), torch.randn(50, 8)
    padded = torch.nn.utils.rnn.pad_sequence([short, long], batch_first=True)
    padded[0, 30:] = 7.0
    together = network.embed(padded, torch.tensor([30, 50]))
    alone = torch.cat([network.embed(short[None]), network.embed(long[None])])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_statistics_by_hand() -> None:
    frames = torch.tensor([[[1.0, 3.0, 100.0]]])
    mask = torch.tensor([[[1.0, 1.0, 0.0]]])
    torch.testing.assert_close(xvector.masked_statistics(frames, mask), torch.tensor([[2.0, 1.0]]))
    torch.testing.assert_close(xvector.masked_statistics(frames[..., :2], None), torch.tensor([[2.0, 1.0]]))
    weights = torch.tensor([[[0.75, 0.25]]])
    expected = torch.tensor([[1.5, math.sqrt(0.75)]])
    torch.testing.assert_close(xvector.masked_statistics(frames[..., :2], None, weights), expected)


def test_margin_widens_the_own_angle() -> None:
    head = xvector.AngularMarginHead(2, 2, margin=0.2, scale=10.0)
    head.directions.data = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    angle = 0.5
    embedding = 4 * torch.tensor([[math.cos(angle), math.sin(angle)]])
    torch.testing.assert_close(head(embedding), 10 * torch.tensor([[math.cos(angle), math.sin(angle)]]))
    widened = head(embedding, torch.tensor([0]))
    torch.testing.assert_close(widened, 10 * torch.tensor([[math.cos(angle + 0.2), math.sin(angle)]]))


def test_margin_falls_all_the_way() -> None:
    head = xvector.AngularMarginHead(2, 1, margin=0.5, scale=1.0)
    head.directions.data = torch.tensor([[1.0, 0.0]])
    angles = torch.linspace(0.01, math.pi - 0.01, 200)
    logits = head(torch.stack([angles.cos(), angles.sin()], 1), torch.zeros(200, dtype=torch.int64))
    assert (logits.diff(dim=0) < 0).all()


def test_files_hold_the_network(tmp_path: Path) -> None:
    network = small("ecapa", "aam").eval()
    store.save(tmp_path, network, kind="ecapa", hyperparameters={**SMALL, "loss": "aam"}, facts={"speakers": ["a"]})
    loaded, facts = store.load(tmp_path, *store.speaker_networks())
    frames = torch.randn(1, 30, 8)
    assert torch.equal(loaded.embed(frames), network.embed(frames)) and facts == {"speakers": ["a"]}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("xvector", {"loss": "cosine"}), ("xvector", {"channels": [8, 8]}), ("ecapa", {"channels": [8, 8, 8, 16, 24]})],
)
def test_bad_hyperparameters(kind: str, changes: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        store.build(kind, {**SMALL, **changes})
