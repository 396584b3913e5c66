"""Files of scores and trials, anybody's: read, matched pair by pair, and turned into arrays.

    scores   <speaker> <utterance> <score>
    trials   <speaker> <utterance> target|nontarget

Lines stand in any order, with blanks or tabs between; both files must hold the same pairs, each once. Names become
numbers as they are read, so that millions of trials take no more than their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.core.errors import DataError
from pseudovox.core.files import blank_line, read_text
from pseudovox.evaluation.columns import Column, Names, plain_columns
from pseudovox.metrics.intervals import TrialList

SHOWN = 5  # pairs that a message names
TABLE_TO = 4  # possible pairs for each trial, up to which scores are put in order by a table of all pairs, not sorted
CHARACTERS = 2**20  # of a file that are taken apart at a time
LABELS = {"target": True, "nontarget": False}
_PREFIX = re.compile(r"[^-_]*")


def read_scored_trials(scores: Path, trials: Path, utt2spk: Mapping[str, str] | None = None) -> TrialList:
    """Read a trial list and its scores, in the order of the trials.

    Args:
        scores, trials: the two files.
        utt2spk: speakers of the test utterances (and of the enrolled ids, where these are utterances); without it
            they follow from the trials, see `number_speakers`.

    Raises:
        DataError: naming file and line: a malformed line, a pair that stands twice or in one file alone, a label
            other than target and nontarget, a score that is no number, no trials of a kind.
    """
    speakers, utterances = Names(), Names()
    one, other, target = _read(trials, "target|nontarget", speakers, utterances, _labels)
    enrolled_ids, tested_ids = list(speakers.numbers), list(utterances.numbers)
    scored_one, scored_other, numbers = _read(scores, "score", speakers, utterances, _floats)
    count = len(utterances.numbers)
    values = _in_order_of(one * count + other, scored_one * count + scored_other, numbers)
    if values is None:
        names = list(speakers.numbers), list(utterances.numbers)
        raise _mismatch(trials, (one, other), scores, (scored_one, scored_other), names)
    if target.all() or not target.any():
        kind = "non-target" if target.all() else "target"
        raise DataError(f"{trials}: {len(target)} trials and not one {kind} among them; the metrics need both kinds")
    enrolled, tested = number_speakers((enrolled_ids, one), (tested_ids, other), target, utt2spk, str(trials))
    return TrialList(values, target, enrolled, tested)


def _in_order_of(pairs: np.ndarray, scored: np.ndarray, numbers: np.ndarray) -> np.ndarray | None:
    """Scores in the order of the pairs, float64 (pairs,); None unless both sides have the same pairs, each once.

    Args:
        pairs, scored: int (pairs,), one number for each pair.
        numbers: float64, the scores of `scored`, none of them NaN.
    """
    if len(pairs) != len(scored):
        return None
    size = int(max(pairs.max(), scored.max())) + 1
    if size <= TABLE_TO * len(pairs):
        listed, table = np.zeros(size, bool), np.full(size, np.nan)
        listed[pairs], table[scored] = True, numbers
        values = table[pairs]
        # As many scores as pairs: if the pairs differ and each has a score, there is no score besides.
        return values if np.count_nonzero(listed) == len(pairs) and not np.isnan(values).any() else None
    order, scored_order = np.argsort(pairs), np.argsort(scored)
    in_order = pairs[order]
    if not np.array_equal(in_order, scored[scored_order]) or not (np.diff(in_order) > 0).all():
        return None
    values = np.empty(len(numbers))
    values[order] = numbers[scored_order]
    return values


def number_speakers(
    enrolled: tuple[list[str], np.ndarray], tested: tuple[list[str], np.ndarray], target: np.ndarray,
    utt2spk: Mapping[str, str] | None = None, where: str = "trials",
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Who was enrolled and who was tested in each trial, as numbers.

    Without `utt2spk`, whatever target trials join is one speaker (so lists of utterances against utterances do too).
    Test utterances without a target trial go by the part of their id before the first `-` or `_`, as in most corpora,
    if that part agrees with the target trials throughout; else each is taken for a speaker of its own, which makes
    intervals somewhat too narrow.

    Args:
        enrolled, tested: the distinct ids of either side, and which of them each trial has, int (trials,).
        target: bool (trials,).
        utt2spk: speakers by utterance.
        where: for messages.

    Returns:
        (enrolled, tested): int (trials,).

    Raises:
        DataError: an utterance is not in `utt2spk`.
    """
    (enrolled_ids, ones), (tested_ids, others) = enrolled, tested
    if utt2spk is not None:
        unknown = next((utterance for utterance in tested_ids if utterance not in utt2spk), None)
        if unknown is not None:
            raise DataError(f"{where}: utterance {unknown} is not in utt2spk")
        # An enrolled id may be a speaker's, or an utterance's in lists of utterances against utterances.
        numbers = Names().of(
            [utt2spk.get(name, name) for name in enrolled_ids] + [utt2spk[name] for name in tested_ids]
        )
        return numbers[: len(enrolled_ids)][ones], numbers[len(enrolled_ids) :][others]
    joined = _joined(ones[target], others[target], len(enrolled_ids), len(tested_ids))
    of_enrolled, of_tested = joined[: len(enrolled_ids)], joined[len(enrolled_ids) :]
    with_target = np.zeros(len(tested_ids), bool)
    with_target[others[target]] = True
    if not with_target.all():
        prefixes = [_PREFIX.match(name).group() for name in tested_ids]  # type: ignore[union-attr]
        by_prefix: dict[str, int] = {}
        agree = True
        for prefix, speaker, known in zip(prefixes, of_tested.tolist(), with_target.tolist(), strict=True):
            agree &= not known or by_prefix.setdefault(prefix, speaker) == speaker
        if agree:
            for place in np.flatnonzero(~with_target):
                of_tested[place] = by_prefix.setdefault(prefixes[place], int(of_tested[place]))
    _, numbers = np.unique(np.concatenate([of_enrolled, of_tested]), return_inverse=True)
    return numbers[: len(enrolled_ids)][ones], numbers[len(enrolled_ids) :][others]


