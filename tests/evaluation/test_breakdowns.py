"""Parts of a trial list: who belongs where is looked up by id, never by place."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.config import Scoring
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.evaluation import breakdowns
from pseudovox.evaluation.breakdowns import divide, rates
from pseudovox.metrics.intervals import TrialList
from pseudovox.records import Record

SPEAKERS = {"a": "f", "b": "f", "c": "m", "d": "m"}
UTT2SPK = {f"{speaker}-{n}": speaker for speaker in SPEAKERS for n in range(3)}
EMOTIONS = {utterance: ("ang", "hap", "sad")[int(utterance[-1])] for utterance in UTT2SPK}
LIST = [
    f"{speaker} {utterance} {'target' if utterance[0] == speaker else 'nontarget'}"
    for speaker in SPEAKERS
    for utterance in UTT2SPK
]
WHOLE = Record("eer", 1.0, "%", "sys", "ignorant", set="test", group="all", level="spk")


def data_dir(lines: list[str], reverse: bool = False, **tables: dict[str, str]) -> DataDir:
    tables = {"utt2spk": UTT2SPK, "spk2gender": SPEAKERS, "wav.scp": dict.fromkeys(UTT2SPK, "x"), **tables}
    if reverse:
        tables = {name: dict(reversed(table.items())) for name, table in tables.items()}
    return DataDir("data/test_trials", tables, {"trials": lines})


def scored(data: DataDir) -> TrialList:
    """Scores that depend on the ids alone."""
    number = {speaker: place for place, speaker in enumerate(sorted(SPEAKERS))}
    values = [
        np.random.default_rng([ord(trial.speaker), ord(trial.utterance[0]), int(trial.utterance[-1])]).random()
        + trial.target * 0.5
        for trial in data.trials
    ]
    return TrialList(
        np.array(values),
        np.array([trial.target for trial in data.trials]),
        np.array([number[trial.speaker] for trial in data.trials]),
        np.array([number[data.utt2spk[trial.utterance]] for trial in data.trials]),
    )


def figures(data: DataDir, by: tuple[str, ...] = ()) -> dict[str, tuple[float | None, int]]:
    return {record.group: (record.value, record.n) for record in parts_of(data, by)}


def parts_of(data: DataDir, by: tuple[str, ...] = (), rounds: int = 0) -> list[Record]:
    return rates(data, data, scored(data), WHOLE, Scoring(by=list(by), interval_rounds=rounds), seed=1)


def test_order_decides_nothing() -> None:
    # The reference evaluation of 2025 joined by the place of a speaker in a file sorted otherwise.
    plain = figures(data_dir(LIST, utt2emo=EMOTIONS))
    shuffled = [LIST[n] for n in np.random.default_rng(1).permutation(len(LIST))]
    assert figures(data_dir(shuffled, reverse=True, utt2emo=EMOTIONS)) == plain
    assert {name.partition("=")[0] for name in plain} == {"all/speaker", "all/spk2gender", "all/utt2emo"}


def test_both_speakers_of_a_trial_belong_to_the_value() -> None:
    found = figures(data_dir(LIST))
    assert found["all/spk2gender=f"][1] == found["all/spk2gender=m"][1] == 2 * 6  # of 4 x 12
    parts = {part.value: part for part in divide(data_dir(LIST), data_dir(LIST)) if part.by == "spk2gender"}
    inside = [LIST[n].split() for n in np.flatnonzero(parts["f"].inside)]
    assert {line[0] for line in inside} == {line[1][0] for line in inside} == {"a", "b"}


def test_utterances_belong_by_the_test_side() -> None:
    found = figures(data_dir(LIST, utt2emo=EMOTIONS))
    assert found["all/utt2emo=ang"][1] == 16 and found["all/speaker=a"][1] == 12


def test_any_table() -> None:
    ages = {"a": "old", "b": "young", "c": "old", "d": "young"}
    assert figures(data_dir(LIST, spk2age=ages), ("spk2age",))["all/spk2age=old"][1] == 12
    one = data_dir(LIST, utt2emo=dict.fromkeys(UTT2SPK, "neu"))
    assert not any("utt2emo" in name for name in figures(one))  # one value divides nothing


def test_missing_ids_and_tables_are_named() -> None:
    emotions = {utterance: emotion for utterance, emotion in EMOTIONS.items() if utterance != "c-1"}
    with pytest.raises(DataError, match="test_trials/utt2emo: no line for c-1"):
        figures(data_dir(LIST, utt2emo=emotions))
    with pytest.raises(DataError, match="spk2age: no line for d"):
        figures(data_dir(LIST, spk2age={"a": "1", "b": "2", "c": "3"}), ("spk2age",))
    with pytest.raises(DataError, match="spk2age"):
        figures(data_dir(LIST), ("spk2age",))
    with pytest.raises(UsageError, match=r"scoring.by: 'text': expected a table"):
        figures(data_dir(LIST), ("text",))


def test_a_part_without_targets_is_undefined() -> None:
    lines = [line for line in LIST if not (line.startswith("a ") and line.endswith(" target"))]
    assert figures(data_dir(lines))["all/speaker=a"] == (None, 9)


def test_intervals_and_table(tmp_path: Path) -> None:
    data = data_dir(LIST, utt2emo=EMOTIONS)
    found = parts_of(data, rounds=50)
    by_group = {record.group: record for record in found}
    angry = by_group["all/utt2emo=ang"]
    assert angry.value is not None and angry.ci_low is not None and angry.ci_high is not None
    assert angry.ci_low <= angry.value <= angry.ci_high and by_group["all/speaker=a"].ci_low is None
    assert len({record.key() for record in found}) == len(found) and {record.metric for record in found} == {"eer_part"}
    assert sum(map(breakdowns.is_reported, found)) == 5 and len(found) == 9
    breakdowns.write_table(tmp_path / "breakdowns.tsv", found)
    lines = [line.split("\t") for line in (tmp_path / "breakdowns.tsv").read_text().splitlines()]
    assert lines[0][-2:] == ["targets", "nontargets"] and len(lines) == len(found) + 1
    assert lines[1][:8] == ["sys", "ignorant", "", "test", "spk", "all", "speaker", "a"]
