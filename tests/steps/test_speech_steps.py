"""From data dirs to anonymized data dirs, as users run the steps of F0, content and synthesis."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir, write_atomic

Program = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = {
    "bottleneck": "bins=10 channels=8 factor=4 dilations=[1] dimension=6 codes=3 tail=1 chunk_seconds=0.3 variants=1 "
    "validation=1 quantizer_start=1 training.updates=3 training.batch_size=3 training.threads=1",
    "synthesizer": "coefficients=20 channels=8 kernel=3 dilations=[1] speaker=4 chunk_seconds=0.3 validation=1 "
    "training.updates=2 training.batch_size=3 training.threads=1",
}


def small(section: str) -> list[str]:
    return ["--device", "cpu", *(word for key in SMALL[section].split() for word in ("--set", f"{section}.{key}"))]


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def spoken(tiny_data: DataDir) -> DataDir:
    """tiny_data with phone times and with x-vectors in xvectors/ and pseudo/."""
    lines = [f"{utt} 1 0.0 0.2 sil\n{utt} 1 0.2 0.3 aa\n" for utt in tiny_data.utterances]
    write_atomic(tiny_data.path / "phones.ctm", "".join(lines))
    generator = np.random.default_rng(0)
    for root, name in (("xvectors", "xvector"), ("pseudo", "pseudo_xvector")):
        folder = Path(root) / "tiny"
        folder.mkdir(parents=True)
        vectors = {utt: generator.normal(size=5) for utt in tiny_data.utterances}
        write_arrays(folder, name, vectors)
    write_arrays(Path("pseudo/tiny"), "pseudo_f0", dict.fromkeys(tiny_data.utterances, np.array([5.0, 0.1])))
    return DataDir.load(tiny_data.path)


def test_from_speech_to_anonymized_speech(spoken: DataDir, program: Program) -> None:
    succeed(program("steps/train_bottleneck.py", *small("bottleneck"), "data/tiny", "bottleneck_model"))
    training = ("--bottleneck", "bottleneck_model", "--xvectors", "xvectors")
    succeed(
        program("steps/train_synthesizer.py", "--nj", 2, *small("synthesizer"), *training, "data/tiny", "synthesizer")
    )
    assert not Path("synthesizer/frames").exists()
    marker = json.loads(Path("synthesizer/.done.json").read_text())
    assert marker["counts"]["utterances"] == 12 and marker["counts"]["mel_cepstral_distortion"] > 0

    succeed(program("steps/extract_f0.py", "--nj", 1, "data/tiny", "f0"))
    succeed(program("steps/transform_f0.py", "--nj", 1, "--f0", "f0", "--pseudo", "pseudo", "data/tiny", "f0_moved"))
    succeed(program("steps/extract_bottleneck.py", "--nj", 1, "--model", "bottleneck_model", "data/tiny", "bottleneck"))
    content = read_scp("bottleneck/tiny/bottleneck.scp")
    contours, moved = read_scp("f0/tiny/f0.scp"), read_scp("f0_moved/tiny/f0.scp")
    for utterance in spoken.utterances:
        samples = len(load(spoken, utterance))
        assert contours[utterance].shape == moved[utterance].shape == (samples // 160 + 1,)
        assert np.array_equal(contours[utterance] > 0, moved[utterance] > 0)
        assert content[utterance].shape == (-(-samples // 320), 6)

    roots = ("--model", "synthesizer", "--bottleneck", "bottleneck", "--f0", "f0_moved", "--xvectors", "pseudo")
    synthesize = ("steps/synthesize_speech.py", "--suffix", "anon", *roots)
    succeed(program(*synthesize, "--nj", 1, "data/tiny", "data"))
    anonymized = DataDir.load("data/tiny_anon")
    assert anonymized.utterances == spoken.utterances and anonymized.text == spoken.text
    for utterance in spoken.utterances:
        assert len(load(anonymized, utterance)) == len(load(spoken, utterance))

    # Two jobs give the same bytes, and a second run does nothing.
    succeed(program(*synthesize, "--nj", 2, "data/tiny", "again"))
    for utterance in spoken.utterances:
        name = f"tiny_anon/wav/{utterance}.wav"
        assert (Path("data") / name).read_bytes() == (Path("again") / name).read_bytes()
    assert "skipped" in succeed(program(*synthesize, "data/tiny", "data"))


def test_f0_stays_without_pseudo_speakers_of_their_own_pitch(spoken: DataDir, program: Program) -> None:
    Path("f0/tiny").mkdir(parents=True)
    contours = {utt: np.full(60, 100.0 + index) for index, utt in enumerate(spoken.utterances)}
    write_arrays(Path("f0/tiny"), "f0", contours)
    transform = ("steps/transform_f0.py", "--nj", 1, "--f0", "f0")
    succeed(program(*transform, "--pseudo", "xvectors", "data/tiny", "kept"))
    succeed(program(*transform, "--pseudo", "pseudo", "--set", "f0.transform=[]", "data/tiny", "none"))
    succeed(program(*transform, "--pseudo", "pseudo", "data/tiny", "moved"))
    succeed(program(*transform, "--set", "f0.transform=[]", "data/tiny", "alone"))
    for root in ("kept", "none", "alone", "moved"):
        moved = read_scp(f"{root}/tiny/f0.scp")
        assert all(np.array_equal(moved[utt], contours[utt]) == (root != "moved") for utt in contours)


def test_f0_chain_is_seeded_by_utterance_and_wants_phones(spoken: DataDir, program: Program) -> None:
    Path("f0/tiny").mkdir(parents=True)
    write_arrays(Path("f0/tiny"), "f0", {utt: np.full(60, 100.0) for utt in spoken.utterances})
    transform = ("steps/transform_f0.py", "--f0", "f0", "--set", "f0.transform=[phones,noise]")
    succeed(program(*transform, "--nj", 1, "data/tiny", "one"))
    succeed(program(*transform, "--nj", 2, "data/tiny", "two"))
    succeed(program(*transform, "--nj", 1, "--seed", 2, "data/tiny", "other"))
    one, two, other = (read_scp(f"{root}/tiny/f0.scp") for root in ("one", "two", "other"))
    assert all(np.array_equal(one[utt], two[utt]) for utt in spoken.utterances)
    assert not any(np.array_equal(one[utt], other[utt]) for utt in spoken.utterances)
    assert len({one[utt].tobytes() for utt in spoken.utterances}) == len(spoken.utterances)
    lines = Path("data/tiny/phones.ctm").read_text().splitlines(keepends=True)
    write_atomic(Path("data/tiny/phones.ctm"), "".join(lines[2:]))
    done = program(*transform, "data/tiny", "out")
    assert done.returncode == 3 and "data/tiny/phones.ctm: no phones of 1 of 12 utterances, e.g. f1-0" in done.stderr
    done = program("steps/transform_f0.py", "--f0", "f0", "data/tiny", "out")
    assert done.returncode == 2 and "shift needs the pseudo-speakers" in done.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("step", "arguments", "code", "message"),
    [
        ("extract_f0", ["--set", "f0.method=yaapt", "data/tiny", "out"], 2, "expected one of dio, harvest"),
        ("extract_bottleneck", ["--model", "absent", "data/tiny", "out"], 4, "no model here"),
        ("transform_f0", ["--f0", "absent", "--pseudo", "pseudo", "data/tiny", "out"], 3, "no such file"),
        ("train_synthesizer", ["--bottleneck", "absent", "--xvectors", "x", "data/tiny", "out"], 4, "no model here"),
        (
            "synthesize_speech",
            [
                "--model",
                "absent",
                "--bottleneck",
                "b",
                "--f0",
                "f",
                "--xvectors",
                "x",
                "--suffix",
                "a/b",
                "data/tiny",
                "o",
            ],
            2,
            "part of a folder's name",
        ),
    ],
)
def test_bad_input_is_named_before_any_work(
    spoken: DataDir, program: Program, step: str, arguments: list[str], code: int, message: str
) -> None:
    done = program(f"steps/{step}.py", *arguments)
    assert done.returncode == code and message in done.stderr and "Traceback" not in done.stderr
    assert not Path("out").exists()
