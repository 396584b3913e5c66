"""recipes/mini at its smallest size, from making speech to the table, as a user runs it: the integration test."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir

ROOT = Path(__file__).resolve().parents[2]
RAN = "done in"


def run(folder: Path, *arguments: str, nj: int = 2) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "run.sh"), "--set", "size=smoke", "--nj", str(nj), "--device", "cpu"]
    command += ["--data-dir", str(folder / "data"), "--exp-dir", str(folder / "exp"), *arguments]
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
    return subprocess.run(command, capture_output=True, text=True, timeout=1500, env=environment)


def digests(folder: Path) -> dict[str, str]:
    """Content of every file but for logs and markers, with the folder's own name taken out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not {"log", "tensorboard", "report"} & set(path.parts) and path.name != ".done.json":
            content = path.read_bytes().replace(str(folder).encode(), b"")
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a whole run, and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    done = run(folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return folder, done.stdout + done.stderr


def test_ends_with_a_table_that_explains_itself(smoke: tuple[Path, str]) -> None:
    folder, printed = smoke
    assert "Higher = the attacker fails more often" in printed and "pca_gmm" in printed
    records = json.loads((folder / "exp/report/results.json").read_text())["records"]
    found = {(record["system"], record["attacker"], record["metric"]) for record in records}
    for attacker in ("ignorant", "lazy-informed", "semi-informed", "informed"):
        assert ("pca_gmm", attacker, "eer") in found
    trainings = {record["training"] for record in records if record["attacker"] == "semi-informed"}
    assert trainings == {"continued", "scratch"}
    assert {("pca_gmm", "", metric) for metric in ("voice_distinctiveness_gain", "deid")} <= found
    assert ("original", "original", "eer") in found and ("original", "", "wer") in found
    trainings = {(record["system"], record["training"]) for record in records if record["metric"] == "wer"}
    assert {("original", ""), ("pca_gmm", ""), ("pca_gmm", "anonymized")} <= trainings
    assert "WER all, retrained" in printed
    assert (folder / "exp/report/RESULTS.md").is_file()
    made = {str(path.relative_to(folder / "exp")) for path in (folder / "exp").rglob("*")}
    assert made >= {
        "report/results.tex", "report/similarity.svg", "report/map.svg", "report/vpc/pca_gmm/results.txt",
        "report/vpc/result_for_rank_pca_gmm", "tensorboard/pca_gmm/events.out.tfevents.results",
    }  # fmt: skip


def test_every_utterance_comes_out_as_long_as_it_went_in(smoke: tuple[Path, str]) -> None:
    folder, _ = smoke
    for name in ("train", "test_enrolls", "test_trials_f"):
        before, after = DataDir.load(folder / "data" / name), DataDir.load(folder / "data" / f"{name}_pca_gmm")
        assert after.utterances == before.utterances
        assert after.lists.keys() == before.lists.keys() and after.utt2spk == before.utt2spk
        assert all(abs(after.duration(utt) - before.duration(utt)) < 0.01 for utt in before.utterances)
    pseudo = read_scp(folder / "exp/pca_gmm/pseudo/train/pseudo_xvector.scp")
    by_utterance = {pseudo[utterance].tobytes() for utterance in pseudo}
    assert len(by_utterance) == len(pseudo), "the attacker's training speech is anonymized by utterance"
    enrolls = DataDir.load(folder / "data/test_enrolls")
    pseudo = read_scp(folder / "exp/pca_gmm/pseudo/test_enrolls/pseudo_xvector.scp")
    assert len({pseudo[utterance].tobytes() for utterance in pseudo}) == len(enrolls.speakers)


def test_second_run_skips_everything_quickly(smoke: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = smoke
    before = digests(folder)
    started = time.monotonic()
    again = run(folder)
    seconds = time.monotonic() - started
    assert again.returncode == 0, again.stderr
    # What makes skipping fast: nothing of what works is imported (a timed test would measure the machine).
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    # (Where faster-whisper is, but none of its weights, the judge looks for them each time.)
    watched = run(folder, "--stop-stage", "asr" if find_spec("faster_whisper") else "utility")
    assert "| pseudovox.stage" in watched.stderr
    assert not re.search(r"\| +(torch|numpy|soundfile|submitit)$", watched.stderr, re.MULTILINE)
    ran = [line for line in again.stderr.splitlines() if RAN in line and not re.search("/(report|tensorboard):", line)]
    assert ran == [] and digests(folder) == before
    print(f"second run: {seconds:.1f} s")


def test_only_what_was_deleted_is_made_again(smoke: tuple[Path, str]) -> None:
    folder, _ = smoke
    before = digests(folder / "data")
    victim = sorted((folder / "data/test_trials_f_pca_gmm/wav").glob("*.wav"))[0]
    victim.unlink()
    again = run(folder, "--stage", "9", "--stop-stage", "synthesize")
    assert again.returncode == 0, again.stderr
    assert [line.split(":")[0] for line in again.stderr.splitlines() if RAN in line] == [
        str(folder / "data/test_trials_f_pca_gmm")
    ]
    assert digests(folder / "data") == before


def test_number_of_jobs_does_not_show(smoke: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = smoke
    other = tmp_path / "one"
    (other / "data").mkdir(parents=True)
    # The same models, everything else anew with one job.
    again = run(other, "--stage", "0", "--stop-stage", "0", nj=1)
    assert again.returncode == 0, again.stderr
    again = run(other, "--stage", "4", "--stop-stage", "9", "--set", f"models={folder / 'exp/models'}", nj=1)
    assert again.returncode == 0, again.stderr
    two, one = digests(folder), digests(other)
    compared = [name for name in one if name.startswith("data/") or "pseudo" in name]
    assert compared and [name for name in compared if one[name] != two[name]] == []
