"""Hints of the phone and duration predictors of private kNN-VC."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from obeying import ROOT, obeyed
from safetensors.torch import save_file

from pseudovox.anonymize.knnvc.options import Features
from pseudovox.anonymize.knnvc.phones import Predictors
from pseudovox.anonymize.knnvc.private import DurationOptions, PrivateOptions, predictor_of
from pseudovox.anonymize.knnvc.private_targets import PrivateStore
from pseudovox.anonymize.knnvc.target_store import write_card
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir
from pseudovox.models import store
from pseudovox.training import durations
from pseudovox.training.aligned import AlignedSpeech

KNNVC, TRAINING = "pseudovox/anonymize/knnvc/", "pseudovox/training/"
OPTIONS = PrivateOptions(Features("bottleneck", 0), durations=DurationOptions(runs="aligned"))


def save(folder: str, kind: str, names: list[str], **own: int) -> Path:
    hyperparameters = {"phones": len(names), "hidden": 4, "dropout": 0.5, **own}
    facts = {"phones": names, "frame_shift": 0.02, "offset": 0.01}
    store.save(
        Path(folder), store.build(kind, hyperparameters), kind=kind, hyperparameters=hyperparameters, facts=facts
    )
    return Path(folder)


def align(data: DataDir) -> Path:
    Path("alignment/tiny").mkdir(parents=True)
    write_arrays(Path("alignment/tiny"), "alignment", {utt: np.arange(40) for utt in data.utterances})
    return Path("alignment")


def speak(data: DataDir) -> DataDir:
    return DataDir(data.path, data.tables, {"phones.ctm": [f"{utt} 1 0.0 0.4 s" for utt in data.utterances]})


@obeyed(KNNVC + "phones.py", "its {} are not those of {}")
def predictors_of_different_phones(tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    phones = save("phones", "phone_predictor", ["sil", "s"], inputs=4)
    other = save("durations", "duration_predictor", ["sil", "aa"])
    yield lambda: Predictors(phones, other)
    shutil.rmtree(other)
    save("durations", "duration_predictor", ["sil", "s"])


@obeyed(KNNVC + "private.py", "private kNN-VC needs a predictor of {}")
def predictor_that_was_not_given(tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    hint = yield lambda: predictor_of(None)
    assert (ROOT / hint.split()[0]).is_file() and "phone_predictor" in store.OTHERS
    yield lambda: predictor_of(save("phones", "phone_predictor", ["sil", "s"], inputs=4))


@obeyed(TRAINING + "aligned.py", "no utterance's phones are known")
def speech_without_phones(tiny_data: DataDir) -> Any:
    hint = yield lambda: AlignedSpeech([tiny_data], None, frame_shift=0.02, offset=0.01)
    assert "--alignment" in hint and "phones.ctm" in hint
    yield lambda: AlignedSpeech([tiny_data], align(tiny_data), frame_shift=0.02, offset=0.01)


@obeyed(TRAINING + "durations.py", "the aligned phones are not those of the phone predictor")
def alignment_of_other_phones(tiny_data: DataDir) -> Any:
    names = AlignedSpeech([tiny_data], align(tiny_data), frame_shift=0.02, offset=0.01).phones
    predictors = Predictors(save("phones", "phone_predictor", names, inputs=4))
    data = [speak(tiny_data)]

    def train_on(data: list[DataDir], alignment: Path | None) -> Any:
        return durations._sequences(data, OPTIONS, predictors, 1, "cpu", alignment=alignment, bottleneck=None)

    hint = yield lambda: train_on(data, None)
    assert "--alignment" in hint
    yield lambda: train_on([tiny_data], Path("alignment"))


@obeyed(KNNVC + "private_targets.py", "holds no target of private kNN-VC")
def rows_that_are_none(tmp_path: Path, monkeypatch: Any) -> Any:
    yield from made_again(monkeypatch, tmp_path, lambda arrays: arrays.pop("offsets"))


@obeyed(KNNVC + "private_targets.py", "holds NaN, infinite values or rows out of order")
def rows_out_of_order(tmp_path: Path, monkeypatch: Any) -> Any:
    yield from made_again(monkeypatch, tmp_path, lambda arrays: arrays.update(offsets=torch.tensor([0, 3, 2])))


def made_again(monkeypatch: Any, folder: Path, spoil: Callable[[dict[str, torch.Tensor]], Any]) -> Any:
    """A target's file that was spoilt, and is as the step made it again."""
    monkeypatch.chdir(folder)
    good = {"keys": torch.ones(2, 3), "counts": torch.ones(2).long(), "offsets": torch.tensor([0, 1, 2])}
    bad = dict(good)
    spoil(bad)
    speaker = {"id": "p1", "gender": "f", "log_f0": [5.0, 0.2], "voice": [1.0, 1.0], "frames": 2, "frame_shift": 0.02}
    write_card(Path(), OPTIONS, [speaker])
    save_file(bad, "p1.safetensors")
    hint = yield lambda: PrivateStore(Path()).private("p1")
    assert "--force" in hint
    save_file(good, "p1.safetensors")
