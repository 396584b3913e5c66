"""Training of the acoustic model: frames of utterances, chunks that belong together, statistics, resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.components import f0, world
from pseudovox.components.content import Extractor
from pseudovox.config import F0, Alteration, Training
from pseudovox.core.errors import DataError
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.synthesizers.world import Options
from pseudovox.models import store
from pseudovox.stage.parallel import Utterance
from pseudovox.training import synthesizer
from pseudovox.training.synthesizer import ARRAYS, FramesWorker, SynthesizerBatches

TRAINING = Training(updates=4, round_updates=2, batch_size=3, warmup=1, threads=1)
OPTIONS = Options(
    coefficients=8, channels=8, kernel=3, dilations=[1, 2], speaker=4, chunk_seconds=0.3, validation=1,
    training=TRAINING,
)  # fmt: skip
EXTRACTOR = {
    "bins": 10, "phones": 3, "channels": 8, "factor": 0, "dilations": [1], "stride": 2, "dimension": 6, "codes": 0,
}  # fmt: skip


def halved(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return samples * np.float32(generator.uniform(0.4, 0.6))


@pytest.fixture
def extractor(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = store.build("bottleneck", EXTRACTOR)
    facts = {"floor_decibels": 45.0, "phones": ["a", "b", "sil"]}
    store.save(tmp_path / "extractor", network, kind="bottleneck", hyperparameters=EXTRACTOR, facts=facts)
    return tmp_path / "extractor"


def frames_of(data: DataDir, utterance: str, extractor: Path, alter: Alteration | None = None) -> dict[str, np.ndarray]:
    worker = FramesWorker(extractor, F0(), 8, 1, halved, alter)
    ((_, arrays),) = worker.process([Utterance(data, utterance)])
    return arrays


@pytest.fixture
def made(tiny_data: DataDir) -> DataDir:
    """Frames and x-vectors of tiny_data, in which every number tells the utterance and the frame it is from."""
    arrays: dict[str, dict[str, np.ndarray]] = {name: {} for name in (*ARRAYS, "xvector")}
    for number, utterance in enumerate(tiny_data.utterances):
        count = f0.frame_count(round(tiny_data.duration(utterance) * 16000))
        place = 100 * number + np.arange(count, dtype=np.float32)
        arrays["f0"][utterance] = np.where(np.arange(count) % 10 < 8, np.exp(place / 1000), 0)
        arrays["world"][utterance] = np.repeat(place[:, None], 9, axis=1)
        arrays["content"][utterance] = np.repeat(place[::2, None], 6, axis=1)
        arrays["altered"][utterance] = -arrays["content"][utterance]
        arrays["xvector"][utterance] = np.eye(12, dtype=np.float32)[number]
    for root, names in (("frames", ARRAYS), ("xvectors", ("xvector",))):
        folder = Path(root) / "tiny"
        folder.mkdir(parents=True)
        for name in names:
            write_arrays(folder, name, arrays[name])
    return tiny_data


def batches_of(data: DataDir, **changes: object) -> SynthesizerBatches:
    options = Options(**{**vars(OPTIONS), **changes})  # type: ignore[arg-type]
    return SynthesizerBatches([data], Path("frames"), Path("xvectors"), options, 2, 1)


def test_without_augmentation_content_is_extracted_once(
    tiny_data: DataDir, extractor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    extract = Extractor.__call__
    monkeypatch.setattr(Extractor, "__call__", lambda self, *args: (calls.append(1), extract(self, *args))[1])
    worker = FramesWorker(extractor, F0(), 8, 1, None)
    ((_, arrays),) = worker.process([Utterance(tiny_data, "f1-1")])
    assert len(calls) == 1 and np.array_equal(arrays["content"], arrays["altered"])


def test_the_altered_copy_speaks_in_another_voice(tiny_data: DataDir, extractor: Path) -> None:
    other = replace(Alteration.none(), warp=0.2)
    plain, altered, again = (frames_of(tiny_data, "f1-1", extractor, alter) for alter in (None, other, other))
    assert np.array_equal(plain["content"], altered["content"]), "what is not altered stays"
    assert altered["altered"].shape == plain["altered"].shape
    assert np.abs(altered["altered"] - plain["altered"]).max() > 0.1
    assert np.array_equal(altered["altered"], again["altered"])


def test_frames_of_an_utterance(tiny_data: DataDir, extractor: Path) -> None:
    arrays = frames_of(tiny_data, "f1-1", extractor)
    count = f0.frame_count(9600)
    assert arrays["f0"].shape == (count,) and arrays["world"].shape == (count, 8 + world.APERIODICITIES)
    assert arrays["content"].shape == arrays["altered"].shape == (30, 6)
    assert np.allclose(arrays["content"], arrays["altered"], atol=1e-4)  # the level does not count
    again = Extractor(extractor)(Utterance(tiny_data, "f1-1").audio())
    assert np.allclose(arrays["content"], again, atol=1e-4)


def test_chunks_belong_together(made: DataDir) -> None:
    batches = batches_of(made, augmented=0.0)
    batches.mean, batches.deviation = np.zeros(9, np.float32), np.ones(9, np.float32)
    content, log_f0, voiced, xvector, target = batches.batch(3)
    assert content.shape == (3, 15, 6) and target.shape == (3, 30, 9)
    assert torch.equal(content[:, :, 0], target[:, ::2, 0])
    assert torch.allclose(log_f0[voiced > 0] * 1000, target[:, :, 0][voiced > 0], atol=0.1)
    numbers = (target[:, 0, 0] // 100).int()
    own, mean = xvector.max(1).values == 1.0, xvector.max(1).values < 1.0
    assert (own | mean).all()
    for row, number in enumerate(numbers):
        if own[row]:
            assert int(xvector[row].argmax()) == number
        else:  # of the speaker's four utterances
            assert torch.nonzero(xvector[row])[:, 0].tolist() == list(range(number // 4 * 4, number // 4 * 4 + 4))


def test_content_of_altered_speech_goes_with_the_clean_target(made: DataDir) -> None:
    batches = batches_of(made, augmented=1.0)
    batches.mean, batches.deviation = np.zeros(9, np.float32), np.ones(9, np.float32)
    content, *_, target = batches.batch(0)
    assert torch.equal(content[:, :, 0], -target[:, ::2, 0])


def test_statistics_normalise_the_targets(made: DataDir) -> None:
    batches = batches_of(made)
    network = store.build("synthesizer", hyperparameters())
    batches.set_statistics(network)  # type: ignore[arg-type]
    frames = np.concatenate([batches.cache[key][2] for key in batches.utterances])
    assert np.allclose(network.target_mean[:8], frames[:, :8].mean(0), rtol=1e-3)
    assert np.allclose(network.target_deviation[:8], frames[:, :8].std(0), rtol=1e-3)
    assert torch.allclose(network.xvector_mean, torch.full((12,), 1 / 6), atol=0.01)


def test_emphasis_widens_the_scale_of_what_varies_more(made: DataDir) -> None:
    even, uneven = (store.build("synthesizer", hyperparameters()) for _ in range(2))
    batches_of(made).set_statistics(even)
    batches_of(made, emphasis=1.0).set_statistics(uneven)
    # With a power of 1 all coefficients of the envelope have the same scale: errors count as in natural units.
    rms = float(even.target_deviation[:8].square().mean().sqrt())
    assert torch.allclose(uneven.target_deviation[:8], torch.full((8,), rms), rtol=1e-4)
    assert torch.equal(uneven.target_deviation[8:], even.target_deviation[8:])


def hyperparameters() -> dict[str, object]:
    return {
        "bottleneck": 6, "stride": 2, "xvector": 12, "envelope": 8, "aperiodicity": 1, "channels": 8, "kernel": 3,
        "dilations": [1, 2], "speaker": 4,
    }  # fmt: skip


def train(data: DataDir, folder: Path) -> dict[str, torch.Tensor]:
    facts = synthesizer.train([data], Path("frames"), Path("xvectors"), OPTIONS, 2, 1, folder, device="cpu")
    assert facts["validation"]["mel_cepstral_distortion"] > 0
    network, _ = store.load(folder, "synthesizer")
    return network.state_dict()


def test_a_killed_run_ends_with_the_same_model(made: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken = train(made, tmp_path / "unbroken")
    batch = SynthesizerBatches.batch

    def killed(self: SynthesizerBatches, index: int) -> synthesizer.Batch:
        if index == 3:
            raise RuntimeError("killed")
        return batch(self, index)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(SynthesizerBatches, "batch", killed)
        train(made, tmp_path / "broken")
    assert (tmp_path / "broken/checkpoints/last.ckpt").exists()
    broken = train(made, tmp_path / "broken")
    assert all(torch.equal(broken[name], value) for name, value in unbroken.items())
    assert ((unbroken["spread"] >= 1) & (unbroken["spread"] <= synthesizer.MOST_SPREAD)).all()


def test_distortion_in_closed_form(made: DataDir) -> None:
    network = store.build("synthesizer", hyperparameters())
    network.target_deviation.fill_(0.5)
    difference = torch.zeros(2, 3, 9)
    difference[..., 0] = 100.0  # level
    difference[..., 3], difference[..., 4] = 6.0, 8.0
    assert float(synthesizer.distortion(network, difference)) == pytest.approx(10 / np.log(10) * 5.0)  # type: ignore[arg-type]


def test_a_missing_xvector_is_named(made: DataDir) -> None:
    scp = Path("xvectors/tiny/xvector.scp")
    scp.write_text("".join(line + "\n" for line in scp.read_text().splitlines() if not line.startswith("m1-2")))
    with pytest.raises(DataError, match="m1-2"):
        batches_of(made)
