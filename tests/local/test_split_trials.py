"""Enrolment and trials from a data dir: who enrols, the full cross of a gender, what cannot be split."""

import pytest

from pseudovox.core.errors import DataError
from pseudovox.corpora.evaluation import evaluation_sets
from pseudovox.data.datadir import DataDir


def speech(counts: dict[str, int]) -> DataDir:
    """A data dir `all` of speakers f1, m1, ... with so many utterances each."""
    names = [(f"{speaker}-{number}", speaker) for speaker, count in counts.items() for number in range(count)]
    return DataDir(
        "data/all",
        {
            "wav.scp": {utterance: f"{utterance}.wav" for utterance, _ in names},
            "utt2spk": dict(names),
            "spk2gender": {speaker: speaker[0] for speaker in counts},
        },
    )


def test_half_of_each_speaker_enrols_and_the_rest_is_tried_within_the_gender() -> None:
    data = speech({"f1": 4, "f2": 5, "m1": 2, "m2": 10})
    sets = evaluation_sets(data, 0.5, seed=1)
    assert list(sets) == ["all_enrolls", "all_trials_f", "all_trials_m"]
    enrolment, women, men = sets.values()
    assert {speaker: len(names) for speaker, names in enrolment.spk2utt.items()} == {"f1": 2, "f2": 2, "m1": 1, "m2": 5}
    assert enrolment.lists["enrolls"] == enrolment.utterances
    tried = {*women.utterances, *men.utterances}
    assert tried | set(enrolment.utterances) == set(data.utterances) and not tried & set(enrolment.utterances)
    assert len(women.trials) == 2 * 5 and len(men.trials) == 2 * 6
    assert sum(trial.target for trial in women.trials) == 5
    assert evaluation_sets(data, 0.5, seed=1)["all_enrolls"].utterances == enrolment.utterances
    assert evaluation_sets(data, 0.5, seed=2)["all_enrolls"].utterances != enrolment.utterances
    fewest, most = (evaluation_sets(data, share, seed=1)["all_enrolls"].spk2utt for share in (0.01, 0.99))
    assert [len(names) for names in fewest.values()] == [1, 1, 1, 1]
    assert [len(names) for names in most.values()] == [3, 4, 1, 9], "one of each is left to be tried"


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"f1": 1, "f2": 3}, "speaker f1 has one utterance.*\n.*spk-list"),
        ({"f1": 3, "f2": 3, "m1": 4}, "one speaker of gender m: no non-target trials"),
    ],
)
def test_what_cannot_be_split_is_named(counts: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluation_sets(speech(counts), 0.5, seed=1)


def test_genders_are_needed() -> None:
    data = speech({"f1": 2, "f2": 2})
    del data.tables["spk2gender"]
    with pytest.raises(DataError, match="lacks the file spk2gender"):
        evaluation_sets(DataDir("data/all", data.tables), 0.5, seed=1)


def test_a_number_of_each_speaker_enrols_and_one_list_crosses_all_genders() -> None:
    """SpAnE's sets of LibriSpeech: 20 enrol, up to 20 are tried, every trial against every speaker."""
    counts = {f"{gender}{number}": 62 for gender in "fm" for number in range(20)} | {"f0": 39, "m7": 32}
    sets = evaluation_sets(speech(counts), 20, seed=1, tried=20, mixed=True, name="libri_test")
    assert list(sets) == ["libri_test_enrolls", "libri_test_trials_mixed"]
    enrolment, trials = sets.values()
    assert {len(names) for names in enrolment.spk2utt.values()} == {20}
    assert (len(enrolment.utterances), len(trials.utterances), len(trials.trials)) == (800, 791, 31_640)
    assert sum(trial.target for trial in trials.trials) == 791
    assert (trials.origin.set, trials.origin.role) == ("libri_test", "trials")
    assert not set(trials.utterances) & set(enrolment.utterances)
    assert [len(trials.spk2utt[speaker]) for speaker in ("f0", "m7", "m8")] == [19, 12, 20]


def test_chosen_utterances_take_the_place_of_draws() -> None:
    data = speech({"f1": 3, "f2": 3, "m1": 3})
    sets = evaluation_sets(data, 0.5, seed=1, mixed=True, chosen=(["f1-0", "m1-1"], ["m1-0", "f1-2"]))
    assert sets["all_enrolls"].utterances == ["f1-0", "m1-1"] and len(sets["all_trials_mixed"].trials) == 4
    with pytest.raises(DataError, match="speaker f2 is tried, and none of its utterances enrols"):
        evaluation_sets(data, 0.5, seed=1, mixed=True, chosen=(["f1-0", "m1-1"], ["f2-0"]))


def test_long_utterances_are_left_out(tiny_data: DataDir, program) -> None:  # type: ignore[no-untyped-def]
    done = program(
        "local/split_trials.py", "--longest", 0.75, "--enrol", 2, "--tried", 1, "--mixed", "data/tiny", "data"
    )
    assert done.returncode == 0, done.stderr
    enrolment, trials = (DataDir.load(f"data/tiny_{name}") for name in ("enrolls", "trials_mixed"))
    assert len(enrolment.utterances) == 6 and len(trials.utterances) == 3 and len(trials.trials) == 9
    assert not [name for name in (*enrolment.utterances, *trials.utterances) if name.endswith("-3")]
    for options in (("--enrol", 1.5), ("--enrol", 0), ("--tried", -1)):
        assert program("local/split_trials.py", *options, "data/tiny", "data").returncode == 2
