"""Targets on disk and conversion to them: what is taken, how it is laid out, what a damaged file is called."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import torch

from pseudovox import config as configuration
from pseudovox.anonymize.knnvc import target_store, worker
from pseudovox.anonymize.knnvc.matching import Target
from pseudovox.anonymize.knnvc.options import Features, Options, Targets, World
from pseudovox.components import f0, world
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir

OPTIONS = Options(
    Features("bottleneck", 1), 2, Targets(seconds=5.0, shortest=1.0), spoken="world", world=World(coefficients=20)
)


@pytest.fixture
def store(tiny_data: DataDir, tmp_path: Path) -> Path:
    model = tiny_models.make(tmp_path / "exp") / "models/bottleneck"
    folder = tmp_path / "targets"
    folder.mkdir()
    speakers = target_store.speakers_of([tiny_data], 5.0, 1.0)
    f0_options = configuration.load(None, []).f0
    maker = functools.partial(target_store.Maker, OPTIONS, f0_options, model)
    target_store.make_all(speakers, folder, OPTIONS, maker, jobs=1, device="cpu", step="fit")
    return folder


def test_speakers_and_their_utterances(tiny_data: DataDir) -> None:
    found = target_store.speakers_of([tiny_data], 1.0, 0.5)
    assert [(one.id, one.gender, one.utterances) for one in found] == [
        (name, name[0], (f"{name}-0", f"{name}-1")) for name in ("f1", "m1", "m2")
    ]
    assert target_store.size_of(found, 0.02, 16, 20) == round(3.3 / 0.02) * (2 * 16 + 4 * 2 * 21)
    with pytest.raises(DataError, match=r"no speaker has 9 s"):
        target_store.speakers_of([tiny_data], 10.0, 9.0)
    with pytest.raises(DataError, match=r"speaker f1 is also one of"):
        target_store.speakers_of([tiny_data, tiny_data], 10.0, 0.5)


def test_silence_at_both_ends_is_cut_off() -> None:
    speech = np.zeros(48000, np.float32)
    speech[16000:32000] = 0.1 * np.random.default_rng(0).standard_normal(16000)
    kept = target_store.trimmed(speech)
    assert len(kept) == pytest.approx(16000 + 2 * 0.05 * 16000, abs=1600)
    assert np.abs(kept).sum() == pytest.approx(np.abs(speech).sum())
    assert len(target_store.trimmed(np.zeros(16000, np.float32))) == 16000


def test_frames_of_world_belong_to_those_of_features() -> None:
    frames = np.arange(14, dtype=np.float32).reshape(7, 2)
    found = target_store.grouped(frames, 4, 2)
    assert found.shape == (4, 2, 2) and (found[:3].reshape(6, 2) == frames[:6]).all()
    assert (found[3] == frames[6]).all()
    assert target_store.inner_frames(0.02) == 2 and target_store.inner_frames(0.01) == 1


def test_normalised_frames() -> None:
    frames = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert target_store.normalised(frames).tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_a_target_converts_itself_to_itself(store: Path, tiny_data: DataDir) -> None:
    """With one neighbour every frame of a target's own speech is its own nearest: analysis and synthesis by WORLD."""
    found = target_store.Store(store)
    assert found.spoken == "world" and found.frame_shift == 0.02
    assert [target.id for target in found.targets] == ["f1", "m1", "m2"]
    voice = found.voice("m1")
    assert (voice.inner, voice.coefficients) == (2, 20)
    values = voice.target.convert([voice.target.keys], 1)[0]
    assert torch.equal(values, voice.target.values)
    own = np.asarray(values[:, :40]).reshape(-1, 20)
    samples = load(tiny_data, "m1-0")
    contour = np.full(f0.frame_count(len(samples)), 120.0, np.float32)
    speech = worker.by_world(values.numpy(), voice, contour, None, len(samples), World())
    expected = world.synthesize(
        world.Analysis(own[: len(contour)], f0.fit_length(np.asarray(values[:, 40:]).reshape(-1, 1), len(contour))),
        contour,
        len(samples),
    )
    assert len(speech) == len(samples) and speech == pytest.approx(expected)
    assert found.voice("m1") is voice


