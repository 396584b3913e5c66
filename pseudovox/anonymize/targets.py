"""Target speakers: the voices of a synthesizer that knows its training speakers alone (speaker_input one-hot).

Instead of an x-vector, every speaker or utterance gets one of these speakers to be spoken as, as the VPC 2024's B5 and
B6 have it: the same for all, drawn for each speaker, or drawn for each utterance. No speaker is its own target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.seeds import generator
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir

CONSTANT = "constant"  # pseudo.target
GENDERS = ("same", "opposite", "any")  # pseudo.target_gender
OTHER = {"f": "m", "m": "f"}
TRAINED, PREPARED = "the synthesizer's", "the prepared"  # whose speakers: in messages,
MORE = {TRAINED: "train it on more speakers", PREPARED: "give more of them"}  # and how there are more of them


@dataclass(frozen=True)
class Target:
    """A training speaker.

    Attributes:
        id: speaker id.
        gender: "f", "m", or "" where the training data did not say.
        log_f0: mean and deviation of its log F0.
    """

    id: str
    gender: str
    log_f0: tuple[float, float]


@dataclass(frozen=True)
class Chosen:
    """The targets of a data dir.

    Attributes:
        utterances: target by utterance.
        speakers: target by speaker; empty where a speaker's utterances have several.
        genders: of the targets, by original speaker ("f" where they are as many of either).
    """

    utterances: dict[str, Target]
    speakers: dict[str, Target]
    genders: dict[str, str]


def read(model: Path) -> list[Target]:
    """The training speakers of a synthesizer, in the order of its one-hot vectors.

    Raises:
        MissingModelError, DataError: as store.read_card; DataError too for a synthesizer of x-vectors.
    """
    card = store.read_card(model, *store.synthesizers(), *store.ONE_HOT)
    try:
        speakers = card["facts"]["speakers"]
        return [
            Target(
                str(speaker["id"]), str(speaker["gender"]), (float(speaker["log_f0"][0]), float(speaker["log_f0"][1]))
            )
            for speaker in speakers
        ]
    except KeyError:
        raise DataError(
            f"{model}: this synthesizer speaks with x-vectors; its training speakers are no targets",
            "train it with --set synthesizer.speaker_input=one-hot",
        ) from None
    except (TypeError, ValueError, IndexError) as error:
        raise DataError(f"{model}/model.json: facts.speakers: {error}", store.REDO) from None


def choose(
    targets: Sequence[Target], data: DataDir, options: Any, *, level: str, seed: int, whose: str = TRAINED
) -> Chosen:
    """A target for every utterance of a data dir.

    Args:
        targets: training speakers.
        data: with spk2gender, unless any gender will do.
        options: section `pseudo` of the configuration with strategy target: `target`, `target_gender`.
        level: "spk" or "utt": whether one is drawn for each speaker or for each utterance.
        seed: with the data dir's name and the id it decides a draw; the constant target is the same for all data dirs.
        whose: speakers they are: of MORE.

    Raises:
        UsageError: options that are none, or a target that is no training speaker.
        DataError: genders are asked for and not known, or nobody is left to be spoken as.
    """
    if options.target_gender not in GENDERS:
        raise UsageError(f"pseudo.target_gender {options.target_gender!r}: expected {', '.join(GENDERS)}")
    by_id = {target.id: target for target in targets}
    named = options.target not in ("", CONSTANT)
    if named and options.target not in by_id:
        raise UsageError(
            f"pseudo.target {options.target!r}: none of {whose} {len(targets)} speakers, "
            f"{', '.join(list(by_id)[:5])}, ..."
        )
    known = data.tables.get("spk2gender", {})
    if options.target_gender != "any" and not named and not known:
        raise DataError(
            f"{data.path}: pseudo.target_gender {options.target_gender} needs the table spk2gender (<speaker> f|m)",
            "put it there, or --set pseudo.target_gender=any",
        )
    utterances: dict[str, Target] = {}
    speakers: dict[str, Target] = {}
    genders: dict[str, str] = {}
    for speaker, own in data.spk2utt.items():
        wanted = wanted_gender(known, speaker, options.target_gender)
        if named:
            found = dict.fromkeys(own, by_id[options.target])
        elif options.target == CONSTANT:
            # One for all (for all of a gender, if genders count); the only one that may meet itself.
            constant = _draw(_fitting(targets, wanted, "", whose), seed, f"{CONSTANT}/{wanted}")
            found = dict.fromkeys(own, constant)
        else:
            fitting = _fitting(targets, wanted, speaker, whose)
            if level == "spk":
                found = dict.fromkeys(own, _draw(fitting, seed, f"{data.name}/{speaker}"))
            else:
                found = {utterance: _draw(fitting, seed, f"{data.name}/{utterance}") for utterance in own}
        utterances.update(found)
        if len({target.id for target in found.values()}) == 1 and (level == "spk" or options.target):
            speakers[speaker] = next(iter(found.values()))
        voices = [target.gender for target in found.values()]
        genders[speaker] = "m" if voices.count("m") > voices.count("f") else "f"
    return Chosen(utterances, speakers, genders)


def wanted_gender(known: Mapping[str, str], speaker: str, option: str) -> str:
    """The gender that a speaker's target must have, "" for any."""
    if option == "any":
        return ""
    return known[speaker] if option == "same" else OTHER[known[speaker]]


def _fitting(targets: Sequence[Target], gender: str, without: str, whose: str) -> list[Target]:
    found = [target for target in targets if target.id != without and gender in ("", target.gender)]
    if not found:
        raise DataError(
            f"none of {whose} {len(targets)} speakers can be the target of {without or 'all'}"
            + (f" with gender {gender}" if gender else ""),
            f"{MORE[whose]}, with spk2gender" + (", or --set pseudo.target_gender=any" if gender else ""),
        )
    return found


def _draw(targets: Sequence[Target], seed: int, identity: str) -> Target:
    return targets[int(generator(seed, "target", identity).integers(len(targets)))]
