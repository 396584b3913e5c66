"""Files of scores and trials, anybody's: read, matched pair by pair, and turned into arrays.

    scores   <speaker> <utterance> <score>
    trials   <speaker> <utterance> target|nontarget

Lines stand in any order, with blanks or tabs between; both files must hold the same pairs, each once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pseudovox.datadir import read_lines
from pseudovox.errors import DataError
from pseudovox.metrics.intervals import TrialList

SHOWN = 5  # pairs that a message names
LABELS = {"target": True, "nontarget": False}
_PREFIX = re.compile(r"[^-_]*")


def read_scored_trials(
    scores: Path, trials: Path, utt2spk: Mapping[str, str] | None = None
) -> tuple[TrialList, tuple[str, ...]]:
    """Read a trial list and its scores, in the order of the trials.

    Args:
        scores, trials: the two files.
        utt2spk: speakers of the test utterances (and of the enrolled ids, where these are utterances); without it
            they follow from the trials, see `number_speakers`.

    Returns:
        (trials, pairs): `spk utt` of each trial besides.

    Raises:
        DataError: naming file and line: a malformed line, a pair that stands twice or in one file alone, a label
            other than target and nontarget, a score that is no number, no trials of a kind.
    """
    pairs, labels = _read(trials, "target|nontarget")
    scored, values = _read(scores, "score")
    numbers = _numbers(scores, values)
    for number, label in enumerate(labels, 1):
        if label not in LABELS:
            raise DataError(f"{trials}:{number}: label {label!r}, expected target or nontarget")
    numbers = numbers[_places(trials, pairs, scores, scored)]
    target = np.array([LABELS[label] for label in labels])
    if target.all() or not target.any():
        kind = "non-target" if target.all() else "target"
        raise DataError(f"{trials}: {len(target)} trials and not one {kind} among them; the metrics need both kinds")
    enrolled, tested = number_speakers(pairs, target, utt2spk, str(trials))
    return TrialList(numbers, target, enrolled, tested), tuple(pairs)


def number_speakers(
    pairs: Sequence[str], target: np.ndarray, utt2spk: Mapping[str, str] | None = None, where: str = "trials"
) -> tuple[np.ndarray, np.ndarray]:
    """Who was enrolled and who was tested in each trial, as numbers.

    Without `utt2spk`, whatever target trials join is one speaker (so lists of utterances against utterances do too).
    Test utterances without a target trial go by the part of their id before the first `-` or `_`, as in most corpora,
    if that part agrees with the target trials throughout; else each is taken for a speaker of its own, which makes
    intervals somewhat too narrow.

    Args:
        pairs: `spk utt` of each trial.
        target: bool (trials,).
        utt2spk: speakers by utterance.
        where: for messages.

    Returns:
        (enrolled, tested): int (trials,).

    Raises:
        DataError: an utterance is not in `utt2spk`.
    """
    enrolled_ids, enrolled = _numbered([pair.partition(" ")[0] for pair in pairs])
    tested_ids, tested = _numbered([pair.partition(" ")[2] for pair in pairs])
    if utt2spk is not None:
        unknown = next((utterance for utterance in tested_ids if utterance not in utt2spk), None)
        if unknown is not None:
            raise DataError(f"{where}: utterance {unknown} is not in utt2spk")
        # An enrolled id may be a speaker's, or an utterance's in lists of utterances against utterances.
        _, numbers = _numbered(
            [utt2spk.get(name, name) for name in enrolled_ids] + [utt2spk[name] for name in tested_ids]
        )
        return numbers[: len(enrolled_ids)][enrolled], numbers[len(enrolled_ids) :][tested]
    joined = _joined(enrolled[target], tested[target], len(enrolled_ids), len(tested_ids))
    of_enrolled, of_tested = joined[: len(enrolled_ids)], joined[len(enrolled_ids) :]
    with_target = np.zeros(len(tested_ids), bool)
    with_target[tested[target]] = True
    if not with_target.all():
        prefixes = [_PREFIX.match(name).group() for name in tested_ids]  # type: ignore[union-attr]
        by_prefix: dict[str, int] = {}
        agree = True
        for prefix, speaker, known in zip(prefixes, of_tested.tolist(), with_target.tolist(), strict=True):
            agree &= not known or by_prefix.setdefault(prefix, speaker) == speaker
        if agree:
            for place in np.flatnonzero(~with_target):
                of_tested[place] = by_prefix.setdefault(prefixes[place], int(of_tested[place]))
    _, numbers = np.unique(np.concatenate([of_enrolled[enrolled], of_tested[tested]]), return_inverse=True)
    return numbers[: len(pairs)], numbers[len(pairs) :]


def _numbered(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The distinct names in order of appearance, and the number of each name among them, int64."""
    distinct = list(dict.fromkeys(names))
    numbers = {name: number for number, name in enumerate(distinct)}
    return distinct, np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))


