"""What a data dir says of itself: by its file, else by the challenges' convention of names."""

from pathlib import Path

import pytest

from pseudovox.core.errors import DataError
from pseudovox.corpora.evaluation import evaluation_sets
from pseudovox.data.datadir import DataDir, Origin, origin


@pytest.mark.parametrize(
    ("name", "system", "expected"),
    [
        ("test_trials_f", "", Origin("test_trials_f", "test", role="trials")),
        ("test_enrolls", "", Origin("test_enrolls", "test", role="enrolls")),
        ("dev_trials_m_vq_48", "vq_48", Origin("dev_trials_m", "dev", "vq_48", "trials")),
        ("real", "", Origin("real", "real")),
        ("eval_pca_gmm", "pca_gmm", Origin("eval", "eval", "pca_gmm")),
        ("vctk_dev_trials_f_common", "", Origin("vctk_dev_trials_f_common", "vctk_dev_common", role="trials")),
        ("vctk_dev_trials_m_common_x", "x", Origin("vctk_dev_trials_m_common", "vctk_dev_common", "x", "trials")),
        ("dev_trials_f_commonplace", "", Origin("dev_trials_f_commonplace", "dev", role="trials")),
        ("my_trials", "", Origin("my_trials", "my", role="trials")),
        ("enrolls", "", Origin("enrolls", "enrolls")),
    ],
)  # fmt: skip
def test_names_by_convention(name: str, system: str, expected: Origin) -> None:
    assert origin.conventional(name, system) == expected


def test_the_file_wins_and_goes_with_what_is_made_of_anonymized_speech(tiny_data: DataDir) -> None:
    assert tiny_data.origin == Origin("tiny", "tiny") and tiny_data.own_origin is None
    said = Origin("eval", "of summer", "pca_gmm", "trials")
    tiny_data.own_origin = said
    tiny_data.write("data/any")
    read = DataDir.load("data/any")
    assert read.origin == said == read.subset(read.utterances[:2], "x").origin == read.with_audio({}, {}, "x").origin
    combined, _ = DataDir.combine([read.subset(read.utterances[:2]), read.subset(read.utterances[2:])], "x")
    assert combined.origin == said
    # In the place of a dir that said what it was, one that does not.
    read.own_origin = None
    read.write()
    assert not Path("data/any/origin").exists() and DataDir.load("data/any").origin == Origin("any", "any")


def test_original_speech_under_another_name_is_another_set(tiny_data: DataDir) -> None:
    tiny_data.path = Path("data/eval_trials_f")
    tiny_data.own_origin = Origin("eval_trials_f", "summer", role="trials")
    assert tiny_data.subset(tiny_data.utterances[:2]).origin == tiny_data.own_origin
    assert tiny_data.subset(tiny_data.utterances[:2], "data/quick").origin == Origin("quick", "quick")
    tiny_data.path = Path("data/moved")  # the folder was renamed by hand: its voices are drawn for its name
    assert tiny_data.origin == Origin("moved", "summer", role="trials")
    assert tiny_data.origin.anonymized("s") == Origin("moved", "summer", "s", "trials")


def test_a_file_of_that_name_in_a_folder_that_is_no_data_dir_stays(tiny_data: DataDir) -> None:
    Path("notes").mkdir()
    Path("notes/origin").write_text("of the recordings\n")
    tiny_data.write("notes")
    assert Path("notes/origin").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("source a\nset b\nplace c\n", r"data/tiny/origin:3: 'place c': expected source, set, system or role"),
        ("source a\nsource b\n", r"origin:2: 'source b'"),
        ("source a\nset\n", r"origin:2: 'set'"),
        ("source a\nset b\nrole test\n", r"origin:3: 'role test'"),
        ("source a\n", r"data/tiny/origin: source or set is missing"),
    ],
)
def test_a_line_that_is_not_understood_is_named(tiny_data: DataDir, content: str, message: str) -> None:
    tiny_data.write()
    Path(tiny_data.path, "origin").write_text(content)
    with pytest.raises(DataError, match=message) as raised:
        DataDir.load(tiny_data.path)
    assert "rm data/tiny/origin" in str(raised.value.hint) or "rm data/tiny/origin" in str(raised.value)
    Path(tiny_data.path, "origin").unlink()  # the hint, obeyed
    assert DataDir.load(tiny_data.path).origin.set == "tiny"


def test_blanks_behind_a_value_are_none_of_it(tiny_data: DataDir) -> None:
    tiny_data.write()
    Path(tiny_data.path, "origin").write_text("source  a \nset\tb c\t\n")
    assert origin.read(tiny_data.path) == Origin("a", "b c")


def test_enrolment_and_trials_are_of_the_set_they_were_split_from() -> None:
    speakers = {f"{name}-{take}": name for name in ("f1", "f2", "m1", "m2") for take in "ab"}
    tables = {"utt2spk": speakers, "spk2gender": {speaker: speaker[0] for speaker in speakers.values()}}
    data = DataDir("data/summer_trials_2020", tables)  # a name that the convention misunderstands
    made = evaluation_sets(data, 0.5, 1)
    assert made.keys() == {f"summer_trials_2020_{end}" for end in ("enrolls", "trials_f", "trials_m")}
    assert {part.origin.set for part in made.values()} == {"summer_trials_2020"}
    assert {part.origin.role for part in made.values()} == {"enrolls", "trials"}
    data.own_origin = Origin("summer", "summer", "sys")
    assert {part.origin.system for part in evaluation_sets(data, 0.5, 1).values()} == {"sys"}
    assert made["summer_trials_2020_enrolls"].origin.speech_set == "summer_trials_2020_enrolls"


@pytest.mark.parametrize(
    ("name", "group"), [("test_trials_m", "m"), ("test_trials_f_common", "f"), ("test", "all"), ("a_trials", "all")]
)
def test_group_by_convention(name: str, group: str) -> None:
    assert origin.conventional_group(name) == group
