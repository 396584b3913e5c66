"""The organisers' lists of enrolment and trials, in the layouts in which the challenges hand them out.

    2020, 2022   <folder>/libri_dev/{enrolls,trials_f,trials_m}
                 <folder>/vctk_dev/{enrolls,trials_f,trials_f_common,...}_mic2
    2024, 2026   <folder>/libri_dev_enrolls/enrolls, <folder>/libri_dev_trials_{f,m,mixed}/trials
                 <folder>/IEMOCAP_dev/utt2spk

The first word of a line of `enrolls` is an utterance; a line of `trials` is `speaker utterance target|nontarget`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pseudovox.core.errors import DataError
from pseudovox.corpora import read_text_lines
from pseudovox.corpora.vpc.draw import Lists, Pair


def read(folder: Path, part: str, ends: Sequence[str]) -> Lists | None:
    """The lists of one part; None where the folder has none of them.

    Args:
        folder: of the lists.
        part: libri_dev, vctk_test, ...
        ends: of the names of its trial dirs: f, m, f_common, mixed.

    Raises:
        DataError: some are there and others are not, or a line is malformed.
    """
    enrolls = _file(folder, part, "enrolls", "enrolls")
    trials = {end: _file(folder, part, f"trials_{end}", "trials") for end in ends}
    there = [path for path in (enrolls, *trials.values()) if path]
    if not there:
        return None
    missing = [
        name
        for name, path in {"enrolls": enrolls, **{f"trials_{end}": trials[end] for end in ends}}.items()
        if not path
    ]
    if missing or enrolls is None:
        raise DataError(f"{folder}: has {there[0].relative_to(folder)}, but no list {missing[0]} of {part}")
    utterances = [line.split()[0] for line in read_text_lines(enrolls) if line.strip()]
    return Lists(utterances, {end: _trials(path) for end, path in trials.items() if path})


def read_members(folder: Path, name: str) -> set[str] | None:
    """The utterances of a data dir that is handed out whole (IEMOCAP_dev); None where it is not there."""
    path = folder / name / "utt2spk"
    return {line.split()[0] for line in read_text_lines(path) if line.strip()} if path.is_file() else None


def _file(folder: Path, part: str, old: str, new: str) -> Path | None:
    places = (folder / part / f"{old}_mic2", folder / part / old, folder / f"{part}_{old}" / new)
    return next((path for path in places if path.is_file()), None)


def _trials(path: Path) -> list[Pair]:
    pairs = []
    for number, line in enumerate(read_text_lines(path), 1):
        if not line.strip():
            continue
        found = re.fullmatch(r"(\S+)\s+(\S+)\s+(target|nontarget)", line.strip())
        if not found:
            raise DataError(f"{path}:{number}: expected `speaker utterance target|nontarget`, found {line[:80]!r}")
        pairs.append((found[1], found[2], found[3] == "target"))
    return pairs
