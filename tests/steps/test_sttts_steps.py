"""Speech to text to speech by its steps, on noise and random networks."""

from __future__ import annotations

import json
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny_models

from pseudovox import stage
from pseudovox.anonymize.sttts import recognition, symbols
from pseudovox.components.f0 import frame_count
from pseudovox.core import checkout
from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]
SMALL = "{hidden: 8, kernel: 3, layers: 1}"
SETTINGS = f"""
seed: 5
system:
  name: sttts
  options:
    features: {{kind: bottleneck, layer: 1}}
    phones: {{layer: 0, hidden: 8, training: {{epochs: 1, batch_size: 4, threads: 1}}}}
    recogniser: {{kind: phones}}
    emotion: {{extractor: ser}}
    tts:
      fusion: concat
      coefficients: 24
      encoder: {{channels: 16, layers: 1}}
      decoder: {{channels: 16, dilations: [1, 2]}}
      duration: {SMALL}
      pitch: {SMALL}
      energy: {SMALL}
      chunk_frames: 20
      training: {{updates: 4, round_updates: 2, batch_size: 4, threads: 1}}
"""


@pytest.fixture
def speech(tiny_data: DataDir) -> DataDir:
    """tiny_data with phones, x-vectors and emotions; one utterance is digital silence."""
    lines = [
        line
        for utt in tiny_data.utterances
        for line in (f"{utt} 1 0.0 0.1 sil", f"{utt} 1 0.1 0.2 AA", f"{utt} 1 0.3 0.2 S")
    ]
    Path("data/tiny/phones.ctm").write_text("\n".join(lines) + "\n")
    Path("config.yaml").write_text(SETTINGS)
    write_wav(Path("wav/f1-0.wav"), np.zeros(8000))
    tiny_models.make(Path("exp"))
    draw = np.random.default_rng(1)
    for root, name, size in (
        ("xvectors", "xvector", 16), ("pseudo", "pseudo_xvector", 16), ("pseudo", "pseudo_f0", 2),
        ("emotion", "emotion", 3),
    ):  # fmt: skip
        Path(root, "tiny").mkdir(parents=True, exist_ok=True)
        vectors = {utt: draw.uniform(4.5, 5.0, size).astype(np.float32) for utt in tiny_data.utterances}
        write_arrays(Path(root, "tiny"), name, vectors)
    return DataDir.load("data/tiny")


def call(step: str, *arguments: object) -> None:
    """In this process."""
    shared = ("--config", "config.yaml", "--nj", 1, "--device", "cpu")
    main = runpy.run_path(str(checkout.ROOT / f"steps/{step}.py"))["main"]
    assert main([str(word) for word in (*shared, *arguments)]) == 0, step


def test_from_training_to_speech(
    speech: DataDir, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.log, "handlers", [*stage.log.handlers, caplog.handler])
    content = ("--bottleneck", "exp/models/bottleneck")
    call("train_tts", "--xvectors", "xvectors", "--emotion", "emotion", "data/tiny", "tts")
    card = json.loads(Path("tts/model.json").read_text())
    assert card["facts"]["validation"]["mel_cepstral_distortion"] > 0 and card["hyperparameters"]["emotion"] == 3
    call("train_phones", *content, "data/tiny", "phones")
    assert "sil" in Path("phones/lm.arpa").read_text()
    call("recognise_phones", "--phones", "phones", *content, "data/tiny", "recognised")
    said = caplog.text
    assert "no phones were recognised in" in said and "f1-0" in said
    found = read_scp(Path("recognised/tiny/phones.scp"))
    counts = {utt: frame_count(len(soundfile.read(f"wav/{utt}.wav")[0])) for utt in speech.utterances}
    assert {utt: int(found[utt][:, 1].sum()) for utt in found} == counts
    assert (found["f1-0"][:, 0] == symbols.SILENCE).all() and "f1-0 1 0.00 0.51 sil" in Path(
        "recognised/tiny/phones.ctm"
    ).read_text()
    Path("f0/tiny").mkdir(parents=True)
    write_arrays(Path("f0/tiny"), "f0", {utt: np.full(count, 120.0) for utt, count in counts.items()})
    call("extract_prosody", "--phones", "recognised", "--f0", "f0", "data/tiny", "prosody")
    call("transform_prosody", "--prosody", "prosody", "data/tiny", "moved")
    spoken = ("--model", "tts", "--pseudo", "pseudo", "--emotion", "emotion")
    call("synthesize_tts", *spoken, "--prosody", "moved", "--suffix", "sttts", "data/tiny", "data")
    made = DataDir.load("data/tiny_sttts")
    assert made.text == speech.text and Path("data/tiny_sttts/phones.ctm").exists()
    for utt in speech.utterances:
        samples = soundfile.read(f"data/tiny_sttts/wav/{utt}.wav")[0]
        assert len(samples) == len(soundfile.read(f"wav/{utt}.wav")[0]) and np.isfinite(samples).all()
        assert samples.any() == (found[utt][:, 0] != symbols.SILENCE).any()
    flat = ("--set", "system.options.predicted=true", "--suffix", "flat")
    call("synthesize_tts", *spoken, *flat, "--prosody", "prosody", "data/tiny", "data")
    assert not Path("data/tiny_flat/phones.ctm").exists()
    assert set(DataDir.load("data/tiny_flat").utterances) == set(speech.utterances)


