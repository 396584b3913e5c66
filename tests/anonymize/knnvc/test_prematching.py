"""What the vocoder is trained on: who is matched with whom, the nearest of others, and the waveform beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.anonymize.knnvc import features, prematching
from pseudovox.anonymize.knnvc.matching import Target
from pseudovox.anonymize.knnvc.options import Features, Options
from pseudovox.anonymize.knnvc.prematching import Groups, PrematchWorker, chosen, fitted, nearest_apart
from pseudovox.anonymize.knnvc.vocoder_options import Vocoder
from pseudovox.core import checkout
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.data.utterance import Utterance

FRAME = 320


class Blocks:
    """Features: 4 samples of every 20 ms; what is left over makes no frame."""

    frame_shift, offset, layers, dimensions = 0.02, 0.01, (1,), (4,)

    def __init__(self) -> None:
        self.signals = 0

    def __call__(self, signals: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
        self.signals += len(signals)
        return [(signal[: len(signal) // FRAME * FRAME].reshape(-1, FRAME)[:, ::80],) for signal in signals]


@pytest.fixture
def extract(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    made = Blocks()
    monkeypatch.setattr(features, "load", lambda options, **named: made)
    return made


def library(folders: dict[str, str]) -> DataDir:
    """Utterances (speaker-n) by folder, 60 s each."""
    return DataDir(
        "data/books",
        {
            "wav.scp": {utterance: f"{folder}/{utterance}.flac" for utterance, folder in folders.items()},
            "utt2spk": {utterance: utterance.partition("-")[0] for utterance in folders},
            "utt2dur": dict.fromkeys(folders, "60.0"),
        },
    )


BOOKS = library({"a-1": "a/1", "a-2": "a/1", "a-3": "a/2", "b-1": "b/1", "b-2": "a/1", "c-1": "c"})


def test_utterances_of_a_chapter_are_matched_with_each_other() -> None:
    groups = Groups(BOOKS, "folder")
    assert groups.of("a-1") == groups.of("a-2") == ("a", "a/1")
    assert groups.members["a", "a/1"] == ["a-1", "a-2"]  # not b-2, another speaker's in the same folder
    assert groups.of("a-3") == ("a", "") and groups.members["a", ""] == ["a-1", "a-2", "a-3"]  # alone in its chapter
    assert groups.members[groups.of("b-1")] == ["b-1", "b-2"]
    assert groups.members[groups.of("c-1")] == ["c-1"]
    assert prematching.speakers_of_one([BOOKS]) == ["c"]


def test_or_all_of_the_speakers() -> None:
    groups = Groups(BOOKS, "speaker")
    assert {groups.of(utterance) for utterance in ("a-1", "a-2", "a-3")} == {("a", "")}


def test_the_folder_is_that_of_the_recording_and_a_command_has_none() -> None:
    data = library({"a-1": "a/1", "a-2": "a/2"})
    data.tables["segments"] = {"a-1": "r1 0 1", "a-2": "r1 1 2"}
    data.tables["wav.scp"] = {"r1": "books/r1.flac"}
    assert Groups(data, "folder").of("a-1") == ("a", "books")
    data.tables["wav.scp"] = {"r1": "flac -dc books/r1.flac |"}
    assert Groups(data, "folder").of("a-1") == ("a", "")


def test_a_pool_is_bounded_and_drawn_by_the_seed() -> None:
    names = [f"a-{number:02}" for number in range(40)]
    data = library(dict.fromkeys(names, "a"))
    assert chosen(data, names, 40 * 60.0, 1) == names
    few = chosen(data, names, 605.0, 1)
    assert len(few) == 10 and few == sorted(few) and set(few) < set(names)
    assert few == chosen(data, names, 605.0, 1) != chosen(data, names, 605.0, 2)
    assert len(chosen(data, names, 1.0, 1)) == 2  # an utterance of the pool needs another one


@pytest.mark.parametrize("own", [slice(0, 0), slice(0, 7), slice(20, 31), slice(90, 100)])
def test_the_nearest_of_others_are_the_nearest_of_all_but_its_own(own: slice) -> None:
    generator = torch.Generator().manual_seed(0)
    frames, queries = torch.randn(100, 5, generator=generator), torch.randn(9, 5, generator=generator)
    rows = nearest_apart(Target(frames), queries, 4, own)
    cosines = torch.nn.functional.cosine_similarity(queries[:, None], frames[None], dim=2)
    cosines[:, own] = -2
    assert rows is not None and torch.equal(rows, cosines.topk(4, dim=1).indices)


def test_fewer_frames_than_neighbours_and_none_at_all() -> None:
    target = Target(torch.eye(3))
    rows = nearest_apart(target, torch.eye(3), 4, slice(0, 1))
    assert rows is not None and rows.sort(1).values.tolist() == [[1, 2]] * 3
    assert nearest_apart(target, torch.eye(3), 4, slice(0, 3)) is None


def worker(**changes: object) -> PrematchWorker:
    return PrematchWorker(Options(vocoder=Vocoder(**changes)), None, 1)  # type: ignore[arg-type]


def test_every_frame_is_the_mean_of_the_nearest_in_the_speakers_other_utterances(
    tiny_data: DataDir, extract: Blocks
) -> None:
    made = worker(within="speaker")
    utterances = [Utterance(tiny_data, name) for name in tiny_data.utterances]
    found = {utterance.id: arrays for utterance, arrays in made.process(utterances)}
    assert extract.signals == len(utterances)  # each pool once
    assert list(found) == tiny_data.utterances
    own = {one.id: extract([one.audio()])[0][0] for one in utterances}
    for one in utterances:
        others = np.concatenate([own[name] for name in tiny_data.spk2utt[one.speaker] if name != one.id])
        cosines = own[one.id] @ others.T / np.linalg.norm(others, axis=1)
        nearest = np.argsort(-cosines, axis=1)[:, :4]
        assert np.allclose(found[one.id]["features"], others[nearest].mean(1), atol=1e-6)
        wave = found[one.id]["wave"]
        assert len(wave) == FRAME * len(own[one.id])
        scale = wave[0] / one.audio()[0]
        assert np.allclose(wave, scale * one.audio()[: len(wave)], atol=1e-6) and scale > 0


def test_matched_as_a_conversion_matches(tiny_data: DataDir, extract: Blocks) -> None:
    options = Options(features=Features(normalise=True), vocoder=Vocoder(within="speaker"))
    found = dict(PrematchWorker(options, None, 1).process([Utterance(tiny_data, name) for name in ("m1-0", "m1-1")]))
    names = tiny_data.spk2utt["m1"]
    own = [extract([Utterance(tiny_data, name).audio()])[0][0] for name in names]
    together = np.concatenate(own)
    keys = (together - together.mean(0)) / together.std(0)
    queries = (own[0] - own[0].mean(0)) / own[0].std(0)
    cosines = queries @ keys.T / np.linalg.norm(keys, axis=1)
    cosines[:, : len(own[0])] = -9
    nearest = np.argsort(-cosines, axis=1)[:, :4]
    ((_, arrays), _) = found.items()
    assert np.allclose(arrays["features"], together[nearest].mean(1), atol=1e-6)


def test_an_utterance_that_is_not_in_its_pool_is_matched_all_the_same(tiny_data: DataDir, extract: Blocks) -> None:
    made = worker(within="speaker", pool_minutes=0.001)
    found = dict(made.process([Utterance(tiny_data, name) for name in tiny_data.spk2utt["m1"]]))
    pool = chosen(tiny_data, tiny_data.spk2utt["m1"], 0.06, 1)
    assert len(pool) == 2 and len(found) == 4
    outside = next(one for one in found if one.id not in pool)
    frames = np.concatenate([extract([Utterance(tiny_data, name).audio()])[0][0] for name in pool])
    rows, _ = Target(frames).nearest(extract([outside.audio()])[0][0], 4)
    assert np.allclose(found[outside]["features"], frames[rows.numpy()].mean(1), atol=1e-6)


def test_features_as_they_are(tiny_data: DataDir, extract: Blocks) -> None:
    one = Utterance(tiny_data, "m1-2")
    for made, data in ((worker(prematched=False), tiny_data), (worker(), tiny_data.subset(["m1-2"]))):
        ((_, arrays),) = made.process([Utterance(data, "m1-2")])  # (the second: a speaker of one utterance)
        assert np.array_equal(arrays["features"], extract([one.audio()])[0][0])


def test_what_cannot_be_used_is_refused(tiny_data: DataDir, extract: Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Utterance, "audio", lambda self: np.zeros(300, np.float32))
    with pytest.raises(DataError, match="m1-0: too short for a frame"):
        list(worker(prematched=False).process([Utterance(tiny_data, "m1-0")]))
    extract.frame_shift = 0.03  # type: ignore[misc]
    with pytest.raises(UsageError, match=r"frames of 0.03 s; the vocoder makes 0.02 s of each"):
        worker()


def test_samples_are_cut_or_zeros_added() -> None:
    assert fitted(np.arange(3.0), 2).tolist() == [0, 1] and fitted(np.arange(3.0), 4).tolist() == [0, 1, 2, 0]


def test_facts_say_what_it_was_trained_on() -> None:
    assert prematching.facts_of(Options()) == {
        "features": {"kind": "wavlm", "layer": 6}, "prematched": True, "neighbours": 4,
    }  # fmt: skip
    assert prematching.facts_of(Options(vocoder=Vocoder(prematched=False)))["neighbours"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"within": "chapter"}, "within 'chapter': expected folder or speaker"),
        ({"source": "own"}, "source 'own': expected train or published"),
        ({"segment_frames": 0}, "segment_frames 0: expected at least 1"),
        ({"pool_minutes": 0.0}, "pool_minutes 0.0: expected more than 0"),
    ],
)
def test_options_that_no_training_can_do_with(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Vocoder(**changes).check()  # type: ignore[arg-type]


def block(name: str) -> Options:
    return stage.own_options(configuration.load(checkout.ROOT / f"conf/vocoder/{name}.yaml"), Options)


def test_the_published_configuration_is_the_default_and_its_authors() -> None:
    from pseudovox.models.feature_hifigan import PUBLISHED

    options = block("knnvc_v1").vocoder
    assert replace(options, training=replace(options.training, workers=0)) == Vocoder()
    assert vars(options.network) == PUBLISHED
    assert options.segment_frames * FRAME == 7040 and options.mel_hop == 320
    training, adversarial = options.training, options.adversarial
    assert (training.learning_rate, training.batch_size, training.updates) == (2e-4, 16, 2_500_000)
    assert (adversarial.betas, adversarial.decay, adversarial.decay_updates) == ([0.8, 0.99], 0.999, 28_539 // 16)
    assert (adversarial.reconstruction_weight, adversarial.feature_weight) == (45.0, 2.0)
    assert (adversarial.periods, adversarial.scales, adversarial.width) == ([2, 3, 5, 7, 11], 3, 1.0)


@pytest.mark.parametrize("path", sorted((checkout.ROOT / "conf/vocoder").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_block_makes_a_vocoder(path: Path) -> None:
    from pseudovox.training import knn_vocoder

    options = block(path.stem)
    options.vocoder.check()
    network, _ = knn_vocoder.build(options.vocoder, 32, weight_norm=True)
    assert network(torch.zeros(1, 2, 32)).shape == (1, 2 * FRAME)
