"""PLDA, the informed attacker, trials, voices: the steps as run.sh calls them, on simulated embeddings."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.core.npz import read_npz
from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.records import Record, read_records

Said = Callable[[], str]
ROOT = Path(__file__).resolve().parents[2]
SIZE, PSEUDO = 16, 6
LEAK = 1.5 * np.random.default_rng(1).standard_normal((PSEUDO, SIZE))


def voice(speaker: str) -> np.ndarray:
    return np.random.default_rng([ord(letter) for letter in speaker]).standard_normal(SIZE)


def make_set(name: str, speakers: list[str], each: int, draw: np.random.Generator, *trials: str) -> DataDir:
    """A data dir, its anonymized copy (system `sys`), the embeddings of both and the pseudo x-vectors."""
    utt2spk = {f"{speaker}-{n:02d}": speaker for speaker in speakers for n in range(each)}
    tables = {
        "wav.scp": dict.fromkeys(utt2spk, "some.wav"),
        "utt2spk": utt2spk,
        "spk2gender": dict.fromkeys(speakers, "f"),
        "utt2emo": {utterance: "ang" if int(utterance[-1]) % 2 else "neu" for utterance in utt2spk},
    }
    lists = {"trials": [*trials]} if trials else {}
    pseudo = {utterance: draw.standard_normal(PSEUDO) for utterance in utt2spk}
    original = {utterance: voice(own) + 0.5 * draw.standard_normal(SIZE) for utterance, own in utt2spk.items()}
    made = {
        utterance: 0.5 * voice(own) + pseudo[utterance] @ LEAK + 0.2 * draw.standard_normal(SIZE)
        for utterance, own in utt2spk.items()
    }
    for folder, vectors in ((name, original), (f"{name}_sys", made)):
        DataDir(f"data/{folder}", tables, lists).write()
        Path(f"asv/{folder}").mkdir(parents=True)
        write_arrays(Path(f"asv/{folder}"), "xvector", vectors)
    Path(f"pseudo/{name}").mkdir(parents=True)
    write_arrays(Path(f"pseudo/{name}"), "pseudo_xvector", pseudo)
    return DataDir.load(f"data/{name}")


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "some.wav", np.zeros(1600))
    draw = np.random.default_rng(0)
    make_set("train", [f"t{n:02d}" for n in range(24)], 8, draw)
    speakers = [f"s{n}" for n in range(8)]
    make_set("test_enrolls", speakers, 3, draw)
    lines = [
        f"{one} {other}-{n:02d} {'target' if one == other else 'nontarget'}"
        for one in speakers
        for other in speakers
        for n in range(6)
    ]
    make_set("test_trials_f", speakers, 6, draw, *lines)


def call(name: str, *arguments: str) -> int:
    """The exit code of a step, run in this process: some ten programs would each import their libraries."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "steps" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    code: int = module.main([*arguments])
    return code


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Said:
    """What the last call logged, wherever the log was bound to when the first step of this process ran."""
    return lambda: capsys.readouterr().err + caplog.text


def figures(folder: str) -> dict[str, Record]:
    found = read_records(Path(folder) / "results.json")
    return {record.metric: record for record in found if "/" not in record.group}


