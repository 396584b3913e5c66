"""Enrolment and trials from a data dir of one's own: some utterances of each speaker enrol, the others are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import Origin

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir


def evaluation_sets(data: DataDir, share: float, seed: int) -> dict[str, DataDir]:
    """<name>_enrolls (with `enrolls`), <name>_trials_f and <name>_trials_m (with `trials`), where there are such.

    Trials are the full cross of a gender's speakers and its utterances that do not enrol, as in the VoicePrivacy
    Challenges' LibriSpeech sets. Which utterances enrol is drawn by (seed, utterance): one more utterance moves no
    other one by more than its speaker's count.

    Args:
        data: with spk2gender; every speaker has two utterances or more.
        share: of each speaker's utterances that enrol, in (0, 1); at least one does, and one does not.
        seed: of the draws.

    Raises:
        DataError: no spk2gender; a speaker of one utterance, or a gender of one speaker.
    """
    enrolling: list[str] = []
    for speaker, utterances in data.spk2utt.items():
        if len(utterances) < 2:
            raise DataError(
                f"{data.path}/spk2utt: speaker {speaker} has one utterance, which cannot both enrol and be tried",
                f"utils/subset_data_dir.py --spk-list LIST {data.path} NEW, with the others in LIST, one a line",
            )
        drawn = sorted(utterances, key=lambda name: seeds.generator(seed, "enrolment", name).random())
        enrolling += drawn[: min(max(1, round(share * len(drawn))), len(drawn) - 1)]
    enrolment = data.subset(enrolling)
    enrolment.lists["enrolls"] = list(enrolment.utterances)
    sets = {f"{data.name}_enrolls": _as(enrolment, "enrolls", data.name)}
    tried = set(data.utterances) - set(enrolling)
    for gender in sorted(set(data.spk2gender.values())):
        of_gender = {speaker for speaker, its in data.spk2gender.items() if its == gender}
        part = data.subset([name for name in data.utterances if name in tried and data.utt2spk[name] in of_gender])
        if len(part.speakers) < 2:
            raise DataError(
                f"{data.path}/spk2gender: one speaker of gender {gender}: no non-target trials without another",
                "add speakers of that gender, or leave this one out",
            )
        part.lists["trials"] = [
            f"{speaker} {utterance} {'target' if part.utt2spk[utterance] == speaker else 'nontarget'}"
            for speaker in part.speakers
            for utterance in part.utterances
        ]
        sets[f"{data.name}_trials_{gender}"] = _as(part, f"trials_{gender}", data.name)
    return sets


def _as(part: DataDir, ending: str, name: str) -> DataDir:
    whole = part.origin
    source = whole.source if whole.system else f"{name}_{ending}"
    part.own_origin = Origin(source, name, whole.system, "enrolls" if ending == "enrolls" else "trials")
    return part
