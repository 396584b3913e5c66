"""Files of scores and trials: any order, every fault by file and line, and who speaks."""

from pathlib import Path

import numpy as np
import pytest

from pseudovox.core.errors import DataError
from pseudovox.evaluation import score_files
from pseudovox.evaluation.columns import Names
from pseudovox.evaluation.score_files import number_speakers, read_scored_trials

TRIALS = ["a a-1 target", "a b-1 nontarget", "b a-1 nontarget", "b b-1 target"]
SCORES = ["a a-1 1.5", "a b-1 -2", "b a-1 -1e-3", "b b-1 inf"]


def read(folder: Path, scores: list[str], trials: list[str], **options):  # type: ignore[no-untyped-def]
    (folder / "scores").write_text("".join(f"{line}\n" for line in scores))
    (folder / "trials").write_text("".join(f"{line}\n" for line in trials))
    return read_scored_trials(folder / "scores", folder / "trials", **options)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_any_order(tmp_path: Path, order: list[int]) -> None:
    found = read(tmp_path, [SCORES[number] for number in order], TRIALS)
    assert found.scores.tolist() == [1.5, -2, -1e-3, np.inf] and found.target.tolist() == [True, False, False, True]
    assert found.enrolled.tolist() == [0, 0, 1, 1] and found.tested.tolist() == [0, 1, 0, 1]


def test_in_any_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_files, "CHARACTERS", 1)  # a piece of each line: some as programs write them, some not
    scores = ["\u00e9 a-1 0.1", "b a-1  1e-3", "\u00e9 b-1 0.12345678901234567", "b b-1 -7"]
    trials = ["b a-1 nontarget", "\u00e9\ta-1 target", "b b-1 target", "\u00e9 b-1 nontarget"]
    found = read(tmp_path, scores, trials)
    assert found.scores.tolist() == [1e-3, 0.1, -7, 0.12345678901234567]
    assert found.enrolled.tolist() == [0, 1, 0, 1] and found.tested.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("table_to", [0, 4])
def test_many_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table_to: int) -> None:
    monkeypatch.setattr(score_files, "TABLE_TO", table_to)
    monkeypatch.setattr(score_files, "CHARACTERS", 2000)
    draw = np.random.default_rng(1)
    pairs = [f"s{one:02d} s{other:02d}-{number}" for one in range(12) for other in range(12) for number in range(9)]
    values = draw.standard_normal(len(pairs)).round(6)
    trials = [f"{pair} {'target' if pair[:3] == pair[4:7] else 'nontarget'}" for pair in pairs]
    found = read(tmp_path, [f"{pairs[number]} {values[number]}" for number in draw.permutation(len(pairs))], trials)
    assert found.scores.tolist() == values.tolist()
    assert (found.target == (found.enrolled == found.tested)).all() and found.target.sum() == 12 * 9


def test_tabs_and_many_blanks(tmp_path: Path) -> None:
    found = read(
        tmp_path, [line.replace(" ", "\t") for line in SCORES], [f"  {line.replace(' ', '   ')} " for line in TRIALS]
    )
    assert found.scores[0] == 1.5


@pytest.mark.parametrize(
    ("scores", "trials", "message"),
    [
        (SCORES[:3], TRIALS, r"trials:4: pair b b-1 has no score in .*scores \(1 such of 4 lines\)"),
        ([*SCORES, "c a-1 3"], TRIALS, r"scores:5: pair c a-1 is not a trial in .*trials \(1 such of 5 lines\)"),
        (SCORES[:2], TRIALS, r"trials:3: pair b a-1 has no score in .* \(2 such of 4 lines; line 4: b b-1\)"),
        ([*SCORES, "a a-1 3"], TRIALS, "scores:5: pair a a-1 stands twice, first in line 1"),
        (SCORES, [*TRIALS, TRIALS[1]], "trials:5: pair a b-1 stands twice, first in line 2"),
        ([*SCORES, SCORES[0]], [*TRIALS, TRIALS[0]], "trials:5: pair a a-1 stands twice"),
        (["a a-1 high", *SCORES[1:]], TRIALS, "scores:1: score 'high', expected a number"),
        ([*SCORES[:3], "b b-1 nan"], TRIALS, "scores:4: score 'nan', expected a number"),
        ([*SCORES[:3], "b b-1"], TRIALS, "scores:4: expected `speaker utterance score`, found 'b b-1'"),
        ([*SCORES[:3], "b b-1 1 2"], TRIALS, "scores:4: expected `speaker utterance score`"),
        (SCORES, [*TRIALS[:3], "b b-1 Target"], "trials:4: label 'Target', expected target or nontarget"),
        (SCORES, [*TRIALS[:3], "", TRIALS[3]], "trials:4: blank line"),
        ([], TRIALS, "scores: the file is empty"),
        (SCORES[:1], TRIALS[:1], "trials: 1 trials and not one non-target"),
        (SCORES[1:2], TRIALS[1:2], "trials: 1 trials and not one target"),
    ],
)
@pytest.mark.parametrize("characters", [1, 2**22])
@pytest.mark.parametrize("table_to", [0, 4])
def test_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: list[str], trials: list[str], message: str,
    characters: int, table_to: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(score_files, "CHARACTERS", characters)  # 1: a piece of each line
    monkeypatch.setattr(score_files, "TABLE_TO", table_to)  # 0: by sorting
    with pytest.raises(DataError, match=message):
        read(tmp_path, scores, trials)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="trials: no such file"):
        read_scored_trials(tmp_path / "scores", tmp_path / "trials")


def speakers(pairs: list[str], **options):  # type: ignore[no-untyped-def]
    ones, others, labels = zip(*(pair.split() for pair in pairs), strict=True)
    sides = []
    for names in (ones, others):
        known = Names()
        numbers = known.of(names)
        sides.append((list(known.numbers), numbers))
    found = number_speakers(sides[0], sides[1], np.array(labels) == "t", **options)
    return found[0].tolist(), found[1].tolist()


def test_impostors_go_by_the_part_of_their_id() -> None:
    # c and d are not enrolled; their utterances go together by id
    enrolled, tested = speakers(["a a-1 t", "a c-1 n", "a c-2 n", "a d_1 n"])
    assert tested[1] == tested[2] and len({enrolled[0], tested[1], tested[3]}) == 3
    assert enrolled[0] == tested[0]


def test_ids_that_contradict_the_trials_are_not_read() -> None:
    # utt is the first part of both speakers' ids, so it says nothing
    _, tested = speakers(["a utt-1 t", "b utt-2 t", "a utt-3 n", "a utt-4 n"])
    assert len(set(tested)) == 4


def test_lists_of_utterances() -> None:
    # x1 and x2 are joined by what they have in common; y is apart
    enrolled, tested = speakers(["x1 x3 t", "x2 x3 t", "y1 y2 t", "y1 x3 n"])
    assert enrolled[0] == enrolled[1] == tested[0] == tested[3] != enrolled[2] == tested[2]


def test_utt2spk() -> None:
    table = {"u1": "a", "u2": "b", "u3": "b"}
    enrolled, tested = speakers(["a u1 t", "a u2 n", "a u3 n", "u2 u3 t"], utt2spk=table)
    assert enrolled[0] == tested[0] and tested[1] == tested[2] == enrolled[3]
    with pytest.raises(DataError, match="utterance u9 is not in utt2spk"):
        speakers(["a u9 t"], utt2spk=table)
