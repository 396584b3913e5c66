"""Choosing utterances of a data dir: the selections of Kaldi's subset_data_dir.sh, and splits of even size."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TypeVar

from pseudovox.core.errors import DataError
from pseudovox.core.files import read_lines, words
from pseudovox.core.seeds import seed_for
from pseudovox.data.datadir.directory import DataDir

Item = TypeVar("Item")


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, evenly from the whole list, as Kaldi's subset_scp.pl picks them (halving both numbers)."""
    chosen: list[Item] = []
    waiting = [(0, len(items), count)]
    while waiting:
        start, end, wanted = waiting.pop()
        if wanted == end - start:
            chosen.extend(items[start:end])
        elif wanted:
            half, wanted_of_half = (end - start) // 2, wanted // 2
            waiting.append((start + half, end, wanted - wanted_of_half))
            waiting.append((start, start + half, wanted_of_half))
    return chosen


def shortest(data: DataDir, count: int) -> list[str]:
    """The `count` shortest utterances; the first in order where lengths are equal."""
    return sorted(data.utterances, key=lambda utterance: (data.duration(utterance), utterance))[:count]


def per_speaker(data: DataDir, count: int) -> list[str]:
    """Up to `count` utterances of every speaker, spread over theirs."""
    chosen: list[str] = []
    for utterances in data.spk2utt.values():
        step = max(len(utterances) // count, 1)
        chosen += utterances[: count * step : step]
    return chosen


def minutes_of_speakers(data: DataDir, minutes: float) -> list[str]:
    """The first utterances of every speaker that has so many minutes, until they come to that.

    Raises:
        DataError: no speaker has as much.
    """
    chosen: list[str] = []
    longest = 0.0
    for utterances in data.spk2utt.values():
        ends = list(accumulate(map(data.duration, utterances)))
        longest = max(longest, ends[-1] / 60.0)
        if ends[-1] >= 60.0 * minutes:
            chosen += utterances[: bisect_left(ends, 60.0 * minutes) + 1]
    if not chosen:
        raise DataError(
            f"{data.path}: no speaker has {minutes:g} minutes of speech",
            f"--minutes {int(longest * 100) / 100:g} is what one of them has",
        )
    return chosen


def random_speakers(data: DataDir, count: int, seed: int) -> list[str]:
    """All utterances of as many speakers, drawn by the seed, as it takes to have `count` utterances."""
    order = sorted(data.speakers, key=lambda speaker: (seed_for(seed, "subset", speaker), speaker))
    chosen: list[str] = []
    for speaker in order:
        if len(chosen) >= count:
            break
        chosen += data.spk2utt[speaker]
    return chosen


def read_list(path: Path) -> list[str]:
    """The first word of each line of a file, each once, in the file's order."""
    return list(dict.fromkeys(words(line, 1)[0] for line in read_lines(path)))


def split_by_speaker(data: DataDir, parts: int) -> list[list[str]]:
    """Utterances of each part: whole speakers, in order, of about equal duration (utt2dur or segments, else counts).

    Raises:
        DataError: there are fewer speakers than parts.
    """
    if len(data.speakers) < parts:
        raise DataError(
            f"{data.path}: {len(data.speakers)} speakers cannot be split into {parts} parts",
            "ask for fewer parts, or give --per-utt",
        )
    known = "utt2dur" in data.tables or "segments" in data.tables
    size = {
        speaker: sum(map(data.duration, utterances)) if known else float(len(utterances))
        for speaker, utterances in data.spk2utt.items()
    }
    ends = list(accumulate(size[speaker] for speaker in data.speakers))
    bounds = [0]
    for part in range(1, parts):
        ideal = ends[-1] * part / parts
        place = bisect_left(ends, ideal)
        # The end before or after the ideal one, whichever is nearer; a part has at least one speaker.
        if place and ideal - ends[place - 1] < ends[place] - ideal:
            place -= 1
        bounds.append(min(max(place + 1, bounds[-1] + 1), len(data.speakers) - (parts - part)))
    bounds.append(len(data.speakers))
    return [
        [utterance for speaker in data.speakers[start:end] for utterance in data.spk2utt[speaker]]
        for start, end in pairwise(bounds)
    ]


def split_by_utterance(data: DataDir, parts: int) -> list[list[str]]:
    """Utterances of each part: as many in each, the first ones one more where it does not divide.

    Raises:
        DataError: there are fewer utterances than parts.
    """
    size, rest = divmod(len(data.utterances), parts)
    if not size:
        raise DataError(
            f"{data.path}: {len(data.utterances)} utterances cannot be split into {parts} parts", "ask for fewer parts"
        )
    starts = [part * size + min(part, rest) for part in range(parts + 1)]
    return [data.utterances[start:end] for start, end in pairwise(starts)]
