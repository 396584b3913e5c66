"""Enrolment and trials from a data dir of one's own: some utterances of each speaker enrol, the others are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import Origin

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir


def evaluation_sets(
    data: DataDir,
    share: float,
    seed: int,
    *,
    tried: int = 0,
    mixed: bool = False,
    name: str = "",
    chosen: tuple[Sequence[str], Sequence[str]] | None = None,
) -> dict[str, DataDir]:
    """<name>_enrolls (with `enrolls`), <name>_trials_f and <name>_trials_m (with `trials`), where there are such.

    Trials are the full cross of a gender's speakers and its utterances that do not enrol, as in the VoicePrivacy
    Challenges' LibriSpeech sets; or of all speakers (<name>_trials_mixed), as in SpAnE's. Which utterances enrol is
    drawn by (seed, utterance): one more utterance moves no other one by more than its speaker's count.

    Args:
        data: with spk2gender, unless `mixed`; every speaker has two utterances or more.
        share: of each speaker's utterances that enrol, in (0, 1), or from 1 on how many; at least one does, and one
            does not.
        seed: of the draws.
        tried: of the others, how many of each speaker are tried, drawn as well; 0 = all.
        mixed: one list for all speakers.
        name: of the sets; "" = the data dir's.
        chosen: the utterances that enrol and those that are tried, in the place of draws.

    Raises:
        DataError: no spk2gender; a speaker of one utterance, or a gender of one speaker; a speaker that is tried and
            none of whose utterances enrols.
    """
    name = name or data.name
    enrolling, tests = chosen or _drawn(data, share, seed, tried)
    enrolment = data.subset(enrolling)
    enrolment.lists["enrolls"] = list(enrolment.utterances)
    sets = {f"{name}_enrolls": _as(enrolment, "enrolls", name)}
    if mixed:
        part = data.subset(tests)
        _cross(part, enrolment.speakers)
        sets[f"{name}_trials_mixed"] = _as(part, "trials_mixed", name)
        return sets
    for gender in sorted(set(data.spk2gender.values())):
        of_gender = {speaker for speaker, its in data.spk2gender.items() if its == gender}
        own = set(tests)
        part = data.subset([one for one in data.utterances if one in own and data.utt2spk[one] in of_gender])
        if len(part.speakers) < 2:
            raise DataError(
                f"{data.path}/spk2gender: one speaker of gender {gender}: no non-target trials without another",
                "add speakers of that gender, or leave this one out",
            )
        _cross(part, [speaker for speaker in enrolment.speakers if speaker in of_gender])
        sets[f"{name}_trials_{gender}"] = _as(part, f"trials_{gender}", name)
    return sets


def _drawn(data: DataDir, share: float, seed: int, tried: int) -> tuple[list[str], list[str]]:
    """The utterances that enrol, and those that are tried."""
    enrolling: list[str] = []
    tests: list[str] = []
    for speaker, utterances in data.spk2utt.items():
        if len(utterances) < 2:
            raise DataError(
                f"{data.path}/spk2utt: speaker {speaker} has one utterance, which cannot both enrol and be tried",
                f"utils/subset_data_dir.py --spk-list LIST {data.path} NEW, with the others in LIST, one a line",
            )
        order = sorted(utterances, key=lambda one: seeds.generator(seed, "enrolment", one).random())
        wanted = round(share * len(order)) if share < 1 else round(share)
        count = min(max(1, wanted), len(order) - 1)
        enrolling += order[:count]
        tests += order[count : count + tried if tried else None]
    return enrolling, tests


def _cross(part: DataDir, speakers: Sequence[str]) -> None:
    """Give a data dir the trials of each of its utterances against all speakers."""
    missing = sorted(set(part.speakers) - set(speakers))
    if missing:
        raise DataError(f"{part.path}: speaker {missing[0]} is tried, and none of its utterances enrols")
    part.lists["trials"] = [
        f"{speaker} {utterance} {'target' if part.utt2spk[utterance] == speaker else 'nontarget'}"
        for speaker in speakers
        for utterance in part.utterances
    ]


def _as(part: DataDir, ending: str, name: str) -> DataDir:
    whole = part.origin
    source = whole.source if whole.system else f"{name}_{ending}"
    part.own_origin = Origin(source, name, whole.system, "enrolls" if ending == "enrolls" else "trials")
    return part
