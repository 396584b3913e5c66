"""A finished run in SpAnE's files: rates by speakers' names, averages over utterances, words, speed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox import config as configuration
from pseudovox.core.errors import DataError
from pseudovox.corpora.evaluation import evaluation_sets
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir, write_atomic
from pseudovox.evaluation.judges.transcript import judgement
from pseudovox.report import spane

Program = Callable[..., subprocess.CompletedProcess[str]]
SETTINGS = [
    "sets.trials=[tiny_enrolls tiny_trials_mixed]", "sets.judge=[tiny_trials_mixed]", "judges.resemblyzer=false",
    "judges.whisper=[]", "judges.distillmos=false",
]  # fmt: skip


def write_judgements(judge: str, arrays: dict[str, np.ndarray]) -> None:
    folder = Path("exp/judges") / judge / "tiny_trials_mixed_moved"
    folder.mkdir(parents=True)
    write_arrays(folder, "judgement", arrays)


@pytest.fixture
def made(tiny_data: DataDir) -> DataDir:
    """exp/ and data/ of a run of one system, `moved`: f1, m1 and m2 enrol with two utterances, and two are tried."""
    enrolling, tests = ([f"{who}-{n}" for who in ("f1", "m1", "m2") for n in some] for some in ((0, 1), (2, 3)))
    sides = enrolling, tests
    for name, part in evaluation_sets(tiny_data, 0.5, 1, mixed=True, chosen=sides).items():
        part.write(f"data/{name}")
        part = DataDir.load(f"data/{name}")
        part.tables["utt2target"] = {one: "19" if one[-1] == "2" else "7" for one in part.utterances}
        part.own_origin = part.origin.anonymized("moved")
        part.write(f"data/{name}_moved")
    trials = DataDir.load("data/tiny_trials_mixed_moved")
    config = configuration.merge([], SETTINGS)
    Path("exp/moved").mkdir(parents=True)
    write_atomic(Path("exp/moved/config.yaml"), configuration.to_yaml(config))
    folder = Path("exp/moved/asv/semi-informed-scratch")
    place = folder / "tiny_enrolls_moved-tiny_trials_mixed_moved"
    place.mkdir(parents=True)
    # Everybody is recognised, but for m1 and m2, who are taken for each other.
    other = {"m1": "m2", "m2": "m1", "f1": "f1"}
    lines = [
        f"{one.speaker} {one.utterance} {float(trials.utt2spk[one.utterance] == other[one.speaker])}\n"
        for one in trials.trials
    ]
    write_atomic(place / "scores", "".join(lines))
    write_atomic(folder / "results.json", '{"records": []}')
    model = Path("exp/attacker/moved/scratch")
    model.mkdir(parents=True)
    write_atomic(model / "train_log.txt", "epoch: 1, lr: 1.00e-06\n")
    words = dict.fromkeys(trials.utterances, judgement(-7.0, "some other"))
    write_judgements("pocketsphinx", words)
    scores = {one: np.full(4, float(one[-1]), np.float32) for one in trials.utterances}
    write_judgements("dnsmos", scores)
    Path("exp/moved/speed").mkdir()
    row = {"seconds": 20.0, "batch": 1, "factor": 0.1, "low": 0.05, "high": 0.2, "parts": {}, "peak_mib": 1}
    found = {"machine": {"device": "cpu", "processor": "some CPU, 2 cores"}, "rows": [row, {**row, "batch": 4}]}
    write_atomic(Path("exp/moved/speed/speed.json"), json.dumps(found))
    return trials


def read(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_files_of_a_run(made: DataDir, program: Program) -> None:
    done = program("steps/export_spane_results.py", "--system", "moved", "exp", "data", "out")
    assert done.returncode == 0, done.stderr
    out = Path("out/eval")
    attack = out / "asv-cos/semi-informed"
    [header, row] = read(attack / "results/eer.txt")
    assert header == ["dataset", "n_pairs", "threshold", "eer"] and row[:2] == ["tiny_trials_mixed", "18"]
    assert row[3] == "0.5000", "4 of 6 targets are rejected, 4 of 12 non-targets accepted"
    rows = {value: (pairs, rate) for _, value, pairs, _, rate in read(attack / "results/eer_gender.txt")[1:]}
    assert rows == {"f": ("2", "nan"), "m": ("8", "1.0000")}, "women against nobody; men against each other"
    rows = {value: pairs for _, value, pairs, *_ in read(attack / "results/eer_target.txt")[1:]}
    assert rows == {"19": "9", "7": "9"}
    assert (attack / "train/spkid/train_log.txt").read_text().startswith("epoch: 1, lr")
    assert read(out / "dnsmos/all.txt")[1][:3] == ["tiny_trials_mixed", "6", "2.5000"]
    assert [line[1:4] for line in read(out / "dnsmos/target.txt")[1:]] == [["19", "3", "2.0000"], ["7", "3", "3.0000"]]
    assert read(out / "pocketsphinx/gender.txt") == [
        ["dataset", "gender", "n_samples", "wer"],
        ["tiny_trials_mixed", "f", "2", "0.5000"], ["tiny_trials_mixed", "m", "4", "0.5000"],
    ]  # fmt: skip
    assert read(out / "pocketsphinx/tiny_trials_mixed_moved.txt")[1][1:] == ["1", "2", "0.5000", "some other"]
    assert read(out / "performance/cpu_inference.txt")[1:] == [["20", "2.000", "1.000", "4.000"]]
    assert "processor: some CPU" in (out / "performance/cpu_specs.txt").read_text()
    assert Path("out/exp_config.yaml").read_text() == Path("exp/moved/config.yaml").read_text()
    assert "skipped" in program("steps/export_spane_results.py", "--system", "moved", "exp", "data", "out").stderr


def test_what_is_not_there(made: DataDir, program: Program) -> None:
    config = configuration.load("exp/moved/config.yaml")
    with pytest.raises(DataError, match=r"exp: nothing was measured of another there\n.*--system another"):
        spane.lay_out(spane.Run(Path("exp"), Path("data"), "another", configuration.merge([], [])), Path("none"))
    write_atomic(Path("exp/moved/speed/speed.json"), '{"machine": []}')
    with pytest.raises(DataError, match=r"exp/moved/speed/speed.json: not as steps/measure_speed.py writes it"):
        spane.lay_out(spane.Run(Path("exp"), Path("data"), "moved", config), Path("again"))
    done = program("steps/export_spane_results.py", "nowhere", "data", "out")
    assert done.returncode == 3 and "nowhere/config.yaml: no such file" in done.stderr
