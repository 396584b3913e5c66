"""The challenge recipes: every command at full size, and, marked slow, from stage 0 to the report on stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pseudovox import config as configuration

ROOT = Path(__file__).resolve().parents[2]
GENDERS, SPLITS = ("f", "m"), ("dev", "test")
TRAINING = {
    "train-clean-100", "train-other-500", "train-clean-360", "libritts_train-clean-100", "libritts_train-other-500",
    "vox1_dev",
}  # fmt: skip
EMOTION = {"IEMOCAP_dev", "IEMOCAP_test"}


def libri(*kinds: str) -> set[str]:
    return {f"libri_{split}_{kind}" for split in SPLITS for kind in kinds}


def vctk(*kinds: str) -> set[str]:
    return {f"vctk_{split}_{kind}" for split in SPLITS for kind in kinds}


# The data dirs, as the challenges name them, that stage 0 makes beside those of the training speech.
OLD = libri("enrolls", "trials_f", "trials_m", "trials_all", "asr") | vctk(
    "enrolls", "asr", "trials_all", *(f"trials_{gender}{end}" for gender in GENDERS for end in ("", "_common", "_all"))
)
SETS = {
    "vpc2020": OLD,
    "vpc2022": OLD,
    "vpc2024": libri("enrolls", "trials_f", "trials_m") | EMOTION,
    "vpc2026_track1": libri("enrolls", "trials_mixed") | EMOTION,
}
# Which systems prove which recipe; pca_gmm goes through all stages, b1 is the challenges' x-vector baseline.
PROVED = {
    "vpc2020": ["mcadams_2020"],
    "vpc2022": ["mcadams_2022", "b1"],
    "vpc2024": ["pca_gmm", "asrbn"],
    "vpc2026_track1": ["mcadams_vpc2024"],
}


def run(recipe: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "run.sh"), "--recipe", recipe, "--device", "cpu", *arguments]
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
    return subprocess.run(command, capture_output=True, text=True, timeout=1500, env=environment)


@pytest.mark.parametrize("recipe", SETS)
def test_dry_run_at_full_size_shows_every_command(recipe: str) -> None:
    """Without any corpus: every stage has a heading and commands, and every set is read by some."""
    shown = run(recipe, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    stages = shown.stdout.split("\n== stage ")[1:]
    assert len(stages) == 16 and all("\n$ " in stage for stage in stages[:-1])  # nothing is given away (stage publish)
    config = configuration.compose(recipe)
    for kind in ("train", "xvector", "synthesizer", "pool", "attacker", "trials", "emotion"):
        for name in " ".join(getattr(config.sets, kind)).split():
            assert f"data/{recipe}/{name} " in shown.stdout, (kind, name)
    for system in config.systems:
        assert f"data/{recipe}/libri_test_enrolls_{system} " in shown.stdout
        assert (
            f"--attacker semi-informed --training {config.attacks.semi_informed[0]} --system {system}" in shown.stdout
        )
    assert {name for pair in config.sets.trials for name in pair.split()} | {*config.sets.emotion} <= SETS[recipe]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SETS)
def test_runs_on_stand_ins_from_corpora_to_the_report(recipe: str, standin_corpora: Path, tmp_path: Path) -> None:
    systems = PROVED[recipe]
    settings = ["size=smoke", f"data.corpora={standin_corpora}"]
    made = SETS[recipe] | TRAINING
    if recipe == "vpc2026_track1":  # and without the corpus that one must ask for
        settings.append("data.roots.iemocap=/nowhere")
        made -= EMOTION
    folders = ("--data-dir", str(tmp_path / "data"), "--exp-dir", str(tmp_path / "exp"))
    options = [word for setting in settings for word in ("--set", setting)]
    done = run(recipe, "--system", ",".join(systems), "--nj", "2", *folders, *options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "NOT the official lists" in done.stderr and "NO DATA for vox2_dev, vox2_test" in done.stderr
    assert ("NO DATA for IEMOCAP_dev, IEMOCAP_test" in done.stderr) == (recipe == "vpc2026_track1")
    there = {path.name for path in (tmp_path / "data").iterdir()}
    assert {name for name in there if not name.endswith(tuple(f"_{system}" for system in systems))} == made

    records = json.loads((tmp_path / "exp/report/results.json").read_text())["records"]
    tested = {"libri_dev", "libri_test"}
    if recipe in ("vpc2020", "vpc2022"):
        tested |= {"vctk_dev", "vctk_test", "vctk_dev_common", "vctk_test_common"}
    for system in systems:
        config = configuration.compose(recipe, system, ["size=smoke"])
        own = [record for record in records if record["system"] == system]
        figures = {(record["metric"], record["attacker"], record["set"]) for record in own}
        attackers = ("ignorant", "lazy-informed", "semi-informed")
        assert {("eer", attacker, name) for attacker in attackers for name in tested} <= figures
        assert {("wer", "", name) for name in tested} <= figures
        assert (("uar", "", "IEMOCAP_test") in figures) == (recipe == "vpc2024")
        levels = {record["level"] for record in own if record["metric"] == "eer"}
        assert levels == {config.levels.of("libri_dev_enrolls")} == {"spk" if recipe < "vpc2024" else "utt"}
        trainings = {record["training"] for record in own if record["metric"] == "wer"}
        assert ("anonymized" in trainings) == (recipe == "vpc2022")
        assert (tmp_path / f"exp/report/vpc/result_for_rank_{system}").is_file()
        assert (tmp_path / f"exp/report/vpc/{system}/results.txt").is_file()
