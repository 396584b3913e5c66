"""What models of Whisper are called; and, where PSEUDOVOX_WHISPER names a folder of one, what it hears.

Speech is of ../shared/corpora, where that is.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from pseudovox.config import Judges
from pseudovox.core.errors import UsageError
from pseudovox.evaluation import judges
from pseudovox.evaluation.judges import whisper
from pseudovox.evaluation.judges.transcript import words

CORPUS = Path(__file__).resolve().parents[4] / "shared/corpora/LibriSpeech/test-other"


def test_names() -> None:
    assert whisper.label("large-v3") == "large-v3" and whisper.label("models/faster-whisper-small/") == "small"
    assert [judge.name for judge in judges.asked(Judges(whisper=[]))].count("whisper-base.en") == 0
    asked = judges.asked(Judges(whisper=["small", "a/large-v3"], language="fr"))
    assert [(judge.model, judge.language) for judge in asked if judge.family == "whisper"] == [
        ("small", "fr"), ("a/large-v3", "fr")
    ]  # fmt: skip
    with pytest.raises(UsageError, match="would both be called small"):
        judges.asked(Judges(whisper=["small", "a/whisper-small"]))
    with pytest.raises(UsageError, match=r"judges\.whisper: '\.\.' cannot be a name"):
        judges.asked(Judges(whisper="/a/.."))


def test_the_normaliser_is_that_of_the_authors() -> None:
    pytest.importorskip("whisper_normalizer")
    name, english = whisper.normaliser("en")
    assert name == "whisper english"
    assert english("MISTER SMITH'S COLOUR, UM, IS TWENTY ONE") == english("Mr. Smith's color is 21.")
    assert whisper.normaliser("de")[1]("Ja, gut!").split() == ["ja", "gut"]


@pytest.fixture(scope="module")
def model() -> str:
    if not os.environ.get("PSEUDOVOX_WHISPER"):
        pytest.skip("PSEUDOVOX_WHISPER names no model")
    pytest.importorskip("faster_whisper")
    return os.environ["PSEUDOVOX_WHISPER"]


def test_real_speech_is_understood(model: str) -> None:
    if not CORPUS.is_dir():
        pytest.skip("no LibriSpeech")
    from pseudovox.data.audio import load_file
    from pseudovox.metrics import wer

    normalise = whisper.normaliser("en")[1]
    hear = judges.JudgeWorker(judges.Asked("whisper-model", model=model)).judge
    [transcript, *_] = sorted(CORPUS.rglob("*.trans.txt"))
    lines = [line.split(" ", 1) for line in transcript.read_text(encoding="utf-8").splitlines()]
    sounds = [load_file(next(transcript.parent.glob(f"{utterance}.*"))) for utterance, _ in lines]
    lines = lines[:4]
    found = [hear(sound) for sound in sounds[:4]]
    heard = [normalise(words(one)) for one in found]
    spoken = [normalise(text) for _, text in lines]
    assert wer.total([wer.count_edits(a, b) for a, b in zip(spoken, heard, strict=True)]).rate < 30
    assert np.array_equal(found[0], hear(sounds[0])), "what came before does not matter"
    assert words(hear(np.zeros(16000, np.float32))) == "" and hear(np.zeros(50, np.float32)).shape == (1,)

    long = np.concatenate([np.concatenate([sound, np.zeros(8000, np.float32)]) for sound in sounds])
    long = np.tile(long, 1 + 40 * 16000 // len(long))[: 40 * 16000]
    parts = hear(long)
    assert len(words(parts)) > max(len(words(hear(long[: 15 * 16000]))) * 1.5, 100), "not the first 30 s alone"
