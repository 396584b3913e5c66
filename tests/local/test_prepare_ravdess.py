"""RAVDESS: the split, the trial protocol, what the reader refuses, and the real corpus where it lies."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.corpora.ravdess import Performance, performances, read_actor, split_actors
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = "local/prepare_ravdess.py"
CORPORA = Path(os.environ.get("PSEUDOVOX_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
SETS = {"train"} | {f"{part}_{kind}" for part in ("dev", "test") for kind in ("enrolls", "trials_f", "trials_m")}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Actors 1 to 10, silence of 0.1 s."""
    root = tmp_path_factory.mktemp("RAVDESS")
    soundfile.write(root / "one.wav", np.zeros(4800), 48000)
    for actor in range(1, 11):
        (root / f"Actor_{actor:02d}").mkdir()
        for performance in performances(actor):
            os.link(root / "one.wav", root / f"Actor_{actor:02d}" / f"{performance.name}.wav")
    return root


def test_names_of_an_actor() -> None:
    names = [performance.name for performance in performances(7)]
    assert len(set(names)) == 60 and names == sorted(names)
    assert names[0] == "03-01-01-01-01-01-07" and names[-1] == "03-01-08-02-02-02-07"
    assert not [name for name in names if name.startswith("03-01-01-02")]  # neutral is never strong


def test_split() -> None:
    parts = split_actors(12, 4, 8)
    assert parts == {"train": list(range(1, 13)), "dev": [13, 14, 15, 16], "test": list(range(17, 25))}
    for sizes, message in (
        ((12, 4, 10), "take 26 actors; RAVDESS has 24"), ((11, 4, 8), "train: 11 actors"), ((12, 2, 8), "dev: 2")
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            split_actors(*sizes)


def test_one_recording(root: Path) -> None:
    recording = read_actor(root, 2)[Performance(emotion=4, intensity=2, statement=2, repetition=1, actor=2)]
    assert recording.utterance == "actor02-03-01-04-02-02-01-02"
    assert (recording.speaker, recording.gender) == ("actor02", "f")
    assert recording.text == "DOGS ARE SITTING BY THE DOOR"
    assert recording.tables == {"utt2emo": "sad", "utt2intensity": "strong"}


def test_protocol_and_tables(root: Path, tmp_path: Path, program: Program) -> None:
    sizes = ("--train-actors", 2, "--dev-actors", 4, "--test-actors", 4)
    for jobs in (1, 3):
        made = program(SCRIPT, *sizes, "--nj", jobs, root, tmp_path / f"out{jobs}")
        assert made.returncode == 0, made.stderr
    sets = {name: DataDir.load(tmp_path / "out1" / name) for name in SETS}
    assert {path.name for path in (tmp_path / "out1").iterdir()} == SETS
    speakers = {part: {one for name in SETS if name.startswith(part) for one in sets[name].speakers}
                for part in ("train", "dev", "test")}  # fmt: skip
    assert sum(map(len, speakers.values())) == len(set().union(*speakers.values())) == 10
    for name, data in sets.items():
        genders = Counter(data.spk2gender.values())
        assert genders["f"] == genders["m"] or name[-2:] == f"_{data.spk2gender[data.speakers[0]]}"
        for table in ("wav.scp", "trials", "utt2dur", "utt2emo"):
            first, second = (tmp_path / f"out{jobs}" / name / table for jobs in (1, 3))
            assert first.exists() == second.exists()
            assert not first.exists() or first.read_bytes() == second.read_bytes()
    assert program("utils/validate_data_dir.py", "--no-feats", tmp_path / "out1" / "test_trials_f").returncode == 0
    for gender in "fm":
        enrolls, trials = sets["test_enrolls"], sets[f"test_trials_{gender}"]
        assert len(trials.trials) == 2 * 2 * 30
        assert {trial.speaker for trial in trials.trials} <= set(enrolls.speakers)
        for trial in trials.trials:
            assert trial.target == (trials.utt2spk[trial.utterance] == trial.speaker)
        assert not set(trials.text.values()) & set(enrolls.text.values())  # no sentence twice
    enrolls = sets["test_enrolls"]
    moods = [Counter(enrolls.table("utt2emo")[one] for one in enrolls.spk2utt[speaker]) for speaker in enrolls.speakers]
    assert all(mood == moods[0] for mood in moods)  # no emotion speaks for a speaker
    assert enrolls.enrolls == enrolls.utterances


def test_what_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="Actor_11: no such folder"):
        read_actor(root, 11)
    folder = tmp_path / "Actor_03"
    folder.mkdir()
    for performance in performances(3):
        os.link(root / "one.wav", folder / f"{performance.name}.wav")
    assert len(read_actor(tmp_path, 3)) == 60
    lost = folder / "03-01-05-01-01-02-03.wav"
    lost.rename(folder / "hidden")
    with pytest.raises(DataError, match="1 of 60 recordings are missing, the first is 03-01-05-01-01-02-03"):
        read_actor(tmp_path, 3)
    (folder / "hidden").rename(folder / "03-02-05-01-01-02-03.wav")  # a song
    with pytest.raises(DataError, match=r"03-02-05-01-01-02-03\.wav: expected 03-01-"):
        read_actor(tmp_path, 3)
    (folder / "03-02-05-01-01-02-03.wav").rename(folder / "03-01-05-01-01-02-04.wav")
    with pytest.raises(DataError, match="repetition>-03"):
        read_actor(tmp_path, 3)
    (folder / "03-01-05-01-01-02-04.wav").rename(folder / "03-01-01-01-01-01-03.flac")
    with pytest.raises(DataError, match="the same recording as"):
        read_actor(tmp_path, 3)


@pytest.mark.skipif(not (CORPORA / "RAVDESS").is_dir(), reason="RAVDESS is not there")
def test_real(tmp_path: Path, program: Program) -> None:
    made = program(SCRIPT, CORPORA / "RAVDESS", tmp_path)
    assert made.returncode == 0, made.stderr
    sets = {name: DataDir.load(tmp_path / name, need=["text", "spk2gender", "utt2emo"]) for name in SETS}
    assert sum(len(data.utterances) for data in sets.values()) == 1440
    assert len(sets["test_trials_f"].trials) == 4 * 4 * 30
    assert 5000 < sum(data.duration(one) for data in sets.values() for one in data.utterances) < 6000