def _joined(one: np.ndarray, other: np.ndarray, ones: int, others: int) -> np.ndarray:
    """Connected components of a graph of two kinds of nodes with an edge for each (one, other): (ones + others,)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    nodes = ones + others
    graph = csr_array((np.ones(len(one), np.int8), (one, other + ones)), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1]).astype(np.int64)


def _read(
    path: Path, third: str, speakers: Names, utterances: Names,
    convert: Callable[[Path, Sequence[str] | Column, int], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(speakers, utterances, third columns as `convert` makes them) of a file of three columns, one of each a line."""
    parts: list[tuple[np.ndarray, ...]] = []
    before = 0
    for text in _pieces(read_text(path)):
        columns = plain_columns(text, 3)
        if columns:
            parts.append(
                (speakers.of_column(columns[0]), utterances.of_column(columns[1]), convert(path, columns[2], before))
            )
            before += len(columns[0].starts)
            continue
        fields, blanks = text.split(), _blanks(text)
        if len(fields) != 3 * len(blanks) or (blanks != 2).any():
            for number, line in enumerate(text.split("\n"), before + 1):
                if not line.strip():
                    raise blank_line(path, number)
                if len(line.split()) != 3:
                    raise DataError(f"{path}:{number}: expected `speaker utterance {third}`, found {line[:80]!r}")
        parts.append((speakers.of(fields[::3]), utterances.of(fields[1::3]), convert(path, fields[2::3], before)))
        before += len(blanks)
    if not parts:
        raise DataError(f"{path}: the file is empty")
    one, other, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    return one, other, values


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces of whole lines, without the line end behind each piece."""
    start = 0
    while start < len(text):
        end = text.find("\n", min(start + CHARACTERS, len(text) - 1))
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


def _blanks(text: str) -> np.ndarray:
    """How many blanks each line has, int (lines,)."""
    characters = np.frombuffer(text.encode(), np.uint8)
    ends = np.append(np.flatnonzero(characters == ord("\n")), len(characters))
    return np.diff(np.searchsorted(np.flatnonzero(characters == ord(" ")), ends), prepend=0)


def _labels(path: Path, labels: Sequence[str] | Column, before: int) -> np.ndarray:
    """Is each a target? bool; DataError (file and line) at another label. `before`: lines before the first."""
    if isinstance(labels, Column):
        target = labels.equals("target")
        if (target | labels.equals("nontarget")).all():
            return target
        labels = labels.strings()
    try:
        return np.fromiter(map(LABELS.__getitem__, labels), bool, len(labels))
    except KeyError:
        number, label = next((number, label) for number, label in enumerate(labels, before + 1) if label not in LABELS)
        raise DataError(f"{path}:{number}: label {label!r}, expected target or nontarget") from None


def _floats(path: Path, values: Sequence[str] | Column, before: int) -> np.ndarray:
    """Scores as float64, infinities included; DataError (file and line) at anything else. `before`: as `_labels`."""
    if isinstance(values, Column):
        numbers, plain = values.decimals()
        rows = np.flatnonzero(~plain)
        others: Sequence[str] = values.strings(rows)
    else:
        numbers, rows, others = np.empty(len(values)), np.arange(len(values)), values
    try:
        numbers[rows] = np.fromiter(map(float, others), np.float64, len(others))
    except ValueError:
        numbers[rows] = [_float_or_nan(value) for value in others]
    if np.isnan(numbers).any():
        bad = int(np.argmax(np.isnan(numbers[rows])))
        raise DataError(
            f"{path}:{before + rows[bad] + 1}: score {others[bad]!r}, expected a number"
            " (inf and -inf are allowed, NaN is not)"
        )
    return numbers


def _float_or_nan(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return np.nan


def _mismatch(
    trials: Path, of_trials: tuple[np.ndarray, np.ndarray], scores: Path, of_scores: tuple[np.ndarray, np.ndarray],
    names: tuple[list[str], list[str]],
) -> DataError:  # fmt: skip
    """What is wrong with two files that do not hold the same pairs, each once."""
    listed, scored = (list(zip(*(side.tolist() for side in sides), strict=True)) for sides in (of_trials, of_scores))

    def shown(pair: tuple[int, int]) -> str:
        return f"{names[0][pair[0]]} {names[1][pair[1]]}"

    for path, pairs in ((trials, listed), (scores, scored)):
        seen: dict[Any, int] = {}
        for number, pair in enumerate(pairs, 1):
            if pair in seen:
                return DataError(f"{path}:{number}: pair {shown(pair)} stands twice, first in line {seen[pair]}")
            seen[pair] = number
    for path, pairs, other, known, what in (
        (trials, listed, scores, set(scored), "has no score"),
        (scores, scored, trials, set(listed), "is not a trial"),
    ):
        lacking = [place for place, pair in enumerate(pairs) if pair not in known]
        if lacking:
            others = "".join(f"; line {place + 1}: {shown(pairs[place])}" for place in lacking[1:SHOWN])
            return DataError(
                f"{path}:{lacking[0] + 1}: pair {shown(pairs[lacking[0]])} {what} in {other}"
                f" ({len(lacking)} such of {len(pairs)} lines{others}{'; ...' if len(lacking) > SHOWN else ''})"
            )
    raise AssertionError("unreachable: the files differ in some pair")