def test_loudness_is_the_sources(tiny_data: DataDir) -> None:
    samples = load(tiny_data, "f1-1")
    contour = f0.extract(samples, configuration.load(None, []).f0)
    whole = world.analyse(samples, contour, 20).envelope[:, 0]
    assert world.loudness(samples, contour) == pytest.approx(whole, abs=1e-3)
    values = np.zeros((100, 42), np.float32)
    voice = target_store.Voice(Target(np.ones((1, 3))), 2, 20, np.ones(20))
    loudness = [world.loudness(gain * samples, contour) for gain in (1.0, 0.1)]
    loud = worker.by_world(values, voice, contour, loudness[0], len(samples), World(sharpen=0.5))
    quiet = worker.by_world(values, voice, contour, loudness[1], len(samples), World())
    assert np.abs(loud).max() > 0 and quiet == pytest.approx(loud, rel=0.05, abs=0.05 * float(np.abs(loud).max()))


def test_steps_are_smoothed(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[world.Analysis] = []

    def synthesize(analysis: world.Analysis, contour: np.ndarray, samples: int) -> np.ndarray:
        given.append(analysis)
        return np.zeros(samples, np.float32)

    monkeypatch.setattr(world, "synthesize", synthesize)
    values = np.zeros((50, 42), np.float32)
    values[25:] = 1.0
    voice = target_store.Voice(Target(np.ones((1, 3))), 2, 20, np.ones(20))
    for smooth in (0.0, 0.01):
        worker.by_world(values, voice, np.zeros(100), None, 16000, World(smooth=smooth))
    hard, soft = given
    assert np.unique(hard.envelope).tolist() == [0, 1] and np.unique(hard.aperiodicity).tolist() == [0, 1]
    for part in (soft.envelope, soft.aperiodicity):
        assert part.dtype == np.float32 and (np.diff(part, axis=0) >= 0).all()
        # One step of a Gaussian's integral on either side: half the weight of the middle, 0.399.
        assert part[49, 0] == pytest.approx(0.5 - 0.3991 / 2, abs=1e-3)
        assert part[50, 0] == pytest.approx(0.5 + 0.3991 / 2, abs=1e-3)


def test_what_the_informed_attacker_knows(store: Path) -> None:
    vectors = target_store.Store(store).vectors()
    together = np.stack([vectors[name] for name in ("f1", "m1", "m2")])
    assert (together[:, 20:] == np.eye(3)).all()
    assert together[:, :20].mean(0) == pytest.approx(0, abs=1e-5) and together[:, :20].std(0) == pytest.approx(
        1, abs=1e-4
    )


def test_damaged_targets_are_refused(store: Path) -> None:
    found = target_store.Store(store)
    with pytest.raises(DataError, match=r"targets with layer 1; the configuration says 6"):
        found.check(replace(OPTIONS, features=Features("bottleneck", 6)))
    found.check(replace(OPTIONS, features=Features("bottleneck", 1, normalise=True)))
    (store / "m1.safetensors").write_bytes((store / "m1.safetensors").read_bytes()[:-8])
    with pytest.raises(DataError, match=r"m1.safetensors: cannot be read as safetensors"):
        found.voice("m1")
    (store / "model.json").write_text('{"kind": "knnvc_targets", "hyperparameters": {}, "facts": {"speakers": [{}]}}')
    with pytest.raises(DataError, match="facts: 'id'"):
        target_store.Store(store)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(neighbours=0), "neighbours 0"),
        (Options(spoken="praat"), "spoken 'praat': expected world or vocoder"),
        (Options(world=World(level="mine")), "world.level 'mine'"),
        (Options(world=World(sharpen=2)), "world.sharpen 2"),
        (Options(world=World(smooth=2)), "world.smooth 2"),
        (Options(targets=Targets(seconds=5, shortest=9)), "expected 0 < shortest <= seconds"),
    ],
)
def test_options_that_nothing_can_be(options: Options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options.check()
