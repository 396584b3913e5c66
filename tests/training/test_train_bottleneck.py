"""Training of the content extractor: labels, batches by number, both losses, resuming to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.config import Alteration, Training
from pseudovox.core import seeds
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data import features
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir, Phone
from pseudovox.kinds.content_extractors.bottleneck import Options as Bottleneck
from pseudovox.kinds.content_extractors.bottleneck import Quantizer, Refinement
from pseudovox.models import store
from pseudovox.training import bottleneck
from pseudovox.training.bottleneck import IGNORED, PhoneBatches, frame_labels

TRAINING = Training(updates=4, round_updates=2, batch_size=3, warmup=1, threads=1)
OPTIONS = Bottleneck(
    bins=10, channels=8, factor=4, dilations=[1], dimension=6, codes=3, tail=1, chunk_seconds=0.3, variants=1,
    validation=1, quantizer_start=2, training=TRAINING,
)  # fmt: skip
SPECTRUM = {"spectrum_weight": 1.0, "spectrum_coefficients": 8}


def louder(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return samples * (1 + generator.random(len(samples), dtype=np.float32))


def with_phones(data: DataDir, utterances: list[str]) -> DataDir:
    lines = []
    for utterance in utterances:
        length = data.duration(utterance)
        lines += [f"{utterance} 1 0.0 0.1 sil", f"{utterance} 1 0.1 0.2 aa", f"{utterance} 1 0.3 {length - 0.3:.3f} s"]
    return DataDir(data.path, data.tables, {"phones.ctm": lines})


@pytest.fixture
def aligned(tiny_data: DataDir) -> DataDir:
    return with_phones(tiny_data, tiny_data.utterances)


def test_frame_labels_are_those_at_the_middle_of_a_frame() -> None:
    phones = [Phone(0.0, 0.03, "a"), Phone(0.03, 0.02, "b"), Phone(0.06, 0.02, "a")]
    labels = {"a": 0, "b": 1}
    assert frame_labels(phones, labels, 9, 1).tolist() == [0, 0, 0, 1, 1, IGNORED, 0, 0, IGNORED]
    # With two frames in one, the middle lies on the border of the second.
    assert frame_labels(phones, labels, 4, 2).tolist() == [0, 1, IGNORED, 0]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_batch_depends_on_its_number_alone(aligned: DataDir, stride: int) -> None:
    options = Bottleneck(**{**vars(OPTIONS), "stride": stride})
    first, again = (PhoneBatches([aligned], options, 1, louder) for _ in range(2))
    again.batch(0)
    one, same, other = first.batch(5), again.batch(5), first.batch(6)
    assert one["frames"].shape == (3, 30, 10) and one["labels"].shape == (3, 30 // stride)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["frames"], other["frames"])


def test_labels_lie_where_the_frames_come_from(aligned: DataDir) -> None:
    batches = PhoneBatches([aligned], OPTIONS, 1, louder)
    whole = batches._chunks([(0, "f1-0")], [0], [0.0])
    assert [batches.phones[label] for label in whole["labels"][0]] == ["sil"] * 5 + ["aa"] * 10
    late = batches._chunks([(0, "f1-0")], [0], [0.999])
    assert {batches.phones[label] for label in late["labels"][0].tolist()} == {"s", "aa"}


def test_held_out_utterances_are_not_trained_on(aligned: DataDir) -> None:
    batches = PhoneBatches([aligned], OPTIONS, 1, louder)
    assert len(batches.held_out) == 1 and len(batches.aligned) == 11
    assert not set(batches.held_out) & set(batches.aligned)


def test_both_kinds_of_data_make_batches(tiny_data: DataDir) -> None:
    mixed = with_phones(tiny_data, tiny_data.utterances[:6])
    options = Bottleneck(**{**vars(OPTIONS), "validation": 0})
    batches = PhoneBatches([mixed], options, 1, louder)
    made = [batches.batch(index) for index in range(20)]
    assert {"labels" in batch for batch in made} == {True, False}
    spelled = next(batch for batch in made if "mask" in batch)
    rows, length, _ = spelled["frames"].shape
    assert spelled["mask"].shape == (rows, length // 2)
    assert len(spelled["targets"]) == spelled["target_lengths"].sum()
    assert spelled["mask"].sum() * 0.02 <= options.chunk_seconds * options.training.batch_size + 0.02 * rows
    assert "sil" not in {batches.phones[label] for label in spelled["targets"]}


def train(data: DataDir, folder: Path, options: Bottleneck = OPTIONS) -> dict[str, torch.Tensor]:
    bottleneck.train([data], options, 1, folder, device="cpu", augment=louder)
    network, _ = store.load(folder, *store.content_extractors())
    return network.state_dict()


def test_a_killed_run_ends_with_the_same_model(
    aligned: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = train(aligned, tmp_path / "unbroken")
    batch = PhoneBatches.batch

    def killed(self: PhoneBatches, index: int) -> bottleneck.Batch:
        if index == 3:
            raise RuntimeError("killed")
        return batch(self, index)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(PhoneBatches, "batch", killed)
        train(aligned, tmp_path / "broken")
    assert (tmp_path / "broken/checkpoints/last.ckpt").exists()
    broken = train(aligned, tmp_path / "broken")
    assert all(torch.equal(broken[name], value) for name, value in unbroken.items())
    assert int(unbroken["quantizing"]) == 1 and int(unbroken["quantizer.started"]) == 1


def test_text_alone_trains_by_ctc(tiny_data: DataDir, tmp_path: Path) -> None:
    trained = train(tiny_data, tmp_path / "model")
    card = store.read_card(tmp_path / "model", *store.content_extractors())
    assert {"sil", "s", "w"} <= set(card["facts"]["phones"])
    assert card["facts"]["validation"] == {}
    assert all(torch.isfinite(value.float()).all() for value in trained.values())


def test_speech_without_phones_or_text_is_refused(tiny_data: DataDir) -> None:
    tables = {name: table for name, table in tiny_data.tables.items() if name != "text"}
    batches = PhoneBatches([DataDir(tiny_data.path, tables)], OPTIONS, 1, louder)
    with pytest.raises(DataError, match="neither phones"):
        batches.batch(0)
    short = Bottleneck(**{**vars(OPTIONS), "longest_seconds": 0.1})
    with pytest.raises(DataError, match="longest_seconds"):
        PhoneBatches([tiny_data], short, 1, louder)


def test_the_phone_loss_falls(aligned: DataDir) -> None:
    """Some updates by hand on one batch: the whole chain of losses has a gradient that helps."""
    options = Bottleneck(**{**vars(OPTIONS), "dropout": 0.0, "training": Training(threads=1)})
    batches = PhoneBatches([aligned], options, 1, louder)
    torch.manual_seed(seeds.seed_for(1, "test"))
    hyperparameters = {
        "bins": 10, "phones": 3, "channels": 16, "factor": 0, "dilations": [1], "stride": 2, "dimension": 6, "codes": 8,
    }  # fmt: skip
    network = store.build("bottleneck", hyperparameters)
    learner = bottleneck.BottleneckLearner(network, options, 1)  # type: ignore[arg-type]
    learner.log = lambda *_, **__: None  # type: ignore[method-assign]
    network.quantizing.fill_(1)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(30):
        loss = learner.loss(batches.batch(0), "train")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        network.constrain()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


@pytest.fixture
def sources(tiny_data: DataDir, tmp_path: Path) -> dict[str, Path]:
    """An alignment whose number of the phone is the frame's tenth, and a teacher that tells the time."""
    generator = np.random.default_rng(0)
    alignment, teacher = {}, {}
    for utterance in tiny_data.utterances:
        frames = round(100 * tiny_data.duration(utterance))
        alignment[utterance] = np.where(np.arange(frames) < 10, -1, np.arange(frames) // 10)
        time = np.arange(-(-frames // 2))[:, None]
        teacher[utterance] = np.concatenate([time, generator.standard_normal((len(time), 2))], 1)
    for name, arrays in (("alignment", alignment), ("teacher", teacher)):
        (tmp_path / name / tiny_data.name).mkdir(parents=True)
        write_arrays(tmp_path / name / tiny_data.name, name, arrays)
    return {"alignment": tmp_path / "alignment", "teacher": tmp_path / "teacher"}


@pytest.mark.parametrize("stride", [1, 2])
def test_alignment_and_teacher_lie_where_the_frames_come_from(
    tiny_data: DataDir, sources: dict[str, Path], stride: int
) -> None:
    batches = PhoneBatches([tiny_data], Bottleneck(**{**vars(OPTIONS), "stride": stride}), 1, louder, sources)
    assert batches.targets.teacher == 3 and not batches.spelled
    chunk = batches._chunks([(0, "f1-0")], [0], [0.0])
    assert chunk["labels"].shape == (1, 30 // stride) and chunk["teacher"].shape == (1, 30 // stride, 3)
    per_tenth = 10 // stride
    assert chunk["labels"][0].tolist() == [IGNORED] * per_tenth + [1] * per_tenth + [2] * per_tenth
    time = chunk["teacher"][0, :, 0].float() * batches.targets.deviation[0] + batches.targets.mean[0]
    assert torch.allclose(time, torch.arange(30 // stride) * stride // 2 * 1.0, atol=0.05)


def test_altered_chunks_keep_their_targets(tiny_data: DataDir, sources: dict[str, Path]) -> None:
    faster = Alteration(speed=0.3, warp=0, blur_mel=0, blur_time=0, filter=0, noise=0, mel_masks=0, time_masks=0)
    batches = PhoneBatches([tiny_data], Bottleneck(**{**vars(OPTIONS), "alter": faster}), 1, louder, sources)
    plain = PhoneBatches([tiny_data], OPTIONS, 1, louder, sources)._chunks([(0, "m1-3")], [0], [0.0])
    changed = 0
    for draw in range(5):
        chunk = batches._chunks([(0, "m1-3")], [0], [0.0], np.random.default_rng(draw))
        assert chunk["frames"].shape == plain["frames"].shape and chunk["labels"].shape == plain["labels"].shape
        time = chunk["teacher"][0, :, 0].float()
        assert (time.diff() >= 0).all()  # the order stays, at another speed
        changed += not torch.equal(chunk["frames"], plain["frames"])
    assert changed >= 3


def test_a_teacher_is_learnt(tiny_data: DataDir, sources: dict[str, Path], tmp_path: Path) -> None:
    facts = bottleneck.train(
        [tiny_data], OPTIONS, 1, tmp_path / "taught", device="cpu", augment=louder, sources=sources
    )
    assert facts["validation"].keys() == {"frame_accuracy", "teacher_explained", "perplexity"}
    network, _ = store.load(tmp_path / "taught", *store.content_extractors())
    assert network.teacher_head.out_channels == 3


@pytest.mark.parametrize("stride", [1, 2])
def test_spectrum_to_be_restored_is_that_of_the_recording(
    tiny_data: DataDir, sources: dict[str, Path], stride: int
) -> None:
    options = Bottleneck(
        **{
            **vars(OPTIONS),
            **SPECTRUM,
            "stride": stride,
            "alter": Alteration(**{**vars(Alteration.none()), "warp": 0.3}),
        }
    )
    batches = PhoneBatches([tiny_data], options, 1, louder, sources)
    chunk = batches._chunks([(0, "f1-0")], [1], [0.0], np.random.default_rng(3))
    coefficients = options.spectrum_coefficients
    assert chunk["spectrum"].shape == (1, 30 // stride, stride * coefficients)
    whole = batches.cache[(0, "f1-0", 0)] @ features.dct(coefficients, options.bins, torch.device("cpu")).numpy()
    assert batches.cepstrum_statistics is not None
    mean, deviation = batches.cepstrum_statistics
    expected = (whole - mean) / deviation  # of the recording, neither louder nor warped
    assert np.allclose(chunk["spectrum"].reshape(30, -1), expected[:30], atol=0.01)
    assert np.allclose(chunk["voice"][0], np.concatenate([expected.mean(0), expected.std(0)]), atol=1e-4)


def test_a_spectrum_is_learnt(tiny_data: DataDir, sources: dict[str, Path], tmp_path: Path) -> None:
    options = Bottleneck(**{**vars(OPTIONS), **SPECTRUM})
    only = {"alignment": sources["alignment"]}
    facts = bottleneck.train([tiny_data], options, 1, tmp_path / "model", device="cpu", augment=louder, sources=only)
    assert facts["validation"].keys() == {"frame_accuracy", "spectrum_explained", "perplexity"}
    network, _ = store.load(tmp_path / "model", *store.content_extractors())
    frames = torch.randn(2, 20, options.bins)
    told = [network(frames, voice=torch.full((2, 16), value)) for value in (0.0, 1.0)]
    assert torch.equal(told[0].frame_logits, told[1].frame_logits)  # the voice is told to this head alone
    assert not torch.equal(told[0].spectrum, told[1].spectrum)
    assert network(frames).spectrum is None
    with pytest.raises(UsageError, match=r"spectrum_coefficients 24: expected at most bottleneck.bins, 10"):
        PhoneBatches([tiny_data], Bottleneck(**{**vars(OPTIONS), "spectrum_weight": 1.0}), 1, louder, only)


def test_two_alterations_of_a_chunk_are_drawn_together(
    tiny_data: DataDir, sources: dict[str, Path], tmp_path: Path
) -> None:
    alter = Alteration(**{**vars(Alteration.none()), "speed": 0.2, "warp": 0.2, "bend": 0.05})
    options = Bottleneck(**{**vars(OPTIONS), **SPECTRUM, "alter": alter, "consistency_weight": 1.0, "codes": 0})
    only = {"alignment": sources["alignment"]}
    options.training.batch_size = 4
    batch = PhoneBatches([tiny_data], options, 1, louder, only).batch(0)
    one, other = ({name: rows[half] for name, rows in batch.items()} for half in (slice(2), slice(2, 4)))
    assert all(torch.equal(one[name], other[name]) for name in ("labels", "spectrum", "voice"))
    assert not torch.equal(one["frames"], other["frames"])
    facts = bottleneck.train([tiny_data], options, 1, tmp_path / "model", device="cpu", augment=louder, sources=only)
    assert "spectrum_explained" in facts["validation"]
    still = Bottleneck(**{**vars(options), "alter": Alteration.none()})
    with pytest.raises(UsageError, match=r"consistency_weight 1.0: compares two alterations"):
        bottleneck.check(still)


def test_versions_in_other_voices_are_drawn_from(
    tiny_data: DataDir, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_voice(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return 0.1 * samples + generator.standard_normal(len(samples), dtype=np.float32)

    monkeypatch.setattr(bottleneck, "change_voice", of_voice)
    only = {"alignment": sources["alignment"]}
    options = Bottleneck(**{**vars(OPTIONS), "codes": 0, "voices": 2, "revoiced": 0.5, "augmented": 1.0})
    batches = PhoneBatches([tiny_data], options, 1, louder, only)
    draw = seeds.generator(1, "test")
    drawn = [batches._variant(draw) for _ in range(400)]
    assert set(drawn) == {1, 2, 3} and 150 < drawn.count(1) < 250  # the one that `augment` makes, and the voices
    batches.warm()
    utterance = tiny_data.utterances[0]
    versions = [batches.cache[(0, utterance, number)] for number in range(4)]
    assert len({version.shape for version in versions}) == 1
    assert len({float(version.sum()) for version in versions}) == 4
    # Twins are of versions of their own.
    twins = Bottleneck(**{**vars(options), "alter": Alteration(), "consistency_weight": 1.0})
    asked: list[list[int]] = []
    batches.options = twins
    monkeypatch.setattr(batches, "_chunks", lambda utterances, variants, places, draw: asked.append(list(variants)))
    for number in range(20):
        batches.batch(number)
    half = len(asked[0]) // 2
    assert any(variants[:half] != variants[half:] for variants in asked)


def test_a_second_training_goes_on_from_the_first(tiny_data: DataDir, sources: dict[str, Path], tmp_path: Path) -> None:
    only = {"alignment": sources["alignment"]}

    def train(name: str, **changed: object) -> dict[str, torch.Tensor]:
        options = Bottleneck(**{**vars(OPTIONS), "codes": 0, "factor": 0, **changed})
        bottleneck.train([tiny_data], options, 1, tmp_path / name, device="cpu", augment=louder, sources=only)
        return store.load(tmp_path / name, *store.content_extractors())[0].state_dict()

    first = train("first")
    still = train("still", refine=Refinement(updates=1, learning_rate=0.0), speaker_factors=2)
    assert all(torch.equal(weights, still[name]) for name, weights in first.items() if "norm" not in name)
    assert still["speaker_factors.loadings"].shape[2] == 2
    warp = Alteration(**{**vars(Alteration.none()), "warp": 0.2})
    second = train("second", refine=Refinement(updates=2, consistency_weight=1.0, alter=warp))
    assert not torch.equal(second["bottleneck.weight"], first["bottleneck.weight"])
    assert not list((tmp_path / "second").rglob("checkpoints"))
    with pytest.raises(DataError, match=r"training speakers: too few for 30 speaker factors"):
        train("third", speaker_factors=30)
    assert not (tmp_path / "third").exists()  # told before anything is trained


def test_an_archive_that_lacks_an_utterance_is_named(tiny_data: DataDir, sources: dict[str, Path]) -> None:
    scp = sources["teacher"] / tiny_data.name / "teacher.scp"
    scp.write_text("".join(scp.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match=r"teacher.scp: 1 utterances of data/tiny are missing, e.g. f1-0"):
        PhoneBatches([tiny_data], OPTIONS, 1, louder, sources)


def test_the_quantiser_is_a_kind_of_its_own() -> None:
    options = replace(OPTIONS, quantizer=Quantizer("sfvq", 5))
    bottleneck.check(options)
    assert bottleneck.quantizer(options) == {"codes": 32, "quantizer": "sfvq"}
    assert bottleneck.quantizer(OPTIONS) == {"codes": 3}  # as models are stored that know no other kind
    for wrong, said in (
        (Quantizer("sfvq"), "quantiser sfvq: 3 codes: expected a power of 2"),
        (Quantizer("lattice"), "quantiser 'lattice': expected one of grouped, nsvq"),
        (Quantizer("vq", 17), "bits 17: expected 1 to 16"),
    ):
        with pytest.raises(UsageError, match=said):
            bottleneck.check(replace(OPTIONS, quantizer=wrong))