def test_attackers_and_voices(simulated: None, said: Said) -> None:
    anonymized = ("data/test_enrolls_sys", "data/test_trials_f_sys")
    rounds = ("--set", "scoring.interval_rounds=20", "--system", "sys")
    scored = ("score_trials", *rounds, "--training", "scratch")
    assert call(*scored, "--attacker", "semi-informed", "--xvectors", "asv", *anonymized, "semi") == 0

    # The informed attacker takes off what the pseudo-speakers bring.
    subtract = ("subtract_pseudo_speakers", "--system", "sys", "--own-speech", "data/train_sys")
    assert call(*subtract, "--xvectors", "asv", "--pseudo", "pseudo", *anonymized, "asv/informed") == 0
    card = json.loads(Path("asv/informed/model.json").read_text())
    assert card["facts"]["held_out_min_cllr_after"] < card["facts"]["held_out_min_cllr_before"]
    assert len(read_scp("asv/informed/train_sys/xvector.scp", dimension=SIZE)) == 192
    assert call(*scored, "--attacker", "informed", "--xvectors", "asv/informed", *anonymized, "informed") == 0
    semi, informed = figures("semi")["eer"], figures("informed")["eer"]
    assert semi.value is not None and informed.value is not None and informed.value < 15 < 25 < semi.value
    assert (informed.attacker, informed.training) == ("informed", "scratch")
    metrics = {"eer", "rocch_eer", "min_cllr", "linkability", "zebra_population", "zebra_individual"}
    assert set(figures("semi")) == metrics and "cllr" not in metrics
    parts = [record.group for record in read_records(Path("semi/results.json")) if record.metric == "eer_part"]
    assert parts == ["f/utt2emo=ang", "f/utt2emo=neu"]
    assert len(Path("semi/breakdowns.tsv").read_text().splitlines()) == 1 + 8 + 2

    # PLDA on what is left, and on original speech.
    train = ("train_plda", "--set", "scoring.lda_dimension=10", "--xvectors")
    assert call(*train, "asv/informed", "data/train_sys", "asv/informed/plda") == 0
    with_plda = ("--attacker", "informed", "--xvectors", "asv/informed", "--plda", "asv/informed/plda")
    assert call(*scored, *with_plda, *anonymized, "informed_plda") == 0
    assert set(figures("informed_plda")) == metrics | {"cllr"}
    assert call(*train, "asv", "data/train", "asv/plda") == 0
    voices = ("score_voices", *rounds, "--xvectors", "asv", "--plda", "asv/plda", "data/test_trials_f")
    assert call(*voices, "voices") == 0
    gain, deid = (figures("voices")[name] for name in ("voice_distinctiveness_gain", "deid"))
    assert gain.unit == "dB" and (gain.set, gain.group, gain.level, gain.n) == ("test", "f", "spk", 48)
    assert gain.value is not None and gain.value < -1 and deid.value is not None and deid.value > 0.3
    matrices = read_npz(Path("voices/test_trials_f/similarity.npz"))
    assert {name: matrix.shape for name, matrix in matrices.items()} == dict.fromkeys(("oo", "oa", "aa"), (8, 8))
    assert Path("voices/test_trials_f/speakers.txt").read_text().split() == [f"s{n}" for n in range(8)]
    assert call(*voices, "voices") == 0 and "voices: done already, skipped" in said()


def test_messages(simulated: None, said: Said) -> None:
    pair = ("--attacker", "original", "--xvectors", "asv", "data/test_enrolls", "data/test_trials_f", "out")
    assert call("score_trials", "--set", "scoring.backend=plda", *pair) == 2 and "no PLDA is given" in said()
    assert call("score_trials", "--plda", "asv/train", *pair) == 4 and "asv/train: no model here" in said()
    assert call("score_trials", "--set", "scoring.by=[spk2age]", *pair) == 3 and "spk2age" in said()
    negative = ("--set", "scoring.plda_smoothing=-1", "--xvectors", "asv", "data/train", "out")
    assert call("train_plda", *negative) == 2 and "must not be negative" in said()
    voices = ("score_voices", "--system", "sys", "--xvectors", "asv", "--plda")
    assert call(*voices, "nowhere", "data/test_trials_f", "out") == 4 and "nowhere: no model here" in said()
    subtract = ("subtract_pseudo_speakers", "--system", "sys", "--xvectors", "asv", "--pseudo", "nowhere")
    assert call(*subtract, "--own-speech", "data/train_sys", "data/test_trials_f_sys", "out") == 3
    assert "nowhere/train/pseudo_xvector.scp: no such file" in said()
    assert not Path("out").exists()
