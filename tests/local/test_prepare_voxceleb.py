"""VoxCeleb 1 and 2: stand-in trees in their exact layouts, the official lists, and likely damages."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora.voxceleb import find_parts, read_genders, read_part, read_trials
from pseudovox.data.datadir import DataDir

SCRIPT = "local/prepare_voxceleb.py"
VIDEO = "-x6uYqmx_1k"  # names of videos may begin with a hyphen
HEAD1 = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"
HEAD2 = "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set "


@pytest.fixture
def first(tmp_path: Path) -> Path:
    root = tmp_path / "VoxCeleb1"
    for part, speaker in (("dev", "id10001"), ("test", "id10270"), ("test", "id10271")):
        put_audio(*(root / part / "wav" / speaker / VIDEO / f"0000{number}.wav" for number in (1, 2)))
    put_text(
        root / "vox1_meta.csv", HEAD1, "id10001\tA.J._Buckley\tm\tIreland\tdev",
        "id10270\tEartha_Kitt\tf\tUSA\ttest", "id10271\tEd_Westwick\tm\tUK\ttest",
    )  # fmt: skip
    put_text(
        tmp_path / "veri_test2.txt",
        f"1 id10270/{VIDEO}/00001.wav id10270/{VIDEO}/00002.wav",
        f"0 id10270/{VIDEO}/00001.wav id10271/{VIDEO}/00001.wav",
        f"0 id10271/{VIDEO}/00002.wav id10270/{VIDEO}/00002.wav",
    )
    return root


@pytest.fixture
def second(tmp_path: Path) -> Path:
    root = tmp_path / "VoxCeleb2"
    for part, speaker in (("dev", "id00012"), ("test", "id00017"), ("test", "id04170")):
        put_audio(root / part / "aac" / speaker / VIDEO / "00001.wav")
    put_text(tmp_path / "vox2_meta.csv", HEAD2, "id00012 ,n000012 ,m ,dev ", "id00017 ,n000017 ,f ,test ")
    return root


def test_first_and_its_trials(first: Path, tmp_path: Path, prepared: Callable[..., Path]) -> None:
    out = prepared(SCRIPT, first, "--trials", tmp_path / "veri_test2.txt", text=False)
    assert {path.name for path in out.iterdir()} == {"vox1_dev", "vox1_test", "veri_test2_enrolls", "veri_test2_trials"}
    test = DataDir.load(out / "vox1_test")
    assert test.spk2gender == {"id10270": "f", "id10271": "m"}
    assert test.utterances[0] == f"id10270-{VIDEO}-00001" and len(test.utterances) == 4
    enrolls, trials = DataDir.load(out / "veri_test2_enrolls"), DataDir.load(out / "veri_test2_trials")
    # Each enrolled file is a model of its own.
    assert enrolls.speakers == enrolls.enrolls == [f"id10270-{VIDEO}-00001", f"id10271-{VIDEO}-00002"]
    assert enrolls.spk2gender == {f"id10270-{VIDEO}-00001": "f", f"id10271-{VIDEO}-00002": "m"}
    assert trials.speakers == ["id10270", "id10271"] and len(trials.utterances) == 2
    assert [(trial.speaker[:7], trial.utterance[:7], trial.target) for trial in trials.trials] == [
        ("id10270", "id10270", True), ("id10270", "id10271", False), ("id10271", "id10270", False),
    ]  # fmt: skip
    trials.check_trials(enrolls)


def test_a_changed_list_is_noticed(
    first: Path, tmp_path: Path, program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    names = tmp_path / "veri_test2.txt"
    assert program(SCRIPT, "--part", "test", "--trials", names, first, tmp_path / "out").returncode == 0
    names.write_text("".join(reversed(names.read_text().splitlines(keepends=True))))
    changed = program(SCRIPT, "--part", "test", "--trials", names, first, tmp_path / "out")
    assert changed.returncode == 3 and "veri_test2_trials: was made with other settings" in changed.stderr


def test_second(second: Path, prepared: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    out = prepared(SCRIPT, second, text=False)
    assert DataDir.load(out / "vox2_dev").spk2gender == {"id00012": "m"}
    assert DataDir.load(out / "vox2_test").speakers == ["id00017"]
    table = second.parent / "vox2_meta.csv"
    with caplog.at_level("WARNING", "pseudovox"):
        read_part(second / "test" / "aac", read_genders(table), table)
    assert "id04170: left out" in caplog.text


def test_m4a_must_be_converted(second: Path) -> None:
    table = second.parent / "vox2_meta.csv"
    folder = second / "dev" / "aac"
    (folder / "id00012" / VIDEO / "00001.m4a").write_bytes(b"beside what it was converted to")
    assert len(read_part(folder, read_genders(table), table)) == 1
    (folder / "id00012" / VIDEO / "00001.wav").unlink()
    with pytest.raises(DataError, match=r"00001\.m4a: m4a files cannot be read") as caught:
        read_part(folder, read_genders(table), table)
    command = f"find {folder} -name '*.m4a' -exec sh -c 'ffmpeg -nostdin -i \"$1\" -ac 1 -ar 16000 \"${{1%.m4a}}.wav\"'"
    assert caught.value.hint == command + " _ {} \\;"


def test_merged_parts(tmp_path: Path) -> None:
    put_audio(tmp_path / "wav" / "id10001" / VIDEO / "00001.wav")
    assert find_parts(tmp_path) == {"all": tmp_path / "wav"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEAD1, "id10001\tx\tq\tUSA\tdev"], r"meta\.csv:2: gender 'q', expected F or M"),
        ([HEAD1, "x10001\tx\tm\tUSA\tdev"], r"meta\.csv:2: expected `id<5 digits>"),
        ([HEAD1, "id10001\tx\tm", "id10001\tx\tm"], r"meta\.csv:3: speaker id10001 stands twice"),
        (["id10001\tx\tm\tUSA\tdev"], r"meta\.csv:1: expected a head with a column Gender"),
        ([HEAD1, "id10002\tx\tm\tUSA\tdev"], r"id10001: speaker id10001 is not in .*meta\.csv"),
    ],
)
def test_tables_that_are_refused(first: Path, lines: list[str], message: str) -> None:
    put_text(first / "vox1_meta.csv", *lines)
    with pytest.raises(DataError, match=message):
        read_part(first / "dev" / "wav", read_genders(first / "vox1_meta.csv"), first / "vox1_meta.csv")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 id10270/v/00001.wav", r"list:2: expected `<0\|1>"),
        ("target id10270/v/00001.wav id10270/v/00002.wav", r"list:2: expected `<0\|1>"),
        ("1 id10270/../00001.wav /etc/passwd", r"list:2: expected `<0\|1>"),
        ("1 id10270/v/00001.wav id10271/v/00002.wav", r"list:2: label 1 for id10270 and id10271"),
        ("1 id10270/v/00001.wav id10270/v/00002.wav", r"list: expected trials of both kinds"),
    ],
)
def test_lists_that_are_refused(tmp_path: Path, line: str, message: str) -> None:
    put_text(tmp_path / "list", "1 id10270/v/00001.wav id10270/v/00003.wav", line)
    with pytest.raises(DataError, match=message):
        read_trials(tmp_path / "list")


def test_what_is_missing(first: Path, tmp_path: Path, program: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    def refused(code: int, message: str, *options: object) -> None:
        failed = program(SCRIPT, *options, first, tmp_path / "out")
        assert failed.returncode == code and message in failed.stderr and "Traceback" not in failed.stderr, (
            failed.stderr
        )

    refused(4, "no part all; found dev, test", "--part", "all")
    refused(3, "is not among the recordings", "--part", "dev", "--trials", tmp_path / "veri_test2.txt")
    (first / "vox1_meta.csv").unlink()
    refused(3, "vox1_meta.csv: no such file")
    with pytest.raises(MissingModelError, match="no part of VoxCeleb there"):
        find_parts(tmp_path)
    with pytest.raises(MissingModelError, match="no such folder"):
        find_parts(tmp_path / "nowhere")