def _joined(one: np.ndarray, other: np.ndarray, ones: int, others: int) -> np.ndarray:
    """Connected components of a graph of two kinds of nodes with an edge for each (one, other): (ones + others,)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    nodes = ones + others
    graph = csr_array((np.ones(len(one), np.int8), (one, other + ones)), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1]).astype(np.int64)


def _read(path: Path, third: str) -> tuple[list[str], list[str]]:
    """(pairs, third columns) of a file of three columns; a pair is `spk utt`."""
    lines = read_lines(path)
    if not lines:
        raise DataError(f"{path}: the file is empty")
    if any(line.count(" ") != 2 for line in lines) or "\t" in "".join(lines):
        lines = [" ".join(line.split()) for line in lines]
    fields = " ".join(lines).split()
    if len(fields) != 3 * len(lines) or any(line.count(" ") != 2 for line in lines):
        for number, line in enumerate(lines, 1):
            if len(line.split()) != 3:
                raise DataError(f"{path}:{number}: expected `speaker utterance {third}`, found {line[:80]!r}")
    return [line.rpartition(" ")[0] for line in lines], fields[2::3]


def _numbers(path: Path, values: Sequence[str]) -> np.ndarray:
    """Scores as float64, infinities included; DataError (file and line) at anything else."""
    try:
        numbers = np.array(list(map(float, values)))
        if not np.isnan(numbers).any():
            return numbers
    except ValueError:
        pass
    for number, value in enumerate(values, 1):
        try:
            wrong = np.isnan(float(value))
        except ValueError:
            wrong = True
        if wrong:
            raise DataError(
                f"{path}:{number}: score {value!r}, expected a number (inf and -inf are allowed, NaN is not)"
            )
    raise AssertionError("unreachable: one of the values is wrong")


def _places(trials: Path, pairs: Sequence[str], scores: Path, scored: Sequence[str]) -> np.ndarray:
    """Where in the scores each trial stands, int (trials,); DataError unless both hold the same pairs, each once."""
    index = {pair: place for place, pair in enumerate(scored)}
    found = list(map(index.get, pairs))
    if None not in found and len(index) == len(scored) == len(pairs):
        places = np.array(found, np.int64)
        if np.bincount(places, minlength=len(scored)).all():
            return places
    for path, names in ((trials, pairs), (scores, scored)):
        seen: dict[str, int] = {}
        for number, pair in enumerate(names, 1):
            if pair in seen:
                raise DataError(f"{path}:{number}: pair {pair} stands twice, first in line {seen[pair]}")
            seen[pair] = number
    for path, names, other, known, what in (
        (trials, pairs, scores, index, "has no score"),
        (scores, scored, trials, set(pairs), "is not a trial"),
    ):
        lacking = [place for place, pair in enumerate(names) if pair not in known]
        if lacking:
            others = "".join(f"; line {place + 1}: {names[place]}" for place in lacking[1:SHOWN])
            raise DataError(
                f"{path}:{lacking[0] + 1}: pair {names[lacking[0]]} {what} in {other}"
                f" ({len(lacking)} such of {len(names)} lines{others}{'; ...' if len(lacking) > SHOWN else ''})"
            )
    raise AssertionError("unreachable: the files differ in some pair")
