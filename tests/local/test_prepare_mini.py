"""The synthetic corpus at its smallest: the sets, their protocol, the speech, and that --nj changes nothing."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pseudovox.corpora.synthetic.corpus import SIZES, Sizes, draw_speaker, make_set, plan_sets
from pseudovox.data.audio import load
from pseudovox.data.datadir import DataDir

ROOT = Path(__file__).resolve().parents[2]
SETS = ["train"] + [f"{part}_{kind}" for part in ("dev", "test") for kind in ("enrolls", "trials_f", "trials_m")]


def prepare(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "local" / "prepare_mini.py"), *map(str, arguments)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpora") / "smoke"
    made = prepare("--size", "smoke", "--seed", 3, "--nj", 2, out)
    assert made.returncode == 0, made.stderr
    return out


@pytest.fixture(scope="module")
def sets(out: Path) -> dict[str, DataDir]:
    need = ("text", "spk2gender", "utt2dur", "phones.ctm")
    return {name: DataDir.load(out / name, need=need) for name in SETS}


def test_speakers_and_sentences_of_the_parts_differ(sets: dict[str, DataDir]) -> None:
    parts = {part: [data for name, data in sets.items() if name.startswith(part)] for part in ("train", "dev", "test")}
    for table, sizes in (("speakers", (12, 4, 6)), ("sentences", (36, 12, 18))):
        members = [
            {one for data in part for one in (data.speakers if table == "speakers" else data.text.values())}
            for part in parts.values()
        ]
        assert tuple(map(len, members)) == sizes
        assert len(set().union(*members)) == sum(sizes)
    for data in sets.values():
        assert all(data.spk2gender[speaker] == speaker[0] for speaker in data.speakers)
        assert all(utterance.startswith(f"{speaker}-") for utterance, speaker in data.utt2spk.items())
    assert sum(gender == "f" for gender in sets["train"].spk2gender.values()) == 6


def test_protocol(sets: dict[str, DataDir]) -> None:
    enrolls = sets["test_enrolls"]
    assert enrolls.enrolls == enrolls.utterances == [f"{speaker}-001" for speaker in enrolls.speakers]
    for gender in "fm":
        data = sets[f"test_trials_{gender}"]
        assert set(data.speakers) == {speaker for speaker in enrolls.speakers if speaker[0] == gender}
        assert len(data.trials) == 3 * 6  # 3 enrolled speakers, 3 x 2 utterances
        assert all(trial.target == (data.utt2spk[trial.utterance] == trial.speaker) for trial in data.trials)
        assert not set(data.utterances) & set(enrolls.utterances)


def test_speech_fits_its_tables(sets: dict[str, DataDir]) -> None:
    vowels: list[float] = []
    pauses: list[float] = []
    durations: list[float] = []
    for name, data in sets.items():
        for utterance in data.utterances:
            samples = load(data, utterance)
            assert len(samples) / 16000 == pytest.approx(data.duration(utterance), abs=1e-4)
            assert 0.05 < np.abs(samples).max() < 0.96
            durations.append(data.duration(utterance))
            phones = data.phones[utterance]
            assert phones[0].start == 0.0 and phones[0].label == phones[-1].label == "sil"
            assert max(phones[0].duration, phones[-1].duration) <= 0.151
            for one, after in pairwise(phones):
                assert one.start + one.duration == pytest.approx(after.start, abs=2e-4)
            assert phones[-1].start + phones[-1].duration == pytest.approx(durations[-1], abs=2e-4)
            if name == "train":
                level = 10 * np.log10(np.mean(samples**2))
                for phone in phones:
                    part = samples[int(phone.start * 16000) : int((phone.start + phone.duration) * 16000)]
                    power = 10 * np.log10(np.mean(part**2) + 1e-12) - level
                    if phone.label == "sil":
                        pauses.append(power)
                    elif phone.label in ("eh", "ay", "iy"):
                        vowels.append(power)
    assert np.percentile(vowels, 10) > -12 and np.median(pauses) < -35
    assert 2.0 < np.mean(durations) < 2.7 and min(durations) > 1.0 and max(durations) < 4.5


def test_validates_as_a_data_dir(out: Path) -> None:
    for name in ("train", "test_trials_m"):
        checked = subprocess.run(
            [sys.executable, str(ROOT / "utils" / "validate_data_dir.py"), "--no-feats", str(out / name)],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert checked.returncode == 0, checked.stderr


def test_second_run_skips(out: Path) -> None:
    again = prepare("--size", "smoke", "--seed", 3, out)
    assert again.returncode == 0 and again.stderr.count("skipped") == len(SETS)
    other = prepare("--size", "smoke", "--seed", 4, out)
    assert other.returncode == 3 and "seed" in other.stderr


def test_neither_jobs_nor_the_other_speakers_matter(out: Path, tmp_path: Path) -> None:
    """A smaller corpus made by one process: the same speech, sample by sample, as the step's."""
    plans = {plan.name: plan for plan in plan_sets(Sizes(4, 2, 4, 4, 1, 1))}
    for name in ("train", "test_trials_m"):
        data = make_set(plans[name], tmp_path / name, seed=3, nj=1)
        for utterance in data.utterances:
            wav = Path("wav") / f"{utterance}.wav"
            assert (tmp_path / name / wav).read_bytes() == (out / name / wav).read_bytes()
        lines = set((out / name / "phones.ctm").read_text().splitlines())
        assert set((tmp_path / name / "phones.ctm").read_text().splitlines()) <= lines


def test_sizes() -> None:
    plans = {plan.name: plan for plan in plan_sets(SIZES["mini"])}
    assert list(plans) == SETS
    assert len(plans["train"].speakers) == 110 and len(plans["test_trials_f"].speakers) == 20
    assert (plans["dev_trials_f"].first, plans["dev_trials_f"].last) == (5, 13)
    larger = {plan.name: plan for plan in plan_sets(SIZES["attack"])}
    assert {name: plan for name, plan in larger.items() if name != "attacker"} == plans
    assert len(set(larger["attacker"].speakers)) == 800
    everybody = [
        speaker for name in ("attacker", "train", "dev_enrolls", "test_enrolls") for speaker in larger[name].speakers
    ]
    assert len(set(everybody)) == len(everybody), "voices of no other part"
    for count in (3, 2, 200):
        with pytest.raises(ValueError, match=f"dev_speakers={count}: expected an even number from 4 to 198"):
            plan_sets(Sizes(4, 1, count, 4, 1, 1))


def test_genders_differ_as_in_adults() -> None:
    """Base of the F0 range and first formant's factor, warp included, over 100 speakers."""

    def voices(gender: str) -> tuple[np.ndarray, np.ndarray]:
        speakers = [draw_speaker(0, f"{gender}{number:03d}") for number in range(100)]
        f0 = [float(one.variant.split("pitch ")[1].split()[0]) * one.warp for one in speakers]
        formant = [float(one.variant.split("formant 2 ")[1].split()[0]) * one.warp for one in speakers]
        return np.array(f0), np.array(formant)

    (f0_f, formant_f), (f0_m, formant_m) = voices("f"), voices("m")
    assert 1.6 < np.median(f0_f) / np.median(f0_m) < 2.0
    assert 1.12 < np.median(formant_f) / np.median(formant_m) < 1.2
    assert formant_f.min() < formant_m.max()  # realistic overlap
    assert draw_speaker(0, "f001") == draw_speaker(0, "f001") != draw_speaker(1, "f001")