def test_log_mel_energies_and_their_vocoder(speech: DataDir) -> None:
    vocoder = {
        "network.width": 8, "network.channels": 8, "network.rates": "[10]", "network.kernels": "[20]",
        "network.block_kernels": "[3]", "network.block_dilations": "[1]", "network.fft": 128, "segment_frames": 10,
        "adversarial.periods": "[2]", "adversarial.scales": 1, "adversarial.width": 0.03, "adversarial.start": 9,
        "adversarial.reconstruction": "stft", "training.updates": 2, "training.round_updates": 1,
        "training.batch_size": 2, "training.threads": 1,
    }  # fmt: skip
    settings = [word for key, value in vocoder.items() for word in ("--set", f"system.options.vocoder.{key}={value}")]
    call("train_tts_vocoder", *settings, "data/tiny", "vocoder")
    mel: tuple[Any, ...] = ("--set", "system.options.tts.target=mel")
    blocks = [
        word
        for part in ("encoder", "decoder")
        for key, value in {"blocks": "conformer", "kernel": 3, "layers": 1, "heads": 2, "hidden": 8}.items()
        for word in ("--set", f"system.options.tts.{part}.{key}={value}")
    ]
    postnet = ("--set", "system.options.tts.postnet.layers=2", "--set", "system.options.tts.chunk_frames=0")
    call("train_tts", *mel, *blocks, *postnet, "--xvectors", "xvectors", "data/tiny", "tts")
    assert json.loads(Path("tts/model.json").read_text())["facts"]["validation"]["mel_error"] > 0
    rows = {
        utt: np.array([[0, 10, 0, 0], [symbols.code("AA"), frame_count(len(speech_of(utt))) - 10, 1, 1]], np.float32)
        for utt in speech.utterances
    }
    Path("prosody/tiny").mkdir(parents=True)
    write_arrays(Path("prosody/tiny"), "prosody", rows)
    spoken = ("--model", "tts", "--pseudo", "pseudo", "--prosody", "prosody", "--vocoder", "vocoder")
    call("synthesize_tts", *mel, *spoken, "--suffix", "mel", "data/tiny", "data")
    for utt in speech.utterances:
        assert len(soundfile.read(f"data/tiny_mel/wav/{utt}.wav")[0]) == len(speech_of(utt))


def speech_of(utterance: str) -> np.ndarray:
    return np.asarray(soundfile.read(f"wav/{utterance}.wav")[0])


def test_what_is_not_given(program: Program, speech: DataDir) -> None:
    done = program(
        "steps/recognise_phones.py", "--config", "config.yaml", "--phones", "nowhere", "data/tiny", "recognised"
    )
    assert done.returncode == 4 and "nowhere: no model here" in done.stderr and not Path("recognised").exists()
    done = program(
        "steps/transform_prosody.py", "--config", "config.yaml", "--set", "system.options.transforms.pitch=[1.4,0.6]",
        "--prosody", "prosody", "data/tiny", "moved",
    )  # fmt: skip
    assert done.returncode == 2 and "expected [lowest, highest]" in done.stderr


def test_words_that_do_not_fit_become_silence(speech: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whisper in stand-in: what it hears in noise, in music and in a single sound."""
    heard = {"text": ""}

    class Hearing:
        def __init__(self, *_: object) -> None:
            pass

        def __call__(self, samples: np.ndarray) -> str:
            return heard["text"]

    from pseudovox import config, stage
    from pseudovox.anonymize.sttts.options import Options
    from pseudovox.components import transcription

    call("train_phones", "--bottleneck", "exp/models/bottleneck", "data/tiny", "phones")
    monkeypatch.setattr(transcription, "Transcriber", Hearing)
    monkeypatch.setattr(recognition.whisper, "find", lambda name: Path(name))
    settings = ["system.options.features.kind=bottleneck", "system.options.recogniser.tuned=2"]
    options = stage.own_options(config.load(None, settings), Options)
    recogniser = recognition.Recogniser(options, Path("phones"), Path("exp/models/bottleneck"))
    samples = 0.1 * np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    for text, spoken in (("", 0), ("♪ ... ♪", 0), ("a " * 300, 0), ("ah", 1), ("Say so.", 4)):
        heard["text"] = text
        codes, durations, words = recogniser(samples, "u")
        assert durations.sum() == frame_count(16000) and (durations > 0).all() and words == text
        assert (codes != symbols.SILENCE).sum() == spoken, text
    long = np.tile(samples, 61)
    codes, durations, _ = recogniser(long)
    assert durations.sum() == frame_count(len(long)) and (codes != symbols.SILENCE).sum() == 4
