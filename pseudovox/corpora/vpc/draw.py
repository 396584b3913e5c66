"""Enrolment and trial lists by the challenges' published rules, for who does not have the organisers' own.

The rules say how many speakers and utterances of whom, and what is compared with what (`counts`); which ones, they do
not say. So lists made here have the published counts, where the corpus allows, and other members: figures on them are
close to published ones, not comparable digit by digit. They are the same for every seed of a run.

LibriSpeech: of each gender some speakers enrol, with their first utterances; trials are the last utterances of these
and of those who do not enrol; everybody enrolled is compared with every utterance of the gender (2026: of both).
VCTK: 30 speakers for dev, 30 for test, half of each gender; 20 utterances of each enrol, none of them of the common
sentences 1-24; trials of these are all pairs, of the remaining sentences as many drawn pairs as were published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pseudovox.core.seeds import seed_for
from pseudovox.corpora import Recording
from pseudovox.corpora.vpc.counts import COMMON, ENROLMENTS, GENDERS, SPLITS, TRIALS, Trials

Pair = tuple[str, str, bool]  # enrolled speaker, test utterance, target?


@dataclass(frozen=True)
class Lists:
    """The lists of one part (libri_dev, vctk_test).

    Attributes:
        enrolls: enrolment utterances.
        trials: pairs by the end of the data dir's name (f, m, f_common, mixed).
    """

    enrolls: list[str]
    trials: dict[str, list[Pair]]


def level(total: int, most: Mapping[str, int]) -> dict[str, int]:
    """`total` dealt out as evenly as `most`, what each key can take, allows; all of it where they cannot take it."""
    given = {}
    keys = sorted(most, key=lambda key: (most[key], key))
    for place, key in enumerate(keys):
        given[key] = min(most[key], total // (len(keys) - place))
        total -= given[key]
    return given


def librispeech(recordings: Sequence[Recording], part: str, *, mixed: bool = False) -> Lists:
    """The lists of libri_dev or libri_test.

    Args:
        recordings: of dev-clean or test-clean.
        part: libri_dev or libri_test.
        mixed: one list of both genders (2026), in the place of one for each.
    """
    spoken = _by_speaker(recordings)
    gender_of = {one.speaker: one.gender for one in recordings}
    enrolment = ENROLMENTS[f"{part}_enrolls"]
    enrolled: dict[str, list[str]] = {}
    for gender in GENDERS:
        rule = TRIALS[f"{part}_trials_{gender}"]
        speakers = _shuffled("enrolled", [name for name in spoken if gender_of[name] == gender])
        enrolled[gender] = sorted(speakers[: max(1, round(len(speakers) * rule.enrolled / rule.speakers))])
    everybody = [name for gender in GENDERS for name in enrolled[gender]]
    quota = level(enrolment.utterances, {name: len(spoken[name]) // 2 for name in everybody})
    enrolls = [utterance for name in everybody for utterance in spoken[name][: quota[name]]]
    tested: dict[str, list[tuple[str, str]]] = {}
    for gender in GENDERS:
        rule = TRIALS[f"{part}_trials_{gender}"]
        others = [name for name in spoken if gender_of[name] == gender and name not in enrolled[gender]]
        most = {name: len(spoken[name]) - quota.get(name, 0) for name in [*enrolled[gender], *others]}
        take = level(rule.targets, {name: most[name] for name in enrolled[gender]})
        take |= level(rule.utterances - rule.targets, {name: most[name] for name in others})
        tested[gender] = [
            (name, one) for name in sorted(take) for one in spoken[name][len(spoken[name]) - take[name] :]
        ]
    if mixed:
        return Lists(enrolls, {"mixed": _cross(everybody, [*tested["f"], *tested["m"]])})
    return Lists(enrolls, {gender: _cross(enrolled[gender], tested[gender]) for gender in GENDERS})


def vctk(recordings: Sequence[Recording]) -> dict[str, Lists]:
    """The lists of vctk_dev and vctk_test by the part's name; which speakers are whose was not published."""
    spoken = _by_speaker(recordings)
    gender_of = {one.speaker: one.gender for one in recordings}
    members: dict[str, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for gender in GENDERS:
        speakers = _shuffled("vctk", [name for name in spoken if gender_of[name] == gender])
        number = min(ENROLMENTS["vctk_dev_enrolls"].speakers[gender], len(speakers) // 2)
        members["dev"][gender], members["test"][gender] = speakers[:number], speakers[number : 2 * number]
    found = {}
    for split in SPLITS:
        part = f"vctk_{split}"
        everybody = sorted(name for own in members[split].values() for name in own)
        different = {name: [one for one in spoken[name] if sentence(one) > COMMON] for name in everybody}
        quota = level(
            ENROLMENTS[f"{part}_enrolls"].utterances, {name: len(own) // 2 for name, own in different.items()}
        )
        enrolls = [one for name in everybody for one in different[name][: quota[name]]]
        trials = {}
        for gender, own in members[split].items():
            common = [(name, one) for name in sorted(own) for one in spoken[name] if sentence(one) <= COMMON]
            rest = [(name, one) for name in sorted(own) for one in different[name][quota[name] :]]
            trials[f"{gender}_common"] = _cross(sorted(own), common)
            trials[gender] = _thinned(_cross(sorted(own), rest), TRIALS[f"{part}_trials_{gender}"])
        found[part] = Lists(enrolls, trials)
    return found


def sentence(utterance: str) -> int:
    """The number of the sentence of a VCTK utterance: 24 of p225_024_mic2."""
    return int(utterance.split("_")[1])


def _by_speaker(recordings: Sequence[Recording]) -> dict[str, list[str]]:
    spoken: dict[str, list[str]] = {}
    for one in sorted(recordings, key=lambda one: one.utterance):
        spoken.setdefault(one.speaker, []).append(one.utterance)
    return spoken


def _shuffled(purpose: str, keys: Sequence[str]) -> list[str]:
    """In an order that depends on nothing but the keys."""
    return sorted(keys, key=lambda key: (seed_for(0, f"vpc-{purpose}", key), key))


def _cross(enrolled: Sequence[str], tested: Sequence[tuple[str, str]]) -> list[Pair]:
    return [(name, utterance, name == speaker) for name in enrolled for speaker, utterance in tested]


def _thinned(pairs: Sequence[Pair], rule: Trials) -> list[Pair]:
    """As many pairs of each kind as were published, drawn; all where there are no more of them."""
    if len(pairs) <= rule.trials:
        return list(pairs)
    drawn: set[str] = set()
    for kind, number in ((True, rule.targets), (False, rule.nontargets)):
        drawn |= set(_shuffled("trial", [f"{name} {one}" for name, one, target in pairs if target == kind])[:number])
    return [pair for pair in pairs if f"{pair[0]} {pair[1]}" in drawn]
