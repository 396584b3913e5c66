"""The network of text to speech: what its frames depend on, in both sizes and all fusions."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pseudovox import config, stage
from pseudovox.anonymize.sttts.options import Blocks, Convolutions, Options, Tts
from pseudovox.core.errors import UsageError
from pseudovox.models import store
from pseudovox.models.text_to_speech import TextToSpeech
from pseudovox.training.text_to_speech import hyperparameters_of

SMALL = Convolutions(hidden=8, kernel=3, layers=1)


def options(blocks: str = "conv", **given: Any) -> Tts:
    encoder = Blocks(blocks=blocks, channels=16, kernel=3, layers=1, heads=2, hidden=16)
    decoder = Blocks(blocks=blocks, channels=16, kernel=3, layers=1, dilations=[1, 2], heads=2, hidden=16)
    return Tts(
        coefficients=5, encoder=encoder, decoder=decoder, duration=SMALL, pitch=SMALL, energy=SMALL, speaker=4,
        dropout=0.1, **given,
    )  # fmt: skip


def network(own: Tts, emotion: int = 0) -> TextToSpeech:
    torch.manual_seed(1)
    made: Any = store.build("text_to_speech", hyperparameters_of(own, 6, emotion))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()  # type: ignore[no-any-return]


def frames(
    made: TextToSpeech, lengths: list[list[int]], emotion: torch.Tensor | None = None, pitch: float = 1.0,
    start: int = 0, length: int = 0,
) -> torch.Tensor:  # fmt: skip
    """Of utterances that are the same phones as far as they go."""
    width = max(len(row) for row in lengths)
    generator = torch.Generator().manual_seed(2)
    phones = torch.rand((1, width, made.articulation[0].in_features), generator=generator).repeat(len(lengths), 1, 1)
    durations = torch.tensor([row + [0] * (width - len(row)) for row in lengths])
    mask = durations > 0
    voice = torch.rand((1, 6), generator=generator).repeat(len(lengths), 1)
    speaker = made.speaker(voice, emotion)
    hidden = made.encode(phones, mask, speaker)
    ones = mask.float()
    return made.refined(
        made.decode(
            hidden, durations, pitch * ones, ones, speaker, emotion, torch.full((len(lengths),), start),
            length or int(durations.sum(1).max()),
        )
    )  # fmt: skip


@pytest.mark.parametrize("blocks", ["conv", "conformer"])
@pytest.mark.parametrize("target", ["world", "mel"])
def test_a_batch_changes_nothing(blocks: str, target: str) -> None:
    made = network(options(blocks, target=target, postnet=Convolutions(hidden=8, kernel=3, layers=2)))
    with torch.no_grad():
        alone, together = frames(made, [[3, 4]]), frames(made, [[3, 4], [2, 2]])
        other = frames(made, [[2, 2], [3, 4]])
    assert alone.shape == (1, 7, 8 if target == "world" else 80)
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(other[1:], alone, rtol=1e-4, atol=1e-5)


def test_a_stretch_with_its_context_is_that_of_the_whole() -> None:
    made = network(options(postnet=Convolutions(hidden=8, kernel=3, layers=2)))
    assert made.context == 1 + 2 + 1 + 1 and network(options("conformer")).context == -1
    with torch.no_grad():
        whole, part = frames(made, [[10, 10, 10]]), frames(made, [[10, 10, 10]], start=5, length=15)
    torch.testing.assert_close(part[:, 5:10], whole[:, 10:15], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fusion", ["add", "concat", "condnorm"])
def test_the_emotion_is_heard(fusion: str) -> None:
    made = network(options(fusion=fusion), emotion=3)
    with torch.no_grad():
        one, other = (frames(made, [[3, 4]], emotion=torch.full((1, 3), value)) for value in (0.0, 1.0))
    assert (one - other).abs().max() > 1e-3
    with pytest.raises(ValueError, match="was given none"):
        frames(made, [[3, 4]])


def test_the_emotion_scales_nothing_at_first() -> None:
    made: Any = store.build("text_to_speech", hyperparameters_of(options(fusion="condnorm"), 6, 3))
    assert not made.scale.weight.any() and not made.scale.bias.any()


def test_prosody_is_heard_and_expected() -> None:
    made = network(options())
    with torch.no_grad():
        assert (frames(made, [[3, 4]]) - frames(made, [[3, 4]], pitch=1.4)).abs().max() > 1e-3
        hidden = made.encode(
            torch.rand(2, 5, made.articulation[0].in_features), torch.ones(2, 5).bool(), torch.rand(2, 4)
        )
        assert {part.shape for part in made.expected(hidden, torch.ones(2, 5).bool())} == {(2, 5)}


def test_published_sizes_are_built_and_run() -> None:
    own = stage.own_options(config.compose("own", system="sttts", overrides=["use.tts=b3"]), Options).tts
    own.check()
    with torch.device("meta"):
        made: Any = store.build("text_to_speech", hyperparameters_of(own, 128, 0))
    count = sum(parameter.numel() for parameter in made.parameters())
    assert 30e6 < count < 70e6 and made.envelope == 80


def test_words_that_are_none() -> None:
    for wrong in (
        Tts(target="wave"),
        Tts(fusion="multiply"),
        Tts(encoder=Blocks(blocks="lstm")),
        Tts(decoder=Blocks()),
    ):
        with pytest.raises(UsageError, match=r"system\.options\.tts\."):
            wrong.check()


def test_phones_told_by_conformers() -> None:
    torch.manual_seed(1)
    made: Any = store.build(
        "phone_predictor",
        {"inputs": 6, "phones": 5, "hidden": 8, "conformers": 1, "heads": 2, "feedforward": 8, "kernel": 3},
    ).eval()
    frames = torch.randn(1, 9, 6)
    padded = torch.cat([frames, torch.ones(1, 4, 6)], 1)
    mask = torch.arange(13)[None] < 9
    with torch.no_grad():
        torch.testing.assert_close(made(padded, mask)[:, :9], made(frames), rtol=1e-4, atol=1e-5)
    assert made.most_likely(frames[0]).shape == (9,)
    own = stage.own_options(
        config.compose("own", system="sttts", overrides=["use.phones=branchformer"]), Options
    ).phones
    sizes = {name: getattr(own, name) for name in ("hidden", "conformers", "heads", "feedforward", "kernel")}
    with torch.device("meta"):
        large: Any = store.build("phone_predictor", {"inputs": 512, "phones": 40, **sizes})
    assert 80e6 < sum(parameter.numel() for parameter in large.parameters()) < 150e6
