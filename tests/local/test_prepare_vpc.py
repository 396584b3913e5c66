"""local/prepare_vpc.py on the stand-in corpora: the challenges' data dirs, official lists, and what is refused."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_text

from pseudovox.data.datadir import DataDir

Program = Callable[..., "subprocess.CompletedProcess[str]"]
SCRIPT = "local/prepare_vpc.py"


def test_librispeech(standin_corpora: Path, prepared: Callable[..., Path]) -> None:
    out = prepared(SCRIPT, standin_corpora / "LibriSpeech", "libri")
    kinds = ("enrolls", "trials_f", "trials_m")
    assert sorted(path.name for path in out.iterdir()) == [
        f"libri_{split}_{k}" for split in ("dev", "test") for k in kinds
    ]
    enrolls, trials = DataDir.load(out / "libri_dev_enrolls"), DataDir.load(out / "libri_dev_trials_f")
    trials.check_trials(enrolls)
    assert set(trials.spk2gender.values()) == {"f"} and not set(trials.utterances) & set(enrolls.utterances)
    assert len(trials.speakers) == 3 and len({trial.speaker for trial in trials.trials}) == 2


def test_it_says_loudly_what_is_not_as_published(standin_corpora: Path, tmp_path: Path, program: Program) -> None:
    made = program(SCRIPT, "--mixed", "libri", standin_corpora, tmp_path)
    assert made.returncode == 0 and (tmp_path / "libri_test_trials_mixed" / "trials").is_file()
    assert "libri_dev: NOT the official lists (data.lists is not set)" in made.stderr
    assert "libri_dev_enrolls: NOT as published: 8 utterances (published 343)" in made.stderr
    assert "libri_dev_trials_mixed: NOT as published: " in made.stderr


def test_unions(standin_corpora: Path, prepared: Callable[..., Path]) -> None:
    out = prepared(SCRIPT, standin_corpora / "VCTK-Corpus-0.92", "--unions", "vctk")
    ends = ("f", "f_all", "f_common", "m", "m_all", "m_common")
    names = [f"vctk_{split}_{kind}" for split in ("dev", "test") for kind in
             ("asr", "enrolls", "trials_all", *(f"trials_{end}" for end in ends))]  # fmt: skip
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    loaded = {name.removeprefix("vctk_dev_"): DataDir.load(out / name) for name in names if "_dev_" in name}
    own = {end: set(loaded[f"trials_{end}"].utterances) for end in ends}
    assert own["f_all"] == own["f"] | own["f_common"] and not own["f"] & own["f_common"]
    everything = own["f_all"] | own["m_all"]
    assert set(loaded["asr"].utterances) == set(loaded["trials_all"].utterances) == everything
    assert len(loaded["trials_all"].trials) == sum(len(loaded[f"trials_{e}"].trials) for e in ("f_all", "m_all"))
    assert all(name.endswith("_mic2") for name in everything)


@pytest.mark.parametrize("new", [False, True])
def test_official_lists_are_taken(new: bool, standin_corpora: Path, tmp_path: Path, program: Program) -> None:
    program(SCRIPT, "libri", standin_corpora, tmp_path / "drawn")
    enrolls = DataDir.load(tmp_path / "drawn/libri_dev_enrolls").enrolls
    lists = tmp_path / "lists"
    place = {old: f"libri_dev_{old}/{name}" if new else f"libri_dev/{old}"
             for old, name in (("enrolls", "enrolls"), ("trials_f", "trials"), ("trials_m", "trials"))}  # fmt: skip
    put_text(lists / place["enrolls"], f"{enrolls[0]} /some/path.wav", *enrolls[1:])
    for gender in "fm":
        lines = DataDir.load(tmp_path / f"drawn/libri_dev_trials_{gender}").lists["trials"]
        put_text(lists / place[f"trials_{gender}"], *lines[::-1])
    made = program(SCRIPT, "--set", f"data.lists={lists}", "libri", standin_corpora, tmp_path / "out")
    assert made.returncode == 0, made.stderr
    assert "libri_dev: NOT the official lists" not in made.stderr
    assert f"libri_test: NOT the official lists ({lists} has none)" in made.stderr
    drawn, taken = (DataDir.load(tmp_path / folder / "libri_dev_trials_f") for folder in ("drawn", "out"))
    assert taken.utterances == drawn.utterances and taken.lists["trials"] == drawn.lists["trials"][::-1]

    (lists / place["trials_m"]).unlink()
    made = program(SCRIPT, "--set", f"data.lists={lists}", "libri", standin_corpora, tmp_path / "out")
    assert made.returncode == 3 and "no list trials_m of libri_dev" in made.stderr
    put_text(lists / place["trials_m"], "84 84-1-0000 yes")
    made = program(SCRIPT, "--set", f"data.lists={lists}", "libri", standin_corpora, tmp_path / "out")
    assert made.returncode == 3 and ":1: expected `speaker utterance target|nontarget`" in made.stderr
    put_text(lists / place["trials_m"], "84 84-1-0000 target")
    made = program(SCRIPT, "--set", f"data.lists={lists}", "libri", standin_corpora, tmp_path / "out")
    assert made.returncode == 3 and "libri_dev_trials_m: 84-1-0000 is listed and not in the corpus" in made.stderr


def test_iemocap(standin_corpora: Path, prepared: Callable[..., Path], tmp_path: Path, program: Program) -> None:
    root = standin_corpora / "IEMOCAP_full_release"
    out = prepared(SCRIPT, root, "iemocap")
    dev, test = (DataDir.load(out / f"IEMOCAP_{split}") for split in ("dev", "test"))
    assert set(dev.spk2gender.values()) == {"f"} and set(test.spk2gender.values()) == {"m"}
    assert set(dev.table("utt2emo").values()) == {"ang", "hap", "neu", "sad"}
    assert set(dev.table("spk2fold").values()) == set("12345")
    # The organisers' dirs decide, whatever their ids look like.
    put_text(tmp_path / "lists/IEMOCAP_dev/utt2spk", *(f"{one.partition('-')[2]} x" for one in test.utterances))
    put_text(tmp_path / "lists/IEMOCAP_test/utt2spk", *(f"{one} x" for one in dev.utterances))
    made = program(SCRIPT, "--set", f"data.lists={tmp_path / 'lists'}", "iemocap", root, tmp_path / "taken")
    assert made.returncode == 0 and "NOT" not in made.stderr, made.stderr
    assert DataDir.load(tmp_path / "taken/IEMOCAP_dev").utterances == test.utterances
