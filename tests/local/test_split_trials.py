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
