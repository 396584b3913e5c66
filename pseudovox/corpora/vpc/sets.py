"""The data dirs of the challenges, by name: which recordings each holds, and its list of enrolment or trials."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pseudovox.core.errors import DataError
from pseudovox.corpora import Recording
from pseudovox.corpora.vpc import draw, lists
from pseudovox.corpora.vpc.counts import GENDERS, IEMOCAP, SPLITS, differences
from pseudovox.corpora.vpc.draw import Lists
from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")


@dataclass(frozen=True)
class DataSet:
    """One data dir to be made.

    Attributes:
        name: of the data dir.
        recordings: in it.
        kind: of its list: enrolls, trials, or "" for none.
        lines: of the list.
    """

    name: str
    recordings: list[Recording]
    kind: str = ""
    lines: Sequence[str] = ()

    def finish(self, data: DataDir) -> None:
        """Put the list into the data dir, and say loudly how it differs from what was published."""
        if self.kind:
            data.lists[self.kind] = list(self.lines)
        for difference in differences(data):
            log.warning("%s: NOT as published: %s", self.name, difference)


def librispeech(
    recordings: Sequence[Recording], part: str, folder: str = "", *, mixed: bool = False, unions: bool = False
) -> list[DataSet]:
    """libri_dev_enrolls, libri_dev_trials_f, libri_dev_trials_m, ... of dev-clean or test-clean.

    Args:
        recordings: of the subset.
        part: libri_dev or libri_test.
        folder: of the official lists; "" = none.
        mixed: libri_dev_trials_mixed in the place of _f and _m (2026).
        unions: also libri_dev_trials_all and libri_dev_asr (2020, 2022).
    """
    ends = ("mixed",) if mixed else GENDERS
    own = _official(folder, part, ends) or draw.librispeech(recordings, part, mixed=mixed)
    joined: dict[str, Sequence[str]] = {"all": GENDERS} if unions else {}
    return _data_sets(part, own, recordings, joined)


def vctk(recordings: Sequence[Recording], folder: str = "", *, unions: bool = False) -> list[DataSet]:
    """vctk_dev_enrolls, vctk_dev_trials_f, vctk_dev_trials_f_common, ... of dev and test.

    Args:
        recordings: of the second microphone.
        folder: of the official lists; "" = none.
        unions: also vctk_dev_trials_f_all (f and f_common), ..., vctk_dev_trials_all and vctk_dev_asr.
    """
    ends = [f"{gender}{kind}" for gender in GENDERS for kind in ("", "_common")]
    drawn = None
    found = []
    for split in SPLITS:
        part = f"vctk_{split}"
        own = _official(folder, part, ends)
        if own is None:
            drawn = drawn or draw.vctk(recordings)
            own = drawn[part]
        joined = (
            {**{f"{gender}_all": (gender, f"{gender}_common") for gender in GENDERS}, "all": ends} if unions else {}
        )
        found += _data_sets(part, own, recordings, joined)
    return found


def iemocap(recordings: Sequence[Recording], folder: str = "") -> list[DataSet]:
    """IEMOCAP_dev and IEMOCAP_test: of the two speakers of every session one in each.

    Without the official dirs the women are `dev` and the men `test`; which speakers the organisers took is not in what
    they published. Recordings are known by the names of their files, whatever the ids of the official dirs look like.
    """
    by_split: dict[str, list[Recording]] = {}
    official = {split: lists.read_members(Path(folder), f"IEMOCAP_{split}") for split in SPLITS} if folder else {}
    if not any(official.values()):
        _note("IEMOCAP", folder)
        for gender, split in zip(GENDERS, SPLITS, strict=True):
            by_split[split] = [one for one in recordings if one.gender == gender]
            expected, number = sum(IEMOCAP[gender]), len(by_split[split])
            if number != expected:
                log.warning("IEMOCAP_%s: NOT as published: %d utterances (published %d)", split, number, expected)
        return _whole(by_split)
    by_file = {one.audio.stem: one for one in recordings}
    for split, members in official.items():
        if not members:
            raise DataError(f"{folder}: has only one of IEMOCAP_dev and IEMOCAP_test; no IEMOCAP_{split}/utt2spk")
        names = [_file_name(member, folder) for member in sorted(members)]
        unknown = [name for name in names if name not in by_file]
        if unknown:
            raise DataError(f"{folder}/IEMOCAP_{split}/utt2spk: {unknown[0]} is not among the corpus's four emotions")
        by_split[split] = [by_file[name] for name in names]
    return _whole(by_split)


def _whole(by_split: dict[str, list[Recording]]) -> list[DataSet]:
    return [DataSet(f"IEMOCAP_{split}", members) for split, members in by_split.items()]


def _file_name(utterance: str, folder: str) -> str:
    found = re.search(r"Ses\d\d[FM]_(?!Ses)\w+_[FM]\d+$", utterance)
    if not found:
        raise DataError(f"{folder}: {utterance}: expected an id that ends in the file's name, e.g. Ses01F_impro01_F000")
    return found[0]


def _official(folder: str, part: str, ends: Sequence[str]) -> Lists | None:
    own = lists.read(Path(folder), part, ends) if folder else None
    if own is None:
        _note(part, folder)
    return own


def _note(part: str, folder: str) -> None:
    log.warning(
        "%s: NOT the official lists (%s): made by the published rules, with other members; "
        "--set data.lists=<folder of the organisers' lists> takes theirs",
        part,
        f"{folder} has none" if folder else "data.lists is not set",
    )


def _data_sets(
    part: str, own: Lists, recordings: Sequence[Recording], joined: Mapping[str, Sequence[str]]
) -> list[DataSet]:
    """The enrolment dir, a dir for each list of trials, and unions of these."""
    known = {one.utterance: one for one in recordings}

    def of(utterances: Sequence[str], name: str) -> list[Recording]:
        unknown = [one for one in utterances if one not in known]
        if unknown:
            raise DataError(
                f"{name}: {unknown[0]} is listed and not in the corpus ({len(unknown)} of {len(utterances)})"
            )
        return [known[one] for one in sorted(set(utterances))]

    name = f"{part}_enrolls"
    found = [DataSet(name, of(own.enrolls, name), "enrolls", own.enrolls)]
    lists_of = {
        **own.trials,
        **{end: [pair for one in parts for pair in own.trials[one]] for end, parts in joined.items()},
    }
    for end, pairs in lists_of.items():
        name = f"{part}_trials_{end}"
        lines = [f"{speaker} {utterance} {'target' if target else 'nontarget'}" for speaker, utterance, target in pairs]
        found.append(DataSet(name, of([pair[1] for pair in pairs], name), "trials", lines))
    if joined:
        found.append(DataSet(f"{part}_asr", found[-1].recordings))
    return found
