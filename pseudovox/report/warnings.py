"""What a reader of the privacy table must be warned of, in plain sentences; pure functions over records.

Two kinds: orders between attackers that must hold and do not, and attackers that failed. The second is a known
artefact: with a small recogniser, or one that was not trained to convergence, the semi-informed EER of a weak
anonymization jumps to 50 % (private kNN-VC with targets of the speaker's gender: 49.6 % with 512 channels, below the
18.3 % of random targets with 1024). An attacker failure is not privacy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pseudovox.models import store
from pseudovox.records import ORIGINAL, Record
from pseudovox.report.headline import headline

# From the attacker that knows least to the one that knows most: none may do worse than the one before it.
KNOWLEDGE = ("ignorant", "lazy-informed", "semi-informed")
LEARNED_NOTHING = 40.0  # percent of EER among its own held-out speech, from which on an attacker tells us nothing
HINT = "an attacker failure is not privacy; widen attacker.channels to 1024, train to convergence"
# Keys of a record's details.
EER, ACCURACY, SPEAKERS = "attacker_validation_eer", "attacker_validation_accuracy", "attacker_speakers"


def with_validation(records: Iterable[Record], models: Path) -> list[Record]:
    """The records, with what the attackers' own validation said in the details of their EERs.

    Args:
        records: of a run.
        models: where its attackers are: <models>/original and <models>/<system>/<way of training>. Of models that are
            not there, or that say nothing of a validation, nothing is added.
    """
    found: dict[Path, dict[str, float]] = {}
    told = []
    for record in records:
        if record.metric == "eer" and record.attacker:
            folder = models / record.system / record.training if record.training else models / ORIGINAL
            if folder not in found:
                found[folder] = _validation(folder)
            record = replace(record, details={**record.details, **found[folder]})
        told.append(record)
    return told


def _validation(folder: Path) -> dict[str, float]:
    if not (folder / "model.json").is_file():
        return {}
    facts = store.read_card(folder, *store.speaker_networks())["facts"]
    named = {EER: facts.get("validation", {}).get("eer"), ACCURACY: facts.get("validation", {}).get("accuracy")}
    return {**{name: value for name, value in named.items() if value is not None}, SPEAKERS: len(facts["speakers"])}


def code_warnings(records: Sequence[Record]) -> list[str]:
    """A sentence for each way in which figures came from other code than today's; empty if all is of today's."""
    counts: dict[str, int] = {}
    for record in records:
        if record.other_code:
            counts[record.other_code] = counts.get(record.other_code, 0) + 1
    return [
        f"{count} of {len(records)} figures come from steps that were done by other code than today's: {steps}. Run "
        "them again with --force, or take the figures for those of the older code."
        for steps, count in counts.items()
    ]


def privacy_warnings(records: Sequence[Record]) -> list[str]:
    """All warnings about the EERs among some records (of one set), each once; empty if there is nothing to warn of."""
    own = [record for record in records if record.metric == "eer" and record.value is not None]
    return list(dict.fromkeys([*_failures(own), *_orders(own)]))


def _orders(records: Sequence[Record]) -> list[str]:
    """More knowledge must not do worse, and original speech must be the easiest to recognise."""
    found = {(r.system, r.level, r.group, r.attacker): r for r in headline(records)}
    original = {r.group: r for r in records if r.system == ORIGINAL and r.attacker == ORIGINAL}
    places = sorted({key[:3] for key in found if key[0] != ORIGINAL})
    sentences = []
    for place in places:
        known = [found[(*place, attacker)] for attacker in KNOWLEDGE if (*place, attacker) in found]
        for weaker, stronger in ((a, b) for number, a in enumerate(known) for b in known[number + 1 :]):
            if _clearly_below(weaker, stronger):
                sentences.append(
                    f"{_name(stronger)}: the {stronger.attacker} attacker errs more ({_figure(stronger)}) than the "
                    f"{weaker.attacker} one ({_figure(weaker)}), who knows less: it was trained too little, or on "
                    "speech unlike the trials. The lower figure is what privacy there is."
                )
        plain = original.get(place[2])
        for record in known:
            if plain is not None and _clearly_below(record, plain):
                sentences.append(
                    f"{_name(record)}: anonymized speech is easier to recognise ({record.attacker}, {_figure(record)}) "
                    f"than original speech ({_figure(plain)}); something is wrong with the attacker, the trials or the "
                    "system."
                )
    return sentences


def _failures(records: Sequence[Record]) -> list[str]:
    """Attackers that learned nothing, and semi-informed ones at chance where another one is not."""
    sentences = []
    blind = [
        f"{_attacker(record)} on {_name(record, of_group=False)} ({why})"
        for record in records
        if record.attacker != "informed" and (why := _learned_nothing(record))  # whose model is the semi-informed one's
    ]
    if blind:
        sentences.append(
            f"by its own validation, an attacker learned nothing: {'; '.join(dict.fromkeys(blind))}. Its EER cannot "
            f"tell a system that leaves nothing to be found from an attacker that cannot find it ({HINT})."
        )
    for record in records:
        if record.attacker != "semi-informed" or not _at_chance(record):
            continue
        same = [r for r in records if (r.system, r.level, r.group) == (record.system, record.level, record.group)]
        better = [r for r in same if r.attacker in KNOWLEDGE[1:] and _clearly_below(r, record)]
        if better:
            best = min(better, key=lambda r: (r.value or 0.0, r.attacker, r.training))
            sentences.append(
                f"{_name(record)}: the {_attacker(record)} attacker only guesses ({_figure(record)}) where the "
                f"{_attacker(best)} one does not ({_figure(best)}): {HINT}."
            )
    return sentences


def _learned_nothing(record: Record) -> str:
    """Why an attacker's validation says so, or ""."""
    eer, accuracy = record.details.get(EER), record.details.get(ACCURACY)
    if eer is not None and eer >= LEARNED_NOTHING:
        return f"EER {eer:.1f} %"
    chance = 1.0 / max(2, int(record.details.get(SPEAKERS, 2)))
    if accuracy is not None and accuracy < min(0.5, 3 * chance):
        return f"{100 * accuracy:.1f} % of utterances given to the right speaker, by chance {100 * chance:.1f} %"
    return ""


def _at_chance(record: Record) -> bool:
    """Does the interval contain 50 (without one: is the figure within 2 of it)?"""
    if record.ci_low is None or record.ci_high is None:
        return abs((record.value or 0.0) - 50.0) <= 2.0
    return record.ci_low <= 50.0 <= record.ci_high


def _clearly_below(lower: Record, upper: Record) -> bool:
    """Do the intervals lie apart? Figures without intervals say nothing."""
    return lower.ci_high is not None and upper.ci_low is not None and lower.ci_high < upper.ci_low


def _figure(record: Record) -> str:
    interval = "" if record.ci_low is None else f" [{record.ci_low:.1f}, {record.ci_high:.1f}]"
    return f"{record.value:.1f}{interval}"


def _attacker(record: Record) -> str:
    return f"{record.attacker} ({record.training})" if record.training else record.attacker


def _name(record: Record, of_group: bool = True) -> str:
    """The system, with level and group where they matter."""
    level = {"utt": " (by utterance)"}.get(record.level, "")
    group = {"f": ", female", "m": ", male"}.get(record.group, "") if of_group else ""
    return f"{record.system}{level}{group}"
