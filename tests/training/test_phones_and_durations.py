"""Training of the predictors of private kNN-VC: labels at frames, losses, figures by hand, and that they learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.anonymize.knnvc.private import DurationOptions, PhoneOptions, PrivateOptions
from pseudovox.config import Training
from pseudovox.core.errors import DataError
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir
from pseudovox.models import store
from pseudovox.models.conv_decoder import PhonePredictor
from pseudovox.training import durations, phones
from pseudovox.training.aligned import AlignedSpeech, split
from pseudovox.training.bottleneck import IGNORED

TRAINING = Training(updates=0, epochs=2, batch_size=3, learning_rate=1e-3, warmup=0, keep="best", threads=1)


@pytest.fixture
def aligned(tiny_data: DataDir) -> DataDir:
    lines = []
    for utt in tiny_data.utterances:
        length = tiny_data.duration(utt)
        lines += [f"{utt} 1 0.0 0.1 SIL", f"{utt} 1 0.1 0.2 aa", f"{utt} 1 0.3 {length - 0.3:.3f} s"]
    return DataDir(tiny_data.path, tiny_data.tables, {"phones.ctm": lines})


def speech_of(data: DataDir, alignment: Path | None = None) -> AlignedSpeech:
    return AlignedSpeech([data], alignment, frame_shift=0.02, offset=0.0125)


def test_labels_from_phone_times(aligned: DataDir) -> None:
    speech = speech_of(aligned)
    assert speech.phones == ["sil", "aa", "s"]
    # Middles at 0.0125 + 0.02 n: five frames before 0.1, ten before 0.3.
    assert speech.labels((0, "f1-0"), 25).tolist() == [0] * 5 + [1] * 10 + [2] * 10


def test_labels_from_an_alignment(tiny_data: DataDir, tmp_path: Path) -> None:
    every_10ms = {utt: np.array([0, 0, 0, 5, 5, -1, 7, 7], np.float32) for utt in tiny_data.utterances}
    every_10ms["m2-3"] = np.full(8, -1.0, np.float32)  # which did not fit its text
    (tmp_path / "ali/tiny").mkdir(parents=True)
    write_arrays(tmp_path / "ali/tiny", "alignment", every_10ms)
    speech = speech_of(tiny_data, tmp_path / "ali")
    assert len(speech.keys) == 11 and len(speech.phones) == 40 and speech.phones[0] == "sil"
    # Frames of 10 ms at 1, 3, 5, 7, and then the last one.
    names = [speech.phones[n] if n != IGNORED else "-" for n in speech.labels((0, "f1-0"), 5)]
    assert names == ["sil", "AW", "-", "B", "B"]


def test_speech_without_phones_is_refused(tiny_data: DataDir) -> None:
    with pytest.raises(DataError, match="no utterance's phones are known"):
        speech_of(tiny_data)


def test_speakers_are_held_out_whole(aligned: DataDir) -> None:
    train, held_out = split([aligned], speech_of(aligned).keys, 0.1, 1)
    assert (len(train), len(held_out)) == (8, 4)
    assert len({aligned.utt2spk[utt] for _, utt in held_out}) == 1
    assert split([aligned], train, 0.0, 1) == (train, [])


def test_error_rates_by_hand() -> None:
    predicted = [np.array([0, 1, 1, 2, 2, 0]), np.array([1, 1])]
    reference = [np.array([0, 1, 1, 1, 3, 0]), np.array([2, IGNORED])]
    # 4 of 7 known frames; [1, 2] for [1, 3] and [1] for [2]: 2 edits in 3 phones.
    # F1: phone 0 2*2/(2+2) = 1; 1: 2*2/(3+3) = 2/3; 2: 0; 3: 0.
    found = phones.error_rates(predicted, reference, silence=0)
    assert found == {"frame_accuracy": round(4 / 7, 4), "phone_error_rate": 66.67, "macro_f1": round(5 / 12, 4)}


def test_the_loss_is_cross_entropy_of_phones_and_ctc(aligned: DataDir) -> None:
    torch.manual_seed(0)
    options = PhoneOptions(training=TRAINING, frame_weight=2.0, ctc_weight=0.5)
    network = PhonePredictor(inputs=2, phones=3, hidden=4).eval()
    draw = np.random.default_rng(0)
    batches = phones.PhoneFrames(
        speech_of(aligned), lambda key: draw.standard_normal((25, 2)).astype(np.float16), options, 1
    )
    batch = batches.batch(0)
    learner = phones.PhoneLearner(network, options, 1)
    learner.log = lambda *_, **__: None  # type: ignore[method-assign]
    logits = network(batch["frames"])
    logs = logits[:, :, :3].log_softmax(2)
    by_hand = -torch.gather(logs, 2, batch["labels"][:, :, None]).mean()
    ctc = torch.nn.CTCLoss(blank=3)(
        logits.log_softmax(2).transpose(0, 1), torch.tensor([[0, 1, 2]] * 3), torch.full((3,), 25), torch.full((3,), 3)
    )
    torch.testing.assert_close(learner.loss(batch, "valid"), 2.0 * by_hand + 0.5 * ctc)


def test_runs_are_cut_where_no_phone_is_known() -> None:
    found = durations.runs_of(np.array([0, 0, 1, IGNORED, IGNORED, 2, 2, 2]))
    assert [(own.tolist(), frames.tolist()) for own, frames in found] == [([0, 1], [2, 1]), ([2], [3])]


def options_of(runs: str) -> PrivateOptions:
    return PrivateOptions(
        Features("bottleneck", 0),
        phones=PhoneOptions(layer=1, hidden=16, training=replace(TRAINING, epochs=6)),
        durations=DurationOptions(hidden=8, runs=runs, training=TRAINING, longest=20),
    )


@pytest.mark.parametrize("runs", ["predicted", "aligned"])
def test_both_are_trained(aligned: DataDir, tmp_path: Path, runs: str) -> None:
    models = tiny_models.make(tmp_path / "exp") / "models"
    own: dict[str, Any] = {"device": "cpu", "alignment": None, "bottleneck": models / "bottleneck"}
    facts = phones.train([aligned], options_of(runs), 1, tmp_path / "phones", **own)
    assert facts["phones"] == ["sil", "aa", "s"] and facts["layer"] == 1 and facts["features"] == "bottleneck"
    assert set(facts["validation"]) == {"frame_accuracy", "phone_error_rate", "macro_f1"}
    own |= {"predictor": tmp_path / "phones"}
    found = durations.train([aligned], options_of(runs), 1, tmp_path / "durations", **own)
    assert set(found["validation"]) == {"mean_absolute_error", "error_of_phone_means", "correlation"}
    network, _ = store.load(tmp_path / "durations", "duration_predictor")
    assert network(torch.tensor([[0, 1, 2]])).min() > 0.5, "it begins at the mean duration"
    if runs == "aligned":
        again = durations.train([aligned], options_of(runs), 1, tmp_path / "again", **own)
        assert again == found
        same, _ = store.load(tmp_path / "again", "duration_predictor")
        assert all(torch.equal(one, other) for one, other in zip(network.parameters(), same.parameters(), strict=True))
