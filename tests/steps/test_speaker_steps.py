"""From data dirs to x-vectors, pseudo-speakers and error rates, as users run the steps."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.datadir import DataDir, read_table
from pseudovox.records import read_records

Program = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = (
    "channels=[8,8,8,8,8] embedding=6 loss=aam chunk_min=0.2 chunk_max=0.3 copies=1 held_out_every=2 "
    "training.updates=2 training.batch_size=4 training.threads=1 continued.updates=2 continued.batch_size=4"
)


def small(section: str) -> list[str]:
    return [word for key in SMALL.split() for word in ("--set", f"{section}.{key}")]


def succeed(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr


def test_from_speech_to_error_rates(tiny_data: DataDir, program: Program) -> None:
    succeed(program("steps/train_xvector.py", "--device", "cpu", *small("xvector"), "data/tiny", "model"))
    extract = ("steps/extract_xvectors.py", "--device", "cpu", "--model")
    succeed(program(*extract, "model", "--nj", 1, "data/tiny", "xvectors"))
    vectors, speakers = read_scp("xvectors/tiny/xvector.scp"), read_scp("xvectors/tiny/spk_xvector.scp")
    assert list(vectors) == tiny_data.utterances and list(speakers) == tiny_data.speakers
    mean = np.mean([vectors[utterance] for utterance in tiny_data.spk2utt["m1"]], axis=0)
    np.testing.assert_allclose(speakers["m1"], mean, rtol=1e-5, atol=1e-6)
    assert read_table(Path("xvectors/tiny/num_utts")) == dict.fromkeys(tiny_data.speakers, "4")

    # The attacker goes on from the first model.
    initial = ("--section", "attacker", "--initial", "model", "--set", "attacker.validation=utterances")
    initial += (
        "--set",
        "attacker.continued.keep=last",
        "--set",
        "attacker.continued.patience=0",
    )  # too few to validate
    succeed(program("steps/train_xvector.py", "--device", "cpu", *initial, *small("attacker"), "data/tiny", "attacker"))
    assert json.loads(Path("attacker/model.json").read_text())["hyperparameters"]["embedding"] == 6

    # Pseudo-speakers with F0.
    write_arrays(
        Path(), "f0", {utterance: np.full(50, 120.0 + 30 * i) for i, utterance in enumerate(tiny_data.utterances)}
    )
    Path("f0/tiny").mkdir(parents=True)
    for name in ("f0.scp", "f0.ark"):
        Path(name).rename(f"f0/tiny/{name}")
    Path("f0/tiny/f0.scp").write_text(Path("f0/tiny/f0.scp").read_text().replace(" f0.ark", " f0/tiny/f0.ark"))
    options = [
        word for key in ("pca_size=1", "gmm_size=1", "combine_genders=true") for word in ("--set", f"pseudo.{key}")
    ]
    roots = ("--xvectors", "xvectors")
    succeed(program("steps/fit_pseudo_speakers.py", *options, *roots, "--f0", "f0", "data/tiny", "pseudo"))
    options += ["--set", "levels.sets={tiny: utt}", "--generator", "pseudo"]
    succeed(program("steps/sample_pseudo_speakers.py", *options, *roots, "data/tiny", "drawn"))
    drawn = read_scp("drawn/tiny/pseudo_xvector.scp", dimension=6)
    assert list(drawn) == tiny_data.utterances
    assert len({drawn[utterance].tobytes() for utterance in drawn}) == 12
    assert read_scp("drawn/tiny/pseudo_f0.scp", dimension=2)["f1-0"][0] > 4  # natural logarithm of Hz
    assert read_table(Path("drawn/tiny/spk2gender")) == tiny_data.spk2gender

    # Trials: both men enrolled with one utterance each.
    utterances = [utterance for utterance in tiny_data.utterances if utterance.startswith("m")]
    enrolment = tiny_data.subset(utterances, "data/tiny_enrolls")
    enrolment.lists["enrolls"] = ["m1-0", "m2-0"]
    enrolment.write()
    trials = tiny_data.subset(utterances, "data/tiny_trials_m")
    trials.lists["trials"] = [
        f"{speaker} {utterance} {'target' if utterance.startswith(speaker) else 'nontarget'}"
        for speaker in ("m1", "m2")
        for utterance in utterances
        if not utterance.endswith("0")
    ]
    trials.write()
    pair = ("data/tiny_enrolls", "data/tiny_trials_m")
    succeed(program(*extract, "attacker", "--nj", 2, *pair, "asv"))
    one, two = (read_scp(f"asv/{name}/xvector.scp") for name in ("tiny_enrolls", "tiny_trials_m"))
    assert all(np.array_equal(one[utterance], two[utterance]) for utterance in one)  # whatever the job
    succeed(program("steps/score_trials.py", "--attacker", "original", "--xvectors", "asv", *pair, "result"))
    [record] = [found for found in read_records(Path("result/results.json")) if found.metric == "eer"]
    assert (record.metric, record.set, record.group, record.system, record.n) == ("eer", "tiny", "m", "original", 12)
    assert record.value is not None and 0 <= record.value <= 100
    scores = Path("result/tiny_enrolls-tiny_trials_m/scores").read_text()
    assert len(scores.splitlines()) == 12
    Path("others").mkdir()
    Path("asv/tiny_enrolls").rename("others/tiny_enrolls")
    scp = Path("others/tiny_enrolls/xvector.scp")
    scp.write_text(scp.read_text().replace("asv/tiny_enrolls", "others/tiny_enrolls"))
    roots = ("--xvectors", "asv", "--enrolment-xvectors", "others")
    succeed(program("steps/score_trials.py", "--attacker", "original", *roots, *pair, "apart"))
    assert Path("apart/tiny_enrolls-tiny_trials_m/scores").read_text() == scores


def test_messages(tiny_data: DataDir, program: Program) -> None:
    done = program("steps/extract_xvectors.py", "--model", "nowhere", "data/tiny", "out")
    assert done.returncode == 4 and "nowhere: no model here" in done.stderr
    done = program("steps/score_trials.py", "--attacker", "ignorant", "--xvectors", "x", "data/tiny", "out")
    assert done.returncode == 2 and "expected pairs" in done.stderr
    alone = ("--attacker", "ignorant", "--training", "scratch")
    done = program("steps/score_trials.py", *alone, "--xvectors", "x", "data/tiny", "data/tiny", "out")
    assert done.returncode == 2 and "of the (semi-)informed attacker alone" in done.stderr
    done = program("steps/sample_pseudo_speakers.py", "--xvectors", "nowhere", "data/tiny", "out")
    assert done.returncode == 3 and "nowhere/tiny/xvector.scp: no such file" in done.stderr
    assert not Path("out").exists()
