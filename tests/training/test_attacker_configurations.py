"""conf/attacker: that each block is whole, and that the published ones are what was published."""

from pathlib import Path

import pytest

from pseudovox import config as configuration
from pseudovox.config import SpeakerModel
from pseudovox.training.fit import with_epochs
from pseudovox.training.schedules import rate_factor

NAMES = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "conf/attacker").glob("*.yaml"))


def attacker(name: str) -> SpeakerModel:
    return configuration.compose("mini", overrides=[f"use.attacker={name}"]).attacker


@pytest.mark.parametrize("name", NAMES)
def test_words_are_known(name: str) -> None:
    found = attacker(name)
    for training in (found.training, found.continued):
        told = with_epochs(training, batches=1540)
        assert told.keep in ("last", "best") and told.optimizer in ("adam", "adamw") and told.updates > 0
        assert 0 <= rate_factor(told, 0) <= 1
    assert found.read in ("utterances", "chunks") and found.balance in ("speakers", "chunks", "places")
    assert not (found.read == "chunks" and found.features.speech_only), "chunks of one length need all frames"


@pytest.mark.parametrize(
    ("name", "channels", "balance", "last_rate"),
    [("vpc2024", [512] * 4 + [1536], "chunks", 2.37e-3), ("spane", [1024] * 4 + [3072], "places", 2.37e-4)],
)
def test_published_attackers(name: str, channels: list[int], balance: str, last_rate: float) -> None:
    found = attacker(name)
    assert (found.kind, found.channels, found.embedding, found.attention) == ("ecapa", channels, 192, 128)
    assert (found.loss, found.margin, found.scale, found.chunk_min, found.chunk_max) == ("aam", 0.2, 30.0, 3.0, 3.0)
    assert (found.features.kind, found.features.bins, found.features.speech_only) == ("speechbrain", 80, False)
    assert (found.held_out_every, found.copies, found.balance) == (10, 0, balance)
    training = with_epochs(found.training, batches=1540)  # LibriSpeech train-clean-360 in 3 s chunks by 256
    assert (training.updates, training.batch_size, training.weight_decay) == (15_400, 256, 2e-6)
    assert training.learning_rate * rate_factor(training, 15_399) == pytest.approx(last_rate, rel=3e-3)
